/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Stage deliver against a next hop that plays a script. */

#include <config.h>

#include "pipeline/deliver.h"

#include <string.h>

#include "smtp-peer.h"

#define HELLO "S:220 mx\nC:EHLO me.example\nS:250-mx\nS:250-PIPELINING\nS:250 ENHANCEDSTATUSCODES\n"
#define OK "S:250 2.1.0 Ok\n"
#define GO "S:354 go\n"
#define TAKE(id) "C:DATA\n" GO "D\nS:250 2.0.0 Ok: queued as " id "\n"

typedef struct {
	AmDeliverContext context;
	AmRoute *forward;
	AmMail *mail;
	GPtrArray *dispositions;
	Peer *peer;
} Fixture;

static void
fixture_init(Fixture *fixture, const char *const *scripts, const char *recipients)
{
	AmSmtpClientConfig config = peer_client_config(LONG_MS);
	g_auto(GStrv) addresses = g_strsplit(recipients, ",", -1);
	AmEnvelope *envelope = am_envelope_new();
	AmSpool *spool = am_spool_new(g_get_tmp_dir(), 1 << 20);
	g_autofree char *route = NULL;
	fixture->peer = peer_new(scripts);
	route = peer_route(fixture->peer, "smtp");
	fixture->forward = am_route_parse(route, NULL);
	fixture->context.pool = am_smtp_pool_new(&config);
	fixture->context.forward = fixture->context.notify = fixture->forward;
	fixture->context.hostname = "me.example";
	g_free(envelope->sender);
	envelope->sender = g_strdup("s@x.org");
	g_free(envelope->helo);
	envelope->helo = g_strdup("client.example");
	g_free(envelope->peer_address);
	envelope->peer_address = g_strdup("192.0.2.1");
	g_free(envelope->listener);
	envelope->listener = g_strdup("in");
	g_free(envelope->protocol);
	envelope->protocol = g_strdup("ESMTP");
	fixture->dispositions = g_ptr_array_new_with_free_func((GDestroyNotify)am_disposition_free);
	for (char **address = addresses; *address != NULL; address++) {
		AmDisposition *disposition =
			am_disposition_new(am_envelope_add_recipient(envelope, *address));
		g_ptr_array_add(fixture->dispositions, disposition);
	}
	g_assert_true(am_spool_append(spool, "Subject: x\r\n\r\nbody\r\n", 20, NULL));
	g_assert_true(am_spool_finish(spool, NULL));
	fixture->mail = am_mail_new(envelope, spool);
}

static AmDisposition *
fixture_nth(const Fixture *fixture, guint index)
{
	return fixture->dispositions->pdata[index];
}

static void
fixture_edit(Fixture *fixture, guint index, const char *value)
{
	AmDisposition *disposition = fixture_nth(fixture, index);
	if (disposition->edits == NULL)
		disposition->edits = am_edits_new();
	g_assert_true(am_edits_add(disposition->edits, AM_EDIT_PREPEND, "X-Spam", value, NULL));
}

/* Delivers and waits for the peer's end. */
static void
fixture_run(Fixture *fixture, gboolean is_lmtp)
{
	am_deliver(&fixture->context, fixture->mail, fixture->dispositions, is_lmtp);
	am_smtp_pool_free(g_steal_pointer(&fixture->context.pool));
	peer_join(fixture->peer);
	g_assert_cmpstr(fixture->peer->failure, ==, NULL);
}

static void
fixture_clear(Fixture *fixture)
{
	peer_free(fixture->peer);
	g_ptr_array_unref(fixture->dispositions);
	am_mail_free(fixture->mail);
	am_route_free(fixture->forward);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fixture, fixture_clear)

static void
assert_reply(const AmDisposition *disposition, int code, const char *enhanced)
{
	g_assert_nonnull(disposition->reply);
	g_assert_cmpint(disposition->reply->code, ==, code);
	g_assert_cmpstr(disposition->reply->enhanced, ==, enhanced);
}

