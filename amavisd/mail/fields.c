/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Where the fields of a plain header are (RFC 5322 2.2, without the obsolete forms of section 4):
 *
 *     header = *field CRLF
 *     field  = name ":" *char CRLF *(WSP *char CRLF)
 *     name   = 1*%d33-126, no ":"
 *     char   = any byte but CR and LF
 *
 * This runs in the session process, so it finds lines and names, looks into no value but that of
 * Message-ID, and leaves whatever is not of this form to the content worker. */

#include <config.h>

#include "mail/fields.h"

#include <string.h>

#include "mail/spool.h"

#define FIELDS_MAX_BYTES 65536
#define FIELDS_NAME_MAX 255
#define FIELDS_ID_MAX 998 /* bytes of a message id: a line */

/* Length of the name that the line begins with, 0 when it is no field. */
static gsize
fields_name_length(const char *line, gsize len)
{
	gsize i = 0;
	while (i < len && line[i] > 32 && line[i] < 127 && line[i] != ':')
		i++;
	return i < len && i <= FIELDS_NAME_MAX && line[i] == ':' ? i : 0;
}

static gboolean
fields_is(const char *line, gsize name_len, const char *name)
{
	return strlen(name) == name_len && g_ascii_strncasecmp(line, name, name_len) == 0;
}

/* What stands between < and >, if anything. */
static void
fields_take_id(AmReport *report, const char *value, gsize len)
{
	const char *start = memchr(value, '<', len);
	const char *end = start != NULL ? memchr(start, '>', len - (gsize)(start - value)) : NULL;
	if (end == NULL || end - start > FIELDS_ID_MAX || *report->message_id != '\0')
		return;
	g_autofree char *id = g_strndup(start + 1, (gsize)(end - start - 1));
	am_report_set_text(&report->message_id, id);
}

/* A line with its line end; FALSE: it is neither field nor continuation. */
static gboolean
fields_add_line(AmReport *report, const char *line, gsize len, gsize offset)
{
	if (*line == ' ' || *line == '\t') {
		if (report->fields->len == 0)
			return FALSE;
		AmHeaderField *last = report->fields->pdata[report->fields->len - 1];
		last->len += (guint32)len;
		return TRUE;
	}
	gsize name_len = fields_name_length(line, len);
	if (name_len == 0)
		return FALSE;
	am_report_add_field(report, line, (guint32)name_len, offset, (guint32)name_len + 1,
			    (guint32)len);
	if (fields_is(line, name_len, "Received"))
		report->n_received++;
	else if (fields_is(line, name_len, "Message-ID"))
		fields_take_id(report, line + name_len + 1, len - name_len - 1);
	return !report->has_more_fields;
}

gboolean
am_fields_read(AmReport *report, int fd, guint64 size)
{
	gsize want = (gsize)MIN(size, FIELDS_MAX_BYTES);
	g_autofree char *data = g_malloc(want + 1);
	gssize have = am_read_at(fd, data, want, 0, NULL); /* the worker will say what is wrong */
	gsize end = have > 0 ? (gsize)have : 0;
	for (gsize at = 0; at < end;) {
		const char *line = data + at;
		const char *newline = memchr(line, '\n', end - at);
		gsize len = newline != NULL ? (gsize)(newline - line) + 1 : 0;
		if (len < 2 || memchr(line, '\r', len) != newline - 1)
			return FALSE;
		if (len == 2) {
			report->header_size = at + len;
			return TRUE;
		}
		if (!fields_add_line(report, line, len, at))
			return FALSE;
		at += len;
	}
	return FALSE;
}
