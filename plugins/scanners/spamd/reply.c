/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Reading what spamd answers.
 *
 *     answer  = "SPAMD/" version SP code SP text CRLF *( field CRLF ) CRLF body
 *     field   = "Spam:" SP ( "True" / "False" ) SP ";" SP score SP "/" SP threshold
 *             / "Content-length:" SP digits / others
 *
 * The body of SYMBOLS is a list of names with commas.  The body of REPORT is a text for people with a
 * table, the only place where each rule's points are told:
 *
 *      pts rule name              description
 *     ---- ---------------------- --------------------------------------------------
 *      2.7 MISSING_DATE           Missing Date: header
 *      1.0 HEADER_FROM_DIFFERENT  From and EnvelopeFrom 2nd level mail
 *                                 domains are different
 *
 * Above the table the report quotes the mail, so whatever stands before the last line of dashes is
 * not looked at; points begin within the first four columns, text that goes on far to the right.
 * The score itself is taken from the field, never from the text. */

#include "reply.h"

#include <math.h>
#include <string.h>

#define REPLY_MAX_NAME 100u
#define REPLY_MAX_SCORE 1e6

static void
reply_test_free(gpointer data)
{
	ReplyTest *test = data;
	g_free(test->name);
	g_free(test);
}

void
reply_free(Reply *reply)
{
	if (reply == NULL)
		return;
	g_ptr_array_unref(reply->tests);
	g_free(reply);
}

static gboolean
reply_fail(GError **error, const char *what, const char *line)
{
	g_autofree char *valid = g_utf8_make_valid(line, (gssize)strnlen(line, 100));
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", what, valid);
	return FALSE;
}

static gboolean
reply_add_test(Reply *reply, const char *name, gsize len, double points)
{
	if (len == 0 || len > REPLY_MAX_NAME || reply->tests->len >= REPLY_MAX_TESTS)
		return FALSE;
	for (gsize i = 0; i < len; i++)
		if (!g_ascii_isalnum(name[i]) && name[i] != '_')
			return FALSE;
	ReplyTest *test = g_new0(ReplyTest, 1);
	test->name = g_strndup(name, len);
	test->points = points;
	g_ptr_array_add(reply->tests, test);
	return TRUE;
}

/* "True ; 15.0 / 5.0" */
static gboolean
reply_parse_score(Reply *reply, const char *value, GError **error)
{
	const char *semicolon = strchr(value, ';');
	char *end = NULL;
	double score = semicolon != NULL ? g_ascii_strtod(semicolon + 1, &end) : 0;
	if (semicolon == NULL || end == semicolon + 1 || !isfinite(score))
		return reply_fail(error, "answer has no score", value);
	reply->score = CLAMP(score, -REPLY_MAX_SCORE, REPLY_MAX_SCORE);
	return TRUE;
}

/* Status line and fields; *body is set behind the empty line. */
static gboolean
reply_parse_head(Reply *reply, char *text, char **body, GError **error)
{
	gboolean has_score = FALSE;
	gboolean is_first = TRUE;
	for (char *line = text; line != NULL;) {
		char *next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		(void)g_strchomp(line);
		if (is_first) {
			const char *code = strchr(line, ' ');
			if (!g_str_has_prefix(line, "SPAMD/") || code == NULL)
				return reply_fail(error, "answer is not spamd's", line);
			if (!g_str_has_prefix(code, " 0 ") && strcmp(code, " 0") != 0)
				return reply_fail(error, "spamd failed", line);
			is_first = FALSE;
		} else if (*line == '\0') {
			*body = next;
			break;
		} else if (g_ascii_strncasecmp(line, "Spam:", 5) == 0) {
			if (!reply_parse_score(reply, line + 5, error))
				return FALSE;
			has_score = TRUE;
		}
		line = next;
	}
	return has_score || reply_fail(error, "answer has no Spam field", text);
}

/* "---- ---------------------- -----..." and nothing else? */
static gboolean
reply_is_rule(const char *line, gsize len)
{
	gsize n_dashes = 0;
	for (gsize i = 0; i < len; i++) {
		if (line[i] != '-' && line[i] != ' ' && line[i] != '\r')
			return FALSE;
		n_dashes += line[i] == '-';
	}
	return n_dashes >= 20 && memmem(line, len, "- -", 3) != NULL;
}

static void
reply_parse_row(Reply *reply, const char *line)
{
	gsize indent = strspn(line, " ");
	if (indent >= 4)
		return; /* a description goes on */
	char *end;
	double points = g_ascii_strtod(line + indent, &end);
	if (end == line + indent || *end != ' ' || !isfinite(points))
		return;
	const char *name = end + strspn(end, " ");
	(void)reply_add_test(reply, name, strcspn(name, " \r\n"),
			     CLAMP(points, -REPLY_MAX_SCORE, REPLY_MAX_SCORE));
}

static void
reply_parse_report(Reply *reply, const char *body)
{
	const char *table = NULL;
	for (const char *line = body; *line != '\0';) {
		gsize len = strcspn(line, "\n");
		if (reply_is_rule(line, len))
			table = line + len;
		line += len + (line[len] == '\n');
	}
	while (table != NULL && *table == '\n') {
		reply_parse_row(reply, ++table);
		table += strcspn(table, "\n");
	}
}

static void
reply_parse_symbols(Reply *reply, const char *body)
{
	for (const char *name = body; *name != '\0';) {
		gsize len = strcspn(name, ", \r\n");
		(void)reply_add_test(reply, name, len, 0);
		name += len + (name[len] != '\0');
	}
}

Reply *
reply_parse(const char *data, gsize len, gboolean is_report, GError **error)
{
	g_autoptr(Reply) reply = g_new0(Reply, 1);
	reply->tests = g_ptr_array_new_with_free_func(reply_test_free);
	/* ends at a NUL byte, as no answer has one */
	g_autofree char *text = g_strndup(len > 0 ? data : "", len);
	char *body = NULL;
	if (!reply_parse_head(reply, text, &body, error))
		return NULL;
	if (body != NULL && is_report)
		reply_parse_report(reply, body);
	else if (body != NULL)
		reply_parse_symbols(reply, body);
	return g_steal_pointer(&reply);
}
