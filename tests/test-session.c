/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The session as its clients see it, with a pipeline of the test's own. */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "session-daemon.h"
#include "session/clients.h"

static void
test_one(void)
{
	Daemon daemon;
	fake_reset();
	daemon_start(&daemon, "", "");
	daemon_expect_ready(&daemon);
	int fd = client_new(&daemon);
	client_expect(fd, "220 filter.example ESMTP");
	client_say(fd, GREET);
	client_expect(fd, "250 XFORWARD");
	for (guint i = 0; i < 20; i++)
		client_send_mail(fd);
	client_end(fd);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&daemon.path, sizeof daemon.path), ==, 0);
	client_expect(fd, "220 filter.example LMTP");
	client_say(fd, "LHLO client.example\r\n");
	client_expect(fd, "250 XFORWARD");
	client_send_mail(fd);
	client_say(fd, ENVELOPE "bare\nnewline\r\n.\r\n"); /* trusted here: repaired */
	client_expect(fd, "250 2.6.0");
	client_end(fd);
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 22);
	g_assert_cmpint(daemon.statistics.connections_total, ==, 2);
}

static void
test_parallel(void)
{
	Daemon daemon;
	int fds[300];
	fake_reset();
	fake.sleep_ms = 2;
	daemon_start(&daemon, "max_mails = 1000", "");
	daemon_expect_ready(&daemon);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		fds[i] = client_new(&daemon);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		client_say(fds[i], GREET ENVELOPE BODY ENVELOPE BODY);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		client_say(fds[i], "QUIT\r\n");
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		client_expect(fds[i], "221 ");
		(void)close(fds[i]);
	}
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 600);
	g_assert_cmpint(fake.busiest, >, 1);
	g_assert_cmpint(fake.busiest, <=, 4);
}

/* A hundred clients in the middle of DATA hold no thread. */
static void
test_slow(void)
{
	Daemon daemon;
	int fds[100];
	fake_reset();
	daemon_start(&daemon, "max_mails = 200", "");
	daemon_expect_ready(&daemon);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_new(&daemon);
		client_say(fds[i], GREET ENVELOPE "A");
		client_expect(fds[i], "354 ");
	}
	int fast = client_new(&daemon);
	client_say(fast, GREET);
	for (const char *at = ": b\r\n\r\ntext"; *at != '\0'; at++) {
		char byte[2] = { *at, '\0' };
		for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
			client_say(fds[i], byte);
		gint64 start = g_get_monotonic_time();
		client_say(fast, ENVELOPE BODY);
		client_expect(fast, "250 2.6.0");
		g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
	}
	client_end(fast);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		client_say(fds[i], "\r\n.\r\n");
		client_expect(fds[i], "250 2.6.0");
		(void)close(fds[i]); /* without QUIT */
	}
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 111);
}

static void
test_idle(void)
{
	Daemon daemon;
	fake_reset();
	daemon_start(&daemon, "", "idle_time = 1s");
	daemon_expect_ready(&daemon);
	int idle = client_new(&daemon);
	int in_data = client_new(&daemon);
	client_say(in_data, GREET ENVELOPE "half");
	client_expect(in_data, "354 ");
	client_expect(idle, "220 ");
	client_expect(idle, "421 4.4.2 filter.example");
	client_expect(idle, "");
	client_expect(in_data, "421 4.4.2 filter.example");
	client_expect(in_data, "");
	(void)close(idle);
	(void)close(in_data);
	for (int i = 0; i < 500 && g_atomic_int_get(&fake.housekept) == 0; i++)
		g_usleep(10000); /* a busy machine comes to it late */
	g_assert_cmpint(g_atomic_int_get(&fake.housekept), >, 0);
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 0);
}

static void
test_limits(void)
{
	Daemon daemon;
	int fds[3];
	fake_reset();
	daemon_start(&daemon, "max_connections = 3\nmax_mails = 1", "");
	daemon_expect_ready(&daemon);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_new(&daemon);
		client_expect(fds[i], "220 ");
		client_say(fds[i], GREET);
		client_expect(fds[i], "250 XFORWARD");
	}
	int more = client_new(&daemon);
	client_expect(more, "421 4.3.2 filter.example Too many connections");
	client_expect(more, "");
	(void)close(more);

	client_say(fds[0], ENVELOPE);
	client_expect(fds[0], "354 ");
	client_say(fds[1], "MAIL FROM:<>\r\n");
	client_expect(fds[1], "421 4.3.2 filter.example Too many mails");
	client_expect(fds[1], "");
	client_say(fds[0], BODY);
	client_expect(fds[0], "250 2.6.0");
	client_say(fds[2], ENVELOPE BODY); /* there is room again */
	client_expect(fds[2], "250 2.6.0");
	client_end(fds[0]);
	client_end(fds[2]);
	(void)close(fds[1]);
	more = client_new(&daemon);
	client_expect(more, "220 ");
	client_end(more);
	daemon_end(&daemon);
}

