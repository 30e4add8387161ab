/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A range of a descriptor as libarchive's input, with bytes of our own in front of it and behind:
 * read by pread(), so that the descriptor's offset stays where it is. */

#include <archive.h>
#include <glib.h>

#define SOURCE_BLOCK_BYTES 65536

typedef struct {
	int fd;
	gint64 file_size;
	gint64 start, len;	       /* the range */
	const GByteArray *front, *back; /* borrowed; NULL none */
	gint64 position, size;	       /* of all three */
	int errnum; /* of a read that failed; 0 none: then it is our failure, not the mail's */
	guint8 block[SOURCE_BLOCK_BYTES];
} ArchiveSource;

/* All of the descriptor.  FALSE with errnum set when it cannot be looked at. */
gboolean archive_source_init(ArchiveSource *source, int fd);
/* Another range (cut to what there is), and what is to stand around it. */
void archive_source_select(ArchiveSource *source, gint64 start, gint64 len, const GByteArray *front,
			   const GByteArray *back);
/* As pread(), all of it or what there is; -1 with errnum set. */
gssize archive_source_peek(ArchiveSource *source, gpointer to, gsize len, goffset offset);
/* Opens `archive` on the source; an ARCHIVE_ status. */
int archive_source_open(ArchiveSource *source, struct archive *archive);
