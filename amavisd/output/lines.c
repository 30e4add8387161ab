/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Lines with LF.  For mboxrd the start of a line is held back as numbers, not as bytes, so that a line of
 * any number of '>' takes no memory. */

#include <config.h>

#include "output/lines.h"

#include <string.h>

static const char lines_from[] = "From ";

static gboolean
lines_put(AmLineWriter *writer, const char *data, gsize len, GError **error)
{
	return len == 0 || writer->write(data, len, writer->user_data, error);
}

/* Writes the start of the line that was held back, with one '>' more when it is a "From ". */
static gboolean
lines_settle(AmLineWriter *writer, gboolean is_from, GError **error)
{
	char quotes[512];
	memset(quotes, '>', sizeof quotes);
	guint64 n = writer->n_quotes + (is_from ? 1 : 0);
	writer->n_quotes = 0;
	writer->is_plain = TRUE;
	for (; n > 0; n -= MIN(n, sizeof quotes))
		if (!lines_put(writer, quotes, MIN(n, sizeof quotes), error))
			return FALSE;
	gboolean is_written = lines_put(writer, lines_from, writer->n_from, error);
	writer->n_from = 0;
	return is_written;
}

/* Takes what may still be the start of a "From "; *taken: bytes. */
static gboolean
lines_match(AmLineWriter *writer, const char *data, gsize len, gsize *taken, GError **error)
{
	gsize at = 0;
	while (at < len && !writer->is_plain) {
		if (data[at] == '>' && writer->n_from == 0) {
			writer->n_quotes++;
			at++;
		} else if (data[at] == lines_from[writer->n_from]) {
			writer->n_from++;
			at++;
			if (lines_from[writer->n_from] == '\0' &&
			    !lines_settle(writer, TRUE, error))
				return FALSE;
		} else if (!lines_settle(writer, FALSE, error)) {
			return FALSE;
		}
	}
	*taken = at;
	return TRUE;
}

/* Bytes of one line. */
static gboolean
lines_text(AmLineWriter *writer, const char *data, gsize len, GError **error)
{
	gsize taken = 0;
	if (len == 0)
		return TRUE;
	writer->is_line_begun = TRUE;
	if (writer->is_mboxrd && !lines_match(writer, data, len, &taken, error))
		return FALSE;
	return lines_put(writer, data + taken, len - taken, error);
}

static gboolean
lines_end(AmLineWriter *writer, GError **error)
{
	if (!lines_settle(writer, FALSE, error))
		return FALSE;
	writer->is_line_begun = writer->is_plain = FALSE;
	return lines_put(writer, "\n", 1, error);
}

gboolean
am_line_writer_write(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	AmLineWriter *writer = user_data;
	const char *at = data, *end = at + len;
	while (at < end) {
		const char *lf = memchr(at, '\n', (gsize)(end - at));
		const char *stop = lf != NULL ? lf : end;
		gboolean has_cr = stop > at && stop[-1] == '\r';
		if (writer->is_cr_pending && stop > at && !lines_text(writer, "\r", 1, error))
			return FALSE;
		if (!lines_text(writer, at, (gsize)(stop - at) - has_cr, error))
			return FALSE;
		writer->is_cr_pending = has_cr && lf == NULL;
		if (lf != NULL && !lines_end(writer, error))
			return FALSE;
		at = lf != NULL ? lf + 1 : end;
	}
	return TRUE;
}

gboolean
am_line_writer_finish(AmLineWriter *writer, GError **error)
{
	if (writer->is_cr_pending && !lines_text(writer, "\r", 1, error))
		return FALSE;
	writer->is_cr_pending = FALSE;
	return !writer->is_line_begun || lines_end(writer, error);
}
