/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Checks of mails over HTTP/1.1, and whether the daemon is well; see docs/http.md.  A state machine fed
 * by whatever has arrived (wire/server.h); it waits only while the pipeline has the mail. */

#include <glib.h>

#include "mail/intake.h"
#include "mail/mail.h"
#include "mail/reply.h"
#include "wire/server.h"
#include "wire/stream.h"

typedef struct {
	AmIntake intake;
	gint64 receive_us; /* for a request, and a second more for each 500 bytes; 0 no limit */
	const char *secret; /* bearer token that checks need; NULL none */
	gboolean is_proxied;
	const AmTls *tls; /* from the first byte on; NULL plain */
} AmHttpConfig;		  /* borrowed, outlives the server; one for each listener */

/* One thing that has to be well for mails to be checked. */
typedef struct {
	const char *name;
	gboolean is_well;
	char *detail; /* owned, for people; NULL nothing to say */
} AmHttpState;

#define AM_HTTP_MAX_STATES 8

typedef struct {
	/* The client behind a proxy is known now; the refusal, or NULL.  May be NULL. */
	AmReply *(*on_client)(gpointer user, const char *address);
	/* May a mail be taken into work now?  NULL: yes, and exactly one of on_mail and on_abandon
	 * follows.  Otherwise the refusal.  May be NULL. */
	AmReply *(*on_begin)(gpointer user);
	void (*on_abandon)(gpointer user);
	/* Checks it; takes mail.  The report as JSON, to be freed.  is_trial: nothing is stored,
	 * sent or counted.  *is_tempfail: the mail is to come again. */
	char *(*on_mail)(gpointer user, AmMail *mail, gboolean is_trial, gboolean *is_tempfail);
	/* Fills up to AM_HTTP_MAX_STATES; how many. */
	guint (*on_ready)(gpointer user, AmHttpState *states);
} AmHttpOps;

typedef struct _AmHttpServer AmHttpServer;

/* Takes the stream. */
AmHttpServer *am_http_server_new(AmStream *stream, const AmHttpConfig *config, const AmHttpOps *ops,
				 gpointer user);

/* For the session. */
extern const AmServerKind am_http_server_kind;

/* A whole answer that ends the connection, for who has no room for a client.  To be freed. */
char *am_http_refusal(guint status, const char *text);
