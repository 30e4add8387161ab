/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What can be opened, and how it is recognised. */

#include <archive.h>
#include <glib.h>

#include <amavisd/plugin.h>

typedef int (*ArchiveEnable)(struct archive *archive);

typedef struct {
	const char *name;
	gboolean is_stream;	 /* one compressed file and no list of members */
	int filter;		 /* the one filter, ARCHIVE_FILTER_...; 0: as libarchive finds */
	gboolean is_maybe;	 /* a guess: when libarchive does not agree nothing is wrong */
	ArchiveEnable enable[8]; /* formats and filters that are needed, NULL-ended */
} ArchiveType;

/* The type, and how sure that is (1 to 100); NULL and 0 for what is none. */
const ArchiveType *archive_type(const AmPartInfo *info, const guint8 *head, gsize len, int *bid);
gboolean archive_type_is_zip(const ArchiveType *type);
/* Is this the type whose mark lies behind the head?  Such a mark must be looked for in the content:
 * *offset, *mark and *len say which. */
gboolean archive_type_has_late_mark(const ArchiveType *type, goffset *offset, const char **mark,
				    gsize *len);
/* All of them, for a first run: NULL-ended. */
const ArchiveEnable *archive_type_all(void);
