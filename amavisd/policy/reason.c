/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What is said about a verdict: the reason, in words, and the reply to the client. */

#include <config.h>

#include "policy/reason.h"

#include <string.h>

#include "policy/collect.h"

#define MAX_NAMES 3u /* findings named in a reason */
#define MAX_REASON_BYTES 300u

/* What the core found is told by its kind, where and why; what a scanner found by its name. */
static char *
reason_name_finding(const AmReport *report, AmCategory category, const AmFinding *finding)
{
	static const char *const kinds[][2] = {
		{ "encrypted", "encrypted" },	{ "limit", "over limits" },
		{ "ambiguous", "ambiguous" },	{ "undecoded", "undecodable" },
		{ "partial", "piece of a mail" },
	};
	const char *name = *finding->name != '\0' ? finding->name : finding->kind;
	const char *words = NULL;
	for (gsize i = 0; category == AM_CATEGORY_UNCHECKED && i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i][0], finding->kind) == 0 && strcmp(finding->scanner, "core") == 0)
			words = kinds[i][1];
	if (words == NULL)
		return g_strdup(name);
	gboolean has_part = finding->part >= 0 && (guint)finding->part < report->parts->len;
	const char *part =
		has_part ? ((const AmReportPart *)report->parts->pdata[finding->part])->name : "";
	GString *text = g_string_new(words);
	if (*part != '\0')
		g_string_append_printf(text, " %s", part);
	else if (strcmp(name, finding->kind) != 0 && *finding->detail == '\0')
		g_string_append_printf(text, " %s", name);
	if (*finding->detail != '\0')
		g_string_append_printf(text, " (%s)", finding->detail);
	return g_string_free(text, FALSE);
}

/* FALSE: there is none of the category. */
static gboolean
reason_say_findings(const AmMail *mail, const AmSettings *settings, AmCategory category,
		    GString *out)
{
	const AmReport *report = mail->report;
	guint n = 0;
	for (guint i = 0; report != NULL && i < report->findings->len && n < MAX_NAMES; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		if (am_collect_finding_category(report, settings, finding) != category)
			continue;
		g_autofree char *name = reason_name_finding(report, category, finding);
		if (n > 0 && strstr(out->str, name) != NULL)
			continue; /* several scanners, or several parts */
		g_string_append_printf(out, "%s%s", n++ > 0 ? ", " : "", name);
	}
	return n > 0;
}

static void
reason_say_failure(const AmMail *mail, const char *failure, GString *out)
{
	const AmReport *report = mail->report;
	if (failure != NULL && *failure != '\0') {
		g_string_append(out, failure);
	} else if (report != NULL && report->failures->len > 0) {
		const AmScanFailure *first = report->failures->pdata[0];
		g_string_append_printf(out, "%s: %s", first->scanner, first->text);
	} else if (report != NULL && report->n_findings_lost > 0) {
		g_string_append(out, "over limits (too many findings)");
	} else {
		g_string_append(out, "content could not be checked");
	}
}

static void
reason_say_banned(const AmMail *mail, const AmDisposition *disposition, GString *out)
{
	const AmReport *report = mail->report;
	if (report == NULL || disposition->banned_part < 0)
		return;
	const AmReportPart *part = report->parts->pdata[disposition->banned_part];
	const char *what = *part->name != '\0'	 ? part->name
			   : *part->type != '\0' ? part->type
						 : part->declared_type;
	g_string_append_printf(out, "%s (%s)", what, disposition->banned_rule);
}

/* The first one that counts, as Amavis does; the highest minor decides what becomes of the mail. */
static void
reason_say_defect(const AmMail *mail, const AmDisposition *disposition, GString *out)
{
	const AmReport *report = mail->report;
	for (guint i = 0; report != NULL && i < report->defects->len; i++) {
		const AmHeaderDefect *defect = report->defects->pdata[i];
		if (!am_collect_defect_counts(mail, disposition->settings, defect))
			continue;
		g_string_append_printf(out, "%s%s%s", defect->kind,
				       *defect->field != '\0' ? " " : "", defect->field);
		if (defect->position > 0)
			g_string_append_printf(out, " (%s, byte %" G_GUINT64_FORMAT ", %s)",
					       defect->detail, defect->position, defect->section);
		return;
	}
}

/* One line without control bytes: a name out of a mail must not end a reply or a log line. */
static char *
reason_clean_text(GString *text)
{
	for (gsize i = 0; i < text->len; i++)
		if ((guchar)text->str[i] < ' ' || text->str[i] == 0x7f)
			text->str[i] = '?';
	if (text->len > MAX_REASON_BYTES) {
		g_string_truncate(text, MAX_REASON_BYTES);
		g_string_append(text, "...");
	}
	return g_utf8_make_valid(text->str, (gssize)text->len);
}

