/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* From fork() to execve().  What fails in the child on this way is told through a pipe that a program
 * which runs has closed. */

#include <config.h>

#include "content/program-child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amavisd/plugin.h>

#include "mail/fd.h"
#include "mail/spool.h"

#define WHY_BYTES 500
#define FAILED 127

typedef struct {
	const AmProgram *program;
	char **arguments;
	const AmProgramFolder *folder;
	const AmSandboxProgram *sandbox;
	const AmSandboxProgramLimits *limits;
	pid_t keeper;
	int output_fd, failure_fd; /* of pipes, to write */
} ChildPlan;

static gboolean
child_set_signals(GError **error)
{
	sigset_t none;
	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		if (i != SIGKILL && i != SIGSTOP)
			(void)signal(i, SIG_DFL); /* some numbers are none */
	if (sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "signals");
	return FALSE;
}

/* Only 0, 1 and 2 are open in the program: nothing of the daemon's gets there. */
static gboolean
child_set_descriptors(int stdout_fd, int stderr_fd, int out_fd, GError **error)
{
	int nothing = open("/dev/null", O_RDONLY);
	if (nothing >= 0 && dup2(nothing, 0) == 0 && dup2(stdout_fd, 1) == 1 &&
	    dup2(stderr_fd, 2) == 2 && fchdir(out_fd) == 0 &&
	    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "descriptors");
	return FALSE;
}

static gboolean
child_execute(const ChildPlan *plan, GError **error)
{
	const AmProgramFolder *folder = plan->folder;
	g_autofree char *home = g_strconcat("HOME=", folder->tmp, NULL);
	g_autofree char *tmpdir = g_strconcat("TMPDIR=", folder->tmp, NULL);
	char *environment[] = { (char *)"PATH=/usr/bin:/bin", (char *)"LC_ALL=C.UTF-8", home, tmpdir,
				NULL };
	AmSandboxProgramLimits limits = *plan->limits;
	g_auto(AmFd) stdout_fd = -1;
	/* of its own session: the keeper kills the whole of it */
	if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
	    getppid() != plan->keeper) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "session");
		return FALSE;
	}
	(void)umask(077);
	if ((plan->program->flags & AM_PROGRAM_STDOUT) != 0 &&
	    (stdout_fd = am_program_folder_open_stdout(folder, error)) < 0)
		return FALSE;
	limits.program = plan->program->argv[0];
	limits.read_path = folder->content;
	limits.list_path = folder->path; /* some look for names before they open */
	limits.write_paths[0] = folder->out;
	limits.write_paths[1] = folder->tmp;
	if (!child_set_signals(error) ||
	    !child_set_descriptors(stdout_fd >= 0 ? stdout_fd : plan->output_fd, plan->output_fd,
				   folder->out_fd, error) ||
	    !am_sandbox_program_enter(plan->sandbox, &limits, error))
		return FALSE;
	(void)execve(plan->arguments[0], plan->arguments, environment);
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot run %s", plan->arguments[0]);
	return FALSE;
}

/* Nothing: the program runs. */
static gboolean
child_read_failure(int fd, GError **error)
{
	char why[WHY_BYTES + 1];
	gsize len = 0;
	ssize_t n;
	while (len < WHY_BYTES && ((n = read(fd, why + len, WHY_BYTES - len)) > 0 ||
				   (n < 0 && errno == EINTR)))
		len += n > 0 ? (gsize)n : 0;
	why[len] = '\0';
	if (len == 0)
		return FALSE;
	g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE, why);
	return TRUE;
}

static gboolean
child_open_pipes(int output[2], int failure[2], GError **error)
{
	output[0] = output[1] = failure[0] = failure[1] = -1;
	if (pipe2(output, O_CLOEXEC) == 0 && pipe2(failure, O_CLOEXEC) == 0 &&
	    fcntl(output[0], F_SETFL, O_NONBLOCK) == 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "pipe");
	if (output[0] >= 0) {
		(void)close(output[0]);
		(void)close(output[1]);
	}
	if (failure[0] >= 0) {
		(void)close(failure[0]);
		(void)close(failure[1]);
	}
	return FALSE;
}

static void G_GNUC_NORETURN
child_be(const ChildPlan *plan)
{
	g_autoptr(GError) error = NULL;
	if (!child_execute(plan, &error))
		(void)am_write_all(plan->failure_fd, error->message,
				   MIN(strlen(error->message), WHY_BYTES), NULL);
	_exit(FAILED);
}

gboolean
am_program_child_start(AmProgramChild *child, const AmProgram *program, const char *password,
		       const AmProgramFolder *folder, const AmSandboxProgram *sandbox,
		       const AmSandboxProgramLimits *limits, GError **error)
{
	int output[2], failure[2];
	*child = (AmProgramChild){ .pidfd = -1, .output_fd = -1 };
	g_auto(GStrv) arguments = am_program_arguments(program, folder->file, password);
	if (arguments == NULL) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_LIMIT,
				    "the password would be taken for an option");
		return FALSE;
	}
	if (!child_open_pipes(output, failure, error))
		return FALSE;
	const ChildPlan plan = { program, arguments, folder,	sandbox,
				 limits,  getpid(),  output[1], failure[1] };
	child->output_fd = output[0];
	child->pid = fork();
	if (child->pid == 0)
		child_be(&plan);
	int saved = errno;
	(void)close(output[1]);
	(void)close(failure[1]);
	gboolean has_failed = child->pid > 0 && child_read_failure(failure[0], error);
	(void)close(failure[0]);
	if (child->pid > 0 && !has_failed) {
		child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
		if (child->pidfd >= 0)
			return TRUE;
		saved = errno;
		(void)kill(-child->pid, SIGKILL);
	}
	if (!has_failed)
		am_error_set_errno(error, AM_ERROR_RESOURCE, saved, "cannot start a program");
	if (child->pid > 0)
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	am_program_child_clear(child);
	return FALSE;
}

void
am_program_child_clear(AmProgramChild *child)
{
	if (child->pidfd >= 0)
		(void)close(child->pidfd);
	if (child->output_fd >= 0)
		(void)close(child->output_fd);
	child->pidfd = child->output_fd = -1;
}
