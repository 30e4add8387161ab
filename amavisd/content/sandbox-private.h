/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The two mechanisms behind sandbox.c. */

#include "content/sandbox.h"

#if defined(__SANITIZE_ADDRESS__)
#define AM_SANDBOX_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AM_SANDBOX_ASAN 1
#endif
#endif
#ifndef AM_SANDBOX_ASAN
#define AM_SANDBOX_ASAN 0
#endif

/* No file system but the limits' directories and paths, no TCP, no signals or abstract sockets out
 * of the process' domain.  When Landlock is not there *is_there is FALSE and nothing was done. */
gboolean am_sandbox_landlock(const AmSandboxLimits *limits, gboolean *is_there, GError **error);
/* Only the system calls on the list; those that no honest worker makes end the process, their number on
 * the stage (stage.h). */
gboolean am_sandbox_seccomp(GError **error);
/* Those that are allowed whatever their arguments. */
const int *am_sandbox_allowed_calls(gsize *n);
/* Those that no honest worker and no honest program has a use for: they end the process. */
const int *am_sandbox_deadly_calls(gsize *n);
/* Is another of them, and ends a worker at once, where they leave their number on the stage. */
#define AM_SANDBOX_KILLING_CALL SCMP_SYS(reboot)

typedef enum {
	AM_SANDBOX_READ = 1 << 0,    /* files and directories */
	AM_SANDBOX_EXECUTE = 1 << 1,
	AM_SANDBOX_WRITE = 1 << 2,   /* make, change and remove files, directories and links */
	AM_SANDBOX_OPTIONAL = 1 << 3, /* the path need not be there */
	AM_SANDBOX_LIST = 1 << 4,    /* directories, not what is in their files */
} AmSandboxAccess;

typedef struct {
	const char *path;
	guint32 access;
} AmSandboxPath;

/* As am_sandbox_landlock(), with these paths; one whose path is NULL ends them. */
gboolean am_sandbox_landlock_paths(const AmSandboxPath *paths, gboolean *is_there, GError **error);
/* The kernel's Landlock, 0 none. */
long am_sandbox_landlock_abi(void);
