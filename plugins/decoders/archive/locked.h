/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What libarchive does not say of rar, 7z, arj and cab archives: what is encrypted and how, and
 * whether there is more of the archive elsewhere. */

#include <glib.h>

#include "source.h"

typedef struct {
	const char *kind;    /* of the encryption, a text for people; NULL it has no kinds */
	gboolean is_locked;  /* so are the headers */
	gboolean is_volume;  /* one of several */
	GByteArray *members; /* a byte for each in their order: 1 encrypted; NULL: ask libarchive */
	GPtrArray *names;    /* of encrypted ones, of formats that libarchive does not read, or NULL */
} LockedLook;

/* Headers that make no sense end the walk: libarchive will find them too. */
void locked_look(ArchiveSource *source, LockedLook *look);
void locked_look_clear(LockedLook *look);
