/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Bounces: who gets one, what is in it (read back by GMime), and what its failure means. */

#include <config.h>

#include "pipeline/notify.h"

#include <gmime/gmime.h>
#include <string.h>

#include "smtp-peer.h"

#define HELLO "S:220 mx\nC:EHLO me.example\nS:250-mx\nS:250-PIPELINING\nS:250 DSN\n"
#define HEADER "Subject: hello\r\nFrom: s@x.org\r\n"
#define MAIL HEADER "\r\nX5O secret body\r\n"

static AmMail *
make_mail(const char *sender, const char *text, gboolean has_report)
{
	AmEnvelope *envelope = am_envelope_new();
	AmSpool *spool = am_spool_new(g_get_tmp_dir(), 1 << 20);
	g_free(envelope->sender);
	envelope->sender = g_strdup(sender);
	g_free(envelope->helo);
	envelope->helo = g_strdup("client.example");
	g_assert_true(am_spool_append(spool, text, strlen(text), NULL));
	g_assert_true(am_spool_finish(spool, NULL));
	AmMail *mail = am_mail_new(envelope, spool);
	if (!has_report)
		return mail;
	mail->report = am_report_new();
	const char *end = strstr(text, "\r\n\r\n");
	mail->report->header_size = end != NULL ? (guint64)(end - text) + 4 : strlen(text);
	g_free(mail->report->subject);
	mail->report->subject = g_strdup("hello \xc3\xa4");
	g_free(mail->report->message_id);
	mail->report->message_id = g_strdup("m1@x.org");
	return mail;
}

static AmDisposition *
add_disposition(GPtrArray *list, AmMail *mail, const char *address)
{
	AmDisposition *disposition =
		am_disposition_new(am_envelope_add_recipient(mail->envelope, address));
	disposition->wants_dsn = TRUE;
	disposition->destiny = AM_DESTINY_BOUNCE;
	disposition->blocking = AM_CATEGORY_BANNED;
	g_free(disposition->reason);
	disposition->reason = g_strdup("banned: x.exe");
	g_ptr_array_add(list, disposition);
	return disposition;
}

static GPtrArray *
make_list(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)am_disposition_free);
}

/* ---- who gets one ---- */

typedef struct {
	const char *name;
	const char *sender, *notify;
	AmCategory blocking;
	gboolean is_bulk;
	double score; /* < 0: not scored */
	gboolean is_told;
} SuppressionCase;

static const SuppressionCase suppression_cases[] = {
	{ "plain", "s@x.org", NULL, AM_CATEGORY_BANNED, FALSE, -1, TRUE },
	{ "null sender", "", NULL, AM_CATEGORY_BANNED, FALSE, -1, FALSE },
	{ "NOTIFY=FAILURE", "s@x.org", "FAILURE", AM_CATEGORY_BANNED, FALSE, -1, TRUE },
	{ "NOTIFY=DELAY,FAILURE", "s@x.org", "DELAY,FAILURE", AM_CATEGORY_BANNED, FALSE, -1, TRUE },
	{ "NOTIFY=NEVER", "s@x.org", "NEVER", AM_CATEGORY_BANNED, FALSE, -1, FALSE },
	{ "NOTIFY=SUCCESS,DELAY", "s@x.org", "SUCCESS,DELAY", AM_CATEGORY_BANNED, FALSE, -1,
	  FALSE },
	{ "virus", "s@x.org", NULL, AM_CATEGORY_VIRUS, FALSE, -1, FALSE },
	{ "spam under the cutoff", "s@x.org", NULL, AM_CATEGORY_SPAM, FALSE, 9.9, TRUE },
	{ "spam at the cutoff", "s@x.org", NULL, AM_CATEGORY_SPAM, FALSE, 10, FALSE },
	{ "bulk with bad content", "s@x.org", NULL, AM_CATEGORY_BANNED, TRUE, -1, FALSE },
	{ "bulk, refused by the next hop", "s@x.org", NULL, AM_CATEGORY_NONE, TRUE, -1, TRUE },
	{ "refused by the next hop", "s@x.org", NULL, AM_CATEGORY_NONE, FALSE, -1, TRUE },
};

