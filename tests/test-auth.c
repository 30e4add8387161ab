/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* AUTH as server and as client, and SASL itself, with a password database of its own. */

#include <config.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sasl-users.h"
#include "smtp-server-fake.h"
#include "wire/sasl.h"

typedef struct {
	const char *name;
	AmServerAuth auth;
	gboolean is_clear;
	const char *input;
	const char *replies, *mails;
} Dialogue;

#define END RCPT "DATA\r\n.\r\n"
#define R_MAIL "250:2.1.0 250:2.1.5 354 250:2.6.0"
#define KNOWN "ESMTPA <a@example.org> user=fred <b@example.net> []\n"
#define NOBODY "ESMTP <a@example.org> <b@example.net> []\n"
#define OFFERED AM_SERVER_AUTH_OFFERED, TRUE
#define REQUIRED AM_SERVER_AUTH_REQUIRED, TRUE

/* clang-format off: a table reads by rows */
static const Dialogue dialogues[] = {
	{ "off", AM_SERVER_AUTH_NO, TRUE, HELLO "AUTH PLAIN " SASL_PLAIN "\r\n" MAIL END,
	  "220 250 502:5.5.1 " R_MAIL, NOBODY },
	{ "without TLS", AM_SERVER_AUTH_OFFERED, FALSE,
	  HELLO "AUTH PLAIN " SASL_PLAIN "\r\n" MAIL END, "220 250 538:5.7.11 " R_MAIL, NOBODY },
	{ "PLAIN", OFFERED, HELLO "AUTH PLAIN " SASL_PLAIN "\r\n" MAIL END,
	  "220 250 235:2.7.0 " R_MAIL, KNOWN },
	{ "plain, later", OFFERED, HELLO "auth plain\r\n" SASL_PLAIN "\r\n" MAIL END,
	  "220 250 334 235:2.7.0 " R_MAIL, KNOWN },
	{ "LOGIN", OFFERED, HELLO "AUTH LOGIN\r\nZnJlZA==\r\ncGEgc3M9d29yZA==\r\n" MAIL END,
	  "220 250 334 334 235:2.7.0 " R_MAIL, KNOWN },
	{ "wrong", OFFERED, HELLO "AUTH PLAIN " SASL_WRONG "\r\n" MAIL END,
	  "220 250 535:5.7.8 " R_MAIL, NOBODY },
	{ "wrong, then right", OFFERED,
	  HELLO "AUTH PLAIN " SASL_WRONG "\r\nAUTH PLAIN " SASL_PLAIN "\r\n" MAIL END,
	  "220 250 535:5.7.8 235:2.7.0 " R_MAIL, KNOWN },
	{ "nobody", OFFERED, HELLO "AUTH PLAIN AG5vYm9keQB4\r\n" MAIL END,
	  "220 250 535:5.7.8 " R_MAIL, NOBODY },
	{ "as another", OFFERED, HELLO "AUTH PLAIN am9obgBmcmVkAHBhIHNzPXdvcmQ=\r\n" MAIL END,
	  "220 250 535:5.7.8 " R_MAIL, NOBODY },
	{ "cancelled", OFFERED, HELLO "AUTH PLAIN\r\n*\r\n" MAIL END,
	  "220 250 334 501:5.7.0 " R_MAIL, NOBODY },
	{ "no base64", OFFERED,
	  HELLO "AUTH PLAIN a\r\nAUTH LOGIN\r\nNOOP\r\nAUTH PLAIN ==\r\n" MAIL END,
	  "220 250 501:5.5.2 334 334 501:5.5.2 " R_MAIL, NOBODY },
	{ "unknown", OFFERED,
	  HELLO "AUTH FOO\r\nAUTH\r\nAUTH CRAM-MD5\r\nAUTH ANONYMOUS\r\n" MAIL END,
	  "220 250 504:5.5.4 501:5.5.4 504:5.5.4 504:5.5.4 " R_MAIL, NOBODY },
	{ "EXTERNAL without certificate", OFFERED, HELLO "AUTH EXTERNAL =\r\n" MAIL END,
	  "220 250 504:5.5.4 " R_MAIL, NOBODY },
	{ "not twice", OFFERED,
	  HELLO "AUTH PLAIN " SASL_PLAIN "\r\nAUTH PLAIN " SASL_PLAIN "\r\n" MAIL END,
	  "220 250 235:2.7.0 503:5.5.1 " R_MAIL, KNOWN },
	{ "not in a mail", OFFERED, HELLO MAIL "AUTH PLAIN " SASL_PLAIN "\r\n" END,
	  "220 250 250:2.1.0 503:5.5.1 250:2.1.5 354 250:2.6.0", NOBODY },
	{ "HELO", OFFERED, "HELO client.example\r\nAUTH PLAIN " SASL_PLAIN "\r\nQUIT\r\n",
	  "220 250 503:5.5.1 221:2.0.0", "" },
	{ "before EHLO", OFFERED, "AUTH PLAIN " SASL_PLAIN "\r\nQUIT\r\n",
	  "220 503:5.5.1 221:2.0.0", "" },
	{ "required", REQUIRED, HELLO MAIL "NOOP\r\nAUTH PLAIN " SASL_PLAIN "\r\n" MAIL END,
	  "220 250 530:5.7.0 250:2.0.0 235:2.7.0 " R_MAIL, KNOWN },
	{ "EHLO keeps it", OFFERED, HELLO "AUTH PLAIN " SASL_PLAIN "\r\n" HELLO MAIL END,
	  "220 250 235:2.7.0 250 " R_MAIL, KNOWN },
	{ "AUTH= of a stranger", OFFERED,
	  HELLO "MAIL FROM:<a@example.org> AUTH=x@y.example\r\n" END, "220 250 " R_MAIL,
	  "ESMTP <a@example.org> auth=<> <b@example.net> []\n" },
	{ "AUTH= of a user", OFFERED,
	  HELLO "AUTH PLAIN " SASL_PLAIN "\r\nMAIL FROM:<a@example.org> AUTH=x@y.example\r\n" END,
	  "220 250 235:2.7.0 " R_MAIL,
	  "ESMTPA <a@example.org> auth=x@y.example user=fred <b@example.net> []\n" },
};
/* clang-format on */

