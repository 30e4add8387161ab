/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Supervision: which processes there must be for each generation, and in which order generations
 * come and go.
 *
 *     STARTING   zygote, then session; a death fails the generation, nothing is tried again
 *     SERVING    zygote and session are kept alive with back-off; at most one generation
 *     RETIRING   its session was told to finish; its zygote lives as long as that one */

#include <poll.h>

#include <glib.h>

#include "config/generation.h"
#include "master/process.h"
#include "master/privileges.h"

typedef struct {
	int (*run_zygote)(const AmGeneration *generation);
	int (*run_session)(const AmGeneration *generation);
} AmMasterOps;

/* Microseconds. */
typedef struct {
	gint64 backoff_min,
		backoff_max; /* wait before a child is started again, doubled each time */
	gint64 steady;	     /* a child that lived that long starts at the minimum again */
	gint64 stale;	     /* a zygote lives that long before a stale one is replaced */
	gint64 start;	     /* a child must be ready within */
	gint64 grace;	     /* between the time a child has to end and SIGKILL */
} AmMasterTimes;

extern const AmMasterTimes am_master_times;

typedef enum {
	AM_SUPERVISOR_NOTHING,
	AM_SUPERVISOR_SERVING, /* the generation that was added serves */
	AM_SUPERVISOR_FAILED,  /* it will not; am_supervisor_failure() */
	AM_SUPERVISOR_STOPPED, /* after am_supervisor_stop(): all children are gone */
} AmSupervisorEvent;

typedef struct _AmSupervisor AmSupervisor;

/* identity is borrowed; prepare is called in each child, see am_process_fork(). */
AmSupervisor *am_supervisor_new(const AmIdentity *identity, const AmMasterOps *ops,
				const AmMasterTimes *times, AmProcessPrepare prepare,
				gpointer user_data);
void am_supervisor_free(AmSupervisor *supervisor); /* after it has stopped */

/* The next generation, of which the supervisor takes config and listeners; run_directory holds its
 * content socket.  Only when none is starting. */
void am_supervisor_add(AmSupervisor *supervisor, AmConfig *config, GPtrArray *listeners,
		       const char *run_directory, AmStatistics *statistics);
/* All sessions finish, then all zygotes. */
void am_supervisor_stop(AmSupervisor *supervisor);

/* Does what is due; again until NOTHING or STOPPED comes back. */
AmSupervisorEvent am_supervisor_step(AmSupervisor *supervisor);
/* Collects dead children. */
void am_supervisor_reap(AmSupervisor *supervisor);
/* For the poll loop: adds descriptors, reads those that have something, time of the next step in
 * monotonic microseconds, 0 none. */
void am_supervisor_add_fds(AmSupervisor *supervisor, GArray *pollfds);
void am_supervisor_read(AmSupervisor *supervisor);
gint64 am_supervisor_next_us(const AmSupervisor *supervisor);

/* The generation that serves or, before the first does, starts; NULL none. Borrowed. */
const AmGeneration *am_supervisor_current(const AmSupervisor *supervisor);
gboolean am_supervisor_is_starting(const AmSupervisor *supervisor);
/* Why the last one failed. */
const char *am_supervisor_failure(const AmSupervisor *supervisor);
/* All living children; borrowed array of AmProcess. */
GPtrArray *am_supervisor_children(const AmSupervisor *supervisor);
/* In a child, from prepare: closes descriptors of others.  role and generation of the child that
 * was just forked. */
void am_supervisor_close_in_child(AmSupervisor *supervisor);
