/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The client over several hops, connections and transactions, and with mails that are cut or too
 * slow. */

#include <config.h>

#include <string.h>

#include "smtp-job.h"
#include "smtp/client-private.h"

static void
test_big_is_whole(void)
{
	const char *const scripts[] = { FULL ONE OK OK GO "D\n" QUEUED, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", NULL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_autoptr(GString) expected = g_string_new(NULL);
	for (const char *at = job.mail; *at != '\0'; at++) {
		if (*at == '.' && at > job.mail && at[-1] == '\n')
			g_string_append_c(expected, '.');
		g_string_append_c(expected, *at);
	}
	g_assert_true(g_string_equal(peer->data, expected));
	g_assert_cmpstr(job.transaction.queue_id, ==, "4XyZ");
	g_autofree char *remote = am_smtp_remote("127.0.0.1", peer->port);
	g_assert_cmpstr(job.transaction.remote, ==, remote);
}

/* The next hop stops reading in the middle of the mail. */
static void
test_mail_stalled(void)
{
	const char *const scripts[] = { FULL ONE OK OK GO "hold", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = make_pool(SHORT_MS);
	job_init(&job, "a@x.org", NULL);
	g_autofree char *replies = job_run(&job, peer, pool, "smtp");
	g_assert_cmpstr(replies, ==, "451 4.4.2");
	g_assert_false(job.transaction.is_in_doubt);
	g_assert_null(strstr(peer->transcript->str, "\r\n.\r\n"));
}

/* The spool is shorter than it was said to be: what is missing must not become the end. */
static void
test_mail_cut(void)
{
	const char *const scripts[] = { FULL ONE OK OK GO "stall", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", MAIL);
	job.transaction.size += 10;
	g_autofree char *replies = job_run(&job, peer, pool, "smtp");
	g_assert_cmpstr(replies, ==, "451 4.3.0");
	g_assert_null(strstr(peer->transcript->str, "\r\n.\r\n"));
}

static void
test_deadline(void)
{
	const char *const scripts[] = { FULL ONE OK OK "stall", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", MAIL);
	gint64 start = g_get_monotonic_time();
	job.transaction.deadline_us = start + 200 * 1000;
	g_autofree char *replies = job_run(&job, peer, pool, "smtp");
	g_assert_cmpint(g_get_monotonic_time() - start, <, 5000 * 1000);
	g_assert_cmpstr(replies, ==, "451 4.4.2");
}

static void
test_loop(void)
{
	const char *const scripts[] = { "drop", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(AmReport) report = am_report_new();
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = make_pool(LONG_MS);
	report->n_received = 101;
	job_init(&job, "a@x.org,b@x.org", MAIL);
	job.transaction.report = report;
	g_autofree char *replies = job_run(&job, peer, pool, "smtp");
	g_assert_cmpstr(replies, ==, "554 5.4.6,554 5.4.6");
	g_assert_cmpuint(peer->n_connections, ==, 0);
}

/* A long list goes in windows; each is answered only when it is complete. */
static void
test_window(void)
{
	g_autoptr(GString) script = g_string_new(FULL "C:MAIL\n");
	g_autoptr(GString) addresses = g_string_new(NULL);
	const guint n = 250;
	guint said = 0;
	for (guint i = 0; i < n; i++) {
		g_string_append_printf(addresses, "%sr%u@x.org", i > 0 ? "," : "", i);
		g_string_append_printf(script, "C:RCPT TO:<r%u@x.org>\n", i);
		if ((i + 2) % 100 != 0)
			continue;
		for (; said < i + 2; said++)
			g_string_append(script, OK);
	}
	g_string_append(script, "C:DATA\n");
	for (; said < n + 1; said++)
		g_string_append(script, OK);
	g_string_append(script, GO "D\n" OK);
	const char *const scripts[] = { script->str, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, addresses->str, MAIL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_assert_cmpstr(peer->failure, ==, NULL);
	for (guint i = 0; i < n; i++) {
		const AmDelivery *delivery = job.transaction.deliveries->pdata[i];
		g_assert_cmpint(delivery->reply->code, ==, 250);
	}
}

typedef struct {
	const char *name;
	const char *first;  /* script of the first hop; NULL: nobody listens there */
	gboolean is_second; /* the second one gets the mail */
	const char *replies;
} FailoverCase;

static const FailoverCase failover_cases[] = {
	{ "no connection", NULL, TRUE, "250 2.0.0" },
	{ "greeting 4xx", "S:450 no\nend", TRUE, "250 2.0.0" },
	{ "greeting 5xx", "S:554 no\nend", TRUE, "250 2.0.0" },
	{ "greeting dropped", "drop", TRUE, "250 2.0.0" },
	{ "EHLO refused", "S:220 mx\nC:EHLO\nS:550 no\nC:HELO\nS:550 no\nend", TRUE, "250 2.0.0" },
	{ "MAIL 4xx", FULL ONE "S:451 no\nS:503 x\nS:503 x\nC:RSET\n" OK, TRUE, "250 2.0.0" },
	{ "MAIL 421", FULL ONE "S:421 no\nend", TRUE, "250 2.0.0" },
	{ "MAIL dropped", FULL ONE "drop", TRUE, "250 2.0.0" },
	{ "MAIL 5xx", FULL ONE "S:550 5.7.1 no\nS:503 x\nS:503 x\nC:RSET\n" OK, FALSE,
	  "550 5.7.1" },
	{ "RCPT 4xx", FULL ONE OK "S:450 4.2.0 no\nS:503 x\nC:RSET\n" OK, FALSE, "450 4.2.0" },
	{ "RCPT dropped", FULL ONE OK "drop", FALSE, "451 4.4.2" },
	{ "DATA dropped", FULL ONE OK OK "drop", FALSE, "451 4.4.2" },
	{ "dot dropped", FULL ONE OK OK GO "D\ndrop", FALSE, "451 4.4.2" },
};

static void
test_failover(gconstpointer data)
{
	const FailoverCase *item = data;
	const char *const first_scripts[] = { item->first, NULL };
	const char *const second_scripts[] = { FULL ONE OK OK GO "D\n" OK, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) first = peer_new(first_scripts);
	g_autoptr(Peer) second = peer_new(second_scripts);
	g_autofree char *route = g_strdup_printf(
		"smtp:[127.0.0.1]:%u,smtp:[127.0.0.1]:%u",
		item->first != NULL ? first->port : peer_closed_port(), second->port);
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", MAIL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(first);
	peer_join(second);
	g_autofree char *replies = job_replies(&job);
	g_assert_cmpstr(replies, ==, item->replies);
	g_assert_cmpuint(second->n_connections, ==, item->is_second ? 1 : 0);
	g_autofree char *remote =
		am_smtp_remote("127.0.0.1", item->is_second ? second->port : first->port);
	g_assert_cmpstr(job.transaction.remote, ==, remote);
}

static void
test_all_hops_fail(void)
{
	const char *const scripts[] = { "S:450 4.3.2 busy\nend", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = g_strdup_printf("smtp:[127.0.0.1]:%u,smtp:*:*,lmtp:[127.0.0.1]:%u",
						 peer_closed_port(), peer->port);
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org,b@x.org", MAIL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	g_autofree char *replies = job_replies(&job);
	g_assert_cmpstr(replies, ==, "451 4.4.1,451 4.4.1");
}

/* ---- kept connections ---- */

typedef struct {
	const char *name;
	const char *scripts[3];
	guint probe_ms, keep_idle_ms, keep_age_ms, keep_max;
	guint wait_ms; /* between the mails */
	guint n_connections;
} KeepCase;

#define MAIL1 ONE OK OK GO "D\n" OK

static const KeepCase keep_cases[] = {
	{ "kept", { FULL MAIL1 MAIL1 "C:QUIT\r\nS:221 bye\nend" }, 60000, 60000, 60000, 2, 0, 1 },
	{ "probed", { FULL MAIL1 "C:NOOP\r\n" OK MAIL1 }, 0, 60000, 60000, 2, 0, 1 },
	{ "probe fails",
	  { FULL MAIL1 "C:NOOP\r\nS:421 bye\nend", FULL MAIL1 },
	  0,
	  60000,
	  60000,
	  2,
	  0,
	  2 },
	{ "probe dropped", { FULL MAIL1 "C:NOOP\r\ndrop", FULL MAIL1 }, 0, 60000, 60000, 2, 0, 2 },
	{ "idle too long",
	  { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", FULL MAIL1 },
	  60000,
	  20,
	  60000,
	  2,
	  40,
	  2 },
	{ "too old",
	  { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", FULL MAIL1 },
	  60000,
	  60000,
	  20,
	  2,
	  40,
	  2 },
	{ "not kept",
	  { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", FULL MAIL1 },
	  60000,
	  0,
	  60000,
	  2,
	  0,
	  2 },
	{ "none kept",
	  { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", FULL MAIL1 },
	  60000,
	  60000,
	  60000,
	  0,
	  0,
	  2 },
	{ "closed meanwhile", { FULL MAIL1 "drop", FULL MAIL1 }, 60000, 60000, 60000, 2, 40, 2 },
	{ "421 meanwhile",
	  { FULL MAIL1 "S:421 idle\ndrop", FULL MAIL1 },
	  60000,
	  60000,
	  60000,
	  2,
	  40,
	  2 },
	{ "closed at MAIL", { FULL MAIL1 ONE "drop", FULL MAIL1 }, 60000, 60000, 60000, 2, 0, 2 },
	{ "421 at MAIL",
	  { FULL MAIL1 ONE "S:421 idle\nend", FULL MAIL1 },
	  60000,
	  60000,
	  60000,
	  2,
	  0,
	  2 },
};

static void
test_keep(gconstpointer data)
{
	const KeepCase *item = data;
	const char *const *scripts = item->scripts;
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpClientConfig config = peer_client_config(LONG_MS);
	config.keep_idle_ms = item->keep_idle_ms;
	config.keep_age_ms = item->keep_age_ms;
	config.probe_ms = item->probe_ms;
	config.keep_max = item->keep_max;
	AmSmtpPool *pool = am_smtp_pool_new(&config);
	for (guint i = 0; i < 2; i++) {
		g_auto(Job) job = { .transaction.fd = -1 };
		if (i > 0)
			g_usleep(item->wait_ms * 1000);
		job_init(&job, "a@x.org", MAIL);
		job_deliver(&job, pool, route);
		g_autofree char *replies = job_replies(&job);
		g_assert_cmpstr(replies, ==, "250 2.0.0");
	}
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpuint(peer->n_connections, ==, item->n_connections);
}

/* Kept under load alone. */
typedef struct {
	const char *scripts[4];
	guint gap_ms;  /* what counts as busy */
	guint wait_ms; /* between the mails */
} BusyCase;

/* the first comes after nothing, the second and third soon after another */
static const BusyCase busy_soon = { { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend",
				      FULL MAIL1 MAIL1 "C:QUIT\r\nS:221 bye\nend" },
				    60000,
				    0 };
static const BusyCase busy_late = { { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend",
				      FULL MAIL1 "C:QUIT\r\nS:221 bye\nend",
				      FULL MAIL1 "C:QUIT\r\nS:221 bye\nend" },
				    5,
				    20 };

static void
test_keep_busy(gconstpointer data)
{
	const BusyCase *item = data;
	const char *const *scripts = item->scripts;
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpClientConfig config = peer_client_config(LONG_MS);
	config.keep_idle_ms = config.keep_age_ms = config.probe_ms = 60000;
	config.keep_max = 2;
	config.busy_ms = config.calm_ms = item->gap_ms;
	AmSmtpPool *pool = am_smtp_pool_new(&config);
	for (guint i = 0; i < 3; i++) {
		g_auto(Job) job = { .transaction.fd = -1 };
		g_usleep(item->wait_ms * 1000);
		job_init(&job, "a@x.org", MAIL);
		job_deliver(&job, pool, route);
		g_autofree char *replies = job_replies(&job);
		g_assert_cmpstr(replies, ==, "250 2.0.0");
	}
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpuint(peer->n_connections, ==, item->wait_ms > 0 ? 3 : 2);
}

static void
test_expire(void)
{
	const char *const scripts[] = { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpClientConfig config = peer_client_config(LONG_MS);
	config.keep_idle_ms = 300;
	AmSmtpPool *pool = am_smtp_pool_new(&config);
	job_init(&job, "a@x.org", MAIL);
	job_deliver(&job, pool, route);
	am_smtp_pool_expire(pool); /* too early */
	g_usleep(320 * 1000);
	am_smtp_pool_expire(pool);
	peer_join(peer); /* would wait for ever had the connection stayed open */
	am_smtp_pool_free(pool);
}

/* ---- threads ---- */

#define THREADS 4u
#define MAILS 20u

typedef struct {
	AmSmtpPool *pool; /* of all */
	Peer *peer;	  /* own */
} Worker;

static gpointer
worker_run(gpointer data)
{
	Worker *worker = data;
	g_autofree char *route = peer_route(worker->peer, "smtp");
	for (guint i = 0; i < MAILS; i++) {
		g_auto(Job) job = { .transaction.fd = -1 };
		job_init(&job, "a@x.org", MAIL);
		job_deliver(&job, worker->pool, route);
		g_autofree char *replies = job_replies(&job);
		g_assert_cmpstr(replies, ==, "250 2.0.0");
	}
	return NULL;
}

/* Threads share a pool while it is looked through for old connections. */
static void
test_threads(void)
{
	g_autoptr(GString) script = g_string_new(FULL);
	for (guint i = 0; i < MAILS; i++)
		g_string_append(script, MAIL1);
	const char *const scripts[] = { script->str, NULL };
	AmSmtpPool *pool = make_pool(LONG_MS);
	Worker workers[THREADS];
	GThread *threads[THREADS];
	for (guint i = 0; i < THREADS; i++) {
		workers[i].pool = pool;
		workers[i].peer = peer_new(scripts);
		threads[i] = g_thread_new("worker", worker_run, &workers[i]);
	}
	for (guint i = 0; i < 100; i++)
		am_smtp_pool_expire(pool);
	for (guint i = 0; i < THREADS; i++)
		g_thread_join(threads[i]);
	am_smtp_pool_free(pool);
	for (guint i = 0; i < THREADS; i++) {
		peer_join(workers[i].peer);
		g_assert_cmpuint(workers[i].peer->n_connections, ==, 1);
		peer_free(workers[i].peer);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(failover_cases); i++) {
		g_autofree char *name =
			g_strconcat("/smtp-delivery/failover/", failover_cases[i].name, NULL);
		g_test_add_data_func(name, &failover_cases[i], test_failover);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(keep_cases); i++) {
		g_autofree char *name =
			g_strconcat("/smtp-delivery/keep/", keep_cases[i].name, NULL);
		g_test_add_data_func(name, &keep_cases[i], test_keep);
	}
	g_test_add_func("/smtp-delivery/all-hops-fail", test_all_hops_fail);
	g_test_add_data_func("/smtp-delivery/keep-busy/soon", &busy_soon, test_keep_busy);
	g_test_add_data_func("/smtp-delivery/keep-busy/late", &busy_late, test_keep_busy);
	g_test_add_func("/smtp-delivery/expire", test_expire);
	g_test_add_func("/smtp-delivery/big-is-whole", test_big_is_whole);
	g_test_add_func("/smtp-delivery/mail-cut", test_mail_cut);
	g_test_add_func("/smtp-delivery/mail-stalled", test_mail_stalled);
	g_test_add_func("/smtp-delivery/deadline", test_deadline);
	g_test_add_func("/smtp-delivery/loop", test_loop);
	g_test_add_func("/smtp-delivery/window", test_window);
	g_test_add_func("/smtp-delivery/threads", test_threads);
	return g_test_run();
}