char *
am_reason_text(const AmMail *mail, const AmDisposition *disposition, AmCategory category,
	       const char *failure)
{
	const AmSettings *settings = disposition->settings;
	g_autoptr(GString) out = g_string_new(am_category_name(category));
	char score[G_ASCII_DTOSTR_BUF_SIZE];
	if (category == AM_CATEGORY_CLEAN)
		return g_strdup("");
	g_string_append(out, ": ");
	gsize head = out->len;
	switch (category) {
	case AM_CATEGORY_VIRUS:
	case AM_CATEGORY_UNCHECKED:
		if (!reason_say_findings(mail, settings, category, out) &&
		    category == AM_CATEGORY_UNCHECKED)
			reason_say_failure(mail, failure, out);
		break;
	case AM_CATEGORY_BANNED:
		reason_say_banned(mail, disposition, out);
		break;
	case AM_CATEGORY_SPAM:
	case AM_CATEGORY_SPAMMY:
		g_string_append_printf(
			out, "score %s",
			g_ascii_formatd(score, sizeof score, "%.3f", disposition->score));
		break;
	case AM_CATEGORY_BAD_HEADER:
		reason_say_defect(mail, disposition, out);
		break;
	case AM_CATEGORY_OVERSIZED:
		g_string_append_printf(out, "%" G_GUINT64_FORMAT " bytes, limit %" G_GUINT64_FORMAT,
				       mail->spool != NULL ? am_spool_size(mail->spool) : 0,
				       settings->message_size_limit);
		break;
	default:
		break;
	}
	if (out->len == head) /* a hook's category has no finding to name */
		g_string_truncate(out, head - 2);
	return reason_clean_text(out);
}

/* ---- replies: features C4 */

static AmReply *
reason_refusal(const AmMail *mail, const AmDisposition *disposition, const char *text)
{
	const char *id = mail->id;
	switch (disposition->blocking) {
	case AM_CATEGORY_BAD_HEADER:
		/* RFC 3463: 5.6.3 conversion required but not supported */
		return am_reply_new(554,
				    am_category_set_highest_minor(&disposition->categories,
								  AM_CATEGORY_BAD_HEADER) == 2
					    ? "5.6.3"
					    : "5.6.0",
				    "Reject, id=%s - %s", id, text);
	case AM_CATEGORY_OVERSIZED:
		return am_reply_new(552, "5.3.4", "Reject, id=%s - %s", id, text);
	case AM_CATEGORY_MTA_ERROR:
		return am_reply_new(550, "5.3.5", "Reject, id=%s - %s", id, text);
	default:
		return am_reply_new(554, "5.7.0", "Reject, id=%s - %s", id, text);
	}
}

static AmReply *
reason_postponement(const AmMail *mail, const AmDisposition *disposition, const char *text)
{
	const char *id = mail->id;
	if (disposition->blocking == AM_CATEGORY_UNCHECKED && am_collect_has_failed(mail))
		return am_reply_new(451, "4.5.0", "Error in processing, id=%s - %s", id, text);
	switch (disposition->blocking) {
	case AM_CATEGORY_BAD_HEADER:
		return am_reply_new(450, "4.6.0", "Try again later, id=%s - %s", id, text);
	case AM_CATEGORY_OVERSIZED:
		return am_reply_new(450, "4.3.4", "Try again later, id=%s - %s", id, text);
	default:
		return am_reply_new(450, "4.7.0", "Try again later, id=%s - %s", id, text);
	}
}

AmReply *
am_reason_reply(const AmMail *mail, const AmDisposition *disposition, const char *said)
{
	const char *id = mail->id;
	g_autoptr(GString) text = g_string_new(said);
	/* RFC 5321 4.2: replies are ASCII */
	for (gsize i = 0; i < text->len; i++)
		if ((guchar)text->str[i] < ' ' || (guchar)text->str[i] >= 0x7f)
			text->str[i] = '?';
	switch (disposition->destiny) {
	case AM_DESTINY_REJECT:
		return reason_refusal(mail, disposition, text->str);
	case AM_DESTINY_DISCARD:
		return am_reply_new(250, "2.7.0", "Ok, discarded, id=%s - %s", id, text->str);
	case AM_DESTINY_BOUNCE:
		return am_reply_new(250, "2.5.0", "Ok, id=%s, BOUNCE", id);
	case AM_DESTINY_TEMPFAIL:
		return reason_postponement(mail, disposition, text->str);
	case AM_DESTINY_PASS:
		break;
	}
	return NULL;
}
