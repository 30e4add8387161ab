/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The session side of inspection, against forked workers that behave and misbehave. */

#include <config.h>

#include "pipeline/inspect.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "log/log.h"
#include "mail/exchange.h"

#define MAIL "Subject: x\r\n\r\nhello\r\n"
#define MS 1000

/* What the workers do with one mail after the other, a letter each. */
typedef enum {
	WORKER_GOOD = 'g',
	WORKER_DIES = 'd',        /* after the hello */
	WORKER_REFUSES = 'r',     /* dies before the hello */
	WORKER_OVERRUNS = 'o',    /* never reports */
	WORKER_GARBAGE = 'x',     /* a report that is none */
	WORKER_RAW = 'y',         /* bytes that are not the protocol */
	WORKER_OVERSIZED = 'z',   /* announces more than may be */
	WORKER_LIES = 'l',        /* a report with offsets beyond the mail */
	WORKER_SLOW = 's',        /* accepts late */
} WorkerDeed;

typedef struct {
	char *directory, *path;
	int listener;
	pid_t pids[8];
	guint n;
	AmMail *mail;
	AmStatistics statistics;
	AmInspectContext context;
} Fixture;

static AmMail *
make_mail(void)
{
	g_autoptr(GError) error = NULL;
	AmEnvelope *envelope = am_envelope_new();
	AmSpool *spool = am_spool_new(g_get_tmp_dir(), 1 << 20);
	envelope->sender = g_strdup("a@example.org");
	(void)am_envelope_add_recipient(envelope, "b@example.org");
	g_assert_true(am_spool_append(spool, MAIL, strlen(MAIL), &error));
	g_assert_true(am_spool_finish(spool, &error));
	return am_mail_new(envelope, spool);
}

static void
worker_report(int fd, gboolean lies)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmReport) report = am_report_new();
	report->header_size = lies ? 1 << 30 : 14;
	am_report_set_text(&report->subject, "x");
	(void)am_report_add_part(report, -1);
	if (lies)
		am_report_add_field(report, "Subject", 7, 1 << 20, 8, 12);
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	(void)am_exchange_send_report(fd, bytes, &error);
}

static void
worker_answer(int fd, WorkerDeed deed)
{
	static const guint8 raw[] = "HTTP/1.0 200 OK\r\n\r\n";
	/* a head that announces 2 GiB: magic, version and type as the exchange has them, length */
	static const guint32 huge[] = { GUINT32_TO_LE(0x31584d41), GUINT32_TO_LE(1 | 3 << 16),
					GUINT32_TO_LE(0x80000000) };
	g_autoptr(GBytes) garbage = g_bytes_new_static("garbage", 7);
	switch (deed) {
	case WORKER_DIES:
		_exit(1);
	case WORKER_OVERRUNS:
		g_usleep(20 * G_USEC_PER_SEC);
		_exit(1);
	case WORKER_GARBAGE:
		(void)am_exchange_send_report(fd, garbage, NULL);
		break;
	case WORKER_RAW:
		(void)send(fd, raw, sizeof raw, MSG_NOSIGNAL);
		break;
	case WORKER_OVERSIZED:
		(void)send(fd, huge, sizeof huge, MSG_NOSIGNAL);
		break;
	default:
		worker_report(fd, deed == WORKER_LIES);
	}
	if (deed == WORKER_GARBAGE || deed == WORKER_RAW || deed == WORKER_OVERSIZED)
		g_usleep(20 * G_USEC_PER_SEC); /* is to be killed */
}

static void
worker_main(int listener, WorkerDeed deed)
{
	AmInspectRequest request = { 0 };
	int mail_fd = -1;
	if (deed == WORKER_SLOW)
		g_usleep(150 * MS);
	int fd = accept(listener, NULL, NULL);
	if (deed == WORKER_REFUSES)
		_exit(1);
	if (!am_exchange_receive_request(fd, &request, &mail_fd, NULL) ||
	    !am_exchange_send_hello(fd, NULL))
		_exit(2);
	if (strcmp(request.sender, "a@example.org") != 0 || request.mail_size != strlen(MAIL))
		_exit(3);
	worker_answer(fd, deed);
	_exit(0);
}

