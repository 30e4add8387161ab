/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Names of parts.  A parameter `filename` may be written
 *
 *     filename=x                       RFC 2045; often with encoded-words, against RFC 2047 5
 *     filename*=charset'lang'%41       RFC 2231 4
 *     filename*0=..; filename*1*=..    RFC 2231 3, each piece with or without '*'
 *
 * and several ways at once, and `name` of Content-Type is a second source.  All are read, and what
 * is written wrongly in every way that a reader may take it: pieces out of order, with gaps, twice,
 * without their stars; encoded-words inside encoded-words; charsets that the bytes are not in. */

#include <config.h>

#include "content/names.h"

#include <gmime/gmime.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "content/charset.h"
#include "mail/report.h"

#define NAME_MAX_BYTES 4096 /* of one reading; mail readers show fewer */
#define NAMES_MAX AM_REPORT_MAX_NAMES
#define NAMES_SHARE 12 /* that each source has before any has more */
#define NESTED_MAX 3 /* encoded-words in encoded-words that are looked into */

/* A piece of a parameter by RFC 2231 3. */
typedef struct {
	guint number;
	gboolean is_escaped;
	const char *value;
} Piece;

/* In which order pieces are put together. */
typedef enum {
	JOIN_STRICT, /* from 0 to the first gap, of equal ones the first */
	JOIN_ALL,    /* by number over gaps, of equal ones the last */
	JOIN_WRITTEN /* as they stand */
} Join;

static void
names_add_one(GPtrArray *names, const char *name, gsize len)
{
	g_autofree char *valid = NULL;
	if (len == 0 || names->len >= NAMES_MAX)
		return;
	valid = g_utf8_make_valid(name, (gssize)MIN(len, NAME_MAX_BYTES));
	if (!g_ptr_array_find_with_equal_func(names, valid, g_str_equal, NULL))
		g_ptr_array_add(names, g_steal_pointer(&valid));
}

