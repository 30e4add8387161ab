/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Runs a program on a kernel that knows less:
 *
 *     launch-without landlock PROGRAM [ARGUMENT]...    there is no Landlock (ENOSYS)
 *     launch-without abi=N PROGRAM [ARGUMENT]...       Landlock says that it is at ABI N
 *
 * A seccomp filter does it, which all children keep.  For the second form this process stays and
 * answers the question in the kernel's place. */

#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION_FLAG 1

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "launch-without: %s: %s\n", what, strerror(errno));
	exit(125);
}

static scmp_filter_ctx
without_landlock(void)
{
	static const int calls[] = { SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule),
				     SCMP_SYS(landlock_restrict_self) };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if (filter == NULL ||
		    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), calls[i], 0) != 0)
			fail("filter");
	return filter;
}

static scmp_filter_ctx
with_abi(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (filter == NULL ||
	    seccomp_rule_add(filter, SCMP_ACT_NOTIFY, SCMP_SYS(landlock_create_ruleset), 1,
			     SCMP_A2(SCMP_CMP_EQ, VERSION_FLAG)) != 0)
		fail("filter");
	return filter;
}

/* Until nobody is left who could ask. */
static void
answer(int fd, long abi)
{
	struct seccomp_notif *request;
	struct seccomp_notif_resp *response;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	if (seccomp_notify_alloc(&request, &response) != 0)
		fail("memory");
	while (poll(&wait, 1, -1) == 1 && (wait.revents & POLLIN) != 0) {
		memset(request, 0, sizeof *request); /* or it is EINVAL */
		if (seccomp_notify_receive(fd, request) != 0)
			continue; /* it was killed meanwhile */
		memset(response, 0, sizeof *response);
		response->id = request->id;
		response->val = abi;
		(void)seccomp_notify_respond(fd, response);
	}
	seccomp_notify_free(request, response);
}

static pid_t child;

static void
pass_on(int number)
{
	(void)kill(child, number);
}

static int
run_answered(char **argv, long abi)
{
	scmp_filter_ctx filter = with_abi();
	int ends[2], fd = -1, status;
	if (pipe(ends) != 0)
		fail("pipe");
	/* with common descriptors the listening one is ours too */
	child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
	if (child < 0)
		fail("clone");
	if (child == 0) {
		if (seccomp_load(filter) != 0)
			fail("seccomp");
		fd = seccomp_notify_fd(filter);
		if (write(ends[1], &fd, sizeof fd) != sizeof fd)
			fail("pipe");
		execv(argv[0], argv);
		fail(argv[0]);
	}
	if (read(ends[0], &fd, sizeof fd) != sizeof fd)
		fail("no filter");
	(void)signal(SIGTERM, pass_on);
	(void)signal(SIGHUP, pass_on);
	answer(fd, abi);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: launch-without landlock|abi=N PROGRAM [ARGUMENT]...\n");
		return 125;
	}
	if (strncmp(argv[1], "abi=", 4) == 0)
		return run_answered(argv + 2, atol(argv[1] + 4));
	if (seccomp_load(without_landlock()) != 0)
		fail("seccomp");
	execv(argv[2], argv + 2);
	fail(argv[2]);
}
