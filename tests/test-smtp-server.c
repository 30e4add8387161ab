/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Dialogues with the server over a socket pair.  Each stands in a table: what the client sends, the
 * codes of the replies, what became of the mail; each is sent whole, byte by byte and in random
 * pieces, which must make no difference. */

#include <config.h>

#include "smtp/server.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO "EHLO client.example\r\n"
#define MAIL "MAIL FROM:<a@example.org>\r\n"
#define RCPT "RCPT TO:<b@example.net>\r\n"
#define START HELLO MAIL RCPT "DATA\r\n"
/* replies to START, greeting first */
#define R_START "220 250 250:2.1.0 250:2.1.5 354 "

typedef struct {
	const char *name;
	const char *input;
	const char *replies; /* "code" or "code:enhanced" of each reply, blank between */
	const char *mails;   /* as described by on_mail(), "" none */
	gboolean is_lmtp;
	gboolean is_normalised;
} Dialogue;

/* What the fake session saw. */
typedef struct {
	GString *mails;
	guint64 total_bytes;
	guint begun, abandoned, taken;
	gboolean is_busy;
	gboolean is_quiet; /* does not look into mails */
} Fake;

static AmReply *
on_recipient(gpointer user G_GNUC_UNUSED, const AmEnvelope *envelope, const AmRecipient *recipient)
{
	if (g_str_has_prefix(recipient->address, "full@"))
		return am_reply_new(452, "4.2.2", "Mailbox full");
	if (g_str_has_prefix(recipient->address, "small@") && envelope->declared_size > 1000)
		return am_reply_new(552, "5.3.4", "Too large for this recipient");
	return NULL;
}

static AmReply *
on_begin(gpointer user)
{
	Fake *fake = user;
	if (fake->is_busy)
		return am_reply_new(421, "4.3.2", "Too busy");
	fake->begun++;
	return NULL;
}

static void
on_abandon(gpointer user)
{
	Fake *fake = user;
	fake->abandoned++;
}

static void
append_envelope(GString *out, const AmEnvelope *envelope)
{
	g_string_append_printf(out, "%s <%s>", envelope->protocol, envelope->sender);
	if (envelope->declared_size >= 0)
		g_string_append_printf(out, " size=%" G_GINT64_FORMAT, envelope->declared_size);
	if (envelope->body != AM_BODY_UNSPECIFIED)
		g_string_append(out, envelope->body == AM_BODY_7BIT ? " 7bit" : " 8bit");
	if (envelope->ret != NULL)
		g_string_append_printf(out, " ret=%s", envelope->ret);
	if (envelope->envid != NULL)
		g_string_append_printf(out, " envid=%s", envelope->envid);
	if (envelope->auth != NULL)
		g_string_append_printf(out, " auth=%s", envelope->auth);
	if (strcmp(envelope->helo, "client.example") != 0)
		g_string_append_printf(out, " helo=%s", envelope->helo);
	if (*envelope->client_address != '\0')
		g_string_append_printf(out, " client=%s", envelope->client_address);
	if (*envelope->client_name != '\0')
		g_string_append_printf(out, " name=%s", envelope->client_name);
	if (*envelope->queue_id != '\0')
		g_string_append_printf(out, " id=%s", envelope->queue_id);
}