static void
test_suppression(gconstpointer data)
{
	const SuppressionCase *item = data;
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail(item->sender, MAIL, TRUE);
	AmDisposition *disposition = add_disposition(list, mail, "a@x.org");
	((AmRecipient *)disposition->recipient)->notify = g_strdup(item->notify);
	disposition->blocking = item->blocking;
	disposition->main_category = item->blocking;
	disposition->settings = g_new0(AmSettings, 1);
	am_settings_init(disposition->settings);
	mail->report->is_bulk = item->is_bulk;
	mail->report->is_scored = item->score >= 0;
	disposition->score = item->score;
	const char *why = am_notify_suppression(mail, disposition);
	g_test_message("%s", why != NULL ? why : "told");
	g_assert_cmpint(why == NULL, ==, item->is_told);
}

/* Passed because somebody wants viruses, then refused: still nobody's business. */
static void
test_suppression_lover(void)
{
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail("s@x.org", MAIL, FALSE);
	AmDisposition *disposition = add_disposition(list, mail, "a@x.org");
	disposition->blocking = AM_CATEGORY_NONE;
	am_category_set_add(&disposition->categories, AM_CATEGORY_VIRUS, 0);
	g_assert_cmpstr(am_notify_suppression(mail, disposition), ==, "virus");
}

static void
test_suppression_fake(void)
{
	static const struct {
		const char *setting, *first, *second;
		gboolean is_told;
	} cases[] = {
		{ "*", "Eicar", NULL, FALSE },
		{ "", "Eicar", NULL, TRUE },
		{ "!eicar*, *", "Win.Eicar", NULL, FALSE },
		{ "!*eicar*, *", "Win.Eicar-1", NULL, TRUE },
		{ "!*eicar*, *", "Win.Eicar-1", "Worm.Sober", FALSE },
		{ "Worm.*", "Win.Eicar-1", "Win.Trojan", TRUE },
		{ "Worm.*", "Win.Eicar-1", "worm.sober", FALSE },
		{ "Worm.*", NULL, NULL, FALSE }, /* a hook said so: nobody knows */
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) list = make_list();
		g_autoptr(AmMail) mail = make_mail("s@x.org", MAIL, TRUE);
		AmDisposition *disposition = add_disposition(list, mail, "a@x.org");
		disposition->blocking = AM_CATEGORY_VIRUS;
		disposition->settings = g_new0(AmSettings, 1);
		am_settings_init(disposition->settings);
		g_assert_true(am_settings_set(disposition->settings, "fake_sender_viruses",
					      cases[i].setting, NULL));
		am_report_add_finding(mail->report, "macro", "Worm.Not", "clamav", -1, NULL);
		if (cases[i].first != NULL)
			am_report_add_finding(mail->report, "virus", cases[i].first, "clamav", -1,
					      NULL);
		if (cases[i].second != NULL)
			am_report_add_finding(mail->report, "virus", cases[i].second, "clamav", -1,
					      NULL);
		g_test_message("%s: %s", cases[i].setting, cases[i].first);
		g_assert_cmpstr(am_notify_suppression(mail, disposition), ==,
				cases[i].is_told ? NULL : "virus");
	}
}

/* ---- what is in it ---- */

static void
assert_7bit(const GString *text)
{
	g_autofree char *copy = g_strdup(text->str);
	g_assert_cmpuint(strlen(copy), ==, text->len);
	g_assert_true(g_str_is_ascii(copy));
	g_auto(GStrv) lines = g_strsplit(copy, "\r\n", -1);
	for (char **line = lines; *line != NULL; line++) {
		g_assert_cmpuint(strlen(*line), <=, 998);
		g_assert_null(strpbrk(*line, "\r\n"));
	}
}

