/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What comes in is one record of fixed form (program.h); everything else about a run was said by the
 * configuration.  A run goes: folder, content, child in its cage, watch, kill the whole group whatever
 * the child's end was, answer.  While a program runs, the keeper looks at the clock, at the bytes and
 * files in the folder, and whether worker and runner are there.
 *
 * Every process of a run is a child of the keeper or becomes one (it is a subreaper) and cannot leave
 * the process group, so that nothing is left running when it answers. */

#include <config.h>

#include "content/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amavisd/plugin.h>

#include "content/channel.h"
#include "content/program-child.h"
#include "content/program-folder.h"
#include "content/program.h"
#include "mail/fd.h"

#define LOOK_FIRST_MS 20 /* at the folder; later ones are further apart */
#define LOOK_MOST_MS 160

typedef struct {
	const AmKeeperSetup *setup;
	int socket, lifeline;
	pid_t worker;
	char *directory;	 /* the worker's */
	guint n_runs;
	AmProgramFolder *folder; /* whose results the worker may still read, NULL none */
} Keeper;

typedef struct {
	const AmProgram *program;
	AmProgramChild child;
	gint64 deadline_us;
	guint64 quota;
	AmProgramLimit limit;
	gboolean is_over;     /* kill it */
	gboolean is_deserted; /* nobody waits for the answer */
	GString *text;
} Run;

