/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Clients that want more than their share: of connections, of mails, of time, of a thread. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "session-daemon.h"

static void
start(Daemon *daemon, const char *core, const char *listener)
{
	fake_reset();
	daemon_start(daemon, core, listener);
	daemon_expect_ready(daemon);
}

/* Connected once more, as often as it takes: the end of another is seen by the session later. */
static int
client_until(Daemon *daemon, const char *text)
{
	for (guint i = 0; i < 200; i++) {
		char buffer[200] = "";
		int fd = client_new(daemon);
		g_assert_cmpint(recv(fd, buffer, sizeof buffer - 1, 0), >, 0);
		if (g_str_has_prefix(buffer, text))
			return fd;
		(void)close(fd);
		g_usleep(10000);
	}
	g_error("no '%s' came", text);
}

static void
test_connections(void)
{
	Daemon daemon;
	start(&daemon, "", "client_connections = 2");
	int first = client_new(&daemon), second = client_new(&daemon);
	client_expect(first, "220 ");
	client_expect(second, "220 ");
	int third = client_new(&daemon);
	client_expect(third, "421 4.7.0 filter.example Too many connections from your network");
	client_expect(third, "");
	(void)close(third);
	/* nobody counts those of a Unix socket */
	int local[3];
	for (gsize i = 0; i < G_N_ELEMENTS(local); i++) {
		local[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		g_assert_cmpint(
			connect(local[i], (struct sockaddr *)&daemon.path, sizeof daemon.path), ==,
			0);
		client_expect(local[i], "220 ");
		client_end(local[i]);
	}
	client_end(second);
	client_end(client_until(&daemon, "220 "));
	client_end(first);
	daemon_end(&daemon);
}

static void
test_rates(void)
{
	Daemon daemon;
	start(&daemon, "", "client_rate = 3\nclient_mails = 2");
	int one = client_new(&daemon), two = client_new(&daemon), three = client_new(&daemon);
	int four = client_new(&daemon);
	client_expect(four, "421 4.7.0 filter.example Too many connections in a minute");
	client_expect(four, "");
	client_say(one, GREET ENVELOPE BODY);
	client_expect(one, "250 2.6.0");
	client_say(two, GREET ENVELOPE BODY);
	client_expect(two, "250 2.6.0");
	client_say(three, GREET "MAIL FROM:<>\r\n");
	client_expect(three, "421 4.7.0 filter.example Too many mails in a minute");
	client_expect(three, "");
	client_end(one);
	client_end(two);
	(void)close(three);
	(void)close(four);
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 2);
}

static void
test_exempt(void)
{
	Daemon daemon;
	start(&daemon, "", "client_connections = 1\nclient_exempt = 127.0.0.0/8");
	int first = client_new(&daemon), second = client_new(&daemon);
	client_expect(first, "220 ");
	client_expect(second, "220 ");
	client_end(first);
	client_end(second);
	daemon_end(&daemon);
}

/* Behind a balancer it is the client that counts. */
static void
test_proxied(void)
{
	static const char one[] = "PROXY TCP4 192.0.2.1 198.51.100.1 1000 25\r\n";
	static const char other[] = "PROXY TCP4 192.0.2.2 198.51.100.1 1000 25\r\n";
	Daemon daemon;
	start(&daemon, "", "client_connections = 1\nproxy_protocol = yes");
	int first = client_new(&daemon), second = client_new(&daemon), third = client_new(&daemon);
	client_say(first, one);
	client_expect(first, "220 ");
	client_say(second, one);
	client_expect(second, "421 4.7.0 filter.example Too many connections");
	client_expect(second, "");
	client_say(third, other);
	client_expect(third, "220 ");
	client_end(first);
	client_end(third);
	(void)close(second);
	daemon_end(&daemon);
}

/* One byte every now and then is no reason to stay: in a command, in DATA, in a line without end. */
static void
test_drip(void)
{
	Daemon daemon;
	int fds[2];
	gboolean is_over[G_N_ELEMENTS(fds)] = { FALSE };
	start(&daemon, "", "idle_time = 2s\nreceive_time = 1s");
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		fds[i] = client_new(&daemon);
	client_expect(fds[0], "220 ");
	client_say(fds[1], GREET ENVELOPE);
	client_expect(fds[1], "354 ");
	gint64 end_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
	while (!(is_over[0] && is_over[1])) {
		g_assert_cmpint(g_get_monotonic_time(), <, end_us);
		for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
			char buffer[200] = "";
			if (is_over[i])
				continue;
			if (recv(fds[i], buffer, sizeof buffer - 1, MSG_DONTWAIT) < 0) {
				g_assert_cmpint(errno, ==, EAGAIN);
				client_say(fds[i], "x");
				continue;
			}
			g_assert_true(
				g_str_has_prefix(buffer, "421 4.4.2 filter.example Too slow"));
			is_over[i] = TRUE;
		}
		g_usleep(100000);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		(void)close(fds[i]);
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 0);
}

