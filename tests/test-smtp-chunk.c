/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Which mails the client sends by BDAT, to whom, and what it makes of the answers. */

#include <config.h>

#include <string.h>
#include <unistd.h>

#include "smtp-job.h"
#include "smtp/client-private.h"

#define HEAD "S:220 mx ESMTP\nC:EHLO me.example\r\nS:250-mx\nS:250-PIPELINING\n"
#define CHUNKING HEAD "S:250-8BITMIME\nS:250 CHUNKING\n"
#define BINARY HEAD "S:250-8BITMIME\nS:250-BINARYMIME\nS:250 CHUNKING\n"
#define NEITHER HEAD "S:250 8BITMIME\n"
#define FROM "C:MAIL FROM:<s@x.org>"
#define TO "C:RCPT TO:<a@x.org>\n"
#define RAW "A: b\r\n\r\na\nb\r\r\n.c\001\377"
#define LONG_LINE_BYTES 999

typedef struct {
	const char *name;
	AmChunking chunking;
	AmBody body;
	const char *mail;
	const char *script;
	const char *replies;
	const char *data; /* as the next hop got it; NULL none */
} Case;

static const Case cases[] = {
	{ "text by DATA", AM_CHUNKING_AUTO, AM_BODY_8BITMIME, MAIL,
	  BINARY FROM " BODY=8BITMIME\r\n" TO "C:DATA\r\n" OK OK GO "D\n" QUEUED, "250 2.0.0",
	  MAIL_STUFFED },
	{ "text by BDAT", AM_CHUNKING_ALWAYS, AM_BODY_UNSPECIFIED, MAIL,
	  CHUNKING FROM "\r\n" TO OK OK "K\n" QUEUED, "250 2.0.0", MAIL },
	{ "open line by BDAT", AM_CHUNKING_ALWAYS, AM_BODY_7BIT, "A: b\r\n\r\n..c",
	  CHUNKING FROM "\r\n" TO OK OK "K\n" QUEUED, "250 2.0.0", "A: b\r\n\r\n..c\r\n" },
	{ "not offered", AM_CHUNKING_ALWAYS, AM_BODY_UNSPECIFIED, MAIL,
	  NEITHER FROM "\r\n" TO "C:DATA\r\n" OK OK GO "D\n" QUEUED, "250 2.0.0", MAIL_STUFFED },
	{ "binary", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, RAW,
	  BINARY FROM " BODY=BINARYMIME\r\n" TO OK OK "K\n" QUEUED, "250 2.0.0", RAW },
	{ "binary, no chunks wanted", AM_CHUNKING_NO, AM_BODY_BINARYMIME, RAW, BINARY,
	  "554 5.6.1", NULL },
	{ "binary, not offered", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, RAW, CHUNKING, "554 5.6.1",
	  NULL },
	{ "binary, no CHUNKING", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, RAW,
	  HEAD "S:250 BINARYMIME\n", "554 5.6.1", NULL },
	{ "declared binary, is text", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, MAIL,
	  CHUNKING FROM " BODY=8BITMIME\r\n" TO "C:DATA\r\n" OK OK GO "D\n" QUEUED, "250 2.0.0",
	  MAIL_STUFFED },
	{ "declared binary, is 7-bit text", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, MAIL,
	  BARE FROM "\r\n" OK TO OK "C:DATA\r\n" GO "D\n" QUEUED, "250 2.0.0", MAIL_STUFFED },
	{ "declared binary, is 8-bit text", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, "A: b\r\n\r\n\377",
	  BARE, "550 5.6.3", NULL },
	{ "lone LF", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, "A: b\r\n\r\na\nb\r\n", NEITHER,
	  "554 5.6.1", NULL },
	{ "lone CR", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, "A: b\r\n\r\na\rb\r\n", NEITHER,
	  "554 5.6.1", NULL },
	{ "CR last", AM_CHUNKING_AUTO, AM_BODY_BINARYMIME, "A: b\r\n\r\na\r", NEITHER, "554 5.6.1",
	  NULL },
	{ "chunk refused", AM_CHUNKING_ALWAYS, AM_BODY_UNSPECIFIED, MAIL,
	  CHUNKING FROM "\r\n" TO OK OK "K\nS:550 5.7.1 no\nC:RSET\r\n" OK, "550 5.7.1", MAIL },
	{ "chunk delayed", AM_CHUNKING_ALWAYS, AM_BODY_UNSPECIFIED, MAIL,
	  CHUNKING FROM "\r\n" TO OK OK "K\nS:452 4.3.1 full\nC:RSET\r\n" OK, "452 4.3.1", MAIL },
	{ "lost behind the chunk", AM_CHUNKING_ALWAYS, AM_BODY_UNSPECIFIED, MAIL,
	  CHUNKING FROM "\r\n" TO OK OK "K\ndrop", "451 4.4.2", MAIL },
	{ "RCPT refused", AM_CHUNKING_ALWAYS, AM_BODY_UNSPECIFIED, MAIL,
	  CHUNKING FROM "\r\n" TO OK "S:550 5.1.1 no\nC:RSET\r\n" OK, "550 5.1.1", NULL },
};