static void keeper_log(const Keeper *keeper, AmLogLevel level, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static void
keeper_log(const Keeper *keeper, AmLogLevel level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *line = g_strdup_printf("for worker %d: %s", (int)keeper->worker, text);
	am_channel_log_keeper(keeper->setup->channel_fd, level, line);
}

static void
keeper_drop_folder(Keeper *keeper)
{
	g_autoptr(GError) error = NULL;
	AmProgramFolder *folder = g_steal_pointer(&keeper->folder);
	if (folder != NULL && !am_program_folder_remove(folder, &error))
		keeper_log(keeper, AM_LOG_WARNING, "%s", error->message);
}

/* ---- watching ------------------------------------------------------------------------------ */

/* FALSE: the stream has ended. */
static gboolean
keeper_read_text(Run *run)
{
	char buffer[4096];
	ssize_t n = read(run->child.output_fd, buffer, sizeof buffer);
	if (n > 0 && run->text->len < AM_PROGRAM_OUTPUT_BYTES)
		g_string_append_len(run->text, buffer,
				    MIN(n, (gssize)(AM_PROGRAM_OUTPUT_BYTES - run->text->len)));
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void
keeper_measure(const Keeper *keeper, Run *run)
{
	guint64 bytes;
	if (!am_program_folder_measure(keeper->folder, keeper->setup->max_files, &bytes))
		run->limit = AM_PROGRAM_LIMIT_FILES;
	else if (bytes > run->quota)
		run->limit = AM_PROGRAM_LIMIT_BYTES;
}

static void
keeper_watch(const Keeper *keeper, Run *run)
{
	gboolean is_open = TRUE;
	int pause_ms = LOOK_FIRST_MS;
	gint64 look_us = g_get_monotonic_time() + pause_ms * 1000;
	while (!run->is_over) {
		struct pollfd fds[] = {
			{ .fd = run->child.pidfd, .events = POLLIN },
			{ .fd = is_open ? run->child.output_fd : -1, .events = POLLIN },
			{ .fd = keeper->socket, .events = POLLRDHUP },
			{ .fd = keeper->lifeline, .events = POLLIN },
		};
		gint64 now = g_get_monotonic_time();
		gint64 left_ms = (run->deadline_us - now) / 1000 + 1;
		int n = poll(fds, G_N_ELEMENTS(fds), (int)CLAMP(left_ms, 0, pause_ms));
		if (n < 0 && errno != EINTR)
			run->is_over = TRUE;
		if (n > 0 && fds[1].revents != 0)
			is_open = keeper_read_text(run);
		if (n > 0 && fds[0].revents != 0)
			break;
		if (n > 0 && (fds[2].revents != 0 || fds[3].revents != 0)) {
			run->is_deserted = run->is_over = TRUE;
		} else if (g_get_monotonic_time() >= run->deadline_us) {
			run->limit = AM_PROGRAM_LIMIT_TIME;
		} else if (n == 0 || now >= look_us) {
			keeper_measure(keeper, run);
			pause_ms = MIN(pause_ms * 2, LOOK_MOST_MS);
			look_us = now + pause_ms * 1000;
		}
		run->is_over = run->is_over || run->limit != AM_PROGRAM_LIMIT_NONE;
	}
}

/* The group is killed before its first process is reaped: till then its number is its own. */
static int
keeper_end_all(const Run *run)
{
	siginfo_t info;
	int status = 0;
	if (run->is_over)
		(void)kill(-run->child.pid, SIGKILL);
	while (waitid(P_PID, (id_t)run->child.pid, &info, WEXITED | WNOWAIT) != 0 &&
	       errno == EINTR)
		;
	(void)kill(-run->child.pid, SIGKILL); /* what it left behind */
	while (waitpid(run->child.pid, &status, 0) < 0 && errno == EINTR)
		;
	pid_t pid;
	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) { /* till there is none */
		if (pid == 0)
			g_usleep(1000);
		(void)kill(-run->child.pid, SIGKILL);
	}
	return status;
}

/* ---- a run --------------------------------------------------------------------------------- */

static void
keeper_log_end(const Keeper *keeper, const Run *run, int status)
{
	static const char *const limits[] = {
		[AM_PROGRAM_LIMIT_BYTES] = "it wrote too many bytes",
		[AM_PROGRAM_LIMIT_FILES] = "it made too many files",
		[AM_PROGRAM_LIMIT_TIME] = "the mail's time is over",
	};
	const char *name = run->program->argv[0];
	if (run->is_deserted) {
		keeper_log(keeper, AM_LOG_WARNING, "%s killed: the worker is gone", name);
	} else if (run->limit != AM_PROGRAM_LIMIT_NONE) {
		keeper_log(keeper, AM_LOG_WARNING, "%s killed: %s", name, limits[run->limit]);
	} else if (WIFSIGNALED(status)) {
		const char *signal = sigabbrev_np(WTERMSIG(status));
		keeper_log(keeper, AM_LOG_WARNING, "%s ended by signal SIG%s%s", name,
			   signal != NULL ? signal : "?",
			   WTERMSIG(status) == SIGSYS ? " (stopped by the sandbox)" : "");
	}
}

/* FALSE with error: it could not be run. */
static gboolean
keeper_run_program(Keeper *keeper, Run *run, const char *password, AmProgramReply *reply,
		   GError **error)
{
	const AmKeeperSetup *setup = keeper->setup;
	gint64 left_us = run->deadline_us - g_get_monotonic_time();
	if (left_us <= 0) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_LIMIT, "no time left");
		return FALSE;
	}
	AmSandboxProgramLimits limits = {
		.may_fork = (run->program->flags & AM_PROGRAM_FORKS) != 0,
		.cpu_seconds = (guint)(left_us / G_USEC_PER_SEC) + 1,
		.memory_bytes = setup->memory_bytes,
		.file_bytes = run->quota + 1, /* so that more than all of it can be seen */
	};
	if (!am_program_child_start(&run->child, run->program, password, keeper->folder,
				    setup->sandbox, &limits, error))
		return FALSE;
	keeper_watch(keeper, run);
	reply->status = keeper_end_all(run);
	while (!run->is_deserted && keeper_read_text(run) && errno != EAGAIN)
		; /* what was left in the pipe: its last writer is gone */
	am_program_child_clear(&run->child);
	if (run->limit == AM_PROGRAM_LIMIT_NONE && !run->is_deserted)
		keeper_measure(keeper, run);
	if (WIFSIGNALED(reply->status) && WTERMSIG(reply->status) == SIGXFSZ)
		run->limit = AM_PROGRAM_LIMIT_BYTES;
	if (WIFSIGNALED(reply->status) && WTERMSIG(reply->status) == SIGXCPU)
		run->limit = AM_PROGRAM_LIMIT_TIME;
	keeper_log_end(keeper, run, reply->status);
	reply->result_fd = am_program_folder_open_result(
		keeper->folder, (run->program->flags & AM_PROGRAM_STDOUT) != 0, error);
	return reply->result_fd >= 0;
}

