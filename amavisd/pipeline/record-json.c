/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The record of one mail as a JSON object; docs/report.schema.json says what each member means.
 *
 * json-glib escapes what JSON wants escaped, and every text of a report is valid UTF-8; texts that
 * come from elsewhere (envelope, replies) are made so here. */

#include <config.h>

#include <json-glib/json-glib.h>

#include "pipeline/record.h"

#include "mail/address.h"

typedef struct {
	JsonBuilder *b;
	guint max_items; /* of a list */
	guint n_omitted;
} Json;

static void
json_key(Json *json, const char *name)
{
	(void)json_builder_set_member_name(json->b, name);
}

static void
json_value(Json *json, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text != NULL ? text : "", -1);
	(void)json_builder_add_string_value(json->b, valid);
}

static void
json_text(Json *json, const char *name, const char *text)
{
	json_key(json, name);
	json_value(json, text);
}

static void
json_int(Json *json, const char *name, gint64 value)
{
	json_key(json, name);
	(void)json_builder_add_int_value(json->b, value);
}

static void
json_double(Json *json, const char *name, double value)
{
	json_key(json, name);
	(void)json_builder_add_double_value(json->b, value);
}

static void
json_bool(Json *json, const char *name, gboolean value)
{
	json_key(json, name);
	(void)json_builder_add_boolean_value(json->b, value);
}

static void
json_null(Json *json, const char *name)
{
	json_key(json, name);
	(void)json_builder_add_null_value(json->b);
}

static void
json_open(Json *json, const char *name)
{
	if (name != NULL)
		json_key(json, name);
	(void)json_builder_begin_object(json->b);
}

static void
json_close(Json *json)
{
	(void)json_builder_end_object(json->b);
}

/* Opens a list; returns how many of its `n` items are told. */
static guint
json_list(Json *json, const char *name, guint n)
{
	guint shown = MIN(n, json->max_items);
	json->n_omitted += n - shown;
	json_key(json, name);
	(void)json_builder_begin_array(json->b);
	return shown;
}

static void
json_end_list(Json *json)
{
	(void)json_builder_end_array(json->b);
}

/* ---- what was found ------------------------------------------------------------------------ */

static void
json_parts(Json *json, const AmReport *report)
{
	guint n = json_list(json, "parts", report != NULL ? report->parts->len : 0);
	for (guint i = 0; i < n; i++) {
		const AmReportPart *part = report->parts->pdata[i];
		json_open(json, NULL);
		json_text(json, "path", part->path);
		json_text(json, "declared_type", part->declared_type);
		json_text(json, "type", part->type);
		json_text(json, "short_type", part->short_type);
		json_text(json, "name", part->name);
		json_int(json, "size", (gint64)part->size);
		json_text(json, "digest", part->digest);
		json_bool(json, "encrypted", (part->flags & AM_PART_ENCRYPTED) != 0);
		json_bool(json, "undecoded", (part->flags & AM_PART_UNDECODED) != 0);
		json_bool(json, "ambiguous", (part->flags & AM_PART_AMBIGUOUS) != 0);
		if (part->reason != NULL && *part->reason != '\0')
			json_text(json, "reason", part->reason);
		json_close(json);
	}
	json_end_list(json);
}

static void
json_content(Json *json, const AmReport *report)
{
	g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
	AmContent content = am_report_content(report, reasons);
	json_text(json, "content", am_content_name(content));
	guint n = json_list(json, "content_reasons", reasons->len);
	for (guint i = 0; i < n; i++)
		json_value(json, reasons->pdata[i]);
	json_end_list(json);
}

static void
json_findings(Json *json, const AmReport *report)
{
	guint n = json_list(json, "findings", report != NULL ? report->findings->len : 0);
	for (guint i = 0; i < n; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		json_open(json, NULL);
		json_text(json, "kind", finding->kind);
		json_text(json, "name", finding->name);
		json_text(json, "scanner", finding->scanner);
		if (finding->part >= 0 && (guint)finding->part < report->parts->len)
			json_text(json, "part",
				  ((AmReportPart *)report->parts->pdata[finding->part])->path);
		else
			json_null(json, "part");
		json_text(json, "detail", finding->detail);
		json_close(json);
	}
	json_end_list(json);
}

static void
json_defects(Json *json, const AmReport *report)
{
	guint n = json_list(json, "header_defects", report != NULL ? report->defects->len : 0);
	for (guint i = 0; i < n; i++) {
		const AmHeaderDefect *defect = report->defects->pdata[i];
		json_open(json, NULL);
		json_text(json, "kind", defect->kind);
		json_text(json, "field", defect->field);
		json_int(json, "position", (gint64)defect->position);
		json_text(json, "section", defect->section);
		json_text(json, "detail", defect->detail);
		json_close(json);
	}
	json_end_list(json);
}