static void
names_add(GPtrArray *names, const char *name)
{
	if (name != NULL)
		names_add_one(names, name, strlen(name));
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

/* %41 to A; a '%' that is no escape stands for itself.  May have NULs. */
static GString *
names_unescape(const char *text)
{
	GString *out = g_string_new(NULL);
	for (; *text != '\0' && out->len < NAME_MAX_BYTES; text++) {
		if (*text == '%' && g_ascii_isxdigit(text[1]) && g_ascii_isxdigit(text[2])) {
			g_string_append_c(out, (char)(g_ascii_xdigit_value(text[1]) * 16 +
						      g_ascii_xdigit_value(text[2])));
			text += 2;
		} else {
			g_string_append_c(out, *text);
		}
	}
	return out;
}

/* Encoded-words where RFC 2047 5 forbids them, several times over: with the charset that they name,
 * and with that charset wrong. */
static void
names_add_words(GPtrArray *names, const char *value)
{
	g_autofree char *usual = NULL;
	if (strstr(value, "=?") == NULL)
		return;
	usual = am_names_decode_text(value, NAME_MAX_BYTES);
	names_add(names, usual);
	for (guint as_labelled = 2; as_labelled-- > 0;) {
		g_autofree char *text = g_strdup(value);
		for (guint i = 0; i < NESTED_MAX && strstr(text, "=?") != NULL; i++) {
			GString *decoded =
				am_encoded_words_read(text, NAME_MAX_BYTES, as_labelled != 0);
			names_add_one(names, decoded->str, decoded->len);
			g_free(text);
			text = g_string_free(decoded, FALSE);
		}
	}
}

/* Bytes of a parameter that was put together, in its charset and as if that were wrong. */
static void
names_add_bytes(GPtrArray *names, const char *charset, const GString *bytes)
{
	for (guint as_labelled = 2; as_labelled-- > 0;) {
		g_autoptr(GString) text = g_string_new(NULL);
		am_charset_append(text, as_labelled != 0 ? charset : "", bytes->str, bytes->len);
		names_add_one(names, text->str, text->len);
		names_add_words(names, text->str);
	}
}

/* ---- RFC 2231 ------------------------------------------------------------------------------ */

/* charset'language'rest: takes the charset off.  "" when it is written otherwise. */
static char *
names_take_charset(const char **value)
{
	const char *first = strchr(*value, '\'');
	const char *second = first != NULL ? strchr(first + 1, '\'') : NULL;
	if (second == NULL)
		return g_strdup("");
	char *charset = g_strndup(*value, (gsize)(first - *value));
	*value = second + 1;
	return charset;
}

static gint
piece_compare(gconstpointer a, gconstpointer b)
{
	const Piece *one = a, *two = b;
	return one->number < two->number ? -1 : one->number > two->number;
}

/* Parameters base*N and base*N*, in the order in which they stand. */
static GArray *
pieces_find(const AmParams *params, const char *base)
{
	GArray *pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
	gsize len = strlen(base);
	for (guint i = 0; i < params->params->len; i++) {
		const AmParam *param = params->params->pdata[i];
		const char *at = param->name;
		if (strncmp(at, base, len) != 0 || at[len] != '*' || !g_ascii_isdigit(at[len + 1]))
			continue;
		char *end;
		guint64 number = g_ascii_strtoull(at + len + 1, &end, 10);
		Piece piece = { (guint)MIN(number, G_MAXUINT), *end == '*', param->value };
		if (*end == '\0' || strcmp(end, "*") == 0)
			g_array_append_val(pieces, piece);
	}
	return pieces;
}

/* pieces in the order of `join`; the charset stands in the first and holds for all that are escaped
 * (RFC 2231 4.1).  all_escaped: the stars were forgotten. */
static GString *
pieces_join(const GArray *pieces, Join join, gboolean all_escaped, char **charset)
{
	GString *bytes = g_string_new(NULL);
	gint64 last = -1;
	*charset = NULL;
	for (guint i = 0; i < pieces->len && bytes->len <= NAME_MAX_BYTES; i++) {
		const Piece *piece = &g_array_index(pieces, Piece, i);
		gboolean is_escaped = piece->is_escaped || all_escaped;
		const char *value = piece->value;
		if (join == JOIN_STRICT && piece->number == last)
			continue;
		if (join == JOIN_STRICT && piece->number != last + 1)
			break;
		if (join == JOIN_ALL && i + 1 < pieces->len &&
		    g_array_index(pieces, Piece, i + 1).number == piece->number)
			continue;
		last = piece->number;
		if (is_escaped && *charset == NULL)
			*charset = names_take_charset(&value);
		g_autoptr(GString) piece_bytes = is_escaped ? names_unescape(value) : g_string_new(value);
		g_string_append_len(bytes, piece_bytes->str, (gssize)piece_bytes->len);
	}
	if (*charset == NULL)
		*charset = g_strdup("");
	return bytes;
}

static void
names_add_pieces(GPtrArray *names, const AmParams *params, const char *base)
{
	g_autoptr(GArray) written = pieces_find(params, base);
	g_autoptr(GArray) sorted = g_array_copy(written);
	if (written->len == 0)
		return;
	g_array_sort(sorted, piece_compare); /* stable */
	for (guint i = 0; i < 6; i++) {
		Join join = (Join)(i % 3);
		g_autofree char *charset = NULL;
		g_autoptr(GString) bytes = pieces_join(join == JOIN_WRITTEN ? written : sorted,
						       join, i >= 3, &charset);
		names_add_bytes(names, charset, bytes);
	}
}

/* base*=charset'language'escaped, every one of them */
static void
names_add_extended(GPtrArray *names, const AmParams *params, const char *base)
{
	g_autofree char *extended = g_strconcat(base, "*", NULL);
	for (guint i = 0; i < params->params->len; i++) {
		const AmParam *param = params->params->pdata[i];
		const char *value = param->value;
		if (strcmp(param->name, extended) != 0)
			continue;
		g_autofree char *charset = names_take_charset(&value);
		g_autoptr(GString) bytes = names_unescape(value);
		names_add_bytes(names, charset, bytes);
	}
}

char *
am_names_extended(const AmParams *params, const char *base)
{
	g_autofree char *extended = g_strconcat(base, "*", NULL);
	const char *value = am_params_get(params, extended);
	g_autofree char *charset = NULL;
	g_autoptr(GString) bytes = NULL;
	if (value != NULL) {
		charset = names_take_charset(&value);
		bytes = names_unescape(value);
	} else {
		g_autoptr(GArray) pieces = pieces_find(params, base);
		g_array_sort(pieces, piece_compare);
		if (pieces->len == 0 || g_array_index(pieces, Piece, 0).number != 0)
			return NULL;
		bytes = pieces_join(pieces, JOIN_STRICT, FALSE, &charset);
	}
	GString *text = g_string_new(NULL);
	am_charset_append(text, charset, bytes->str, bytes->len);
	return g_string_free(text, FALSE);
}

/* ---- all readings -------------------------------------------------------------------------- */

/* Of repeated parameters a reader takes the first or the last; so these come first when there are too
 * many. */
static const AmParam *
names_param(const AmParams *params, guint i)
{
	guint n = params->params->len;
	return params->params->pdata[i % 2 == 0 ? i / 2 : n - 1 - i / 2];
}

static GPtrArray *
names_read_param(const AmParams *params, const char *base)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	gsize len = strlen(base);
	if (params == NULL)
		return names;
	names_add_extended(names, params, base);
	names_add_pieces(names, params, base);
	for (guint i = 0; i < params->params->len && names->len < NAMES_MAX; i++) {
		const AmParam *param = names_param(params, i);
		if (strcmp(param->name, base) != 0)
			continue;
		g_autofree char *text = am_names_decode_text(param->value, NAME_MAX_BYTES);
		names_add(names, text);
		names_add_words(names, param->value);
		if (strchr(param->value, '%') != NULL) {
			g_autoptr(GString) bytes = names_unescape(param->value);
			names_add_bytes(names, "", bytes);
		}
	}
	for (guint i = 0; i < params->params->len && names->len < NAMES_MAX; i++) {
		const AmParam *param = names_param(params, i);
		if (strncmp(param->name, base, len) == 0 &&
		    (param->name[len] == '\0' || param->name[len] == '*'))
			names_add(names, param->value);
	}
	return names;
}

GPtrArray *
am_names_read(const AmParams *disposition, const AmParams *type)
{
	const struct {
		const AmParams *params;
		const char *base;
	} sources[] = {
		{ disposition, "filename" },
		{ type, "name" },
		{ disposition, "name" }, /* seen in the wild, and shown by some */
		{ type, "filename" },
	};
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GPtrArray *of_source[G_N_ELEMENTS(sources)];
	for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
		of_source[i] = names_read_param(sources[i].params, sources[i].base);
	/* no source may push another one out */
	for (guint from = 0, to = NAMES_SHARE; from < NAMES_MAX; from = to, to = NAMES_MAX)
		for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
			for (guint j = from; j < MIN(to, of_source[i]->len); j++)
				names_add(names, of_source[i]->pdata[j]);
	for (gsize i = 0; i < G_N_ELEMENTS(sources); i++)
		g_ptr_array_unref(of_source[i]);
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