/* What the server said to the input, sent in pieces. */
static void
run(const Dialogue *item, const char *input, gsize piece, GString *wire, Fake *fake)
{
	int fds[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
	AmSmtpServerConfig config = fake_config(FALSE, FALSE);
	config.auth = item->auth;
	config.is_auth_clear = item->is_clear;
	config.auth_mechanisms = "PLAIN LOGIN SCRAM-SHA-256 EXTERNAL";
	config.auth_service = "smtp";
	AmSmtpServer *server = am_smtp_server_new(am_stream_new(fds[0]), &config, &fake_ops, fake);
	gboolean is_open = fake_step(server, fds[1], wire);
	gsize total = strlen(input);
	for (gsize at = 0, len; at < total && is_open; at += len) {
		len = MIN(piece, total - at);
		g_assert_cmpint(send(fds[1], input + at, len, MSG_NOSIGNAL), ==, (gssize)len);
		is_open = fake_step(server, fds[1], wire);
	}
	am_smtp_server_free(server);
	(void)close(fds[1]);
}

static void
test_dialogue(gconstpointer data)
{
	const Dialogue *item = data;
	const gsize pieces[] = { 100000, 1, 7 };
	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
		Fake fake = { .mails = g_string_new(NULL) };
		g_autoptr(GString) wire = g_string_new(NULL);
		run(item, item->input, pieces[i], wire, &fake);
		g_autofree char *replies = fake_summarise(wire);
		g_assert_cmpstr(replies, ==, item->replies);
		g_assert_cmpstr(fake.mails->str, ==, item->mails);
		g_string_free(fake.mails, TRUE);
	}
}

/* Announced where it can be used, and only there. */
static void
test_announced(void)
{
	static const struct {
		AmServerAuth auth;
		gboolean is_clear, is_announced;
		const char *input;
	} table[] = {
		{ AM_SERVER_AUTH_OFFERED, TRUE, TRUE, HELLO },
		{ AM_SERVER_AUTH_REQUIRED, TRUE, TRUE, HELLO },
		{ AM_SERVER_AUTH_OFFERED, FALSE, FALSE, HELLO },
		{ AM_SERVER_AUTH_NO, TRUE, FALSE, HELLO },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		Fake fake = { .mails = g_string_new(NULL) };
		g_autoptr(GString) wire = g_string_new(NULL);
		const Dialogue item = { .auth = table[i].auth, .is_clear = table[i].is_clear };
		run(&item, table[i].input, 1000, wire, &fake);
		gboolean is_there =
			strstr(wire->str, "\r\n250-AUTH PLAIN LOGIN SCRAM-SHA-256\r\n") != NULL;
		g_assert_true(is_there == table[i].is_announced);
		g_assert_true(is_there || strstr(wire->str, "AUTH") == NULL);
		g_string_free(fake.mails, TRUE);
	}
}