static void
test_acl(void)
{
	Daemon daemon;
	fake_reset();
	daemon_start(&daemon, "", "clients = 192.0.2.0/24, 2001:db8::/32");
	daemon_expect_ready(&daemon);
	int fd = client_new(&daemon);
	client_expect(fd, "554 5.7.1 filter.example Access denied");
	client_expect(fd, "");
	(void)close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&daemon.path, sizeof daemon.path), ==, 0);
	client_expect(fd, "220 ");
	client_end(fd);
	daemon_end(&daemon);
}

static void
test_bare_newline_set(void)
{
	Daemon daemon;
	fake_reset();
	daemon_start(&daemon, "", "bare_newline = reject");
	daemon_expect_ready(&daemon);
	int fd = client_new(&daemon);
	client_say(fd, GREET ENVELOPE "bare\nnewline\r\n.\r\n");
	client_expect(fd, "550 5.6.11");
	client_end(fd);
	daemon_end(&daemon);
}

/* SIGTERM: idle connections end, mails under way are finished. */
static void
test_drain(void)
{
	Daemon daemon;
	fake_reset();
	fake.sleep_ms = 200;
	daemon_start(&daemon, "", "");
	daemon_expect_ready(&daemon);
	int fresh = client_new(&daemon);
	int used = client_new(&daemon);
	int in_data = client_new(&daemon);
	int in_work = client_new(&daemon);
	client_expect(fresh, "220 ");
	client_say(used, GREET ENVELOPE BODY);
	client_expect(used, "250 2.6.0");
	client_say(in_data, GREET ENVELOPE "half");
	client_expect(in_data, "354 ");
	client_say(in_work, GREET ENVELOPE BODY);
	while (g_atomic_int_get(&fake.busy) == 0)
		g_usleep(1000);

	g_assert_cmpint(kill(getpid(), SIGTERM), ==, 0);
	client_expect(used, "421 4.3.2 filter.example");
	client_expect(used, "");
	/* stays in the queue, for the next generation */
	int late = client_new(&daemon);
	client_say(fresh, GREET ENVELOPE BODY); /* just came, may do it */
	client_expect(fresh, "250 2.6.0");
	client_expect(fresh, "");
	client_expect(in_work, "250 2.6.0");
	client_expect(in_work, "");
	client_say(in_data, " mail\r\n.\r\n");
	client_expect(in_data, "250 2.6.0");
	client_expect(in_data, "");
	g_assert_cmpint(daemon_join(&daemon), ==, 0);
	g_assert_cmpint(fake.mails, ==, 4);
	int fds[] = { fresh, used, in_data, in_work, late };
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		(void)close(fds[i]);
}

/* A mail that takes longer than there is time: the process ends all the same, without a reply. */
static void
test_drain_time(void)
{
	if (!g_test_subprocess()) {
		g_test_trap_subprocess(NULL, 10 * G_USEC_PER_SEC, 0);
		g_test_trap_assert_passed();
		g_test_trap_assert_stderr("*1 connections not over in time*");
		return;
	}
	Daemon daemon;
	fake_reset();
	fake.sleep_ms = 60 * 1000;
	daemon_start(&daemon, "drain_time = 1s", "");
	daemon_expect_ready(&daemon);
	int fd = client_new(&daemon);
	client_say(fd, GREET ENVELOPE BODY);
	while (g_atomic_int_get(&fake.busy) == 0)
		g_usleep(1000);
	(void)unlink(daemon.path.sun_path); /* nobody comes back to do it */
	g_assert_cmpint(rmdir(daemon.folder), ==, 0);
	g_assert_cmpint(kill(getpid(), SIGTERM), ==, 0);
	(void)daemon_join(&daemon);
	g_assert_not_reached();
}

static void
test_start_fails(void)
{
	static const struct {
		const char *listener;
		gboolean fail_start;
		gint fail_thread;
		const char *told;
	} cases[] = {
		{ "", TRUE, -1, "ERROR x.conf:7: policy is wrong" },
		{ "", FALSE, 2, "ERROR Lua is broken" },
		{ "clients = 127.0.0.1/8", FALSE, -1, "ERROR test.conf:" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Daemon daemon;
		fake_reset();
		fake.fail_start = cases[i].fail_start;
		fake.fail_thread = cases[i].fail_thread;
		daemon_start(&daemon, "", cases[i].listener);
		g_autofree char *told = daemon_told(&daemon);
		g_assert_true(g_str_has_prefix(told, cases[i].told));
		g_assert_cmpint(daemon_join(&daemon), ==, 1);
	}
}

/* No descriptors left: the client is told, and all is well again when there are some. */
static void
test_descriptors(void)
{
	Daemon daemon;
	struct rlimit old;
	g_autoptr(GArray) fillers = g_array_new(FALSE, FALSE, sizeof(int));
	fake_reset();
	daemon_start(&daemon, "", "");
	daemon_expect_ready(&daemon);
	int first = client_socket();
	int second = client_socket();
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
	struct rlimit tight = { .rlim_cur = 200, .rlim_max = old.rlim_max };
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &tight), ==, 0);
	int filler;
	while ((filler = dup(first)) >= 0)
		g_array_append_val(fillers, filler);
	g_assert_cmpint(errno, ==, EMFILE);
	client_connect(&daemon, first);
	client_expect(first, "421 4.3.2 filter.example Out of descriptors");
	for (guint i = 0; i < fillers->len; i++)
		(void)close(g_array_index(fillers, int, i));
	client_connect(&daemon, second);
	client_expect(second, "220 ");
	client_end(second);
	(void)close(first);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
	daemon_end(&daemon);
}

