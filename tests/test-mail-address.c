/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Addresses: what is taken, what is refused, how they are quoted and looked up. */

#include <config.h>

#include "mail/address.h"

#include <string.h>

#define L63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static const struct {
	const char *text;
	gboolean lax;
	const char *internal; /* NULL: refused */
	const char *rest;     /* behind it */
} paths[] = {
	{ "<a@example.org>", FALSE, "a@example.org", "" },
	{ "<a@example.org> SIZE=5", FALSE, "a@example.org", " SIZE=5" },
	{ "<>", FALSE, "", "" },
	{ "<postmaster>", FALSE, "postmaster", "" },
	{ "<a.b+c@EXAMPLE.org>", FALSE, "a.b+c@EXAMPLE.org", "" },
	{ "<!#$%&'*+-/=?^_`{|}~@example.org>", FALSE, "!#$%&'*+-/=?^_`{|}~@example.org", "" },
	{ "<\"a b\"@example.org>", FALSE, "a b@example.org", "" },
	{ "<\"a\\\"\\\\\\b>@\"@example.org>", FALSE, "a\"\\b>@@example.org", "" },
	{ "<\"\"@example.org>", FALSE, "@example.org", "" },
	{ "<\"a\"b@example.org>", FALSE, NULL, NULL },
	{ "<\"a@example.org>", FALSE, NULL, NULL },
	{ "<\"a\\", FALSE, NULL, NULL },
	{ "<\"a\tb\"@example.org>", FALSE, NULL, NULL },
	{ "<\"a\\\rb\"@example.org>", FALSE, NULL, NULL },
	{ "<\"\">", FALSE, NULL, NULL },
	{ "<\"a@b\">", FALSE, NULL, NULL },
	{ "<@one,@two.example:a@example.org>", FALSE, "a@example.org", "" },
	{ "<@one:a@example.org>", FALSE, "a@example.org", "" },
	{ "<@one,a@example.org>", FALSE, NULL, NULL },
	{ "<@one>", FALSE, NULL, NULL },
	{ "<@one:>", FALSE, NULL, NULL },
	{ "<a@[192.0.2.1]>", FALSE, "a@[192.0.2.1]", "" },
	{ "<a@[IPv6:2001:db8::1]>", FALSE, "a@[IPv6:2001:db8::1]", "" },
	{ "<a@[x-tag:any!thing]>", FALSE, "a@[x-tag:any!thing]", "" },
	{ "<a@[192.0.2.256]>", FALSE, NULL, NULL },
	{ "<a@[IPv6:2001:db8::1::2]>", FALSE, NULL, NULL },
	{ "<a@[x:a@b]>", FALSE, NULL, NULL },
	{ "<a@[]>", FALSE, NULL, NULL },
	{ "<a@[192.0.2.1>", FALSE, NULL, NULL },
	{ "<a@b_c.example>", FALSE, "a@b_c.example", "" },
	{ "<a@-b.example>", FALSE, NULL, NULL },
	{ "<a@b-.example>", FALSE, NULL, NULL },
	{ "<a@b..example>", FALSE, NULL, NULL },
	{ "<a@example.>", FALSE, NULL, NULL },
	{ "<a@>", FALSE, NULL, NULL },
	{ "<@>", FALSE, NULL, NULL },
	{ "<.a@example.org>", FALSE, NULL, NULL },
	{ "<a.@example.org>", FALSE, NULL, NULL },
	{ "<a..b@example.org>", FALSE, NULL, NULL },
	{ "<a b@example.org>", FALSE, NULL, NULL },
	{ "<a@example.org", FALSE, NULL, NULL },
	{ "<a@b@example.org>", FALSE, NULL, NULL },
	{ "<<a@example.org>>", FALSE, NULL, NULL },
	{ "<", FALSE, NULL, NULL },
	{ "", FALSE, NULL, NULL },
	{ "a@example.org", FALSE, NULL, NULL },
	{ "a@example.org", TRUE, "a@example.org", "" },
	{ "a@example.org SIZE=5", TRUE, "a@example.org", " SIZE=5" },
	{ "a@example.org>", TRUE, NULL, NULL },
	{ "", TRUE, NULL, NULL },
	{ "<a@example.org>", TRUE, "a@example.org", "" },
	{ "<gr\xc3\xbc\xc3\x9f"
	  "e@stra\xc3\x9f"
	  "e.example>",
	  FALSE,
	  "gr\xc3\xbc\xc3\x9f"
	  "e@stra\xc3\x9f"
	  "e.example",
	  "" },
	{ "<a\xff@example.org>", FALSE, NULL, NULL },
	{ "<a\x7f@example.org>", FALSE, NULL, NULL },
	{ "<a@" L63 "." L63 "." L63 "." L63 ">", FALSE, "a@" L63 "." L63 "." L63 "." L63, "" },
	{ "<a@" L63 "." L63 "." L63 "." L63 ".d>", FALSE, NULL, NULL },
	{ "<" L63 L63 "@example.org>", FALSE, L63 L63 "@example.org", "" },
	{ "<" L63 L63 L63 L63 L63 L63 L63 L63 L63 "@example.org>", FALSE, NULL, NULL },
};

static void
test_path(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *text = g_strdup(paths[i].text); /* exact size */
		g_autofree char *internal = NULL;
		const char *end = NULL;
		g_test_message("%s", paths[i].text);
		gboolean ok = am_address_parse_path(text, paths[i].lax, &internal, &end, &error);
		g_assert_cmpstr(internal, ==, paths[i].internal);
		if (!ok) {
			g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpstr(end, ==, paths[i].rest);
	}
}