/* Decoded content of a part of the report. */
static char *
part_text(GMimeObject *part)
{
	GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(part));
	GMimeStream *stream = g_mime_stream_mem_new();
	g_mime_data_wrapper_write_to_stream(content, stream);
	GByteArray *bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
	char *text = g_strndup(bytes->len > 0 ? (const char *)bytes->data : "", bytes->len);
	g_object_unref(stream);
	return text;
}

typedef struct {
	char *people, *status, *header;
	char *type; /* of the first: "multipart/report" */
	char *header_type;
} Dsn;

static void
dsn_clear(Dsn *dsn)
{
	g_free(dsn->people);
	g_free(dsn->status);
	g_free(dsn->header);
	g_free(dsn->type);
	g_free(dsn->header_type);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Dsn, dsn_clear)

static char *
type_of(GMimeObject *part)
{
	return g_mime_content_type_get_mime_type(g_mime_object_get_content_type(part));
}

static void
dsn_parse(const GString *text, Dsn *dsn)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(text->str, text->len);
	GMimeParser *parser = g_mime_parser_new_with_stream(stream);
	GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
	g_assert_nonnull(message);
	GMimeObject *root = g_mime_message_get_mime_part(message);
	GMimeContentType *type = g_mime_object_get_content_type(root);
	dsn->type = g_mime_content_type_get_mime_type(type);
	g_assert_cmpstr(g_mime_content_type_get_parameter(type, "report-type"), ==,
			"delivery-status");
	g_assert_cmpint(g_mime_multipart_get_count(GMIME_MULTIPART(root)), ==, 3);
	dsn->people = part_text(g_mime_multipart_get_part(GMIME_MULTIPART(root), 0));
	dsn->status = part_text(g_mime_multipart_get_part(GMIME_MULTIPART(root), 1));
	GMimeObject *header = g_mime_multipart_get_part(GMIME_MULTIPART(root), 2);
	dsn->header = part_text(header);
	dsn->header_type = type_of(header);
	g_autofree char *status_type = type_of(g_mime_multipart_get_part(GMIME_MULTIPART(root), 1));
	g_assert_cmpstr(status_type, ==, "message/delivery-status");
	g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(stream);
}

