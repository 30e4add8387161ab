/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The record of one mail and its line in the log; docs/logging.md says what each key means.
 *
 * Keys that have nothing to say are left out, but for those that every line has.  Whatever came
 * from a mail or a client is escaped and cut, lists are cut and the rest counted, so the line stays
 * a line of bounded length. */

#include <config.h>

#include "pipeline/record.h"

#include <string.h>

#include "log/log.h"
#include "mail/address.h"

#define RECORD_MAX_TEXT 300u /* bytes of one value from outside */
#define RECORD_MAX_LIST 3000u
#define RECORD_MAX_TO 8000u
#define RECORD_MAX_ITEMS 50u
#define RECORD_EXIT_UNSURE 75 /* EX_TEMPFAIL */

static const char *const record_stages[] = { "receive", "inspect", "scan",  "judge",
					     "store",   "deliver", "notify" };

G_STATIC_ASSERT(G_N_ELEMENTS(record_stages) == AM_N_STAGES);

AmRecord *
am_record_new(AmMail *mail)
{
	AmRecord *record = g_new0(AmRecord, 1);
	record->mail = mail;
	record->failure = g_strdup("");
	record->quarantine_location = g_strdup("");
	record->dsn_queue_id = g_strdup("");
	return record;
}

void
am_record_free(AmRecord *record)
{
	if (record == NULL)
		return;
	g_clear_pointer(&record->dispositions, g_ptr_array_unref); /* they point into the mail */
	g_clear_pointer(&record->replies, g_ptr_array_unref);
	am_mail_free(record->mail);
	g_free(record->failure);
	g_free(record->quarantine_location);
	g_free(record->dsn_queue_id);
	g_free(record);
}

void
am_record_add_failure(AmRecord *record, const char *text)
{
	g_autofree char *before = record->failure;
	record->failure = *before != '\0' ? g_strdup_printf("%s; %s", before, text) : g_strdup(text);
}

/* ---- what became of it --------------------------------------------------------------------- */

/* The reply that the client got for a recipient: his own with LMTP. */
static const AmReply *
record_reply(const AmRecord *record, guint index)
{
	if (record->replies == NULL || record->replies->len == 0)
		return NULL;
	return record->replies->pdata[index < record->replies->len ? index : 0];
}

static AmOutcome
record_outcome_planned(const AmDisposition *disposition)
{
	switch (disposition->destiny) {
	case AM_DESTINY_PASS:
		return AM_OUTCOME_DELIVER;
	case AM_DESTINY_BOUNCE:
		return AM_OUTCOME_BOUNCE;
	case AM_DESTINY_REJECT:
		return AM_OUTCOME_REJECT;
	case AM_DESTINY_DISCARD:
		return AM_OUTCOME_DISCARD;
	case AM_DESTINY_TEMPFAIL:
		break;
	}
	return AM_OUTCOME_TEMPFAIL;
}

AmOutcome
am_record_outcome(const AmRecord *record, guint index)
{
	const AmReply *reply = record_reply(record, index);
	if (record->dispositions == NULL || index >= record->dispositions->len)
		return AM_OUTCOME_TEMPFAIL;
	const AmDisposition *disposition = record->dispositions->pdata[index];
	if (disposition->is_delivered)
		return AM_OUTCOME_DELIVER;
	if (reply == NULL)
		return record_outcome_planned(disposition);
	if (am_reply_is_temporary(reply))
		return AM_OUTCOME_TEMPFAIL;
	if (disposition->destiny == AM_DESTINY_DISCARD)
		return AM_OUTCOME_DISCARD;
	/* refused for this recipient while the mail as a whole was taken: the sender is told */
	return am_reply_is_success(reply) ? AM_OUTCOME_BOUNCE : AM_OUTCOME_REJECT;
}

const char *
am_outcome_name(AmOutcome outcome)
{
	static const char *const names[] = { "deliver", "bounce", "reject", "discard", "tempfail" };
	return names[outcome];
}

const char *
am_record_status(const AmRecord *record)
{
	guint n = record->mail->envelope->recipients->len;
	guint n_delivered = 0;
	for (guint i = 0; i < n; i++) {
		AmOutcome outcome = am_record_outcome(record, i);
		if (outcome == AM_OUTCOME_TEMPFAIL)
			return "tempfailed";
		n_delivered += outcome == AM_OUTCOME_DELIVER;
	}
	return n_delivered == n ? "passed" : n_delivered == 0 ? "blocked" : "partly";
}

