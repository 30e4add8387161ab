/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* seccomp: three lists.  What GLib, libmagic, libarchive and libclamav need is allowed; what only
 * an intruder would try ends the process with SIGSYS, so that it is seen; all else says EPERM, as a
 * library may well ask for something optional and take no for an answer.
 *
 * The end comes in two steps, so that the log can name the call: the kernel refuses it and runs our
 * SIGSYS handler, which leaves the number on the stage and makes a call that kills at once.  The filter
 * lets nobody change that handler; whoever spoils its stack or blocks the signal is killed by the
 * kernel for it.  The refused call is never made in any case.
 *
 * Memory is never executable once the filter stands: mmap() and mprotect() with PROT_EXEC fail,
 * which also means that no shared object can be loaded (charset converters, plugins: all before). */

#include <config.h>

#include "content/sandbox-private.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "content/stage.h"

static const int allowed_calls[] = {
	/* bytes of open files */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(preadv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(pwritev),
	SCMP_SYS(lseek),
	SCMP_SYS(_llseek),
	SCMP_SYS(sendfile),
	SCMP_SYS(copy_file_range),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	SCMP_SYS(fadvise64),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(close),
	SCMP_SYS(close_range),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(memfd_create),
	/* files; Landlock says which */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64),
	SCMP_SYS(getcwd),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(umask),
	SCMP_SYS(flock),
	/* memory; mmap, mprotect and mremap by rules below */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(msync),
	SCMP_SYS(mincore),
	/* time, waiting, locks */
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(sched_yield),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(restart_syscall),
	/* the exchange with the session: connections come by accept() */
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(getsockopt),
	SCMP_SYS(getsockname),
	/* signals of its own; rt_sigaction by rules below */
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	/* who and what am I */
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getcpu),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrandom),
	SCMP_SYS(rseq),
	SCMP_SYS(membarrier),
	/* the end */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

/* What ends a worker, and may be met in programs of the system, which have other answers to it. */
static const int worker_calls[] = {
	/* other programs, other processes */
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(process_madvise),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(rt_sigqueueinfo),
	SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(tkill),
	/* network */
	SCMP_SYS(socket),
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	/* the listening socket belongs to all workers */
	SCMP_SYS(shutdown),
	SCMP_SYS(setsockopt),
	/* privileges */
	SCMP_SYS(setuid),
	SCMP_SYS(setgid),
	SCMP_SYS(setreuid),
	SCMP_SYS(setregid),
	SCMP_SYS(setresuid),
	SCMP_SYS(setresgid),
	SCMP_SYS(setgroups),
	SCMP_SYS(capset),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(personality),
	SCMP_SYS(vmsplice),
};

/* What ends workers and programs. */
static const int deadly_calls[] = {
	/* other processes */
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(kcmp),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(pidfd_send_signal),
	/* name spaces, the file system as a whole */
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(chroot),
	SCMP_SYS(pivot_root),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(open_tree),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at),
	/* corners of the kernel that have been ways out */
	SCMP_SYS(bpf),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(syslog),
	SCMP_SYS(quotactl),
	SCMP_SYS(acct),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(ioperm),
	SCMP_SYS(iopl),
};

static void
seccomp_on_sigsys(int number, siginfo_t *info, void *context)
{
	(void)number, (void)context;
	am_stage_call(info->si_syscall);
	for (;;)
		(void)syscall(AM_SANDBOX_KILLING_CALL, 0, 0, 0, 0);
}

static gboolean
seccomp_catch(GError **error)
{
	struct sigaction action = { .sa_sigaction = seccomp_on_sigsys, .sa_flags = SA_SIGINFO };
	sigset_t mask;
	(void)sigfillset(&action.sa_mask);
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGSYS);
	if (sigaction(SIGSYS, &action, NULL) == 0 && sigprocmask(SIG_UNBLOCK, &mask, NULL) == 0)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sandbox: SIGSYS");
	return FALSE;
}

/* All signals but the two that hold the sandbox together. */
static int
seccomp_add_sigaction(scmp_filter_ctx filter)
{
	int rc = 0;
	for (int number = 1; number < 65; number++)
		if (number != SIGSYS && number != SIGXCPU)
			rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(rt_sigaction), 1,
					       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)number));
	rc |= seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(rt_sigaction), 1,
			       SCMP_A0(SCMP_CMP_EQ, SIGSYS));
	return rc | seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(rt_sigaction), 1,
				     SCMP_A0(SCMP_CMP_EQ, SIGXCPU));
}

/* mmap, mprotect, mremap, rt_sigaction, tgkill, kill, prlimit64, ioctl, prctl, fcntl; getrlimit and
 * setrlimit are allowed beside; clone, clone3 and AM_SANDBOX_KILLING_CALL kill */
