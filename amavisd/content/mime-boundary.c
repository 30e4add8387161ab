/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The boundaries of a multipart: what the grammar says (RFC 2045 5.1, RFC 2231) comes first, then
 * whatever else readers make of a broken field.  For that its text is searched for the word, wherever
 * it stands: behind a missing semicolon, inside a comment, in a second parameter. */

#include <config.h>

#include "content/mime-private.h"

#include <string.h>

#include "content/names.h"

#define GUESS_LINE_BYTES 2048 /* RFC 2046 allows 70 */
#define VALUE_MAX_BYTES 4096  /* that are looked at */

static void
boundaries_add(GPtrArray *all, const char *text, gsize len)
{
	g_autoptr(GString) value = g_string_sized_new(len);
	for (gsize i = 0; i < len; i++)
		if (text[i] != '\0' && text[i] != '\r' && text[i] != '\n')
			g_string_append_c(value, text[i]);
	g_strchomp(value->str);
	if (*value->str == '\0' || all->len >= AM_BOUNDARIES_MAX)
		return;
	for (guint i = 0; i < all->len; i++)
		if (strcmp(all->pdata[i], value->str) == 0)
			return;
	g_ptr_array_add(all, g_strdup(value->str));
}

static void
boundaries_add_text(GPtrArray *all, const char *text)
{
	if (text != NULL)
		boundaries_add(all, text, strlen(text));
}

static gsize
boundary_span(const char *p, const char *end, const char *stops)
{
	const char *at = p;
	while (at < end && (*at == '\0' || strchr(stops, *at) == NULL))
		at++;
	return (gsize)(at - p);
}

/* Without any quotes, and with backslashes as they stand. */
static void
boundaries_add_bare(GPtrArray *all, const char *p, gsize len)
{
	g_autoptr(GString) bare = g_string_sized_new(len);
	for (gsize i = 0; i < len; i++)
		if (p[i] != '"')
			g_string_append_c(bare, p[i]);
	boundaries_add(all, bare->str, bare->len);
}

/* All that may be meant by what stands behind the '='. */
static void
boundaries_add_value(GPtrArray *all, const char *p, const char *end)
{
	end = MIN(end, p + MIN(end - p, VALUE_MAX_BYTES));
	gsize field = boundary_span(p, end, ";"), word = boundary_span(p, end, "; \t\r\n");
	const char *nul = memchr(p, '\0', field);
	if (nul != NULL)
		boundaries_add(all, p + (*p == '"'), (gsize)(nul - p) - (*p == '"'));
	if (p < end && *p == '"') {
		gsize quoted = boundary_span(p + 1, end, "\"");
		const char *rest = p + 1 + quoted;
		boundaries_add(all, p + 1, quoted);
		if (rest == end) { /* never closed */
			boundaries_add(all, p + 1, boundary_span(p + 1, end, ";"));
			boundaries_add(all, p + 1, boundary_span(p + 1, end, "; \t\r\n"));
			boundaries_add(all, p, field);
		} else if (boundary_span(rest + 1, end, "; \t\r\n") > 0) {
			boundaries_add_bare(all, p, word);
			boundaries_add_bare(all, p, field);
			boundaries_add(all, p, field);
		}
		return;
	}
	boundaries_add(all, p, field);
	boundaries_add(all, p, word);
	boundaries_add(all, p, boundary_span(p, end, "; \t\r\n("));
	boundaries_add_bare(all, p, word);
	if (word > 2 && p[0] == '\'' && p[word - 1] == '\'')
		boundaries_add(all, p + 1, word - 2);
}

/* Behind "boundary" and '=' at or after p, NULL none. */
static const char *
boundary_find(const char *p, const char *end)
{
	static const char word[] = "boundary";
	const gsize n = sizeof word - 1;
	for (; (gsize)(end - p) > n; p++) {
		if ((*p | 0x20) != 'b' || g_ascii_strncasecmp(p, word, n) != 0)
			continue;
		const char *at = p + n;
		while (at < end && (*at == '\0' || strchr(" \t\r\n", *at) != NULL))
			at++;
		if (at < end && *at == '=') {
			at++;
			while (at < end && (*at == '\0' || strchr(" \t\r\n", *at) != NULL))
				at++;
			return at;
		}
	}
	return NULL;
}

static void
boundaries_add_parameters(GPtrArray *all, const AmParams *type)
{
	g_autofree char *extended = am_names_extended(type, "boundary");
	for (guint i = 0; i < type->params->len; i++) {
		const AmParam *param = type->params->pdata[i];
		if (strcmp(param->name, "boundary") == 0)
			boundaries_add_text(all, param->value);
	}
	boundaries_add_text(all, extended);
	for (guint i = 0; i < type->params->len; i++) {
		const AmParam *param = type->params->pdata[i];
		if (strcmp(param->name, "boundary*") == 0)
			boundaries_add_text(all, param->value);
	}
}

GPtrArray *
am_boundaries_read(const AmParams *type, const char *text, gsize len)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(g_free);
	const char *p = text, *end = text + len;
	boundaries_add_parameters(all, type);
	while ((p = boundary_find(p, end)) != NULL && all->len < AM_BOUNDARIES_MAX)
		boundaries_add_value(all, p, end);
	for (guint i = all->len; i > 0; i--) {
		const char *value = all->pdata[i - 1];
		if (strstr(value, "=?") == NULL)
			continue;
		g_autofree char *decoded = am_names_decode_text(value, GUESS_LINE_BYTES);
		boundaries_add_text(all, decoded);
	}
	return all;
}

char *
am_boundary_guess(int fd, guint64 start, guint64 end)
{
	AmReader reader;
	gboolean is_start = TRUE, is_whole;
	const guint8 *line;
	char *found = NULL;
	gsize len;
	am_reader_init(&reader, fd, start, end - start, NULL);
	while (found == NULL &&
	       (line = am_reader_line(&reader, GUESS_LINE_BYTES, &len, &is_whole)) != NULL) {
		if (is_start && is_whole && len > 3 && line[0] == '-' && line[1] == '-') {
			found = g_strndup((const char *)line + 2, len - 2);
			g_strchomp(found);
			if (*found == '\0')
				g_clear_pointer(&found, g_free);
		}
		is_start = line[len - 1] == '\n';
	}
	am_reader_clear(&reader);
	return found;
}
