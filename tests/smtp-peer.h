/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A next hop for tests: a thread that plays one script for each connection, in the order in which
 * they come.  A script is a text of lines:
 *
 *     S:text    says it, with CRLF
 *     C:text    a line that starts with text comes
 *     D         a mail comes, up to its final dot; it is kept in `data`, dots as sent
 *     K         a mail comes as one chunk, "BDAT size LAST"; it is kept in `data`
 *     B         a kilobyte comes
 *     drop      closes at once
 *     stall     says nothing more until the client closes
 *     hold      reads nothing for a while, then all until the client closes
 *     end       the client closes, without another byte
 *
 * Behind the last line QUIT, RSET and NOOP are answered until the client closes; anything else is a
 * failure, and so is what does not fit the script. */

#include <glib.h>

#include "smtp/client.h"

#define LONG_MS 10000 /* never reached */

typedef struct {
	int listen_fd;
	guint16 port;
	const char *const *scripts; /* NULL-ended */
	GThread *thread;
	/* to be looked at after peer_join() */
	guint n_connections;
	GString *transcript; /* all bytes that came */
	GString *data;	     /* the last mail */
	char *failure;	     /* NULL none */
} Peer;

Peer *peer_new(const char *const *scripts);
char *peer_route(const Peer *peer, const char *protocol); /* "smtp:[127.0.0.1]:PORT" */
/* Waits until the client closed; then the fields may be read. */
void peer_join(Peer *peer);
void peer_free(Peer *peer); /* joins, and asserts that there was no failure */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Peer, peer_free)

/* A descriptor that holds the text. */
int peer_make_mail(const char *data, gsize len);
/* A port at which nobody listens. */
guint16 peer_closed_port(void);
/* Connecting and QUIT may take long, all else `ms`; two connections are kept. */
AmSmtpClientConfig peer_client_config(guint ms);
