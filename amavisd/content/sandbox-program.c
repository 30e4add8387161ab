/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A program of the system is not written for a cage: it loads libraries, has threads, sets modes and
 * times of what it unpacks.  So the lists here are wider than a worker's, and what is not on them is
 * ENOSYS, for which libraries have a second way.
 *
 * chmod(), chown() and utime() and their kin say yes and do nothing: Landlock does not cover them,
 * so that they would reach every file of our user; and nobody misses the modes and times of files
 * that are looked at once.  Processes are not made, unless the configuration says that the program
 * must; the session and process group are kept, so that it can be killed whole. */

#include <config.h>

#include "content/sandbox-program.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "content/sandbox-private.h"
#include "mail/fd.h"
#include "mail/spool.h"

#define DESCRIPTORS 256
#define FILTER_INSTRUCTIONS_MAX 4096 /* of the kernel: BPF_MAXINSNS */
#define TASKS_MORE 64		     /* over all there are */

struct _AmSandboxProgram {
	struct sock_fprog filters[2]; /* without and with new processes */
	gboolean is_best_effort;
};

/* What a worker may call and a program must not; others of those have another answer here. */
static const int other_calls[] = { SCMP_SYS(accept), SCMP_SYS(accept4) };

static const int program_calls[] = {
	SCMP_SYS(execve),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(arch_prctl),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(get_robust_list),
	SCMP_SYS(getrlimit),
	SCMP_SYS(setrlimit),
	SCMP_SYS(mlock),
	SCMP_SYS(munlock),
	SCMP_SYS(pipe),
	SCMP_SYS(pipe2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(chdir),
	SCMP_SYS(fchdir),
	SCMP_SYS(creat),
	SCMP_SYS(getdents),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(rt_sigsuspend),
	SCMP_SYS(pause),
	SCMP_SYS(alarm),
	SCMP_SYS(getitimer),
	SCMP_SYS(setitimer),
	SCMP_SYS(getpgrp),
	SCMP_SYS(getpgid),
	SCMP_SYS(getsid),
	SCMP_SYS(getgroups),
	SCMP_SYS(getresuid),
	SCMP_SYS(getresgid),
	SCMP_SYS(capget),
	SCMP_SYS(getpriority),
	SCMP_SYS(setpriority),
	SCMP_SYS(sched_setaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(sync_file_range),
};

/* Yes, and nothing happens. */
static const int vain_calls[] = {
	SCMP_SYS(chmod),     SCMP_SYS(fchmod),	  SCMP_SYS(fchmodat), SCMP_SYS(chown),
	SCMP_SYS(fchown),    SCMP_SYS(lchown),	  SCMP_SYS(fchownat), SCMP_SYS(utime),
	SCMP_SYS(utimes),    SCMP_SYS(utimensat), SCMP_SYS(futimesat), SCMP_SYS(setxattr),
	SCMP_SYS(lsetxattr), SCMP_SYS(fsetxattr),
};

/* No: libraries ask for a name service by them, shells for job control. */
static const int denied_calls[] = {
	SCMP_SYS(socket),  SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
	SCMP_SYS(listen),  SCMP_SYS(accept),	 SCMP_SYS(accept4), SCMP_SYS(setsid),
	SCMP_SYS(setpgid), SCMP_SYS(tkill),
};

/* ---- the filter ---------------------------------------------------------------------------- */

static gboolean
program_is_in(int call, const int *calls, gsize n)
{
	for (gsize i = 0; i < n; i++)
		if (calls[i] == call)
			return TRUE;
	return FALSE;
}

static int
program_add_calls(scmp_filter_ctx filter, guint32 action, const int *calls, gsize n)
{
	int rc = 0;
	for (gsize i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(filter, action, calls[i], 0);
	return rc;
}

/* Threads, and processes where they may be.  clone3() keeps its flags where no filter sees them: it is
 * not there, and everybody goes back to clone(). */
static int
program_add_clone(scmp_filter_ctx filter, gboolean may_fork)
{
	const scmp_datum_t spaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS |
				    CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	int rc;
	if (!may_fork) {
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
		rc |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
		rc |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(fork), 0);
		return rc | seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(vfork), 0);
	}
	rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			      SCMP_A0(SCMP_CMP_MASKED_EQ, spaces, 0));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fork), 0);
	return rc | seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(vfork), 0);
}

static int
program_add_conditional(scmp_filter_ctx filter)
{
	const int commands[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC,
				 F_GETLK, F_SETLK, F_SETLKW };
	const guint32 requests[] = { TCGETS, TIOCGWINSZ, FIONREAD };
	const int options[] = { PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_CAPBSET_READ };
	/* with Landlock's sixth version a signal cannot leave the cage; before, none can be sent */
	guint32 signal_action =
		am_sandbox_landlock_abi() >= 6 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM);
	int rc = seccomp_rule_add(filter, signal_action, SCMP_SYS(kill), 0);
	rc |= seccomp_rule_add(filter, signal_action, SCMP_SYS(tgkill), 0);
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
			       SCMP_A0(SCMP_CMP_EQ, 0));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknod), 1,
			       SCMP_A1(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
	rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mknodat), 1,
			       SCMP_A2(SCMP_CMP_MASKED_EQ, S_IFMT, S_IFIFO));
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				       SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	for (gsize i = 0; i < G_N_ELEMENTS(requests); i++)
		rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				       SCMP_A1(SCMP_CMP_EQ, requests[i]));
	for (gsize i = 0; i < G_N_ELEMENTS(options); i++)
		rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)options[i]));
	return rc;
}

