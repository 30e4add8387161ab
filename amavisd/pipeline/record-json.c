/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The record of one mail as a JSON object; docs/report.schema.json says what each member means.
 *
 * json-glib escapes what JSON wants escaped, and every text of a report is valid UTF-8; texts that
 * come from elsewhere (envelope, replies) are made so here. */

#include <config.h>

#include "pipeline/record.h"

#include "log/json.h"
#include "mail/address.h"

typedef struct {
	JsonBuilder *b;
	const AmRecord *record;
	const AmReport *report; /* an empty one where there is none */
	guint max_items; /* of a list */
	guint n_omitted;
	const AmHandback *handback; /* NULL none */
} Json;

/* Writes one item of a list. */
typedef void (*JsonItem)(Json *json, gconstpointer item, guint index);

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

/* items NULL: none. */
static void
json_items(Json *json, const char *name, const GPtrArray *items, JsonItem write)
{
	guint n = json_list(json, name, items != NULL ? items->len : 0);
	for (guint i = 0; i < n; i++)
		write(json, items->pdata[i], i);
	json_end_list(json);
}

/* The same; each of them is an object. */
static void
json_objects(Json *json, const char *name, const GPtrArray *items, JsonItem write)
{
	guint n = json_list(json, name, items != NULL ? items->len : 0);
	for (guint i = 0; i < n; i++) {
		json_open(json, NULL);
		write(json, items->pdata[i], i);
		json_close(json);
	}
	json_end_list(json);
}

/* ---- what was found ------------------------------------------------------------------------ */

static void
json_part(Json *json, gconstpointer item, guint index G_GNUC_UNUSED)
{
	const AmReportPart *part = item;
	json_text(json, "path", part->path);
	json_text(json, "declared_type", part->declared_type);
	json_text(json, "type", part->type);
	json_text(json, "short_type", part->short_type);
	json_text(json, "name", part->name);
	am_json_int(json->b, "size", (gint64)part->size);
	json_text(json, "digest", part->digest);
	am_json_bool(json->b, "encrypted", (part->flags & AM_PART_ENCRYPTED) != 0);
	am_json_bool(json->b, "undecoded", (part->flags & AM_PART_UNDECODED) != 0);
	am_json_bool(json->b, "ambiguous", (part->flags & AM_PART_AMBIGUOUS) != 0);
	if (part->reason != NULL && *part->reason != '\0')
		json_text(json, "reason", part->reason);
}

static void
json_string(Json *json, gconstpointer item, guint index G_GNUC_UNUSED)
{
	json_value(json, item);
}

static void
json_content(Json *json)
{
	g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
	AmContent content = am_report_content(json->record->mail->report, reasons);
	json_text(json, "content", am_content_name(content));
	json_items(json, "content_reasons", reasons, json_string);
}

static void
json_finding(Json *json, gconstpointer item, guint index G_GNUC_UNUSED)
{
	const AmFinding *finding = item;
	const GPtrArray *parts = json->report->parts;
	json_text(json, "kind", finding->kind);
	json_text(json, "name", finding->name);
	json_text(json, "scanner", finding->scanner);
	if (finding->part >= 0 && (guint)finding->part < parts->len)
		json_text(json, "part", ((AmReportPart *)parts->pdata[finding->part])->path);
	else
		am_json_null(json->b, "part");
	json_text(json, "detail", finding->detail);
}

static void
json_defect(Json *json, gconstpointer item, guint index G_GNUC_UNUSED)
{
	const AmHeaderDefect *defect = item;
	json_text(json, "kind", defect->kind);
	json_text(json, "field", defect->field);
	am_json_int(json->b, "position", (gint64)defect->position);
	json_text(json, "section", defect->section);
	json_text(json, "detail", defect->detail);
}

static void
json_scanner(Json *json, gconstpointer item, guint index G_GNUC_UNUSED)
{
	const AmScanTime *scanner = item;
	json_text(json, "scanner", scanner->scanner);
	am_json_double(json->b, "ms", scanner->duration_us / 1000.0);
}

static void
json_failure(Json *json, gconstpointer item, guint index G_GNUC_UNUSED)
{
	const AmScanFailure *failure = item;
	json_text(json, "scanner", failure->scanner);
	json_text(json, "text", failure->text);
}

static void
json_test(Json *json, gconstpointer item, guint index G_GNUC_UNUSED)
{
	const AmTest *test = item;
	json_text(json, "name", test->name);
	am_json_double(json->b, "points", test->points);
	json_text(json, "scanner", test->scanner);
}

static void
json_spam(Json *json)
{
	json_open(json, "spam");
	if (json->report->is_scored)
		am_json_double(json->b, "score", json->report->score);
	else
		am_json_null(json->b, "score");
	json_objects(json, "tests", json->report->tests, json_test);
	json_close(json);
}

/* ---- what becomes of it -------------------------------------------------------------------- */

