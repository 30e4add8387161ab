/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A child tells lines through a pipe (generation.h); it is not trusted with more than that.  The
 * master reads at most what the pipe holds at the moment, a line too long is cut, an unknown word is
 * logged. */

#include <config.h>

#include "master/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"

const char *
am_role_name(AmRole role)
{
	return role == AM_ROLE_ZYGOTE ? "content" : "session";
}

/* The life of the child.  _exit(), because what the master would do at its own end is not ours. */
static G_GNUC_NORETURN void
process_main(AmRole role, AmGeneration *generation, const AmIdentity *identity, pid_t master,
	     int (*run)(const AmGeneration *generation))
{
	g_autoptr(GError) error = NULL;
	sigset_t none;
	(void)sigemptyset(&none);	/* cannot fail */
	(void)signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error of write() */
	am_log_set_process(am_role_name(role));
	if (!am_identity_assume(identity, &error)) {
		am_error("%s", error->message);
		_exit(EXIT_FAILURE);
	}
	/* after the change of user, which would take it back */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0) {
		am_error("signals: %s", g_strerror(errno));
		_exit(EXIT_FAILURE);
	}
	if (getppid() != master)
		_exit(EXIT_FAILURE); /* it died before we had asked to be told */
	_exit(run(generation));
}

AmProcess *
am_process_fork(AmRole role, AmGeneration *generation, const AmIdentity *identity,
		int (*run)(const AmGeneration *generation), AmProcessPrepare prepare,
		gpointer user_data, GError **error)
{
	int fds[2];
	pid_t master = getpid();
	if (pipe2(fds, O_CLOEXEC) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "pipe");
		return NULL;
	}
	g_auto(AmFd) reading = fds[0];
	g_auto(AmFd) writing = fds[1];
	if (fcntl(reading, F_SETFL, O_NONBLOCK) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "pipe");
		return NULL;
	}
	pid_t pid = fork();
	if (pid < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "fork");
		return NULL;
	}
	if (pid == 0) {
		(void)close(reading);
		prepare(user_data);
		generation->tell_fd = writing;
		process_main(role, generation, identity, master, run);
	}
	AmProcess *child = g_new0(AmProcess, 1);
	child->role = role;
	child->generation = generation->number;
	child->pid = pid;
	child->tell_fd = g_steal_fd(&reading);
	child->started_us = g_get_monotonic_time();
	return child;
}

void
am_process_free(AmProcess *child)
{
	if (child == NULL)
		return;
	am_fd_clear(&child->tell_fd);
	g_free(child->last_error);
	g_free(child);
}

static void
process_take_line(AmProcess *child, const char *line)
{
	am_debug("%s (pid %d) tells %s", am_role_name(child->role), (int)child->pid, line);
	if (strcmp(line, "READY") == 0) {
		if (child->state == AM_PROCESS_STARTING)
			child->state = AM_PROCESS_READY;
	} else if (strcmp(line, "STALE") == 0) {
		child->is_stale = child->role == AM_ROLE_ZYGOTE;
	} else if (g_str_has_prefix(line, "ERROR ")) {
		g_free(child->last_error);
		child->last_error = g_strdup(line + strlen("ERROR "));
		am_error("%s of generation %u (pid %d): %s", am_role_name(child->role),
			 child->generation, (int)child->pid, child->last_error);
	} else {
		am_warning("%s (pid %d) tells what is not understood: %s",
			   am_role_name(child->role), (int)child->pid, line);
	}
}

static void
process_take_bytes(AmProcess *child, const char *data, gsize len)
{
	for (gsize i = 0; i < len; i++) {
		if (data[i] == '\n') {
			child->line[child->line_len] = '\0';
			child->line_len = 0;
			process_take_line(child, child->line);
		} else if (child->line_len < sizeof(child->line) - 1) {
			child->line[child->line_len++] = data[i];
		}
	}
}

void
am_process_read(AmProcess *child)
{
	char buf[4096];
	/* a child that never stops telling gets its turn again, the others too */
	for (guint i = 0; i < 16 && child->tell_fd >= 0; i++) {
		ssize_t n = read(child->tell_fd, buf, sizeof(buf));
		if (n > 0) {
			process_take_bytes(child, buf, (gsize)n);
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			return;
		} else if (n == 0 || errno != EINTR) {
			am_fd_clear(&child->tell_fd);
		}
	}
}

void
am_process_end(AmProcess *child, gint64 patience_us)
{
	if (child->state == AM_PROCESS_ENDING)
		return;
	child->state = AM_PROCESS_ENDING;
	child->kill_us = g_get_monotonic_time() + patience_us;
	if (kill(child->pid, SIGTERM) != 0)
		am_warning("SIGTERM to %s (pid %d): %s", am_role_name(child->role), (int)child->pid,
			   g_strerror(errno));
}

void
am_process_check_time(AmProcess *child, gint64 now_us)
{
	if (child->kill_us == 0 || now_us < child->kill_us)
		return;
	child->kill_us = 0;
	am_warning("%s of generation %u (pid %d) did not %s in time and is killed",
		   am_role_name(child->role), child->generation, (int)child->pid,
		   child->state == AM_PROCESS_ENDING ? "end" : "start");
	if (kill(child->pid, SIGKILL) != 0)
		am_warning("SIGKILL to pid %d: %s", (int)child->pid, g_strerror(errno));
}

char *
am_process_describe_end(const AmProcess *child, int status)
{
	g_autofree char *who =
		g_strdup_printf("%s of generation %u (pid %d)", am_role_name(child->role),
				child->generation, (int)child->pid);
	g_autofree char *why = child->last_error != NULL
				       ? g_strconcat(": ", child->last_error, NULL)
				       : g_strdup("");
	if (WIFSIGNALED(status))
		return g_strdup_printf("%s died by signal %d (%s)%s", who, WTERMSIG(status),
				       g_strsignal(WTERMSIG(status)), why);
	return g_strdup_printf("%s ended with status %d%s", who, WEXITSTATUS(status), why);
}
