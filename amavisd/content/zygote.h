/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The content process.  The zygote loads engine and plugins once and forks workers that each wait
 * in accept() on the generation's socket; it never touches mail.  Single-threaded: signalfd and
 * poll. */

#include <glib.h>

#include "config/generation.h"

/* Runs the zygote in the calling process, already under its user: loads the sandbox plugins, binds
 * the socket under a temporary name and renames it over generation->content_socket once workers
 * are there, tells READY, keeps [content] workers alive with back-off, tells STALE when a
 * scanner's data changed.  SIGTERM: workers finish what is queued, then it ends.  Returns the exit
 * status. Problems are told as "ERROR ..." and logged. */
int am_zygote_run(const AmGeneration *generation);
