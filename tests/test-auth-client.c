/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* AUTH with a next hop that plays a script: whatever it says, the mail's client hears no 5xx. */

#include <config.h>

#include <string.h>

#include "smtp-job.h"
#include "wire/sasl.h"

#define HELLO(mechanisms)                                                                          \
	"S:220 mx\nC:EHLO me.example\r\nS:250-mx\nS:250-PIPELINING\nS:250 AUTH " mechanisms "\n"
/* \0fred\0pa ss=word */
#define PLAIN "C:AUTH PLAIN AGZyZWQAcGEgc3M9d29yZA==\r\n"
#define MAILED ONE OK OK GO "D\n" QUEUED

static const struct {
	const char *name;
	const char *scripts[3];
	const char *replies;
	const char *text; /* part of it */
	gboolean is_optional, is_encrypted_only;
} cases[] = {
	{ "PLAIN", { HELLO("PLAIN LOGIN") PLAIN "S:235 2.7.0 ok\n" MAILED }, "250 2.0.0", "" },
	{ "LOGIN",
	  { HELLO("LOGIN") "C:AUTH LOGIN\r\nS:334 VXNlcm5hbWU6\nC:ZnJlZA==\r\n"
			   "S:334 UGFzc3dvcmQ6\nC:cGEgc3M9d29yZA==\r\nS:235 ok\n" MAILED },
	  "250 2.0.0",
	  "" },
	{ "best first",
	  { HELLO("PLAIN SCRAM-SHA-256") "C:AUTH SCRAM-SHA-256 \nS:535 5.7.8 no\nend\n" },
	  "451 4.7.8",
	  "535 5.7.8 no" },
	{ "wrong", { HELLO("PLAIN") PLAIN "S:535 5.7.8 Error\nend\n" }, "451 4.7.8", "535 5.7.8" },
	{ "later", { HELLO("PLAIN") PLAIN "S:454 4.7.0 later\nend\n" }, "451 4.7.8", "454" },
	{ "refused at all", { HELLO("PLAIN") PLAIN "S:502 what\nend\n" }, "451 4.7.8", "502" },
	{ "wrong, optional", { HELLO("PLAIN") PLAIN "S:535 no\nend\n" }, "451 4.7.8", "535", .is_optional = TRUE },
	{ "dropped", { HELLO("PLAIN") PLAIN "drop\n" }, "451 4.4.2", "" },
	{ "421", { HELLO("PLAIN") PLAIN "S:421 4.3.0 bye\nend\n" }, "451 4.7.8", "421" },
	{ "no server's proof",
	  { HELLO("SCRAM-SHA-256") "C:AUTH SCRAM-SHA-256 \nS:235 2.7.0 welcome\nend\n" },
	  "451 4.7.0",
	  "did not prove" },
	{ "garbage", { HELLO("SCRAM-SHA-256") "C:AUTH SCRAM-SHA-256 \nS:334 !!!\nend\n" }, "451 4.7.0", "" },
	{ "without end",
	  { HELLO("LOGIN") "C:AUTH LOGIN\nS:334 VXNlcm5hbWU6\nC:ZnJlZA==\nS:334 UGFzc3dvcmQ6\nC:cGEg\nS:334 \nend\n" },
	  "451 4.7.0",
	  "" },
	{ "not offered", { BARE "end\n" }, "451 4.7.0", "no mechanism" },
	{ "none of ours", { HELLO("CRAM-MD5 GSSAPI") "end\n" }, "451 4.7.0", "no mechanism" },
	{ "not offered, optional", { BARE "C:MAIL\nS:250 ok\nC:RCPT\nS:550 5.1.1 no\n" }, "550 5.1.1", "", .is_optional = TRUE },
	{ "not without TLS", { HELLO("PLAIN") "end\n" }, "451 4.7.0", "not without TLS", .is_encrypted_only = TRUE },
	{ "not without TLS, optional",
	  { HELLO("PLAIN") MAILED },
	  "250 2.0.0",
	  "",
	  .is_optional = TRUE,
	  .is_encrypted_only = TRUE },
};

static AmSmtpPool *
make_auth_pool(gsize i)
{
	AmSmtpClientConfig config = peer_client_config(LONG_MS);
	config.auth_user = "fred";
	config.auth_password = "pa ss=word";
	config.auth_mechanisms = "SCRAM-SHA-256 PLAIN LOGIN";
	config.is_auth_required = !cases[i].is_optional;
	config.is_auth_clear = !cases[i].is_encrypted_only;
	return am_smtp_pool_new(&config);
}

static void
test_case(gconstpointer data)
{
	gsize i = GPOINTER_TO_SIZE(data);
	g_autoptr(Peer) peer = peer_new(cases[i].scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_auth_pool(i);
	g_auto(Job) job;
	job_init(&job, "a@x.org", MAIL);
	job_deliver(&job, pool, route);
	const AmDelivery *delivery = job.transaction.deliveries->pdata[0];
	g_autofree char *replies = job_replies(&job);
	am_smtp_pool_free(pool);
	g_assert_cmpstr(replies, ==, cases[i].replies);
	g_assert_nonnull(strstr(delivery->reply->text, cases[i].text));
	g_assert_null(strstr(delivery->reply->text, "pa ss"));
	peer_join(peer);
}

/* The second mail over a kept connection needs no AUTH. */
static void
test_kept(void)
{
	static const char *const scripts[] = {
		HELLO("PLAIN") PLAIN "S:235 2.7.0 ok\n" MAILED MAILED, NULL
	};
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_auth_pool(0);
	for (guint i = 0; i < 2; i++) {
		g_auto(Job) job;
		job_init(&job, "a@x.org", MAIL);
		job_deliver(&job, pool, route);
		g_autofree char *replies = job_replies(&job);
		g_assert_cmpstr(replies, ==, "250 2.0.0");
	}
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_assert_cmpuint(peer->n_connections, ==, 1);
}

/* AUTH= of MAIL goes on to who offers AUTH. */
static void
test_parameter(void)
{
	static const char *const scripts[] = {
		HELLO("PLAIN") PLAIN "S:235 2.7.0 ok\nC:MAIL FROM:<s@x.org> AUTH=e+3Dmc2@x.org\r\n"
				     "C:RCPT\nC:DATA\n" OK OK GO "D\n" QUEUED,
		NULL
	};
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_auth_pool(0);
	g_auto(Job) job;
	job_init(&job, "a@x.org", MAIL);
	job.envelope->auth = g_strdup("e+3Dmc2@x.org");
	job_deliver(&job, pool, route);
	g_autofree char *replies = job_replies(&job);
	am_smtp_pool_free(pool);
	g_assert_cmpstr(replies, ==, "250 2.0.0");
	peer_join(peer);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	g_assert_true(am_sasl_init_client(&error));
	g_assert_no_error(error);
	g_test_add_func("/auth-client/kept", test_kept);
	g_test_add_func("/auth-client/parameter", test_parameter);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/auth-client/%s", cases[i].name);
		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_case);
	}
	return g_test_run();
}
