/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The runner: a small process, forked from the zygote before big databases are loaded, that makes a
 * keeper (keeper.h) for each worker that wants a program run.  Nothing that a worker sends is looked
 * at here. */

#include <glib.h>
#include <sys/types.h>

#include "content/keeper.h"
#include "content/program.h"

typedef struct {
	pid_t pid; /* -1: none runs */
	int fd;
} AmRunner;

#define AM_RUNNER_NONE { .pid = -1, .fd = -1 }

/* In the zygote: forks it.  setup is borrowed till the fork only; programs and sandbox in it are not
 * used. */
gboolean am_runner_start(AmRunner *runner, const AmKeeperSetup *setup, gboolean is_best_effort,
			 GError **error);
/* The programs (AmProgram), once; waits until the runner has them and its sandbox stands. */
gboolean am_runner_send_programs(const AmRunner *runner, const GPtrArray *programs, GError **error);
/* fd: the runner's end of a SOCK_SEQPACKET pair, stays the caller's.  Waits for nothing. */
gboolean am_runner_add_worker(const AmRunner *runner, pid_t worker, int fd, GError **error);
/* Closes our end: it ends, and with it all keepers and programs. */
void am_runner_stop(AmRunner *runner);
