/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Which threads of the pool take turns at epoll.
 *
 * Threads wait for next hops, workers and scanners, so there are many more of them than processors.
 * When all of them wait at epoll, each event meets another thread with cold caches, stack and
 * allocator; four threads were measured to serve 16 % more mails than sixteen, with a sixth less CPU.
 * So only a few, the regulars, wait there.  The others are the relief: one comes when all regulars
 * are at work and an event has waited for some milliseconds, serves, and goes when somebody waits again. */

#include <glib.h>

typedef struct {
	guint n_regulars;
	gint n_threads;	 /* atomic: that joined */
	gint n_waiting;	 /* atomic: at epoll */
	gint is_watched; /* atomic: one of the relief is awake and looks */
	GMutex lock;	 /* what follows */
	GCond cond;
	gboolean is_called;
	gboolean is_stopped;
} AmRelief;

/* n_threads: how many will join altogether, all of them regulars when they are few. */
void am_relief_init(AmRelief *relief, guint n_threads);
void am_relief_clear(AmRelief *relief);
/* Once for each thread; TRUE: a regular. */
gboolean am_relief_join(AmRelief *relief);
/* Around the wait at epoll. */
void am_relief_wait_begin(AmRelief *relief);
void am_relief_wait_end(AmRelief *relief);
/* Does nobody wait at epoll? */
gboolean am_relief_is_short(AmRelief *relief);
/* Before work that may take long: calls one of the relief when nobody waits at epoll. */
void am_relief_call(AmRelief *relief);
/* For one of the relief: sleeps until it is needed; FALSE: stopped. */
gboolean am_relief_sleep(AmRelief *relief, int epoll_fd);
/* Wakes all who sleep, for good. */
void am_relief_stop(AmRelief *relief);
