/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Lines of a key file.  The syntax is GKeyFile's; it is read here and not by GKeyFile because that
 * one stops at the first bad line and forgets the number of every good one.
 *
 *     file    = *(line LF)                     CR before LF is dropped
 *     line    = *blank [comment / group / pair]
 *     comment = "#" *any
 *     group   = "[" kind [1*blank name] "]" *blank
 *     pair    = key *blank "=" *blank value *blank
 *     kind    = name = key = 1*(letter / digit / "_" / "-" / ".")
 *     value   = *(char / escape / "${" NAME "}" / "$${")
 *     escape  = "\s" (blank) / "\t" / "\n" / "\r" / "\\"
 *
 * Blanks behind a value are dropped; "\s" keeps one.  "$${" stands for "${" itself.  The value of an
 * environment variable is taken as it is, nothing in it is replaced again. */

#include <config.h>

#include "config/scan.h"

#include <string.h>

#include "config/config.h"

#define SHOWN_BYTES 60 /* of a bad line in its message */

typedef struct {
	const char *file;
	guint line;
	const AmScanFuncs *funcs;
	gpointer user_data;
	GPtrArray *problems;
	gboolean has_group;	/* a header was seen */
	gboolean is_group_good; /* and taken */
} Scan;

static gboolean
scan_is_word_byte(char c)
{
	return g_ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
}

static gboolean
scan_is_word(const char *text)
{
	if (*text == '\0')
		return FALSE;
	for (; *text != '\0'; text++)
		if (!scan_is_word_byte(*text))
			return FALSE;
	return TRUE;
}

/* The line for a message: cut at a character, control bytes as '?'. */
static char *
scan_shown(const char *line)
{
	g_autofree char *valid = g_utf8_make_valid(line, (gssize)strnlen(line, SHOWN_BYTES));
	for (char *p = valid; *p != '\0'; p++)
		if (g_ascii_iscntrl(*p))
			*p = '?';
	return g_strconcat(valid, strlen(line) > SHOWN_BYTES ? "..." : "", NULL);
}

/* At "${": appends the variable's value and returns what follows, NULL with a problem. */
static const char *
scan_variable(Scan *scan, const char *key, const char *text, GString *out)
{
	const char *start = text + 2, *end = start;
	while (g_ascii_isalnum(*end) || *end == '_')
		end++;
	if (end == start || *end != '}' || g_ascii_isdigit(*start)) {
		am_config_add_problem(scan->problems, scan->file, scan->line,
				      "%s: \"${\" without a variable's name and \"}\"; "
				      "write \"$${\" for the characters themselves",
				      key);
		return NULL;
	}
	g_autofree char *name = g_strndup(start, (gsize)(end - start));
	const char *value = g_getenv(name);
	if (value == NULL) {
		am_config_add_problem(scan->problems, scan->file, scan->line,
				      "%s: environment variable %s is not set", key, name);
		return NULL;
	}
	if (!g_utf8_validate(value, -1, NULL)) {
		am_config_add_problem(scan->problems, scan->file, scan->line,
				      "%s: environment variable %s is not UTF-8", key, name);
		return NULL;
	}
	g_string_append(out, value);
	return end + 1;
}

/* The value with escapes and variables replaced; NULL with a problem.  To be freed. */
static char *
scan_value(Scan *scan, const char *key, const char *raw)
{
	static const char letters[] = "stnr\\", meanings[] = " \t\n\r\\";
	g_autoptr(GString) out = g_string_new(NULL);
	const char *p = raw;
	while (*p != '\0') {
		if (g_str_has_prefix(p, "$${")) {
			g_string_append(out, "${");
			p += 3;
		} else if (g_str_has_prefix(p, "${")) {
			p = scan_variable(scan, key, p, out);
			if (p == NULL)
				return NULL;
		} else if (*p == '\\') {
			const char *at = p[1] != '\0' ? strchr(letters, p[1]) : NULL;
			if (at == NULL) {
				am_config_add_problem(
					scan->problems, scan->file, scan->line,
					"%s: bad escape; allowed: \\s \\t \\n \\r \\\\", key);
				return NULL;
			}
			g_string_append_c(out, meanings[at - letters]);
			p += 2;
		} else {
			g_string_append_c(out, *p++);
		}
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* line begins with '[' and has no blanks at its end. */
static void
scan_group(Scan *scan, char *line)
{
	gsize len = strlen(line);
	scan->has_group = TRUE;
	scan->is_group_good = FALSE;
	g_autofree char *shown = scan_shown(line);
	if (line[len - 1] != ']') {
		am_config_add_problem(scan->problems, scan->file, scan->line,
				      "group without \"]\" at its end: %s", shown);
		return;
	}
	line[len - 1] = '\0';
	char *kind = g_strstrip(line + 1);
	char *name = kind + strcspn(kind, " \t");
	if (*name != '\0') {
		*name++ = '\0';
		g_strchug(name);
	}
	if (!scan_is_word(kind) || (*name != '\0' && !scan_is_word(name))) {
		am_config_add_problem(
			scan->problems, scan->file, scan->line,
			"bad group %s; allowed: [KIND] or [KIND NAME], of letters, digits, \"_-.\"",
			shown);
		return;
	}
	scan->is_group_good = scan->funcs->group(kind, name, scan->line, scan->user_data);
}

static void
scan_pair(Scan *scan, char *line)
{
	char *equals = strchr(line, '=');
	g_autofree char *shown = scan_shown(line);
	if (equals == NULL) {
		am_config_add_problem(scan->problems, scan->file, scan->line,
				      "neither a comment, a group nor \"key = value\": %s", shown);
		return;
	}
	*equals = '\0';
	char *key = g_strchomp(line), *raw = g_strchug(equals + 1);
	if (!scan_is_word(key)) {
		am_config_add_problem(scan->problems, scan->file, scan->line,
				      "bad key before \"=\": %s", shown);
		return;
	}
	if (!scan->has_group) {
		am_config_add_problem(scan->problems, scan->file, scan->line,
				      "key \"%s\" stands before the first group", key);
		return;
	}
	g_autofree char *text = scan_value(scan, key, raw);
	/* a key whose value is broken is still a key: it must not be reported as missing, too */
	if (scan->is_group_good)
		scan->funcs->key(key, raw, text, scan->line, scan->user_data);
}

static void
scan_line(Scan *scan, char *line, gsize len)
{
	if (memchr(line, '\0', len) != NULL || !g_utf8_validate(line, (gssize)len, NULL)) {
		am_config_add_problem(scan->problems, scan->file, scan->line,
				      "the line is not UTF-8 text");
		return;
	}
	g_strstrip(line);
	if (*line == '\0' || *line == '#')
		return;
	if (*line == '[')
		scan_group(scan, line);
	else
		scan_pair(scan, line);
}

void
am_config_scan(const char *file, const char *data, gsize len, const AmScanFuncs *funcs,
	       gpointer user_data, GPtrArray *problems)
{
	Scan scan = { file, 0, funcs, user_data, problems, FALSE, FALSE };
	if (len > AM_CONFIG_FILE_MAX_BYTES) {
		am_config_add_problem(problems, file, 0, "larger than %d bytes",
				      AM_CONFIG_FILE_MAX_BYTES);
		return;
	}
	for (gsize start = 0; start < len;) {
		const char *end = memchr(data + start, '\n', len - start);
		gsize n = end != NULL ? (gsize)(end - data) - start : len - start;
		g_autofree char *line = g_malloc(n + 1);
		memcpy(line, data + start, n);
		line[n] = '\0';
		scan.line++;
		scan_line(&scan, line, n);
		start += n + 1;
	}
}
