/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See zygote-rig.h. */

#include <config.h>

#include "zygote-rig.h"

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

#include "content/zygote.h"
#include "log/log.h"
#include "mail/exchange.h"
#include "mail/fd.h"
#include "mail/spool.h"

static AmConfig *
rig_config(const ZygoteRig *rig, const char *more)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autofree char *plugins =
		g_test_build_filename(G_TEST_BUILT, "plugins", rig->plugin, ".libs", NULL);
	g_autofree char *text = g_strdup_printf(
		"[amavisd]\nrun_directory = %s\nspool_directory = %s\n[plugins]\ndirectory = %s\n"
		"[scanner %s]\n[content]\n%s",
		rig->directory, rig->directory, plugins, rig->plugin, more);
	AmConfig *config = am_config_load_data("test", text, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	return config;
}

static void
rig_run(const ZygoteRig *rig, const char *settings, int tell_fd)
{
	AmStatistics statistics = { 0 };
	AmGeneration generation = {
		.number = 1,
		.config = rig_config(rig, settings),
		.content_socket = rig->socket,
		.statistics = &statistics,
		.tell_fd = tell_fd,
	};
	g_autofree char *target = g_strconcat("file:", rig->log, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 ||
	    !am_log_open(target, AM_LOG_TEXT, AM_LOG_DEBUG, NULL))
		_exit(99);
	_exit(am_zygote_run(&generation));
}

/* The next line told, NULL at the end. */
char *
zygote_rig_next_told(const ZygoteRig *rig)
{
	GString *line = g_string_new(NULL);
	char byte;
	struct pollfd wait = { .fd = rig->tell_fd, .events = POLLIN };
	while (poll(&wait, 1, (int)(RIG_PATIENCE_US / 1000)) == 1 &&
	       read(rig->tell_fd, &byte, 1) == 1) {
		if (byte == '\n')
			return g_string_free(line, FALSE);
		g_string_append_c(line, byte);
	}
	g_string_free(line, TRUE);
	return NULL;
}

void
zygote_rig_start(ZygoteRig *rig, const char *plugin, const char *settings)
{
	int ends[2];
	rig->plugin = plugin;
	rig->directory = g_dir_make_tmp("zygote-XXXXXX", NULL);
	rig->log = g_build_filename(rig->directory, "log", NULL);
	rig->socket = g_build_filename(rig->directory, "content.sock", NULL);
	g_assert_cmpint(pipe(ends), ==, 0);
	rig->tell_fd = ends[0];
	rig->pid = fork();
	g_assert_cmpint(rig->pid, >=, 0);
	if (rig->pid == 0) {
		(void)close(ends[0]);
		rig_run(rig, settings, ends[1]);
	}
	(void)close(ends[1]);
}

void
zygote_rig_start_ready(ZygoteRig *rig, const char *plugin, const char *settings)
{
	zygote_rig_start(rig, plugin, settings);
	g_autofree char *told = zygote_rig_next_told(rig);
	g_assert_cmpstr(told, ==, "READY");
}

/* Waits for the end; returns what the log holds. */
char *
zygote_rig_finish(ZygoteRig *rig, int expected)
{
	int status;
	char *log = NULL;
	g_assert_cmpint(waitpid(rig->pid, &status, 0), ==, rig->pid);
	if (!g_file_get_contents(rig->log, &log, NULL, NULL))
		log = g_strdup("");
	g_test_message("%s", log);
	g_assert_cmpint(status, ==, expected << 8);
	g_assert_false(g_file_test(rig->socket, G_FILE_TEST_EXISTS));
	/* nothing of the workers is left */
	g_autofree char *work = g_build_filename(rig->directory, "work", NULL);
	if (g_file_test(work, G_FILE_TEST_EXISTS))
		g_assert_cmpint(g_rmdir(work), ==, 0);
	(void)g_unlink(rig->log);
	g_assert_cmpint(g_rmdir(rig->directory), ==, 0);
	(void)close(rig->tell_fd);
	g_free(rig->directory);
	g_free(rig->log);
	g_free(rig->socket);
	return log;
}

char *
zygote_rig_stop(ZygoteRig *rig)
{
	g_assert_cmpint(kill(rig->pid, SIGTERM), ==, 0);
	return zygote_rig_finish(rig, 0);
}

int
zygote_rig_connect(const ZygoteRig *rig)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_assert_cmpuint(strlen(rig->socket), <, sizeof address.sun_path);
	strcpy(address.sun_path, rig->socket);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
	return fd;
}

void
zygote_rig_send(int socket, const char *text)
{
	g_auto(AmFd) fd = memfd_create("mail", MFD_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_assert_true(am_write_all(fd, text, strlen(text), &error));
	char *recipients[] = { (char *)"b@example.org", NULL };
	AmInspectRequest request = {
		.mail_id = "test",
		.mail_size = strlen(text),
		.deadline_us = g_get_monotonic_time() + RIG_PATIENCE_US,
		.sender = (char *)"a@example.org",
		.recipients = recipients,
		.client_address = (char *)"192.0.2.1",
		.helo = (char *)"x",
	};
	g_assert_true(am_exchange_send_request(socket, &request, fd, &error));
}

/* The report, or NULL when the worker went away; *pid is the worker's. */
AmReport *
zygote_rig_receive(int socket, pid_t *pid, guint64 mail_size)
{
	g_autoptr(GError) error = NULL;
	gint64 deadline = g_get_monotonic_time() + RIG_PATIENCE_US;
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

AmReport *
zygote_rig_ask(const ZygoteRig *rig, const char *mail, pid_t *pid)
{
	pid_t unused;
	g_auto(AmFd) socket = zygote_rig_connect(rig);
	zygote_rig_send(socket, mail);
	return zygote_rig_receive(socket, pid != NULL ? pid : &unused, strlen(mail));
}
