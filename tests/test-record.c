/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The record of a mail: what the line says, that nothing hostile gets through it, and that the JSON
 * object is what docs/report.schema.json promises. */

#include <config.h>

#include "pipeline/record.h"

#include <json-glib/json-glib.h>
#include <string.h>

static AmMail *
make_mail(const char *sender, const char *const *recipients)
{
	g_autoptr(GError) error = NULL;
	AmEnvelope *envelope = am_envelope_new();
	AmSpool *spool = am_spool_new(g_get_tmp_dir(), 1 << 20);
	envelope->sender = g_strdup(sender);
	for (; *recipients != NULL; recipients++)
		(void)am_envelope_add_recipient(envelope, *recipients);
	g_assert_true(am_spool_append(spool, "Subject: x\r\n\r\n", 14, &error));
	g_assert_true(am_spool_finish(spool, &error));
	AmMail *mail = am_mail_new(envelope, spool);
	(void)g_strlcpy(mail->id, "0123456789abcdef", sizeof mail->id);
	return mail;
}

static AmDisposition *
add_disposition(AmRecord *record, AmDestiny destiny, AmCategory category)
{
	if (record->dispositions == NULL)
		record->dispositions =
			g_ptr_array_new_with_free_func((GDestroyNotify)am_disposition_free);
	AmDisposition *disposition = am_disposition_new(
		record->mail->envelope->recipients->pdata[record->dispositions->len]);
	disposition->destiny = destiny;
	disposition->main_category = category;
	disposition->blocking = destiny == AM_DESTINY_PASS ? AM_CATEGORY_NONE : category;
	am_category_set_add(&disposition->categories, category, 0);
	g_ptr_array_add(record->dispositions, disposition);
	return disposition;
}

static void
add_reply(AmRecord *record, AmReply *reply)
{
	if (record->replies == NULL)
		record->replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	g_ptr_array_add(record->replies, reply);
}

/* ---- outcomes and status ------------------------------------------------------------------- */

/* One word for each recipient: p passed, f passed but refused by the next hop, b bounce, r reject,
 * d discard, t tempfail, each with the code of his reply; replies of the whole mail; what comes of
 * it. */
static const struct {
	const char *recipients;
	int replies[3];
	const char *outcomes, *status;
	int exit_status;
} outcomes[] = {
	{ "p", { 250 }, "deliver ", "passed", 0 },
	{ "pp", { 250 }, "deliver deliver ", "passed", 0 },
	{ "d", { 250 }, "discard ", "blocked", 1 },
	{ "pd", { 250 }, "deliver discard ", "partly", 1 },
	{ "r", { 554 }, "reject ", "blocked", 1 },
	{ "b", { 250 }, "bounce ", "blocked", 1 },
	{ "pr", { 250 }, "deliver bounce ", "partly", 1 },
	{ "pf", { 250 }, "deliver bounce ", "partly", 1 },
	{ "f", { 550 }, "reject ", "blocked", 1 },
	{ "pt", { 451 }, "deliver tempfail ", "tempfailed", 75 },
	{ "fd", { 451 }, "tempfail tempfail ", "tempfailed", 75 },
	/* LMTP */
	{ "prd", { 250, 554, 250 }, "deliver reject discard ", "partly", 1 },
	{ "fp", { 451, 250 }, "tempfail deliver ", "tempfailed", 75 },
	/* nothing sent yet */
	{ "pbrdt", { 0 }, "deliver bounce reject discard tempfail ", "tempfailed", 75 },
	{ "p", { 0 }, "deliver ", "passed", 0 },
	{ "pr", { 0 }, "deliver reject ", "partly", 1 },
	/* policy could not be asked */
	{ "", { 451 }, "tempfail ", "tempfailed", 75 },
};

static AmDestiny
destiny_of(char letter)
{
	switch (letter) {
	case 'b':
		return AM_DESTINY_BOUNCE;
	case 'r':
		return AM_DESTINY_REJECT;
	case 'd':
		return AM_DESTINY_DISCARD;
	case 't':
		return AM_DESTINY_TEMPFAIL;
	default:
		return AM_DESTINY_PASS;
	}
}

