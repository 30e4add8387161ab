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
 * of the process' domain.  What the kernel is too old for is appended to `missing`; when Landlock
 * is not there at all *is_there is FALSE and nothing was done. */
gboolean am_sandbox_landlock(const AmSandboxLimits *limits, GString *missing, gboolean *is_there,
			     GError **error);
/* How many system calls are allowed, allowed for some arguments, and end the process. */
void am_sandbox_count_calls(guint *n_allowed, guint *n_partly, guint *n_killing);
/* Only the system calls on the list; those that no honest worker makes end the process, their number on
 * the stage (stage.h). */
gboolean am_sandbox_seccomp(GError **error);
