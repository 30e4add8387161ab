/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Headers of the PROXY protocol, whole and cut at every byte, good and bad. */

#include <config.h>

#include "wire/proxy.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *name;
	const char *bytes;
	gsize len;
	const char *expected; /* "ADDRESS PORT OWN PORT", "local", "bad" */
} cases[] = {
	{ "v1 IPv4", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n"),
	  "192.0.2.1 56324 198.51.100.2 25" },
	{ "v1 IPv6", BYTES("PROXY TCP6 2001:DB8:0:0::1 ::1 1 65535\r\n"),
	  "2001:db8::1 1 ::1 65535" },
	{ "v1 unknown", BYTES("PROXY UNKNOWN\r\n"), "local" },
	{ "v1 unknown with more", BYTES("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), "local" },
	{ "v1 wrong family", BYTES("PROXY TCP4 ::1 ::1 1 2\r\n"), "bad" },
	{ "v1 unknown family", BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"), "bad" },
	{ "v1 port too big", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"), "bad" },
	{ "v1 port with sign", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n"), "bad" },
	{ "v1 port with zero", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"), "bad" },
	{ "v1 two blanks", BYTES("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"), "bad" },
	{ "v1 one word too many", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"), "bad" },
	{ "v1 NUL", BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2\r\n"), "bad" },
	{ "v1 lower case", BYTES("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), "bad" },
	{ "v1 without an end",
	  BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 "
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxx"
		"\r\n"),
	  "bad" },
	{ "v2 IPv4", BYTES(V2 "\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\0\x19"),
	  "192.0.2.1 56324 198.51.100.2 25" },
	{ "v2 IPv4 and TLVs",
	  BYTES(V2 "\x21\x11\0\x11\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\0\x19\x04\0\x02zz"),
	  "192.0.2.1 56324 198.51.100.2 25" },
	{ "v2 IPv6",
	  BYTES(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\xff\xff"),
	  "2001:db8::1 1 ::1 65535" },
	{ "v2 local", BYTES(V2 "\x20\0\0\0"), "local" },
	{ "v2 local with addresses",
	  BYTES(V2 "\x20\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\0\x19"), "local" },
	{ "v2 Unix",
	  BYTES(V2 "\x21\x31\0\x03"
		   "abc"),
	  "local" },
	{ "v2 datagrams", BYTES(V2 "\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\0\x19"),
	  "local" },
	{ "v2 too short for its family", BYTES(V2 "\x21\x11\0\x04\xc0\0\x02\x01"), "bad" },
	{ "v2 unknown command",
	  BYTES(V2 "\x22\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\0\x19"), "bad" },
	{ "version 3", BYTES(V2 "\x31\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\0\x19"),
	  "bad" },
	{ "v2 too long", BYTES(V2 "\x21\x11\xff\xff\xc0\0\x02\x01"), "bad" },
	{ "SMTP", BYTES("EHLO client.example.org\r\n"), "bad" },
	{ "almost", BYTES("PROXIES TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), "bad" },
	{ "nothing but a line's end", BYTES("\r\n"), "more" },
};

static char *
outcome(AmProxyStep step, const AmProxy *proxy)
{
	if (step == AM_PROXY_BAD)
		return g_strdup("bad");
	if (step == AM_PROXY_MORE)
		return g_strdup("more");
	if (proxy->is_local)
		return g_strdup("local");
	return g_strdup_printf("%s %u %s %u", proxy->address, proxy->port, proxy->own_address,
			       proxy->own_port);
}

static void
test_headers(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].name);
		for (gsize cut = 0; cut <= cases[i].len; cut++) {
			g_autofree AmProxy *proxy = g_new0(AmProxy, 1);
			g_autofree char *text = g_malloc(cases[i].len + 4);
			gsize used = 0, more = 0;
			memcpy(text, cases[i].bytes, cases[i].len);
			memcpy(text + cases[i].len, "EHLO", 4);
			AmProxyStep step = am_proxy_feed(proxy, (const guint8 *)text, cut, &used);
			if (step == AM_PROXY_MORE && strcmp(cases[i].expected, "more") != 0)
				step = am_proxy_feed(proxy, (const guint8 *)text + cut,
						     cases[i].len + 4 - cut, &more);
			g_autofree char *got = outcome(step, proxy);
			if (strcmp(cases[i].expected, "more") == 0 && cut < cases[i].len)
				continue;
			g_assert_cmpstr(got, ==, cases[i].expected);
			if (step == AM_PROXY_DONE) /* nothing of what follows */
				g_assert_cmpuint(used + more, ==, cases[i].len);
		}
	}
}

static void
test_receive(void)
{
	const char header[] = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n";
	char rest[10];
	int fds[2];
	g_autofree AmProxy *proxy = g_new0(AmProxy, 1);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	g_assert_cmpint(am_proxy_receive(proxy, fds[0]), ==, AM_PROXY_MORE);
	for (gsize i = 0; i + 2 < sizeof header; i++) {
		g_assert_cmpint(send(fds[1], header + i, 1, 0), ==, 1);
		g_assert_cmpint(am_proxy_receive(proxy, fds[0]), ==, AM_PROXY_MORE);
	}
	g_assert_cmpint(send(fds[1], "\nEHLO", 5, 0), ==, 5);
	g_assert_cmpint(am_proxy_receive(proxy, fds[0]), ==, AM_PROXY_DONE);
	g_assert_cmpint(recv(fds[0], rest, sizeof rest, 0), ==, 4);
	g_assert_cmpint(close(fds[1]), ==, 0);
	memset(proxy, 0, sizeof *proxy);
	g_assert_cmpint(am_proxy_receive(proxy, fds[0]), ==, AM_PROXY_BAD); /* gone */
	g_assert_cmpint(close(fds[0]), ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/proxy/headers", test_headers);
	g_test_add_func("/proxy/receive", test_receive);
	return g_test_run();
}
