/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See markers.h.  Only the first bytes of a line are looked at, and most lines are done with their
 * first one. */

#include <config.h>

#include "content/markers.h"

#include <string.h>

static gboolean
marker_starts_with(const guint8 *line, gsize len, const char *text)
{
	gsize n = strlen(text);
	return len >= n && memcmp(line, text, n) == 0;
}

/* "begin" 1*WSP 3*4DIGIT WSP, as uudecode wants it; two blanks are enough for Outlook. */
static gboolean
marker_is_begin(const guint8 *line, gsize len)
{
	gsize at = strlen("begin"), digits;
	if (!marker_starts_with(line, len, "begin") || at == len ||
	    (line[at] != ' ' && line[at] != '\t'))
		return FALSE;
	while (at < len && (line[at] == ' ' || line[at] == '\t'))
		at++;
	if (at > strlen("begin "))
		return TRUE;
	for (digits = 0; at < len && g_ascii_isdigit(line[at]); at++)
		digits++;
	return digits >= 3 && digits <= 4 && at < len && (line[at] == ' ' || line[at] == '\t');
}

gboolean
am_marker_is_encoded(const guint8 *line, gsize len)
{
	if (len == 0)
		return FALSE;
	if (line[0] == 'b')
		return marker_starts_with(line, len, "begin-base64 ") || marker_is_begin(line, len);
	if (line[0] == '-')
		return marker_starts_with(line, len, "-----BEGIN PGP MESSAGE");
	if (line[0] == '=')
		return marker_starts_with(line, len, "=ybegin ");
	return line[0] == '(' &&
	       marker_starts_with(line, len, "(This file must be converted with BinHex");
}

gboolean
am_marker_is_content_field(const guint8 *line, gsize len)
{
	static const char *const names[] = { "content-type", "content-transfer-encoding",
					     "content-disposition" };
	if (len < 8 || (line[0] | 0x20) != 'c')
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		gsize n = strlen(names[i]);
		if (len <= n || g_ascii_strncasecmp((const char *)line, names[i], n) != 0)
			continue;
		while (n < len && (line[n] == ' ' || line[n] == '\t' || line[n] == '\0'))
			n++;
		if (n < len && line[n] == ':')
			return TRUE;
	}
	return FALSE;
}

/* The start of the line that the last piece ended in, with what this one adds to it. */
static gboolean
marker_finish_line(AmMarkerSearch *search, const guint8 *data, gsize len)
{
	const guint8 *lf = memchr(data, '\n', len);
	gsize have = lf != NULL ? (gsize)(lf - data) : len;
	gsize n = MIN(have, (gsize)(AM_MARKER_BYTES - search->n_start));
	memcpy(search->start + search->n_start, data, n);
	search->n_start += (guint)n;
	return am_marker_is_encoded(search->start, search->n_start);
}

gboolean
am_marker_search(AmMarkerSearch *search, const guint8 *data, gsize len)
{
	if (len == 0) /* there may be no data */
		return FALSE;
	const guint8 *at = data, *end = data + len;
	if (search->is_inside && search->n_start < AM_MARKER_BYTES &&
	    marker_finish_line(search, data, len))
		return TRUE;
	if (search->is_inside) {
		at = memchr(data, '\n', len);
		at = at != NULL ? at + 1 : NULL;
	}
	while (at != NULL && at < end) {
		gsize have = (gsize)(end - at);
		if (am_marker_is_encoded(at, have))
			return TRUE;
		const guint8 *lf = memchr(at, '\n', have);
		if (lf == NULL) {
			search->n_start = (guint)MIN(have, (gsize)AM_MARKER_BYTES);
			memcpy(search->start, at, search->n_start);
			search->is_inside = TRUE;
			return FALSE;
		}
		at = lf + 1;
	}
	if (at == end)
		search->is_inside = FALSE;
	return FALSE;
}
