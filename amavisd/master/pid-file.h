/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* One daemon for each run directory. */

#include <glib.h>

#define AM_PID_FILE "amavisd.pid"

/* Locks the file and writes our number to it.  -1: somebody runs already, or it cannot be written. */
int am_pid_file_take(const char *run_directory, GError **error);
/* Removes it; *fd is am_pid_file_take()'s, and -1 from then on. */
void am_pid_file_drop(const char *run_directory, int *fd);
