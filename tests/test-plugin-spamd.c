/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The scanner "spamd" against a server that says what the test wants; reading of its answers. */

#include <config.h>

#include "plugin-mock.h"

#include "../plugins/scanners/spamd/connection.h"
#include "../plugins/scanners/spamd/reply.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAIL "From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n"

#define REPORT_TEXT \
	"SPAMD/1.1 0 EX_OK\r\nContent-length: 1086\r\nSpam: True ; 1004.3 / 5.0\r\n\r\n" \
	"Spam detection software, running on the system \"mx\",\n\n" \
	"Content preview:  5.0 FAKE_RULE hello\n" \
	"---- ---------------------- -----\n" \
	"-90.0 FORGED_RULE   quoted from the mail\n\n" \
	"Content analysis details:   (1004.3 points, 5.0 required)\n\n" \
	" pts rule name              description\n" \
	"---- ---------------------- --------------------------------------------------\n" \
	" 2.7 MISSING_DATE           Missing Date: header\n" \
	"-0.5 NO_RECEIVED            Informational: message has no Received headers\n" \
	" 1.0 HEADER_FROM_DIFFERENT_DOMAINS From and EnvelopeFrom 2nd level mail\n" \
	"                            7.0 domains are different\n" \
	"1000 GTUBE                  BODY: Generic Test for Unsolicited Bulk Email\n" \
	" 0.1 lower_Case9            x\n" \
	" nan NOT_A_NUMBER           x\n" \
	" 1.0 BAD-NAME               x\n\n\n"

/* ---- answers ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	const char *answer;
	gboolean is_report;
	double score;      /* when there is no error */
	const char *tests; /* NULL: an error ... */
	const char *error; /* ... that holds this */
} answers[] = {
	{ "report", REPORT_TEXT, TRUE, 1004.3,
	  "MISSING_DATE=2.7 NO_RECEIVED=-0.5 HEADER_FROM_DIFFERENT_DOMAINS=1 GTUBE=1000 "
	  "lower_Case9=0.1 ", NULL },
	{ "report-without-table", "SPAMD/1.1 0 EX_OK\r\nSpam: False ; 1.5 / 5.0\r\n\r\nhello\n", TRUE,
	  1.5, "", NULL },
	{ "symbols", "SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: False ; -1.5 / 5\r\n\r\nA,B_1\r\n",
	  FALSE, -1.5, "A=0 B_1=0 ", NULL },
	{ "symbols-none", "SPAMD/1.1 0 EX_OK\r\nSpam: False ; 0.0 / 5\r\n\r\n", FALSE, 0, "", NULL },
	{ "check", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15 / 5.0\r\n\r\n", FALSE, 15, "", NULL },
	{ "no-empty-line", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 15 / 5.0", FALSE, 15, "", NULL },
	{ "lower-case", "SPAMD/1.5 0 EX_OK\nspam: true; 7/5\n\n", FALSE, 7, "", NULL },
	{ "huge", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1e300 / 5\r\n\r\n", FALSE, 1e6, "", NULL },
	{ "empty", "", FALSE, 0, NULL, "not spamd's" },
	{ "other", "220 smtp\r\n", FALSE, 0, NULL, "not spamd's" },
	{ "no-code", "SPAMD/1.1\r\n", FALSE, 0, NULL, "not spamd's" },
	{ "failure", "SPAMD/1.0 75 EX_TEMPFAIL\r\n", FALSE, 0, NULL, "EX_TEMPFAIL" },
	{ "bad-usage", "SPAMD/1.0 76 Bad header line: (x)\r\n", FALSE, 0, NULL, "Bad header" },
	{ "no-score", "SPAMD/1.1 0 EX_OK\r\n\r\nSpam: True ; 1 / 5\r\n", FALSE, 0, NULL, "no Spam" },
	{ "bad-score", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; x / 5\r\n\r\n", FALSE, 0, NULL, "no score" },
	{ "nan", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; nan / 5\r\n\r\n", FALSE, 0, NULL, "no score" },
	{ "no-semicolon", "SPAMD/1.1 0 EX_OK\r\nSpam: True\r\n\r\n", FALSE, 0, NULL, "no score" },
};

static char *
tests_to_string(const Reply *reply)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < reply->tests->len; i++) {
		const ReplyTest *test = reply->tests->pdata[i];
		g_string_append_printf(out, "%s=%g ", test->name, test->points);
	}
	return g_string_free(out, FALSE);
}

static void
test_answers(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
		g_autoptr(GError) error = NULL;
		gsize len = strlen(answers[i].answer);
		g_autofree char *exact = g_memdup2(answers[i].answer, len);
		g_autoptr(Reply) reply = reply_parse(exact, len, answers[i].is_report, &error);
		g_test_message("%s", answers[i].name);
		if (answers[i].tests == NULL) {
			g_assert_null(reply);
			g_assert_nonnull(strstr(error->message, answers[i].error));
			continue;
		}
		g_assert_no_error(error);
		g_autofree char *tests = tests_to_string(reply);
		g_assert_cmpstr(tests, ==, answers[i].tests);
		g_assert_cmpfloat(reply->score, ==, answers[i].score);
	}
}

static void
test_many_tests(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new("SPAMD/1.1 0 EX_OK\r\nSpam: True ; 5 / 5\r\n\r\n");
	for (guint i = 0; i < 10000; i++)
		g_string_append_printf(text, "T%u,", i);
	g_autoptr(Reply) reply = reply_parse(text->str, text->len, FALSE, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(reply->tests->len, ==, REPLY_MAX_TESTS);
}

/* ---- addresses ----------------------------------------------------------------------------- */

static void
test_addresses(void)
{
	static const char *const good[][3] = {
		{ "127.0.0.1:783", "127.0.0.1", "783" }, { "127.0.0.1", "127.0.0.1", "783" },
		{ "[::1]:1783", "::1", "1783" },         { "[::1]", "::1", "783" },
		{ "spam.example.org:1", "spam.example.org", "1" },
		{ "unix:/run/spamd.sock", "/run/spamd.sock", NULL },
	};
	static const char *const bad[] = {
		"",
		":783",
		"a:",
		"a:0",
		"a:65536",
		"a:x",
		"[::1",
		"[]:1",
		"[::1]x",
		"unix:rel",
		"::1",
		("unix:/"
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
	};
	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GError) error = NULL;
		Address *address = address_parse(good[i][0], &error);
		g_assert_no_error(error);
		g_assert_cmpstr(address->host, ==, good[i][1]);
		g_assert_cmpstr(address->port, ==, good[i][2]);
		address_free(address);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(address_parse(bad[i], &error));
		g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
	}
}

/* ---- a whole scan -------------------------------------------------------------------------- */

typedef struct {
	const char *answer; /* NULL: say nothing until the client goes */
	gboolean closes_early;
	int fd; /* listening */
	guint16 port;
	GString *request;
	GThread *thread;
} Server;

static gpointer
server_run(gpointer data)
{
	Server *server = data;
	int fd = accept(server->fd, NULL, NULL);
	char chunk[4096];
	gssize n;
	if (fd < 0)
		return NULL;
	while (!server->closes_early && (n = read(fd, chunk, sizeof chunk)) > 0)
		g_string_append_len(server->request, chunk, n);
	if (server->answer != NULL)
		(void)send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
	else
		g_usleep(700 * 1000);
	(void)close(fd);
	return NULL;
}

static void
server_start(Server *server)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sin;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(server->fd, (struct sockaddr *)&sin, sizeof sin), ==, 0);
	g_assert_cmpint(getsockname(server->fd, (struct sockaddr *)&sin, &len), ==, 0);
	g_assert_cmpint(listen(server->fd, 5), ==, 0);
	server->port = ntohs(sin.sin_port);
	server->request = g_string_new(NULL);
	server->thread = g_thread_new("server", server_run, server);
}

