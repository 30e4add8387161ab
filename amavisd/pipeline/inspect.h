/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Stage inspect: has a mail looked at by a content worker. */

#include <glib.h>

#include "config/generation.h"
#include "mail/mail.h"

/* Read-only, any thread. */
typedef struct {
	const char *socket_path; /* borrowed: of the workers */
	gint64 queue_us;         /* how long a mail waits for a free worker */
	gint64 time_us;          /* how long a worker may take */
	AmStatistics *statistics; /* borrowed; NULL: nothing is counted */
} AmInspectContext;

/* The report of a worker, NULL with *error when there is none: no worker was free in time
 * (RESOURCE), or two of them failed one after the other (SCANNER died or sent garbage, RESOURCE
 * overran).  Is back before deadline_us (monotonic) and a worker that overran is dead by then. */
AmReport *am_inspect(const AmInspectContext *context, const AmMail *mail, gint64 deadline_us,
		     GError **error);
