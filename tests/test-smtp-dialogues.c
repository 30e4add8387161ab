/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Dialogues with the server over a socket pair.  Each stands in a table: what the client sends, the
 * codes of the replies, what became of the mail; each is sent whole, byte by byte and in random
 * pieces, which must make no difference. */

#include <config.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smtp-server-fake.h"

typedef struct {
	const char *name;
	const char *input;
	const char *replies; /* as fake_summarise() has them */
	const char *mails;   /* as the fake session notes them, "" none */
	gboolean is_lmtp;
	gboolean is_normalised;
	gboolean is_proxy, is_distrusted;
} Dialogue;

/* piece 0: random sizes. */
static void
run_dialogue(const Dialogue *item, gsize piece)
{
	int fds[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	AmSmtpServerConfig config = fake_config(item->is_lmtp, item->is_normalised);
	Fake fake = { .mails = g_string_new(NULL),
		      .is_proxy = item->is_proxy,
		      .is_distrusted = item->is_distrusted };
	g_autoptr(GString) wire = g_string_new(NULL);
	AmSmtpServer *server = am_smtp_server_new(am_stream_new(fds[0]), &config, &fake_ops, &fake);
	gboolean is_open = fake_step(server, fds[1], wire);
	gsize total = strlen(item->input);
	for (gsize at = 0, len; at < total && is_open; at += len) {
		len = piece > 0 ? piece : (gsize)g_test_rand_int_range(1, 12);
		len = MIN(len, total - at);
		g_assert_cmpint(send(fds[1], item->input + at, len, MSG_NOSIGNAL), ==, (gssize)len);
		is_open = fake_step(server, fds[1], wire);
	}
	if (is_open) {
		(void)shutdown(fds[1], SHUT_WR);
		g_assert_false(fake_step(server, fds[1], wire));
	}
	am_smtp_server_free(server);
	g_autofree char *replies = fake_summarise(wire);
	g_assert_cmpstr(replies, ==, item->replies);
	g_assert_cmpstr(fake.mails->str, ==, item->mails);
	g_assert_cmpuint(fake.begun, ==, fake.abandoned + fake.taken);
	g_string_free(fake.mails, TRUE);
	(void)close(fds[1]);
}

static void
test_dialogue(gconstpointer data)
{
	const Dialogue *item = data;
	run_dialogue(item, strlen(item->input) + 1);
	run_dialogue(item, 1);
	for (guint i = 0; i < 5; i++)
		run_dialogue(item, 0);
}

#define SIMPLE "ESMTP <a@example.org> <b@example.net>"

static const Dialogue dialogues[] = {
	{ "mail", START "Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n", R_START "250:2.6.0 221:2.0.0",
	  SIMPLE " [Subject: x\\r\\n\\r\\nbody\\r\\n]\n" },
	{ "empty mail", START ".\r\n", R_START "250:2.6.0", SIMPLE " []\n" },
	{ "two mails", START "1\r\n.\r\n" MAIL RCPT "DATA\r\n2\r\n.\r\nQUIT\r\n",
	  R_START "250:2.6.0 250:2.1.0 250:2.1.5 354 250:2.6.0 221:2.0.0",
	  SIMPLE " [1\\r\\n]\n" SIMPLE " [2\\r\\n]\n" },
	{ "HELO", "HELO client.example\r\n" MAIL RCPT "DATA\r\n.\r\n", R_START "250:2.6.0",
	  "SMTP <a@example.org> <b@example.net> []\n" },
	{ "any case, blanks",
	  "ehlo client.example \r\nmail from: <a@example.org>  \r\n"
	  "Rcpt To:<b@example.net>\r\ndata\r\n.\r\nquit\r\n",
	  R_START "250:2.6.0 221:2.0.0", SIMPLE " []\n" },
	{ "null sender", HELLO "MAIL FROM:<>\r\n" RCPT "DATA\r\n.\r\n", R_START "250:2.6.0",
	  "ESMTP <> <b@example.net> []\n" },
	{ "source route, quotes",
	  HELLO "MAIL FROM:<@x.example,@y.example:\"a b\"@example.org>\r\n" RCPT "DATA\r\n.\r\n",
	  R_START "250:2.6.0", "ESMTP <a b@example.org> <b@example.net> []\n" },
	{ "postmaster", HELLO MAIL "RCPT TO:<Postmaster>\r\nDATA\r\n.\r\n", R_START "250:2.6.0",
	  "ESMTP <a@example.org> <Postmaster> []\n" },
	{ "closed in DATA", START "half a ma", "220 250 250:2.1.0 250:2.1.5 354", "" },
	{ "closed before the end", START "mail\r\n.\r", "220 250 250:2.1.0 250:2.1.5 354", "" },

	/* dots */
	{ "dot and bare CR", START ".\r.\r\n\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "stuffed", START "..\r\n...\r\n.a\r\na.\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [.\\r\\n..\\r\\na\\r\\na.\\r\\n]\n" },
	{ "commands behind", START "a\r\n.\r\nNOOP\r\nRSET\r\nQUIT\r\n",
	  R_START "250:2.6.0 250:2.0.0 250:2.0.0 221:2.0.0", SIMPLE " [a\\r\\n]\n" },

	/* smuggling: what another server might take for the end; the mail ends at the last line */
	{ "LF.LF rejected", START "a\n.\nQUIT\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "LF.CRLF rejected", START "a\n.\r\nQUIT\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "CRLF.LF rejected", START "a\r\n.\nQUIT\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "CR.CR rejected", START "a\r.\rQUIT\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "CR.CRLF rejected", START "a\r.\r\nQUIT\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "CRLF.CR rejected", START "a\r\n.\rQUIT\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "CRLF.CRCRLF rejected", START "a\r\n.\r\r\nQUIT\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "CRCRLF rejected", START "a\r\r\nb\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "LF first rejected", START "\n.\r\n\r\n.\r\n", R_START "550:5.6.11", "" },
	{ "goes on after reject", START "a\n.\r\n" MAIL "\r\n.\r\n" MAIL RCPT "DATA\r\nok\r\n.\r\n",
	  R_START "550:5.6.11 250:2.1.0 250:2.1.5 354 250:2.6.0", SIMPLE " [ok\\r\\n]\n" },
	{ "LF.LF", START "a\n.\nb\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\n.\\r\\nb\\r\\n]\n", .is_normalised = TRUE },
	{ "LF.CRLF", START "a\n.\r\nb\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\n.\\r\\nb\\r\\n]\n", .is_normalised = TRUE },
	{ "CRLF.LF", START "a\r\n.\nb\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\n\\r\\nb\\r\\n]\n", .is_normalised = TRUE },
	{ "CR.CR", START "a\r.\rb\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\n.\\r\\nb\\r\\n]\n", .is_normalised = TRUE },
	{ "CRLF.CR", START "a\r\n.\rb\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\n\\r\\nb\\r\\n]\n", .is_normalised = TRUE },
	{ "CRLF.CRCRLF", START "a\r\n.\r\r\nb\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\n\\r\\nb\\r\\n]\n", .is_normalised = TRUE },
	{ "CRs before LF are one line end", START "a\r\r\r\nb\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\nb\\r\\n]\n", .is_normalised = TRUE },
	{ "many bare CR", START "a\r\r\rb\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\n\\r\\n\\r\\nb\\r\\n]\n", .is_normalised = TRUE },
	{ "LF only mail", START "A: b\n\nc\n\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [A: b\\r\\n\\r\\nc\\r\\n\\r\\n]\n", .is_normalised = TRUE },
	{ "CR at the end of DATA", START "a\r\n\r\n.\r\n", R_START "250:2.6.0",
	  SIMPLE " [a\\r\\n\\r\\n]\n" },

	/* command lines */
	{ "bare LF command", "EHLO client.example\nQUIT\n", "220 250 221:2.0.0", "",
	  .is_normalised = TRUE },
	{ "bare LF command rejected", "EHLO client.example\nQUIT\r\n", "220 500:5.5.2 221:2.0.0",
	  "" },
	{ "CR in command", "NOOP\rNOOP\r\nQUIT\r\n", "220 500:5.5.2 221:2.0.0", "" },
	{ "control", "NO\001OP\r\nNOOP\177\r\nQUIT\r\n", "220 500:5.5.2 500:5.5.2 221:2.0.0", "" },
	{ "not UTF-8", HELLO "MAIL FROM:<\344@example.org>\r\nQUIT\r\n",
	  "220 250 500:5.5.2 221:2.0.0", "" },
	{ "unknown", "XYZZY\r\n\r\nNOOPX\r\nQUIT\r\n",
	  "220 500:5.5.1 500:5.5.1 500:5.5.1 221:2.0.0", "" },
	{ "simple ones", "NOOP\r\nNOOP me\r\nHELP\r\nHELP mail\r\nVRFY a\r\nRSET\r\nQUIT\r\n",
	  "220 250:2.0.0 250:2.0.0 214:2.0.0 214:2.0.0 252:2.0.0 250:2.0.0 221:2.0.0", "" },
	{ "not here",
	  "EXPN a\r\nTURN\r\nETRN x\r\nSEND\r\n"
	  "NOOP\r\n"
	  "SOML\r\nSAML\r\n"
	  "AUTH PLAIN\r\nSTARTTLS\r\nQUIT\r\n",
	  "220 502:5.5.1 502:5.5.1 502:5.5.1 502:5.5.1 250:2.0.0 502:5.5.1 502:5.5.1 502:5.5.1 "
	  "502:5.5.1 221:2.0.0",
	  "" },
	{ "arguments missing",
	  HELLO "EHLO\r\nMAIL\r\nVRFY \r\nNOOP\r\nRCPT\r\n"
		"QUIT\r\n",
	  "220 250 501:5.5.4 501:5.5.4 501:5.5.4 250:2.0.0 501:5.5.4 221:2.0.0", "" },
	{ "arguments too many", HELLO "RSET x\r\nDATA x\r\nQUIT x\r\nEHLO a b\r\nQUIT\r\n",
	  "220 250 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 221:2.0.0", "" },
	{ "error limit", "A\r\nB\r\nNOOP\r\nC\r\nD\r\nE\r\nF\r\nG\r\nNOOP\r\n",
	  "220 500:5.5.1 500:5.5.1 250:2.0.0 500:5.5.1 500:5.5.1 500:5.5.1 500:5.5.1 500:5.5.1 "
	  "421:4.7.0",
	  "" },
	{ "HTTP", "POST / HTTP/1.1\r\nHost: x\r\n", "220 421:4.7.0", "" },

	/* sequence */
	{ "no greeting", MAIL RCPT "DATA\r\nQUIT\r\n",
	  "220 503:5.5.1 503:5.5.1 503:5.5.1 221:2.0.0", "" },
	{ "no MAIL", HELLO RCPT "DATA\r\nQUIT\r\n", "220 250 503:5.5.1 503:5.5.1 221:2.0.0", "" },
	{ "nested MAIL", HELLO MAIL MAIL RCPT "DATA\r\n.\r\n",
	  "220 250 250:2.1.0 503:5.5.1 250:2.1.5 354 250:2.6.0", SIMPLE " []\n" },
	{ "no RCPT", HELLO MAIL "DATA\r\nQUIT\r\n", "220 250 250:2.1.0 554:5.5.1 221:2.0.0", "" },
	{ "RCPT refused", HELLO MAIL "RCPT TO:<full@x.example>\r\nDATA\r\nQUIT\r\n",
	  "220 250 250:2.1.0 452:4.2.2 554:5.5.1 221:2.0.0", "" },
	{ "some RCPT refused", HELLO MAIL "RCPT TO:<full@x.example>\r\n" RCPT "DATA\r\n.\r\n",
	  "220 250 250:2.1.0 452:4.2.2 250:2.1.5 354 250:2.6.0", SIMPLE " []\n" },
	{ "RSET", HELLO MAIL RCPT "RSET\r\nDATA\r\nQUIT\r\n",
	  "220 250 250:2.1.0 250:2.1.5 250:2.0.0 503:5.5.1 221:2.0.0", "" },
	{ "EHLO resets", HELLO MAIL RCPT HELLO "DATA\r\nQUIT\r\n",
	  "220 250 250:2.1.0 250:2.1.5 250 503:5.5.1 221:2.0.0", "" },
	{ "wrong protocol", "LHLO x\r\nQUIT\r\n", "220 500:5.5.1 221:2.0.0", "" },

	/* parameters */
	{ "all parameters",
	  HELLO "MAIL FROM:<a@example.org> SIZE=100 BODY=8bitmime RET=hdrs "
		"ENVID=x+2By AUTH=<>\r\n"
		"RCPT TO:<b@example.net> NOTIFY=success,DELAY ORCPT=rfc822;b+40x\r\nDATA\r\n.\r\n",
	  R_START "250:2.6.0",
	  "ESMTP <a@example.org> size=100 8bit ret=HDRS envid=x+2By auth=<> <b@example.net> "
	  "notify=SUCCESS,DELAY orcpt=rfc822;b+40x []\n" },
	{ "7BIT", HELLO "MAIL FROM:<a@example.org> BODY=7BIT\r\n" RCPT "DATA\r\n.\r\n",
	  R_START "250:2.6.0", "ESMTP <a@example.org> 7bit <b@example.net> []\n" },
	{ "unknown parameter",
	  HELLO "MAIL FROM:<a@example.org> FOO=1\r\n"
		"MAIL FROM:<a@example.org> FOO\r\n" MAIL
		"RCPT TO:<b@example.net> SIZE=1\r\nQUIT\r\n",
	  "220 250 555:5.5.4 555:5.5.4 250:2.1.0 555:5.5.4 221:2.0.0", "" },
	{ "FUTURERELEASE", /* RFC 4865: not offered, so never promised */
	  HELLO "MAIL FROM:<a@example.org> HOLDFOR=60\r\n"
		"MAIL FROM:<a@example.org> HOLDUNTIL=2026-12-01T00:00:00Z\r\nQUIT\r\n",
	  "220 250 555:5.5.4 555:5.5.4 221:2.0.0", "" },
	{ "bad values",
	  HELLO
	  "MAIL FROM:<a@example.org> SIZE=x\r\n"
	  "MAIL FROM:<a@example.org> BODY=BINARYMIME\r\nMAIL FROM:<a@example.org> RET=\r\n"
	  "MAIL FROM:<a@example.org> ENVID=a+b\r\nNOOP\r\nMAIL FROM:<a@example.org> SIZE\r\n"
	  "MAIL FROM:<a@example.org> RET=FULL RET=FULL\r\nMAIL FROM:<a@example.org> SMTPUTF8=1\r\n"
	  "QUIT\r\n",
	  "220 250 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 250:2.0.0 501:5.5.4 501:5.5.4 501:5.5.4 "
	  "221:2.0.0",
	  "" },
	{ "bad NOTIFY and ORCPT",
	  HELLO MAIL
	  "RCPT TO:<b@x> NOTIFY=NEVER,DELAY\r\n"
	  "RCPT TO:<b@x> NOTIFY=DELAY,DELAY\r\nRCPT TO:<b@x> NOTIFY=\r\nRCPT TO:<b@x> NOTIFY=X\r\n"
	  "NOOP\r\nRCPT TO:<b@x> ORCPT=abc\r\nRCPT TO:<b@x> ORCPT=;abc\r\n"
	  "RCPT TO:<b@x> ORCPT=rfc822;a+zz\r\nQUIT\r\n",
	  "220 250 250:2.1.0 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 250:2.0.0 501:5.5.4 501:5.5.4 "
	  "501:5.5.4 221:2.0.0",
	  "" },
	{ "ORCPT of UTF-8",
	  HELLO MAIL
	  "RCPT TO:<b@x> ORCPT=utf-8;a+2B@x\r\nRCPT TO:<b@x> ORCPT=utf-8;a\\b@x\r\n"
	  "RCPT TO:<b@x> ORCPT=utf-8;\\x{E4@x\r\nRCPT TO:<b@x> ORCPT=utf-8;\\x{61}@x\r\nNOOP\r\n"
	  "RCPT TO:<b@x> ORCPT=utf-8;\\x{D800}@x\r\nRCPT TO:<b@x> ORCPT=utf-8;\303\244@x\r\n"
	  "RCPT TO:<b@x> ORCPT=utf-8;\\x{110000}@x\r\nNOOP\r\n"
	  "RCPT TO:<b@x> ORCPT=utf-8;\\x{E4}\\x{2B}\\x{1F600}b@x\r\nDATA\r\n.\r\n",
	  "220 250 250:2.1.0 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 250:2.0.0 501:5.5.4 501:5.5.4 "
	  "501:5.5.4 250:2.0.0 250:2.1.5 354 250:2.6.0",
	  "ESMTP <a@example.org> <b@x> orcpt=utf-8;\\x{E4}\\x{2B}\\x{1F600}b@x []\n" },
	{ "promises",
	  HELLO "MAIL FROM:<a@example.org> mt-priority=-9 BY=+120;rt\r\n" RCPT "DATA\r\n.\r\n",
	  R_START "250:2.6.0",
	  "ESMTP <a@example.org> priority=-9 by=RT <b@example.net> []\n" },
	{ "promises, mildly", HELLO "MAIL FROM:<a@example.org> MT-PRIORITY=0 BY=-5;N\r\n" RCPT
				    "DATA\r\n.\r\n",
	  R_START "250:2.6.0", "ESMTP <a@example.org> priority=0 by=N <b@example.net> []\n" },
	{ "bad MT-PRIORITY",
	  HELLO "MAIL FROM:<a@x> MT-PRIORITY\r\nMAIL FROM:<a@x> MT-PRIORITY=10\r\n"
		"MAIL FROM:<a@x> MT-PRIORITY=-0\r\nMAIL FROM:<a@x> MT-PRIORITY=+1\r\n"
		"NOOP\r\nMAIL FROM:<a@x> MT-PRIORITY=\r\nQUIT\r\n",
	  "220 250 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 250:2.0.0 501:5.5.4 221:2.0.0", "" },
	{ "bad BY",
	  HELLO "MAIL FROM:<a@x> BY=0;R\r\nMAIL FROM:<a@x> BY=-1;R\r\n"
		"MAIL FROM:<a@x> BY=1\r\nMAIL FROM:<a@x> BY=1;X\r\nNOOP\r\n"
		"MAIL FROM:<a@x> BY=1;RX\r\nMAIL FROM:<a@x> BY=1234567890;R\r\n"
		"MAIL FROM:<a@x> BY=;R\r\nMAIL FROM:<a@x> BY=1;RTT\r\nQUIT\r\n",
	  "220 250 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 250:2.0.0 501:5.5.4 501:5.5.4 501:5.5.4 "
	  "501:5.5.4 221:2.0.0",
	  "" },
	{ "REQUIRETLS in the clear",
	  HELLO "MAIL FROM:<a@x> REQUIRETLS\r\nMAIL FROM:<a@x> REQUIRETLS=1\r\nQUIT\r\n",
	  "220 250 530:5.7.0 501:5.5.4 221:2.0.0", "" },
	{ "SIZE over",
	  HELLO "MAIL FROM:<a@example.org> SIZE=5001\r\n"
		"MAIL FROM:<a@example.org> SIZE=99999999999999999999\r\n"
		"MAIL FROM:<a@example.org> SIZE=5000\r\nQUIT\r\n",
	  "220 250 552:5.3.4 552:5.3.4 250:2.1.0 221:2.0.0", "" },
	{ "SIZE for a recipient",
	  HELLO "MAIL FROM:<a@example.org> SIZE=1001\r\n"
		"RCPT TO:<small@x>\r\nQUIT\r\n",
	  "220 250 250:2.1.0 552:5.3.4 221:2.0.0", "" },
	{ "bad addresses",
	  HELLO "MAIL FROM:a@example.org\r\nMAIL FROM:<a@example.org\r\n"
		"MAIL TO:<a@example.org>\r\nMAIL FROM:<a@example.org>x\r\n" MAIL "RCPT TO:<>\r\n"
		"RCPT FROM:<b@x>\r\nRCPT TO:<b@@x>\r\nQUIT\r\n",
	  "220 250 501:5.1.7 501:5.1.7 501:5.5.4 501:5.5.4 250:2.1.0 501:5.1.3 501:5.5.4 501:5.1.3 "
	  "221:2.0.0",
	  "" },
	{ "UTF-8 refused",
	  HELLO "MAIL FROM:<\303\244@example.org>\r\n" MAIL "RCPT TO:<\303\244@x>\r\nQUIT\r\n",
	  "220 250 553:5.6.7 250:2.1.0 553:5.6.7 221:2.0.0", "" },
	{ "SMTPUTF8",
	  HELLO "MAIL FROM:<\303\244@example.org> SMTPUTF8\r\n"
		"RCPT TO:<\303\266@x.example> ORCPT=utf-8;\303\266@x.example\r\nDATA\r\n.\r\n",
	  R_START "250:2.6.0",
	  "UTF8SMTP <\303\244@example.org> <\303\266@x.example> "
	  "orcpt=utf-8;\303\266@x.example []\n" },

	/* XCLIENT */
	{ "XCLIENT not allowed", HELLO "XCLIENT ADDR=192.0.2.7\r\n" MAIL RCPT "DATA\r\n.\r\n",
	  "220 250 550:5.7.0 250:2.1.0 250:2.1.5 354 250:2.6.0", SIMPLE " []\n" },
	{ "XCLIENT",
	  HELLO "XCLIENT NAME=spike.example ADDR=192.0.2.7 PORT=4711 DESTPORT=25\r\n"
		MAIL HELLO MAIL RCPT "DATA\r\n.\r\n",
	  "220 250 220 503:5.5.1 250 250:2.1.0 250:2.1.5 354 250:2.6.0",
	  "ESMTP <a@example.org> client=192.0.2.7 name=spike.example port=4711 "
	  "<b@example.net> []\n",
	  .is_proxy = TRUE },
	{ "XCLIENT before EHLO, LOGIN, HELO",
	  "XCLIENT ADDR=IPV6:2001:DB8::1 LOGIN=fred+40example.org HELO=his.example PROTO=SMTP\r\n"
	  HELLO MAIL RCPT "DATA\r\n.\r\n",
	  "220 220 250 250:2.1.0 250:2.1.5 354 250:2.6.0",
	  "ESMTPA <a@example.org> helo=his.example client=2001:db8::1 proto=SMTP "
	  "user=fred@example.org <b@example.net> []\n",
	  .is_proxy = TRUE },
	{ "XCLIENT again, unknown",
	  "XCLIENT ADDR=192.0.2.7 LOGIN=fred\r\n"
	  "XCLIENT ADDR=[UNAVAILABLE] LOGIN=[UNAVAILABLE] NAME=[tempunavail]\r\n" HELLO MAIL RCPT
	  "DATA\r\n.\r\n",
	  "220 220 220 250 250:2.1.0 250:2.1.5 354 250:2.6.0", SIMPLE " []\n",
	  .is_proxy = TRUE },
	{ "XCLIENT and XFORWARD",
	  "XCLIENT ADDR=192.0.2.7 NAME=outer\r\n" HELLO
	  "XFORWARD ADDR=192.0.2.8 SOURCE=local\r\n" MAIL RCPT "DATA\r\n.\r\n",
	  "220 220 250 250:2.0.0 250:2.1.0 250:2.1.5 354 250:2.6.0",
	  "ESMTP <a@example.org> client=192.0.2.8 name=outer source=LOCAL <b@example.net> []\n",
	  .is_proxy = TRUE },
	{ "XCLIENT bad",
	  HELLO "XCLIENT\r\nXCLIENT ADDR=x\r\nXCLIENT IDENT=1\r\nNOOP\r\n"
		"XCLIENT PROTO=a+20b\r\nXCLIENT ADDR=192.0.2.7 ADDR=192.0.2.8\r\n" MAIL
		"XCLIENT ADDR=192.0.2.7\r\n" RCPT "DATA\r\n.\r\n",
	  "220 250 501:5.5.4 501:5.5.4 501:5.5.4 250:2.0.0 501:5.5.4 501:5.5.4 250:2.1.0 "
	  "503:5.5.1 250:2.1.5 354 250:2.6.0",
	  SIMPLE " []\n", .is_proxy = TRUE },
	{ "XFORWARD not allowed",
	  HELLO "XFORWARD ADDR=192.0.2.7\r\n" MAIL RCPT "DATA\r\n.\r\n",
	  "220 250 550:5.7.0 250:2.1.0 250:2.1.5 354 250:2.6.0", SIMPLE " []\n",
	  .is_distrusted = TRUE },
	{ "XFORWARD keeps all",
	  HELLO "XFORWARD ADDR=192.0.2.7 PORT=4711 PROTO=SMTP SOURCE=REMOTE\r\n" MAIL RCPT
		"DATA\r\n.\r\n",
	  "220 250 250:2.0.0 250:2.1.0 250:2.1.5 354 250:2.6.0",
	  "ESMTP <a@example.org> client=192.0.2.7 port=4711 proto=SMTP source=REMOTE "
	  "<b@example.net> []\n" },

	/* XFORWARD */
	{ "XFORWARD",
	  HELLO "XFORWARD NAME=spike.example ADDR=192.0.2.7 PORT=4711 PROTO=ESMTP\r\n"
		"XFORWARD HELO=spike+2Bx IDENT=4XyZ SOURCE=REMOTE\r\n" MAIL RCPT
		"DATA\r\n.\r\n" MAIL RCPT "DATA\r\n.\r\n",
	  "220 250 250:2.0.0 250:2.0.0 250:2.1.0 250:2.1.5 354 250:2.6.0 250:2.1.0 250:2.1.5 354 "
	  "250:2.6.0",
	  "ESMTP <a@example.org> helo=spike+x client=192.0.2.7 name=spike.example id=4XyZ port=4711 source=REMOTE "
	  "<b@example.net> []\n" SIMPLE " []\n" },
	{ "XFORWARD IPv6",
	  HELLO "XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:DB8::1\r\n" MAIL RCPT "DATA\r\n.\r\n",
	  "220 250 250:2.0.0 250:2.1.0 250:2.1.5 354 250:2.6.0",
	  "ESMTP <a@example.org> client=2001:db8::1 <b@example.net> []\n" },
	{ "XFORWARD bad",
	  HELLO "XFORWARD\r\nXFORWARD ADDR=x\r\nXFORWARD PORT=70000\r\n"
		"XFORWARD FOO=1\r\nNOOP\r\nXFORWARD NAME=a+0Ab\r\nXFORWARD SOURCE=x\r\n" MAIL
		"XFORWARD NAME=a\r\nQUIT\r\n",
	  "220 250 501:5.5.4 501:5.5.4 501:5.5.4 501:5.5.4 250:2.0.0 501:5.5.4 501:5.5.4 250:2.1.0 "
	  "503:5.5.1 221:2.0.0",
	  "" },
	{ "XFORWARD and RSET", HELLO "XFORWARD IDENT=1\r\nRSET\r\n" MAIL RCPT "DATA\r\n.\r\n",
	  "220 250 250:2.0.0 250:2.0.0 250:2.1.0 250:2.1.5 354 250:2.6.0", SIMPLE " []\n" },

	/* LMTP */
	{ "LMTP",
	  "LHLO client.example\r\n" MAIL RCPT "RCPT TO:<full@x>\r\nRCPT TO:<x@x>\r\n" RCPT
	  "DATA\r\na\r\n.\r\nQUIT\r\n",
	  "220 250 250:2.1.0 250:2.1.5 452:4.2.2 250:2.1.5 250:2.1.5 354 250:2.6.0 550:5.7.1 "
	  "250:2.6.0 221:2.0.0",
	  "LMTP <a@example.org> <b@example.net> <x@x> <b@example.net> [a\\r\\n]\n",
	  .is_lmtp = TRUE },
	{ "LMTP wrong greeting", "EHLO x\r\nHELO x\r\nQUIT\r\n",
	  "220 500:5.5.1 500:5.5.1 221:2.0.0", "", .is_lmtp = TRUE },
	{ "LMTP no recipients", "LHLO x\r\n" MAIL "DATA\r\nQUIT\r\n",
	  "220 250 250:2.1.0 503:5.5.1 221:2.0.0", "", .is_lmtp = TRUE },
	{ "LMTP bare", "LHLO x\r\n" MAIL RCPT RCPT "DATA\r\na\nb\r\n.\r\nQUIT\r\n",
	  "220 250 250:2.1.0 250:2.1.5 250:2.1.5 354 550:5.6.11 550:5.6.11 221:2.0.0", "",
	  .is_lmtp = TRUE },
	{ "LMTP UTF-8", "LHLO client.example\r\nMAIL FROM:<> SMTPUTF8\r\n" RCPT "DATA\r\n.\r\n",
	  R_START "250:2.6.0", "UTF8LMTP <> <b@example.net> []\n", .is_lmtp = TRUE },
};

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(dialogues); i++) {
		g_autofree char *path =
			g_strconcat("/smtp-server/dialogue/", dialogues[i].name, NULL);
		g_test_add_data_func(path, &dialogues[i], test_dialogue);
	}
	return g_test_run();
}
