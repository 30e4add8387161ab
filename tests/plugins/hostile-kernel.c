/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Processes, privileges, the kernel. */

#define _GNU_SOURCE

#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- processes ----------------------------------------------------------------------------- */

static int
try_exec(const Try *try)
{
	(void)try;
	return result(execl("/bin/true", "true", NULL));
}

static int
try_fork(const Try *try)
{
	(void)try;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
try_fork_bomb(const Try *try)
{
	(void)try;
	for (;;)
		(void)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	return 0;
}

static void *
thread_main(void *data)
{
	return data;
}

static int
try_thread(const Try *try)
{
	pthread_t thread;
	(void)try;
	return pthread_create(&thread, NULL, thread_main, NULL);
}

static pid_t
target(const Try *try)
{
	return try->argument != NULL ? (pid_t)atoi(try->argument) : getppid();
}

static int
try_ptrace(const Try *try)
{
	return result(ptrace(PTRACE_ATTACH, target(try), NULL, NULL));
}

static int
try_vm_read(const Try *try)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &byte, 1 };
	return result(process_vm_readv(target(try), &here, 1, &there, 1, 0));
}

static int
try_kill(const Try *try)
{
	return result(kill(target(try), SIGKILL));
}

static int
try_kill_all(const Try *try)
{
	(void)try;
	return result(kill(-1, SIGKILL));
}

static int
try_tgkill(const Try *try)
{
	return result(syscall(SYS_tgkill, target(try), target(try), SIGKILL));
}

static int
try_sigqueue(const Try *try)
{
	siginfo_t info = { .si_code = SI_QUEUE };
	return result(syscall(SYS_rt_sigqueueinfo, target(try), SIGKILL, &info));
}

static int
try_pidfd(const Try *try)
{
	return result(syscall(SYS_pidfd_open, target(try), 0));
}

static int
try_prlimit(const Try *try)
{
	const struct rlimit none = { 0, 0 };
	return result(prlimit(target(try), RLIMIT_NOFILE, &none, NULL));
}

static int
try_owner(const Try *try)
{
	/* have the kernel send a signal for us */
	return result(fcntl(try->self->host->mail_fd(try->scan), F_SETOWN, getppid()));
}

/* ---- privileges and the kernel ------------------------------------------------------------- */

static int
try_setuid(const Try *try)
{
	(void)try;
	return result(syscall(SYS_setuid, 0));
}

static int
try_unshare(const Try *try)
{
	(void)try;
	return result(unshare(CLONE_NEWUSER));
}

static int
try_mount(const Try *try)
{
	(void)try;
	return result(mount("none", ".", "tmpfs", 0, NULL));
}

static int
try_chroot(const Try *try)
{
	(void)try;
	return result(chroot("."));
}

static int
try_mknod(const Try *try)
{
	(void)try;
	return result(mknod("fifo", S_IFIFO | 0600, 0));
}

static int
try_uring(const Try *try)
{
	struct io_uring_params params = { 0 };
	(void)try;
	return result(syscall(SYS_io_uring_setup, 1, &params));
}

static int
try_bpf(const Try *try)
{
	(void)try;
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
try_userfault(const Try *try)
{
	(void)try;
	return result(syscall(SYS_userfaultfd, 0));
}

static int
try_perf(const Try *try)
{
	(void)try;
	return result(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int
try_keyctl(const Try *try)
{
	(void)try;
	return result(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
}

static int
try_code(const Try *try)
{
	(void)try;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	return p == MAP_FAILED ? errno : 0;
}

static int
try_code_file(const Try *try)
{
	(void)try;
	int fd = memfd_create("code", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 4096) != 0)
		return 99;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? errno : 0;
}

static int
try_mprotect(const Try *try)
{
	static int data = 1;
	void *page = (void *)((guintptr)&data & ~(guintptr)4095);
	(void)try;
	return result(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
}

static int
try_move_code(const Try *try)
{
	guintptr code = (guintptr)try_mprotect & ~(guintptr)4095;
	(void)try;
	void *p = mremap((void *)code, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED,
			 (void *)(code + (1u << 24)));
	return p == MAP_FAILED ? errno : 0;
}

static int
try_tiocsti(const Try *try)
{
	(void)try;
	return result(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int
try_dumpable(const Try *try)
{
	(void)try;
	return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int
try_death_signal(const Try *try)
{
	(void)try;
	return result(prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0));
}

static int
try_raise_limits(const Try *try)
{
	static const int which[] = { RLIMIT_AS, RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CORE };
	struct rlimit limit;
	(void)try;
	for (size_t i = 0; i < G_N_ELEMENTS(which); i++) {
		if (getrlimit(which[i], &limit) != 0)
			return 99;
		limit.rlim_max =
			limit.rlim_max == RLIM_INFINITY ? RLIM_INFINITY : limit.rlim_max + 1;
		if (limit.rlim_max == RLIM_INFINITY)
			continue; /* none was set, see the test */
		if (setrlimit(which[i], &limit) == 0)
			return 0;
	}
	return errno;
}

/* ---- signals, time ------------------------------------------------------------------------- */

static int
try_catch_sigsys(const Try *try)
{
	(void)try;
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}

static int
try_ignore_cpu(const Try *try)
{
	(void)try;
	return signal(SIGXCPU, SIG_IGN) == SIG_ERR ? errno : 0;
}

static int
try_spin(const Try *try)
{
	(void)try;
	for (volatile unsigned n = 0;; n++)
		;
	return 0;
}

static int
try_spin_blocked(const Try *try)
{
	sigset_t mask;
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	(void)sigfillset(&mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	(void)setrlimit(RLIMIT_CPU, &none);
	return try_spin(try);
}

static int
try_sleep(const Try *try)
{
	sigset_t mask;
	(void)try;
	(void)sigfillset(&mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	for (;;)
		(void)sleep(1000);
	return 0;
}

/* The signal that the sandbox sends cannot be kept away by a mask or a bad stack either. */
static int
try_blocked_socket(const Try *try)
{
	sigset_t mask;
	(void)sigfillset(&mask);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	(void)try;
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

/* ---- the words */

const HostileWord hostile_kernel[] = {
	{ "exec", try_exec },
	{ "fork", try_fork },
	{ "fork-bomb", try_fork_bomb },
	{ "thread", try_thread },
	{ "ptrace", try_ptrace },
	{ "vm-read", try_vm_read },
	{ "kill", try_kill },
	{ "kill-all", try_kill_all },
	{ "tgkill", try_tgkill },
	{ "sigqueue", try_sigqueue },
	{ "pidfd", try_pidfd },
	{ "prlimit", try_prlimit },
	{ "owner", try_owner },
	{ "setuid", try_setuid },
	{ "unshare", try_unshare },
	{ "mount", try_mount },
	{ "chroot", try_chroot },
	{ "mknod", try_mknod },
	{ "uring", try_uring },
	{ "bpf", try_bpf },
	{ "userfault", try_userfault },
	{ "perf", try_perf },
	{ "keyctl", try_keyctl },
	{ "code", try_code },
	{ "code-file", try_code_file },
	{ "mprotect", try_mprotect },
	{ "move-code", try_move_code },
	{ "tiocsti", try_tiocsti },
	{ "dumpable", try_dumpable },
	{ "death-signal", try_death_signal },
	{ "raise-limits", try_raise_limits },
	{ "catch-sigsys", try_catch_sigsys },
	{ "ignore-cpu", try_ignore_cpu },
	{ "spin", try_spin },
	{ "spin-blocked", try_spin_blocked },
	{ "sleep", try_sleep },
	{ "blocked-socket", try_blocked_socket },
	{ NULL, NULL },
};
