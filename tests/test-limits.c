/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What one client may take, with a clock of the test's own. */

#include <config.h>

#include "session/limits.h"

#define SECOND G_USEC_PER_SEC
#define START (G_GINT64_CONSTANT(1000) * SECOND)
#define KNOWN 65536

static AmLimits *
limits(guint connections, guint connection_rate, guint mail_rate)
{
	const AmLimitsConfig config = {
		.connections = connections,
		.connection_rate = connection_rate,
		.mail_rate = mail_rate,
		.prefix_ip4 = 32,
		.prefix_ip6 = 64,
		.max_clients = KNOWN,
	};
	return am_limits_new(&config);
}

static void
test_none(void)
{
	g_assert_null(limits(0, 0, 0));
}

static void
test_connections(void)
{
	g_autoptr(AmLimits) one = limits(2, 0, 0);
	AmLimitsClient a, b, c, other, unix_socket[3];
	g_assert_cmpint(am_limits_enter(one, "192.0.2.1", START, &a), ==, AM_LIMITS_FINE);
	g_assert_cmpint(am_limits_enter(one, "192.0.2.1", START, &b), ==, AM_LIMITS_FINE);
	g_assert_cmpint(am_limits_enter(one, "192.0.2.1", START, &c), ==, AM_LIMITS_CONNECTIONS);
	am_limits_leave(one, &c); /* counted nothing */
	g_assert_cmpint(am_limits_enter(one, "192.0.2.1", START, &c), ==, AM_LIMITS_CONNECTIONS);
	g_assert_cmpint(am_limits_enter(one, "192.0.2.2", START, &other), ==, AM_LIMITS_FINE);
	am_limits_leave(one, &a);
	am_limits_leave(one, &a); /* once */
	g_assert_cmpint(am_limits_enter(one, "192.0.2.1", START, &c), ==, AM_LIMITS_FINE);
	g_assert_cmpint(am_limits_enter(one, "192.0.2.1", START, &a), ==, AM_LIMITS_CONNECTIONS);
	for (gsize i = 0; i < G_N_ELEMENTS(unix_socket); i++)
		g_assert_cmpint(am_limits_enter(one, "", START, &unix_socket[i]), ==,
				AM_LIMITS_FINE);
	am_limits_leave(one, &b);
	am_limits_leave(one, &c);
	am_limits_leave(one, &other);
}

/* Which addresses are one client. */
static void
test_networks(void)
{
	static const struct {
		const char *one, *two;
		gboolean is_same;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.254", TRUE },
		{ "192.0.2.1", "192.0.3.1", FALSE },
		{ "192.0.2.1", "::ffff:192.0.2.9", TRUE },
		{ "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", TRUE },
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", FALSE },
		{ "2001:db8::1", "192.0.2.1", FALSE },
		{ "198.51.100.7", "198.51.100.7", FALSE }, /* exempt */
		{ "nonsense", "nonsense", FALSE },
	};
	static const char *const exempt[] = { "198.51.100.0/24", NULL };
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		AmLimitsClient one, two;
		const AmLimitsConfig config = {
			.connections = 1,
			.prefix_ip4 = 24,
			.prefix_ip6 = 64,
			.max_clients = KNOWN,
			.exempt = am_clients_new(exempt, NULL),
		};
		g_autoptr(AmLimits) limited = am_limits_new(&config);
		g_test_message("%s %s", cases[i].one, cases[i].two);
		g_assert_cmpint(am_limits_enter(limited, cases[i].one, START, &one), ==,
				AM_LIMITS_FINE);
		AmLimitsVerdict verdict = am_limits_enter(limited, cases[i].two, START, &two);
		g_assert_true((verdict == AM_LIMITS_CONNECTIONS) == cases[i].is_same);
	}
}

/* The whole limit at once, then one after the other; what was refused costs nothing. */
static void
test_rate(void)
{
	g_autoptr(AmLimits) one = limits(0, 6, 0);
	AmLimitsClient client;
	gint64 now_us = START;
	for (guint i = 0; i < 100; i++) {
		g_assert_cmpint(am_limits_enter(one, "192.0.2.1", now_us, &client), ==,
				i < 6 ? AM_LIMITS_FINE : AM_LIMITS_CONNECTION_RATE);
		am_limits_leave(one, &client);
	}
	guint n = 0;
	for (guint i = 0; i < 120; i++) { /* two minutes, each second one */
		now_us += SECOND;
		n += am_limits_enter(one, "192.0.2.1", now_us, &client) == AM_LIMITS_FINE;
		am_limits_leave(one, &client);
	}
	g_assert_cmpuint(n, ==, 12);
	now_us += 60 * SECOND;
	for (guint i = 0; i < 7; i++) {
		g_assert_cmpint(am_limits_enter(one, "192.0.2.1", now_us, &client), ==,
				i < 6 ? AM_LIMITS_FINE : AM_LIMITS_CONNECTION_RATE);
		am_limits_leave(one, &client);
	}
}

