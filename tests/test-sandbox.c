/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The sandbox: each case is tried in a child of its own, as there is no way back. */

#include <config.h>

#include "content/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mail/fd.h"

typedef struct {
	const char *work;  /* may be written */
	const char *other; /* may not be touched; holds a file "there" */
} Places;

/* What is tried: 0 it worked, else errno. */
typedef int (*TryFunc)(const Places *places);

static int
result(long rc)
{
	return rc >= 0 ? 0 : errno;
}

static int
open_in(const char *directory, const char *name, int flags)
{
	g_autofree char *path = g_build_filename(directory, name, NULL);
	return open(path, flags | O_CLOEXEC, 0600);
}

static int
try_write_work(const Places *places)
{
	int fd = open_in(places->work, "mine", O_CREAT | O_RDWR | O_EXCL);
	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0)
		return errno;
	g_autofree char *path = g_build_filename(places->work, "mine", NULL);
	return result(unlink(path));
}

static int
try_tmpfile_work(const Places *places)
{
	int fd = open(places->work, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? errno : result(write(fd, "x", 1));
}

static int
try_directory_work(const Places *places)
{
	g_autofree char *path = g_build_filename(places->work, "folder", NULL);
	return mkdir(path, 0700) != 0 ? errno : result(rmdir(path));
}

static int
try_read_other(const Places *places)
{
	return result(open_in(places->other, "there", O_RDONLY));
}

static int
try_write_other(const Places *places)
{
	return result(open_in(places->other, "new", O_CREAT | O_WRONLY));
}

static int
try_list_other(const Places *places)
{
	return result(open(places->other, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
try_unlink_other(const Places *places)
{
	g_autofree char *path = g_build_filename(places->other, "there", NULL);
	return result(unlink(path));
}

static int
try_leave_work(const Places *places)
{
	g_autofree char *from = g_build_filename(places->work, "..", "there", NULL);
	(void)places;
	return result(open(from, O_RDONLY | O_CLOEXEC));
}

static int
try_passwd(const Places *places)
{
	(void)places;
	return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
try_libraries(const Places *places)
{
	(void)places;
	g_autofree char *text = g_strdup_printf("%d", g_random_int_range(0, 100));
	int fd = memfd_create("x", MFD_CLOEXEC);
	char byte;
	g_usleep(1);
	return fd < 0 || write(fd, text, 1) != 1 || pread(fd, &byte, 1, 0) != 1 ? 99 : 0;
}

static int
try_code(const Places *places)
{
	(void)places;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	return p == MAP_FAILED ? errno : 0;
}

static int
try_mprotect(const Places *places)
{
	(void)places;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? 99 : result(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int
try_socket(const Places *places)
{
	(void)places;
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_unix_socket(const Places *places)
{
	(void)places;
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
try_exec(const Places *places)
{
	(void)places;
	return result(execl("/bin/true", "true", NULL));
}

static int
try_fork(const Places *places)
{
	(void)places;
	return result(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0));
}

static int
try_kill(const Places *places)
{
	(void)places;
	return result(syscall(SYS_kill, getppid(), 0));
}

static int
try_kill_self(const Places *places)
{
	(void)places;
	return result(syscall(SYS_kill, getpid(), 0));
}

static int
try_ptrace(const Places *places)
{
	(void)places;
	return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
try_mount(const Places *places)
{
	return result(mount("none", places->work, "tmpfs", 0, NULL));
}

static int
try_uring(const Places *places)
{
	struct io_uring_params params = { 0 };
	(void)places;
	return result(syscall(SYS_io_uring_setup, 1, &params));
}

static int
try_unshare(const Places *places)
{
	(void)places;
	return result(unshare(CLONE_NEWUSER));
}

static int
try_unknown(const Places *places)
{
	(void)places;
	return result(syscall(SYS_getxattr, "/", "user.x", NULL, 0));
}

static int
try_big_file(const Places *places)
{
	int fd = open_in(places->work, "big", O_CREAT | O_RDWR);
	(void)signal(SIGXFSZ, SIG_IGN);
	return fd < 0 ? 99 : result(pwrite(fd, "x", 1, 1 << 20));
}

static int
try_abort(const Places *places)
{
	(void)places;
	abort();
}

static int
try_spin(const Places *places)
{
	volatile guint64 n = 0;
	(void)places;
	for (;;)
		n++;
	return 0;
}

static int
try_two_seconds(const Places *places)
{
	/* more time for the next mail: what was used before does not count */
	(void)places;
	gint64 end = g_get_monotonic_time() + 1200 * 1000;
	while (g_get_monotonic_time() < end)
		if (!am_sandbox_allow_cpu(1, NULL))
			return 99;
	return 0;
}

#define DIES(signal) (1000 + (signal))

static const struct {
	const char *name;
	TryFunc func;
	int expected; /* errno, 0 for success, DIES() */
} cases[] = {
	{ "writes its directory", try_write_work, 0 },
	{ "makes nameless files", try_tmpfile_work, 0 },
	{ "makes directories", try_directory_work, 0 },
	{ "uses memory, time, chance", try_libraries, 0 },
	{ "may signal itself", try_kill_self, 0 },
	{ "may have more time", try_two_seconds, 0 },
	{ "reads no other file", try_read_other, EACCES },
	{ "writes no other file", try_write_other, EACCES },
	{ "lists no directory", try_list_other, EACCES },
	{ "removes no other file", try_unlink_other, EACCES },
	{ "cannot leave by ..", try_leave_work, EACCES },
	{ "reads no passwd", try_passwd, EACCES },
	{ "no code", try_code, EPERM },
	{ "no code by mprotect", try_mprotect, EPERM },
	{ "call not on the list", try_unknown, EPERM },
	{ "file limit", try_big_file, EFBIG },
	{ "socket", try_socket, DIES(SIGSYS) },
	{ "unix socket", try_unix_socket, DIES(SIGSYS) },
	{ "exec", try_exec, DIES(SIGSYS) },
	{ "fork", try_fork, DIES(SIGSYS) },
	{ "kill", try_kill, DIES(SIGSYS) },
	{ "ptrace", try_ptrace, DIES(SIGSYS) },
	{ "mount", try_mount, DIES(SIGSYS) },
	{ "io_uring", try_uring, DIES(SIGSYS) },
	{ "unshare", try_unshare, DIES(SIGSYS) },
	{ "abort is seen", try_abort, DIES(SIGABRT) },
	{ "CPU limit", try_spin, DIES(SIGXCPU) },
};

static void
run_inside(TryFunc func, const Places *places)
{
	AmSandboxLimits limits = {
		.work_directory = places->work,
		.memory_bytes = 256u << 20,
		.file_bytes = 65536,
		.cpu_seconds = 1,
		.descriptors = 64,
	};
	g_autoptr(GError) error = NULL;
	g_autofree char *missing = NULL;
	if (freopen("/dev/null", "w", stderr) == NULL) /* sanitizers have words on abort() */
		_exit(201);
	if (!am_sandbox_enter(&limits, &missing, &error))
		_exit(200);
	_exit(func(places));
}

static int
run_child(TryFunc func, const Places *places)
{
	int status;
	pid_t pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0)
		run_inside(func, places);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return WIFSIGNALED(status) ? DIES(WTERMSIG(status)) : WEXITSTATUS(status);
}

static void
test_walls(void)
{
	g_autofree char *base = g_dir_make_tmp("sandbox-XXXXXX", NULL);
	g_autofree char *work = g_build_filename(base, "work", NULL);
	g_autofree char *there = g_build_filename(base, "there", NULL);
	Places places = { work, base };
	g_assert_cmpint(g_mkdir(work, 0700), ==, 0);
	g_assert_true(g_file_set_contents(there, "x", 1, NULL));
	if (run_child(try_libraries, &places) == 200) {
		g_test_skip("no Landlock in this kernel");
		return;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].name);
		g_assert_cmpint(run_child(cases[i].func, &places), ==, cases[i].expected);
	}
	g_autofree char *big = g_build_filename(work, "big", NULL);
	(void)g_unlink(big);
	g_assert_cmpint(g_unlink(there), ==, 0);
	g_assert_cmpint(g_rmdir(work), ==, 0);
	g_assert_cmpint(g_rmdir(base), ==, 0);
}

/* A directory that is not there is our own fault, told before anything is confined. */
static void
test_no_directory(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		AmSandboxLimits limits = { .work_directory = "/nonexistent/x" };
		g_autoptr(GError) error = NULL;
		gboolean ok = am_sandbox_enter(&limits, NULL, &error);
		_exit(!ok && g_error_matches(error, AM_ERROR, AM_ERROR_RESOURCE) &&
				      strstr(error->message, "/nonexistent/x") != NULL
			      ? 0
			      : 1);
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sandbox/walls", test_walls);
	g_test_add_func("/sandbox/no-directory", test_no_directory);
	return g_test_run();
}
