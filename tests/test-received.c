/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "mail/received.h"

#include <string.h>

static void
test_client(void)
{
	static const struct {
		const char *value;
		const char *address; /* NULL: none */
	} cases[] = {
		/* Postfix, sendmail, Exim, Gmail, qmail, Exchange, Courier, we */
		{ "from mx.example (mx.example [192.0.2.1])\r\n\tby me.example", "192.0.2.1" },
		{ "from x (unknown [IPv6:2001:DB8:0::1]) by me", "2001:db8::1" },
		{ "from x (mx.example [192.0.2.1] (may be forged)) by me", "192.0.2.1" },
		{ "from mx.example ([192.0.2.1] helo=[198.51.100.9])\n by me", "192.0.2.1" },
		{ "from [192.0.2.1] (helo=x) by me", "192.0.2.1" },
		{ "from x (x. [192.0.2.1]) by me", "192.0.2.1" },
		{ "from unknown (HELO [198.51.100.9]) (192.0.2.1) by me", "192.0.2.1" },
		{ "from x (192.0.2.1) by me", "192.0.2.1" },
		{ "from x (x [::ffff:192.0.2.1]) by me", "192.0.2.1" },
		{ "from x ([IPv6:::1])\r\n\tby me (amavisd)", "::1" },
		/* what the client says of itself counts only when there is nothing else */
		{ "from [198.51.100.9] (mx.example [192.0.2.1]) by me", "192.0.2.1" },
		{ "FROM [198.51.100.9] BY me", "198.51.100.9" },
		{ "from [198.51.100.9] (no address) by me", "198.51.100.9" },
		/* only of the clause */
		{ "from x by me ([192.0.2.1])", NULL },
		{ "by me (Postfix, from userid 0)", NULL },
		{ "from x (uid 0) by me", NULL },
		{ "from standby (x [192.0.2.1]) by me", "192.0.2.1" },
		{ "from x(x [192.0.2.1])by me", "192.0.2.1" },
		{ "from (a\\)[198.51.100.9x]\\( [192.0.2.1]) by me", "192.0.2.1" },
		/* broken */
		{ "", NULL },
		{ "from", NULL },
		{ "from ", NULL },
		{ "from x (", NULL },
		{ "from x (x [192.0.2.1", NULL },
		{ "from x (x [192.0.2.256]) by me", NULL },
		{ "from x (x []) by me", NULL },
		{ "from x ((((((", NULL },
		{ "from x (\\", NULL },
		{ "from x (x [1111111111111111111111111111111111111111111111111111111111]) by", NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		char address[INET6_ADDRSTRLEN] = "";
		gsize len = strlen(cases[i].value);
		g_autofree char *exact = g_memdup2(cases[i].value, len);
		gboolean is_there = am_received_client(exact, len, address);
		g_test_message("%s", cases[i].value);
		g_assert_cmpint(is_there, ==, cases[i].address != NULL);
		if (is_there)
			g_assert_cmpstr(address, ==, cases[i].address);
	}
}

static void
test_public(void)
{
	static const struct {
		const char *address;
		gboolean is_public;
	} cases[] = {
		{ "192.0.2.1", TRUE },	   { "8.8.8.8", TRUE },	      { "9.255.255.255", TRUE },
		{ "10.0.0.1", FALSE },	   { "11.0.0.0", TRUE },      { "100.63.0.1", TRUE },
		{ "100.64.0.1", FALSE },   { "100.127.0.1", FALSE },  { "100.128.0.1", TRUE },
		{ "127.0.0.1", FALSE },	   { "169.254.1.1", FALSE },  { "172.15.0.1", TRUE },
		{ "172.16.0.1", FALSE },   { "172.31.0.1", FALSE },   { "172.32.0.1", TRUE },
		{ "192.168.1.1", FALSE },  { "198.19.0.1", FALSE },   { "198.20.0.1", TRUE },
		{ "223.255.0.1", TRUE },   { "224.0.0.1", FALSE },    { "255.255.255.255", FALSE },
		{ "0.0.0.0", FALSE },	   { "2001:db8::1", TRUE },   { "3fff::1", TRUE },
		{ "::1", FALSE },	   { "fe80::1", FALSE },      { "fc00::1", FALSE },
		{ "ff02::1", FALSE },	   { "mx.example", FALSE },   { "", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].address);
		g_assert_cmpint(am_address_is_public(cases[i].address), ==, cases[i].is_public);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/received/client", test_client);
	g_test_add_func("/received/public", test_public);
	return g_test_run();
}