static void
json_scanners(Json *json, const AmReport *report)
{
	guint n = json_list(json, "scanners", report != NULL ? report->scanners->len : 0);
	for (guint i = 0; i < n; i++) {
		const AmScanTime *scanner = report->scanners->pdata[i];
		json_open(json, NULL);
		json_text(json, "scanner", scanner->scanner);
		json_double(json, "ms", scanner->duration_us / 1000.0);
		json_close(json);
	}
	json_end_list(json);
	n = json_list(json, "failures", report != NULL ? report->failures->len : 0);
	for (guint i = 0; i < n; i++) {
		const AmScanFailure *failure = report->failures->pdata[i];
		json_open(json, NULL);
		json_text(json, "scanner", failure->scanner);
		json_text(json, "text", failure->text);
		json_close(json);
	}
	json_end_list(json);
}

static void
json_spam(Json *json, const AmReport *report)
{
	json_open(json, "spam");
	if (report != NULL && report->is_scored)
		json_double(json, "score", report->score);
	else
		json_null(json, "score");
	guint n = json_list(json, "tests", report != NULL ? report->tests->len : 0);
	for (guint i = 0; i < n; i++) {
		const AmTest *test = report->tests->pdata[i];
		json_open(json, NULL);
		json_text(json, "name", test->name);
		json_double(json, "points", test->points);
		json_text(json, "scanner", test->scanner);
		json_close(json);
	}
	json_end_list(json);
	json_close(json);
}

/* ---- what becomes of it -------------------------------------------------------------------- */

static void
json_reply(Json *json, const char *name, const AmReply *reply)
{
	if (reply == NULL) {
		json_null(json, name);
		return;
	}
	g_autofree char *text = am_reply_to_string(reply);
	json_text(json, name, text);
}

static void
json_edits(Json *json, const AmEdits *edits)
{
	static const char *const ops[] = { [AM_EDIT_PREPEND] = "prepend",
					   [AM_EDIT_APPEND] = "append",
					   [AM_EDIT_REPLACE] = "replace",
					   [AM_EDIT_DELETE] = "delete" };
	guint n = json_list(json, "edits", edits != NULL ? am_edits_count(edits) : 0);
	for (guint i = 0; i < n; i++) {
		const AmEdit *edit = am_edits_get(edits, i);
		json_open(json, NULL);
		json_text(json, "op", ops[edit->op]);
		json_text(json, "name", edit->name);
		if (edit->value != NULL)
			json_text(json, "value", edit->value);
		json_close(json);
	}
	json_end_list(json);
}

/* All categories of the recipient, highest first, with their minors. */
static void
json_categories(Json *json, const AmCategorySet *set)
{
	json_key(json, "categories");
	(void)json_builder_begin_array(json->b);
	for (guint major = AM_N_CATEGORIES; major-- > AM_CATEGORY_CLEAN;) {
		if (!am_category_set_has(set, major))
			continue;
		guint minor = am_category_set_highest_minor(set, major);
		const char *name = am_category_minor_name(major, minor);
		json_value(json, name != NULL ? name : am_category_name(major));
	}
	json_end_list(json);
}

static void
json_disposition(Json *json, const AmRecord *record, const AmDisposition *disposition)
{
	const AmReport *report = record->mail->report;
	if (disposition->target != NULL)
		json_text(json, "target", disposition->target->address);
	json_categories(json, &disposition->categories);
	json_text(json, "category", am_category_name(disposition->main_category));
	if (disposition->blocking != AM_CATEGORY_NONE)
		json_text(json, "blocking", am_category_name(disposition->blocking));
	else
		json_null(json, "blocking");
	json_text(json, "destiny", am_destiny_name(disposition->destiny));
	json_text(json, "reason", disposition->reason);
	if (*disposition->banned_rule != '\0')
		json_text(json, "banned_rule", disposition->banned_rule);
	if (report != NULL && report->is_scored)
		json_double(json, "score", disposition->score);
	json_reply(json, "reply", disposition->reply);
	json_text(json, "route", disposition->route);
	json_edits(json, disposition->edits);
	json_text(json, "quarantine", disposition->quarantine);
	if (*disposition->dsn_suppressed != '\0')
		json_text(json, "dsn_suppressed", disposition->dsn_suppressed);
	json_text(json, "next_hop", disposition->next_hop);
	json_text(json, "queue_id", disposition->queue_id_out);
}

