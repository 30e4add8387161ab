/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Feeds a client's bytes to the SMTP server.  The first byte says how: 1 LMTP, 2 bare CR and LF are
 * repaired, 4 BINARYMIME is taken, 8 XCLIENT is allowed, 16
 * AUTH is offered.  What must hold whatever comes in: the pieces
 * it arrives in make no difference, replies are well-formed, each transaction ends once, and a mail
 * of text has no bare CR or LF. */

#include <config.h>

#include "smtp/server.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/sasl.h"

#define INPUT_MAX 16384 /* bytes, less than a socket's buffer */

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

typedef struct {
	GString *mails;
	guint begun, ended;
	gboolean is_proxy;
} Fake;

static AmReply *
fuzz_on_begin(gpointer user)
{
	Fake *fake = user;
	fake->begun++;
	return NULL;
}

static void
fuzz_on_abandon(gpointer user)
{
	Fake *fake = user;
	fake->ended++;
}

static void
fuzz_check_lines(const char *bytes, gsize size)
{
	for (gsize i = 0; i < size; i++) {
		if (bytes[i] == '\r')
			g_assert_true(i + 1 < size && bytes[i + 1] == '\n');
		if (bytes[i] == '\n')
			g_assert_true(i > 0 && bytes[i - 1] == '\r');
	}
}

static GPtrArray *
fuzz_on_mail(gpointer user, AmMail *mail)
{
	Fake *fake = user;
	const AmEnvelope *envelope = mail->envelope;
	gsize size = am_spool_size(mail->spool);
	gboolean is_each = strstr(envelope->protocol, "LMTP") != NULL || envelope->is_prdr;
	guint n = is_each ? envelope->recipients->len : 1;
	g_autofree char *bytes = g_malloc(size + 1);
	g_assert_cmpint(am_read_at(am_spool_fd(mail->spool), bytes, size, 0, NULL), ==,
			(gssize)size);
	if (envelope->body != AM_BODY_BINARYMIME)
		fuzz_check_lines(bytes, size);
	g_string_append_printf(fake->mails, "%s %s %s %s %u\n", envelope->protocol,
			       envelope->sender, envelope->client_address, envelope->helo,
			       envelope->recipients->len);
	g_string_append_len(fake->mails, bytes, size);
	am_mail_free(mail);
	GPtrArray *replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	for (guint i = 0; i < n; i++)
		g_ptr_array_add(replies, am_reply_new(250, "2.0.0", "taken %u", i));
	fake->ended++;
	return replies;
}

static gboolean
fuzz_may_xclient(gpointer user, const char *address G_GNUC_UNUSED)
{
	return ((const Fake *)user)->is_proxy;
}

static const AmSmtpServerOps fuzz_ops = {
	.on_begin = fuzz_on_begin,
	.on_abandon = fuzz_on_abandon,
	.on_mail = fuzz_on_mail,
	.may_xclient = fuzz_may_xclient,
};

static void
fuzz_check_replies(const GString *wire)
{
	g_auto(GStrv) lines = g_strsplit(wire->str, "\r\n", -1);
	g_assert_cmpuint(strlen(wire->str), ==, wire->len);
	for (guint i = 0; lines[i] != NULL; i++) {
		if (lines[i + 1] == NULL) {
			g_assert_cmpstr(lines[i], ==, "");
			continue;
		}
		g_assert_true(strlen(lines[i]) >= 4 && strlen(lines[i]) <= 510);
		g_assert_true(g_ascii_isdigit(lines[i][0]) && g_ascii_isdigit(lines[i][1]) &&
			      g_ascii_isdigit(lines[i][2]));
		g_assert_true(lines[i][3] == ' ' || lines[i][3] == '-');
		for (const char *at = lines[i]; *at != '\0'; at++)
			g_assert_true((guchar)*at >= 0x20 && *at != 0x7f);
	}
}

/* All that came back, replies and mails. */
static GString *
fuzz_run(guint8 flags, const guint8 *data, gsize size, gsize piece)
{
	static const char *const banks[] = { NULL };
	int fds[2];
	char buffer[4096];
	AmSmtpServerConfig config = {
		.is_lmtp = (flags & 1) != 0,
		.hostname = "filter.example",
		.intake.spool_directory = "/tmp",
		.intake.spool_memory = 1 << 20,
		.intake.size_limit = 8000,
		.intake.recipient_limit = 10,
		.error_limit = 20,
		.is_bare_normalised = (flags & 2) != 0,
		.is_binary = (flags & 4) != 0,
		.intake.listener = "in",
		.intake.policy_banks = banks,
		.auth = (flags & 16) != 0 ? AM_SERVER_AUTH_OFFERED : AM_SERVER_AUTH_NO,
		.is_auth_clear = TRUE,
		.auth_mechanisms = "PLAIN LOGIN EXTERNAL", /* SCRAM is never twice the same */
		.auth_service = "smtp",
	};
	Fake fake = { .mails = g_string_new(NULL), .is_proxy = (flags & 8) != 0 };
	g_autoptr(GString) wire = g_string_new(NULL);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	AmSmtpServer *server = am_smtp_server_new(am_stream_new(fds[0]), &config, &fuzz_ops, &fake);
	AmServerStep step = am_smtp_server_step(server);
	for (gsize at = 0; at < size && step != AM_SERVER_CLOSE; at += piece) {
		gsize len = MIN(piece, size - at);
		g_assert_cmpint(send(fds[1], data + at, len, MSG_NOSIGNAL), ==, (gssize)len);
		do {
			ssize_t n;
			step = am_smtp_server_step(server);
			while ((n = recv(fds[1], buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
				g_string_append_len(wire, buffer, n);
		} while (step == AM_SERVER_YIELD || step == AM_SERVER_WAIT_OUTPUT);
	}
	am_smtp_server_free(server);
	(void)close(fds[1]);
	g_assert_cmpuint(fake.begun, ==, fake.ended);
	fuzz_check_replies(wire);
	g_string_append_len(fake.mails, wire->str, wire->len);
	return fake.mails;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	g_assert_true((data[0] & 16) == 0 || am_sasl_init_server(NULL, NULL));
	g_autoptr(GString) whole = fuzz_run(data[0], data + 1, size - 1, size);
	g_autoptr(GString) bytes = fuzz_run(data[0], data + 1, size - 1, 1);
	g_autoptr(GString) pieces = fuzz_run(data[0], data + 1, size - 1, 7);
	g_assert_true(g_string_equal(whole, bytes));
	g_assert_true(g_string_equal(whole, pieces));
	return 0;
}