static void
server_stop(Server *server)
{
	(void)shutdown(server->fd, SHUT_RDWR);
	g_thread_join(g_steal_pointer(&server->thread));
	(void)close(server->fd);
}

static void
server_clear(Server *server)
{
	if (server->thread != NULL)
		server_stop(server);
	g_string_free(server->request, TRUE);
}

typedef struct {
	MockPlugin mock;
	AmScan scan;
	GError *error;
	gboolean ok;
	gint64 took_us;
} Run;

static void
run_scan(Run *run, const char *const *settings)
{
	static const char *const recipients[] = { "b@example.org", "c\r\nX: y@example.org", NULL };
	memset(run, 0, sizeof *run);
	run->scan.fd = memfd_create("mail", MFD_CLOEXEC);
	g_assert_cmpint(write(run->scan.fd, MAIL, strlen(MAIL)), ==, strlen(MAIL));
	run->scan.size = strlen(MAIL);
	run->scan.sender = "a@example.org";
	run->scan.recipients = recipients;
	run->scan.deadline_us = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	run->scan.tests = g_string_new(NULL);
	run->scan.findings = g_string_new(NULL);
	mock_plugin_open(&run->mock, "scanners", "spamd");
	if (!mock_plugin_load(&run->mock, settings, &run->error))
		return;
	gint64 start_us = g_get_monotonic_time();
	run->ok = run->mock.plugin->scanner->scan(run->mock.self, &run->scan, &run->error);
	run->took_us = g_get_monotonic_time() - start_us;
}

static void
run_clear(Run *run)
{
	(void)close(run->scan.fd);
	g_string_free(run->scan.tests, TRUE);
	g_string_free(run->scan.findings, TRUE);
	g_clear_error(&run->error);
	mock_plugin_close(&run->mock);
}

