/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A program as a child of its keeper. */

#include <glib.h>
#include <sys/types.h>

#include "content/program-folder.h"
#include "content/program.h"
#include "content/sandbox-program.h"

typedef struct {
	pid_t pid; /* and process group */
	int pidfd;
	int output_fd; /* what it prints, non-blocking */
} AmProgramChild;

/* Returns when the program runs.  FALSE with error: it does not, and nothing is left of it. */
gboolean am_program_child_start(AmProgramChild *child, const AmProgram *program,
				const char *password, const AmProgramFolder *folder,
				const AmSandboxProgram *sandbox,
				const AmSandboxProgramLimits *limits, GError **error);
void am_program_child_clear(AmProgramChild *child); /* closes */