/* A process that takes one mail. */
static void
start_worker(Fixture *fixture, WorkerDeed deed)
{
	pid_t pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0)
		worker_main(fixture->listener, deed);
	fixture->pids[fixture->n++] = pid;
}

static void
listen_now(Fixture *fixture, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)g_strlcpy(address.sun_path, fixture->path, sizeof address.sun_path);
	fixture->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(fixture->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
	g_assert_cmpint(listen(fixture->listener, backlog), ==, 0);
}

static void
set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	fixture->directory = g_dir_make_tmp("amavisd-inspect-XXXXXX", NULL);
	fixture->path = g_build_filename(fixture->directory, "content", NULL);
	fixture->mail = make_mail();
	fixture->listener = -1;
	fixture->context = (AmInspectContext){ .socket_path = fixture->path,
					       .queue_us = 1200 * MS,
					       .time_us = 600 * MS,
					       .statistics = &fixture->statistics };
}

static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	for (guint i = 0; i < fixture->n; i++) {
		if (fixture->pids[i] == 0)
			continue;
		(void)kill(fixture->pids[i], SIGKILL);
		(void)waitpid(fixture->pids[i], NULL, 0);
	}
	if (fixture->listener >= 0)
		(void)close(fixture->listener);
	(void)g_unlink(fixture->path);
	(void)g_rmdir(fixture->directory);
	g_free(fixture->path);
	g_free(fixture->directory);
	am_mail_free(fixture->mail);
}

/* How a worker ended; killed ones are dead when am_inspect() is back, or soon. */
static int
wait_for(Fixture *fixture, guint index)
{
	int status = 0;
	for (guint i = 0; i < 100; i++) {
		pid_t pid = waitpid(fixture->pids[index], &status, WNOHANG);
		if (pid == fixture->pids[index]) {
			fixture->pids[index] = 0;
			return status;
		}
		g_usleep(10 * MS);
	}
	g_error("worker is still there");
}

static AmReport *
inspect(Fixture *fixture, GError **error)
{
	return am_inspect(&fixture->context, fixture->mail,
			  g_get_monotonic_time() + 15 * G_USEC_PER_SEC, error);
}

