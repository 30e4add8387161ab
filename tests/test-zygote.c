/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The content process as a whole: a zygote in a child, its workers, and this test as the session. */

#include <config.h>

#include "content/zygote.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/remove.h"
#include "log/log.h"
#include "mail/exchange.h"
#include "mail/fd.h"
#include "mail/spool.h"

#define HEAD "Date: x\r\nFrom: a@b\r\n\r\n"
#define PATIENCE_US (20 * G_USEC_PER_SEC)

typedef struct {
	char *directory, *log, *socket;
	pid_t pid;
	int tell_fd;
} Fixture;

static AmConfig *
make_config(const Fixture *fixture, const char *more)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autofree char *plugins =
		g_test_build_filename(G_TEST_BUILT, "plugins", "box", ".libs", NULL);
	g_autofree char *text = g_strdup_printf(
		"[amavisd]\nrun_directory = %s\nspool_directory = %s\n[plugins]\ndirectory = %s\n"
		"[scanner box]\n[content]\n%s",
		fixture->directory, fixture->directory, plugins, more);
	AmConfig *config = am_config_load_data("test", text, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	return config;
}

static void
run_zygote(const Fixture *fixture, const char *settings, int tell_fd)
{
	AmStatistics statistics = { 0 };
	AmGeneration generation = {
		.number = 1,
		.config = make_config(fixture, settings),
		.content_socket = fixture->socket,
		.statistics = &statistics,
		.tell_fd = tell_fd,
	};
	g_autofree char *target = g_strconcat("file:", fixture->log, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 ||
	    !am_log_open(target, AM_LOG_TEXT, AM_LOG_DEBUG, NULL))
		_exit(99);
	_exit(am_zygote_run(&generation));
}

/* The next line told, NULL at the end. */
static char *
next_told(const Fixture *fixture)
{
	GString *line = g_string_new(NULL);
	char byte;
	struct pollfd wait = { .fd = fixture->tell_fd, .events = POLLIN };
	while (poll(&wait, 1, (int)(PATIENCE_US / 1000)) == 1 &&
	       read(fixture->tell_fd, &byte, 1) == 1) {
		if (byte == '\n')
			return g_string_free(line, FALSE);
		g_string_append_c(line, byte);
	}
	g_string_free(line, TRUE);
	return NULL;
}

static void
start(Fixture *fixture, const char *settings)
{
	int ends[2];
	fixture->directory = g_dir_make_tmp("zygote-XXXXXX", NULL);
	fixture->log = g_build_filename(fixture->directory, "log", NULL);
	fixture->socket = g_build_filename(fixture->directory, "content.sock", NULL);
	g_assert_cmpint(pipe(ends), ==, 0);
	fixture->tell_fd = ends[0];
	fixture->pid = fork();
	g_assert_cmpint(fixture->pid, >=, 0);
	if (fixture->pid == 0) {
		(void)close(ends[0]);
		run_zygote(fixture, settings, ends[1]);
	}
	(void)close(ends[1]);
}

static void
start_ready(Fixture *fixture, const char *settings)
{
	start(fixture, settings);
	g_autofree char *told = next_told(fixture);
	g_assert_cmpstr(told, ==, "READY");
}

/* Waits for the end; returns what the log holds. */
static char *
finish(Fixture *fixture, int expected)
{
	int status;
	char *log = NULL;
	g_autoptr(GError) error = NULL;
	g_assert_cmpint(waitpid(fixture->pid, &status, 0), ==, fixture->pid);
	if (!g_file_get_contents(fixture->log, &log, NULL, NULL))
		log = g_strdup("");
	g_test_message("%s", log);
	g_assert_cmpint(status, ==, expected << 8);
	g_assert_false(g_file_test(fixture->socket, G_FILE_TEST_EXISTS));
	/* nothing of the workers is left */
	g_autofree char *work = g_build_filename(fixture->directory, "work", NULL);
	if (g_file_test(work, G_FILE_TEST_EXISTS))
		g_assert_cmpint(g_rmdir(work), ==, 0);
	(void)g_unlink(fixture->log);
	g_assert_cmpint(g_rmdir(fixture->directory), ==, 0);
	(void)close(fixture->tell_fd);
	g_free(fixture->directory);
	g_free(fixture->log);
	g_free(fixture->socket);
	return log;
}

static char *
stop(Fixture *fixture)
{
	g_assert_cmpint(kill(fixture->pid, SIGTERM), ==, 0);
	return finish(fixture, 0);
}

