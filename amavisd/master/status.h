/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* How the daemon is doing. */

#include "master/supervise.h"

/* A JSON object in one line: version, processes, listeners and counters.  To be freed. */
char *am_master_status(const AmSupervisor *supervisor, const AmStatistics *statistics,
		       gint64 started_us);