static void
test_one(void)
{
	const char *const scripts[] = { HELLO "C:MAIL FROM:<s@x.org>\nC:RCPT TO:<a@x.org>\n"
					      "C:DATA\n" OK OK GO
					      "D\nS:250 2.0.0 Ok: queued as 4XyZ\n",
					NULL };
	g_auto(Fixture) fixture = { 0 };
	fixture_init(&fixture, scripts, "a@x.org");
	fixture_edit(&fixture, 0, "lower");
	fixture_edit(&fixture, 0, "upper");
	fixture_run(&fixture, FALSE);
	const AmDisposition *disposition = fixture_nth(&fixture, 0);
	g_autofree char *text =
		g_strdup_printf("Ok, id=%s, from MTA([127.0.0.1]:%u): 250 2.0.0 Ok: queued as 4XyZ",
				fixture.mail->id, fixture.peer->port);
	g_autofree char *next_hop = g_strdup_printf("127.0.0.1:%u", fixture.peer->port);
	assert_reply(disposition, 250, "2.0.0");
	g_assert_cmpstr(disposition->reply->text, ==, text);
	g_assert_true(disposition->is_delivered);
	g_assert_cmpstr(disposition->queue_id_out, ==, "4XyZ");
	g_assert_cmpstr(disposition->next_hop, ==, next_hop);
	g_assert_false(am_category_set_has(&disposition->categories, AM_CATEGORY_MTA_ERROR));
	/* the disposition's own edits are as they were */
	g_assert_cmpuint(am_edits_count(disposition->edits), ==, 2);

	g_autofree char *date = am_deliver_date(fixture.mail->arrival_us);
	g_autofree char *expected =
		g_strdup_printf("Received: from client.example ([192.0.2.1])\r\n\tby me.example "
				"(amavisd, listener in)"
				"\r\n\twith ESMTP id %s\r\n\tfor <a@x.org>;\r\n\t%s\r\n"
				"X-Spam: upper\r\nX-Spam: lower\r\nSubject: x\r\n\r\nbody\r\n",
				fixture.mail->id, date);
	g_assert_cmpstr(fixture.peer->data->str, ==, expected);
}

/* a and c have the same edits, b others; d has another target. */
static void
test_groups(void)
{
	const char *const scripts[] = {
		HELLO "C:MAIL\nC:RCPT TO:<a@x.org>\nC:RCPT TO:<c@x.org>\n" OK OK OK TAKE(
			"AC") "C:MAIL\nC:RCPT TO:<b@x.org>\nC:DATA\n" OK OK GO
			      "D\nS:250 queued as B\n"
			      "C:MAIL\nC:RCPT TO:<d@other.org>\nC:DATA\n" OK OK GO
			      "D\nS:250 queued as D\n",
		NULL
	};
	g_auto(Fixture) fixture = { 0 };
	fixture_init(&fixture, scripts, "a@x.org,b@x.org,c@x.org,d@x.org");
	fixture_edit(&fixture, 0, "yes");
	fixture_edit(&fixture, 1, "no");
	fixture_edit(&fixture, 2, "yes");
	AmDisposition *last = fixture_nth(&fixture, 3);
	last->target = am_recipient_copy(last->recipient);
	g_free(last->target->address);
	last->target->address = g_strdup("d@other.org");
	fixture_run(&fixture, FALSE);
	static const char *const ids[] = { "AC", "B", "AC", "D" };
	for (guint i = 0; i < 4; i++) {
		g_assert_cmpstr(fixture_nth(&fixture, i)->queue_id_out, ==, ids[i]);
		g_assert_true(fixture_nth(&fixture, i)->is_delivered);
	}
	g_assert_null(strstr(fixture.peer->transcript->str, "for <a@x.org>"));
	g_assert_nonnull(strstr(fixture.peer->transcript->str, "for <b@x.org>"));
	g_assert_nonnull(strstr(fixture.peer->transcript->str, "for <d@other.org>"));
}

/* Another route is another transaction, and equal text as the default is the default. */
static void
test_routes(void)
{
	const char *const scripts[] = {
		HELLO "C:MAIL\nC:RCPT TO:<a@x.org>\nC:RCPT TO:<c@x.org>\n" OK OK OK TAKE("A"), NULL
	};
	const char *const other_scripts[] = { "S:220 mx\nC:LHLO\n" OK "C:MAIL\n" OK
					      "C:RCPT TO:<b@x.org>\n" OK TAKE("B"),
					      NULL };
	g_auto(Fixture) fixture = { 0 };
	g_autoptr(Peer) other = peer_new(other_scripts);
	fixture_init(&fixture, scripts, "a@x.org,b@x.org,c@x.org,d@x.org");
	g_free(fixture_nth(&fixture, 1)->route);
	fixture_nth(&fixture, 1)->route = peer_route(other, "lmtp");
	g_free(fixture_nth(&fixture, 3)->route);
	fixture_nth(&fixture, 3)->route = g_strdup("nonsense");
	fixture_run(&fixture, TRUE);
	peer_join(other);
	g_assert_cmpstr(fixture_nth(&fixture, 0)->queue_id_out, ==, "A");
	g_assert_cmpstr(fixture_nth(&fixture, 1)->queue_id_out, ==, "B");
	assert_reply(fixture_nth(&fixture, 3), 451, "4.3.5");
	g_assert_false(fixture_nth(&fixture, 3)->is_delivered);
}

