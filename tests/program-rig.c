/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "program-rig.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/channel.h"
#include "mail/fd.h"
#include "mail/spool.h"

#define NOBODY 65534
#define PATIENCE_US (10 * G_USEC_PER_SEC)
#define MEMORY_BYTES (256u << 20)
#define MOST_BYTES (8u << 20)
#define MOST_FILES 500
#define TIME_S 20
#define ANSWER_US (15 * G_USEC_PER_SEC)

void
program_rig_drop_root(void)
{
	if (geteuid() != 0)
		return;
	g_assert_cmpint(setgroups(0, NULL), ==, 0);
	g_assert_cmpint(setresgid(NOBODY, NOBODY, NOBODY), ==, 0);
	g_assert_cmpint(setresuid(NOBODY, NOBODY, NOBODY), ==, 0);
	g_assert_cmpint(prctl(PR_SET_DUMPABLE, 1), ==, 0);
}

static void
rig_copy_helper(ProgramRig *rig)
{
	g_autofree char *from = g_test_build_filename(G_TEST_BUILT, "misbehave", NULL);
	g_autofree char *bytes = NULL;
	gsize len;
	g_autoptr(GError) error = NULL;
	rig->helper = g_build_filename(rig->directory, "misbehave", NULL);
	(void)g_file_get_contents(from, &bytes, &len, &error);
	g_assert_no_error(error);
	(void)g_file_set_contents(rig->helper, bytes, (gssize)len, &error);
	g_assert_no_error(error);
	g_assert_cmpint(g_chmod(rig->helper, 0755), ==, 0);
}

void
program_rig_init(ProgramRig *rig)
{
	g_autoptr(GError) error = NULL;
	*rig = (ProgramRig){ .runner = AM_RUNNER_NONE };
	rig->directory = g_dir_make_tmp("programs-XXXXXX", &error);
	g_assert_no_error(error);
	rig->spool = g_build_filename(rig->directory, "spool", NULL);
	g_assert_cmpint(g_mkdir(rig->spool, 0700), ==, 0);
	rig_copy_helper(rig);
	g_assert_true(am_channel_open(rig->channel, &error));
	rig->programs = g_ptr_array_new_with_free_func((GDestroyNotify)am_program_free);
}

guint
program_rig_add(ProgramRig *rig, const char *deed, const char *argument, guint32 flags)
{
	const char *argv[] = { rig->helper, deed, argument, NULL };
	g_autoptr(GError) error = NULL;
	AmProgram *program = am_program_new(argv, ".txt", flags, &error);
	g_assert_no_error(error);
	g_ptr_array_add(rig->programs, program);
	return rig->programs->len - 1;
}

void
program_rig_start(ProgramRig *rig)
{
	const AmKeeperSetup setup = {
		.spool_directory = rig->spool,
		.time_s = TIME_S,
		.memory_bytes = MEMORY_BYTES,
		.max_bytes = MOST_BYTES,
		.max_files = MOST_FILES,
		.channel_fd = rig->channel[1],
	};
	g_autoptr(GError) error = NULL;
	(void)am_runner_start(&rig->runner, &setup, FALSE, &error);
	g_assert_no_error(error);
	(void)am_runner_send_programs(&rig->runner, rig->programs, &error);
	g_assert_no_error(error);
}

int
program_rig_worker(ProgramRig *rig, pid_t worker)
{
	int ends[2];
	g_autoptr(GError) error = NULL;
	g_autofree char *path = g_strdup_printf("%s/work-%d", rig->spool, (int)worker);
	g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
	(void)am_runner_add_worker(&rig->runner, worker, ends[0], &error);
	g_assert_no_error(error);
	(void)close(ends[0]);
	return ends[1];
}

char *
program_rig_log(ProgramRig *rig)
{
	GString *log = g_string_new(NULL);
	AmChannelRecord record;
	gboolean is_there = TRUE;
	while (is_there)
		if (am_channel_receive(rig->channel[0], &record, &is_there))
			g_string_append_printf(log, "%s\n", record.text);
	g_test_message("%s", log->str);
	return g_string_free(log, FALSE);
}

gboolean
program_rig_is_gone(const char *path)
{
	gint64 end = g_get_monotonic_time() + PATIENCE_US;
	while (g_file_test(path, G_FILE_TEST_EXISTS)) {
		if (g_get_monotonic_time() > end)
			return FALSE;
		g_usleep(5000);
	}
	return TRUE;
}

/* A worker's directory is the zygote's to remove, and must be empty by now. */
static void
rig_remove_workers(const ProgramRig *rig)
{
	g_autoptr(GDir) dir = g_dir_open(rig->spool, 0, NULL);
	const char *name;
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(rig->spool, name, NULL);
		gint64 end = g_get_monotonic_time() + PATIENCE_US;
		while (g_rmdir(path) != 0) {
			g_assert_cmpint(errno, ==, ENOTEMPTY);
			g_assert_cmpint(g_get_monotonic_time(), <, end);
			g_usleep(5000);
		}
	}
}

void
program_rig_clear(ProgramRig *rig)
{
	pid_t pid = rig->runner.pid;
	int status;
	am_runner_stop(&rig->runner);
	if (pid > 0) {
		g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
		g_assert_true(status == 0 || WIFSIGNALED(status));
	}
	rig_remove_workers(rig);
	g_assert_cmpint(g_rmdir(rig->spool), ==, 0);
	g_assert_cmpint(g_unlink(rig->helper), ==, 0);
	g_assert_cmpint(g_rmdir(rig->directory), ==, 0);
	(void)close(rig->channel[0]);
	(void)close(rig->channel[1]);
	g_ptr_array_unref(rig->programs);
	g_free(rig->directory);
	g_free(rig->spool);
	g_free(rig->helper);
}

/* ---- as a worker does ---------------------------------------------------------------------- */

int
program_rig_content(const char *text)
{
	int fd = memfd_create("content", MFD_CLOEXEC);
	g_assert_true(am_write_all(fd, text, strlen(text), NULL));
	return fd;
}

/* ms: what the mail has left. */
void
program_rig_ask(int worker, guint program, const char *password, gint ms, AmProgramReply *reply)
{
	g_auto(AmFd) content = program_rig_content("some content");
	g_autoptr(GError) error = NULL;
	AmProgramRequest request = {
		.program = program,
		.deadline_us = g_get_monotonic_time() + ms * 1000,
		.quota = RIG_QUOTA,
		.has_password = password != NULL,
	};
	g_strlcpy(request.password, password != NULL ? password : "", sizeof request.password);
	g_assert_true(am_program_send_request(worker, &request, content, &error));
	(void)am_program_receive_reply(worker, g_get_monotonic_time() + ANSWER_US, reply, &error);
	g_assert_no_error(error);
}

void
program_rig_done(int worker)
{
	AmProgramReply reply;
	g_autoptr(GError) error = NULL;
	g_assert_true(am_program_send_done(worker, &error));
	(void)am_program_receive_reply(worker, g_get_monotonic_time() + ANSWER_US, &reply, &error);
	g_assert_no_error(error);
	am_program_reply_clear(&reply);
}
