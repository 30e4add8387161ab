/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The control socket RUN_DIRECTORY/control.sock, mode 0600: one request line, one answer, close.
 *     status     JSON object: version, pids, generation, uptime, statistics
 *     reload     "ok" once the new generation serves, or "error TEXT" */

#include <glib.h>

#include "mail/error.h"

#define AM_CONTROL_SOCKET "control.sock"

/* Client side, for amavisctl.  The answer is to be freed. */
char *am_control_request(const char *run_directory, const char *request, gint64 deadline_us,
			 GError **error);
