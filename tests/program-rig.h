/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A runner with programs of the tests (misbehave.c), and this process as the zygote and its workers. */

#include "content/runner.h"

typedef struct {
	char *directory, *spool, *helper; /* helper: a copy of misbehave that anybody may run */
	int channel[2];
	AmRunner runner;
	GPtrArray *programs; /* AmProgram */
} ProgramRig;

/* To be called first in main(): as root, the rest of the test is run as nobody, as the daemon never
 * works as root. */
void program_rig_drop_root(void);
/* Makes directories; programs are then added, and the runner started. */
void program_rig_init(ProgramRig *rig);
/* deed and up to one argument of misbehave.  Returns the number. */
guint program_rig_add(ProgramRig *rig, const char *deed, const char *argument, guint32 flags);
void program_rig_start(ProgramRig *rig);
/* A worker of that number (it is not a process); its directory is made, its socket returned. */
int program_rig_worker(ProgramRig *rig, pid_t worker);
/* What keepers and runner have logged till now; to be freed. */
char *program_rig_log(ProgramRig *rig);
/* Stops the runner; the directory must be empty then. */
void program_rig_clear(ProgramRig *rig);
/* Waits, seconds at most, till the path is gone. */
gboolean program_rig_is_gone(const char *path);

#define RIG_QUOTA (1u << 20) /* bytes that a program may write */

/* A descriptor that holds the text. */
int program_rig_content(const char *text);
/* Has a program run on some content; ms: what the mail has left. */
void program_rig_ask(int worker, guint program, const char *password, gint ms,
		     AmProgramReply *reply);
/* The mail is done with. */
void program_rig_done(int worker);
