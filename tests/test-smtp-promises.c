/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What was promised to the client and what the next hop says it takes: the parameters of MAIL that go
 * on, the refusals where they cannot, and LIMITS. */

#include <config.h>

#include <string.h>

#include "smtp-job.h"
#include "smtp/client-private.h"

#define EXTENSIONS(what) "S:220 mx\nC:EHLO me.example\r\nS:250-mx\nS:250-PIPELINING\nS:250 " what "\n"
#define REST "C:RCPT TO:<a@x.org>\nC:DATA\r\n" OK OK GO "D\n" QUEUED

typedef struct {
	const char *name;
	const char *script;
	const char *replies;
	gboolean has_priority;
	int priority;
	char by_mode;
	gboolean by_trace;
	int by_s;
	gboolean requires_tls;
} Case;

static const Case cases[] = {
	{ "none", EXTENSIONS("MT-PRIORITY MIXER") "C:MAIL FROM:<s@x.org>\r\n" REST, "250 2.0.0" },
	{ "priority", EXTENSIONS("MT-PRIORITY MIXER") "C:MAIL FROM:<s@x.org> MT-PRIORITY=-3\r\n" REST,
	  "250 2.0.0", .has_priority = TRUE, .priority = -3 },
	{ "priority 0", EXTENSIONS("mt-priority") "C:MAIL FROM:<s@x.org> MT-PRIORITY=0\r\n" REST,
	  "250 2.0.0", .has_priority = TRUE },
	{ "priority, not offered", EXTENSIONS("DELIVERBY") "C:MAIL FROM:<s@x.org>\r\n" REST,
	  "250 2.0.0", .has_priority = TRUE, .priority = 4 },
	/* a part of a second is over */
	{ "by, return", EXTENSIONS("DELIVERBY 60") "C:MAIL FROM:<s@x.org> BY=119;R\r\n" REST,
	  "250 2.0.0", .by_mode = 'R', .by_s = 120 },
	{ "by, notify", EXTENSIONS("DELIVERBY") "C:MAIL FROM:<s@x.org> BY=-31;NT\r\n" REST,
	  "250 2.0.0", .by_mode = 'N', .by_trace = TRUE, .by_s = -30 },
	{ "by, notify, not offered", EXTENSIONS("SIZE") "C:MAIL FROM:<s@x.org> SIZE=26\r\n" REST,
	  "250 2.0.0", .by_mode = 'N', .by_s = 30 },
	{ "by, return, not offered", EXTENSIONS("SIZE"), "554 5.3.3", .by_mode = 'R', .by_s = 120 },
	{ "by, return, over", EXTENSIONS("DELIVERBY"), "554 5.4.7", .by_mode = 'R', .by_s = -1 },
	{ "by, return, nearly over", EXTENSIONS("DELIVERBY"), "554 5.4.7", .by_mode = 'R',
	  .by_s = 1 },
	{ "TLS, in the clear", EXTENSIONS("REQUIRETLS"), "550 5.7.30", .requires_tls = TRUE },
};

static void
test_case(gconstpointer data)
{
	const Case *item = data;
	const char *const scripts[] = { item->script, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", MAIL);
	job.envelope->has_priority = item->has_priority;
	job.envelope->priority = item->priority;
	job.envelope->by_mode = item->by_mode;
	job.envelope->by_trace = item->by_trace;
	job.envelope->by_us = g_get_monotonic_time() + (gint64)item->by_s * G_USEC_PER_SEC;
	job.envelope->requires_tls = item->requires_tls;
	g_autofree char *replies = job_run(&job, peer, pool, "smtp");
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpstr(replies, ==, item->replies);
}

/* Inside TLS all depends on who is there and what it offers. */
static void
test_requiretls(void)
{
	static const struct {
		gboolean is_verified;
		guint extensions;
		const char *enhanced; /* NULL: goes on */
	} rows[] = {
		{ TRUE, AM_SMTP_REQUIRETLS, NULL },
		{ TRUE, AM_SMTP_STARTTLS, "5.7.30" },
		{ FALSE, AM_SMTP_REQUIRETLS, "5.7.30" },
		{ FALSE, 0, "5.7.30" },
	};
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	envelope->requires_tls = TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const AmSmtpCommandContext context = { .extensions = rows[i].extensions,
						       .is_tls_verified = rows[i].is_verified };
		g_autoptr(AmReply) reply = am_smtp_check_promises(&context, envelope);
		g_autoptr(GString) command = g_string_new(NULL);
		g_assert_cmpstr(reply != NULL ? reply->enhanced : NULL, ==, rows[i].enhanced);
		am_smtp_append_promises(&context, envelope, command);
		g_assert_cmpstr(command->str, ==, " REQUIRETLS");
	}
}

