/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What confines a worker: no new privileges, rlimits, Landlock (nothing but its own directories),
 * seccomp.  Entered before the first byte of a mail. */

#include <glib.h>

#include "mail/error.h"

typedef struct {
	const char *work_directory; /* a place it may write; NULL none */
	const char *spool_directory; /* a second such place, for big files; NULL none */
	const char *const *read_paths; /* further paths it may read, NULL-ended or NULL */
	guint64 memory_bytes;       /* growth allowed over what is already mapped (RLIMIT_AS) */
	guint64 file_bytes;         /* RLIMIT_FSIZE */
	guint cpu_seconds;          /* RLIMIT_CPU from here on; see am_sandbox_allow_cpu() */
	guint descriptors;          /* RLIMIT_NOFILE, cut to what the process may have */
	gboolean is_best_effort;    /* go on without what the kernel lacks (said in *missing) */
} AmSandboxLimits;

/* After TRUE there is no way back for the process.  *missing (may be NULL): as am_sandbox_missing(). */
gboolean am_sandbox_enter(const AmSandboxLimits *limits, char **missing, GError **error);

/* What the kernel lacks, with the version or setting that has it, "" nothing; to be freed.  *is_needed:
 * a part is missing that nothing else makes up for. */
char *am_sandbox_missing(gboolean *is_needed);
/* What of Landlock is in use, in words; NULL: it is not there. To be freed. */
char *am_sandbox_landlock_words(void);
/* Before anything is started: TRUE when workers can enter.  What is missing all the same is in *missing
 * (to be freed, "" nothing). */
gboolean am_sandbox_check(gboolean is_best_effort, char **missing, GError **error);
/* How many system calls are allowed, allowed for some arguments, and end the process. */
void am_sandbox_count_calls(guint *n_allowed, guint *n_partly, guint *n_killing);
/* The name of the system call with that number; to be freed. */
char *am_sandbox_call_name(int number);

/* Inside: `seconds` more of CPU time from now, for the next mail. */
gboolean am_sandbox_allow_cpu(guint seconds, GError **error);