/* A line of 12288 bytes may come, a longer one ends the exchange. */
static void
test_line_limit(void)
{
	static const struct {
		gsize len;
		const char *replies;
	} table[] = {
		{ 12288, "220 250 334 501:5.5.2 250:2.0.0" },
		{ 12289, "220 250 334 500:5.5.6 250:2.0.0" },
		{ 100000, "220 250 334 500:5.5.6 250:2.0.0" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		Fake fake = { .mails = g_string_new(NULL) };
		g_autoptr(GString) wire = g_string_new(NULL);
		g_autofree char *line = g_strnfill(table[i].len, '!');
		g_autofree char *input =
			g_strconcat(HELLO "AUTH PLAIN\r\n", line, "\r\nNOOP\r\n", NULL);
		const Dialogue item = { .auth = OFFERED };
		run(&item, input, 4000, wire, &fake);
		g_autofree char *replies = fake_summarise(wire);
		g_assert_cmpstr(replies, ==, table[i].replies);
		g_string_free(fake.mails, TRUE);
	}
}

/* Both sides of the library talk until one is content or gives up. */
static AmSaslStep
talk(const char *mechanisms, const char *password, const char *external, char **user)
{
	g_autoptr(GError) error = NULL;
	const AmSaslServerConfig server_config = { "smtp",     "filter.example", NULL,
						   mechanisms, external,	 0 };
	const AmSaslClientConfig client_config = { "smtp", "filter.example", SASL_USER, password,
						   0 };
	g_autoptr(AmSasl) server = am_sasl_server_new(&server_config, &error);
	g_assert_no_error(error);
	g_autoptr(AmSasl) client = am_sasl_client_new(&client_config, &error);
	g_assert_no_error(error);
	const char *mechanism, *out;
	gsize len;
	AmSaslStep theirs = am_sasl_client_start(client, mechanisms, &mechanism, &out, &len);
	g_assert_true(theirs == AM_SASL_DONE || theirs == AM_SASL_MORE);
	AmSaslStep ours = am_sasl_server_start(server, mechanism, out, len, &out, &len);
	while (ours == AM_SASL_MORE) {
		theirs = am_sasl_step(client, out, len, &out, &len);
		if (theirs != AM_SASL_DONE && theirs != AM_SASL_MORE)
			return theirs;
		ours = am_sasl_step(server, out != NULL ? out : "", len, &out, &len);
	}
	g_free(*user);
	*user = g_strdup(am_sasl_user(server));
	return ours;
}

static void
test_mechanisms(void)
{
	static const char *const mechanisms[] = { "PLAIN", "LOGIN", "SCRAM-SHA-256" };
	g_autofree char *user = NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(mechanisms); i++) {
		g_assert_cmpint(talk(mechanisms[i], SASL_PASSWORD, NULL, &user), ==, AM_SASL_DONE);
		g_assert_cmpstr(user, ==, SASL_USER);
		g_assert_cmpint(talk(mechanisms[i], "wrong", NULL, &user), ==, AM_SASL_REFUSED);
	}
}

static void
test_common(void)
{
	static const struct {
		const char *mechanisms, *others, *common;
	} table[] = {
		{ "PLAIN LOGIN", "login  CRAM-MD5 plain", "PLAIN LOGIN" },
		{ "PLAIN", "PLAINER", "" },
		{ "", "PLAIN", "" },
		{ "PLAIN", "", "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *common = am_sasl_common(table[i].mechanisms, table[i].others);
		g_assert_cmpstr(common, ==, table[i].common);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	char *directory = sasl_users_new();
	if (directory == NULL)
		return 77;
	g_test_add_func("/auth/common", test_common);
	g_test_add_func("/auth/mechanisms", test_mechanisms);
	g_test_add_func("/auth/announced", test_announced);
	g_test_add_func("/auth/line-limit", test_line_limit);
	for (gsize i = 0; i < G_N_ELEMENTS(dialogues); i++) {
		g_autofree char *path = g_strdup_printf("/auth/server/%s", dialogues[i].name);
		g_test_add_data_func(path, &dialogues[i], test_dialogue);
	}
	int status = g_test_run();
	sasl_users_free(directory);
	return status;
}