static int
connect_worker(const Fixture *fixture)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_assert_cmpuint(strlen(fixture->socket), <, sizeof address.sun_path);
	strcpy(address.sun_path, fixture->socket);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
	return fd;
}

static void
send_mail(int socket, const char *body)
{
	g_autofree char *text = g_strconcat(HEAD, body, NULL);
	g_auto(AmFd) fd = memfd_create("mail", MFD_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_assert_true(am_write_all(fd, text, strlen(text), &error));
	char *recipients[] = { (char *)"b@example.org", NULL };
	AmInspectRequest request = {
		.mail_id = "test",
		.mail_size = strlen(text),
		.deadline_us = g_get_monotonic_time() + PATIENCE_US,
		.sender = (char *)"a@example.org",
		.recipients = recipients,
		.client_address = (char *)"192.0.2.1",
		.helo = (char *)"x",
	};
	g_assert_true(am_exchange_send_request(socket, &request, fd, &error));
}

/* The report, or NULL when the worker went away; *pid is the worker's. */
static AmReport *
receive(int socket, pid_t *pid, guint64 mail_size)
{
	g_autoptr(GError) error = NULL;
	gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
	g_assert_true(am_exchange_receive_hello(socket, deadline, pid, &error));
	g_autoptr(GBytes) bytes = am_exchange_receive_report(socket, deadline, &error);
	if (bytes == NULL) {
		g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
		return NULL;
	}
	AmReport *report = am_report_parse(bytes, mail_size, &error);
	g_assert_no_error(error);
	return report;
}

static AmReport *
ask(const Fixture *fixture, const char *body, pid_t *pid)
{
	pid_t unused;
	g_auto(AmFd) socket = connect_worker(fixture);
	send_mail(socket, body);
	return receive(socket, pid != NULL ? pid : &unused, strlen(HEAD) + strlen(body));
}

static void
test_serves(void)
{
	Fixture fixture;
	pid_t first = 0, last = 0;
	start_ready(&fixture, "workers = 1\nmails_per_worker = 3\n");
	for (guint i = 0; i < 5; i++) {
		pid_t pid;
		g_autoptr(AmReport) report = ask(&fixture, i == 2 ? "EVIL" : "Hello", &pid);
		g_assert_nonnull(report);
		g_assert_cmpuint(report->parts->len, ==, 2);
		g_assert_cmpint(am_report_has_finding(report, "virus"), ==, i == 2);
		g_assert_cmpuint(report->scanners->len, ==, 1);
		if (i == 0)
			first = pid;
		last = pid;
	}
	g_assert_cmpint(first, !=, last); /* three mails are a worker's life */
	g_autofree char *log = stop(&fixture);
	g_assert_null(strstr(log, "ended"));
}

/* A worker that dies takes its mail's report with it and nothing else. */
static void
test_deaths(void)
{
	Fixture fixture;
	static const struct {
		const char *body, *log;
	} deaths[] = {
		{ "CRASH-ME", "SIGABRT" },
		{ "CONNECT-ME", "SIGSYS (stopped by the sandbox: socket), in plugin box, with mail test" },
	};
	start_ready(&fixture, "workers = 1\n");
	for (gsize i = 0; i < G_N_ELEMENTS(deaths); i++) {
		g_autoptr(AmReport) dead = ask(&fixture, deaths[i].body, NULL);
		g_assert_null(dead);
		g_autoptr(AmReport) next = ask(&fixture, "Hello", NULL);
		g_assert_nonnull(next);
	}
	g_autofree char *log = stop(&fixture);
	for (gsize i = 0; i < G_N_ELEMENTS(deaths); i++)
		g_assert_nonnull(strstr(log, deaths[i].log));
}

/* The session ends a worker that takes too long, by the pid that the kernel vouches for. */
static void
test_killed(void)
{
	Fixture fixture;
	g_autoptr(GError) error = NULL;
	pid_t pid = 0;
	start_ready(&fixture, "workers = 1\n");
	g_auto(AmFd) socket = connect_worker(&fixture);
	send_mail(socket, "SPIN-ME");
	gint64 deadline = g_get_monotonic_time() + PATIENCE_US;
	g_assert_true(am_exchange_receive_hello(socket, deadline, &pid, &error));
	g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
	g_assert_null(am_exchange_receive_report(socket, deadline, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	g_autoptr(AmReport) next = ask(&fixture, "Hello", NULL);
	g_assert_nonnull(next);
	g_autofree char *log = stop(&fixture);
	g_assert_nonnull(strstr(log, "SIGKILL"));
}

/* Without a session the processor's time ends it. */
static void
test_cpu_limit(void)
{
	Fixture fixture;
	start_ready(&fixture, "workers = 1\ntime_limit = 1s\n");
	g_autoptr(AmReport) dead = ask(&fixture, "SPIN-ME", NULL);
	g_assert_null(dead);
	g_autofree char *log = stop(&fixture);
	g_assert_nonnull(strstr(log, "SIGXCPU"));
}

static void
test_logs(void)
{
	Fixture fixture;
	start_ready(&fixture, "workers = 1\n");
	g_autoptr(AmReport) report = ask(&fixture, "LOG-ME", NULL);
	g_assert_nonnull(report);
	g_autofree char *log = stop(&fixture);
	g_assert_nonnull(strstr(log, "box: a line of the scanner"));
}

/* What was queued before SIGTERM is answered. */
static void
test_drains(void)
{
	Fixture fixture;
	int sockets[6];
	start_ready(&fixture, "workers = 2\n");
	for (gsize i = 0; i < G_N_ELEMENTS(sockets); i++) {
		sockets[i] = connect_worker(&fixture);
		send_mail(sockets[i], "Hello");
	}
	g_assert_cmpint(kill(fixture.pid, SIGTERM), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(sockets); i++) {
		pid_t pid;
		g_autoptr(AmReport) report = receive(sockets[i], &pid, strlen(HEAD) + 5);
		g_assert_nonnull(report);
		(void)close(sockets[i]);
	}
	g_autofree char *log = finish(&fixture, 0);
	g_assert_null(strstr(log, "ended"));
}

/* A session that connects and goes, or talks nonsense, costs nobody anything. */
static void
test_bad_session(void)
{
	Fixture fixture;
	start_ready(&fixture, "workers = 1\n");
	for (guint i = 0; i < 3; i++) {
		g_auto(AmFd) socket = connect_worker(&fixture);
		if (i > 0)
			g_assert_cmpint(send(socket, "nonsense nonsense", 17, 0), ==, 17);
	}
	g_autoptr(AmReport) report = ask(&fixture, "Hello", NULL);
	g_assert_nonnull(report);
	g_autofree char *log = stop(&fixture);
	g_assert_null(strstr(log, "ended"));
}

/* The configuration names a plugin that is not there: told, and the end. */
static void
test_cannot_load(void)
{
	Fixture fixture;
	start(&fixture, "[scanner nonesuch]\n");
	g_autofree char *told = next_told(&fixture);
	g_assert_nonnull(told);
	g_assert_true(g_str_has_prefix(told, "ERROR "));
	g_assert_nonnull(strstr(told, "nonesuch"));
	g_autofree char *log = finish(&fixture, 1);
}

/* Directories that a killed zygote's workers left are removed; a hostile one cannot lead astray. */
static void
test_leftovers(void)
{
	g_autofree char *base = g_dir_make_tmp("remove-XXXXXX", NULL);
	g_autofree char *keep = g_build_filename(base, "keep", NULL);
	g_autofree char *tree = g_build_filename(base, "tree", NULL);
	g_autofree char *deep = g_build_filename(tree, "a", "b", NULL);
	g_autofree char *link = g_build_filename(deep, "link", NULL);
	g_autoptr(GError) error = NULL;
	g_assert_true(g_file_set_contents(keep, "x", 1, NULL));
	g_assert_cmpint(g_mkdir_with_parents(deep, 0700), ==, 0);
	g_assert_cmpint(symlink(base, link), ==, 0);
	g_assert_true(am_remove_tree(tree, &error));
	g_assert_false(g_file_test(tree, G_FILE_TEST_EXISTS));
	g_assert_true(g_file_test(keep, G_FILE_TEST_EXISTS));
	g_assert_true(am_remove_tree(tree, &error)); /* not there is as good */
	g_assert_false(am_remove_tree(keep, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_cmpint(g_unlink(keep), ==, 0);
	g_assert_cmpint(g_rmdir(base), ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/zygote/serves", test_serves);
	g_test_add_func("/zygote/deaths", test_deaths);
	g_test_add_func("/zygote/killed", test_killed);
	g_test_add_func("/zygote/cpu-limit", test_cpu_limit);
	g_test_add_func("/zygote/logs", test_logs);
	g_test_add_func("/zygote/drains", test_drains);
	g_test_add_func("/zygote/bad-session", test_bad_session);
	g_test_add_func("/zygote/cannot-load", test_cannot_load);
	g_test_add_func("/zygote/leftovers", test_leftovers);
	return g_test_run();
}
