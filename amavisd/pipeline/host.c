/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The host side of the plugin API in the session process.
 *
 * A scanner writes into a report of its own, so that several may work at the same time; scan.c puts
 * them together.  There are no parts here: they stay in the worker.  What an action asks for is
 * computed once for the mail where it is the same for all recipients. */

#include <config.h>

#include "pipeline/host.h"

#include <math.h>
#include <string.h>

#include "mail/edits.h"

#define HOST_SUBJECT_BYTES 8192u /* of a raw subject; a line of the new one ends at 998 anyway */
#define HOST_FINDINGS 5u         /* named in words */

/* ---- scanners ------------------------------------------------------------------------------ */

static int
host_mail_fd(AmScan *scan)
{
	return am_spool_fd(scan->mail->spool);
}

static guint64
host_mail_size(AmScan *scan)
{
	return am_spool_size(scan->mail->spool);
}

static const char *
host_mail_id(AmScan *scan)
{
	return scan->mail->id;
}

static const char *
host_mail_sender(AmScan *scan)
{
	return scan->mail->envelope->sender;
}

static guint
host_mail_n_recipients(AmScan *scan)
{
	return scan->mail->envelope->recipients->len;
}

static const char *
host_mail_recipient(AmScan *scan, guint index)
{
	const GPtrArray *recipients = scan->mail->envelope->recipients;
	return index < recipients->len ? ((AmRecipient *)recipients->pdata[index])->address : NULL;
}

static const char *
host_mail_client_address(AmScan *scan)
{
	return scan->mail->envelope->client_address;
}

static const char *
host_mail_helo(AmScan *scan)
{
	return scan->mail->envelope->helo;
}

static gint64
host_deadline_us(AmScan *scan)
{
	return scan->deadline_us;
}

static void
host_finding(AmScan *scan, AmPart *part G_GNUC_UNUSED, const char *kind, const char *name,
	     const char *detail)
{
	am_report_add_finding(scan->result, kind, name, scan->instance->name, -1, detail);
}

static void
host_score(AmScan *scan, double points)
{
	if (!isfinite(points))
		return;
	scan->result->is_scored = TRUE;
	scan->result->score += points;
}

static void
host_test(AmScan *scan, const char *name, double points)
{
	am_report_add_test(scan->result, scan->instance->name, name,
			   isfinite(points) ? points : 0);
}

/* ---- actions ------------------------------------------------------------------------------- */

static const char *
host_action_mail_id(AmAction *action)
{
	return action->shared->mail->id;
}

static const char *
host_action_recipient(AmAction *action)
{
	return action->disposition->recipient->address;
}

static const char *
host_action_category(AmAction *action)
{
	return am_category_name(action->disposition->main_category);
}

static gboolean
host_action_has_category(AmAction *action, const char *category)
{
	AmCategory major = am_category_from_name(category);
	const AmCategorySet *set = &action->disposition->categories;
	const char *comma = strchr(category, ',');
	guint minor;
	if (comma != NULL) { /* "unchecked,over-limits" */
		major = am_category_from_minor(comma + 1, &minor);
		return major != AM_CATEGORY_NONE && (set->minors[major] & 1u << minor) != 0;
	}
	return major != AM_CATEGORY_NONE &&
	       am_category_set_has(&action->disposition->categories, major);
}

static gboolean
host_action_has_score(AmAction *action)
{
	const AmReport *report = action->shared->mail->report;
	return report != NULL && report->is_scored;
}

static double
host_action_score(AmAction *action)
{
	return host_action_has_score(action) ? action->disposition->score : 0;
}

static char *
host_make_tests(const AmReport *report)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; report != NULL && i < report->tests->len; i++) {
		const AmTest *test = report->tests->pdata[i];
		char points[G_ASCII_DTOSTR_BUF_SIZE];
		(void)g_ascii_formatd(points, sizeof points, "%.6g", test->points);
		g_string_append_printf(out, "%s%s=%s", i > 0 ? "," : "", test->name, points);
	}
	return g_string_free(out, FALSE);
}

static const char *
host_action_tests(AmAction *action)
{
	AmActionMail *shared = action->shared;
	if (shared->tests == NULL)
		shared->tests = host_make_tests(shared->mail->report);
	return shared->tests;
}