static AmSmtpPool *
chunk_pool(AmChunking chunking)
{
	AmSmtpClientConfig config = peer_client_config(LONG_MS);
	config.keep_max = 0;
	config.chunking = chunking;
	return am_smtp_pool_new(&config);
}

static void
test_case(gconstpointer data)
{
	const Case *item = data;
	const char *const scripts[] = { item->script, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = chunk_pool(item->chunking);
	job_init(&job, "a@x.org", item->mail);
	job.envelope->body = item->body;
	g_autofree char *replies = job_run(&job, peer, pool, "smtp");
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpstr(replies, ==, item->replies);
	g_assert_cmpstr(peer->data->str, ==, item->data != NULL ? item->data : "");
	g_assert_true(job.transaction.is_in_doubt == (strstr(item->script, "drop") != NULL));
}

/* With edits the size is that of what is sent, NUL and all. */
static void
test_edited(void)
{
	static const char raw[] = "A: b\r\n\r\nx\0y\n";
	const char *const scripts[] = { BINARY FROM "\n" TO OK OK "K\n" QUEUED, NULL };
	static const char expected[] = "X: y\r\nA: b\r\n\r\nx\0y\n";
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	g_autoptr(AmEdits) edits = am_edits_new();
	AmSmtpPool *pool = chunk_pool(AM_CHUNKING_AUTO);
	g_assert_true(am_edits_add(edits, AM_EDIT_PREPEND, "X", "y", NULL));
	job_init(&job, "a@x.org", "");
	(void)close(job.transaction.fd);
	job.transaction.fd = peer_make_mail(raw, sizeof raw - 1);
	job.transaction.size = sizeof raw - 1;
	job.transaction.edits = edits;
	job.envelope->body = AM_BODY_BINARYMIME;
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpmem(peer->data->str, peer->data->len, expected, sizeof expected - 1);
}

/* The spool is shorter than it was said to be: no chunk is announced. */
static void
test_cut(void)
{
	const char *const scripts[] = { CHUNKING FROM "\n" TO OK OK "end", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = chunk_pool(AM_CHUNKING_ALWAYS);
	job_init(&job, "a@x.org", MAIL);
	job.transaction.size += 10;
	g_autofree char *replies = job_run(&job, peer, pool, "smtp");
	g_assert_cmpstr(replies, ==, "451 4.3.0");
}

static void
test_lmtp(void)
{
	const char *const scripts[] = { "S:220 mx\nC:LHLO me.example\r\nS:250-mx\nS:250 CHUNKING\n" FROM
					"\n" OK TO OK "C:RCPT TO:<b@x.org>\n" OK
					"K\n" OK "S:550 5.2.1 no\nC:RSET\r\n" OK,
					NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	AmSmtpPool *pool = chunk_pool(AM_CHUNKING_ALWAYS);
	job_init(&job, "a@x.org,b@x.org", MAIL);
	g_autofree char *replies = job_run(&job, peer, pool, "lmtp");
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpstr(replies, ==, "250 2.0.0,550 5.2.1");
}

/* A line longer than SMTP allows is no text either. */
static void
test_long_line(void)
{
	const char *const scripts[] = { NEITHER, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *line = g_strnfill(LONG_LINE_BYTES, 'x');
	AmSmtpPool *pool = chunk_pool(AM_CHUNKING_AUTO);
	job_init(&job, "a@x.org", line);
	job.envelope->body = AM_BODY_BINARYMIME;
	g_autofree char *replies = job_run(&job, peer, pool, "smtp");
	g_assert_cmpstr(replies, ==, "554 5.6.1");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/smtp-chunk/%s", cases[i].name);
		g_test_add_data_func(path, &cases[i], test_case);
	}
	g_test_add_func("/smtp-chunk/edited", test_edited);
	g_test_add_func("/smtp-chunk/cut", test_cut);
	g_test_add_func("/smtp-chunk/lmtp", test_lmtp);
	g_test_add_func("/smtp-chunk/long-line", test_long_line);
	return g_test_run();
}
