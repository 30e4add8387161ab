/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Stage scan: real spamd plugin instances against servers that play spamd, side by side. */

#include <config.h>

#include "pipeline/scan.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"
#include "pipeline-rig.h"
#include "pipeline/host.h"

#define MS 1000
#define CONTENT "From: a@example.org\r\n\r\nhello\r\n"

/* Answers each connection after a while; port 0: nobody is there. */
typedef struct {
	const char *answer;
	guint delay_ms;
	int fd;
	guint16 port;
	guint n_asked;
	GThread *thread;
} Server;

typedef struct {
	Rig rig;
	Server servers[3];
	AmHost host;
	AmRegistry *registry;
	AmPolicy *policy;
	AmPolicyThread *thread;
	AmScanCrew *crew;
	AmMail *mail;
} Fixture;

static gpointer
server_main(gpointer data)
{
	Server *server = data;
	int fd;
	while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
		char chunk[4096];
		while (read(fd, chunk, sizeof chunk) > 0)
			;
		server->n_asked++;
		g_usleep(server->delay_ms * MS);
		(void)send(fd, server->answer, strlen(server->answer), MSG_NOSIGNAL);
		(void)close(fd);
	}
	return NULL;
}

static void
server_start(Server *server, const char *answer, guint delay_ms)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof sin;
	server->answer = answer;
	server->delay_ms = delay_ms;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(server->fd, (struct sockaddr *)&sin, sizeof sin), ==, 0);
	g_assert_cmpint(getsockname(server->fd, (struct sockaddr *)&sin, &len), ==, 0);
	g_assert_cmpint(listen(server->fd, 5), ==, 0);
	server->port = ntohs(sin.sin_port);
	server->thread = g_thread_new("server", server_main, server);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
	static const char *const plugins[] = { "scanners/spamd", NULL };
	static const char *const recipients[] = { "b@example.com", "c@example.com", NULL };
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GError) error = NULL;
	server_start(&fixture->servers[0], "SPAMD/1.1 0 EX_OK\r\nSpam: True ; 2.5 / 5\r\n\r\nA,B", 500);
	server_start(&fixture->servers[1], "SPAMD/1.1 0 EX_OK\r\nSpam: True ; -1 / 5\r\n\r\nC", 500);
	server_start(&fixture->servers[2], "SPAMD/1.1 75 EX_TEMPFAIL\r\n\r\n", 500);
	g_autofree char *text = g_strdup_printf(
		"[scanner one]\nplugin = spamd\ntests = names\naddress = 127.0.0.1:%u\n"
		"[scanner two]\nplugin = spamd\ntests = names\naddress = 127.0.0.1:%u\n"
		"[scanner three]\nplugin = spamd\naddress = 127.0.0.1:%u\n%s",
		fixture->servers[0].port, fixture->servers[1].port, fixture->servers[2].port,
		(const char *)data);
	rig_open(&fixture->rig, plugins, text);
	am_pipeline_host_init(&fixture->host);
	fixture->registry = am_registry_new(fixture->rig.config, problems);
	(void)am_registry_load(fixture->registry, AM_CAP_SESSION, &fixture->host, problems);
	fixture->policy = am_policy_new(fixture->rig.config, problems);
	rig_assert_no_problems(problems);
	fixture->thread = am_policy_thread_new(fixture->policy, &error);
	g_assert_no_error(error);
	fixture->crew = am_scan_crew_new(fixture->registry);
	fixture->mail = rig_mail("a@example.org", recipients, CONTENT);
	fixture->mail->report = am_report_new();
}

static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	am_scan_crew_free(fixture->crew);
	am_policy_thread_free(fixture->thread);
	am_policy_unref(fixture->policy);
	am_registry_free(fixture->registry);
	am_mail_free(fixture->mail);
	for (gsize i = 0; i < G_N_ELEMENTS(fixture->servers); i++) {
		(void)shutdown(fixture->servers[i].fd, SHUT_RDWR);
		(void)g_thread_join(fixture->servers[i].thread);
		(void)close(fixture->servers[i].fd);
	}
	rig_close(&fixture->rig);
}

static gint64
scan(Fixture *fixture)
{
	gint64 start_us = g_get_monotonic_time();
	am_scan(fixture->crew, fixture->thread, fixture->mail, start_us + 5 * G_USEC_PER_SEC);
	return g_get_monotonic_time() - start_us;
}

static guint
n_asked(const Fixture *fixture)
{
	return fixture->servers[0].n_asked + fixture->servers[1].n_asked +
	       fixture->servers[2].n_asked;
}

static void
test_side_by_side(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	AmReport *report = fixture->mail->report;
	g_assert_cmpint(scan(fixture), <, 1200 * MS); /* one after the other it were 1500 */
	g_assert_true(report->is_scored);
	g_assert_cmpfloat(report->score, ==, 1.5);
	g_assert_cmpuint(report->tests->len, ==, 3);
	g_assert_cmpuint(report->scanners->len, ==, 3);
	g_assert_cmpuint(report->failures->len, ==, 1);
	const AmScanFailure *failure = report->failures->pdata[0];
	g_assert_cmpstr(failure->scanner, ==, "three");
	g_assert_nonnull(strstr(failure->text, "EX_TEMPFAIL"));
	/* the crew works again */
	(void)scan(fixture);
	g_assert_cmpfloat(report->score, ==, 3);
	g_assert_cmpuint(n_asked(fixture), ==, 6);
}

/* A scanner that only scores need not answer, unless the configuration says so. */
static void
test_optional(Fixture *fixture, gconstpointer data)
{
	gboolean is_required = strstr(data, "required") != NULL;
	AmReport *report = fixture->mail->report;
	am_report_add_failure(report, "three", "x");
	am_report_add_failure(report, "stranger", "y"); /* of a worker that knows more than we */
	GPtrArray *taken = am_scan_take_optional_failures(fixture->registry, fixture->mail);
	g_assert_cmpuint(taken->len, ==, is_required ? 0 : 1);
	g_assert_cmpuint(report->failures->len, ==, is_required ? 2 : 1);
	am_scan_put_back(fixture->mail, taken);
	g_assert_cmpuint(report->failures->len, ==, 2);
}

static void
test_not_asked(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	(void)scan(fixture);
	g_assert_cmpuint(n_asked(fixture), ==, 0);
	g_assert_false(fixture->mail->report->is_scored);
}

/* A virus that blocks the mail for all: its score is of no interest. */
static void
test_settled(Fixture *fixture, gconstpointer data)
{
	am_report_add_finding(fixture->mail->report, "virus", "Eicar", "clamav", -1, NULL);
	(void)scan(fixture);
	g_assert_cmpuint(n_asked(fixture), ==, strstr(data, "pass") != NULL ? 3 : 0);
}

#define ADD(path, data, func) g_test_add(path, Fixture, data, set_up, func, tear_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_true(am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_INFO, NULL));
	ADD("/scan/side-by-side", "", test_side_by_side);
	ADD("/scan/optional", "", test_optional);
	ADD("/scan/required", "required = yes\n", test_optional);
	ADD("/scan/bypassed", "[policy]\nbypass_spam_checks = yes\n", test_not_asked);
	ADD("/scan/settled", "", test_settled);
	ADD("/scan/not-settled", "[policy]\nvirus_destiny = pass\n", test_settled);
	return g_test_run();
}