static void
test_quote(void)
{
	static const char *const cases[][2] = {
		{ "a@example.org", "a@example.org" },
		{ "a.b@example.org", "a.b@example.org" },
		{ "", "" },
		{ "postmaster", "postmaster" },
		{ "a b@example.org", "\"a b\"@example.org" },
		{ "a\"\\b>@@example.org", "\"a\\\"\\\\b>@\"@example.org" },
		{ "@example.org", "\"\"@example.org" },
		{ ".a@example.org", "\".a\"@example.org" },
		{ "a.@example.org", "\"a.\"@example.org" },
		{ "a..b@example.org", "\"a..b\"@example.org" },
		{ "gr\xc3\xbc@example.org", "gr\xc3\xbc@example.org" },
		{ "a\r\nb@example.org", "\"a  b\"@example.org" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *quoted = am_address_quote(cases[i][0]);
		g_assert_cmpstr(quoted, ==, cases[i][1]);
	}
}

/* What was read and quoted again reads the same. */
static void
test_quote_round_trip(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autofree char *again = NULL;
		if (paths[i].internal == NULL)
			continue;
		g_autofree char *quoted = am_address_quote(paths[i].internal);
		g_autofree char *path = g_strdup_printf("<%s>", quoted);
		g_assert_true(am_address_parse_path(path, FALSE, &again, NULL, NULL));
		g_assert_cmpstr(again, ==, paths[i].internal);
	}
}

static void
test_parts(void)
{
	g_autofree char *local = am_address_local("a@b@example.org");
	g_autofree char *bare = am_address_local("postmaster");
	g_assert_cmpstr(local, ==, "a@b");
	g_assert_cmpstr(bare, ==, "postmaster");
	g_assert_cmpstr(am_address_domain("a@b@example.org"), ==, "example.org");
	g_assert_cmpstr(am_address_domain("postmaster"), ==, "");
	g_assert_true(am_address_is_ascii("a@example.org"));
	g_assert_false(am_address_is_ascii("\xc3\xbc@example.org"));
}

static void
test_lookup_keys(void)
{
	static const char *const cases[][3] = {
		{ "User+Foo@sub.Dom.tld", "+",
		  "user+foo@sub.dom.tld|user@sub.dom.tld|user+foo@|user@|sub.dom.tld|.sub.dom.tld|"
		  ".dom.tld|.tld|." },
		{ "user@dom.tld", "+", "user@dom.tld|user@|dom.tld|.dom.tld|.tld|." },
		{ "user+foo@dom.tld", NULL, "user+foo@dom.tld|user+foo@|dom.tld|.dom.tld|.tld|." },
		{ "+foo@tld", "+", "+foo@tld|+foo@|tld|.tld|." },
		{ "user-a+b@tld", "-+", "user-a+b@tld|user@tld|user-a+b@|user@|tld|.tld|." },
		{ "", "+", "|@|." },
		{ "root", "+", "root@|." },
		{ "@dom.tld", "+", "@dom.tld|dom.tld|.dom.tld|.tld|." },
		{ "a@[192.0.2.1]", "+", "a@[192.0.2.1]|a@|[192.0.2.1]|.[192.0.2.1]|." },
		{ "\xc3\x9c@B\xc3\xbc"
		  "cher.example",
		  "+",
		  "\xc3\xbc@xn--bcher-kva.example|\xc3\xbc@|xn--bcher-kva.example|"
		  ".xn--bcher-kva.example|.example|." },
		/* what IDNA refuses stays */
		{ "a@\xe2\x80\x8e.example", "+",
		  "a@\xe2\x80\x8e.example|a@|\xe2\x80\x8e.example|.\xe2\x80\x8e.example|.example|"
		  "." },
		{ "a\xff@dom", "+", "a\xff@dom|a\xff@|dom|.dom|." },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(GStrv) keys = am_address_lookup_keys(cases[i][0], cases[i][1]);
		g_autofree char *joined = g_strjoinv("|", keys);
		g_assert_cmpstr(joined, ==, cases[i][2]);
	}
}

static const struct {
	const char *text, *ip; /* NULL: none */
} ips[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "2001:db8::1", "2001:db8::1" },
	{ "IPv6:2001:DB8:0:0:0:0:0:1", "2001:db8::1" }, /* sendmail's way */
	{ "IPV6:2001:db8::1", "2001:db8::1" }, /* Postfix' */
	{ "ipv6:192.0.2.1", "192.0.2.1" },
	{ "::ffff:192.0.2.1", "192.0.2.1" },
	{ "0:0:0:0:0:FFFF:c000:201", "192.0.2.1" },
	{ "::192.0.2.1", "::192.0.2.1" },
	{ "", NULL },
	{ "IPv6:", NULL },
	{ "IPv6:IPv6:::1", NULL },
	{ "192.0.2.256", NULL },
	{ "192.0.2", NULL },
	{ "[192.0.2.1]", NULL },
	{ "192.0.2.1 ", NULL },
	{ "::1%lo", NULL },
	{ "unknown", NULL },
};

static void
test_ip(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(ips); i++) {
		g_autofree char *ip = am_address_ip(ips[i].text);
		g_test_message("%s", ips[i].text);
		g_assert_cmpstr(ip, ==, ips[i].ip);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/address/path", test_path);
	g_test_add_func("/address/ip", test_ip);
	g_test_add_func("/address/quote", test_quote);
	g_test_add_func("/address/quote-round-trip", test_quote_round_trip);
	g_test_add_func("/address/parts", test_parts);
	g_test_add_func("/address/lookup-keys", test_lookup_keys);
	return g_test_run();
}
