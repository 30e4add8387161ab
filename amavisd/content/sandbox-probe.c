/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See sandbox-probe.h.  A child tells by its end: status 0 for what worked, errno for what was refused, a
 * signal for what ended it. */

#include <config.h>

#include "content/sandbox-probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mail/fd.h"

#define STATUS_CANNOT_ENTER 255 /* no errno value is as large */

/* 0 or errno */
typedef int (*ProbeFunc)(const AmSandboxLimits *limits);

static int
probe_result(long rc)
{
	return rc >= 0 ? 0 : errno;
}

static int
probe_own_directory(const AmSandboxLimits *limits)
{
	return probe_result(open(limits->work_directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

static int
probe_passwd(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
probe_outside(const AmSandboxLimits *limits)
{
	g_autofree char *path = g_build_filename(limits->work_directory, "..", NULL);
	return probe_result(open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

static int
probe_proc(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
}

static int
probe_tcp(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
probe_unix(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
probe_fork(const AmSandboxLimits *limits)
{
	(void)limits;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return probe_result(pid);
}

static int
probe_exec(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(execl("/bin/sh", "sh", "-c", ":", NULL));
}

static int
probe_ptrace(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int
probe_kill(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(kill(getppid(), 0));
}

static int
probe_userns(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(unshare(CLONE_NEWUSER));
}

static int
probe_mount(const AmSandboxLimits *limits)
{
	return probe_result(mount("none", limits->work_directory, "tmpfs", 0, NULL));
}

static int
probe_uring(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
probe_bpf(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
probe_code(const AmSandboxLimits *limits)
{
	(void)limits;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	return p == MAP_FAILED ? errno : 0;
}

static int
probe_dumpable(const AmSandboxLimits *limits)
{
	(void)limits;
	return probe_result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
probe_handler(const AmSandboxLimits *limits)
{
	(void)limits;
	return signal(SIGSYS, SIG_DFL) == SIG_ERR ? errno : 0;
}

static int
probe_limits(const AmSandboxLimits *limits)
{
	const struct rlimit more = { limits->descriptors + 1, limits->descriptors + 1 };
	return probe_result(setrlimit(RLIMIT_NOFILE, &more));
}

static int
probe_memory(const AmSandboxLimits *limits)
{
	void *p = mmap(NULL, limits->memory_bytes + (64u << 20), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? errno : 0;
}

static const struct {
	const char *name;
	ProbeFunc func;
	gboolean is_allowed;
} probes[] = {
	{ "a file in its own directory", probe_own_directory, TRUE },
	{ "read /etc/passwd", probe_passwd, FALSE },
	{ "a file outside its directory", probe_outside, FALSE },
	{ "write to /proc/self/mem", probe_proc, FALSE },
	{ "a TCP socket", probe_tcp, FALSE },
	{ "a Unix socket", probe_unix, FALSE },
	{ "fork", probe_fork, FALSE },
	{ "execute a program", probe_exec, FALSE },
	{ "trace another process", probe_ptrace, FALSE },
	{ "signal another process", probe_kill, FALSE },
	{ "a user name space", probe_userns, FALSE },
	{ "mount", probe_mount, FALSE },
	{ "io_uring", probe_uring, FALSE },
	{ "bpf", probe_bpf, FALSE },
	{ "executable memory", probe_code, FALSE },
	{ "become dumpable", probe_dumpable, FALSE },
	{ "catch SIGSYS", probe_handler, FALSE },
	{ "raise its limits", probe_limits, FALSE },
	{ "more memory than allowed", probe_memory, FALSE },
};

void
am_sandbox_probe_free(AmSandboxProbe *probe)
{
	g_free(probe->result);
	g_free(probe);
}

/* In the child. func NULL: stays inside until it is killed. */
static void G_GNUC_NORETURN
probe_run(const AmSandboxLimits *limits, ProbeFunc func, int ready_fd)
{
	g_autoptr(GError) error = NULL;
	if (!am_sandbox_enter(limits, NULL, &error)) {
		(void)!write(ready_fd, error->message, strlen(error->message));
		_exit(STATUS_CANNOT_ENTER);
	}
	if (func == NULL) {
		(void)!write(ready_fd, "", 1);
		for (;;)
			(void)poll(NULL, 0, -1);
	}
	_exit(func(limits));
}

static pid_t
probe_start(const AmSandboxLimits *limits, ProbeFunc func, int *read_fd, GError **error)
{
	int ends[2];
	pid_t pid = -1;
	if (pipe2(ends, O_CLOEXEC) == 0) {
		pid = fork();
		if (pid == 0)
			probe_run(limits, func, ends[1]);
		(void)close(ends[1]);
		*read_fd = ends[0];
	}
	if (pid < 0)
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sandbox: a child to try it");
	return pid;
}

static gboolean
probe_fail(int fd, GError **error)
{
	char text[500];
	ssize_t n = read(fd, text, sizeof text - 1);
	text[MAX(n, 0)] = '\0';
	g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE, text);
	return FALSE;
}

static char *
probe_describe(int status, gboolean *is_stopped)
{
	*is_stopped = TRUE;
	if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));
		return g_strdup_printf("ended (SIG%s)", name != NULL ? name : "?");
	}
	if (WEXITSTATUS(status) != 0) {
		const char *name = strerrorname_np(WEXITSTATUS(status));
		return g_strdup_printf("refused (%s)", name != NULL ? name : "?");
	}
	*is_stopped = FALSE;
	return g_strdup("works");
}

GPtrArray *
am_sandbox_probe(const AmSandboxLimits *limits, GError **error)
{
	g_autoptr(GPtrArray) found =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_sandbox_probe_free);
	for (gsize i = 0; i < G_N_ELEMENTS(probes); i++) {
		g_auto(AmFd) fd = -1;
		int status;
		gboolean is_stopped;
		pid_t pid = probe_start(limits, probes[i].func, &fd, error);
		if (pid < 0)
			return NULL;
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_CANNOT_ENTER) {
			(void)probe_fail(fd, error);
			return NULL;
		}
		AmSandboxProbe *probe = g_new0(AmSandboxProbe, 1);
		probe->name = probes[i].name;
		probe->is_allowed = probes[i].is_allowed;
		probe->result = probe_describe(status, &is_stopped);
		probe->is_good = is_stopped != probes[i].is_allowed;
		g_ptr_array_add(found, probe);
	}
	return g_steal_pointer(&found);
}

/* A process that may not be dumped belongs to root in /proc. */
static gboolean
probe_read_status(pid_t pid, AmSandboxState *state, GError **error)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
	g_autofree char *memory = g_strdup_printf("/proc/%d/mem", (int)pid);
	g_autofree char *text = NULL;
	struct stat st;
	if (!g_file_get_contents(path, &text, NULL, error))
		return FALSE;
	if (stat(memory, &st) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "%s", memory);
		return FALSE;
	}
	state->has_no_new_privs = strstr(text, "\nNoNewPrivs:\t1\n") != NULL;
	state->has_filter = strstr(text, "\nSeccomp:\t2\n") != NULL;
	state->is_dumpable = geteuid() != 0 && st.st_uid == geteuid();
	return TRUE;
}

gboolean
am_sandbox_read_state(const AmSandboxLimits *limits, AmSandboxState *state, GError **error)
{
	g_auto(AmFd) fd = -1;
	char byte = 'x';
	pid_t pid = probe_start(limits, NULL, &fd, error);
	if (pid < 0)
		return FALSE;
	gboolean ok = read(fd, &byte, 1) == 1 && byte == '\0';
	if (ok)
		ok = probe_read_status(pid, state, error);
	else
		(void)probe_fail(fd, error);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return ok;
}