static void
test_outcomes(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(outcomes); i++) {
		const char *letters = outcomes[i].recipients;
		const char *recipients[8] = { "x@example.org" };
		for (gsize k = 0; letters[k] != '\0'; k++)
			recipients[k] = "x@example.org";
		g_autoptr(AmRecord) record = am_record_new(make_mail("a@example.org", recipients));
		for (gsize k = 0; letters[k] != '\0'; k++) {
			AmDisposition *one = add_disposition(record, destiny_of(letters[k]),
							     AM_CATEGORY_CLEAN);
			one->is_delivered = letters[k] == 'p' && outcomes[i].replies[0] != 0;
		}
		for (gsize k = 0; k < 3 && outcomes[i].replies[k] != 0; k++)
			add_reply(record, am_reply_new(outcomes[i].replies[k], NULL, "x"));
		g_autoptr(GString) words = g_string_new(NULL);
		for (guint k = 0; k < record->mail->envelope->recipients->len; k++)
			g_string_append_printf(words, "%s ",
					       am_outcome_name(am_record_outcome(record, k)));
		g_assert_cmpstr(words->str, ==, outcomes[i].outcomes);
		g_assert_cmpstr(am_record_status(record), ==, outcomes[i].status);
		g_assert_cmpint(am_record_exit_status(record), ==, outcomes[i].exit_status);
	}
}

/* ---- the line ------------------------------------------------------------------------------ */

static AmRecord *
make_full(void)
{
	static const char *const recipients[] = { "b@example.com", "c@example.com", NULL };
	AmRecord *record = am_record_new(make_mail("a@example.org", recipients));
	AmReport *report = am_report_new();
	AmEnvelope *envelope = record->mail->envelope;
	record->mail->report = report;
	envelope->listener = (g_free(envelope->listener), g_strdup("in"));
	envelope->client_address = (g_free(envelope->client_address), g_strdup("192.0.2.1"));
	envelope->helo = (g_free(envelope->helo), g_strdup("mx.example.org"));
	envelope->queue_id = (g_free(envelope->queue_id), g_strdup("4XyZ"));
	am_report_set_text(&report->message_id, "m@example.org");
	am_report_set_text(&report->subject, "hello");
	AmReportPart *root = am_report_add_part(report, -1);
	am_report_set_text(&root->type, "message/rfc822");
	AmReportPart *part = am_report_add_part(report, 0);
	am_report_set_text(&part->name, "a.zip");
	am_report_set_text(&part->reason, "corrupt");
	part->flags = AM_PART_ENCRYPTED | AM_PART_UNDECODED;
	am_report_add_finding(report, "virus", "Eicar", "clamav", 1, "d");
	am_report_add_finding(report, "limit", "depth", "core", -1, NULL);
	am_report_add_defect(report, "8bit", "Subject", 9, "RFC 5322 2.2", "x");
	am_report_add_test(report, "spamd", "GTUBE", 1000);
	am_report_add_test(report, "spamd", "NO_RELAYS", -0.001);
	am_report_add_failure(report, "clamd", "it went away");
	am_report_add_scanner(report, "clamav", 1234);
	report->is_scored = TRUE;
	report->score = 999.999;
	AmDisposition *one = add_disposition(record, AM_DESTINY_PASS, AM_CATEGORY_VIRUS);
	one->is_delivered = TRUE;
	one->reply = am_reply_new(250, "2.0.0", "Ok");
	one->next_hop = (g_free(one->next_hop), g_strdup("127.0.0.1:10025"));
	one->queue_id_out = (g_free(one->queue_id_out), g_strdup("Q1"));
	one->edits = am_edits_new();
	one->target = am_recipient_copy(one->recipient);
	g_assert_true(am_edits_add(one->edits, AM_EDIT_PREPEND, "X-A", "b", NULL));
	g_assert_true(am_edits_add(one->edits, AM_EDIT_DELETE, "X-B", NULL, NULL));
	AmDisposition *two = add_disposition(record, AM_DESTINY_DISCARD, AM_CATEGORY_VIRUS);
	two->reply = am_reply_new(250, "2.7.0", "Ok, discarded");
	two->banned_rule = (g_free(two->banned_rule), g_strdup("exe"));
	am_category_set_add(&two->categories, AM_CATEGORY_UNCHECKED, 1);
	two->dsn_suppressed = (g_free(two->dsn_suppressed), g_strdup("discarded"));
	add_reply(record, am_reply_new(250, "2.0.0", "Ok, id=\"1\""));
	am_record_add_failure(record, "one");
	am_record_add_failure(record, "two");
	record->quarantine_location = (g_free(record->quarantine_location), g_strdup("/q/0"));
	record->dsn_queue_id = (g_free(record->dsn_queue_id), g_strdup("D1"));
	record->total_us = 12345;
	for (gsize i = 0; i < AM_N_STAGES; i++)
		record->stage_us[i] = 1000 * i + 99;
	record->stage_us[AM_STAGE_NOTIFY] = 0;
	return record;
}