/* Commands that lead nowhere do not keep a transaction open. */
static void
test_transaction(void)
{
	Daemon daemon;
	start(&daemon, "", "receive_time = 1s");
	int fd = client_new(&daemon);
	client_say(fd, GREET "MAIL FROM:<a@example.org>\r\n");
	client_expect(fd, "250 2.1.0");
	for (guint i = 0; i < 8; i++) {
		client_say(fd, "NOOP\r\n");
		client_expect(fd, "250 2.0.0");
		g_usleep(100000);
	}
	client_expect(fd, "421 4.4.2 filter.example Too slow");
	(void)close(fd);
	daemon_end(&daemon);
}

/* Nobody stays in the middle of a PROXY header either. */
static void
test_half_open(void)
{
	Daemon daemon;
	start(&daemon, "", "idle_time = 1s\nproxy_protocol = yes");
	int fd = client_new(&daemon);
	client_say(fd, "PROXY TCP4 192");
	client_expect(fd, "");
	(void)close(fd);
	daemon_end(&daemon);
}

/* Sends a line without end as fast as it goes. */
static gpointer
flood_main(gpointer data)
{
	static const char many[65536] = { [0 ... 65535] = 'x' };
	int fd = GPOINTER_TO_INT(data);
	while (send(fd, many, sizeof many, MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

/* More of them than there are threads: they are cut off, and others are served. */
static void
test_endless_line(void)
{
	Daemon daemon;
	int fds[6];
	GThread *threads[G_N_ELEMENTS(fds)];
	start(&daemon, "", "");
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_new(&daemon);
		client_expect(fds[i], "220 ");
		threads[i] = g_thread_new("flood", flood_main, GINT_TO_POINTER(fds[i]));
	}
	int fast = client_new(&daemon);
	client_say(fast, GREET ENVELOPE BODY);
	client_expect(fast, "250 2.6.0");
	client_end(fast);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		(void)g_thread_join(threads[i]);
		(void)close(fds[i]);
	}
	daemon_end(&daemon);
}

/* A thousand stalled in DATA, with a little of a mail each, hold memory for that and no thread. */
static void
test_thousand_stalled(void)
{
	Daemon daemon;
	int fds[1000];
	g_autofree char *text = g_strnfill(1000, 'x');
	if (!may_open(4200) || own_pss_kib() < 0) {
		g_test_skip("not enough descriptors, or no smaps_rollup");
		return;
	}
	start(&daemon, "max_mails = 1100", "");
	gint64 before = own_pss_kib();
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_new(&daemon);
		client_say(fds[i], GREET ENVELOPE);
		client_expect(fds[i], "354 ");
		client_say(fds[i], text);
	}
	gint64 start_us = g_get_monotonic_time();
	int fast = client_new(&daemon);
	client_say(fast, GREET);
	for (guint i = 0; i < 50; i++) {
		client_say(fast, ENVELOPE BODY);
		client_expect(fast, "250 2.6.0");
	}
	client_end(fast);
	gint64 used = own_pss_kib() - before;
	g_test_message("1000 stalled in DATA: %" G_GINT64_FORMAT
		       " KiB; 50 mails beside them in %d ms",
		       used, (int)((g_get_monotonic_time() - start_us) / 1000));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	g_assert_cmpint(used, <, 16 * 1024);
#endif
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		(void)close(fds[i]);
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 50);
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
	g_test_add_func("/session-clients/connections", test_connections);
	g_test_add_func("/session-clients/rates", test_rates);
	g_test_add_func("/session-clients/exempt", test_exempt);
	g_test_add_func("/session-clients/proxied", test_proxied);
	g_test_add_func("/session-clients/drip", test_drip);
	g_test_add_func("/session-clients/transaction", test_transaction);
	g_test_add_func("/session-clients/half-open", test_half_open);
	g_test_add_func("/session-clients/endless-line", test_endless_line);
	g_test_add_func("/session-clients/thousand-stalled", test_thousand_stalled);
	return g_test_run();
}