static void
test_mails(void)
{
	g_autoptr(AmLimits) one = limits(0, 0, 3);
	AmLimitsClient client, again;
	g_assert_cmpint(am_limits_enter(one, "::1", START, &client), ==, AM_LIMITS_FINE);
	for (guint i = 0; i < 10; i++)
		g_assert_cmpint(am_limits_mail(one, &client, START), ==,
				i < 3 ? AM_LIMITS_FINE : AM_LIMITS_MAIL_RATE);
	/* a new connection is no way out */
	am_limits_leave(one, &client);
	am_limits_expire(one, START);
	g_assert_cmpint(am_limits_enter(one, "::1", START, &again), ==, AM_LIMITS_FINE);
	g_assert_cmpint(am_limits_mail(one, &again, START), ==, AM_LIMITS_MAIL_RATE);
	g_assert_cmpint(am_limits_mail(one, &again, START + 20 * SECOND), ==, AM_LIMITS_FINE);
	am_limits_leave(one, &again);
}

/* However many clients: what is kept is bounded, and all is forgotten in time. */
static void
test_bounded(void)
{
	g_autoptr(AmLimits) one = limits(1, 10, 10);
	AmLimitsClient client, kept;
	g_assert_cmpint(am_limits_enter(one, "192.0.2.1", START, &kept), ==, AM_LIMITS_FINE);
	for (guint i = 0; i < 3 * KNOWN; i++) {
		char address[40];
		g_snprintf(address, sizeof address, "2001:db8:%x:%x::1", i >> 16, i & 0xffff);
		g_assert_cmpint(am_limits_enter(one, address, START, &client), ==, AM_LIMITS_FINE);
		am_limits_leave(one, &client);
	}
	g_assert_cmpuint(am_limits_count(one), <=, KNOWN);
	g_assert_cmpuint(am_limits_count(one), >, KNOWN / 2);
	for (guint i = 0; i < 20; i++)
		am_limits_expire(one, START + 61 * SECOND);
	g_assert_cmpuint(am_limits_count(one), ==, 1);
	g_assert_cmpint(am_limits_enter(one, "192.0.2.1", START + 61 * SECOND, &client), ==,
			AM_LIMITS_CONNECTIONS);
	am_limits_leave(one, &kept);
}

static void
test_complains(void)
{
	g_autoptr(AmLimits) one = limits(1, 0, 0);
	guint n_silent;
	g_assert_true(am_limits_complains(one, START, &n_silent));
	g_assert_cmpuint(n_silent, ==, 0);
	for (guint i = 0; i < 5; i++)
		g_assert_false(am_limits_complains(one, START + SECOND, &n_silent));
	g_assert_true(am_limits_complains(one, START + 11 * SECOND, &n_silent));
	g_assert_cmpuint(n_silent, ==, 5);
	g_assert_false(am_limits_complains(one, START + 11 * SECOND, &n_silent));
	g_assert_cmpuint(n_silent, ==, 0);
}

static gpointer
crowd_main(gpointer data)
{
	AmLimits *one = data;
	for (guint i = 0; i < 20000; i++) {
		AmLimitsClient client;
		char address[20];
		g_snprintf(address, sizeof address, "192.0.2.%u", i % 7);
		if (am_limits_enter(one, address, START, &client) == AM_LIMITS_FINE)
			(void)am_limits_mail(one, &client, START);
		am_limits_leave(one, &client);
		if (i % 100 == 0)
			am_limits_complains(one, START + i, &(guint){ 0 });
	}
	return NULL;
}

static void
test_threads(void)
{
	g_autoptr(AmLimits) one = limits(3, 0, 1000000);
	GThread *threads[4];
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("crowd", crowd_main, one);
	for (guint i = 0; i < 2000; i++)
		am_limits_expire(one, START + 61 * SECOND);
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		(void)g_thread_join(threads[i]);
	for (guint i = 0; i < 16; i++)
		am_limits_expire(one, START + 200 * SECOND);
	g_assert_cmpuint(am_limits_count(one), ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/limits/none", test_none);
	g_test_add_func("/limits/connections", test_connections);
	g_test_add_func("/limits/networks", test_networks);
	g_test_add_func("/limits/rate", test_rate);
	g_test_add_func("/limits/mails", test_mails);
	g_test_add_func("/limits/bounded", test_bounded);
	g_test_add_func("/limits/complains", test_complains);
	g_test_add_func("/limits/threads", test_threads);
	return g_test_run();
}