static void
test_thousand_idle(void)
{
	Daemon daemon;
	int fds[1000];
	if (!may_open(2100) || own_pss_kib() < 0) {
		g_test_skip("not enough descriptors, or no smaps_rollup");
		return;
	}
	fake_reset();
	daemon_start(&daemon, "", "");
	daemon_expect_ready(&daemon);
	gint64 before = own_pss_kib();
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_new(&daemon);
		client_say(fds[i], GREET ENVELOPE BODY);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		client_expect(fds[i], "250 2.6.0");
	gint64 used = own_pss_kib() - before;
	g_test_message("1000 idle connections: %" G_GINT64_FORMAT " KiB", used);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	g_assert_cmpint(used, <, 8 * 1024);
#endif
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		(void)close(fds[i]);
	daemon_end(&daemon);
}

static const struct {
	const char *networks; /* blank between; NULL the default */
	const char *address;
	gboolean may;
} client_cases[] = {
	{ NULL, "127.0.0.1", TRUE },
	{ NULL, "127.3.2.1", TRUE },
	{ NULL, "::1", TRUE },
	{ NULL, "192.0.2.1", FALSE },
	{ NULL, "::2", FALSE },
	{ NULL, "", TRUE },
	{ "192.0.2.0/24", "192.0.2.255", TRUE },
	{ "192.0.2.0/24", "192.0.3.0", FALSE },
	{ "192.0.2.0/24", "127.0.0.1", FALSE },
	{ "192.0.2.0/24", "", TRUE },
	{ "192.0.2.0/24", "nonsense", FALSE },
	{ "192.0.2.7 2001:db8::/32", "192.0.2.7", TRUE },
	{ "192.0.2.7 2001:db8::/32", "2001:db8:1::9", TRUE },
	{ "192.0.2.7 2001:db8::/32", "2001:db9::9", FALSE },
	{ "0.0.0.0/0", "203.0.113.9", TRUE },
	{ "0.0.0.0/0", "2001:db8::1", FALSE },
	{ "*", "2001:db8::1", TRUE },
};

static void
test_clients(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(client_cases); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) networks = client_cases[i].networks != NULL
						 ? g_strsplit(client_cases[i].networks, " ", -1)
						 : NULL;
		g_autoptr(AmClients) clients =
			am_clients_new((const char *const *)networks, &error);
		g_assert_no_error(error);
		g_test_message("%s %s", client_cases[i].networks, client_cases[i].address);
		g_assert_true(am_clients_may(clients, client_cases[i].address) ==
			      client_cases[i].may);
	}
	static const char *const bad[] = { "192.0.2.0/33", "192.0.2.1/24", "localhost", "", "/8" };
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		const char *const networks[] = { "127.0.0.1", bad[i], NULL };
		g_assert_null(am_clients_new(networks, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	}
}

int
main(int argc, char **argv)
{
	sigset_t set;
	g_test_init(&argc, &argv, NULL);
	/* SIGTERM is read from a descriptor: no thread may take it */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	g_assert_cmpint(sigprocmask(SIG_BLOCK, &set, NULL), ==, 0);
	g_test_add_func("/session/clients", test_clients);
	g_test_add_func("/session/one", test_one);
	g_test_add_func("/session/parallel", test_parallel);
	g_test_add_func("/session/slow", test_slow);
	g_test_add_func("/session/idle", test_idle);
	g_test_add_func("/session/limits", test_limits);
	g_test_add_func("/session/acl", test_acl);
	g_test_add_func("/session/bare-newline", test_bare_newline_set);
	g_test_add_func("/session/drain", test_drain);
	g_test_add_func("/session/drain-time", test_drain_time);
	g_test_add_func("/session/start-fails", test_start_fails);
	g_test_add_func("/session/descriptors", test_descriptors);
	g_test_add_func("/session/thousand-idle", test_thousand_idle);
	return g_test_run();
}