static void
test_text(void)
{
	g_autoptr(AmRecord) record = make_full();
	g_autofree char *line = am_record_to_text(record);
	g_assert_cmpstr(line, ==,
			"mail_id=0123456789abcdef status=partly category=virus listener=in "
			"client=192.0.2.1 helo=mx.example.org queue_in=4XyZ from=<a@example.org> "
			"to=<b@example.com>:deliver:250:Q1,<c@example.com>:discard:250 size=14 "
			"message_id=m@example.org findings=virus:Eicar,limit:depth defects=1 "
			"score=999.999 tests=GTUBE:1000,NO_RELAYS:-0.001 failed=clamd "
			"banned_rule=exe quarantine=/q/0 next_hop=127.0.0.1:10025 dsn=D1 "
			"reply=\"250 2.0.0 Ok, id=\\x221\\x22\" failure=\"one; two\" ms=12.3 "
			"receive=0.0 inspect=1.0 scan=2.0 judge=3.0 store=4.0 deliver=5.0");
}

/* The least a line says: policy failed, null sender, no report. */
static void
test_text_least(void)
{
	static const char *const recipients[] = { "b@example.com", NULL };
	g_autoptr(AmRecord) record = am_record_new(make_mail("", recipients));
	add_reply(record, am_reply_new(451, "4.3.5", "no"));
	g_autofree char *line = am_record_to_text(record);
	g_assert_cmpstr(line, ==,
			"mail_id=0123456789abcdef status=tempfailed category=none from=<> "
			"to=<b@example.com>:tempfail:451 size=14 reply=\"451 4.3.5 no\" ms=0.0");
}

static AmRecord *
make_hostile(void)
{
	static const char evil[] = "x\n\r\"\\ mail_id=forged \x1b[2J\xff\xc2\x85=";
	const char *recipients[202] = { NULL };
	for (gsize i = 0; i < 201; i++)
		recipients[i] = evil;
	AmRecord *record = am_record_new(make_mail(evil, recipients));
	AmReport *report = am_report_new();
	AmEnvelope *envelope = record->mail->envelope;
	record->mail->report = report;
	envelope->helo = (g_free(envelope->helo), g_strdup(evil));
	envelope->client_address = (g_free(envelope->client_address), g_strdup(evil));
	am_report_set_text(&report->message_id, evil);
	am_report_set_text(&report->subject, evil);
	g_autofree char *long_name = g_strnfill(5000, 'n');
	for (guint i = 0; i < 900; i++) {
		am_report_set_text(&am_report_add_part(report, (gint32)i - 1 > 0 ? 0 : -1)->name, evil);
		am_report_add_finding(report, evil, long_name, evil, -1, evil);
		am_report_add_test(report, evil, long_name, i);
		am_report_add_failure(report, evil, long_name);
	}
	report->is_scored = TRUE;
	for (guint i = 0; i < 201; i++) {
		AmDisposition *one = add_disposition(record, AM_DESTINY_PASS, AM_CATEGORY_CLEAN);
		one->queue_id_out = (g_free(one->queue_id_out), g_strdup(evil));
		one->next_hop = (g_free(one->next_hop), g_strdup(evil));
		one->reply = am_reply_new(250, "2.0.0", "%s", evil);
	}
	add_reply(record, am_reply_new(250, "2.0.0", "%s", evil));
	return record;
}

