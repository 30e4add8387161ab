/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The cage of an outside program (keeper.h): Landlock for its files, a seccomp filter of its own. */

#include <glib.h>

#include "mail/error.h"

typedef struct _AmSandboxProgram AmSandboxProgram;

/* Makes the filters once, before any program is run.  is_best_effort: go on without Landlock. */
AmSandboxProgram *am_sandbox_program_new(gboolean is_best_effort, GError **error);
void am_sandbox_program_free(AmSandboxProgram *sandbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmSandboxProgram, am_sandbox_program_free)

typedef struct {
	const char *program;     /* may be executed wherever it lies */
	const char *read_path;   /* a file it may read */
	const char *list_path;   /* a directory whose names it may see */
	const char *write_paths[3]; /* directories it may do in as it likes; NULL ends them */
	gboolean may_fork;
	guint cpu_seconds;
	guint64 memory_bytes;
	guint64 file_bytes; /* for each file */
} AmSandboxProgramLimits;

/* For the keeper itself, which makes directories for programs in `directory`: no other files than
 * those and what programs may read and execute, `programs` (NULL-ended paths) among it; no way to
 * gain rights. */
gboolean am_sandbox_program_enter_keeper(const AmSandboxProgram *sandbox, const char *directory,
					 const char *const *programs, GError **error);
/* In the child that is about to execute the program; nothing but execve() may come after. */
gboolean am_sandbox_program_enter(const AmSandboxProgram *sandbox,
				  const AmSandboxProgramLimits *limits, GError **error);
