/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A descriptor as libarchive's input: read by pread(), so that its offset stays where it is. */

#include <archive.h>
#include <glib.h>

#define SOURCE_BLOCK_BYTES 65536

typedef struct {
	int fd;
	gint64 position, size;
	int errnum; /* of a read that failed; 0 none: then it is our failure, not the mail's */
	guint8 block[SOURCE_BLOCK_BYTES];
} ArchiveSource;

/* FALSE with errnum set when the descriptor cannot be looked at. */
gboolean archive_source_init(ArchiveSource *source, int fd);
/* As pread(), all of it or what there is; -1 with errnum set. */
gssize archive_source_peek(ArchiveSource *source, gpointer to, gsize len, goffset offset);
/* Opens `archive` on the source; an ARCHIVE_ status. */
int archive_source_open(ArchiveSource *source, struct archive *archive);
