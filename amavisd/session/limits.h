/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What one client of a listener may take: connections open at once, connections and mails in a
 * minute.  A client is an address, or the network it lies in.  All functions may be called from any
 * thread. */

#include <glib.h>

#include "session/clients.h"

typedef struct _AmLimits AmLimits;

typedef struct {
	guint connections;	      /* open at once, 0 no limit */
	guint connection_rate;	      /* in a minute, 0 no limit */
	guint mail_rate;	      /* in a minute, 0 no limit */
	guint prefix_ip4, prefix_ip6; /* bits of an address that make a client */
	guint max_clients;	      /* known at the same time; others are not counted */
	AmClients *exempt;	      /* owned; NULL nobody */
} AmLimitsConfig;

typedef enum {
	AM_LIMITS_FINE,
	AM_LIMITS_CONNECTIONS,
	AM_LIMITS_CONNECTION_RATE,
	AM_LIMITS_MAIL_RATE,
} AmLimitsVerdict;

/* Who is counted; filled by am_limits_enter(), and its own for the connection's life. */
typedef struct {
	guint8 key[16];
	gboolean is_counted;
} AmLimitsClient;

/* NULL when there is no limit; config->exempt is taken either way. */
AmLimits *am_limits_new(const AmLimitsConfig *config);
void am_limits_free(AmLimits *limits);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmLimits, am_limits_free)

/* A connection of that address ("192.0.2.1", "2001:db8::1"; "" for Unix, never limited) begins; when
 * FINE am_limits_leave() has to follow.  now_us: monotonic. */
AmLimitsVerdict am_limits_enter(AmLimits *limits, const char *address, gint64 now_us,
				AmLimitsClient *client);
void am_limits_leave(AmLimits *limits, AmLimitsClient *client);
/* One more mail of a client that is connected. */
AmLimitsVerdict am_limits_mail(AmLimits *limits, const AmLimitsClient *client, gint64 now_us);
/* Forgets some of those that need not be known any more; every second or so. */
void am_limits_expire(AmLimits *limits, gint64 now_us);
/* "too many connections ...", for log and reply. */
const char *am_limits_text(AmLimitsVerdict verdict);
/* Is a refusal to be logged?  Not each of thousands: *n_silent is how many were not. */
gboolean am_limits_complains(AmLimits *limits, gint64 now_us, guint *n_silent);
guint am_limits_count(AmLimits *limits); /* clients known */
