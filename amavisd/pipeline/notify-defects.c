/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Header defects for people: what is wrong, and a line of the mail with a mark under the byte where
 * it is. */

#include <config.h>

#include <string.h>

#include "mail/spool.h"
#include "pipeline/notify-private.h"
#include "policy/collect.h"

#define DEFECTS_MAX 5u
#define BEFORE_BYTES 48u /* of the line in front of the mark */
#define AFTER_BYTES 20u

/* The bytes around the defect, from the start of its line if that is near. */
static void
defect_append_line(GString *out, const AmMail *mail, guint64 position)
{
	char bytes[BEFORE_BYTES + AFTER_BYTES];
	guint64 start = position > BEFORE_BYTES ? position - BEFORE_BYTES : 0;
	gssize got = am_read_at(am_spool_fd(mail->spool), bytes, sizeof bytes, start, NULL);
	gsize mark = (gsize)(position - start);
	if (got <= 0 || (gsize)got <= mark)
		return; /* the place is told in numbers all the same */
	const char *feed = mark > 0 ? memrchr(bytes, '\n', mark) : NULL;
	gsize from = feed != NULL ? (gsize)(feed + 1 - bytes) : 0;
	const char *end = memchr(bytes + mark, '\n', (gsize)got - mark);
	gsize to = end != NULL ? (gsize)(end - bytes) : (gsize)got;
	g_string_append(out, "      ");
	for (gsize i = from; i < to; i++)
		if (bytes[i] != '\r' || i + 1 < to)
			g_string_append_c(out, bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '?');
	g_string_append_printf(out, "\r\n      %*s^\r\n", (int)(mark - from), "");
}

static void
defect_append(GString *out, const AmMail *mail, const AmHeaderDefect *defect)
{
	g_autoptr(GString) text = g_string_new(defect->kind);
	if (*defect->field != '\0')
		g_string_append_printf(text, " %s", defect->field);
	if (*defect->detail != '\0')
		g_string_append_printf(text, ": %s", defect->detail);
	if (*defect->section != '\0')
		g_string_append_printf(text, " (%s)", defect->section);
	if (defect->position > 0)
		g_string_append_printf(text, ", byte %" G_GUINT64_FORMAT, defect->position);
	am_notify_append_wrapped(out, text->str);
	if (strcmp(defect->kind, "missing") != 0 && mail->spool != NULL)
		defect_append_line(out, mail, defect->position);
}

void
am_notify_append_defects(GString *out, const AmMail *mail, const AmSettings *settings)
{
	const AmReport *report = mail->report;
	guint n = 0;
	for (guint i = 0; report != NULL && i < report->defects->len && n < DEFECTS_MAX; i++) {
		const AmHeaderDefect *defect = report->defects->pdata[i];
		if (settings == NULL || !am_collect_defect_counts(mail, settings, defect))
			continue;
		if (n++ == 0)
			g_string_append(out, "\r\nWhat is wrong with the header:\r\n");
		defect_append(out, mail, defect);
	}
}