static void
test_compose(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail("s@x.org", MAIL, TRUE);
	g_auto(Dsn) dsn = { 0 };
	mail->envelope->envid = g_strdup("id+2B1");
	AmDisposition *banned = add_disposition(list, mail, "a@x.org");
	((AmRecipient *)banned->recipient)->orcpt = g_strdup("rfc822;o+2Bo@x.org");
	banned->reply = am_reply_new(250, "2.5.0", "Ok, BOUNCE");
	AmDisposition *refused = add_disposition(list, mail, "\xc3\xa4 b@x.org");
	refused->reply = am_reply_new(550, "5.1.1", "id=1, from MTA: 550 5.1.1 \xc3\xa4\nnobody");
	g_free(refused->next_hop);
	refused->next_hop = g_strdup("127.0.0.1:10025");
	g_autoptr(GString) text =
		am_notify_compose(mail, "me.example", AM_NOTIFY_FAILED, list, &error);
	g_assert_no_error(error);
	assert_7bit(text);
	dsn_parse(text, &dsn);
	g_assert_cmpstr(dsn.type, ==, "multipart/report");
	g_assert_nonnull(strstr(text->str, "\r\nTo: <s@x.org>\r\n"));
	g_assert_nonnull(strstr(text->str, "\r\nAuto-Submitted: auto-replied\r\n"));
	g_assert_nonnull(strstr(text->str, "\r\nIn-Reply-To: <m1@x.org>\r\n"));
	g_assert_null(strstr(text->str, "secret"));

	g_assert_nonnull(strstr(dsn.people, "<a@x.org>:\r\n    banned: x.exe\r\n"));
	g_assert_nonnull(strstr(dsn.people, "<\\x{E4}\\x{20}b@x.org>:\r\n    550 5.1.1 id=1"));
	g_assert_nonnull(strstr(dsn.people, "hello ?"));

	g_autofree char *id = g_strdup_printf("Final-Log-ID: me.example-%s\r\n", mail->id);
	static const char *const fields[] = {
		"Reporting-MTA: dns; me.example\r\n",
		"Received-From-MTA: dns; client.example\r\n",
		"Arrival-Date: ",
		"Original-Envelope-Id: id+1\r\n\r\n",
		"\r\n\r\nOriginal-Recipient: rfc822; o+o@x.org\r\nFinal-Recipient: rfc822; "
		"a@x.org\r\n"
		"Action: failed\r\nStatus: 5.7.0\r\nDiagnostic-Code: x-amavisd; banned: x.exe\r\n"
		"Last-Attempt-Date: ",
		"\r\n\r\nFinal-Recipient: utf-8; \\x{E4}\\x{20}b@x.org\r\nAction: failed\r\n"
		"Status: 5.1.1\r\nRemote-MTA: dns; [127.0.0.1]\r\n"
		"Diagnostic-Code: smtp; 550 5.1.1 id=1, from MTA: 550 5.1.1 ? nobody\r\n",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_test_message("%s", fields[i]);
		g_assert_nonnull(strstr(dsn.status, fields[i]));
	}
	g_assert_nonnull(strstr(dsn.status, id));
	g_assert_cmpstr(dsn.header_type, ==, "text/rfc822-headers");
	g_assert_cmpstr(dsn.header, ==, HEADER);
}

static void
test_relayed(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail("s@x.org", MAIL, TRUE);
	g_auto(Dsn) dsn = { 0 };
	AmDisposition *relayed = add_disposition(list, mail, "a@x.org");
	relayed->destiny = AM_DESTINY_PASS;
	relayed->is_delivered = relayed->wants_relayed = TRUE;
	relayed->reply = am_reply_new(250, "2.6.0", "Ok, from MTA: queued");
	g_free(relayed->next_hop);
	relayed->next_hop = g_strdup("127.0.0.1:10025");
	g_autoptr(GString) text =
		am_notify_compose(mail, "me.example", AM_NOTIFY_RELAYED, list, &error);
	g_assert_no_error(error);
	assert_7bit(text);
	dsn_parse(text, &dsn);
	g_assert_cmpstr(dsn.type, ==, "multipart/report");
	g_assert_nonnull(strstr(text->str, "\r\nSubject: Mail was passed on\r\n"));
	g_assert_nonnull(
		strstr(dsn.people, "<a@x.org>:\r\n    250 2.6.0 Ok, from MTA: queued\r\n"));
	g_assert_nonnull(strstr(dsn.status,
				"Final-Recipient: rfc822; a@x.org\r\nAction: relayed\r\n"
				"Status: 2.6.0\r\nRemote-MTA: dns; [127.0.0.1]\r\n"
				"Diagnostic-Code: smtp; 250 2.6.0 Ok"));
	g_assert_null(strstr(text->str, "secret"));
}