static void
test_parse_limits(void)
{
	static const struct {
		const char *text;
		guint recipients, domains, mails;
	} rows[] = {
		{ "mx", 0, 0, 0 },
		{ "", 0, 0, 0 },
		{ "LIMITS RCPTMAX=1", 0, 0, 0 }, /* the first line is the name */
		{ "mx\nLIMITS RCPTMAX=10 MAILMAX=20 RCPTDOMAINMAX=3", 10, 3, 20 },
		{ "mx\nlimits  rcptmax=10", 10, 0, 0 },
		{ "mx\nLIMITS\nLIMITS OTHER MAILMAX=7 X=Y", 0, 0, 7 },
		{ "mx\nLIMITS RCPTMAX=0 MAILMAX=-1 RCPTDOMAINMAX=1000000", 0, 0, 0 },
		{ "mx\nLIMITS RCPTMAX= MAILMAX=x RCPTDOMAINMAX=1x", 0, 0, 0 },
		{ "mx\nLIMITSX RCPTMAX=10", 0, 0, 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		AmSmtpLimits limits = am_smtp_parse_limits(rows[i].text);
		g_assert_cmpuint(limits.recipients, ==, rows[i].recipients);
		g_assert_cmpuint(limits.domains, ==, rows[i].domains);
		g_assert_cmpuint(limits.mails, ==, rows[i].mails);
	}
}

#define RCPT_TO(who) "C:RCPT TO:<" who "@"
#define DATA "C:DATA\r\n" GO "D\n" QUEUED

static void
limits_run(const char *const *scripts, const char *recipients, guint n_connections,
	   const char *replies)
{
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, recipients, MAIL);
	job.transaction.is_smtp_caller = TRUE;
	g_autofree char *said = job_run(&job, peer, pool, "smtp");
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpuint(peer->n_connections, ==, n_connections);
	g_assert_cmpstr(said, ==, replies);
}

#define LIMITED(what) "S:220 mx\nC:EHLO me.example\r\nS:250-mx\nS:250 LIMITS " what "\n"
#define FROM "C:MAIL FROM:<s@x.org>\r\n" OK

static void
test_rcptmax(void)
{
	const char *const scripts[] = { LIMITED("RCPTMAX=2") FROM RCPT_TO("a") "x.org\n" OK
						RCPT_TO("b") "x.org\n" OK DATA FROM RCPT_TO("c")
						"x.org\n" OK DATA,
					NULL };
	limits_run(scripts, "a@x.org,b@x.org,c@x.org", 1, "250 2.0.0,250 2.0.0,250 2.0.0");
}

static void
test_rcptdomainmax(void)
{
	const char *const scripts[] = { LIMITED("RCPTDOMAINMAX=1") FROM RCPT_TO("a") "x.org\n" OK
						RCPT_TO("c") "X.org\n" OK DATA FROM RCPT_TO("b")
						"y.org\n" OK "C:DATA\r\nS:550 5.7.1 no\nC:RSET\r\n" OK,
					NULL };
	limits_run(scripts, "a@x.org,b@y.org,c@X.org", 1, "250 2.0.0,550 5.7.1,250 2.0.0");
}

static void
test_mailmax(void)
{
	const char *const scripts[] = {
		LIMITED("RCPTMAX=1 MAILMAX=1") FROM RCPT_TO("a") "x.org\n" OK DATA
								 "C:QUIT\r\nS:221 bye\nend",
		LIMITED("RCPTMAX=1 MAILMAX=1") FROM RCPT_TO("b") "x.org\n" OK DATA
								 "C:QUIT\r\nS:221 bye\nend",
		NULL
	};
	limits_run(scripts, "a@x.org,b@x.org", 2, "250 2.0.0,250 2.0.0");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/smtp-promises/%s", cases[i].name);
		g_test_add_data_func(path, &cases[i], test_case);
	}
	g_test_add_func("/smtp-promises/requiretls", test_requiretls);
	g_test_add_func("/smtp-promises/parse-limits", test_parse_limits);
	g_test_add_func("/smtp-promises/rcptmax", test_rcptmax);
	g_test_add_func("/smtp-promises/rcptdomainmax", test_rcptdomainmax);
	g_test_add_func("/smtp-promises/mailmax", test_mailmax);
	return g_test_run();
}