static GPtrArray *
on_mail(gpointer user, AmMail *mail)
{
	Fake *fake = user;
	const AmEnvelope *envelope = mail->envelope;
	gboolean is_lmtp = strstr(envelope->protocol, "LMTP") != NULL;
	GPtrArray *replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	fake->taken++;
	fake->total_bytes += am_spool_size(mail->spool);
	g_assert_cmpstr(envelope->listener, ==, "in");
	g_assert_cmpstr(envelope->policy_banks[0], ==, "BANK");
	g_assert_cmpint(mail->received_us, >=, mail->start_us);
	if (!fake->is_quiet)
		append_envelope(fake->mails, envelope);
	for (guint i = 0; i < envelope->recipients->len; i++) {
		const AmRecipient *recipient = g_ptr_array_index(envelope->recipients, i);
		if (!fake->is_quiet) {
			g_string_append_printf(fake->mails, " <%s>", recipient->address);
			if (recipient->notify != NULL)
				g_string_append_printf(fake->mails, " notify=%s",
						       recipient->notify);
			if (recipient->orcpt != NULL)
				g_string_append_printf(fake->mails, " orcpt=%s", recipient->orcpt);
		}
		if (is_lmtp && strchr(recipient->address, 'x') == recipient->address)
			g_ptr_array_add(replies, am_reply_new(550, "5.7.1", "no"));
		else if (is_lmtp || i == 0)
			g_ptr_array_add(replies, am_reply_new(250, "2.6.0", "taken"));
	}
	if (!fake->is_quiet) {
		gsize size = am_spool_size(mail->spool);
		g_autofree char *bytes = g_malloc0(size + 1);
		g_assert_cmpint(am_read_at(am_spool_fd(mail->spool), bytes, size, 0, NULL), ==,
				(gssize)size);
		g_autofree char *escaped = g_strescape(bytes, NULL);
		g_string_append_printf(fake->mails, " [%s]\n", escaped);
	}
	am_mail_free(mail);
	return replies;
}

static const AmSmtpServerOps ops = { on_recipient, on_begin, on_abandon, on_mail };
static const char *const banks[] = { "BANK", NULL };

static AmSmtpServerConfig
make_config(const Dialogue *item)
{
	return (AmSmtpServerConfig){
		.is_lmtp = item != NULL && item->is_lmtp,
		.hostname = "filter.example",
		.product = "amavisd",
		.spool_directory = g_get_tmp_dir(),
		.spool_memory = 1 << 20,
		.size_limit = 5000,
		.recipient_limit = 250,
		.error_limit = 5,
		.is_bare_normalised = item != NULL && item->is_normalised,
		.listener = "in",
		.policy_banks = banks,
	};
}

/* What the server says, as the table has it. */
static char *
summarise(const GString *wire)
{
	GString *out = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(wire->str, "\r\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		const char *line = lines[i];
		if (strlen(line) < 4 || line[3] == '-')
			continue;
		g_assert_cmpuint(strlen(line), <=, 510);
		if (out->len > 0)
			g_string_append_c(out, ' ');
		g_string_append_len(out, line, 3);
		if (g_ascii_isdigit(line[4]) && line[5] == '.')
			g_string_append_printf(out, ":%.*s", (int)strcspn(line + 4, " "), line + 4);
	}
	return g_string_free(out, FALSE);
}