static void
test_blocked(void)
{
	const char *const scripts[] = { HELLO "C:MAIL\nC:RCPT TO:<b@x.org>\nC:DATA\n" OK OK GO
					      "D\n" OK,
					NULL };
	g_auto(Fixture) fixture = { 0 };
	fixture_init(&fixture, scripts, "a@x.org,b@x.org,c@x.org");
	fixture_nth(&fixture, 0)->destiny = AM_DESTINY_DISCARD;
	fixture_nth(&fixture, 0)->blocking = AM_CATEGORY_VIRUS;
	fixture_nth(&fixture, 2)->destiny = AM_DESTINY_REJECT;
	fixture_nth(&fixture, 2)->blocking = AM_CATEGORY_SPAM;
	fixture_nth(&fixture, 2)->reply = am_reply_new(554, "5.7.0", "spam");
	fixture_run(&fixture, FALSE);
	g_assert_null(fixture_nth(&fixture, 0)->reply);
	g_assert_false(fixture_nth(&fixture, 0)->is_delivered);
	assert_reply(fixture_nth(&fixture, 1), 250, "2.1.0");
	assert_reply(fixture_nth(&fixture, 2), 554, "5.7.0");
	g_assert_cmpstr(fixture_nth(&fixture, 2)->reply->text, ==, "spam");
}

typedef struct {
	const char *name;
	const char *script;
	int code;
	const char *enhanced;
	guint minor; /* of MTA_ERROR */
	const char *text;
} RefusalCase;

#define ONE HELLO "C:MAIL\nC:RCPT\nC:DATA\n"

static const RefusalCase refusal_cases[] = {
	{ "5xx", ONE OK "S:550 5.1.1 nobody\nS:503 5.5.1 x\n", 550, "5.1.1", 2,
	  "550 5.1.1 nobody" },
	{ "4xx", ONE OK "S:450 4.2.0 later\nS:503 5.5.1 x\n", 450, "4.2.0", 1, "450 4.2.0 later" },
	{ "5xx without enhanced code", ONE OK OK GO "D\nS:554 no\n", 554, "5.0.0", 2, "554 no" },
	{ "421 is not ours", ONE OK "S:421 bye\ndrop", 451, "4.0.0", 1, "421 bye" },
	{ "own", "drop", 451, "4.4.2", 1, "not delivered: 127.0.0.1:" },
	{ "in doubt", ONE OK OK GO "D\ndrop", 451, "4.4.2", 1, "may have been delivered" },
};

static void
test_refusal(gconstpointer data)
{
	const RefusalCase *item = data;
	const char *const scripts[] = { item->script, NULL };
	g_auto(Fixture) fixture = { 0 };
	fixture_init(&fixture, scripts, "a@x.org");
	fixture_run(&fixture, FALSE);
	const AmDisposition *disposition = fixture_nth(&fixture, 0);
	assert_reply(disposition, item->code, item->enhanced);
	g_assert_nonnull(strstr(disposition->reply->text, item->text));
	g_assert_nonnull(strstr(disposition->reply->text, fixture.mail->id));
	g_assert_false(disposition->is_delivered);
	g_assert_cmpuint(disposition->categories.minors[AM_CATEGORY_MTA_ERROR], ==,
			 1u << item->minor);
	g_assert_cmpstr(disposition->queue_id_out, ==, "");
	g_assert_cmpstr(disposition->next_hop, !=, "");
}

/* With SMTP a 4xx ends what is not begun; with LMTP each recipient is on his own. */
static void
test_ending(gconstpointer data)
{
	gboolean is_lmtp = GPOINTER_TO_INT(data);
	const char *const smtp_scripts[] = { ONE OK "S:450 4.2.0 later\nS:503 x\n", NULL };
	const char *const lmtp_scripts[] = { ONE OK "S:450 4.2.0 later\nS:503 x\nC:RSET\n" OK
						    "C:MAIL\nC:RCPT\nC:DATA\n" OK OK GO "D\n" OK,
					     NULL };
	g_auto(Fixture) fixture = { 0 };
	fixture_init(&fixture, is_lmtp ? lmtp_scripts : smtp_scripts, "a@x.org,b@x.org");
	fixture_edit(&fixture, 0, "yes");
	fixture_run(&fixture, is_lmtp);
	assert_reply(fixture_nth(&fixture, 0), 450, "4.2.0");
	if (is_lmtp)
		assert_reply(fixture_nth(&fixture, 1), 250, "2.1.0");
	else
		assert_reply(fixture_nth(&fixture, 1), 450, "4.2.0");
}

