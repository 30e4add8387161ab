/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See relief.h.
 *
 * Whoever begins long work and sees nobody at epoll calls; that costs nothing while somebody is still
 * awake from the call before.  The one called takes samples, since on busy processors nobody waits
 * for a moment every now and then.  It stops looking before it looks for the last time: a call that
 * came in between is then either seen or made again. */

#include <config.h>

#include "session/relief.h"

#include <poll.h>

#define RELIEF_REGULARS_PER_PROCESSOR 2
#define RELIEF_MIN_REGULARS 4
#define RELIEF_SAMPLES 10
#define RELIEF_SAMPLE_US 1000
#define RELIEF_MAX_PAUSE_US 8000

void
am_relief_init(AmRelief *relief, guint n_threads)
{
	guint n = MAX(RELIEF_MIN_REGULARS,
		      RELIEF_REGULARS_PER_PROCESSOR * (guint)g_get_num_processors());
	*relief = (AmRelief){ .n_regulars = MIN(n, n_threads) };
	g_mutex_init(&relief->lock);
	g_cond_init(&relief->cond);
}

void
am_relief_clear(AmRelief *relief)
{
	g_mutex_clear(&relief->lock);
	g_cond_clear(&relief->cond);
}

gboolean
am_relief_join(AmRelief *relief)
{
	return g_atomic_int_add(&relief->n_threads, 1) < (gint)relief->n_regulars;
}

void
am_relief_wait_begin(AmRelief *relief)
{
	g_atomic_int_inc(&relief->n_waiting);
}

void
am_relief_wait_end(AmRelief *relief)
{
	(void)g_atomic_int_add(&relief->n_waiting, -1);
}

gboolean
am_relief_is_short(AmRelief *relief)
{
	return g_atomic_int_get(&relief->n_waiting) == 0;
}

void
am_relief_call(AmRelief *relief)
{
	if (!am_relief_is_short(relief) ||
	    !g_atomic_int_compare_and_exchange(&relief->is_watched, FALSE, TRUE))
		return;
	g_mutex_lock(&relief->lock);
	relief->is_called = TRUE;
	g_cond_signal(&relief->cond);
	g_mutex_unlock(&relief->lock);
}

/* Is there an event that nobody has taken?  An epoll descriptor is readable when it has one. */
static gboolean
relief_is_event_waiting(int epoll_fd)
{
	struct pollfd pfd = { .fd = epoll_fd, .events = POLLIN };
	return poll(&pfd, 1, 0) == 1;
}

/* Looks as long as nobody is at epoll.  TRUE: an event has been waiting all the time of some samples.
 * While none waits the work at hand may take as long as it likes, and looks become rare. */
static gboolean
relief_look(AmRelief *relief, int epoll_fd)
{
	gulong pause_us = RELIEF_SAMPLE_US;
	for (guint n = 0; n < RELIEF_SAMPLES; n++) {
		g_usleep(pause_us);
		if (!am_relief_is_short(relief))
			return FALSE;
		if (relief_is_event_waiting(epoll_fd)) {
			pause_us = RELIEF_SAMPLE_US;
		} else {
			pause_us = MIN(2 * pause_us, RELIEF_MAX_PAUSE_US);
			n = 0;
		}
	}
	return TRUE;
}

static gboolean
relief_await_call(AmRelief *relief)
{
	g_mutex_lock(&relief->lock);
	while (!relief->is_called && !relief->is_stopped)
		g_cond_wait(&relief->cond, &relief->lock);
	relief->is_called = FALSE;
	gboolean is_stopped = relief->is_stopped;
	g_mutex_unlock(&relief->lock);
	return !is_stopped;
}

gboolean
am_relief_sleep(AmRelief *relief, int epoll_fd)
{
	while (relief_await_call(relief)) {
		gboolean is_short;
		do {
			is_short = relief_look(relief, epoll_fd);
			g_atomic_int_set(&relief->is_watched, FALSE);
			/* somebody may have begun long work since the last look, and not called */
		} while (!is_short && am_relief_is_short(relief) &&
			 g_atomic_int_compare_and_exchange(&relief->is_watched, FALSE, TRUE));
		if (is_short)
			return TRUE;
	}
	return FALSE;
}

void
am_relief_stop(AmRelief *relief)
{
	g_mutex_lock(&relief->lock);
	relief->is_stopped = TRUE;
	g_cond_broadcast(&relief->cond);
	g_mutex_unlock(&relief->lock);
}