static void
receive_all(int peer, GString *wire)
{
	char buffer[8192];
	ssize_t n;
	while ((n = recv(peer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
		g_string_append_len(wire, buffer, n);
}

/* Steps until it waits for input; FALSE when it is over. */
static gboolean
step_on(AmSmtpServer *server, int peer, GString *wire)
{
	AmServerStep step;
	do {
		step = am_smtp_server_step(server);
		receive_all(peer, wire);
	} while (step == AM_SERVER_YIELD || step == AM_SERVER_WAIT_OUTPUT);
	return step == AM_SERVER_WAIT_INPUT;
}

/* piece 0: random sizes. */
static void
run_dialogue(const Dialogue *item, gsize piece)
{
	int fds[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	AmSmtpServerConfig config = make_config(item);
	Fake fake = { .mails = g_string_new(NULL) };
	g_autoptr(GString) wire = g_string_new(NULL);
	AmSmtpServer *server = am_smtp_server_new(am_stream_new(fds[0]), &config, &ops, &fake);
	gboolean is_open = step_on(server, fds[1], wire);
	gsize total = strlen(item->input);
	for (gsize at = 0, len; at < total && is_open; at += len) {
		len = piece > 0 ? piece : (gsize)g_test_rand_int_range(1, 12);
		len = MIN(len, total - at);
		g_assert_cmpint(send(fds[1], item->input + at, len, MSG_NOSIGNAL), ==, (gssize)len);
		is_open = step_on(server, fds[1], wire);
	}
	if (is_open) {
		(void)shutdown(fds[1], SHUT_WR);
		g_assert_false(step_on(server, fds[1], wire));
	}
	am_smtp_server_free(server);
	g_autofree char *replies = summarise(wire);
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

	/* XFORWARD */
	{ "XFORWARD",
	  HELLO "XFORWARD NAME=spike.example ADDR=192.0.2.7 PORT=4711 PROTO=ESMTP\r\n"
		"XFORWARD HELO=spike+2Bx IDENT=4XyZ SOURCE=REMOTE\r\n" MAIL RCPT
		"DATA\r\n.\r\n" MAIL RCPT "DATA\r\n.\r\n",
	  "220 250 250:2.0.0 250:2.0.0 250:2.1.0 250:2.1.5 354 250:2.6.0 250:2.1.0 250:2.1.5 354 "
	  "250:2.6.0",
	  "ESMTP <a@example.org> helo=spike+x client=192.0.2.7 name=spike.example id=4XyZ "
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
	talk->server = am_smtp_server_new(am_stream_new(fds[0]), &talk->config, &ops, &talk->fake);
	talk->is_open = step_on(talk->server, talk->peer, talk->wire);
}

static void
talk_say_bytes(Talk *talk, const char *text, gsize len)
{
	while (len > 0 && talk->is_open) {
		ssize_t n = send(talk->peer, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		g_assert_true(n > 0 || errno == EAGAIN);
		text += MAX(n, 0);
		len -= MAX(n, 0);
		talk->is_open = step_on(talk->server, talk->peer, talk->wire);
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
	g_autofree char *replies = summarise(talk->wire);
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
	AmSmtpServerConfig config = make_config(NULL);
	talk_start(&talk, &config);
	g_assert_cmpstr(talk.wire->str, ==, "220 filter.example ESMTP amavisd service ready\r\n");
	g_string_truncate(talk.wire, 0);
	talk_say(&talk, HELLO);
	g_assert_cmpstr(talk.wire->str, ==,
			"250-filter.example\r\n250-PIPELINING\r\n250-SIZE 5000\r\n"
			"250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-SMTPUTF8\r\n"
			"250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n");
	talk_end(&talk);
}

static void
test_nul(void)
{
	Talk talk;
	AmSmtpServerConfig config = make_config(NULL);
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
		AmSmtpServerConfig config = make_config(NULL);
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
	AmSmtpServerConfig config = make_config(NULL);
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
	AmSmtpServerConfig config = make_config(NULL);
	config.spool_directory = "/nonexistent/spool";
	config.spool_memory = 4096;
	config.size_limit = 0;
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
	AmSmtpServerConfig config = make_config(NULL);
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
	AmSmtpServerConfig config = make_config(NULL);
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
	AmSmtpServerConfig config = make_config(NULL);
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
	receive_all(talk.peer, talk.wire);
	g_assert_cmpstr(talk.wire->str, ==, "421 4.3.2 filter.example shutting down\r\n");
	talk_end(&talk);
}

/* A client that sends commands and never reads: we stop reading, and use no more memory. */
static void
test_reads_nothing(void)
{
	int fds[2];
	AmSmtpServerConfig config = make_config(NULL);
	Fake fake = { .mails = g_string_new(NULL) };
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	AmSmtpServer *server = am_smtp_server_new(am_stream_new(fds[0]), &config, &ops, &fake);
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
		receive_all(fds[1], wire);
		step = am_smtp_server_step(server);
	} while (step != AM_SERVER_WAIT_INPUT);
	receive_all(fds[1], wire);
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
	AmSmtpServerConfig config = make_config(NULL);
	config.size_limit = 0;
	config.is_bare_normalised = TRUE;
	Fake fake = { .mails = g_string_new(NULL), .is_quiet = TRUE };
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	AmSmtpServer *server = am_smtp_server_new(am_stream_new(fds[0]), &config, &ops, &fake);
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

static void
add_dialogues(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(dialogues); i++) {
		g_autofree char *path =
			g_strconcat("/smtp-server/dialogue/", dialogues[i].name, NULL);
		g_test_add_data_func(path, &dialogues[i], test_dialogue);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	add_dialogues();
	g_test_add_func("/smtp-server/keywords", test_keywords);
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
