/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See runner.h.  From the zygote come, in this order: a record 'P' for each program, 'G', and then a
 * 'W' with pid and descriptor for each worker.  The answer to 'G' is 'R', or 'E' and why not.
 *
 * A worker's descriptor is only watched here; when the first bytes arrive a keeper is forked and has
 * it, so that workers which need no program cost nothing.  The end goes by closing: of the zygote's
 * socket for the runner, of the lifeline, a pipe that nobody writes to, for the keepers. */

#include <config.h>

#include "content/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "content/channel.h"
#include "mail/fd.h"

#define START_TIME_S 20
#define WORKERS_MAX 1024
#define RECORD_BYTES (AM_PROGRAM_ARGV_BYTES + 256)
#define TEXT_BYTES 500

/* where the runner has its descriptors */
enum { RUNNER_CONTROL = 3, RUNNER_CHANNEL = 4, RUNNER_FIRST_FREE = 5 };

typedef struct {
	pid_t pid;
	int fd;
} RunnerWorker;

typedef struct {
	AmKeeperSetup setup;
	gboolean is_best_effort;
	int lifeline[2];
	GArray *workers; /* RunnerWorker, without a keeper yet */
	gboolean is_open; /* all programs are known */
} Runner;

/* ---- the zygote's side --------------------------------------------------------------------- */

static gboolean
runner_send(int socket, char kind, gconstpointer data, gsize len, int fd, int flags, GError **error)
{
	if (am_fd_send(socket, &kind, 1, data, len, fd, flags) >= 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "the runner of programs");
	return FALSE;
}

gboolean
am_runner_send_programs(const AmRunner *runner, const GPtrArray *programs, GError **error)
{
	const struct timeval patience = { .tv_sec = START_TIME_S };
	char answer[1 + TEXT_BYTES];
	for (guint i = 0; i < programs->len; i++) {
		g_autoptr(GBytes) bytes = am_program_pack(programs->pdata[i]);
		gsize len;
		gconstpointer data = g_bytes_get_data(bytes, &len);
		if (!runner_send(runner->fd, 'P', data, len, -1, 0, error))
			return FALSE;
	}
	if (!runner_send(runner->fd, 'G', "", 0, -1, 0, error))
		return FALSE;
	(void)setsockopt(runner->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	ssize_t n;
	do
		n = recv(runner->fd, answer, sizeof answer, 0);
	while (n < 0 && errno == EINTR);
	if (n == 1 && answer[0] == 'R')
		return TRUE;
	g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "the runner of programs: %.*s",
		    n > 1 ? (int)n - 1 : TEXT_BYTES, n > 1 ? answer + 1 : "no answer");
	return FALSE;
}

gboolean
am_runner_add_worker(const AmRunner *runner, pid_t worker, int fd, GError **error)
{
	return runner_send(runner->fd, 'W', &worker, sizeof worker, fd, MSG_DONTWAIT, error);
}

void
am_runner_stop(AmRunner *runner)
{
	if (runner->fd >= 0)
		(void)close(runner->fd);
	runner->fd = -1;
	runner->pid = -1;
}

/* ---- the runner's side --------------------------------------------------------------------- */

static gboolean
runner_open(Runner *runner)
{
	g_autoptr(GError) error = NULL;
	runner->setup.sandbox = am_sandbox_program_new(runner->is_best_effort, &error);
	if (runner->setup.sandbox != NULL) {
		runner->is_open = TRUE;
		return runner_send(RUNNER_CONTROL, 'R', "", 0, -1, 0, NULL);
	}
	(void)runner_send(RUNNER_CONTROL, 'E', error->message,
			  MIN(strlen(error->message), TEXT_BYTES), -1, 0, NULL);
	return FALSE;
}

/* FALSE: nothing that the zygote sends, or its end. */
static gboolean
runner_read_control(Runner *runner)
{
	char data[RECORD_BYTES];
	g_auto(AmFd) fd = -1;
	gssize n = am_fd_receive(RUNNER_CONTROL, data, sizeof data, &fd);
	if (n <= 0)
		return FALSE;
	if (data[0] == 'P' && !runner->is_open && runner->setup.programs->len < AM_PROGRAMS_MAX) {
		AmProgram *program = am_program_unpack(data + 1, (gsize)n - 1, NULL);
		if (program != NULL)
			g_ptr_array_add(runner->setup.programs, program);
		return program != NULL;
	}
	if (data[0] == 'G' && !runner->is_open)
		return runner_open(runner);
	RunnerWorker worker = { .fd = fd };
	if (data[0] != 'W' || !runner->is_open || n != 1 + (gssize)sizeof worker.pid || fd < 0)
		return FALSE;
	if (runner->workers->len >= WORKERS_MAX)
		return TRUE; /* its socket is closed: it is told no */
	memcpy(&worker.pid, data + 1, sizeof worker.pid);
	g_array_append_val(runner->workers, worker);
	fd = -1;
	return TRUE;
}