AmCategory
am_record_category(const AmRecord *record)
{
	AmCategory category = AM_CATEGORY_NONE;
	for (guint i = 0; record->dispositions != NULL && i < record->dispositions->len; i++) {
		const AmDisposition *disposition = record->dispositions->pdata[i];
		category = MAX(category, disposition->main_category);
	}
	return category;
}

int
am_record_exit_status(const AmRecord *record)
{
	const char *status = am_record_status(record);
	if (strcmp(status, "tempfailed") == 0)
		return RECORD_EXIT_UNSURE;
	return strcmp(status, "passed") == 0 ? 0 : 1;
}

/* ---- the line ------------------------------------------------------------------------------ */

static void
record_append(GString *line, const char *key, const char *value, gsize max)
{
	if (value == NULL || *value == '\0')
		return;
	g_string_append_printf(line, " %s=", key);
	am_log_append_safe(line, value, max);
}

static void
record_append_angle(GString *line, const char *key, const char *address)
{
	g_autofree char *quoted = am_address_quote(address);
	g_autofree char *text = g_strdup_printf("<%s>", quoted);
	record_append(line, key, text, RECORD_MAX_TEXT);
}

/* "<a@example.org>:deliver:250:4XyZ": the queue id is the next hop's. */
static void
record_append_recipient(GString *out, const AmRecord *record, guint index)
{
	const AmRecipient *recipient = record->mail->envelope->recipients->pdata[index];
	const AmReply *reply = record_reply(record, index);
	g_autofree char *quoted = am_address_quote(recipient->address);
	g_string_append_printf(out, "<%s>:%s", quoted,
			       am_outcome_name(am_record_outcome(record, index)));
	if (record->dispositions == NULL || index >= record->dispositions->len) {
		g_string_append_printf(out, ":%d", reply != NULL ? reply->code : 0);
		return;
	}
	const AmDisposition *disposition = record->dispositions->pdata[index];
	if (disposition->reply != NULL) /* his own, which with SMTP may differ from the mail's */
		reply = disposition->reply;
	g_string_append_printf(out, ":%d", reply != NULL ? reply->code : 0);
	if (*disposition->queue_id_out != '\0')
		g_string_append_printf(out, ":%s", disposition->queue_id_out);
}

static void
record_append_recipients(GString *line, const AmRecord *record)
{
	g_autoptr(GString) to = g_string_new(NULL);
	guint n = record->mail->envelope->recipients->len;
	guint i = 0;
	for (; i < n && i < RECORD_MAX_ITEMS && to->len < RECORD_MAX_TO; i++) {
		if (i > 0)
			g_string_append_c(to, ',');
		record_append_recipient(to, record, i);
	}
	record_append(line, "to", to->str, RECORD_MAX_TO);
	if (i < n)
		g_string_append_printf(line, " to_more=%u", n - i);
}

static void
record_append_findings(GString *line, const AmReport *report)
{
	g_autoptr(GString) list = g_string_new(NULL);
	guint n = MIN(report->findings->len, RECORD_MAX_ITEMS);
	for (guint i = 0; i < n && list->len < RECORD_MAX_LIST; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		g_string_append_printf(list, "%s%s:%s", i > 0 ? "," : "", finding->kind,
				       finding->name);
	}
	record_append(line, "findings", list->str, RECORD_MAX_LIST);
}

static void
record_append_failures(GString *line, const AmReport *report)
{
	g_autoptr(GString) list = g_string_new(NULL);
	guint n = MIN(report->failures->len, RECORD_MAX_ITEMS);
	for (guint i = 0; i < n && list->len < RECORD_MAX_TEXT; i++) {
		const AmScanFailure *failure = report->failures->pdata[i];
		g_string_append_printf(list, "%s%s", i > 0 ? "," : "", failure->scanner);
	}
	record_append(line, "failed", list->str, RECORD_MAX_TEXT);
}

static void
record_append_double(GString *line, const char *key, double value)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];
	g_string_append_printf(line, " %s=%s", key,
			       g_ascii_formatd(text, sizeof text, "%.6g", value));
}

