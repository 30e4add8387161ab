/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A text put before a Subject without touching the rest of it.
 *
 * The subject stays as the sender wrote it, encoded words and all.  A tag that is not plain ASCII
 * becomes an encoded word of its own; since blanks between two encoded words are not shown
 * (RFC 2047 6.2), the blank behind the tag then stands inside it.  A subject with raw 8-bit bytes
 * that are no UTF-8 could not be carried through the core's edits and becomes encoded words of the
 * charset unknown-8bit (RFC 1428), which keeps every byte. */

#include "subject.h"

#include <string.h>

#define SUBJECT_WORD_BYTES 45 /* text of an encoded word, so that it stays within 75 characters */

char *
subject_expand(const char *template, const SubjectVariable *variables)
{
	GString *out = g_string_new(NULL);
	while (*template != '\0') {
		const SubjectVariable *found = NULL;
		gsize len = 0;
		if (*template == '_') {
			len = strspn(template + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
			for (const SubjectVariable *v = variables; v->name != NULL; v++)
				if (template[1 + len] == '_' && strlen(v->name) == len &&
				    strncmp(v->name, template + 1, len) == 0)
					found = v;
		}
		if (found != NULL) {
			g_string_append(out, found->value);
			template += len + 2;
		} else {
			g_string_append_c(out, *template++);
		}
	}
	return g_string_free(out, FALSE);
}

static gboolean
subject_is_plain(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((guchar)*p >= 0x80 || ((guchar)*p < ' ' && *p != '\t') || *p == 0x7f)
			return FALSE;
	return TRUE;
}

/* Encoded words "Q" (RFC 2047 4.2), separated by blanks; UTF-8 is cut between characters only
 * (section 5: each word must stand alone). */
static void
subject_append_encoded(GString *out, const char *charset, const char *text, gboolean is_utf8)
{
	gsize in_word = 0;
	for (const char *p = text; *p != '\0';) {
		gsize len = is_utf8 ? (gsize)(g_utf8_next_char(p) - p) : 1;
		if (in_word > 0 && in_word + 3 * len > SUBJECT_WORD_BYTES) {
			g_string_append(out, "?= ");
			in_word = 0;
		}
		if (in_word == 0)
			g_string_append_printf(out, "=?%s?Q?", charset);
		for (gsize i = 0; i < len; i++, p++) {
			if (*p == ' ')
				g_string_append_c(out, '_');
			else if (g_ascii_isalnum(*p))
				g_string_append_c(out, *p);
			else
				g_string_append_printf(out, "=%02X", (guint)(guchar)*p);
			in_word += *p == ' ' || g_ascii_isalnum(*p) ? 1 : 3;
		}
	}
	if (in_word > 0)
		g_string_append(out, "?=");
}

/* The tag as it stands in the field, without a blank at its end. */
static char *
subject_make_prefix(const char *tag)
{
	if (subject_is_plain(tag) && strstr(tag, "=?") == NULL)
		return g_strdup(tag);
	GString *prefix = g_string_new(NULL);
	g_autofree char *valid = g_utf8_make_valid(tag, -1);
	g_autofree char *with_blank = g_strconcat(valid, " ", NULL);
	subject_append_encoded(prefix, "UTF-8", with_blank, TRUE);
	return g_string_free(prefix, FALSE);
}

char *
subject_tag(const char *subject, const char *tag)
{
	g_autofree char *trimmed = g_strstrip(g_strdup(tag));
	if (*trimmed == '\0')
		return NULL;
	while (*subject == ' ' || *subject == '\t')
		subject++;
	g_autofree char *prefix = subject_make_prefix(trimmed);
	/* anywhere, not only in front: an answer to a tagged mail begins with "Re:" */
	if (strstr(subject, prefix) != NULL)
		return NULL;
	GString *out = g_string_new(prefix);
	if (*subject != '\0')
		g_string_append_c(out, ' ');
	if (g_utf8_validate(subject, -1, NULL))
		g_string_append(out, subject);
	else
		subject_append_encoded(out, "unknown-8bit", subject, FALSE);
	return g_string_free(out, FALSE);
}