static char *
host_make_findings(const AmReport *report)
{
	GString *out = g_string_new(NULL);
	guint n = report != NULL ? MIN(report->findings->len, HOST_FINDINGS) : 0;
	for (guint i = 0; i < n; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		g_string_append_printf(out, "%s%s: %s", i > 0 ? "; " : "", finding->kind,
				       finding->name);
	}
	return g_string_free(out, FALSE);
}

/* What policy says of this recipient; where it had nothing to say, what was found. */
static const char *
host_action_reasons(AmAction *action)
{
	AmActionMail *shared = action->shared;
	const char *reason = action->disposition->reason;
	if (reason != NULL && *reason != '\0')
		return reason;
	if (shared->findings == NULL)
		shared->findings = host_make_findings(shared->mail->report);
	return shared->findings;
}

/* The value as it stands in the mail, without its line ends; NUL becomes a blank. */
static char *
host_read_subject(const AmMail *mail)
{
	const AmHeaderField *field =
		mail->report != NULL ? am_report_field(mail->report, "Subject") : NULL;
	if (field == NULL || field->value > field->len)
		return g_strdup("");
	gsize len = MIN(field->len - field->value, HOST_SUBJECT_BYTES);
	g_autofree char *raw = g_malloc(len + 1);
	gssize n = am_read_at(am_spool_fd(mail->spool), raw, len, field->offset + field->value,
			      NULL);
	/* a subject that cannot be read is one that is not changed; delivering will fail loudly */
	GString *out = g_string_sized_new(len + 1);
	for (gssize i = 0; i < n; i++)
		if (raw[i] != '\r' && raw[i] != '\n')
			g_string_append_c(out, raw[i] != '\0' ? raw[i] : ' ');
	return g_strstrip(g_string_free(out, FALSE));
}

static const char *
host_action_subject(AmAction *action)
{
	AmActionMail *shared = action->shared;
	if (shared->subject == NULL)
		shared->subject = host_read_subject(shared->mail);
	return shared->subject;
}

static const char *
host_action_setting(AmAction *action, const char *name)
{
	const AmSettings *settings = action->disposition->settings;
	char *text = settings != NULL ? am_settings_get(settings, name) : NULL;
	if (text != NULL)
		g_ptr_array_add(action->kept, text);
	return text;
}

/* Deleting what the mail does not have is no edit: most mails stay as they are, and recipients with
 * the same mail share a transaction. */
static gboolean
host_edit(AmAction *action, AmEditOp op, const char *name, const char *value)
{
	const AmReport *report = action->shared->mail->report;
	AmDisposition *disposition = action->disposition;
	if (op == AM_EDIT_DELETE && report != NULL && name != NULL &&
	    am_report_field(report, name) == NULL)
		return TRUE;
	if (disposition->edits == NULL)
		disposition->edits = am_edits_new();
	return am_edits_add(disposition->edits, op, name, value, NULL);
}

static const char *
host_action_quarantine_id(AmAction *action)
{
	const AmDisposition *disposition = action->disposition;
	return disposition->quarantine != NULL && *disposition->quarantine != '\0'
		       ? action->shared->mail->id
		       : "";
}

void
am_action_mail_clear(AmActionMail *shared)
{
	g_clear_pointer(&shared->tests, g_free);
	g_clear_pointer(&shared->subject, g_free);
	g_clear_pointer(&shared->findings, g_free);
}

void
am_pipeline_host_init(AmHost *host)
{
	am_host_init(host);
	host->mail_fd = host_mail_fd;
	host->mail_size = host_mail_size;
	host->mail_id = host_mail_id;
	host->mail_sender = host_mail_sender;
	host->mail_n_recipients = host_mail_n_recipients;
	host->mail_recipient = host_mail_recipient;
	host->mail_client_address = host_mail_client_address;
	host->mail_helo = host_mail_helo;
	host->deadline_us = host_deadline_us;
	host->finding = host_finding;
	host->score = host_score;
	host->test = host_test;
	host->action_mail_id = host_action_mail_id;
	host->action_recipient = host_action_recipient;
	host->action_category = host_action_category;
	host->action_has_category = host_action_has_category;
	host->action_score = host_action_score;
	host->action_has_score = host_action_has_score;
	host->action_tests = host_action_tests;
	host->action_reasons = host_action_reasons;
	host->action_subject = host_action_subject;
	host->action_setting = host_action_setting;
	host->edit = host_edit;
	host->action_quarantine_id = host_action_quarantine_id;
}
