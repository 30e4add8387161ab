/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What a zip archive says of its members, in both places where it says so. */

#include <glib.h>

#include "source.h"

typedef enum {
	ZIP_PLAIN,
	ZIP_CRYPTO, /* the first kind, "traditional" */
	ZIP_AES_128,
	ZIP_AES_192,
	ZIP_AES_256,
	ZIP_STRONG, /* PKWARE's, which nobody else reads */
} ZipEncryption;

typedef struct {
	char *name; /* raw bytes */
	ZipEncryption encryption;
	gboolean is_hidden; /* not in the directory: it was found between the others */
	guint16 flags, method, version;
	guint16 aes_version, aes_method;
	guint8 aes_strength;
	guint32 time, crc, mode; /* mode: of Unix, 0 unknown */
	guint64 header, data;	 /* offsets */
	guint64 packed, size;
} ZipMember;

typedef struct {
	GPtrArray *members;	 /* ZipMember, in the order of the directory */
	gboolean is_known;	 /* the directory could be read */
	gboolean is_locked;	 /* the directory is encrypted */
	gboolean is_volume;	 /* one of several */
	gboolean is_odd;	 /* members are to be read one by one */
	const char *ambiguous;	 /* readers may disagree, and why; NULL not */
	guint n_encrypted;
	gint64 start; /* that offsets count from; may be negative */
	gint64 end;   /* and ends */
} ZipLook;

void zip_look(ArchiveSource *source, ZipLook *look);
void zip_look_clear(ZipLook *look);
/* "zip ZipCrypto", "zip AES-256" */
const char *zip_encryption_name(ZipEncryption encryption);
/* Where the end of a directory is in the last 64 KiB of the source, so that zip readers find an
 * archive whatever stands in front of it; -1 none. */
gint64 zip_find_end(ArchiveSource *source);
