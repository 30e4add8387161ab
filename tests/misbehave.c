/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* For tests of the programs' cage: does what its first argument says and prints how it went, "ok" or the
 * name of an error.  Plain libc, built without sanitizers: they need more memory than it is given. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *arg; /* the second argument, or "" */

static int
tell(long rc)
{
	(void)!printf("%s\n", rc >= 0 ? "ok" : strerrorname_np(errno));
	return 0;
}

static void
make_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, mode);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(99);
	(void)close(fd);
}

static int
do_copy(void)
{
	char buffer[4096];
	ssize_t n;
	int from = open(arg, O_RDONLY), to = open("copy.txt", O_CREAT | O_WRONLY, 0600);
	while ((n = read(from, buffer, sizeof buffer)) > 0)
		if (write(to, buffer, (size_t)n) != n)
			return 98;
	return n == 0 ? tell(0) : 97;
}

/* Without its first four bytes: what opens it would else open the result again. */
static int
do_print_file(void)
{
	char buffer[4096];
	ssize_t n;
	int from = open(arg, O_RDONLY);
	if (lseek(from, 4, SEEK_SET) != 4)
		return 96;
	while ((n = read(from, buffer, sizeof buffer)) > 0)
		if (write(1, buffer, (size_t)n) != n)
			return 98;
	(void)!write(2, "done\n", 5);
	return n == 0 ? 0 : 97;
}

static int
do_echo(void)
{
	(void)!printf("[%s]\n", arg);
	return 0;
}

static int
do_state(void)
{
	int first = dup(0);
	(void)!printf("first free %d", first);
	for (char **e = environ; *e != NULL; e++)
		(void)!printf(" %.*s", (int)strcspn(*e, "="), *e);
	(void)!printf("\n");
	return 0;
}

static int
do_read(void)
{
	return tell(open(arg, O_RDONLY));
}

static int
do_write(void)
{
	return tell(open(arg, O_WRONLY | O_CREAT, 0600));
}

static int
do_unlink(void)
{
	return tell(unlink(arg));
}

static int
do_chmod(void)
{
	return tell(chmod(arg, 0777));
}

static int
do_inet(void)
{
	return tell(socket(AF_INET, SOCK_STREAM, 0));
}

