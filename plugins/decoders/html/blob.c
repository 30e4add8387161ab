/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Files that are written as text, and the children made of them. */

#include <string.h>

#include "../bytes/bytes.h"
#include "page.h"

#define CHILDREN_MAX 200
#define FINDINGS_MAX 20
#define DETAIL_BYTES 200
#define TYPE_MAX_BYTES 200 /* of a data: URI before the comma */
#define WRITE_BYTES 65536
#define TEXT_MIN 200 /* shorter ones are not worth guessing */

void
page_tell(Page *page, const char *kind, const char *name, const char *detail)
{
	if (page->n_findings++ >= FINDINGS_MAX)
		return;
	g_autofree char *cut = g_utf8_make_valid(detail, (gssize)strnlen(detail, DETAIL_BYTES));
	page->host->decode_finding(page->decode, kind, name, cut);
}

/* Pictures and fonts by their first bytes: everyday mail has them, and there is nothing in them. */
static gboolean
blob_is_picture(const guint8 *data, gsize len)
{
	static const struct {
		guint8 offset, len;
		const char *magic;
	} pictures[] = {
		{ 0, 4, "\x89PNG" },  { 0, 3, "\xff\xd8\xff" }, { 0, 4, "GIF8" },
		{ 8, 4, "WEBP" },     { 0, 4, "wOFF" },		{ 0, 4, "wOF2" },
		{ 0, 4, "OTTO" },     { 0, 4, "\0\1\0\0" },	{ 4, 8, "ftypavif" },
		{ 0, 4, "\0\0\1\0" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(pictures); i++)
		if (len >= (gsize)pictures[i].offset + pictures[i].len &&
		    memcmp(data + pictures[i].offset, pictures[i].magic, pictures[i].len) == 0)
			return TRUE;
	return FALSE;
}

gboolean
page_add(Page *page, const char *name, const char *type, const guint8 *data, gsize len)
{
	if (page->is_over || len == 0 || blob_is_picture(data, len))
		return FALSE;
	if (page->n_children++ == CHILDREN_MAX)
		page->host->decode_mark(page->decode, AM_PART_UNDECODED,
					"html: too many files inside");
	if (page->n_children > CHILDREN_MAX)
		return TRUE;
	AmChild *child = page->host->child_open(page->decode, name, 0);
	if (child == NULL) {
		page->is_over = TRUE;
		return TRUE;
	}
	if (type != NULL && *type != '\0')
		page->host->child_declare(child, type);
	for (; len > 0 && !page->is_over;
	     data += MIN(len, WRITE_BYTES), len -= MIN(len, WRITE_BYTES))
		if (!page->host->child_write(child, data, MIN(len, WRITE_BYTES)))
			page->is_over = TRUE;
	if (!page->host->child_close(child))
		page->is_over = TRUE;
	return TRUE;
}

/* ---- encodings ----------------------------------------------------------------------------- */

/* Of either alphabet. */
static int
blob_base64_value(guint8 c)
{
	return bytes_base64_value(c == '-' ? '+' : c == '_' ? '/' : c);
}

/* The byte that "%2B" stands for; -1: no escape. */
static int
blob_escape(const char *text, gsize left)
{
	if (left < 3 || text[0] != '%' || !g_ascii_isxdigit(text[1]) || !g_ascii_isxdigit(text[2]))
		return -1;
	return g_ascii_xdigit_value(text[1]) << 4 | g_ascii_xdigit_value(text[2]);
}

GByteArray *
blob_base64(const char *text, gsize len)
{
	GByteArray *bytes = g_byte_array_sized_new((guint)(len / 4 * 3 + 3));
	guint32 word = 0;
	guint n = 0;
	gboolean has_ended = FALSE;
	for (gsize i = 0; i < len; i++) {
		guint8 c = (guint8)text[i];
		int escaped = c == '%' ? blob_escape(text + i, len - i) : -1;
		if (escaped >= 0) {
			c = (guint8)escaped;
			i += 2;
		}
		int value = blob_base64_value(c);
		if (g_ascii_isspace(c) || c == '\\' || (c == '=' && n > 0)) {
			has_ended |= c == '=';
			continue;
		}
		if (value < 0 || (has_ended && n % 4 != 0 && c != '=')) {
			g_byte_array_unref(bytes);
			return NULL;
		}
		word = word << 6 | (guint32)value;
		if (++n % 4 != 0)
			continue;
		guint8 three[3] = { (guint8)(word >> 16), (guint8)(word >> 8), (guint8)word };
		g_byte_array_append(bytes, three, 3);
	}
	if (n % 4 >= 2) {
		word <<= 6 * (4 - n % 4);
		guint8 two[2] = { (guint8)(word >> 16), (guint8)(word >> 8) };
		g_byte_array_append(bytes, two, n % 4 - 1);
	}
	return bytes;
}

GByteArray *
blob_hex(const char *text, gsize len)
{
	GByteArray *bytes = g_byte_array_sized_new((guint)(len / 2 + 1));
	int high = -1;
	for (gsize i = 0; i < len; i++) {
		int value = g_ascii_xdigit_value(text[i]);
		if (g_ascii_isspace(text[i]) || text[i] == ',')
			continue;
		if (value < 0) {
			g_byte_array_unref(bytes);
			return NULL;
		}
		if (high < 0) {
			high = value;
			continue;
		}
		guint8 byte = (guint8)(high << 4 | value);
		g_byte_array_append(bytes, &byte, 1);
		high = -1;
	}
	return bytes;
}

GByteArray *
blob_percent(const char *text, gsize len)
{
	GByteArray *bytes = g_byte_array_sized_new((guint)len);
	for (gsize i = 0; i < len; i++) {
		guint8 c = (guint8)text[i];
		int escaped = c == '%' ? blob_escape(text + i, len - i) : -1;
		if (escaped >= 0) {
			c = (guint8)escaped;
			i += 2;
		} else if (c == '%' && len - i >= 6 && text[i + 1] == 'u' &&
			   g_ascii_isxdigit(text[i + 2]) && g_ascii_isxdigit(text[i + 3]) &&
			   g_ascii_isxdigit(text[i + 4]) && g_ascii_isxdigit(text[i + 5])) {
			c = (guint8)(g_ascii_xdigit_value(text[i + 4]) << 4 |
				     g_ascii_xdigit_value(text[i + 5]));
			i += 5;
		}
		g_byte_array_append(bytes, &c, 1);
	}
	return bytes;
}

GByteArray *
blob_guess(const char *text, gsize len)
{
	GByteArray *bytes;
	gsize n_escapes = 0, n_blanks = 0, n_digits = 0;
	if (len < TEXT_MIN)
		return NULL;
	for (gsize i = 0; i < 64; i++) { /* a text in words is known by its first line */
		n_escapes += text[i] == '%';
		n_blanks += text[i] == ' ';
		n_digits += g_ascii_isxdigit(text[i]);
	}
	if (n_escapes > 12)
		return blob_percent(text, len);
	if (n_blanks > 24)
		return NULL;
	if (n_digits + n_blanks == 64 && (bytes = blob_hex(text, len)) != NULL)
		return bytes;
	return n_blanks > 2 ? NULL : blob_base64(text, len);
}

/* ---- data: URIs ---------------------------------------------------------------------------- */

/* Type and parameters before the comma.  FALSE: this is no data: URI. */
static gboolean
blob_uri_head(const char *uri, gsize len, char **type, gboolean *is_base64, gsize *start)
{
	gsize n = 5; /* "data:" */
	while (n < MIN(len, TYPE_MAX_BYTES) && uri[n] != ',') {
		if ((guint8)uri[n] < ' ' && !g_ascii_isspace(uri[n]))
			return FALSE;
		if (strchr("<>(){}", uri[n]) != NULL)
			return FALSE;
		n++;
	}
	if (n >= len || uri[n] != ',')
		return FALSE;
	g_autofree char *head = g_ascii_strdown(uri + 5, (gssize)(n - 5));
	*is_base64 = strstr(head, ";base64") != NULL || strstr(head, "; base64") != NULL;
	*type = g_strndup(head, strcspn(head, "; "));
	*start = n + 1;
	return TRUE;
}

static gboolean
blob_is_everyday_type(const char *type)
{
	return g_str_has_prefix(type, "image/") || g_str_has_prefix(type, "font/") ||
	       strcmp(type, "text/css") == 0 || strstr(type, "font") != NULL;
}

void
blob_data_uri(Page *page, const char *uri, gsize len, gboolean is_style, const char *name,
	      gboolean is_told, gsize *end)
{
	g_autofree char *type = NULL;
	gboolean is_base64;
	gsize start;
	*end = MIN(len, 5);
	if (!blob_uri_head(uri, len, &type, &is_base64, &start))
		return;
	gsize stop = start;
	while (stop < len && !(is_style && strchr(")'\"", uri[stop]) != NULL && uri[stop] != '\0'))
		stop++;
	*end = stop;
	g_autoptr(GByteArray) bytes = is_base64 ? blob_base64(uri + start, stop - start) : NULL;
	if (bytes == NULL)
		bytes = blob_percent(uri + start, stop - start);
	if (!page_add(page, name, type, bytes->data, bytes->len))
		return;
	if (!is_told || (name == NULL && blob_is_everyday_type(type)))
		return;
	g_autofree char *detail =
		g_strdup_printf("%s%s%s", *type != '\0' ? type : "text/plain",
				name != NULL ? " as " : "", name != NULL ? name : "");
	page_tell(page, "smuggling", "data-uri", detail);
}

void
blob_style(Page *page, const char *style, gsize len)
{
	const char *at = style, *end = style + len;
	while (!page->is_over && (at = memchr(at, ':', (gsize)(end - at))) != NULL) {
		gsize n;
		if (at - style < 4 || g_ascii_strncasecmp(at - 4, "data", 4) != 0) {
			at++;
			continue;
		}
		blob_data_uri(page, at - 4, (gsize)(end - at) + 4, TRUE, NULL, FALSE, &n);
		at = at - 4 + n;
	}
}
