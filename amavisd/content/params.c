/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* RFC 2045 5.1:
 *
 *     value     = word *( ";" parameter )
 *     parameter = attribute "=" ( token / quoted-string )
 *
 * with comments and folding white space anywhere between.  Programs write blanks in unquoted values
 * and forget closing quotes; an unquoted value therefore runs to the next ';', as mail readers take
 * it. */

#include <config.h>

#include "content/params.h"

#include <string.h>

static void
param_free(gpointer data)
{
	AmParam *param = data;
	g_free(param->name);
	g_free(param->value);
	g_free(param);
}

void
am_params_free(AmParams *params)
{
	if (params == NULL)
		return;
	g_free(params->word);
	g_ptr_array_unref(params->params);
	g_free(params);
}

const char *
am_params_get(const AmParams *params, const char *name)
{
	for (guint i = 0; i < params->params->len; i++) {
		const AmParam *param = params->params->pdata[i];
		if (strcmp(param->name, name) == 0)
			return param->value;
	}
	return NULL;
}

static gboolean
params_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

/* Behind blanks and comments, which nest (RFC 5322 3.2.2). */
static const char *
params_skip_blanks(const char *p, const char *end)
{
	guint depth = 0;
	for (; p < end; p++) {
		if (*p == '\\' && depth > 0 && p + 1 < end)
			p++;
		else if (*p == '(')
			depth++;
		else if (*p == ')' && depth > 0)
			depth--;
		else if (depth == 0 && !params_is_blank(*p))
			break;
	}
	return p;
}

static char *
params_trimmed(const char *p, const char *end)
{
	while (end > p && params_is_blank(end[-1]))
		end--;
	GString *out = g_string_sized_new((gsize)(end - p));
	for (; p < end; p++)
		if (*p != '\0' && *p != '\r' && *p != '\n')
			g_string_append_c(out, *p);
	return g_string_free(out, FALSE);
}

/* p stands behind the opening quote; behind the closing one afterwards. */
static char *
params_quoted(const char **at, const char *end, gboolean *is_odd)
{
	GString *out = g_string_new(NULL);
	const char *p = *at;
	for (; p < end && *p != '"'; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		if (*p != '\0' && *p != '\r' && *p != '\n')
			g_string_append_c(out, *p);
	}
	if (p == end)
		*is_odd = TRUE; /* no closing quote */
	*at = MIN(p + 1, end);
	return g_string_free(out, FALSE);
}

static const char *
params_find(const char *p, const char *end, const char *stops)
{
	while (p < end && (*p == '\0' || strchr(stops, *p) == NULL))
		p++;
	return p;
}

/* One parameter at p; behind it afterwards. */
static const char *
params_parse_one(AmParams *params, const char *p, const char *end)
{
	const char *name_end = params_find(p, end, "=;");
	if (name_end == end || *name_end == ';') {
		params->is_odd = TRUE; /* no value */
		return name_end;
	}
	g_autofree char *raw_name = params_trimmed(p, name_end);
	g_autofree char *value = NULL;
	p = params_skip_blanks(name_end + 1, end);
	if (p < end && *p == '"') {
		p++;
		value = params_quoted(&p, end, &params->is_odd);
		const char *rest = params_skip_blanks(p, end);
		p = params_find(rest, end, ";");
		if (p > rest)
			params->is_odd = TRUE; /* text behind the closing quote */
	} else {
		const char *value_end = params_find(p, end, ";(");
		value = params_trimmed(p, value_end);
		if (strpbrk(value, " \t\"") != NULL)
			params->is_odd = TRUE;
		p = params_find(params_skip_blanks(value_end, end), end, ";");
	}
	g_autofree char *name = g_ascii_strdown(raw_name, -1);
	if (am_params_get(params, name) != NULL)
		params->has_duplicate = TRUE;
	AmParam *param = g_new(AmParam, 1);
	param->name = g_steal_pointer(&name);
	param->value = g_steal_pointer(&value);
	g_ptr_array_add(params->params, param);
	return p;
}

AmParams *
am_params_parse(const char *text, gsize len)
{
	AmParams *params = g_new0(AmParams, 1);
	const char *end = text + len;
	params->params = g_ptr_array_new_with_free_func(param_free);

	const char *p = params_skip_blanks(text, end);
	const char *word_end = params_find(p, end, ";(");
	g_autofree char *word = params_trimmed(p, word_end);
	params->word = g_ascii_strdown(word, -1);
	if (strpbrk(params->word, " \t\"=") != NULL)
		params->is_odd = TRUE;
	p = params_find(params_skip_blanks(word_end, end), end, ";");
	while (p < end) {
		p = params_skip_blanks(p + 1, end);
		if (p == end) /* a final ';' is common */
			break;
		if (params->params->len == AM_PARAMS_MAX) {
			params->is_odd = TRUE;
			break;
		}
		p = params_parse_one(params, p, end);
	}
	return params;
}
