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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/remove.h"
#include "log/log.h"
#include "mail/exchange.h"
#include "mail/fd.h"
#include "zygote-rig.h"

#define HEAD RIG_HEAD

static AmReport *
ask(const ZygoteRig *rig, const char *body, pid_t *pid)
{
	g_autofree char *mail = g_strconcat(HEAD, body, NULL);
	return zygote_rig_ask(rig, mail, pid);
}

static void
test_serves(void)
{
	ZygoteRig rig;
	pid_t first = 0, last = 0;
	zygote_rig_start_ready(&rig, "box", "workers = 1\nmails_per_worker = 3\n");
	for (guint i = 0; i < 5; i++) {
		pid_t pid;
		g_autoptr(AmReport) report = ask(&rig, i == 2 ? "EVIL" : "Hello", &pid);
		g_assert_nonnull(report);
		g_assert_cmpuint(report->parts->len, ==, 2);
		g_assert_cmpint(am_report_has_finding(report, "virus"), ==, i == 2);
		g_assert_cmpuint(report->scanners->len, ==, 1);
		if (i == 0)
			first = pid;
		last = pid;
	}
	g_assert_cmpint(first, !=, last); /* three mails are a worker's life */
	g_autofree char *log = zygote_rig_stop(&rig);
	g_assert_null(strstr(log, "ended"));
}

/* A worker that dies takes its mail's report with it and nothing else. */
static void
test_deaths(void)
{
	ZygoteRig rig;
	static const struct {
		const char *body, *log;
	} deaths[] = {
		{ "CRASH-ME", "SIGABRT" },
		{ "CONNECT-ME", "SIGSYS (stopped by the sandbox: socket), in plugin box, with mail test" },
	};
	zygote_rig_start_ready(&rig, "box", "workers = 1\n");
	for (gsize i = 0; i < G_N_ELEMENTS(deaths); i++) {
		g_autoptr(AmReport) dead = ask(&rig, deaths[i].body, NULL);
		g_assert_null(dead);
		g_autoptr(AmReport) next = ask(&rig, "Hello", NULL);
		g_assert_nonnull(next);
	}
	g_autofree char *log = zygote_rig_stop(&rig);
	for (gsize i = 0; i < G_N_ELEMENTS(deaths); i++)
		g_assert_nonnull(strstr(log, deaths[i].log));
}

/* The session ends a worker that takes too long, by the pid that the kernel vouches for. */
static void
test_killed(void)
{
	ZygoteRig rig;
	g_autoptr(GError) error = NULL;
	pid_t pid = 0;
	zygote_rig_start_ready(&rig, "box", "workers = 1\n");
	g_auto(AmFd) socket = zygote_rig_connect(&rig);
	zygote_rig_send(socket, HEAD "SPIN-ME");
	gint64 deadline = g_get_monotonic_time() + RIG_PATIENCE_US;
	g_assert_true(am_exchange_receive_hello(socket, deadline, &pid, &error));
	g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
	g_assert_null(am_exchange_receive_report(socket, deadline, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	g_autoptr(AmReport) next = ask(&rig, "Hello", NULL);
	g_assert_nonnull(next);
	g_autofree char *log = zygote_rig_stop(&rig);
	g_assert_nonnull(strstr(log, "SIGKILL"));
}

/* Of all children that were waited for, and theirs. */
static gint64
children_cpu_us(void)
{
	struct rusage used;
	g_assert_cmpint(getrusage(RUSAGE_CHILDREN, &used), ==, 0);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * G_USEC_PER_SEC +
	       used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

/* Without a session the processor's time ends it: after two seconds of it.  Where the machine has so much
 * else to do that they take more than six seconds, the zygote is first. */
static void
test_cpu_limit(void)
{
	ZygoteRig rig;
	gint64 before_us = children_cpu_us();
	zygote_rig_start_ready(&rig, "box", "workers = 1\ntime_limit = 1s\n");
	g_autoptr(AmReport) dead = ask(&rig, "SPIN-ME", NULL);
	g_assert_null(dead);
	g_autofree char *log = zygote_rig_stop(&rig);
	if (strstr(log, "is over its time") != NULL)
		g_assert_cmpint(children_cpu_us() - before_us, <, 4 * G_USEC_PER_SEC);
	else
		g_assert_nonnull(strstr(log, "SIGXCPU"));
}

static void
test_logs(void)
{
	ZygoteRig rig;
	zygote_rig_start_ready(&rig, "box", "workers = 1\n");
	g_autoptr(AmReport) report = ask(&rig, "LOG-ME", NULL);
	g_assert_nonnull(report);
	g_autofree char *log = zygote_rig_stop(&rig);
	g_assert_nonnull(strstr(log, "box: a line of the scanner"));
}

/* What was queued before SIGTERM is answered. */
static void
test_drains(void)
{
	ZygoteRig rig;
	int sockets[6];
	zygote_rig_start_ready(&rig, "box", "workers = 2\n");
	for (gsize i = 0; i < G_N_ELEMENTS(sockets); i++) {
		sockets[i] = zygote_rig_connect(&rig);
		zygote_rig_send(sockets[i], HEAD "Hello");
	}
	g_assert_cmpint(kill(rig.pid, SIGTERM), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(sockets); i++) {
		pid_t pid;
		g_autoptr(AmReport) report = zygote_rig_receive(sockets[i], &pid, strlen(HEAD) + 5);
		g_assert_nonnull(report);
		(void)close(sockets[i]);
	}
	g_autofree char *log = zygote_rig_finish(&rig, 0);
	g_assert_null(strstr(log, "ended"));
}

/* A session that connects and goes, or talks nonsense, costs nobody anything. */
static void
test_bad_session(void)
{
	ZygoteRig rig;
	zygote_rig_start_ready(&rig, "box", "workers = 1\n");
	for (guint i = 0; i < 3; i++) {
		g_auto(AmFd) socket = zygote_rig_connect(&rig);
		if (i > 0)
			g_assert_cmpint(send(socket, "nonsense nonsense", 17, 0), ==, 17);
	}
	g_autoptr(AmReport) report = ask(&rig, "Hello", NULL);
	g_assert_nonnull(report);
	g_autofree char *log = zygote_rig_stop(&rig);
	g_assert_null(strstr(log, "ended"));
}

/* The configuration names a plugin that is not there: told, and the end. */
static void
test_cannot_load(void)
{
	ZygoteRig rig;
	zygote_rig_start(&rig, "box", "[scanner nonesuch]\n");
	g_autofree char *told = zygote_rig_next_told(&rig);
	g_assert_nonnull(told);
	g_assert_true(g_str_has_prefix(told, "ERROR "));
	g_assert_nonnull(strstr(told, "nonesuch"));
	g_autofree char *log G_GNUC_UNUSED = zygote_rig_finish(&rig, 1);
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