/* In the keeper to be: nothing of the other workers is kept. */
static void G_GNUC_NORETURN
runner_become_keeper(Runner *runner, const RunnerWorker *worker)
{
	for (guint i = 0; i < runner->workers->len; i++) {
		const RunnerWorker *other = &g_array_index(runner->workers, RunnerWorker, i);
		if (other->fd != worker->fd)
			(void)close(other->fd);
	}
	(void)close(RUNNER_CONTROL);
	(void)close(runner->lifeline[1]);
	_exit(am_keeper_run(&runner->setup, worker->fd, runner->lifeline[0], worker->pid));
}

static void
runner_fork_keeper(Runner *runner, guint index)
{
	RunnerWorker worker = g_array_index(runner->workers, RunnerWorker, index);
	pid_t pid = fork();
	if (pid == 0)
		runner_become_keeper(runner, &worker);
	if (pid < 0) {
		g_autofree char *text = g_strdup_printf("the runner of programs cannot fork: %s",
							g_strerror(errno));
		am_channel_log_keeper(RUNNER_CHANNEL, AM_LOG_ERROR, text);
	}
	(void)close(worker.fd); /* the worker sees an end when there is no keeper */
	g_array_remove_index(runner->workers, index);
}

static void
runner_serve(Runner *runner)
{
	g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
	for (;;) {
		struct pollfd entry = { .fd = RUNNER_CONTROL, .events = POLLIN };
		g_array_set_size(fds, 0);
		g_array_append_val(fds, entry);
		for (guint i = 0; i < runner->workers->len; i++) {
			entry.fd = g_array_index(runner->workers, RunnerWorker, i).fd;
			g_array_append_val(fds, entry);
		}
		if (poll((struct pollfd *)(void *)fds->data, fds->len, -1) < 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		/* from the end, as entries go away; an ended worker's keeper ends at once */
		for (guint i = fds->len; i-- > 1;) {
			short events = g_array_index(fds, struct pollfd, i).revents;
			if ((events & POLLIN) != 0 && (events & POLLHUP) == 0) {
				runner_fork_keeper(runner, i - 1);
			} else if (events != 0) {
				(void)close(g_array_index(runner->workers, RunnerWorker, i - 1).fd);
				g_array_remove_index(runner->workers, i - 1);
			}
		}
		if (g_array_index(fds, struct pollfd, 0).revents != 0 &&
		    !runner_read_control(runner))
			return;
	}
}

/* Of what was inherited only the control socket, the channel and the standard three stay open. */
static gboolean
runner_keep_descriptors(int control, int channel)
{
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; nothing >= 0 && fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)dup2(nothing, fd);
	int high_control = fcntl(control, F_DUPFD_CLOEXEC, 16);
	int high_channel = fcntl(channel, F_DUPFD_CLOEXEC, 16);
	return nothing >= 0 && high_control >= 0 && high_channel >= 0 &&
	       dup3(high_control, RUNNER_CONTROL, O_CLOEXEC) >= 0 &&
	       dup3(high_channel, RUNNER_CHANNEL, O_CLOEXEC) >= 0 &&
	       close_range(RUNNER_FIRST_FREE, ~0u, 0) == 0;
}

static int
runner_run(const AmKeeperSetup *setup, gboolean is_best_effort, int control)
{
	Runner runner = { .setup = *setup, .is_best_effort = is_best_effort };
	const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGXFSZ };
	sigset_t none;
	sigemptyset(&none);
	for (gsize i = 0; i < G_N_ELEMENTS(ignored); i++)
		(void)signal(ignored[i], SIG_IGN); /* it ends when the zygote does */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, "amavisd-runner");
	if (!runner_keep_descriptors(control, setup->channel_fd) ||
	    pipe2(runner.lifeline, O_CLOEXEC) != 0)
		return 1;
	runner.setup.channel_fd = RUNNER_CHANNEL;
	runner.setup.programs = g_ptr_array_new_with_free_func((GDestroyNotify)am_program_free);
	runner.workers = g_array_new(FALSE, FALSE, sizeof(RunnerWorker));
	runner_serve(&runner);
	return 0;
}

gboolean
am_runner_start(AmRunner *runner, const AmKeeperSetup *setup, gboolean is_best_effort,
		GError **error)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "socket pair");
		return FALSE;
	}
	pid_t pid = fork();
	if (pid == 0)
		_exit(runner_run(setup, is_best_effort, ends[1]));
	int saved = errno;
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		am_error_set_errno(error, AM_ERROR_RESOURCE, saved, "cannot fork the runner");
		return FALSE;
	}
	*runner = (AmRunner){ .pid = pid, .fd = ends[0] };
	return TRUE;
}
