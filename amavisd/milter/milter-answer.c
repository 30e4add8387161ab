/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What is said to the MTA. */

#include <config.h>

#include "milter/milter-private.h"

#include <string.h>

#include "log/log.h"

void
am_milter_say(AmMilterServer *server, char answer, gconstpointer data, gsize len)
{
	guint32 length = GUINT32_TO_BE((guint32)len + 1);
	am_stream_queue(server->stream, &length, sizeof length);
	am_stream_queue(server->stream, &answer, 1);
	if (len > 0)
		am_stream_queue(server->stream, data, len);
}

static void
say_text(AmMilterServer *server, char answer, const char *text)
{
	am_milter_say(server, answer, text, strlen(text) + 1);
}

void
am_milter_say_reply(AmMilterServer *server, const AmReply *reply)
{
	if (reply->code < 400) {
		am_milter_say(server, AM_MILTER_CONTINUE, NULL, 0);
		return;
	}
	/* one line: lines of a reply are joined, and '%' is doubled as the MTA halves it; with an enhanced
	 * code, else the MTA chooses one (RFC 3463 2) */
	const char *enhanced = reply->enhanced != NULL ? reply->enhanced
			       : reply->code < 500     ? "4.0.0"
						       : "5.0.0";
	g_autoptr(AmReply) whole = am_reply_new(reply->code, enhanced, "%s", reply->text);
	g_autofree char *line = am_reply_to_string(whole);
	g_autoptr(GString) text = g_string_new(NULL);
	for (const char *at = line; *at != '\0' && text->len < 500; at++) {
		g_string_append_c(text, *at);
		if (*at == '%')
			g_string_append_c(text, '%');
	}
	say_text(server, AM_MILTER_REPLY, text->str);
}

/* -- edits -- */

/* A value as the MTA wants it: lines end in LF; with its leading blank when that was agreed on. */
static char *
answer_value(const AmMilterServer *server, const char *value)
{
	GString *out = g_string_new(NULL);
	if ((server->protocol & AM_MILTER_LEADING_SPACE) != 0)
		g_string_append_c(out, ' ');
	for (; *value != '\0'; value++)
		if (*value != '\r')
			g_string_append_c(out, *value);
	return g_string_free(out, FALSE);
}

/* index: which of the fields of that name; negative: none, as for a field that is added. */
static void
answer_field(AmMilterServer *server, char answer, gint64 index, const char *name, const char *value)
{
	g_autoptr(GByteArray) data = g_byte_array_new();
	if (index >= 0) {
		guint32 number = GUINT32_TO_BE((guint32)index);
		g_byte_array_append(data, (const guint8 *)&number, sizeof number);
	}
	g_byte_array_append(data, (const guint8 *)name, (guint)strlen(name) + 1);
	g_byte_array_append(data, (const guint8 *)value, (guint)strlen(value) + 1);
	am_milter_say(server, answer, data->data, data->len);
}

/* Changes of the mail's own fields; they are counted before anything is added. */
static void
answer_change(AmMilterServer *server, const AmEdit *edit, const AmReport *report)
{
	guint n = am_report_count_fields(report, edit->name);
	if (edit->op == AM_EDIT_DELETE) {
		for (; n > 0; n--) /* from below, so that the numbers stay */
			answer_field(server, AM_MILTER_CHANGE_HEADER, n, edit->name, "");
		return;
	}
	g_autofree char *value = answer_value(server, edit->value);
	if (n > 0)
		answer_field(server, AM_MILTER_CHANGE_HEADER, 1, edit->name, value);
	else
		answer_field(server, AM_MILTER_ADD_HEADER, -1, edit->name, value);
}

static void
answer_edits(AmMilterServer *server, const AmMail *mail, const AmEdits *edits)
{
	gboolean may_change = (server->actions & AM_MILTER_MAY_CHANGE_HEADERS) != 0;
	gboolean may_add = (server->actions & AM_MILTER_MAY_ADD_HEADERS) != 0;
	guint n = am_edits_count(edits);
	if (n > 0 && (!may_change || !may_add))
		am_log(AM_LOG_WARNING, mail->id, "the MTA does not let us %s fields of the header",
		       may_add ? "change" : "add");
	for (guint i = 0; i < n; i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		if (am_edits_is_of_mail(edit) && may_change && !am_edits_is_undone(edits, i))
			answer_change(server, edit, mail->report);
	}
	for (guint i = 0; i < n && may_add; i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		if (am_edits_is_of_mail(edit))
			continue;
		g_autofree char *value = answer_value(server, edit->value);
		if (edit->op == AM_EDIT_PREPEND)
			answer_field(server, AM_MILTER_INSERT_HEADER, 0, edit->name, value);
		else
			answer_field(server, AM_MILTER_ADD_HEADER, -1, edit->name, value);
	}
}

/* -- the verdict -- */

static void
answer_recipients(AmMilterServer *server, const AmHandback *handback)
{
	for (guint i = 0; i < handback->added->len; i++) {
		g_autofree char *path =
			g_strdup_printf("<%s>", (const char *)handback->added->pdata[i]);
		say_text(server, AM_MILTER_ADD_RCPT, path);
	}
	for (guint i = 0; i < handback->removed->len; i++) {
		guint index = g_array_index(handback->removed, guint, i);
		say_text(server, AM_MILTER_DELETE_RCPT, server->recipients->pdata[index]);
	}
}

/* What the verdict needs and the MTA did not agree to. */
static const char *
answer_obstacle(const AmMilterServer *server, const AmHandback *handback)
{
	if (handback->removed->len > 0 && (server->actions & AM_MILTER_MAY_DELETE_RCPT) == 0)
		return "take out recipients";
	if (handback->added->len > 0 && (server->actions & AM_MILTER_MAY_ADD_RCPT) == 0)
		return "put in recipients";
	if (handback->quarantine != NULL && (server->actions & AM_MILTER_MAY_QUARANTINE) == 0)
		return "hold mail";
	return NULL;
}

void
am_milter_say_verdict(AmMilterServer *server, const AmMail *mail, const AmHandback *handback)
{
	const char *obstacle = answer_obstacle(server, handback);
	if (handback->reply != NULL) {
		am_milter_say_reply(server, handback->reply);
	} else if (handback->is_discard) {
		am_milter_say(server, AM_MILTER_DISCARD, NULL, 0);
	} else if (obstacle != NULL) {
		/* somebody would get what he must not get */
		am_log(AM_LOG_ERROR, mail->id, "the MTA does not let us %s, mail is deferred",
		       obstacle);
		am_milter_say(server, AM_MILTER_TEMPFAIL, NULL, 0);
	} else {
		answer_edits(server, mail, handback->edits);
		answer_recipients(server, handback);
		if (handback->quarantine != NULL)
			say_text(server, AM_MILTER_QUARANTINE, handback->quarantine);
		am_milter_say(server, AM_MILTER_CONTINUE, NULL, 0);
	}
}