static void
json_reply(Json *json, const char *name, const AmReply *reply)
{
	if (reply == NULL) {
		am_json_null(json->b, name);
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
json_disposition(Json *json, const AmDisposition *disposition)
{
	if (disposition->target != NULL)
		json_text(json, "target", disposition->target->address);
	json_categories(json, &disposition->categories);
	json_text(json, "category", am_category_name(disposition->main_category));
	if (disposition->blocking != AM_CATEGORY_NONE)
		json_text(json, "blocking", am_category_name(disposition->blocking));
	else
		am_json_null(json->b, "blocking");
	json_text(json, "destiny", am_destiny_name(disposition->destiny));
	json_text(json, "reason", disposition->reason);
	if (*disposition->banned_rule != '\0')
		json_text(json, "banned_rule", disposition->banned_rule);
	if (json->report->is_scored)
		am_json_double(json->b, "score", disposition->score);
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
json_recipient(Json *json, gconstpointer item, guint index)
{
	const GPtrArray *dispositions = json->record->dispositions;
	json_text(json, "address", ((const AmRecipient *)item)->address);
	json_text(json, "outcome", am_outcome_name(am_record_outcome(json->record, index)));
	if (dispositions != NULL && index < dispositions->len)
		json_disposition(json, dispositions->pdata[index]);
}

static void
json_reply_text(Json *json, gconstpointer item, guint index G_GNUC_UNUSED)
{
	g_autofree char *text = am_reply_to_string(item);
	json_value(json, text);
}

/* What a client that delivers by itself is to do with its copy. */
static void
json_answer(Json *json)
{
	const AmHandback *handback = json->handback;
	const GPtrArray *recipients = json->record->mail->envelope->recipients;
	const char *action = handback->is_discard ? "discard" : "accept";
	if (handback->reply != NULL)
		action = am_reply_is_permanent(handback->reply) ? "reject" : "tempfail";
	json_open(json, "answer");
	json_text(json, "action", action);
	json_reply(json, "reply", handback->reply);
	json_edits(json, handback->edits);
	guint n = json_list(json, "remove", handback->removed->len);
	for (guint i = 0; i < n; i++) {
		const AmRecipient *recipient =
			recipients->pdata[g_array_index(handback->removed, guint, i)];
		json_value(json, recipient->address);
	}
	json_end_list(json);
	json_items(json, "add", handback->added, json_string);
	if (handback->quarantine != NULL)
		json_text(json, "hold", handback->quarantine);
	json_close(json);
}

static void
json_timing(Json *json)
{
	static const char *const stages[AM_N_STAGES] = { "receive", "inspect", "scan",	"judge",
							 "store",   "deliver", "notify" };
	const AmRecord *record = json->record;
	json_open(json, "timing"); /* milliseconds */
	for (guint i = 0; i < AM_N_STAGES; i++)
		am_json_double(json->b, stages[i], record->stage_us[i] / 1000.0);
	if (record->mail->report != NULL) {
		am_json_double(json->b, "worker_decode", json->report->decode_us / 1000.0);
		am_json_double(json->b, "worker_scan", json->report->scan_us / 1000.0);
	}
	am_json_double(json->b, "total", record->total_us / 1000.0);
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
json_head(Json *json)
{
	json_text(json, "subject", json->report->subject);
	json_text(json, "from", json->report->from);
	json_text(json, "message_id", json->report->message_id);
	json_text(json, "digest", json->report->digest);
}

static void
json_record(Json *json)
{
	const AmRecord *record = json->record;
	const AmReport *report = json->report;
	json_open(json, NULL);
	json_text(json, "type", "mail");
	json_time(json, record->mail->arrival_us);
	json_text(json, "mail_id", record->mail->id);
	json_text(json, "status", am_record_status(record));
	json_text(json, "category", am_category_name(am_record_category(record)));
	am_json_int(json->b, "size", (gint64)am_spool_size(record->mail->spool));
	json_envelope(json, record->mail->envelope);
	json_head(json);
	json_content(json);
	json_objects(json, "parts", report->parts, json_part);
	json_objects(json, "findings", report->findings, json_finding);
	am_json_int(json->b, "findings_lost", report->n_findings_lost);
	json_objects(json, "header_defects", report->defects, json_defect);
	json_objects(json, "signatures", NULL, NULL);
	json_spam(json);
	json_objects(json, "scanners", report->scanners, json_scanner);
	json_objects(json, "failures", report->failures, json_failure);
	json_objects(json, "recipients", record->mail->envelope->recipients, json_recipient);
	json_items(json, "replies", record->replies, json_reply_text);
	json_text(json, "quarantine_location", record->quarantine_location);
	json_text(json, "quarantine_secret",
		  *record->quarantine_location != '\0' ? record->mail->secret : "");
	json_text(json, "dsn_queue_id", record->dsn_queue_id);
	json_text(json, "failure", record->failure);
	if (json->handback != NULL)
		json_answer(json);
	json_timing(json);
	am_json_int(json->b, "omitted", json->n_omitted);
	json_close(json);
}

static char *
json_write(const AmRecord *record, const AmHandback *handback, guint max_items, gboolean pretty)
{
	static const AmReport none;
	const AmReport *report = record->mail->report;
	g_autoptr(JsonBuilder) builder = json_builder_new_immutable();
	Json json = { .b = builder,
		      .record = record,
		      .report = report != NULL ? report : &none,
		      .max_items = max_items,
		      .handback = handback };
	json_record(&json);
	return am_json_to_string(builder, pretty);
}

char *
am_record_to_json(const AmRecord *record, gboolean pretty)
{
	return json_write(record, NULL, G_MAXUINT, pretty);
}

char *
am_record_to_event(const AmRecord *record)
{
	return json_write(record, NULL, AM_RECORD_EVENT_ITEMS, FALSE);
}

char *
am_record_to_answer(const AmRecord *record, const AmHandback *handback)
{
	return json_write(record, handback, G_MAXUINT, FALSE);
}