static void
json_recipients(Json *json, const AmRecord *record)
{
	const GPtrArray *recipients = record->mail->envelope->recipients;
	guint n = json_list(json, "recipients", recipients->len);
	for (guint i = 0; i < n; i++) {
		json_open(json, NULL);
		json_text(json, "address", ((AmRecipient *)recipients->pdata[i])->address);
		json_text(json, "outcome", am_outcome_name(am_record_outcome(record, i)));
		if (record->dispositions != NULL && i < record->dispositions->len)
			json_disposition(json, record, record->dispositions->pdata[i]);
		json_close(json);
	}
	json_end_list(json);
}

static void
json_replies(Json *json, const AmRecord *record)
{
	guint n = json_list(json, "replies", record->replies != NULL ? record->replies->len : 0);
	for (guint i = 0; i < n; i++) {
		g_autofree char *text = am_reply_to_string(record->replies->pdata[i]);
		json_value(json, text);
	}
	json_end_list(json);
}

static void
json_timing(Json *json, const AmRecord *record)
{
	static const char *const stages[AM_N_STAGES] = { "receive", "inspect", "scan",	"judge",
							 "store",   "deliver", "notify" };
	const AmReport *report = record->mail->report;
	json_open(json, "timing"); /* milliseconds */
	for (guint i = 0; i < AM_N_STAGES; i++)
		json_double(json, stages[i], record->stage_us[i] / 1000.0);
	if (report != NULL) {
		json_double(json, "worker_decode", report->decode_us / 1000.0);
		json_double(json, "worker_scan", report->scan_us / 1000.0);
	}
	json_double(json, "total", record->total_us / 1000.0);
	json_close(json);
}

/* ---- the object ---------------------------------------------------------------------------- */

static void
json_time(Json *json, gint64 real_us)
{
	g_autoptr(GDateTime) seconds = g_date_time_new_from_unix_utc(real_us / G_USEC_PER_SEC);
	g_autoptr(GDateTime) time =
		seconds != NULL ? g_date_time_add(seconds, real_us % G_USEC_PER_SEC) : NULL;
	g_autofree char *text = time != NULL ? g_date_time_format_iso8601(time) : NULL;
	json_text(json, "time", text);
}

static void
json_envelope(Json *json, const AmEnvelope *envelope)
{
	json_text(json, "sender", envelope->sender);
	json_text(json, "listener", envelope->listener);
	json_text(json, "protocol", envelope->protocol);
	json_text(json, "client", envelope->client_address);
	json_text(json, "client_name", envelope->client_name);
	json_text(json, "helo", envelope->helo);
	json_text(json, "authenticated", envelope->authenticated);
	json_text(json, "queue_id", envelope->queue_id);
}

static void
json_head(Json *json, const AmReport *report)
{
	json_text(json, "subject", report != NULL ? report->subject : "");
	json_text(json, "from", report != NULL ? report->from : "");
	json_text(json, "message_id", report != NULL ? report->message_id : "");
	json_text(json, "digest", report != NULL ? report->digest : "");
}

static void
json_record(Json *json, const AmRecord *record)
{
	const AmReport *report = record->mail->report;
	json_open(json, NULL);
	json_text(json, "type", "mail");
	json_time(json, record->mail->arrival_us);
	json_text(json, "mail_id", record->mail->id);
	json_text(json, "status", am_record_status(record));
	json_text(json, "category", am_category_name(am_record_category(record)));
	json_int(json, "size", (gint64)am_spool_size(record->mail->spool));
	json_envelope(json, record->mail->envelope);
	json_head(json, report);
	json_content(json, report);
	json_parts(json, report);
	json_findings(json, report);
	json_int(json, "findings_lost", report != NULL ? report->n_findings_lost : 0);
	json_defects(json, report);
	(void)json_list(json, "signatures", 0);
	json_end_list(json);
	json_spam(json, report);
	json_scanners(json, report);
	json_recipients(json, record);
	json_replies(json, record);
	json_text(json, "quarantine_location", record->quarantine_location);
	json_text(json, "quarantine_secret",
		  *record->quarantine_location != '\0' ? record->mail->secret : "");
	json_text(json, "dsn_queue_id", record->dsn_queue_id);
	json_text(json, "failure", record->failure);
	json_timing(json, record);
	json_int(json, "omitted", json->n_omitted);
	json_close(json);
}

static char *
json_write(const AmRecord *record, guint max_items, gboolean pretty)
{
	g_autoptr(JsonBuilder) builder = json_builder_new_immutable();
	Json json = { .b = builder, .max_items = max_items };
	json_record(&json, record);
	g_autoptr(JsonNode) root = json_builder_get_root(builder);
	return json_to_string(root, pretty);
}

char *
am_record_to_json(const AmRecord *record, gboolean pretty)
{
	return json_write(record, G_MAXUINT, pretty);
}

char *
am_record_to_event(const AmRecord *record)
{
	return json_write(record, AM_RECORD_EVENT_ITEMS, FALSE);
}
