/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A content by lines, whatever its size and theirs, in one buffer.  CRLF, LF and a bare CR end a
 * line; a line longer than the buffer comes in pieces. */

#include <glib.h>

#include <amavisd/plugin.h>

#define LINES_BYTES 65536

typedef struct {
	int fd;
	guint64 offset; /* of what is read next */
	gsize at, end;	/* of `buffer`: not yet handed out */
	gboolean is_inside, is_behind_cr, is_at_end;
	guint8 buffer[LINES_BYTES];
} Lines;

/* Valid until the next one. */
typedef struct {
	const guint8 *data; /* without the line's end */
	gsize len;
	gboolean is_start; /* of a line */
} Line;

/* On the heap: it is large.  To be freed by g_free(). */
Lines *lines_new(int fd);
/* The next piece.  FALSE without an error: there is none. */
gboolean lines_next(Lines *lines, Line *line, GError **error);

gboolean line_starts(const Line *line, const char *text);
/* Is it this text and blanks? */
gboolean line_is(const Line *line, const char *text);
