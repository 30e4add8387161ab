/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The words of an answer.  Changes of the mail's own fields come before those that are added, so that
 * the client counts what the mail came with. */

#include <config.h>

#include "ampdp/ampdp-private.h"

#include <string.h>

#define EXIT_CODE_REJECT "69"	/* EX_UNAVAILABLE */
#define EXIT_CODE_TEMPFAIL "75" /* EX_TEMPFAIL */
#define EXIT_CODE_DISCARD "99"	/* Amavis' own */

void
am_pdp_answer_begin(GString *out, const char *log_id)
{
	am_pdp_say(out, "version_server", "2", NULL);
	if (log_id != NULL)
		am_pdp_say(out, "log_id", log_id, NULL);
}

void
am_pdp_answer_reply(GString *out, const AmReply *reply)
{
	g_autofree char *code = g_strdup_printf("%d", reply->code);
	g_autofree char *class = g_strdup_printf("%c.0.0", *code);
	g_autofree char *text = g_strdup(reply->text);
	am_pdp_say(out, "setreply", code, reply->enhanced != NULL ? reply->enhanced : class,
		   g_strdelimit(text, "\r\n", ' '), NULL);
}

static void
answer_end(GString *out, const char *return_value, const char *exit_code)
{
	am_pdp_say(out, "return_value", return_value, NULL);
	am_pdp_say(out, "exit_code", exit_code, NULL);
}

void
am_pdp_answer_refusal(GString *out, const AmReply *reply)
{
	am_pdp_answer_reply(out, reply);
	if (am_reply_is_permanent(reply))
		answer_end(out, "reject", EXIT_CODE_REJECT);
	else
		answer_end(out, "tempfail", EXIT_CODE_TEMPFAIL);
}

/* A value as a milter of the client's wants it: lines end in LF. */
static char *
answer_value(const AmEdit *edit)
{
	GString *out = g_string_new(NULL);
	for (const char *p = edit->value; *p != '\0'; p++)
		if (*p != '\r')
			g_string_append_c(out, *p);
	return g_string_free(out, FALSE);
}

/* Changes of the mail's own fields. */
static void
answer_change(GString *out, const AmEdit *edit, const AmReport *report)
{
	guint n = am_report_count_fields(report, edit->name);
	if (edit->op == AM_EDIT_DELETE) {
		for (; n > 0; n--) { /* from below, so that the numbers stay */
			g_autofree char *index = g_strdup_printf("%u", n);
			am_pdp_say(out, "delheader", index, edit->name, NULL);
		}
		return;
	}
	g_autofree char *value = answer_value(edit);
	if (n > 0)
		am_pdp_say(out, "chgheader", "1", edit->name, value, NULL);
	else
		am_pdp_say(out, "addheader", edit->name, value, NULL);
}

static void
answer_edits(GString *out, const AmMail *mail, const AmEdits *edits)
{
	guint n = am_edits_count(edits);
	for (guint i = 0; i < n; i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		if (am_edits_is_of_mail(edit) && !am_edits_is_undone(edits, i))
			answer_change(out, edit, mail->report);
	}
	for (guint i = 0; i < n; i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		if (am_edits_is_of_mail(edit))
			continue;
		g_autofree char *value = answer_value(edit);
		if (edit->op == AM_EDIT_PREPEND) /* the last one ends on top */
			am_pdp_say(out, "insheader", "0", edit->name, value, NULL);
		else
			am_pdp_say(out, "addheader", edit->name, value, NULL);
	}
}

static void
answer_recipients(GString *out, const AmHandback *handback, const char *const *recipients)
{
	for (guint i = 0; i < handback->removed->len; i++)
		am_pdp_say(out, "delrcpt", recipients[g_array_index(handback->removed, guint, i)],
			   NULL);
	for (guint i = 0; i < handback->added->len; i++) {
		g_autofree char *path =
			g_strdup_printf("<%s>", (const char *)handback->added->pdata[i]);
		am_pdp_say(out, "addrcpt", path, NULL);
	}
}

void
am_pdp_answer_verdict(GString *out, const AmMail *mail, const AmHandback *handback,
		      const char *const *recipients)
{
	g_autoptr(AmReply) taken =
		am_reply_new(250, handback->is_discard ? "2.7.0" : "2.5.0", "Ok, %s",
			     handback->is_discard ? "discarded" : "continue delivery");
	if (handback->reply != NULL) {
		am_pdp_answer_refusal(out, handback->reply);
	} else if (handback->is_discard) {
		am_pdp_answer_reply(out, taken);
		answer_end(out, "discard", EXIT_CODE_DISCARD);
	} else {
		answer_recipients(out, handback, recipients);
		answer_edits(out, mail, handback->edits);
		/* no quarantine=: Amavis never says it, and amavisd-milter, which may not hold mail,
		 * defers the mail for ever */
		am_pdp_answer_reply(out, taken);
		answer_end(out, "continue", "0");
	}
}

void
am_pdp_answer_delivered(GString *out, const AmReply *reply)
{
	if (!am_reply_is_success(reply)) {
		am_pdp_answer_refusal(out, reply);
		return;
	}
	/* the client is to do nothing more with the mail */
	am_pdp_answer_reply(out, reply);
	answer_end(out, "discard", EXIT_CODE_DISCARD);
}