/* What is wrong with a header is shown, with a mark under the byte. */
static void
test_defects(void)
{
	static const char bad[] = "Subject: hello\r\nX-Bad: a\x01"
				  "b\r\nTo: x\r\n\r\nsecret";
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail("s@x.org", bad, TRUE);
	g_auto(Dsn) dsn = { 0 };
	AmDisposition *disposition = add_disposition(list, mail, "a@x.org");
	disposition->blocking = AM_CATEGORY_BAD_HEADER;
	disposition->settings = g_new0(AmSettings, 1);
	am_settings_init(disposition->settings);
	am_category_set_add(&disposition->categories, AM_CATEGORY_BAD_HEADER, 2);
	am_report_add_defect(mail->report, "8bit", "X-Bad", 24, "RFC 6532 3.2", "control");
	am_report_add_defect(mail->report, "utf8", "X-Bad", 24, "RFC 6532 3.2", "not asked for");
	am_report_add_defect(mail->report, "missing", "Date", 0, "RFC 5322 3.6", "no Date");
	am_report_add_defect(mail->report, "long", "X", 1u << 30, "RFC 5322 2.1.1", "beyond");
	g_autoptr(GString) text =
		am_notify_compose(mail, "me.example", AM_NOTIFY_FAILED, list, &error);
	g_assert_no_error(error);
	assert_7bit(text);
	dsn_parse(text, &dsn);
	g_assert_nonnull(strstr(dsn.people, "    8bit X-Bad: control (RFC 6532 3.2), byte 24\r\n"
					    "      X-Bad: a?b\r\n"
					    "              ^\r\n"
					    "    missing Date: no Date (RFC 5322 3.6)\r\n"
					    "    long X: beyond"));
	g_assert_null(strstr(dsn.people, "not asked for"));
	g_assert_nonnull(strstr(dsn.status, "Status: 5.6.3\r\n"));
	g_assert_null(strstr(text->str, "secret"));
}

typedef struct {
	const char *name;
	const char *mail;
	const char *header;
	gboolean has_report;
} HeaderCase;

static const HeaderCase header_cases[] = {
	{ "no report", MAIL, HEADER, FALSE },
	{ "8 bits", "Subject: \xc3\xa4=\t\r\nX: y \r\n\r\nbody",
	  "Subject: \xc3\xa4=\t\r\nX: y \r\n", TRUE },
	{ "no body", "Subject: a\r\n", "Subject: a\r\n", TRUE },
	{ "no header", "\r\nbody\r\n", "", FALSE },
	{ "no line end", "Subject: a", "Subject: a\r\n", TRUE },
	{ "empty", "", "", FALSE },
	{ "boundary", "X: --=_amavisd_\r\n\r\n", "X: --=_amavisd_\r\n", TRUE },
};

static void
test_header(gconstpointer data)
{
	const HeaderCase *item = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail("s@x.org", item->mail, item->has_report);
	g_auto(Dsn) dsn = { 0 };
	(void)add_disposition(list, mail, "a@x.org");
	g_autoptr(GString) text =
		am_notify_compose(mail, "me.example", AM_NOTIFY_FAILED, list, &error);
	g_assert_no_error(error);
	assert_7bit(text);
	dsn_parse(text, &dsn);
	g_assert_cmpstr(dsn.header, ==, item->header);
}

/* A header section of a megabyte, in lines or in one: only some of it goes back, as 7bit. */
static void
test_header_long(gconstpointer data)
{
	gboolean is_one_line = GPOINTER_TO_INT(data);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(GString) header = g_string_new("X: ");
	while (header->len < 1 << 20)
		g_string_append(header, is_one_line ? "xxxxxxxxxx" : "xxxxxxxxx\r\n y");
	g_string_append(header, "\r\n\r\nsecret\r\n");
	g_autoptr(AmMail) mail = make_mail("s@x.org", header->str, TRUE);
	(void)add_disposition(list, mail, "a@x.org");
	g_autoptr(GString) text =
		am_notify_compose(mail, "me.example", AM_NOTIFY_FAILED, list, &error);
	g_assert_no_error(error);
	assert_7bit(text);
	g_assert_cmpuint(text->len, <, 100000);
	g_assert_null(strstr(text->str, "secret"));
}

/* ---- sending ---- */

typedef struct {
	const char *name;
	const char *script;
	gboolean is_ok;
	const char *queue_id;
	const char *suppressed; /* afterwards, NULL: any */
} SendCase;