static void
test_scan(void)
{
	static const struct {
		const char *tests, *command, *answer, *result;
		double score;
	} cases[] = {
		{ "tests=points", "REPORT", REPORT_TEXT,
		  "MISSING_DATE=2.7 NO_RECEIVED=-0.5 HEADER_FROM_DIFFERENT_DOMAINS=1 GTUBE=1000 "
		  "lower_Case9=0.1 ", 1004.3 },
		{ "tests=names", "SYMBOLS", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7 / 5\r\n\r\nA,B",
		  "A=0 B=0 ", 7 },
		{ "tests=none", "CHECK", "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7.5 / 5\r\n\r\n", "", 7.5 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Server server = { .answer = cases[i].answer };
		Run run;
		server_start(&server);
		g_autofree char *address = g_strdup_printf("address=127.0.0.1:%u", server.port);
		const char *settings[] = { address, cases[i].tests, "user=joe", NULL };
		run_scan(&run, settings);
		g_assert_no_error(run.error);
		g_assert_true(run.ok);
		g_assert_cmpstr(run.scan.tests->str, ==, cases[i].result);
		g_assert_cmpfloat(run.scan.score, ==, cases[i].score);
		/* what could end a field is not passed on; the length is exact */
#define FIELDS \
	"Return-Path: <a@example.org>\r\nX-Envelope-To: <b@example.org>,\r\n\t<cX: y@example.org>\r\n"
		g_autofree char *expected =
			g_strdup_printf("%s SPAMC/1.5\r\nUser: joe\r\nContent-length: %zu\r\n\r\n%s",
					cases[i].command, strlen(FIELDS MAIL), FIELDS MAIL);
		server_stop(&server);
		g_assert_cmpstr(server.request->str, ==, expected);
		server_clear(&server);
		run_clear(&run);
	}
}

static void
test_failover(void)
{
	/* one refuses, one breaks off, one says nonsense, the last one answers */
	Server closing = { .answer = "", .closes_early = TRUE };
	Server garbage = { .answer = "HTTP/1.0 400 no\r\n\r\n" };
	Server good = { .answer = "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7 / 5\r\n\r\n" };
	Run run;
	server_start(&closing);
	server_start(&garbage);
	server_start(&good);
	g_autofree char *address =
		g_strdup_printf("address=unix:/nonexistent/spamd 127.0.0.1:%u 127.0.0.1:%u 127.0.0.1:%u",
				closing.port, garbage.port, good.port);
	const char *settings[] = { address, NULL };
	run_scan(&run, settings);
	g_assert_no_error(run.error);
	g_assert_cmpfloat(run.scan.score, ==, 7);
	g_assert_nonnull(strstr(mock_last_log(), "trying the next"));
	server_clear(&closing);
	server_clear(&garbage);
	server_clear(&good);
	run_clear(&run);
}

static void
test_silent(void)
{
	Server server = { .answer = NULL };
	Run run;
	server_start(&server);
	g_autofree char *address = g_strdup_printf("address=127.0.0.1:%u", server.port);
	const char *settings[] = { address, "timeout=150ms", NULL };
	run_scan(&run, settings);
	g_assert_false(run.ok);
	g_assert_false(run.scan.is_scored);
	g_assert_nonnull(strstr(run.error->message, "timed out"));
	g_assert_nonnull(strstr(run.error->message, "127.0.0.1:"));
	g_assert_cmpint(run.took_us, <, 5000000);
	server_clear(&server);
	run_clear(&run);
}

static void
test_too_long_answer(void)
{
	g_autofree char *answer = g_strnfill(REPLY_MAX_BYTES + 10, 'x');
	Server server = { .answer = answer };
	Run run;
	server_start(&server);
	g_autofree char *address = g_strdup_printf("address=127.0.0.1:%u", server.port);
	const char *settings[] = { address, NULL };
	run_scan(&run, settings);
	g_assert_false(run.ok);
	g_assert_nonnull(strstr(run.error->message, "reading the answer"));
	server_clear(&server);
	run_clear(&run);
}

static void
test_size_limit(void)
{
	const char *settings[] = { "address=unix:/nonexistent", "max_size=10", NULL };
	const char *no_limit[] = { "address=unix:/nonexistent", "max_size=0", NULL };
	Run run;
	run_scan(&run, settings);
	g_assert_true(run.ok);
	g_assert_false(run.scan.is_scored);
	g_assert_cmpstr(run.scan.tests->str, ==, "AM.NOT_SCORED_SIZE=0 ");
	run_clear(&run);
	run_scan(&run, no_limit);
	g_assert_false(run.ok);
	run_clear(&run);
}

static void
test_bad_settings(void)
{
	static const char *const bad[] = { "address=", "address=unix:x", "user=a b", "user=a\r\nX: y" };
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		const char *settings[] = { bad[i], NULL };
		Run run;
		run_scan(&run, settings);
		g_assert_error(run.error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
		run_clear(&run);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spamd/answers", test_answers);
	g_test_add_func("/spamd/many-tests", test_many_tests);
	g_test_add_func("/spamd/addresses", test_addresses);
	g_test_add_func("/spamd/scan", test_scan);
	g_test_add_func("/spamd/failover", test_failover);
	g_test_add_func("/spamd/silent", test_silent);
	g_test_add_func("/spamd/too-long-answer", test_too_long_answer);
	g_test_add_func("/spamd/size-limit", test_size_limit);
	g_test_add_func("/spamd/bad-settings", test_bad_settings);
	return g_test_run();
}
