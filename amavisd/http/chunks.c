/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* chunked-body = *chunk last-chunk trailer-section CRLF
 * chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
 * Lines end in CRLF and nothing else, for two ways to see an end are one too many. */

#include <config.h>

#include "http/chunks.h"

#define CHUNKS_MAX_DIGITS 15u /* hexadecimal */
#define CHUNKS_MAX_LINE 8192u /* bytes of all extensions and trailers of a chunk */

static AmChunksState
chunks_size(AmChunks *chunks, guint8 c)
{
	gint value = g_ascii_xdigit_value((char)c);
	if (value >= 0) {
		chunks->left = chunks->left << 4 | (guint)value;
		return ++chunks->n_digits <= CHUNKS_MAX_DIGITS ? AM_CHUNKS_SIZE : AM_CHUNKS_BAD;
	}
	if (chunks->n_digits == 0)
		return AM_CHUNKS_BAD;
	chunks->n_line = 0;
	if (c == '\r')
		return AM_CHUNKS_SIZE_LF;
	return c == ';' || c == ' ' || c == '\t' ? AM_CHUNKS_EXTENSION : AM_CHUNKS_BAD;
}

/* In a line whose content is of no interest. */
static AmChunksState
chunks_line(AmChunks *chunks, guint8 c, AmChunksState at_cr)
{
	if (c == '\r')
		return at_cr;
	return c == '\n' || ++chunks->n_line > CHUNKS_MAX_LINE ? AM_CHUNKS_BAD : chunks->state;
}

static AmChunksState
chunks_step(AmChunks *chunks, guint8 c)
{
	switch (chunks->state) {
	case AM_CHUNKS_SIZE:
		return chunks_size(chunks, c);
	case AM_CHUNKS_EXTENSION:
		return chunks_line(chunks, c, AM_CHUNKS_SIZE_LF);
	case AM_CHUNKS_SIZE_LF:
		if (c != '\n')
			return AM_CHUNKS_BAD;
		return chunks->left > 0 ? AM_CHUNKS_DATA : AM_CHUNKS_TRAILER;
	case AM_CHUNKS_DATA_CR:
		return c == '\r' ? AM_CHUNKS_DATA_LF : AM_CHUNKS_BAD;
	case AM_CHUNKS_DATA_LF:
		chunks->n_digits = 0;
		return c == '\n' ? AM_CHUNKS_SIZE : AM_CHUNKS_BAD;
	case AM_CHUNKS_TRAILER:
		if (c == '\r')
			return AM_CHUNKS_LAST_LF;
		chunks->state = AM_CHUNKS_TRAILER_LINE;
		return chunks_line(chunks, c, AM_CHUNKS_TRAILER_LF);
	case AM_CHUNKS_TRAILER_LINE:
		return chunks_line(chunks, c, AM_CHUNKS_TRAILER_LF);
	case AM_CHUNKS_TRAILER_LF:
		return c == '\n' ? AM_CHUNKS_TRAILER : AM_CHUNKS_BAD;
	case AM_CHUNKS_LAST_LF:
		return c == '\n' ? AM_CHUNKS_DONE : AM_CHUNKS_BAD;
	default:
		return AM_CHUNKS_BAD;
	}
}

gsize
am_chunks_feed(AmChunks *chunks, const guint8 *data, gsize len)
{
	gsize used = 0;
	while (used < len && chunks->state < AM_CHUNKS_DONE) {
		if (chunks->state != AM_CHUNKS_DATA) {
			chunks->state = chunks_step(chunks, data[used]);
			used += chunks->state != AM_CHUNKS_BAD;
			continue;
		}
		gsize n = MIN(len - used, chunks->left);
		chunks->left -= n;
		used += n;
		if (chunks->left == 0)
			chunks->state = AM_CHUNKS_DATA_CR;
	}
	return used;
}
