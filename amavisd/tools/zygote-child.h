/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#pragma once

/* A content process of the command's own: `scan` runs the very same zygote and sandbox as the daemon
 * does, without a running daemon. */

#include <glib.h>

#include "config/generation.h"

typedef struct {
	AmGeneration generation;
	char *directory; /* private, holds the socket */
	int pid;
	int tell_read_fd;
} AmZygoteChild;

/* Makes the folder, forks the zygote and waits until it is ready.  Call before any thread exists.
 * config is borrowed.  Errors are the zygote's own words. */
gboolean am_zygote_child_start(AmZygoteChild *child, AmConfig *config, GError **error);
/* Ends it and removes the folder.  Safe on a child that was not started. */
void am_zygote_child_stop(AmZygoteChild *child);