static void
test_good(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	listen_now(fixture, 5);
	start_worker(fixture, *(const char *)data);
	g_autoptr(AmReport) report = inspect(fixture, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(report->subject, ==, "x");
	g_assert_cmpint(fixture->statistics.inspect_retries, ==, 0);
	g_assert_cmpint(wait_for(fixture, 0), ==, 0);
}

static gpointer
start_later(gpointer data)
{
	Fixture *fixture = data;
	g_usleep(100 * MS);
	start_worker(fixture, WORKER_GOOD);
	return NULL;
}

/* A bad worker, then a good one; the bad one is gone. */
static void
test_retry(Fixture *fixture, gconstpointer data)
{
	WorkerDeed deed = *(const char *)data;
	g_autoptr(GError) error = NULL;
	listen_now(fixture, 5);
	start_worker(fixture, deed);
	g_autoptr(GThread) thread = g_thread_ref(g_thread_new("later", start_later, fixture));
	g_autoptr(AmReport) report = inspect(fixture, &error);
	(void)g_thread_join(thread);
	g_assert_no_error(error);
	g_assert_cmpstr(report->subject, ==, "x");
	g_assert_cmpint(fixture->statistics.inspect_retries, ==, 1);
	g_assert_cmpint(fixture->statistics.inspect_failures, ==, 0);
	int status = wait_for(fixture, 0);
	if (deed == WORKER_DIES || deed == WORKER_REFUSES)
		g_assert_true(WIFEXITED(status));
	else if (deed != WORKER_LIES) /* had reported and may have ended by itself */
		g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Two bad ones: the mail is not inspected. */
static void
test_failure(Fixture *fixture, gconstpointer data)
{
	WorkerDeed deed = *(const char *)data;
	g_autoptr(GError) error = NULL;
	listen_now(fixture, 5);
	start_worker(fixture, deed);
	start_worker(fixture, deed);
	gint64 start_us = g_get_monotonic_time();
	g_assert_null(inspect(fixture, &error));
	g_assert_nonnull(error);
	g_assert_nonnull(strstr(error->message, "content worker"));
	g_assert_cmpint(fixture->statistics.inspect_retries, ==, 1);
	g_assert_cmpint(fixture->statistics.inspect_failures, ==, 1);
	g_assert_cmpint(g_get_monotonic_time() - start_us, <, 10 * G_USEC_PER_SEC);
}

/* Nobody accepts: the queue's time ends it, without a second try. */
static void
test_no_worker(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	listen_now(fixture, 5);
	gint64 start_us = g_get_monotonic_time();
	g_assert_null(inspect(fixture, &error));
	gint64 took_us = g_get_monotonic_time() - start_us;
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_cmpint(took_us, >=, 1190 * MS);
	g_assert_cmpint(took_us, <, 5000 * MS);
	g_assert_cmpint(fixture->statistics.inspect_retries, ==, 0);
	g_assert_cmpint(fixture->statistics.inspect_failures, ==, 1);
}

/* A full backlog makes connect() itself wait. */
static void
test_full_backlog(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int others[4];
	g_autoptr(GError) error = NULL;
	listen_now(fixture, 0);
	(void)g_strlcpy(address.sun_path, fixture->path, sizeof address.sun_path);
	for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
		others[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
		(void)connect(others[i], (struct sockaddr *)&address, sizeof address);
	}
	gint64 start_us = g_get_monotonic_time();
	g_assert_null(inspect(fixture, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_cmpint(g_get_monotonic_time() - start_us, <, 5000 * MS);
	for (guint i = 0; i < G_N_ELEMENTS(others); i++)
		(void)close(others[i]);
}

static gpointer
listen_later(gpointer data)
{
	Fixture *fixture = data;
	g_usleep(100 * MS);
	listen_now(fixture, 5);
	start_worker(fixture, WORKER_GOOD);
	return NULL;
}

/* The zygote is restarting: no socket, or a dead one, for a moment. */
static void
test_restart(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GThread) thread = g_thread_ref(g_thread_new("later", listen_later, fixture));
	g_autoptr(AmReport) report = inspect(fixture, &error);
	(void)g_thread_join(thread);
	g_assert_no_error(error);
	g_assert_nonnull(report);
}

static void
test_no_socket(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	fixture->context.queue_us = 100 * MS;
	g_assert_null(inspect(fixture, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	/* a socket that nobody listens on any more */
	listen_now(fixture, 5);
	(void)close(fixture->listener);
	fixture->listener = -1;
	g_clear_error(&error);
	g_assert_null(inspect(fixture, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
}

/* The mail's own deadline ends all waiting. */
static void
test_deadline(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	listen_now(fixture, 5);
	start_worker(fixture, WORKER_OVERRUNS);
	start_worker(fixture, WORKER_OVERRUNS);
	gint64 start_us = g_get_monotonic_time();
	g_assert_null(am_inspect(&fixture->context, fixture->mail, start_us + 200 * MS, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_cmpint(g_get_monotonic_time() - start_us, <, 590 * MS);
	g_assert_cmpint(fixture->statistics.inspect_retries, ==, 0);
}

#define ADD(path, data, func) g_test_add(path, Fixture, data, set_up, func, tear_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_true(am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_INFO, NULL));
	ADD("/inspect/good", "g", test_good);
	ADD("/inspect/slow", "s", test_good);
	ADD("/inspect/retry/dies", "d", test_retry);
	ADD("/inspect/retry/refuses", "r", test_retry);
	ADD("/inspect/retry/overruns", "o", test_retry);
	ADD("/inspect/retry/garbage", "x", test_retry);
	ADD("/inspect/retry/raw", "y", test_retry);
	ADD("/inspect/retry/oversized", "z", test_retry);
	ADD("/inspect/retry/lies", "l", test_retry);
	ADD("/inspect/failure/dies", "d", test_failure);
	ADD("/inspect/failure/overruns", "o", test_failure);
	ADD("/inspect/failure/garbage", "x", test_failure);
	ADD("/inspect/no-worker", NULL, test_no_worker);
	ADD("/inspect/full-backlog", NULL, test_full_backlog);
	ADD("/inspect/restart", NULL, test_restart);
	ADD("/inspect/no-socket", NULL, test_no_socket);
	ADD("/inspect/deadline", NULL, test_deadline);
	return g_test_run();
}