static void
test_text_hostile(void)
{
	g_autoptr(AmRecord) record = make_hostile();
	g_autofree char *line = am_record_to_text(record);
	g_assert_cmpuint(strlen(line), <, 40000);
	g_assert_true(g_utf8_validate(line, -1, NULL));
	for (const char *p = line; *p != '\0'; p++)
		g_assert_true((guchar)*p >= ' ' && *p != 0x7f);
	/* keys outside of quotes are ours: a blank and a word and '=' in a value stand in quotes */
	gboolean in_quotes = FALSE;
	guint n_ids = 0;
	for (const char *p = line; *p != '\0'; p++) {
		in_quotes ^= *p == '"';
		n_ids += !in_quotes && g_str_has_prefix(p, "mail_id=");
	}
	g_assert_false(in_quotes);
	g_assert_cmpuint(n_ids, ==, 1);
	g_assert_nonnull(strstr(line, " to_more="));
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static JsonObject *schema;

static const char *
json_type_name(JsonNode *node)
{
	if (JSON_NODE_HOLDS_NULL(node))
		return "null";
	if (JSON_NODE_HOLDS_OBJECT(node))
		return "object";
	if (JSON_NODE_HOLDS_ARRAY(node))
		return "array";
	GType type = json_node_get_value_type(node);
	return type == G_TYPE_STRING	? "string"
	       : type == G_TYPE_INT64	? "integer"
	       : type == G_TYPE_BOOLEAN ? "boolean"
					: "number";
}

static gboolean
type_is(const char *wanted, const char *is)
{
	return strcmp(wanted, is) == 0 || (strcmp(wanted, "number") == 0 && strcmp(is, "integer") == 0);
}

static void validate(JsonObject *spec, JsonNode *node, const char *where);

static void
validate_object(JsonObject *spec, JsonObject *object, const char *where)
{
	JsonObject *properties = json_object_get_object_member(spec, "properties");
	JsonArray *required = json_object_get_array_member(spec, "required");
	for (guint i = 0; i < json_array_get_length(required); i++) {
		const char *name = json_array_get_string_element(required, i);
		if (!json_object_has_member(object, name))
			g_error("%s: %s is missing", where, name);
	}
	JsonObjectIter iter;
	const char *name;
	JsonNode *node;
	json_object_iter_init(&iter, object);
	while (json_object_iter_next(&iter, &name, &node)) {
		g_autofree char *below = g_strconcat(where, ".", name, NULL);
		if (!json_object_has_member(properties, name))
			g_error("%s is not in the schema", below);
		validate(json_object_get_object_member(properties, name), node, below);
	}
}

static void
validate(JsonObject *spec, JsonNode *node, const char *where)
{
	const char *is = json_type_name(node);
	JsonNode *type = json_object_get_member(spec, "type");
	gboolean ok = FALSE;
	if (JSON_NODE_HOLDS_ARRAY(type)) {
		JsonArray *types = json_node_get_array(type);
		for (guint i = 0; i < json_array_get_length(types); i++)
			ok |= type_is(json_array_get_string_element(types, i), is);
	} else {
		ok = type_is(json_node_get_string(type), is);
	}
	if (!ok)
		g_error("%s is of type %s", where, is);
	if (json_object_has_member(spec, "enum")) {
		JsonArray *values = json_object_get_array_member(spec, "enum");
		ok = FALSE;
		for (guint i = 0; i < json_array_get_length(values); i++)
			ok |= g_str_equal(json_array_get_string_element(values, i),
					  json_node_get_string(node));
		if (!ok)
			g_error("%s is %s", where, json_node_get_string(node));
	}
	if (JSON_NODE_HOLDS_OBJECT(node))
		validate_object(spec, json_node_get_object(node), where);
	for (guint i = 0; JSON_NODE_HOLDS_ARRAY(node) && i < json_array_get_length(json_node_get_array(node));
	     i++)
		validate(json_object_get_object_member(spec, "items"),
			 json_array_get_element(json_node_get_array(node), i), where);
}

static JsonParser *
parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	JsonParser *parser = json_parser_new();
	g_assert_true(json_parser_load_from_data(parser, text, -1, &error));
	g_assert_no_error(error);
	return parser;
}

/* For a client that delivers by itself. */
static void
test_answer(void)
{
	static const struct {
		int code;
		gboolean is_discard;
		const char *action;
	} cases[] = {
		{ 0, FALSE, "accept" },
		{ 0, TRUE, "discard" },
		{ 550, FALSE, "reject" },
		{ 451, FALSE, "tempfail" },
	};
	g_autoptr(AmRecord) record = make_full();
	const AmDisposition *one = record->dispositions->pdata[0];
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(AmHandback) handback = { 0 };
		guint removed = 1;
		am_handback_init(&handback);
		handback.edits = one->edits;
		handback.is_discard = cases[i].is_discard;
		handback.quarantine = g_strdup("held");
		if (cases[i].code != 0)
			handback.reply = am_reply_new(cases[i].code, NULL, "no");
		g_array_append_val(handback.removed, removed);
		g_ptr_array_add(handback.added, g_strdup("new@example.org"));
		g_autofree char *text = am_record_to_answer(record, &handback);
		g_autoptr(JsonParser) parser = parse(text);
		JsonNode *root = json_parser_get_root(parser);
		validate(schema, root, "");
		JsonObject *answer =
			json_object_get_object_member(json_node_get_object(root), "answer");
		g_assert_cmpstr(json_object_get_string_member(answer, "action"), ==,
				cases[i].action);
		g_assert_cmpint(json_object_get_null_member(answer, "reply"), ==,
				cases[i].code == 0);
		const AmRecipient *second = record->mail->envelope->recipients->pdata[1];
		g_assert_cmpstr(json_array_get_string_element(
					json_object_get_array_member(answer, "remove"), 0),
				==, second->address);
		g_assert_cmpuint(json_array_get_length(
					 json_object_get_array_member(answer, "edits")),
				 ==, am_edits_count(one->edits));
	}
}

