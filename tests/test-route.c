/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "smtp/route.h"

typedef struct {
	const char *text;
	const char *canonical; /* NULL: refused */
	guint n_hops;
} RouteCase;

static const RouteCase route_cases[] = {
	{ "smtp:[127.0.0.1]:10025", "smtp:[127.0.0.1]:10025", 1 },
	{ "smtp:127.0.0.1:10025", "smtp:[127.0.0.1]:10025", 1 },
	{ "SMTP:mail.example.org:25", "smtp:mail.example.org:25", 1 },
	{ "smtp:[mail.example.org]:25", "smtp:mail.example.org:25", 1 },
	{ "smtp:mail.example.org", "smtp:mail.example.org:25", 1 },
	{ "lmtp:[::1]:24", "lmtp:[::1]:24", 1 },
	{ "lmtp:[::1]", "lmtp:[::1]:24", 1 },
	{ "lmtp:unix:/run/lmtp", "lmtp:unix:/run/lmtp", 1 },
	{ "smtp:unix:/run/a:b", "smtp:unix:/run/a:b", 1 },
	{ "smtp:*:*", "smtp:*:*", 1 },
	{ "smtp:*:10025", "smtp:*:10025", 1 },
	{ "smtp:[192.0.2.1]:*", "smtp:[192.0.2.1]:*", 1 },
	{ " smtp:a:1,lmtp:b:2  smtp:c:3 ", "smtp:a:1,lmtp:b:2,smtp:c:3", 3 },
	{ "smtps:mail.example.org", "smtps:mail.example.org:465", 1 },
	{ "SMTPS:[::1]:1465", "smtps:[::1]:1465", 1 },
	{ "lmtps:a", "lmtps:a:24", 1 },
	{ "smtps:unix:/run/a", "smtps:unix:/run/a", 1 },
	{ "smtpss:a", NULL, 0 },
	{ "pipes:a", NULL, 0 },
	{ "pipe:lda, MBOX:/var/mail/x", "pipe:lda,mbox:/var/mail/x", 2 },
	{ "maildir:/a/b", "maildir:/a/b", 1 },
	{ "bsmtp:/a/%m:1", "bsmtp:/a/%m:1", 1 },
	{ "pipe:", NULL, 0 },
	{ "pipe:/bin/false", NULL, 0 },
	{ "mbox:a", NULL, 0 },
	{ "maildir:/a/", NULL, 0 },
	{ "smt:a:1", NULL, 0 },
	{ "smtp", NULL, 0 },
	{ "", NULL, 0 },
	{ " , ", NULL, 0 },
	{ "smtp:", NULL, 0 },
	{ "smtp::25", NULL, 0 },
	{ "smtp:[]:25", NULL, 0 },
	{ "smtp:[::1:25", NULL, 0 },
	{ "smtp:[*]:25", NULL, 0 },
	{ "smtp:[::1]25", NULL, 0 },
	{ "smtp:::1:25", NULL, 0 },
	{ "smtp:a:::1", NULL, 0 },
	{ "smtp:a:0", NULL, 0 },
	{ "smtp:a:65536", NULL, 0 },
	{ "smtp:a:+1", NULL, 0 },
	{ "smtp:a:1x", NULL, 0 },
	{ "smtp:a:", NULL, 0 },
	{ "smtp:a b:1", NULL, 0 },
	{ "smtp:a%b:1", NULL, 0 },
	{ "smtp:unix:run/x", NULL, 0 },
	{ "pipe:argv=/bin/false", NULL, 0 },
	{ "[127.0.0.1]:10025", NULL, 0 },
};

static void
test_parse(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(route_cases); i++) {
		const RouteCase *item = &route_cases[i];
		g_autoptr(GError) error = NULL;
		g_autoptr(AmRoute) route = am_route_parse(item->text, &error);
		g_test_message("%s", item->text);
		if (item->canonical == NULL) {
			g_assert_null(route);
			g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpstr(route->text, ==, item->canonical);
		g_assert_cmpuint(route->hops->len, ==, item->n_hops);
		/* canonical text is a fixed point */
		g_autoptr(AmRoute) again = am_route_parse(route->text, &error);
		g_assert_no_error(error);
		g_assert_cmpstr(again->text, ==, route->text);
	}
}

static void
test_too_many(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	for (guint i = 0; i < 21; i++)
		g_string_append(text, "smtp:a:1 ");
	g_autoptr(AmRoute) route = am_route_parse(text->str, &error);
	g_assert_null(route);
	g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
}

typedef struct {
	const char *text;
	const char *peer_address;
	guint16 local_port;
	const char *host; /* NULL: no such way */
	guint16 port;
} ResolveCase;

static const ResolveCase resolve_cases[] = {
	{ "smtp:[127.0.0.1]:10025", "", 0, "127.0.0.1", 10025 },
	{ "lmtp:unix:/run/x", "", 0, "unix:/run/x", 0 },
	{ "smtp:*:*", "192.0.2.7", 10024, "192.0.2.7", 10025 },
	{ "smtp:*:25", "2001:db8::1", 10024, "2001:db8::1", 25 },
	{ "smtp:host:*", "192.0.2.7", 10024, "host", 10025 },
	{ "smtp:host:*", "", 10024, "host", 10025 },
	{ "smtp:*:25", "", 10024, NULL, 0 },
	{ "smtp:*:*", "192.0.2.7", 0, NULL, 0 },
	{ "smtp:*:*", "192.0.2.7", 65535, NULL, 0 },
};

static void
test_resolve(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(resolve_cases); i++) {
		const ResolveCase *item = &resolve_cases[i];
		g_autoptr(GError) error = NULL;
		g_autoptr(AmRoute) route = am_route_parse(item->text, &error);
		g_autoptr(AmEnvelope) envelope = am_envelope_new();
		g_autofree char *host = NULL;
		guint16 port = 0;
		g_assert_no_error(error);
		g_free(envelope->peer_address);
		envelope->peer_address = g_strdup(item->peer_address);
		envelope->peer_port = 54321;
		envelope->local_port = item->local_port;
		gboolean ok = am_hop_resolve(route->hops->pdata[0], envelope, &host, &port, &error);
		g_assert_cmpint(ok, ==, item->host != NULL);
		if (ok) {
			g_assert_cmpstr(host, ==, item->host);
			g_assert_cmpuint(port, ==, item->port);
		} else {
			g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
		}
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/route/parse", test_parse);
	g_test_add_func("/route/too-many", test_too_many);
	g_test_add_func("/route/resolve", test_resolve);
	return g_test_run();
}
