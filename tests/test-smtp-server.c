/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The SMTP server where a table of dialogues is not enough: limits, floods, large mails. */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "smtp-server-fake.h"

/* The open dialogue of a test that goes step by step. */
typedef struct {
	AmSmtpServerConfig config;
	AmSmtpServer *server;
	Fake fake;
	GString *wire;
	int peer;
	gboolean is_open;
} Talk;

static void
talk_start(Talk *talk, const AmSmtpServerConfig *config)
{
	int fds[2];
	memset(talk, 0, sizeof *talk);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	talk->config = *config;
	talk->peer = fds[1];
	talk->wire = g_string_new(NULL);
	talk->fake.mails = g_string_new(NULL);
	talk->server =
		am_smtp_server_new(am_stream_new(fds[0]), &talk->config, &fake_ops, &talk->fake);
	talk->is_open = fake_step(talk->server, talk->peer, talk->wire);
}

static void
talk_say_bytes(Talk *talk, const char *text, gsize len)
{
	while (len > 0 && talk->is_open) {
		ssize_t n = send(talk->peer, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		g_assert_true(n > 0 || errno == EAGAIN);
		text += MAX(n, 0);
		len -= MAX(n, 0);
		talk->is_open = fake_step(talk->server, talk->peer, talk->wire);
	}
}

static void
talk_say(Talk *talk, const char *text)
{
	talk_say_bytes(talk, text, strlen(text));
}

static void
talk_expect(Talk *talk, const char *expected)
{
	g_autofree char *replies = fake_summarise(talk->wire);
	g_assert_cmpstr(replies, ==, expected);
	g_string_truncate(talk->wire, 0);
}

static void
talk_end(Talk *talk)
{
	am_smtp_server_free(talk->server);
	g_assert_cmpuint(talk->fake.begun, ==, talk->fake.abandoned + talk->fake.taken);
	(void)close(talk->peer);
	g_string_free(talk->wire, TRUE);
	g_string_free(talk->fake.mails, TRUE);
}

static void
test_keywords(void)
{
	Talk talk;
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	talk_start(&talk, &config);
	g_assert_cmpstr(talk.wire->str, ==, "220 filter.example ESMTP amavisd service ready\r\n");
	g_string_truncate(talk.wire, 0);
	talk_say(&talk, HELLO);
	g_assert_cmpstr(talk.wire->str, ==,
			"250-filter.example\r\n250-PIPELINING\r\n250-SIZE 5000\r\n"
			"250-8BITMIME\r\n250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-SMTPUTF8\r\n"
			"250-MT-PRIORITY\r\n250-DELIVERBY\r\n250-LIMITS RCPTMAX=250\r\n250-PRDR\r\n"
			"250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n");
	talk_end(&talk);
}

/* What hangs on a hidden keyword goes with it; all that is hidden is understood still. */
static void
test_hidden(void)
{
	static const char *const hidden[] = { "8bitmime", "CHUNKING", "LIMITS", "XFORWARD", NULL };
	Talk talk;
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	config.hidden = hidden;
	config.is_binary = TRUE;
	config.greeting = "ESMTP mail filter";
	talk_start(&talk, &config);
	g_assert_cmpstr(talk.wire->str, ==, "220 filter.example ESMTP mail filter\r\n");
	g_string_truncate(talk.wire, 0);
	talk_say(&talk, HELLO);
	g_assert_cmpstr(talk.wire->str, ==,
			"250-filter.example\r\n250-PIPELINING\r\n250-SIZE 5000\r\n"
			"250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-MT-PRIORITY\r\n"
			"250-DELIVERBY\r\n250 PRDR\r\n");
	g_string_truncate(talk.wire, 0);
	talk_say(&talk, "MAIL FROM:<> BODY=8BITMIME\r\n");
	talk_expect(&talk, "250:2.1.0");
	talk_end(&talk);
}

static void
test_nul(void)
{
	Talk talk;
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	talk_start(&talk, &config);
	talk_say_bytes(&talk, "NOOP\0QUIT\r\nNOOP\r\n", 17);
	talk_expect(&talk, "220 500:5.5.2 250:2.0.0");
	talk_say(&talk, START);
	talk_say_bytes(&talk, "\0a\r\n.\r\n", 7); /* the mail's NUL is for others to judge */
	talk_expect(&talk, "250 250:2.1.0 250:2.1.5 354 250:2.6.0");
	g_assert_cmpuint(talk.fake.total_bytes, ==, 4);
	talk_end(&talk);
}

static void
test_long_lines(void)
{
	static const struct {
		const char *format; /* %s: filling */
		gsize len;	    /* of the line without CRLF */
		const char *expected;
	} cases[] = {
		{ "NOOP %s\r\n", 510, "250:2.0.0" },
		{ "NOOP %s\r\n", 511, "500:5.5.2" },
		{ "MAIL FROM:<> AUTH=%s\r\n", 4096, "250:2.1.0" },
		{ "MAIL FROM:<> AUTH=%s\r\n", 4097, "500:5.5.2" },
		{ "%s\r\n", 500000, "500:5.5.2" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Talk talk;
		AmSmtpServerConfig config = fake_config(FALSE, FALSE);
		talk_start(&talk, &config);
		talk_say(&talk, HELLO);
		g_string_truncate(talk.wire, 0);
		gsize rest = strlen(cases[i].format) - 4; /* %s CR LF */
		g_autofree char *filling = g_strnfill(cases[i].len - rest, 'x');
		g_auto(GStrv) halves = g_strsplit(cases[i].format, "%s", 2);
		g_autofree char *line = g_strconcat(halves[0], filling, halves[1], NULL);
		talk_say(&talk, line);
		talk_expect(&talk, cases[i].expected);
		talk_say(&talk, "NOOP\r\n"); /* the connection survives */
		talk_expect(&talk, "250:2.0.0");
		talk_end(&talk);
	}
}

static void
test_size_limit(void)
{
	Talk talk;
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	g_autofree char *body = g_strnfill(4998, 'x');
	talk_start(&talk, &config);
	talk_say(&talk, START);
	talk_say(&talk, body);
	talk_say(&talk, "\r\n.\r\n"); /* 5000 bytes: just fits */
	talk_expect(&talk, R_START "250:2.6.0");
	talk_say(&talk, MAIL RCPT "DATA\r\n");
	talk_say(&talk, body);
	talk_say(&talk, "y\r\n.\r\nNOOP\r\n");
	talk_expect(&talk, "250:2.1.0 250:2.1.5 354 552:5.3.4 250:2.0.0");
	g_assert_cmpuint(talk.fake.taken, ==, 1);
	talk_end(&talk);
}

static void
test_no_spool(void)
{
	Talk talk;
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	config.intake.spool_directory = "/nonexistent/spool";
	config.intake.spool_memory = 4096;
	config.intake.size_limit = 0;
	g_autofree char *body = g_strnfill(300000, 'x');
	talk_start(&talk, &config);
	talk_say(&talk, START);
	talk_say(&talk, body);
	talk_say(&talk, "\r\n.\r\n");
	talk_expect(&talk, R_START "451:4.3.0");
	talk_say(&talk, MAIL RCPT "DATA\r\nsmall\r\n.\r\n"); /* back to normal by itself */
	talk_expect(&talk, "250:2.1.0 250:2.1.5 354 250:2.6.0");
	talk_end(&talk);
}

static void
test_recipients(void)
{
	Talk talk;
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	config.is_lmtp = TRUE;
	talk_start(&talk, &config);
	talk.fake.is_quiet = TRUE;
	talk_say(&talk, "LHLO client.example\r\n" MAIL);
	g_string_truncate(talk.wire, 0);
	g_autoptr(GString) input = g_string_new(NULL);
	for (guint i = 0; i < 260; i++)
		g_string_append_printf(input, "RCPT TO:<r%u@example.net>\r\n", i);
	talk_say_bytes(&talk, input->str, input->len);
	guint accepted = 0;
	guint refused = 0;
	g_auto(GStrv) lines = g_strsplit(talk.wire->str, "\r\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		accepted += g_str_has_prefix(lines[i], "250 2.1.5 ");
		refused += g_str_has_prefix(lines[i], "452 4.5.3 ");
	}
	g_assert_cmpuint(accepted, ==, 250);
	g_assert_cmpuint(refused, ==, 10);
	g_string_truncate(talk.wire, 0);
	talk_say(&talk, "DATA\r\nx\r\n.\r\n");
	guint final = 0;
	g_auto(GStrv) replies = g_strsplit(talk.wire->str, "\r\n", -1);
	for (guint i = 0; replies[i] != NULL; i++)
		final += g_str_has_prefix(replies[i], "250 2.6.0 ");
	g_assert_cmpuint(final, ==, 250);
	talk_end(&talk);
}

static void
test_busy(void)
{
	Talk talk;
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	talk_start(&talk, &config);
	talk.fake.is_busy = TRUE;
	talk_say(&talk, HELLO MAIL RCPT);
	talk_expect(&talk, "220 250 421:4.3.2");
	g_assert_false(talk.is_open);
	talk_end(&talk);
}

static void
test_shut(void)
{
	Talk talk;
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	talk_start(&talk, &config);
	g_assert_true(am_smtp_server_is_idle(talk.server));
	talk_say(&talk, HELLO MAIL);
	g_assert_false(am_smtp_server_is_idle(talk.server));
	talk_say(&talk, RCPT "DATA\r\nx");
	g_assert_false(am_smtp_server_is_idle(talk.server));
	talk_say(&talk, "\r\n.\r\n");
	g_assert_true(am_smtp_server_is_idle(talk.server));
	g_string_truncate(talk.wire, 0);
	am_smtp_server_shut(talk.server, "4.3.2", "shutting down");
	fake_receive(talk.peer, talk.wire);
	g_assert_cmpstr(talk.wire->str, ==, "421 4.3.2 filter.example shutting down\r\n");
	talk_end(&talk);
}

/* A client that sends commands and never reads: we stop reading, and use no more memory. */
static void
test_reads_nothing(void)
{
	int fds[2];
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	Fake fake = { .mails = g_string_new(NULL) };
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	AmSmtpServer *server = am_smtp_server_new(am_stream_new(fds[0]), &config, &fake_ops, &fake);
	g_autoptr(GString) input = g_string_new(NULL);
	for (guint i = 0; i < 20; i++)
		g_string_append(input, "HELP\r\n");
	gsize sent = 0;
	guint stuck = 0;
	while (stuck < 3) {
		ssize_t n = send(fds[1], input->str, input->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		sent += MAX(n, 0);
		stuck = n < 0 ? stuck + 1 : 0;
		g_assert_cmpuint(sent, <, 64 << 20);
		(void)am_smtp_server_step(server);
	}
	g_assert_cmpint(am_smtp_server_step(server), ==, AM_SERVER_WAIT_OUTPUT);
	/* it reads at last, and all is answered */
	g_autoptr(GString) wire = g_string_new(NULL);
	AmServerStep step;
	do {
		fake_receive(fds[1], wire);
		step = am_smtp_server_step(server);
	} while (step != AM_SERVER_WAIT_INPUT);
	fake_receive(fds[1], wire);
	guint answers = 0;
	for (const char *at = wire->str; (at = strstr(at, "214 ")) != NULL; at++)
		answers++;
	g_assert_cmpuint(answers, ==, sent / 6);
	am_smtp_server_free(server);
	(void)close(fds[1]);
	g_string_free(fake.mails, TRUE);
}

typedef struct {
	int fd;
	gsize mib;
	const char *line;
} Sender;

static gpointer
sender_run(gpointer data)
{
	const Sender *sender = data;
	g_autoptr(GString) block = g_string_new(NULL);
	while (block->len < 1 << 20)
		g_string_append(block, sender->line);
	g_assert_cmpint(write(sender->fd, START, strlen(START)), ==, (gssize)strlen(START));
	for (gsize i = 0; i < sender->mib; i++) {
		gsize done = 0;
		while (done < block->len) {
			ssize_t n = send(sender->fd, block->str + done, block->len - done,
					 MSG_NOSIGNAL);
			g_assert_cmpint(n, >, 0);
			done += n;
		}
	}
	g_assert_cmpint(write(sender->fd, "\r\n.\r\nQUIT\r\n", 11), ==, 11);
	return GSIZE_TO_POINTER(block->len);
}

/* A large mail goes through at once, whatever its lines look like. */
static void
run_large(const char *line, gsize mib)
{
	int fds[2];
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	config.intake.size_limit = 0;
	config.is_bare_normalised = TRUE;
	Fake fake = { .mails = g_string_new(NULL), .is_quiet = TRUE };
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	AmSmtpServer *server = am_smtp_server_new(am_stream_new(fds[0]), &config, &fake_ops, &fake);
	Sender sender = { fds[1], mib, line };
	GThread *thread = g_thread_new("sender", sender_run, &sender);
	gint64 start = g_get_monotonic_time();
	AmServerStep step;
	do {
		step = am_smtp_server_step(server);
		struct pollfd item = { .fd = fds[0], .events = POLLIN };
		if (step == AM_SERVER_WAIT_INPUT)
			g_assert_cmpint(poll(&item, 1, 10000), ==, 1);
	} while (step != AM_SERVER_CLOSE);
	double seconds = (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC;
	(void)g_thread_join(thread);
	g_assert_cmpuint(fake.taken, ==, 1);
	g_assert_cmpuint(fake.total_bytes, >=, mib << 19); /* dots are removed */
	g_test_message("%" G_GSIZE_FORMAT " MiB in %.3f s, %.0f MiB/s", mib, seconds,
		       (double)mib / seconds);
	g_assert_cmpfloat(seconds, <, 10);
	am_smtp_server_free(server);
	(void)close(fds[1]);
	g_string_free(fake.mails, TRUE);
}

static void
test_large(void)
{
	run_large(
		"A line of a mail that is about as long as they are, base64 has 76 bytes of it\r\n",
		50);
}

static void
test_large_odd(void)
{
	run_large("x\r", 4); /* one LF, at the very end */
	run_large("x\n", 4);
	run_large("..\r\n", 4);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/smtp-server/keywords", test_keywords);
	g_test_add_func("/smtp-server/hidden", test_hidden);
	g_test_add_func("/smtp-server/nul", test_nul);
	g_test_add_func("/smtp-server/long-lines", test_long_lines);
	g_test_add_func("/smtp-server/size-limit", test_size_limit);
	g_test_add_func("/smtp-server/no-spool", test_no_spool);
	g_test_add_func("/smtp-server/recipients", test_recipients);
	g_test_add_func("/smtp-server/busy", test_busy);
	g_test_add_func("/smtp-server/shut", test_shut);
	g_test_add_func("/smtp-server/reads-nothing", test_reads_nothing);
	g_test_add_func("/smtp-server/large", test_large);
	g_test_add_func("/smtp-server/large-odd", test_large_odd);
	return g_test_run();
}
