/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A worker as its zygote sees it: what it says, how it uses its time, how it ended. */

#include <glib.h>
#include <sys/types.h>

#include "content/channel.h"
#include "content/stage.h"

typedef struct {
	pid_t pid;
	gboolean is_ready;
	AmStage *stage;
	guint32 mails; /* begun when cpu_us was read */
	gint64 cpu_us;
	gint64 second; /* that n_lines counts in */
	guint n_lines;
} AmWatched;

/* A line for the log.  There is a limit for each second; who floods it is killed. */
void am_watch_log_line(AmWatched *worker, const AmChannelRecord *record);
/* The session ends a worker that overruns.  This is for the worker whose session has died, and for one
 * that works without a mail or on more mails than it may: it is killed. */
void am_watch_check(AmWatched *worker, guint max_mails, guint time_s);
/* Says what ended it, and at which mail and plugin, unless it ended in order. */
void am_watch_log_end(const AmWatched *worker, int status);