static int
do_unix(void)
{
	return tell(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
do_kill(void)
{
	return tell(kill(atoi(arg), SIGTERM));
}

static int
do_kill_parent(void)
{
	return tell(kill(getppid(), SIGTERM));
}

static int
do_setsid(void)
{
	return tell(setpgid(0, 0) == 0 || setsid() > 0 ? 0 : -1);
}

static int
do_ptrace(void)
{
	return tell(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int
do_uring(void)
{
	return tell(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
do_mount(void)
{
	return tell(mount("none", ".", "tmpfs", 0, NULL));
}

static int
do_unshare(void)
{
	return tell(syscall(SYS_unshare, 0x10000000));
}

/* A system call by its number, with arguments that nothing could be done with. */
static int
do_call(void)
{
	return tell(syscall(atoi(arg), -1L, -1L, -1L, -1L, -1L, -1L));
}

static int
do_fork(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return tell(pid);
}

static int
do_exec_own(void)
{
	char buffer[65536];
	ssize_t n;
	int from = open("/proc/self/exe", O_RDONLY), to = open("me", O_CREAT | O_WRONLY, 0700);
	while ((n = read(from, buffer, sizeof buffer)) > 0)
		if (write(to, buffer, (size_t)n) != n)
			return 98;
	(void)close(to);
	return tell(execl("./me", "me", "echo", (char *)NULL));
}

static int
do_bomb(void)
{
	for (;;)
		if (fork() < 0)
			(void)poll(NULL, 0, 5);
}

/* The first process ends; another stays, with the pipe open. */
static int
do_leave(void)
{
	if (fork() == 0)
		for (;;)
			(void)pause();
	return 0;
}

static int
do_flood(void)
{
	static char text[65536];
	memset(text, 'x', sizeof text);
	for (;;)
		(void)!write(1, text, sizeof text);
}

static int
do_spin(void)
{
	for (volatile unsigned n = 0;; n++)
		;
}

static int
do_sleep(void)
{
	char text[20];
	(void)signal(SIGTERM, SIG_IGN);
	(void)snprintf(text, sizeof text, "%d", (int)getpid());
	make_file("pid.new", text, 0600);
	(void)rename("pid.new", "pid");
	for (;;)
		(void)pause();
}

static int
do_fill(void)
{
	static char text[65536];
	int fd = open("big", O_CREAT | O_WRONLY, 0600);
	for (;;)
		if (write(fd, text, sizeof text) < 0)
			return tell(-1);
}

/* Each below the limit of one file, and slowly: their bytes are to count before their number. */
static int
do_fill_many(void)
{
	static char text[65536];
	for (unsigned i = 0;; i++) {
		char name[20];
		(void)snprintf(name, sizeof name, "f%u", i);
		int fd = open(name, O_CREAT | O_WRONLY, 0600);
		if (fd < 0 || write(fd, text, sizeof text) < 0)
			return tell(-1);
		(void)close(fd);
		(void)usleep(2000);
	}
}

static int
do_empty_files(void)
{
	for (unsigned i = 0;; i++) {
		char name[20];
		(void)snprintf(name, sizeof name, "f%u", i);
		make_file(name, "", 0600);
	}
}

static int
do_deep(void)
{
	for (unsigned i = 0; i < 500; i++)
		if (mkdir("d", 0700) != 0 || chdir("d") != 0)
			return tell(-1);
	return tell(0);
}

/* All that a folder may hold. */
static int
do_zoo(void)
{
	make_file("plain", "plain text", 0600);
	make_file("closed", "mode 000", 0);
	if (mkdir("shut", 0700) != 0)
		return 98;
	make_file("shut/inner", "in a closed directory", 0600);
	make_file("bytes-\377\001", "odd name", 0600);
	if (symlink("/etc/passwd", "link") != 0 || symlink("..", "up") != 0 ||
	    mkfifo("fifo", 0600) != 0 || link("plain", "twin") != 0 || mkdir("void", 0) != 0)
		return 97;
	return tell(mknod("device", S_IFCHR | 0600, 0x103) == 0 ? -1 : 0);
}

static int
do_memory(void)
{
	for (size_t all = 0;; all += 1 << 20) {
		char *p = malloc(1 << 20);
		if (p == NULL)
			return tell(-1);
		memset(p, 1, 1 << 20);
	}
}

static int
do_crash(void)
{
	(void)raise(SIGSEGV);
	return 0;
}

static int
do_fail(void)
{
	(void)!printf("one line\nthe last line\n\n");
	return 7;
}

static int
do_abort(void)
{
	abort();
}

/* "Wrong password" unless it is the right one; then a file. */
static int
do_locked(void)
{
	make_file("open.txt", "not encrypted", 0600);
	if (strcmp(arg, "sesame") != 0) {
		(void)!printf("ERROR: Wrong password\n");
		return 2;
	}
	make_file("secret.txt", "it was encrypted", 0600);
	return 0;
}

static int
do_foreign(void)
{
	(void)!printf("what is that?\n");
	return 3;
}

static const struct {
	const char *name;
	int (*func)(void);
} deeds[] = {
	{ "copy", do_copy },
	{ "print-file", do_print_file },
	{ "echo", do_echo },
	{ "state", do_state },
	{ "read", do_read },
	{ "write", do_write },
	{ "unlink", do_unlink },
	{ "chmod", do_chmod },
	{ "inet", do_inet },
	{ "unix", do_unix },
	{ "kill", do_kill },
	{ "kill-parent", do_kill_parent },
	{ "setsid", do_setsid },
	{ "ptrace", do_ptrace },
	{ "uring", do_uring },
	{ "mount", do_mount },
	{ "unshare", do_unshare },
	{ "fork", do_fork },
	{ "exec-own", do_exec_own },
	{ "bomb", do_bomb },
	{ "leave", do_leave },
	{ "flood", do_flood },
	{ "spin", do_spin },
	{ "sleep", do_sleep },
	{ "fill", do_fill },
	{ "fill-many", do_fill_many },
	{ "empty-files", do_empty_files },
	{ "deep", do_deep },
	{ "zoo", do_zoo },
	{ "memory", do_memory },
	{ "crash", do_crash },
	{ "fail", do_fail },
	{ "abort", do_abort },
	{ "locked", do_locked },
	{ "foreign", do_foreign },
	{ "call", do_call },
};

int
main(int argc, char **argv)
{
	arg = argc > 2 ? argv[2] : "";
	for (size_t i = 0; argc > 1 && i < sizeof deeds / sizeof deeds[0]; i++)
		if (strcmp(argv[1], deeds[i].name) == 0)
			return deeds[i].func();
	return 96;
}