/* FALSE: the worker is gone. */
static gboolean
keeper_serve(Keeper *keeper, const AmProgramRequest *request, int content_fd)
{
	const AmKeeperSetup *setup = keeper->setup;
	const AmProgram *program = setup->programs->pdata[request->program];
	gint64 most_us = g_get_monotonic_time() + setup->time_s * G_USEC_PER_SEC;
	Run run = {
		.program = program,
		.deadline_us = MIN(request->deadline_us, most_us),
		.quota = MIN(request->quota, setup->max_bytes),
		.text = g_string_new(NULL),
	};
	AmProgramReply reply = { .result_fd = -1 };
	g_autoptr(GError) error = NULL;
	keeper_drop_folder(keeper);
	keeper->folder = am_program_folder_new(keeper->directory, keeper->n_runs++,
					       program->ending, content_fd, setup->max_bytes,
					       &error);
	reply.was_run = keeper->folder != NULL &&
			keeper_run_program(keeper, &run,
					   request->has_password ? request->password : NULL,
					   &reply, &error);
	if (!reply.was_run) {
		keeper_log(keeper, AM_LOG_WARNING, "%s could not be run: %s", program->argv[0],
			   error->message);
		g_string_assign(run.text, error->message);
	}
	reply.limit = run.limit;
	reply.text = run.text;
	gboolean ok = !run.is_deserted && am_program_send_reply(keeper->socket, &reply, NULL);
	am_program_reply_clear(&reply);
	return ok;
}

static gboolean
keeper_answer_done(const Keeper *keeper)
{
	AmProgramReply reply = { .text = g_string_new(NULL), .result_fd = -1 };
	gboolean ok = am_program_send_reply(keeper->socket, &reply, NULL);
	am_program_reply_clear(&reply);
	return ok;
}

/* ---- life ---------------------------------------------------------------------------------- */

static gboolean
keeper_set_up(Keeper *keeper, GError **error)
{
	const AmKeeperSetup *setup = keeper->setup;
	g_autoptr(GPtrArray) paths = g_ptr_array_new();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "prctl");
		return FALSE;
	}
	(void)signal(SIGCHLD, SIG_DFL); /* the runner ignores it */
	for (guint i = 0; i < setup->programs->len; i++) {
		const AmProgram *program = setup->programs->pdata[i];
		g_ptr_array_add(paths, program->argv[0]);
	}
	g_ptr_array_add(paths, NULL);
	return am_sandbox_program_enter_keeper(setup->sandbox, keeper->directory,
					       (const char *const *)paths->pdata, error);
}

/* FALSE: the end. */
static gboolean
keeper_next(Keeper *keeper)
{
	struct pollfd fds[] = {
		{ .fd = keeper->socket, .events = POLLIN },
		{ .fd = keeper->lifeline, .events = POLLIN },
	};
	AmProgramRequest request;
	g_auto(AmFd) content_fd = -1;
	if (poll(fds, G_N_ELEMENTS(fds), -1) < 0)
		return errno == EINTR;
	if (fds[1].revents != 0)
		return FALSE;
	switch (am_program_receive(keeper->socket, keeper->setup->programs->len, &request,
				   &content_fd)) {
	case AM_PROGRAM_RUN:
		return keeper_serve(keeper, &request, content_fd);
	case AM_PROGRAM_DONE:
		keeper_drop_folder(keeper);
		return keeper_answer_done(keeper);
	case AM_PROGRAM_BAD:
		keeper_log(keeper, AM_LOG_WARNING, "asks for nothing that makes sense; "
						   "no more programs for it");
		return FALSE;
	case AM_PROGRAM_END:
		break;
	}
	return FALSE;
}

int
am_keeper_run(const AmKeeperSetup *setup, int socket, int lifeline, pid_t worker)
{
	Keeper keeper = { .setup = setup, .socket = socket, .lifeline = lifeline, .worker = worker };
	g_autoptr(GError) error = NULL;
	keeper.directory = g_strdup_printf("%s/work-%d", setup->spool_directory, (int)worker);
	gboolean ok = keeper_set_up(&keeper, &error);
	if (!ok)
		keeper_log(&keeper, AM_LOG_ERROR, "programs cannot be run: %s", error->message);
	while (ok && keeper_next(&keeper))
		;
	keeper_drop_folder(&keeper);
	g_free(keeper.directory);
	return ok ? 0 : 1;
}
