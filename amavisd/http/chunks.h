/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Where a chunked body ends, RFC 9112 7.1, and whether it is one.  libsoup decodes it, but takes what is
 * cut for whole and much else for a chunk; a mail of which a part is missing must not pass. */

#include <glib.h>

typedef enum {
	AM_CHUNKS_SIZE,
	AM_CHUNKS_EXTENSION, /* behind the size: to the end of the line */
	AM_CHUNKS_SIZE_LF,
	AM_CHUNKS_DATA,
	AM_CHUNKS_DATA_CR,
	AM_CHUNKS_DATA_LF,
	AM_CHUNKS_TRAILER, /* at the start of a line */
	AM_CHUNKS_TRAILER_LINE,
	AM_CHUNKS_TRAILER_LF,
	AM_CHUNKS_LAST_LF,
	AM_CHUNKS_DONE,
	AM_CHUNKS_BAD,
} AmChunksState;

typedef struct {
	AmChunksState state;
	guint n_digits;
	guint64 left; /* of the chunk */
	guint n_line; /* bytes of extensions or trailers */
} AmChunks;	      /* zeroed to begin with */

/* How many of these bytes belong to the body; fewer than len when it is DONE or BAD. */
gsize am_chunks_feed(AmChunks *chunks, const guint8 *data, gsize len);
