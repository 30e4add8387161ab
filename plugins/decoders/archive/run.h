/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* One decode, on its way through libarchive. */

#include <archive.h>
#include <glib.h>
#include <locale.h>

#include <amavisd/plugin.h>

#include "source.h"
#include "types.h"

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	locale_t locale; /* names in UTF-8, whatever the daemon's locale is */
} Archive;

typedef struct {
	const Archive *self;
	AmDecode *decode;
	const ArchiveType *type;
	struct archive *archive;
	ArchiveSource *source;
	AmPartInfo info;
	gboolean is_open; /* libarchive has chosen a format */
	guint n_members;
	const GByteArray *locked; /* not 0: the member of that index is encrypted, whatever libarchive
				   * says; NULL unknown */
	const char *kind; /* of the encryption */
} ArchiveRun;

typedef enum {
	STEP_GOOD,   /* go on */
	STEP_STOP,   /* the budget is used up */
	STEP_BROKEN, /* nothing more can be read */
} ArchiveStep;

/* Marks the part; the name of its type stands in front of the text. */
void archive_mark(const ArchiveRun *run, guint32 flags, const char *text);
/* The content of the member at hand goes to the child; errors are marked. */
ArchiveStep archive_copy(const ArchiveRun *run, AmChild *child, gboolean is_sparse);
/* Opens the source as run->type says and makes a child of each member. */
void archive_run(ArchiveRun *run);
