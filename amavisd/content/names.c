/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Names of parts.  A parameter `filename` may be written
 *
 *     filename=x                       RFC 2045; often with encoded-words, against RFC 2047 5
 *     filename*=charset'lang'%41       RFC 2231 4
 *     filename*0=..; filename*1*=..    RFC 2231 3, each piece with or without '*'
 *
 * and several ways at once, and `name` of Content-Type is a second source.  All are read. */

#include <config.h>

#include "content/names.h"

#include <gmime/gmime.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 4096 /* of one reading; mail readers show fewer */

static void
names_add(GPtrArray *names, const char *name)
{
	g_autofree char *valid = NULL;
	if (name == NULL || *name == '\0')
		return;
	valid = g_utf8_make_valid(name, (gssize)strnlen(name, NAME_MAX_BYTES));
	if (!g_ptr_array_find_with_equal_func(names, valid, g_str_equal, NULL))
		g_ptr_array_add(names, g_steal_pointer(&valid));
}

char *
am_names_decode_text(const char *text, gsize max)
{
	GString *flat = g_string_sized_new(128);
	for (; *text != '\0' && flat->len < max; text++)
		if (*text != '\r' && *text != '\n')
			g_string_append_c(flat, *text);
	if (strstr(flat->str, "=?") == NULL && g_utf8_validate(flat->str, (gssize)flat->len, NULL))
		return g_strstrip(g_string_free(flat, FALSE));
	char *decoded = g_mime_utils_header_decode_text(NULL, flat->str);
	char *valid = g_utf8_make_valid(decoded != NULL ? decoded : flat->str, -1);
	g_free(decoded);
	g_string_free(flat, TRUE);
	return g_strstrip(valid);
}

/* %41 to A; a '%' that is no escape stands for itself. */
static char *
names_unescape(const char *text)
{
	GString *out = g_string_new(NULL);
	for (; *text != '\0'; text++) {
		if (*text == '%' && g_ascii_isxdigit(text[1]) && g_ascii_isxdigit(text[2])) {
			int byte =
				g_ascii_xdigit_value(text[1]) * 16 + g_ascii_xdigit_value(text[2]);
			if (byte != 0)
				g_string_append_c(out, (char)byte);
			text += 2;
		} else {
			g_string_append_c(out, *text);
		}
	}
	return g_string_free(out, FALSE);
}

static char *
names_convert(const char *charset, const char *bytes)
{
	if (*charset == '\0' || g_ascii_strcasecmp(charset, "utf-8") == 0 || strlen(charset) > 40)
		return g_strdup(bytes);
	char *converted =
		g_convert(bytes, (gssize)strlen(bytes), "UTF-8", charset, NULL, NULL, NULL);
	return converted != NULL ? converted : g_strdup(bytes);
}

/* charset'language'escaped */
static char *
names_decode_extended(const char *value)
{
	const char *first = strchr(value, '\'');
	const char *second = first != NULL ? strchr(first + 1, '\'') : NULL;
	if (second == NULL)
		return names_unescape(value);
	g_autofree char *charset = g_strndup(value, (gsize)(first - value));
	g_autofree char *bytes = names_unescape(second + 1);
	return names_convert(charset, bytes);
}

static const AmParam *
names_find(const AmParams *params, const char *base, guint number)
{
	g_autofree char *plain = g_strdup_printf("%s*%u", base, number);
	gsize len = strlen(plain);
	for (guint i = 0; i < params->params->len; i++) {
		const AmParam *param = params->params->pdata[i];
		if (strncmp(param->name, plain, len) == 0 &&
		    (param->name[len] == '\0' || strcmp(param->name + len, "*") == 0))
			return param;
	}
	return NULL;
}

/* The pieces put together; NULL when there is none.  The charset stands in piece 0 and holds for
 * all escaped pieces (RFC 2231 4.1). */
static char *
names_join_pieces(const AmParams *params, const char *base)
{
	g_autoptr(GString) bytes = NULL;
	g_autofree char *charset = NULL;
	const AmParam *param;
	for (guint i = 0; i < AM_PARAMS_MAX && (param = names_find(params, base, i)) != NULL; i++) {
		const char *value = param->value;
		gboolean is_escaped = g_str_has_suffix(param->name, "*");
		if (bytes == NULL)
			bytes = g_string_new(NULL);
		if (i == 0 && is_escaped) {
			const char *first = strchr(value, '\'');
			const char *second = first != NULL ? strchr(first + 1, '\'') : NULL;
			if (second != NULL) {
				charset = g_strndup(value, (gsize)(first - value));
				value = second + 1;
			}
		}
		g_autofree char *piece = is_escaped ? names_unescape(value) : g_strdup(value);
		g_string_append(bytes, piece);
		if (bytes->len > NAME_MAX_BYTES)
			break;
	}
	return bytes == NULL ? NULL : names_convert(charset != NULL ? charset : "", bytes->str);
}

