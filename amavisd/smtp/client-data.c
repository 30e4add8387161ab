/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The mail's bytes on their way out (features O24): a dot at the start of a line is doubled (RFC
 * 5321 4.5.2), a lone LF becomes CRLF, a lone CR is dropped and NUL becomes '?', so that whoever
 * reads next sees the same lines and the same end of mail as we.
 *
 * Clean stretches are handed on as they lie, whole chunks when nothing is to be done, so the body
 * is not copied here. */

#include <config.h>

#include "smtp/client-private.h"

#include <string.h>

#include "mail/spool.h"

#define DATA_SCAN_SIZE 65536 /* bytes */

static gboolean
dot_put(AmDotWriter *writer, const char *from, const char *to, GError **error)
{
	return from == to || writer->write(from, (gsize)(to - from), writer->user_data, error);
}

static gboolean
dot_put_text(AmDotWriter *writer, const char *text, GError **error)
{
	return writer->write(text, strlen(text), writer->user_data, error);
}

/* The state of one call: everything before `run` is written, everything before `at` looked at. */
typedef struct {
	const char *run, *at, *end;
	gboolean is_cr_written; /* the byte before `at`, of the chunk before */
} DotChunk;

/* Looks at one line or what there is of it. */
static gboolean
dot_line(AmDotWriter *writer, DotChunk *chunk, GError **error)
{
	if (!writer->is_line_begun && *chunk->at == '.' && !writer->is_undotted) {
		/* written twice: here, and as part of the next run */
		if (!dot_put(writer, chunk->run, chunk->at, error) ||
		    !dot_put_text(writer, ".", error))
			return FALSE;
		chunk->run = chunk->at;
		writer->is_line_begun = TRUE;
	}
	const char *lf = memchr(chunk->at, '\n', (gsize)(chunk->end - chunk->at));
	const char *end = lf != NULL ? lf : chunk->end;
	gboolean is_crlf = lf != NULL && (lf > chunk->at ? lf[-1] == '\r' : chunk->is_cr_written);
	const char *limit = is_crlf && lf > chunk->at ? lf - 1 : end;
	const char *cr = memchr(chunk->at, '\r', (gsize)(limit - chunk->at));
	chunk->is_cr_written = FALSE;
	if (cr != NULL) {
		/* lone, unless the next chunk starts with its LF.  A dot behind one that is dropped
		 * may stand at the start of the line. */
		writer->is_line_begun = writer->is_line_begun || cr > chunk->at;
		writer->is_cr_pending = cr + 1 == chunk->end;
		if (!dot_put(writer, chunk->run, cr, error))
			return FALSE;
		chunk->run = chunk->at = cr + 1;
		return TRUE;
	}
	writer->is_line_begun = lf == NULL;
	if (lf != NULL && !is_crlf) {
		if (!dot_put(writer, chunk->run, lf, error) || !dot_put_text(writer, "\r\n", error))
			return FALSE;
		chunk->run = lf + 1;
	}
	chunk->at = lf != NULL ? lf + 1 : chunk->end;
	return TRUE;
}

static gboolean
dot_write_clean(AmDotWriter *writer, const char *data, gsize len, GError **error)
{
	DotChunk chunk = { .run = data, .at = data, .end = data + len };
	if (writer->is_cr_pending && len > 0) {
		writer->is_cr_pending = FALSE;
		if (*data == '\n') {
			if (!dot_put_text(writer, "\r", error))
				return FALSE;
			chunk.is_cr_written = TRUE;
		}
	}
	while (chunk.at < chunk.end)
		if (!dot_line(writer, &chunk, error))
			return FALSE;
	return dot_put(writer, chunk.run, chunk.end, error);
}

gboolean
am_dot_writer_write(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	AmDotWriter *writer = user_data;
	if (len == 0 || memchr(data, '\0', len) == NULL)
		return dot_write_clean(writer, data, len, error);
	g_autofree char *copy = g_memdup2(data, len);
	for (char *nul = memchr(copy, '\0', len); nul != NULL;
	     nul = memchr(nul, '\0', len - (gsize)(nul - copy)))
		*nul = '?';
	return dot_write_clean(writer, copy, len, error);
}

gboolean
am_dot_writer_finish(AmDotWriter *writer, GError **error)
{
	writer->is_cr_pending = FALSE;
	const char *end = writer->is_line_begun ? "\r\n.\r\n" : ".\r\n";
	gsize len = strlen(end) - (writer->is_undotted ? strlen(".\r\n") : 0);
	writer->is_line_begun = FALSE;
	return dot_put(writer, end, end + len, error);
}

static gboolean
data_is_8bit(const guint8 *data, gsize len, gpointer user_data G_GNUC_UNUSED)
{
	guint64 all = 0;
	gsize i = 0;
	for (; i + sizeof all <= len; i += sizeof all) {
		guint64 word;
		memcpy(&word, data + i, sizeof word);
		all |= word;
	}
	for (; i < len; i++)
		all |= data[i];
	return (all & G_GUINT64_CONSTANT(0x8080808080808080)) != 0;
}

gboolean
am_smtp_search(int fd, guint64 size, AmSearchFunc func, gpointer user_data, gboolean *was_found,
	       GError **error)
{
	g_autofree guint8 *buffer = g_malloc(DATA_SCAN_SIZE);
	*was_found = FALSE;
	for (guint64 offset = 0; offset < size && !*was_found;) {
		gsize want = MIN(size - offset, DATA_SCAN_SIZE);
		gssize n = am_read_at(fd, buffer, want, offset, error);
		if (n < 0)
			return FALSE;
		if ((gsize)n < want) {
			g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "the mail is shorter than it was");
			return FALSE;
		}
		*was_found = func(buffer, want, user_data);
		offset += want;
	}
	return TRUE;
}

gboolean
am_smtp_has_8bit(int fd, guint64 size, gboolean *has_8bit, GError **error)
{
	return am_smtp_search(fd, size, data_is_8bit, NULL, has_8bit, error);
}