#define ONE HELLO "C:MAIL FROM:<>\nC:RCPT TO:<s@x.org> NOTIFY=NEVER\r\nC:DATA\n"
#define OK "S:250 2.0.0 Ok\n"

static const SendCase send_cases[] = {
	{ "sent", ONE OK OK "S:354 go\nD\nS:250 2.0.0 queued as N1\n", TRUE, "N1", "" },
	{ "4xx", ONE OK "S:450 4.2.0 later\nS:503 x\n", FALSE, "", NULL },
	{ "5xx", ONE OK "S:550 5.1.1 nobody\nS:503 x\n", TRUE, "", "refused by the next hop" },
	{ "dropped", ONE OK OK "S:354 go\ndrop", FALSE, "", NULL },
	{ "no connection", NULL, FALSE, "", NULL },
};

static void
test_send(gconstpointer data)
{
	const SendCase *item = data;
	AmSmtpClientConfig config = peer_client_config(LONG_MS);
	const char *const scripts[] = { item->script, NULL };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *text = g_strdup_printf(
		"smtp:[127.0.0.1]:%u", item->script != NULL ? peer->port : peer_closed_port());
	g_autoptr(AmRoute) route = am_route_parse(text, NULL);
	AmDeliverContext context = { .pool = am_smtp_pool_new(&config),
				     .notify = route,
				     .hostname = "me.example" };
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail("s@x.org", MAIL, TRUE);
	g_autofree char *queue_id = NULL;
	g_autoptr(AmReply) failure = NULL;
	AmDisposition *bounced = add_disposition(list, mail, "a@x.org");
	AmDisposition *never = add_disposition(list, mail, "b@x.org");
	AmDisposition *unasked = add_disposition(list, mail, "c@x.org");
	((AmRecipient *)never->recipient)->notify = g_strdup("NEVER");
	unasked->wants_dsn = FALSE;
	gboolean ok = am_notify_dsn(&context, mail, list, &queue_id, &failure);
	am_smtp_pool_free(context.pool);
	peer_join(peer);
	g_assert_cmpint(ok, ==, item->is_ok);
	g_assert_cmpstr(queue_id, ==, item->queue_id);
	g_assert_cmpstr(never->dsn_suppressed, !=, "");
	if (item->suppressed != NULL)
		g_assert_cmpstr(bounced->dsn_suppressed, ==, item->suppressed);
	if (ok) {
		g_assert_null(failure);
	} else {
		g_assert_cmpint(failure->code, ==, 451);
		g_assert_null(strstr(peer->transcript->str, "\r\n.\r\n"));
	}
	if (*item->queue_id != '\0') {
		g_auto(Dsn) dsn = { 0 };
		dsn_parse(peer->data, &dsn);
		g_assert_nonnull(strstr(dsn.status, "a@x.org"));
		g_assert_null(strstr(dsn.status, "b@x.org"));
		g_assert_null(strstr(dsn.status, "c@x.org"));
	}
}

