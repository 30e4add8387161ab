/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The session process: a pool of threads that serve connections.  A connection that waits is parked
 * in epoll and holds no thread.  Of the shared statistics it keeps connections, connections_total
 * and mails_in_work; what became of a mail is counted by the pipeline. */

#include <glib.h>

#include "config/generation.h"

/* Runs in the calling process, already under its user.  Tells READY once policy, plugins and
 * threads are there.  SIGTERM: stops accepting, idle connections get 421 4.3.2, mails under way are
 * finished, then it ends.  Returns the exit status. */
int am_session_run(const AmGeneration *generation);

/* What [listener ...] groups must hold beyond their table, such as well-formed networks; for
 * `config check`. */
void am_session_check(const AmConfig *config, GPtrArray *problems);
