/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What pool.c, accept.c and connection.c share. */

#include <sys/epoll.h>

#include "session/pool.h"
#include "session/relief.h"

/* One open connection.  Who claimed its slot may use it, nobody else. */
typedef struct {
	AmPool *pool;
	const AmPoolListener *listener;
	const AmServerKind *kind; /* of the protocol */
	gpointer server;	  /* its state */
	gpointer thread; /* context of the thread that steps it, NULL otherwise */
	guint number;	 /* of its slot */
	gint64 start_us;
	AmRecord *record; /* of a mail whose client is being told; NULL none */
	char *address;		 /* of the client; NULL where nobody is counted */
	AmLimitsClient client;	 /* counted where the listener has limits */
	gboolean has_ended_mail; /* one transaction at least is over */
} AmConnection;

typedef enum {
	AM_SLOT_HELD,	/* by a thread or housekeeping, or free */
	AM_SLOT_ARMING, /* epoll may tell of it any time now */
	AM_SLOT_PARKED, /* the same, and housekeeping may end it */
} AmSlotState;

#define AM_SLOT_STATE_BITS 2
#define AM_SLOT_STATE_MASK 3u
#define AM_SLOT_SEQUENCE_MASK 0x3fffffffu

typedef struct {
	AmConnection *connection; /* NULL: free */
	guint next_free;
	guint32 word;	     /* atomic: number of its arming and AmSlotState */
	gint64 idle_end_us;  /* atomic: when a parked one has been idle for too long */
	gint64 drain_end_us; /* atomic: from when on a parked one may end in a drain */
} AmSlot;

struct _AmPool {
	const AmGeneration *generation;
	const AmSessionOps *ops;
	const char *hostname;
	GPtrArray *listeners; /* AmPoolListener */
	int epoll_fd;
	int stop_fd;	  /* eventfd, readable from am_pool_stop() on */
	gint is_draining; /* atomic */
	gint *is_paused;  /* atomic, for each listener: not watched until the next sweep */
	gint n_mails;	  /* atomic: transactions under way */
	gint max_mails;

	AmRelief relief; /* which threads wait at epoll */

	AmSlot *slots;
	guint n_slots;

	GMutex slot_lock; /* which slots are free */
	guint first_free; /* n_slots: none */
	guint n_connections;

	GMutex reserve_lock;
	int reserve_fd; /* closed to accept one more when descriptors are used up; -1 none */
	gint64 complained_us;
};

/* What epoll tells: two bits of kind, then sequence and number of the slot or the listener's
 * number. */
#define AM_POOL_CONNECTION (G_GUINT64_CONSTANT(0) << 62)
#define AM_POOL_LISTENER (G_GUINT64_CONSTANT(1) << 62)
#define AM_POOL_STOP (G_GUINT64_CONSTANT(2) << 62)
#define AM_POOL_KIND (G_GUINT64_CONSTANT(3) << 62)

/* -- pool.c -- */

/* Takes connection and parks it for its first step; FALSE when there is no slot or epoll refused,
 * the connection is the caller's then. */
gboolean am_pool_add(AmPool *pool, AmConnection *connection);

/* -- connection.c -- */

AmConnection *am_connection_new(AmPool *pool, const AmPoolListener *listener, AmStream *stream);
void am_connection_free(AmConnection *connection);
/* Is it one too many of its client?  NULL: no, or the listener has no limits; else the text for the
 * client.  Once for each connection, when the client's address is known. */
const char *am_connection_meet(AmConnection *connection, const char *address);
/* When it will have been silent or slow for too long (monotonic). */
gint64 am_connection_idle_end(const AmConnection *connection);
/* Has it taken more time than there is, though it was not silent? */
gboolean am_connection_is_slow(const AmConnection *connection);
/* From when on it may be closed in a drain (monotonic); G_MAXINT64: not while it is as it is. */
gint64 am_connection_drain_end(const AmConnection *connection);

/* -- accept.c -- */

/* Accepts what waits at a listener. */
void am_pool_accept(AmPool *pool, guint number);
gboolean am_pool_watch_listener(AmPool *pool, guint number, int operation, GError **error);
void am_pool_open_reserve(AmPool *pool);
/* Logs what is used up at the listener called name; every ten seconds at most, there can be thousands
 * that are refused. */
void am_pool_complain(AmPool *pool, const char *name, const char *what);
