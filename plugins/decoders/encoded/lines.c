/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See lines.h. */

#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

Lines *
lines_new(int fd)
{
	Lines *lines = g_malloc(sizeof *lines);
	lines->fd = fd;
	lines->offset = 0;
	lines->at = lines->end = 0;
	lines->is_inside = lines->is_behind_cr = lines->is_at_end = FALSE;
	return lines;
}

/* Moves what is left to the front and reads behind it. */
static gboolean
lines_fill(Lines *lines, GError **error)
{
	gssize got;
	memmove(lines->buffer, lines->buffer + lines->at, lines->end - lines->at);
	lines->end -= lines->at;
	lines->at = 0;
	do
		got = pread(lines->fd, lines->buffer + lines->end, LINES_BYTES - lines->end,
			    (off_t)lines->offset);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		int errnum = errno;
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errnum),
			    "reading the content: %s", g_strerror(errnum));
		return FALSE;
	}
	lines->is_at_end = got == 0;
	lines->end += (gsize)got;
	lines->offset += (guint64)got;
	return TRUE;
}

/* Hands out so many bytes. */
static void
lines_take(Lines *lines, Line *line, gsize len)
{
	*line = (Line){ lines->buffer + lines->at, len, !lines->is_inside };
	lines->at += len;
}

gboolean
lines_next(Lines *lines, Line *line, GError **error)
{
	gsize looked = 0; /* bytes at `at` that end no line */
	for (;;) {
		if (lines->is_behind_cr && lines->at < lines->end) {
			lines->is_behind_cr = FALSE;
			if (lines->buffer[lines->at] == '\n')
				lines->at++;
		}
		const guint8 *start = lines->buffer + lines->at;
		gsize have = lines->end - lines->at;
		while (looked < have && start[looked] != '\n' && start[looked] != '\r')
			looked++;
		if (looked < have) {
			lines_take(lines, line, looked);
			lines->is_behind_cr = lines->buffer[lines->at++] == '\r';
			lines->is_inside = FALSE;
			return TRUE;
		}
		if (have == LINES_BYTES || (lines->is_at_end && have > 0)) {
			lines_take(lines, line, have);
			lines->is_inside = TRUE;
			return TRUE;
		}
		if (lines->is_at_end || !lines_fill(lines, error))
			return FALSE;
	}
}

gboolean
line_starts(const Line *line, const char *text)
{
	gsize len = strlen(text);
	return line->is_start && line->len >= len && memcmp(line->data, text, len) == 0;
}

gboolean
line_is(const Line *line, const char *text)
{
	gsize len = strlen(text);
	if (!line_starts(line, text))
		return FALSE;
	while (len < line->len && (line->data[len] == ' ' || line->data[len] == '\t'))
		len++;
	return len == line->len;
}