static int
program_fill_filter(scmp_filter_ctx filter, gboolean may_fork)
{
	gsize n, n_deadly;
	const int *base = am_sandbox_allowed_calls(&n);
	const int *deadly = am_sandbox_deadly_calls(&n_deadly);
	int rc = 0;
	for (gsize i = 0; i < n && rc == 0; i++)
		if (!program_is_in(base[i], other_calls, G_N_ELEMENTS(other_calls)) &&
		    !program_is_in(base[i], vain_calls, G_N_ELEMENTS(vain_calls)))
			rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, base[i], 0);
	if (rc == 0)
		rc = program_add_calls(filter, SCMP_ACT_ALLOW, program_calls,
				       G_N_ELEMENTS(program_calls));
	if (rc == 0)
		rc = program_add_calls(filter, SCMP_ACT_ERRNO(0), vain_calls,
				       G_N_ELEMENTS(vain_calls));
	if (rc == 0)
		rc = program_add_calls(filter, SCMP_ACT_ERRNO(EPERM), denied_calls,
				       G_N_ELEMENTS(denied_calls));
	if (rc == 0)
		rc = program_add_calls(filter, SCMP_ACT_KILL_PROCESS, deadly, n_deadly);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, AM_SANDBOX_KILLING_CALL, 0);
	if (rc == 0)
		rc = program_add_clone(filter, may_fork);
	return rc == 0 ? program_add_conditional(filter) : rc;
}

/* The finished filter as the kernel takes it: made once, loaded in every child. */
static gboolean
program_export(scmp_filter_ctx filter, struct sock_fprog *program, GError **error)
{
	g_auto(AmFd) fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;
	int rc = fd >= 0 ? seccomp_export_bpf(filter, fd) : -errno;
	if (rc != 0 || fstat(fd, &st) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, rc != 0 ? -rc : errno,
				   "sandbox: cannot make a filter");
		return FALSE;
	}
	gsize n = (gsize)st.st_size / sizeof(struct sock_filter);
	g_return_val_if_fail(n > 0 && n <= FILTER_INSTRUCTIONS_MAX, FALSE);
	program->len = (unsigned short)n;
	program->filter = g_new(struct sock_filter, n);
	return am_read_at(fd, program->filter, n * sizeof(struct sock_filter), 0, error) ==
	       (gssize)(n * sizeof(struct sock_filter));
}

static gboolean
program_make_filter(struct sock_fprog *program, gboolean may_fork, GError **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int rc = filter == NULL ? -ENOMEM : program_fill_filter(filter, may_fork);
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	gboolean ok = rc == 0 && program_export(filter, program, error);
	if (rc != 0)
		am_error_set_errno(error, AM_ERROR_RESOURCE, rc < 0 ? -rc : EINVAL,
				   "sandbox: filter of programs");
	if (filter != NULL)
		seccomp_release(filter);
	return ok;
}

AmSandboxProgram *
am_sandbox_program_new(gboolean is_best_effort, GError **error)
{
	g_autoptr(AmSandboxProgram) sandbox = g_new0(AmSandboxProgram, 1);
	sandbox->is_best_effort = is_best_effort;
	if (!program_make_filter(&sandbox->filters[0], FALSE, error) ||
	    !program_make_filter(&sandbox->filters[1], TRUE, error))
		return NULL;
	return g_steal_pointer(&sandbox);
}

void
am_sandbox_program_free(AmSandboxProgram *sandbox)
{
	if (sandbox == NULL)
		return;
	g_free(sandbox->filters[0].filter);
	g_free(sandbox->filters[1].filter);
	g_free(sandbox);
}

/* ---- files --------------------------------------------------------------------------------- */

#define RUNS (AM_SANDBOX_READ | AM_SANDBOX_EXECUTE | AM_SANDBOX_OPTIONAL)
#define READS (AM_SANDBOX_READ | AM_SANDBOX_OPTIONAL)

/* What any program of the system may need; nothing of /etc that tells of this machine's users. */
static const AmSandboxPath system_paths[] = {
	{ "/usr", RUNS },	       { "/bin", RUNS },
	{ "/sbin", RUNS },	       { "/lib", RUNS },
	{ "/lib32", RUNS },	       { "/lib64", RUNS },
	{ "/libx32", RUNS },	       { "/opt", RUNS },
	{ "/etc/ld.so.cache", READS }, { "/etc/localtime", READS },
	{ "/dev/urandom", READS },     { "/dev/random", READS },
	{ "/dev/zero", READS },	       { "/dev/null", READS | AM_SANDBOX_WRITE },
	{ "/proc/cpuinfo", READS },    { "/proc/meminfo", READS },
	{ "/proc/self", READS },       { "/sys/devices/system/cpu", READS },
	{ "/proc/loadavg", READS },
};

