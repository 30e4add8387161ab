/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Routes, written as in Amavis: "smtp:[127.0.0.1]:10025", "smtp:host:10025", "lmtp:[::1]:24",
 * "lmtp:unix:/path", "smtp:[192.0.2.1]:*" or "smtp:*:*".  "*" sends back to where the mail came from:
 * as host the address of the client that handed it to us, as port the one after the port it came in
 * on (10024: 10025).  Without a port: 25, for LMTP 24.  "smtps:" and "lmtps:" are TLS from the first byte
 * on (RFC 8314), without a port 465 and 24.  Next hops that are no servers: "pipe:NAME", a
 * program that the group [pipe NAME] describes; "mbox:/path", "maildir:/path", "bsmtp:/path".  Several
 * separated by commas or blanks are a failover list. */

#include <glib.h>

#include "mail/envelope.h"
#include "mail/error.h"

typedef enum {
	AM_HOP_SMTP,
	AM_HOP_LMTP,
	AM_HOP_PIPE,
	AM_HOP_BSMTP,
	AM_HOP_MBOX,
	AM_HOP_MAILDIR,
} AmHopKind;

typedef struct {
	AmHopKind kind;
	gboolean is_tls; /* from the first byte on: "smtps:", "lmtps:" */
	char *host;     /* "127.0.0.1", "::1", a name, "unix:/path", or "*"; else the path or name */
	guint16 port;   /* 0 for Unix sockets and for "*" */
	gboolean is_port_wild;
	char *text; /* as configured, this hop alone */
} AmHop;

typedef struct {
	GPtrArray *hops; /* AmHop, at least one, order of trial */
	char *text;      /* canonical; equal text is the same route */
} AmRoute;

AmRoute *am_route_parse(const char *text, GError **error); /* CONFIG, says what is allowed */
void am_route_free(AmRoute *route);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmRoute, am_route_free)
/* host and port for this mail with "*" filled in from the envelope's peer_address and local_port;
 * FALSE with CONFIG when the mail came over a Unix socket and so has no such address. */
gboolean am_hop_resolve(const AmHop *hop, const AmEnvelope *envelope, char **host, guint16 *port,
			GError **error);
