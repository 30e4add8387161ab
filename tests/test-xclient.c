/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* XFORWARD to next hops: what is said, cut into which lines, and what becomes of answers. */

#include <config.h>

#include <string.h>

#include "smtp-job.h"
#include "smtp/xclient.h"

#define ALL AM_XFORWARD_ATTRIBUTES

static void
set(char **field, const char *value)
{
	g_free(*field);
	*field = g_strdup(value);
}

static void
set_client(AmEnvelope *envelope, const char *address, const char *name, const char *source)
{
	set(&envelope->client_address, address);
	set(&envelope->client_name, name);
	set(&envelope->client_source, source);
	set(&envelope->client_protocol, "ESMTP");
	set(&envelope->helo, "spike+x =");
	set(&envelope->queue_id, "4XyZ");
	envelope->client_port = 4711;
}

static void
test_commands(void)
{
	static const struct {
		const char *address, *name, *source;
		guint attributes;
		const char *commands;
	} table[] = {
		{ "192.0.2.7", "spike.example", "REMOTE", ALL,
		  "XFORWARD NAME=spike.example ADDR=192.0.2.7 PORT=4711 PROTO=ESMTP "
		  "HELO=spike+2Bx+20+3D IDENT=4XyZ SOURCE=REMOTE\r\n" },
		{ "2001:db8::1", "", "", 1u << AM_XCLIENT_ADDR | 1u << AM_XCLIENT_NAME,
		  "XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1\r\n" },
		{ "", "", "LOCAL", 1u << AM_XCLIENT_ADDR | 1u << AM_XCLIENT_SOURCE,
		  "XFORWARD ADDR=[UNAVAILABLE] SOURCE=LOCAL\r\n" },
		{ "192.0.2.7", "\xc3\xa4", "", 1u << AM_XCLIENT_NAME, "XFORWARD NAME=+C3+A4\r\n" },
		{ "192.0.2.7", "a\r\nQUIT", "", 1u << AM_XCLIENT_NAME,
		  "XFORWARD NAME=a+0D+0AQUIT\r\n" },
		{ "", "", "", ALL, "" },
		{ "192.0.2.7", "a", "", 0, "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(AmEnvelope) envelope = am_envelope_new();
		set_client(envelope, table[i].address, table[i].name, table[i].source);
		g_autoptr(GPtrArray) commands =
			am_xclient_forward_commands(table[i].attributes, envelope);
		g_ptr_array_add(commands, NULL);
		g_autofree char *text = g_strjoinv("", (char **)commands->pdata);
		g_assert_cmpstr(text, ==, table[i].commands);
	}
}

/* Long values come in several lines, each no longer than a command may be. */
static void
test_long(void)
{
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	g_autofree char *text = g_strnfill(300, '+');
	set_client(envelope, "192.0.2.7", text, "REMOTE");
	set(&envelope->helo, text);
	set(&envelope->queue_id, text);
	g_autoptr(GPtrArray) commands = am_xclient_forward_commands(ALL, envelope);
	g_assert_cmpuint(commands->len, ==, 3);
	for (guint i = 0; i < commands->len; i++) {
		g_assert_true(g_str_has_prefix(commands->pdata[i], "XFORWARD "));
		g_assert_cmpuint(strlen(commands->pdata[i]), <=, 512);
	}
}

static void
test_keywords(void)
{
	g_autofree char *text = am_xclient_keywords(ALL);
	g_assert_cmpstr(text, ==, "NAME ADDR PORT PROTO HELO IDENT SOURCE");
	g_assert_cmpuint(am_xclient_parse_keywords(text), ==, ALL);
	g_assert_cmpuint(am_xclient_parse_keywords("FOO addr \nNAME"), ==, 1u << AM_XCLIENT_ADDR);
	g_assert_cmpuint(am_xclient_parse_keywords(""), ==, 0);
}

#define MX "S:220 mx\nC:EHLO me.example\r\nS:250-mx\nS:250-PIPELINING\nS:250 XFORWARD NAME ADDR\n"
#define XFORWARD "C:XFORWARD NAME=spike.example ADDR=192.0.2.7\r\n"

static const struct {
	const char *name;
	const char *scripts[3];
	const char *replies;
} talks[] = {
	{ "taken", { MX XFORWARD OK ONE OK OK GO "D\n" QUEUED }, "250 2.0.0" },
	{ "refused", { MX XFORWARD "S:550 5.7.0 no\n" ONE OK OK GO "D\n" QUEUED }, "250 2.0.0" },
	{ "not announced", { BARE "C:MAIL\nS:250 ok\nC:RCPT\nS:550 5.1.1 no\n" }, "550 5.1.1" },
	{ "dropped", { MX XFORWARD "drop\n" }, "451 4.4.2" },
	{ "421", { MX XFORWARD "S:421 4.3.0 later\nend\n" }, "451 4.4.2" },
};

static void
test_talk(gconstpointer data)
{
	gsize i = GPOINTER_TO_SIZE(data);
	g_autoptr(Peer) peer = peer_new(talks[i].scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(LONG_MS);
	g_auto(Job) job;
	job_init(&job, "a@x.org", MAIL);
	set_client(job.envelope, "192.0.2.7", "spike.example", "");
	job_deliver(&job, pool, route);
	g_autofree char *replies = job_replies(&job);
	am_smtp_pool_free(pool);
	g_assert_cmpstr(replies, ==, talks[i].replies);
	peer_join(peer);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/xclient/commands", test_commands);
	g_test_add_func("/xclient/long", test_long);
	g_test_add_func("/xclient/keywords", test_keywords);
	for (gsize i = 0; i < G_N_ELEMENTS(talks); i++) {
		g_autofree char *path = g_strdup_printf("/xclient/talk/%s", talks[i].name);
		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_talk);
	}
	return g_test_run();
}
