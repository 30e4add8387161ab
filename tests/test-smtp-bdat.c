/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* BDAT at the server (RFC 3030): dialogues in a table, each cut at every place into two pieces, and
 * sent byte by byte, which must make no difference. */

#include <config.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smtp-server-fake.h"

#define OPEN HELLO MAIL RCPT
#define R_OPEN "220 250 250:2.1.0 250:2.1.5 "
#define SIMPLE "ESMTP <a@example.org> <b@example.net>"
#define BINARY HELLO "MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n" RCPT
#define LOPEN "LHLO client.example\r\n" MAIL RCPT "RCPT TO:<x@example.net>\r\n"
#define R_LOPEN R_OPEN "250:2.1.5 "

typedef struct {
	const char *name;
	const char *input;
	const char *replies; /* as fake_summarise() has them */
	const char *mails;   /* as the fake session notes them, "" none */
	gboolean is_lmtp;
	gboolean is_normalised;
	gboolean is_binary;
} Dialogue;

typedef struct {
	AmSmtpServerConfig config;
	Fake fake;
	AmSmtpServer *server;
	int peer;
	GString *wire;
	gboolean is_open;
} Run;

static void
run_begin(Run *run, const Dialogue *item)
{
	int fds[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	run->config = fake_config(item->is_lmtp, item->is_normalised);
	run->config.is_binary = item->is_binary;
	run->fake.mails = g_string_new(NULL);
	run->wire = g_string_new(NULL);
	run->peer = fds[1];
	run->server =
		am_smtp_server_new(am_stream_new(fds[0]), &run->config, &fake_ops, &run->fake);
	run->is_open = fake_step(run->server, run->peer, run->wire);
}

static void
run_say(Run *run, const char *text, gsize len)
{
	if (len == 0 || !run->is_open)
		return;
	g_assert_cmpint(send(run->peer, text, len, MSG_NOSIGNAL), ==, (gssize)len);
	run->is_open = fake_step(run->server, run->peer, run->wire);
}

static void
run_end(Run *run, const Dialogue *item)
{
	if (run->is_open) {
		(void)shutdown(run->peer, SHUT_WR);
		g_assert_false(fake_step(run->server, run->peer, run->wire));
	}
	am_smtp_server_free(run->server);
	g_autofree char *replies = fake_summarise(run->wire);
	g_assert_cmpstr(replies, ==, item->replies);
	g_assert_cmpstr(run->fake.mails->str, ==, item->mails);
	g_assert_cmpuint(run->fake.begun, ==, run->fake.abandoned + run->fake.taken);
	g_string_free(run->fake.mails, TRUE);
	g_string_free(run->wire, TRUE);
	(void)close(run->peer);
}

static void
test_dialogue(gconstpointer data)
{
	const Dialogue *item = data;
	gsize total = strlen(item->input);
	for (gsize cut = 0; cut <= total; cut++) {
		Run run = { 0 };
		run_begin(&run, item);
		run_say(&run, item->input, cut);
		run_say(&run, item->input + cut, total - cut);
		run_end(&run, item);
	}
	Run run = { 0 };
	run_begin(&run, item);
	for (gsize at = 0; at < total; at++)
		run_say(&run, item->input + at, 1);
	run_end(&run, item);
}

static const Dialogue dialogues[] = {
	{ "one chunk", OPEN "BDAT 6 LAST\r\nbody\r\nQUIT\r\n", R_OPEN "250:2.6.0 221:2.0.0",
	  SIMPLE " [body\\r\\n]\n" },
	{ "three chunks", OPEN "BDAT 3\r\na\r\nBDAT 2\r\nb\rBDAT 2 LAST\r\n\ncQUIT\r\n",
	  R_OPEN "250:2.0.0 250:2.0.0 250:2.6.0 221:2.0.0", SIMPLE " [a\\r\\nb\\r\\nc\\r\\n]\n" },
	{ "zero-length LAST", OPEN "bdat 3\r\na\r\nBdat 0 last\r\nQUIT\r\n",
	  R_OPEN "250:2.0.0 250:2.6.0 221:2.0.0", SIMPLE " [a\\r\\n]\n" },
	{ "empty mail", OPEN "BDAT 0\r\nBDAT 0 LAST\r\n", R_OPEN "250:2.0.0 250:2.6.0",
	  SIMPLE " []\n" },
	{ "dots are characters", OPEN "BDAT 20 LAST\r\n.\r\n..\r\n.a\r\nQUIT\r\n.\r\nQUIT\r\n",
	  R_OPEN "250:2.6.0 221:2.0.0",
	  SIMPLE " [.\\r\\n..\\r\\n.a\\r\\nQUIT\\r\\n.\\r\\n]\n" },
	{ "two mails", OPEN "BDAT 1 LAST\r\na" MAIL RCPT "DATA\r\nb\r\n.\r\n" MAIL RCPT
			    "BDAT 1 LAST\r\nc",
	  R_OPEN "250:2.6.0 250:2.1.0 250:2.1.5 354 250:2.6.0 250:2.1.0 250:2.1.5 250:2.6.0",
	  SIMPLE " [a\\r\\n]\n" SIMPLE " [b\\r\\n]\n" SIMPLE " [c\\r\\n]\n" },
	{ "closed in a chunk", OPEN "BDAT 10 LAST\r\nabc", "220 250 250:2.1.0 250:2.1.5", "" },
	{ "closed between chunks", OPEN "BDAT 3\r\na\r\n", R_OPEN "250:2.0.0", "" },
	{ "blanks", OPEN "BDAT  2   LAST \r\n\r\n", R_OPEN "250:2.6.0", SIMPLE " [\\r\\n]\n" },

	/* sequence */
	{ "RSET between", OPEN "BDAT 3\r\na\r\nRSET\r\nBDAT 1 LAST\r\nx" MAIL RCPT
			       "BDAT 1 LAST\r\nb",
	  R_OPEN "250:2.0.0 250:2.0.0 503:5.5.1 250:2.1.0 250:2.1.5 250:2.6.0",
	  SIMPLE " [b\\r\\n]\n" },
	{ "NOOP between", OPEN "BDAT 3\r\na\r\nNOOP\r\nBDAT 0 LAST\r\n",
	  R_OPEN "250:2.0.0 250:2.0.0 250:2.6.0", SIMPLE " [a\\r\\n]\n" },
	{ "DATA, RCPT, MAIL between", OPEN "BDAT 3\r\na\r\nDATA\r\n" RCPT MAIL "BDAT 0 LAST\r\n",
	  R_OPEN "250:2.0.0 503:5.5.1 503:5.5.1 503:5.5.1 250:2.6.0", SIMPLE " [a\\r\\n]\n" },
	{ "EHLO between", OPEN "BDAT 3\r\na\r\n" HELLO "BDAT 1 LAST\r\nb",
	  R_OPEN "250:2.0.0 250 503:5.5.1", "" },
	{ "no MAIL", HELLO "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nQUIT\r\n",
	  "220 250 503:5.5.1 503:5.5.1 221:2.0.0", "" },
	{ "no greeting", "BDAT 6 LAST\r\nQUIT\r\nQUIT\r\n", "220 503:5.5.1 221:2.0.0", "" },
	{ "no RCPT", HELLO MAIL "BDAT 6 LAST\r\nQUIT\r\nQUIT\r\n",
	  "220 250 250:2.1.0 554:5.5.1 221:2.0.0", "" },
	{ "RCPT behind a refused chunk", HELLO MAIL "BDAT 1\r\nx" RCPT "BDAT 1 LAST\r\na",
	  "220 250 250:2.1.0 554:5.5.1 250:2.1.5 250:2.6.0", SIMPLE " [a\\r\\n]\n" },

	/* what says no size */
	{ "no size", OPEN "BDAT\r\nQUIT\r\n", R_OPEN "521:5.5.4", "" },
	{ "negative", OPEN "BDAT -1 LAST\r\nQUIT\r\n", R_OPEN "521:5.5.4", "" },
	{ "huge", OPEN "BDAT 99999999999999999999 LAST\r\nQUIT\r\n", R_OPEN "521:5.5.4", "" },
	{ "digits over", OPEN "BDAT 000000000000000000001 LAST\r\nQUIT\r\n", R_OPEN "521:5.5.4",
	  "" },
	{ "word", OPEN "BDAT 1 FIRST\r\nQUIT\r\n", R_OPEN "521:5.5.4", "" },
	{ "words", OPEN "BDAT 1 LAST LAST\r\nQUIT\r\n", R_OPEN "521:5.5.4", "" },
	{ "stuck", OPEN "BDAT 1LAST\r\nQUIT\r\n", R_OPEN "521:5.5.4", "" },

	/* failures are answered behind the chunk, and by the chunks that follow */
	{ "too large at once", OPEN "BDAT 6000 LAST\r\nabc", "220 250 250:2.1.0 250:2.1.5", "" },
	{ "bare LF rejected", OPEN "BDAT 4\r\na\nb\rBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n" MAIL,
	  R_OPEN "550:5.6.11 550:5.6.11 550:5.6.11 250:2.1.0", "" },
	{ "bare CR at the end rejected", OPEN "BDAT 2 LAST\r\na\rQUIT\r\n",
	  R_OPEN "550:5.6.11 221:2.0.0", "" },
	{ "RSET behind a failure", OPEN "BDAT 2\r\na\nRSET\r\n" MAIL RCPT "BDAT 1 LAST\r\nb",
	  R_OPEN "550:5.6.11 250:2.0.0 250:2.1.0 250:2.1.5 250:2.6.0", SIMPLE " [b\\r\\n]\n" },
	{ "bare LF", OPEN "BDAT 7 LAST\r\na\nb\rc\n\r", R_OPEN "250:2.6.0",
	  SIMPLE " [a\\r\\nb\\r\\nc\\r\\n\\r\\n]\n", .is_normalised = TRUE },
	{ "LF.LF is no end", OPEN "BDAT 4\r\na\n.\nBDAT 4 LAST\r\n.\r\nbQUIT\r\n",
	  R_OPEN "250:2.0.0 250:2.6.0 221:2.0.0", SIMPLE " [a\\r\\n.\\r\\n.\\r\\nb\\r\\n]\n",
	  .is_normalised = TRUE },

	/* BINARYMIME */
	{ "binary", BINARY "BDAT 6\r\na\nb\r\r\nBDAT 3 LAST\r\n\001\377cQUIT\r\n",
	  R_OPEN "250:2.0.0 250:2.6.0 221:2.0.0",
	  "ESMTP <a@example.org> binary <b@example.net> [a\\nb\\r\\r\\n\\001\\377c]\n",
	  .is_binary = TRUE },
	{ "binary needs BDAT", BINARY "DATA\r\nBDAT 1 LAST\r\na", R_OPEN "503:5.5.1 250:2.6.0",
	  "ESMTP <a@example.org> binary <b@example.net> [a]\n", .is_binary = TRUE },
	{ "binary not offered", BINARY "BDAT 1 LAST\r\na", "220 250 501:5.5.4 503:5.5.1 503:5.5.1",
	  "" },

	/* PRDR */
	{ "PRDR", HELLO "MAIL FROM:<a@example.org> PRDR\r\n" RCPT
		  "RCPT TO:<x@example.net>\r\nBDAT 0 LAST\r\nNOOP\r\n",
	  R_LOPEN "353 250:2.6.0 550:5.7.1 250:2.0.0 250:2.0.0",
	  "ESMTP <a@example.org> <b@example.net> <x@example.net> []\n" },
	{ "PRDR with DATA", HELLO "MAIL FROM:<a@example.org> PRDR\r\n"
				  "RCPT TO:<x@example.net>\r\nDATA\r\n.\r\nNOOP\r\n",
	  R_OPEN "354 353 550:5.7.1 250:2.0.0 250:2.0.0",
	  "ESMTP <a@example.org> <x@example.net> []\n" },
	{ "PRDR, the whole fails", HELLO "MAIL FROM:<a@example.org> PRDR\r\n" RCPT
					 "RCPT TO:<x@example.net>\r\nDATA\r\n\n.\r\n\r\n.\r\n",
	  R_LOPEN "354 550:5.6.11", "" },
	{ "PRDR in LMTP", "LHLO client.example\r\nMAIL FROM:<a@example.org> PRDR\r\n",
	  "220 250 555:5.5.4", "", .is_lmtp = TRUE },
	{ "PRDR with a value", HELLO "MAIL FROM:<a@example.org> PRDR=1\r\n", "220 250 501:5.5.4",
	  "" },

	/* LMTP */
	{ "LMTP", LOPEN "BDAT 2\r\n\r\nBDAT 0 LAST\r\n", R_LOPEN "250:2.0.0 250:2.6.0 550:5.7.1",
	  "LMTP <a@example.org> <b@example.net> <x@example.net> [\\r\\n]\n", .is_lmtp = TRUE },
	{ "LMTP failure", LOPEN "BDAT 2\r\n\n\rBDAT 0 LAST\r\nNOOP\r\n",
	  R_LOPEN "550:5.6.11 550:5.6.11 550:5.6.11 250:2.0.0", "", .is_lmtp = TRUE },
	{ "LMTP, no RCPT", "LHLO client.example\r\n" MAIL "BDAT 1\r\nxBDAT 1 LAST\r\nxNOOP\r\n",
	  "220 250 250:2.1.0 503:5.5.1 250:2.0.0", "", .is_lmtp = TRUE },
};

/* A chunk above the limit is read to its end, and the next command is seen. */
static void
test_too_large(void)
{
	static const char *const heads[] = { "BDAT 6000 LAST\r\n", "BDAT 6000\r\n" };
	for (guint i = 0; i < G_N_ELEMENTS(heads); i++) {
		g_autoptr(GString) input = g_string_new(OPEN);
		g_string_append(input, heads[i]);
		for (guint n = 0; n < 1000; n++)
			g_string_append(input, "QUIT\r\n");
		g_string_append(input, "RSET\r\nQUIT\r\n");
		const Dialogue item = { .input = input->str,
					.replies = R_OPEN "552:5.3.4 250:2.0.0 221:2.0.0",
					.mails = "" };
		Run run = { 0 };
		run_begin(&run, &item);
		run_say(&run, input->str, input->len);
		run_end(&run, &item);
	}
}

static void
test_announced(void)
{
	const Dialogue item = { .replies = "220 250", .mails = "", .is_binary = TRUE };
	Run run = { 0 };
	run_begin(&run, &item);
	run_say(&run, HELLO, strlen(HELLO));
	g_assert_nonnull(strstr(run.wire->str, "-CHUNKING\r\n"));
	g_assert_nonnull(strstr(run.wire->str, "BINARYMIME\r\n"));
	run_end(&run, &item);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(dialogues); i++) {
		g_autofree char *path = g_strdup_printf("/smtp-bdat/%s", dialogues[i].name);
		g_test_add_data_func(path, &dialogues[i], test_dialogue);
	}
	g_test_add_func("/smtp-bdat/too-large", test_too_large);
	g_test_add_func("/smtp-bdat/announced", test_announced);
	return g_test_run();
}