char *
am_names_extended(const AmParams *params, const char *base)
{
	g_autofree char *extended = g_strconcat(base, "*", NULL);
	const char *value = am_params_get(params, extended);
	return value != NULL ? names_decode_extended(value) : names_join_pieces(params, base);
}

static void
names_read_param(GPtrArray *names, const AmParams *params, const char *base)
{
	if (params == NULL)
		return;
	g_autofree char *extended_name = g_strconcat(base, "*", NULL);
	g_autofree char *joined = names_join_pieces(params, base);
	for (guint i = 0; i < params->params->len; i++) {
		const AmParam *param = params->params->pdata[i];
		if (strcmp(param->name, extended_name) != 0)
			continue;
		g_autofree char *decoded = names_decode_extended(param->value);
		names_add(names, decoded);
	}
	names_add(names, joined);
	if (joined != NULL && strstr(joined, "=?") != NULL) {
		g_autofree char *text = am_names_decode_text(joined, NAME_MAX_BYTES);
		names_add(names, text);
	}
	/* Every one of them: a reader may take the first, the last or any of repeated parameters. */
	for (guint i = 0; i < params->params->len; i++) {
		const AmParam *param = params->params->pdata[i];
		if (strcmp(param->name, base) != 0)
			continue;
		g_autofree char *text = am_names_decode_text(param->value, NAME_MAX_BYTES);
		names_add(names, text);
		if (strchr(param->value, '%') != NULL) {
			g_autofree char *unescaped = names_unescape(param->value);
			names_add(names, unescaped);
		}
	}
	for (guint i = 0; i < params->params->len; i++) {
		const AmParam *param = params->params->pdata[i];
		gsize len = strlen(base);
		if (strncmp(param->name, base, len) == 0 &&
		    (param->name[len] == '\0' || param->name[len] == '*'))
			names_add(names, param->value);
	}
}

GPtrArray *
am_names_read(const AmParams *disposition, const AmParams *type)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	names_read_param(names, disposition, "filename");
	names_read_param(names, type, "name");
	names_read_param(names, disposition, "name"); /* seen in the wild, and shown by some */
	names_read_param(names, type, "filename");
	return names;
}

GPtrArray *
am_names_read_raw(const char *name)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	if (!g_utf8_validate(name, -1, NULL)) {
		/* old zip files are written in the code page of DOS */
		g_autofree char *dos = g_convert(name, (gssize)strnlen(name, NAME_MAX_BYTES),
						 "UTF-8", "CP437", NULL, NULL, NULL);
		names_add(names, dos);
	}
	names_add(names, name);
	return names;
}

void
am_names_preload(void)
{
	static const char *const charsets[] = {
		"ISO-8859-1",	"ISO-8859-2",	"ISO-8859-3",	"ISO-8859-4",	"ISO-8859-5",
		"ISO-8859-6",	"ISO-8859-7",	"ISO-8859-8",	"ISO-8859-9",	"ISO-8859-10",
		"ISO-8859-13",	"ISO-8859-14",	"ISO-8859-15",	"ISO-8859-16",	"WINDOWS-1250",
		"WINDOWS-1251", "WINDOWS-1252", "WINDOWS-1253", "WINDOWS-1254", "WINDOWS-1255",
		"WINDOWS-1256", "WINDOWS-1257", "WINDOWS-1258", "WINDOWS-874",	"KOI8-R",
		"KOI8-U",	"CP437",	"CP850",	"CP866",	"GB2312",
		"GBK",		"GB18030",	"BIG5",		"EUC-JP",	"ISO-2022-JP",
		"SHIFT_JIS",	"EUC-KR",	"ISO-2022-KR",	"TIS-620",	"UTF-7",
		"UTF-16",	"MACINTOSH",
	};
	/* The descriptors stay open for the life of the process: the C library unloads a converter
	 * that nobody uses.  A charset that it does not have is read as bytes. */
	static iconv_t converters[G_N_ELEMENTS(charsets)];
	static gsize is_done;
	if (!g_once_init_enter(&is_done))
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(charsets); i++) {
		converters[i] = iconv_open("UTF-8", charsets[i]);
		if (converters[i] == (iconv_t)-1)
			g_debug("no converter for %s", charsets[i]);
	}
	g_once_init_leave(&is_done, 1);
}
