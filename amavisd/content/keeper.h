/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The keeper of one worker: a small process outside the worker's sandbox that runs the configured
 * programs for it, each in a folder and a cage of its own, and ends with it. */

#include <glib.h>
#include <sys/types.h>

#include "content/sandbox-program.h"

typedef struct {
	GPtrArray *programs;	      /* AmProgram */
	AmSandboxProgram *sandbox;
	char *spool_directory;	      /* a worker's is "work-PID" in it */
	guint time_s;		      /* no program runs longer */
	guint64 memory_bytes;
	guint64 max_bytes;	      /* no content, and no result, is larger */
	guint max_files;
	int channel_fd;		      /* to the log, see channel.h */
} AmKeeperSetup;

/* The life of the calling process.  socket: to the worker; lifeline: reads as ended when the runner
 * is gone. Returns the exit status. */
int am_keeper_run(const AmKeeperSetup *setup, int socket, int lifeline, pid_t worker);