#define N_SYSTEM G_N_ELEMENTS(system_paths)

static gboolean
program_landlock(const AmSandboxProgram *sandbox, const AmSandboxPath *more, gsize n_more,
		 GError **error)
{
	g_autofree AmSandboxPath *paths = g_new0(AmSandboxPath, N_SYSTEM + n_more + 1);
	gboolean is_there;
	gsize n = 0;
	for (gsize i = 0; i < N_SYSTEM; i++)
		paths[n++] = system_paths[i];
	for (gsize i = 0; i < n_more; i++)
		if (more[i].path != NULL)
			paths[n++] = more[i];
	if (!am_sandbox_landlock_paths(paths, &is_there, error))
		return FALSE;
	if (!is_there && !sandbox->is_best_effort) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "sandbox: the kernel has no Landlock");
		return FALSE;
	}
	return TRUE;
}

static gboolean
program_no_new_rights(GError **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sandbox: prctl failed");
		return FALSE;
	}
	return TRUE;
}

/* amavisctl scan as root: then at least without root's powers. */
static gboolean
program_drop_powers(GError **error)
{
	if (geteuid() != 0)
		return TRUE;
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_BOTH) < 0) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "sandbox: cannot drop capabilities");
		return FALSE;
	}
	return TRUE;
}

gboolean
am_sandbox_program_enter_keeper(const AmSandboxProgram *sandbox, const char *directory,
				const char *const *programs, GError **error)
{
	const guint n_programs = g_strv_length((char **)programs);
	g_autofree AmSandboxPath *more = g_new0(AmSandboxPath, n_programs + 2);
	more[0] = (AmSandboxPath){ directory, AM_SANDBOX_READ | AM_SANDBOX_WRITE };
	more[1] = (AmSandboxPath){ "/proc", READS }; /* each child has a /proc/self */
	for (guint i = 0; i < n_programs; i++)
		more[i + 2] = (AmSandboxPath){ programs[i], RUNS };
	return program_drop_powers(error) && program_no_new_rights(error) &&
	       program_landlock(sandbox, more, n_programs + 2, error);
}

/* ---- limits -------------------------------------------------------------------------------- */

/* All threads and processes of the machine are never fewer than ours: so few more are left. */
static rlim_t
program_tasks(void)
{
	guint n = 0;
	FILE *file = fopen("/proc/loadavg", "re");
	if (file == NULL)
		return TASKS_MORE;
	if (fscanf(file, "%*s %*s %*s %*u/%u", &n) != 1)
		n = 0;
	(void)fclose(file); /* only read */
	return (rlim_t)n + TASKS_MORE;
}

static gboolean
program_set_limits(const AmSandboxProgramLimits *limits, GError **error)
{
	const struct {
		int resource;
		rlim_t value;
	} wanted[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NPROC, program_tasks() },
		{ RLIMIT_NOFILE, DESCRIPTORS },
		{ RLIMIT_CPU, limits->cpu_seconds },
		{ RLIMIT_FSIZE, limits->file_bytes },
		{ RLIMIT_AS, limits->memory_bytes },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++) {
		struct rlimit now;
		if (getrlimit((__rlimit_resource_t)wanted[i].resource, &now) == 0) {
			now.rlim_max = MIN(now.rlim_max, wanted[i].value);
			now.rlim_cur = now.rlim_max;
			if (setrlimit((__rlimit_resource_t)wanted[i].resource, &now) == 0)
				continue;
		}
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sandbox: resource limit %d",
				   wanted[i].resource);
		return FALSE;
	}
	return TRUE;
}

gboolean
am_sandbox_program_enter(const AmSandboxProgram *sandbox, const AmSandboxProgramLimits *limits,
			 GError **error)
{
	const AmSandboxPath more[] = {
		{ limits->program, AM_SANDBOX_READ | AM_SANDBOX_EXECUTE },
		{ limits->read_path, AM_SANDBOX_READ },
		{ limits->list_path, AM_SANDBOX_LIST },
		{ limits->write_paths[0], AM_SANDBOX_READ | AM_SANDBOX_WRITE },
		{ limits->write_paths[1], AM_SANDBOX_READ | AM_SANDBOX_WRITE },
		{ limits->write_paths[2], AM_SANDBOX_READ | AM_SANDBOX_WRITE },
	};
	/* the limits last: with little memory the rest could not be done */
	if (!program_no_new_rights(error) ||
	    !program_landlock(sandbox, more, G_N_ELEMENTS(more), error) ||
	    !program_set_limits(limits, error))
		return FALSE;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &sandbox->filters[limits->may_fork ? 1 : 0],
		  0, 0) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sandbox: seccomp");
		return FALSE;
	}
	return TRUE;
}