#define CONDITIONAL_CALLS 10
#define KILLING_ALONE 3

const int *
am_sandbox_allowed_calls(gsize *n)
{
	*n = G_N_ELEMENTS(allowed_calls);
	return allowed_calls;
}

const int *
am_sandbox_deadly_calls(gsize *n)
{
	*n = G_N_ELEMENTS(deadly_calls);
	return deadly_calls;
}

/* Allowed for some arguments only. */
static int
seccomp_add_conditional(scmp_filter_ctx filter)
{
	const scmp_datum_t me = (scmp_datum_t)getpid();
	const int commands[] = { F_GETFD,	  F_SETFD, F_GETFL, F_SETFL,	 F_DUPFD,
				 F_DUPFD_CLOEXEC, F_GETLK, F_SETLK, F_ADD_SEALS, F_GET_SEALS };
	int rc = 0;

	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* as realloc() does; moving code over other code is not wanted */
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mremap), 1,
			       SCMP_A3(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)MREMAP_MAYMOVE, 0));
	rc |= seccomp_add_sigaction(filter);
	/* abort() and raise(), and the session's limits; a signal to anybody else ends it */
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			       SCMP_A0(SCMP_CMP_EQ, me));
	rc |= seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(tgkill), 1,
			       SCMP_A0(SCMP_CMP_NE, me));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_EQ, me));
	rc |= seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(kill), 1,
			       SCMP_A0(SCMP_CMP_NE, me));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
			       SCMP_A0(SCMP_CMP_EQ, 0));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getrlimit), 0);
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setrlimit), 0);
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			       SCMP_A1(SCMP_CMP_EQ, TCGETS)); /* isatty() */
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			       SCMP_A1(SCMP_CMP_EQ, FIONREAD));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
			       SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				       SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	/* pthread_create() tries clone3 first, and goes back to clone when that is unknown, as its
	 * arguments cannot be seen by a filter; neither threads nor processes are made here. */
	rc |= seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, AM_SANDBOX_KILLING_CALL, 0);
	rc |= seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(clone3), 0);
	rc |= seccomp_rule_add(filter, SCMP_ACT_TRAP, SCMP_SYS(clone), 0);
	return rc;
}

static gboolean
seccomp_fail(GError **error, int rc, const char *what)
{
	am_error_set_errno(error, AM_ERROR_RESOURCE, rc < 0 ? -rc : EINVAL, "sandbox: %s", what);
	return FALSE;
}

static gboolean
seccomp_trap(scmp_filter_ctx filter, const int *calls, gsize n, GError **error)
{
	for (gsize i = 0; i < n; i++) {
		int rc = seccomp_rule_add(filter, SCMP_ACT_TRAP, calls[i], 0);
		if (rc != 0)
			return seccomp_fail(error, rc, "cannot forbid a call");
	}
	return TRUE;
}

static gboolean
seccomp_fill(scmp_filter_ctx filter, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(allowed_calls); i++) {
		int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
		if (rc != 0)
			return seccomp_fail(error, rc, "cannot allow a call");
	}
	if (!seccomp_trap(filter, worker_calls, G_N_ELEMENTS(worker_calls), error) ||
	    !seccomp_trap(filter, deadly_calls, G_N_ELEMENTS(deadly_calls), error))
		return FALSE;
	return seccomp_add_conditional(filter) == 0 ? TRUE
						    : seccomp_fail(error, 0, "cannot add a rule");
}

char *
am_sandbox_call_name(int number)
{
	char *known = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
	char *name = known != NULL ? g_strdup(known) : g_strdup_printf("%d", number);
	free(known);
	return name;
}

void
am_sandbox_count_calls(guint *n_allowed, guint *n_partly, guint *n_killing)
{
	*n_allowed = G_N_ELEMENTS(allowed_calls);
	*n_partly = CONDITIONAL_CALLS;
	*n_killing = G_N_ELEMENTS(worker_calls) + G_N_ELEMENTS(deadly_calls) + KILLING_ALONE;
}

gboolean
am_sandbox_seccomp(GError **error)
{
	if (!seccomp_catch(error))
		return FALSE;
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (filter == NULL)
		return seccomp_fail(error, -ENOMEM, "cannot make a seccomp filter");
	/* A call of another architecture's table (32-bit on 64) ends the process too. */
	gboolean ok = seccomp_fill(filter, error);
	int rc = 0;
	if (ok &&
	    ((rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)) != 0 ||
	     (rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2)) != 0 ||
	     (rc = seccomp_load(filter)) != 0))
		ok = seccomp_fail(error, rc, "cannot load the seccomp filter");
	seccomp_release(filter);
	return ok;
}