static void
test_ended_before(void)
{
	const char *const scripts[] = { "drop", NULL };
	g_auto(Fixture) fixture = { 0 };
	fixture_init(&fixture, scripts, "a@x.org,b@x.org,c@x.org");
	fixture_nth(&fixture, 1)->destiny = AM_DESTINY_TEMPFAIL;
	fixture_nth(&fixture, 1)->reply = am_reply_new(451, "4.3.5", "policy");
	fixture_run(&fixture, FALSE);
	g_assert_cmpuint(fixture.peer->n_connections, ==, 0);
	assert_reply(fixture_nth(&fixture, 0), 451, "4.3.5");
	assert_reply(fixture_nth(&fixture, 2), 451, "4.3.5");
}

typedef struct {
	const char *helo, *address, *recipient;
	const char *expected;	/* start, up to the id */
	const char *for_clause; /* "" none */
} ReceivedCase;

static const ReceivedCase received_cases[] = {
	{ "mx.example", "192.0.2.1", "a@x.org", "from mx.example ([192.0.2.1])\r\n\tby h ",
	  "for <a@x.org>" },
	{ "[192.0.2.1]", "192.0.2.1", NULL, "from [192.0.2.1] ([192.0.2.1])\r\n\tby h ", "" },
	{ "mx", "2001:db8::1", NULL, "from mx ([IPv6:2001:db8::1])\r\n\tby h ", "" },
	{ "mx", "", NULL, "from mx\r\n\tby h ", "" },
	{ "", "", NULL, "from unknown\r\n\tby h ", "" },
	{ "a) by evil\r\nBcc: x", "", NULL, "from a??by?evil??Bcc:?x\r\n\tby h ", "" },
	{ "mx", "", "a b@x.org", "from mx\r\n\tby h ", "for <\"a b\"@x.org>" },
	{ "mx", "", "\xc3\xa4@x.org", "from mx\r\n\tby h ", "" },
};

static void
test_received(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(received_cases); i++) {
		const ReceivedCase *item = &received_cases[i];
		g_auto(Fixture) fixture = { 0 };
		const char *const scripts[] = { NULL };
		fixture_init(&fixture, scripts, "a@x.org");
		g_free(fixture.mail->envelope->helo);
		fixture.mail->envelope->helo = g_strdup(item->helo);
		g_free(fixture.mail->envelope->peer_address);
		fixture.mail->envelope->peer_address = g_strdup(item->address);
		g_autofree char *value = am_deliver_received(fixture.mail, "h", item->recipient);
		g_test_message("%s", value);
		g_assert_true(g_str_has_prefix(value, item->expected));
		g_assert_cmpint(strstr(value, "for <") != NULL, ==, *item->for_clause != '\0');
		g_assert_nonnull(strstr(value, item->for_clause));
		am_smtp_pool_free(fixture.context.pool);
	}
}

static void
test_date(void)
{
	g_autofree char *date = am_deliver_date(G_GINT64_CONSTANT(1000000000) * G_USEC_PER_SEC);
	g_assert_true(g_str_has_prefix(date, "Sun, 9 Sep 2001 ") ||
		      g_str_has_prefix(date, "Sat, 8 Sep 2001 "));
	g_assert_true(g_regex_match_simple("^[A-Z][a-z]{2}, \\d+ [A-Z][a-z]{2} \\d{4} "
					   "\\d\\d:\\d\\d:\\d\\d [+-]\\d{4}$",
					   date, 0, 0));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/deliver/one", test_one);
	g_test_add_func("/deliver/groups", test_groups);
	g_test_add_func("/deliver/routes", test_routes);
	g_test_add_func("/deliver/blocked", test_blocked);
	for (gsize i = 0; i < G_N_ELEMENTS(refusal_cases); i++) {
		g_autofree char *name =
			g_strconcat("/deliver/refusal/", refusal_cases[i].name, NULL);
		g_test_add_data_func(name, &refusal_cases[i], test_refusal);
	}
	g_test_add_data_func("/deliver/ending/smtp", GINT_TO_POINTER(FALSE), test_ending);
	g_test_add_data_func("/deliver/ending/lmtp", GINT_TO_POINTER(TRUE), test_ending);
	g_test_add_func("/deliver/ended-before", test_ended_before);
	g_test_add_func("/deliver/received", test_received);
	g_test_add_func("/deliver/date", test_date);
	return g_test_run();
}