static void
test_admin(void)
{
	const char *const scripts[] = { HELLO
					"C:MAIL FROM:<>\nC:RCPT TO:<admin@x.org> NOTIFY=NEVER\r\n"
					"C:DATA\n" OK OK "S:354 go\nD\nS:250 2.0.0 queued as N1\n",
					NULL };
	AmSmtpClientConfig config = peer_client_config(LONG_MS);
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *text = peer_route(peer, "smtp");
	g_autoptr(AmRoute) route = am_route_parse(text, NULL);
	AmDeliverContext context = { .pool = am_smtp_pool_new(&config),
				     .notify = route,
				     .hostname = "me.example" };
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail("s@x.org", MAIL, TRUE);
	AmDisposition *delivered = add_disposition(list, mail, "\xc3\xa4@x.org");
	(void)add_disposition(list, mail, "b@x.org");
	delivered->destiny = AM_DESTINY_PASS;
	delivered->is_delivered = TRUE;
	am_notify_admin(&context, mail, "admin@x.org", list, "A/Abc");
	am_smtp_pool_free(context.pool);
	peer_join(peer);
	assert_7bit(peer->data);
	static const char *const expected[] = {
		"From: \"Mail content filter\" <postmaster@me.example>\r\nTo: <admin@x.org>\r\n"
		"Subject: Mail content filter: banned (",
		"\r\nAuto-Submitted: auto-generated\r\n",
		"\r\nCategory:\r\n    banned\r\nReason:\r\n    banned: x.exe\r\nOur id:\r\n    ",
		"\r\nSender:\r\n    <s@x.org>\r\nRecipients:\r\n    <\\x{E4}@x.org>: delivered\r\n"
		"    <b@x.org>: bounced\r\nSubject:\r\n    hello ?\r\nMessage-ID:\r\n    "
		"m1@x.org\r\n"
		"Kept in quarantine:\r\n    A/Abc\r\n",
		"\r\nContent-Type: text/rfc822-headers\r\n",
		"\r\n\r\n" HEADER,
	};
	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_test_message("%s", expected[i]);
		g_assert_nonnull(strstr(peer->data->str, expected[i]));
	}
	g_assert_null(strstr(peer->data->str, "secret"));
}

static void
test_nothing_to_send(void)
{
	const char *const scripts[] = { "drop", NULL };
	AmSmtpClientConfig config = { .hostname = "me.example" };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *text = peer_route(peer, "smtp");
	g_autoptr(AmRoute) route = am_route_parse(text, NULL);
	AmDeliverContext context = { .pool = am_smtp_pool_new(&config),
				     .notify = route,
				     .hostname = "me.example" };
	g_autoptr(GPtrArray) list = make_list();
	g_autoptr(AmMail) mail = make_mail("", MAIL, TRUE);
	g_autofree char *queue_id = NULL;
	g_autoptr(AmReply) failure = NULL;
	AmDisposition *bounced = add_disposition(list, mail, "a@x.org");
	g_assert_true(am_notify_dsn(&context, mail, list, &queue_id, &failure));
	g_assert_cmpstr(queue_id, ==, "");
	g_assert_cmpstr(bounced->dsn_suppressed, ==, "null sender");
	am_smtp_pool_free(context.pool);
	peer_join(peer);
	g_assert_cmpuint(peer->n_connections, ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_mime_init();
	for (gsize i = 0; i < G_N_ELEMENTS(suppression_cases); i++) {
		g_autofree char *name =
			g_strconcat("/notify/suppression/", suppression_cases[i].name, NULL);
		g_test_add_data_func(name, &suppression_cases[i], test_suppression);
	}
	g_test_add_func("/notify/suppression-lover", test_suppression_lover);
	g_test_add_func("/notify/suppression-fake", test_suppression_fake);
	g_test_add_func("/notify/compose", test_compose);
	g_test_add_func("/notify/defects", test_defects);
	g_test_add_func("/notify/relayed", test_relayed);
	g_test_add_func("/notify/admin", test_admin);
	for (gsize i = 0; i < G_N_ELEMENTS(header_cases); i++) {
		g_autofree char *name = g_strconcat("/notify/header/", header_cases[i].name, NULL);
		g_test_add_data_func(name, &header_cases[i], test_header);
	}
	g_test_add_data_func("/notify/header-long/lines", GINT_TO_POINTER(FALSE), test_header_long);
	g_test_add_data_func("/notify/header-long/one", GINT_TO_POINTER(TRUE), test_header_long);
	for (gsize i = 0; i < G_N_ELEMENTS(send_cases); i++) {
		g_autofree char *name = g_strconcat("/notify/send/", send_cases[i].name, NULL);
		g_test_add_data_func(name, &send_cases[i], test_send);
	}
	g_test_add_func("/notify/nothing-to-send", test_nothing_to_send);
	return g_test_run();
}
