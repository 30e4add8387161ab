/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Connections and listeners in one epoll, and what a thread does with one that is ready.
 *
 * Every connection has a slot.  It is either parked, then epoll may tell of it once, or held by the
 * one who claimed it: a thread that steps it, or housekeeping that ends it.  epoll knows a slot by
 * number and sequence and not by pointer, so an event that was on its way when a connection ended
 * finds nobody. */

#include <glib.h>

#include "ampdp/ampdp.h"
#include "config/generation.h"
#include "http/http.h"
#include "mail/handback.h"
#include "milter/milter.h"
#include "session/clients.h"
#include "session/limits.h"
#include "session/serve.h"
#include "smtp/server.h"

typedef struct _AmPool AmPool;

typedef enum {
	AM_PROTOCOL_SMTP,
	AM_PROTOCOL_LMTP,
	AM_PROTOCOL_MILTER,
	AM_PROTOCOL_AM_PDP,
	AM_PROTOCOL_HTTP,
} AmListenerProtocol;

typedef struct {
	const AmListener *listener;
	AmListenerProtocol protocol;
	AmSmtpServerConfig server; /* SMTP, LMTP */
	AmPdpConfig am_pdp;	   /* AM.PDP */
	AmHttpConfig http;	   /* HTTP */
	AmConflict conflict;	   /* where the client delivers */
	AmClients *clients;	   /* owned */
	AmClients *xforward_clients; /* owned; NULL: all */
	AmClients *xclient_clients;  /* owned; NULL: none */
	AmLimits *limits;	   /* owned; NULL none */
	AmTls *tls;		   /* owned; NULL plain */
	char *auth_mechanisms;	   /* owned */
	char *secret;		   /* owned; NULL none */
	gint64 idle_us;
	gint64 answer_us; /* from the end of a mail to its answer */
	AmLate when_late;
} AmPoolListener;

void am_pool_listener_free(AmPoolListener *listener);

/* hostname and ops are borrowed; listeners (AmPoolListener) taken.  RESOURCE. */
AmPool *am_pool_new(const AmGeneration *generation, const AmSessionOps *ops, const char *hostname,
		    GPtrArray *listeners, GError **error);
void am_pool_free(AmPool *pool); /* no thread may be in it */

/* Serves until am_pool_stop(); `thread` is what ops->thread_start() gave. */
void am_pool_work(AmPool *pool, gpointer thread);
/* Ends those that were idle for too long, takes up again listeners that were short of descriptors,
 * and in a drain ends those without a transaction. */
void am_pool_sweep(AmPool *pool);
/* No more connections are accepted; those without a transaction end. */
void am_pool_drain(AmPool *pool);
guint am_pool_count(AmPool *pool); /* connections */
void am_pool_stop(AmPool *pool);   /* threads leave am_pool_work() */