static void
record_append_spam(GString *line, const AmReport *report)
{
	g_autoptr(GString) list = g_string_new(NULL);
	guint n = MIN(report->tests->len, 2 * RECORD_MAX_ITEMS);
	for (guint i = 0; i < n && list->len < RECORD_MAX_LIST; i++) {
		const AmTest *test = report->tests->pdata[i];
		char points[G_ASCII_DTOSTR_BUF_SIZE];
		(void)g_ascii_formatd(points, sizeof points, "%.4g", test->points);
		g_string_append_printf(list, "%s%s:%s", i > 0 ? "," : "", test->name, points);
	}
	if (report->is_scored)
		record_append_double(line, "score", report->score);
	record_append(line, "tests", list->str, RECORD_MAX_LIST);
}

static void
record_append_facts(GString *line, const AmReport *report)
{
	if (report == NULL)
		return;
	record_append(line, "message_id", report->message_id, RECORD_MAX_TEXT);
	if (report->findings->len > 0)
		record_append_findings(line, report);
	if (report->defects->len > 0)
		g_string_append_printf(line, " defects=%u", report->defects->len);
	if (report->is_scored || report->tests->len > 0)
		record_append_spam(line, report);
	if (report->failures->len > 0)
		record_append_failures(line, report);
}

/* The first that says something; recipients mostly agree. */
static void
record_append_ways(GString *line, const AmRecord *record)
{
	const char *next_hop = "", *rule = "";
	for (guint i = 0; record->dispositions != NULL && i < record->dispositions->len; i++) {
		const AmDisposition *disposition = record->dispositions->pdata[i];
		if (*next_hop == '\0')
			next_hop = disposition->next_hop;
		if (*rule == '\0')
			rule = disposition->banned_rule;
	}
	record_append(line, "banned_rule", rule, RECORD_MAX_TEXT);
	record_append(line, "quarantine", record->quarantine_location, RECORD_MAX_TEXT);
	record_append(line, "next_hop", next_hop, RECORD_MAX_TEXT);
	record_append(line, "dsn", record->dsn_queue_id, RECORD_MAX_TEXT);
}

static void
record_append_reply(GString *line, const AmRecord *record)
{
	const AmReply *reply = record_reply(record, 0);
	if (reply == NULL)
		return;
	g_autofree char *text = am_reply_to_string(reply);
	record_append(line, "reply", text, RECORD_MAX_TEXT);
}

static void
record_append_ms(GString *line, const char *key, gint64 us)
{
	/* tenths: a clean small mail takes less than a millisecond in most stages */
	g_string_append_printf(line, " %s=%" G_GINT64_FORMAT ".%d", key, us / 1000,
			       (int)(us % 1000 / 100));
}

char *
am_record_to_text(const AmRecord *record)
{
	const AmEnvelope *envelope = record->mail->envelope;
	GString *line = g_string_sized_new(768);
	g_string_append_printf(line, "mail_id=%s status=%s category=%s", record->mail->id,
			       am_record_status(record),
			       am_category_name(am_record_category(record)));
	record_append(line, "listener", envelope->listener, RECORD_MAX_TEXT);
	record_append(line, "client", envelope->client_address, RECORD_MAX_TEXT);
	record_append(line, "helo", envelope->helo, RECORD_MAX_TEXT);
	record_append(line, "auth", envelope->authenticated, RECORD_MAX_TEXT);
	record_append(line, "queue_in", envelope->queue_id, RECORD_MAX_TEXT);
	record_append_angle(line, "from", envelope->sender);
	record_append_recipients(line, record);
	g_string_append_printf(line, " size=%" G_GUINT64_FORMAT,
			       am_spool_size(record->mail->spool));
	record_append_facts(line, record->mail->report);
	record_append_ways(line, record);
	record_append_reply(line, record);
	record_append(line, "failure", record->failure, RECORD_MAX_LIST);
	record_append_ms(line, "ms", record->total_us);
	for (guint i = 0; i < AM_N_STAGES; i++)
		if (record->stage_us[i] > 0)
			record_append_ms(line, record_stages[i], record->stage_us[i]);
	return g_string_free(line, FALSE);
}
