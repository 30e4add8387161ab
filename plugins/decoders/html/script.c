/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Scripts are not run and not parsed, only cut into literals and what stands between.  Literals that
 * are put together ("TVqQ" + "AAMA", ["TVqQ", "AAMA"].join(""), s += "TVqQ"; s += "AAMA", lists of
 * numbers) count as one.  A long one that is base64, hex, %-escaped or a list of bytes is a file that
 * the page brings along.
 *
 * Regular expressions look like two divisions here; a quote in one makes the next literal begin a
 * little early, and no more. */

#include <string.h>

#include "page.h"

#define LITERAL_MIN 200 /* characters */
#define NUMBERS_MIN 100
#define GLUE_MAX 80 /* between two literals that are put together */

typedef struct {
	Page *page;
	const char *at, *end;
	GString *text;	      /* of the literals at hand */
	GByteArray *list;     /* of the numbers at hand */
	guint n_escapes;      /* in text */
	gboolean is_list_odd; /* a number is no byte */
	const char *glue;     /* behind the last literal */
} Script;

/* ---- what a literal is --------------------------------------------------------------------- */

static gboolean
script_is_known_file(const guint8 *data, gsize len)
{
	static const char *const magics[] = { "PK\3\4",
					      "MZ",
					      "%PDF",
					      "Rar!",
					      "7z\xbc\xaf",
					      "\x1f\x8b\x08",
					      "\xd0\xcf\x11\xe0",
					      "\177ELF",
					      "MSCF",
					      "<html",
					      "<!DO",
					      "<!do",
					      "<HTML",
					      "<script",
					      "\xe4\x52\x5c\x7b",
					      "L\0\0\0\1\x14\2" };
	for (gsize i = 0; i < G_N_ELEMENTS(magics); i++)
		if (len >= 64 && memcmp(data, magics[i], strlen(magics[i])) == 0)
			return TRUE;
	return FALSE;
}

static void
script_found(Script *script, const char *what, const guint8 *data, gsize len)
{
	Page *page = script->page;
	g_autofree char *name = g_strdup_printf("script-%u.bin", page->n_literals + 1);
	if (!page_add(page, name, NULL, data, len))
		return;
	page->n_literals++;
	page->literal_bytes += len;
	if (!script_is_known_file(data, len))
		return;
	g_autofree char *detail = g_strdup_printf("%" G_GSIZE_FORMAT " bytes in %s", len, what);
	page_tell(page, "smuggling", "literal", detail);
}

static void
script_end_text(Script *script)
{
	const char *text = script->text->str, *comma;
	gsize len = script->text->len;
	if (len >= LITERAL_MIN) {
		if (g_ascii_strncasecmp(text, "data:", 5) == 0 &&
		    (comma = memchr(text, ',', len)) != NULL) {
			len -= (gsize)(comma + 1 - text);
			text = comma + 1;
		}
		g_autoptr(GByteArray) bytes = blob_guess(text, len);
		if (bytes != NULL)
			script_found(script, "a string", bytes->data, bytes->len);
		else if (script->n_escapes * 2 > len)
			script_found(script, "an escaped string", (const guint8 *)text, len);
	}
	g_string_truncate(script->text, 0);
	script->n_escapes = 0;
}

static void
script_end_list(Script *script)
{
	if (script->list->len >= NUMBERS_MIN && !script->is_list_odd)
		script_found(script, "a list of numbers", script->list->data, script->list->len);
	g_byte_array_set_size(script->list, 0);
	script->is_list_odd = FALSE;
}

/* ---- literals ------------------------------------------------------------------------------ */

static void
script_append(Script *script, guint32 c)
{
	if (c < 256)
		g_string_append_c(script->text, (char)c); /* a byte, as atob() takes it */
	else
		g_string_append_unichar(script->text, g_unichar_validate(c) ? c : 0xfffd);
}

/* n digits behind "\x" or "\u"; FALSE: they are none. */
static gboolean
script_escape_hex(Script *script, guint n)
{
	guint32 c = 0;
	if ((gsize)(script->end - script->at) < n)
		return FALSE;
	for (guint i = 0; i < n; i++) {
		if (!g_ascii_isxdigit(script->at[i]))
			return FALSE;
		c = c << 4 | (guint32)g_ascii_xdigit_value(script->at[i]);
	}
	script->at += n;
	script->n_escapes++;
	script_append(script, c);
	return TRUE;
}

static void
script_escape(Script *script)
{
	static const char names[] = "nrtbfv0", meant[] = "\n\r\t\b\f\v";
	if (script->at == script->end)
		return;
	char c = *script->at++;
	const char *name = memchr(names, c, sizeof names - 1);
	if ((c == 'x' && script_escape_hex(script, 2)) ||
	    (c == 'u' && script_escape_hex(script, 4)) || c == '\n')
		return;
	if (c == '\r') { /* a line that goes on */
		if (script->at < script->end && *script->at == '\n')
			script->at++;
		return;
	}
	g_string_append_c(script->text, name != NULL ? meant[name - names] : c);
}

/* Behind the quote.  A string without an end goes to the end of the line, a template to that of all. */
static void
script_string(Script *script, char quote)
{
	while (script->at < script->end) {
		const char *start = script->at;
		while (script->at < script->end && *script->at != quote && *script->at != '\\' &&
		       *script->at != '\n')
			script->at++;
		g_string_append_len(script->text, start, script->at - start);
		if (script->at == script->end)
			return;
		char c = *script->at++;
		if (c == '\\')
			script_escape(script);
		else if (c == quote || quote != '`')
			return;
		else
			g_string_append_c(script->text, c);
	}
}

