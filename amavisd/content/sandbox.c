/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The sandbox of a content worker, in the order in which its walls can be put up: resource limits,
 * no_new_privs (which both mechanisms need), Landlock for the file system, seccomp last because it
 * takes away the calls that the others are made with.
 *
 * Each wall is enough for its own threat: Landlock keeps files, seccomp keeps the network and the
 * kernel's rarer corners, rlimits keep the machine.  seccomp has to be there always; Landlock may be
 * missing when the administrator said `sandbox = best-effort`. */

#include <config.h>

#include "content/sandbox-private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Cuts to the hard limit, which an ordinary user cannot raise. */
static gboolean
sandbox_limit(int resource, const char *name, rlim_t soft, rlim_t hard, GError **error)
{
	struct rlimit now;
	if (getrlimit(resource, &now) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot read limit %s", name);
		return FALSE;
	}
	struct rlimit wanted = { MIN(soft, now.rlim_max), MIN(hard, now.rlim_max) };
	if (setrlimit(resource, &wanted) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot set limit %s", name);
		return FALSE;
	}
	return TRUE;
}

/* Bytes of address space mapped now; 0 when unknown. */
static guint64
sandbox_mapped_bytes(void)
{
	guint64 pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%" G_GUINT64_FORMAT, &pages) != 1)
		pages = 0;
	(void)fclose(file); /* only read */
	return pages * (guint64)sysconf(_SC_PAGESIZE);
}

static gboolean
sandbox_limit_memory(guint64 bytes, GError **error)
{
	if (bytes == 0 || AM_SANDBOX_ASAN) /* AddressSanitizer maps terabytes of shadow */
		return TRUE;
	guint64 mapped = sandbox_mapped_bytes();
	if (mapped == 0) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "cannot read /proc/self/statm");
		return FALSE;
	}
	return sandbox_limit(RLIMIT_AS, "AS", mapped + bytes, mapped + bytes, error);
}

gboolean
am_sandbox_allow_cpu(guint seconds, GError **error)
{
	struct timespec used;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot read CPU time");
		return FALSE;
	}
	/* SIGXCPU at the soft limit ends the process; the hard one stays open so that the soft can
	 * be moved for each mail. */
	return sandbox_limit(RLIMIT_CPU, "CPU", (rlim_t)used.tv_sec + 1 + seconds, RLIM_INFINITY,
			     error);
}

static gboolean
sandbox_set_limits(const AmSandboxLimits *limits, GError **error)
{
	if (!sandbox_limit(RLIMIT_CORE, "CORE", 0, 0, error) ||
	    !sandbox_limit_memory(limits->memory_bytes, error))
		return FALSE;
	if (limits->file_bytes != 0 &&
	    !sandbox_limit(RLIMIT_FSIZE, "FSIZE", limits->file_bytes, limits->file_bytes, error))
		return FALSE;
	if (limits->cpu_seconds != 0 && !am_sandbox_allow_cpu(limits->cpu_seconds, error))
		return FALSE;
	return limits->descriptors == 0 ||
	       sandbox_limit(RLIMIT_NOFILE, "NOFILE", limits->descriptors, limits->descriptors,
			     error);
}

/* Whether to go on. */
static gboolean
sandbox_accept(gboolean has_landlock, gboolean is_best_effort, char **missing, GError **error)
{
	gboolean is_needed;
	*missing = am_sandbox_missing(&is_needed);
	if (has_landlock || is_best_effort)
		return TRUE;
	g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE,
		    "sandbox: the kernel has no %s; [content] sandbox = best-effort would go on "
		    "without it",
		    *missing);
	g_clear_pointer(missing, g_free);
	return FALSE;
}

gboolean
am_sandbox_check(gboolean is_best_effort, char **missing, GError **error)
{
	return sandbox_accept(am_sandbox_landlock_abi() >= 1, is_best_effort, missing, error);
}

gboolean
am_sandbox_enter(const AmSandboxLimits *limits, char **missing, GError **error)
{
	gboolean has_landlock = FALSE;

	if (!sandbox_set_limits(limits, error))
		return FALSE;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sandbox: prctl failed");
		return FALSE;
	}
	if (!am_sandbox_landlock(limits, &has_landlock, error))
		return FALSE;
	g_autofree char *lacks = NULL;
	if (!sandbox_accept(has_landlock, limits->is_best_effort, &lacks, error) ||
	    !am_sandbox_seccomp(error))
		return FALSE;
	if (missing != NULL)
		*missing = g_steal_pointer(&lacks);
	return TRUE;
}