static void
test_json(void)
{
	g_autoptr(AmRecord) record = make_full();
	g_autofree char *text = am_record_to_json(record, TRUE);
	g_autoptr(JsonParser) parser = parse(text);
	JsonNode *root = json_parser_get_root(parser);
	validate(schema, root, "");
	JsonObject *object = json_node_get_object(root);
	/* every member that the schema knows is there in this full one, but for signatures */
	JsonObjectIter iter;
	const char *name;
	json_object_iter_init(&iter, json_object_get_object_member(schema, "properties"));
	while (json_object_iter_next(&iter, &name, NULL))
		if (!json_object_has_member(object, name) && strcmp(name, "answer") != 0)
			g_error("%s is promised", name);
	g_assert_cmpstr(json_object_get_string_member(object, "status"), ==, "partly");
	JsonArray *parts = json_object_get_array_member(object, "parts");
	JsonObject *part = json_array_get_object_element(parts, 1);
	g_assert_true(json_object_get_boolean_member(part, "encrypted"));
	JsonArray *findings = json_object_get_array_member(object, "findings");
	g_assert_cmpstr(json_object_get_string_member(json_array_get_object_element(findings, 0),
						      "part"),
			==, json_object_get_string_member(part, "path"));
	g_assert_true(json_object_get_null_member(json_array_get_object_element(findings, 1), "part"));
	JsonArray *recipients = json_object_get_array_member(object, "recipients");
	JsonObject *two = json_array_get_object_element(recipients, 1);
	JsonArray *categories = json_object_get_array_member(two, "categories");
	g_assert_cmpstr(json_array_get_string_element(categories, 0), ==, "virus");
	g_assert_cmpstr(json_array_get_string_element(categories, 1), ==, "unchecked,encrypted");
	g_assert_cmpfloat(json_object_get_double_member(
				  json_object_get_object_member(object, "timing"), "total"),
			  ==, 12.345);
}

static void
test_json_least(void)
{
	static const char *const recipients[] = { "b@example.com", NULL };
	g_autoptr(AmRecord) record = am_record_new(make_mail("", recipients));
	g_autofree char *text = am_record_to_json(record, FALSE);
	g_autoptr(JsonParser) parser = parse(text);
	validate(schema, json_parser_get_root(parser), "");
	g_assert_null(strchr(text, '\n'));
}

static void
test_json_hostile(void)
{
	g_autoptr(AmRecord) record = make_hostile();
	g_autofree char *text = am_record_to_json(record, FALSE);
	g_autofree char *event = am_record_to_event(record);
	g_autoptr(JsonParser) parser = parse(text);
	g_autoptr(JsonParser) event_parser = parse(event);
	validate(schema, json_parser_get_root(parser), "");
	validate(schema, json_parser_get_root(event_parser), "");
	for (const char *p = event; *p != '\0'; p++)
		g_assert_true((guchar)*p >= ' ');
	JsonObject *all = json_node_get_object(json_parser_get_root(parser));
	JsonObject *cut = json_node_get_object(json_parser_get_root(event_parser));
	g_assert_cmpint(json_array_get_length(json_object_get_array_member(all, "recipients")), ==, 201);
	g_assert_cmpint(json_array_get_length(json_object_get_array_member(cut, "recipients")), ==,
			AM_RECORD_EVENT_ITEMS);
	g_assert_cmpint(json_object_get_int_member(all, "omitted"), ==, 0);
	g_assert_cmpint(json_object_get_int_member(cut, "omitted"), >, 150);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonParser) parser = json_parser_new();
	g_autofree char *path =
		g_build_filename(g_getenv("AM_TOP_SRCDIR"), "docs", "report.schema.json", NULL);
	if (!json_parser_load_from_file(parser, path, &error))
		g_error("%s", error->message);
	schema = json_node_get_object(json_parser_get_root(parser));
	g_test_add_func("/record/outcomes", test_outcomes);
	g_test_add_func("/record/text", test_text);
	g_test_add_func("/record/answer", test_answer);
	g_test_add_func("/record/text/least", test_text_least);
	g_test_add_func("/record/text/hostile", test_text_hostile);
	g_test_add_func("/record/json", test_json);
	g_test_add_func("/record/json/least", test_json_least);
	g_test_add_func("/record/json/hostile", test_json_hostile);
	return g_test_run();
}