static void
script_number(Script *script)
{
	gint64 value = 0;
	gboolean is_hex = script->end - script->at > 2 && script->at[0] == '0' &&
			  (script->at[1] | 0x20) == 'x';
	if (is_hex)
		script->at += 2;
	for (; script->at < script->end; script->at++) {
		int digit = is_hex ? g_ascii_xdigit_value(*script->at)
				   : g_ascii_digit_value(*script->at);
		if (digit < 0)
			break;
		value = MIN(value * (is_hex ? 16 : 10) + digit, 100000);
	}
	guint8 byte = (guint8)value;
	script->is_list_odd |= value > 255;
	g_byte_array_append(script->list, &byte, 1);
}

/* ---- between them -------------------------------------------------------------------------- */

/* "+", ",", brackets and blanks; or the same and "; name += ". */
static gboolean
script_is_glue(const char *glue, const char *end)
{
	gsize len = (gsize)(end - glue), i = 0;
	if (len > GLUE_MAX)
		return FALSE;
	while (i < len && strchr("+,()[] \t\r\n", glue[i]) != NULL && glue[i] != '\0')
		i++;
	if (i == len)
		return TRUE;
	while (i < len && (glue[i] == ';' || glue[i] == ')' || g_ascii_isspace(glue[i])))
		i++;
	while (i < len &&
	       (g_ascii_isalnum(glue[i]) || (guint8)glue[i] >= 0x80 ||
		strchr("_$.[]", glue[i]) != NULL) &&
	       glue[i] != '\0')
		i++;
	while (i < len && g_ascii_isspace(glue[i]))
		i++;
	return len - i >= 2 && glue[i] == '+' && glue[i + 1] == '=';
}

static void
script_comment(Script *script)
{
	const char *end;
	if (script->at[1] == '/')
		end = memchr(script->at, '\n', (gsize)(script->end - script->at));
	else
		end = memmem(script->at + 2, (gsize)(script->end - script->at) - 2, "*/", 2);
	script->at = end != NULL ? end + 1 : script->end;
}

static void
script_word(Script *script)
{
	while (script->at < script->end &&
	       (g_ascii_isalnum(*script->at) || *script->at == '_' || *script->at == '$'))
		script->at++;
}

static void
script_literal(Script *script)
{
	const char *start = script->at;
	gboolean is_number = g_ascii_isdigit(*start);
	if (script->glue == NULL || !script_is_glue(script->glue, start)) {
		script_end_text(script);
		script_end_list(script);
	}
	if (is_number) {
		script_number(script);
	} else {
		script->at++;
		script_string(script, *start);
	}
	script->glue = script->at;
}

static void
script_run(Script *script)
{
	while (script->at < script->end && !script->page->is_over) {
		char c = *script->at;
		if (c == '"' || c == '\'' || c == '`' || g_ascii_isdigit(c))
			script_literal(script);
		else if (g_ascii_isalpha(c) || c == '_' || c == '$')
			script_word(script);
		else if (c == '/' && script->end - script->at >= 2 &&
			 (script->at[1] == '/' || script->at[1] == '*'))
			script_comment(script);
		else
			script->at++;
	}
	script_end_text(script);
	script_end_list(script);
}

/* ---- calls --------------------------------------------------------------------------------- */

static void
script_look_for_traits(Page *page, const char *text, gsize len)
{
	static const struct {
		const char *name;
		guint32 trait;
	} traits[] = {
		{ "atob", TRAIT_DECODES },
		{ "fromCharCode", TRAIT_DECODES },
		{ "charCodeAt", TRAIT_DECODES },
		{ "Uint8Array", TRAIT_DECODES },
		{ "unescape", TRAIT_DECODES },
		{ "decodeURIComponent", TRAIT_DECODES },
		{ "new Blob", TRAIT_DELIVERS },
		{ "new File", TRAIT_DELIVERS },
		{ "createObjectURL", TRAIT_DELIVERS },
		{ "msSaveOrOpenBlob", TRAIT_DELIVERS },
		{ "msSaveBlob", TRAIT_DELIVERS },
		{ ".download", TRAIT_DELIVERS },
		{ "setAttribute(\"download\"", TRAIT_DELIVERS },
		{ "setAttribute('download'", TRAIT_DELIVERS },
		{ "document.write", TRAIT_DELIVERS },
		{ ".innerHTML", TRAIT_DELIVERS },
		{ "eval(", TRAIT_DELIVERS },
		{ "ActiveXObject", TRAIT_DELIVERS },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(traits); i++) {
		if (memmem(text, len, traits[i].name, strlen(traits[i].name)) == NULL ||
		    strstr(page->trait_names->str, traits[i].name) != NULL)
			continue;
		page->traits |= traits[i].trait;
		g_string_append_printf(page->trait_names, "%s%s",
				       page->trait_names->len > 0 ? ", " : "", traits[i].name);
	}
}

void
script_scan(Page *page, const char *text, gsize len)
{
	Script script = { .page = page, .at = text, .end = text + len };
	script.text = g_string_new(NULL);
	script.list = g_byte_array_new();
	script_run(&script);
	script_look_for_traits(page, text, len);
	g_string_free(script.text, TRUE);
	g_byte_array_unref(script.list);
}

void
script_end(Page *page)
{
	if (page->n_literals == 0 || (page->traits & TRAIT_DECODES) == 0 ||
	    (page->traits & TRAIT_DELIVERS) == 0)
		return;
	g_autofree char *detail = g_strdup_printf("%" G_GSIZE_FORMAT " bytes by %s",
						  page->literal_bytes, page->trait_names->str);
	page_tell(page, "smuggling", "script", detail);
}
