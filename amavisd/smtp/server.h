/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* SMTP and LMTP server: RFC 5321, 2033, 2920, 1870, 6152, 2034, 3461 (parameters), 3848, 3207, 3030.  A state
 * machine fed by whatever has arrived: it never waits for the client, so a connection that waits
 * for its next bytes, even in the middle of DATA, holds no thread.  It does wait where the mail is
 * processed: on_mail runs the whole pipeline. */

#include <glib.h>

#include "mail/envelope.h"
#include "mail/intake.h"
#include "mail/mail.h"
#include "mail/reply.h"
#include "wire/server.h"
#include "wire/stream.h"

/* How a listener uses TLS. */
typedef enum {
	AM_SERVER_PLAIN,
	AM_SERVER_STARTTLS, /* offered (RFC 3207) */
	AM_SERVER_REQUIRED, /* offered, and no mail is taken before it */
	AM_SERVER_IMPLICIT, /* from the first byte on (RFC 8314) */
} AmServerTls;

/* How a listener uses AUTH (RFC 4954). */
typedef enum {
	AM_SERVER_AUTH_NO,
	AM_SERVER_AUTH_OFFERED,
	AM_SERVER_AUTH_REQUIRED, /* no mail is taken before it */
} AmServerAuth;

typedef struct {
	gboolean is_lmtp;
	const char *hostname;    /* our own name, for greeting, EHLO and Received */
	const char *greeting;    /* behind the name in the greeting; NULL: "ESMTP amavisd service ready" */
	const char *const *hidden; /* keywords that EHLO and LHLO do not show, NULL none */
	AmIntake intake;
	gint64 idle_us;          /* to the end of a command, 0 no limit */
	gint64 receive_us;       /* from MAIL to the mail's end, and a second for each 500 bytes; 0 no
				  * limit */
	guint error_limit;       /* that many 5xx in a row end the session with 421 4.7.0 */
	gboolean is_bare_normalised; /* bare CR/LF: TRUE repair, FALSE reject with 550 5.6.11 */
	gboolean is_binary; /* BINARYMIME is announced and taken */
	gboolean is_proxied; /* every connection begins with a header of the PROXY protocol */
	AmServerTls tls_mode;
	const AmTls *tls; /* NULL when plain */
	AmServerAuth auth; /* unless NO, am_sasl_init_server() was called */
	gboolean is_auth_clear;	     /* AUTH without TLS */
	const char *auth_mechanisms; /* that may be used, blanks between */
	const char *auth_service;    /* of SASL: "smtp" */
	const char *auth_realm;	     /* NULL hostname */
} AmSmtpServerConfig; /* borrowed, outlives the server; one for each listener */

typedef struct {
	/* Size and policy check of one recipient; NULL accepts, else the refusal.  May be NULL. */
	AmReply *(*on_recipient)(gpointer user, const AmEnvelope *envelope,
				 const AmRecipient *recipient);
	/* May a mail be taken into work now?  Called at MAIL; NULL: yes, and on_mail or on_abandon
	 * follows exactly once.  Otherwise the refusal (421 4.3.2). */
	AmReply *(*on_begin)(gpointer user);
	void (*on_abandon)(gpointer user);
	/* The mail is complete.  Takes `mail`.  Returns the replies, AmReply: one for SMTP, one for
	 * each accepted recipient in order for LMTP. */
	GPtrArray *(*on_mail)(gpointer user, AmMail *mail);
	/* May a client from that address ("" for Unix) speak for others?  NULL: XFORWARD all may,
	 * XCLIENT none. */
	gboolean (*may_xforward)(gpointer user, const char *address);
	gboolean (*may_xclient)(gpointer user, const char *address);
	/* Behind a proxy: who the client is.  NULL accepts, else the refusal (421) that ends the
	 * session.  May be NULL. */
	AmReply *(*on_client)(gpointer user, const char *address);
} AmSmtpServerOps;

typedef struct _AmSmtpServer AmSmtpServer;

/* Takes the stream.  peer_address: "" for Unix.  Writes no greeting yet. */
AmSmtpServer *am_smtp_server_new(AmStream *stream, const AmSmtpServerConfig *config,
				 const AmSmtpServerOps *ops, gpointer user);
void am_smtp_server_free(AmSmtpServer *server);

/* Does all that can be done with what has arrived.  The first call greets. */
AmServerStep am_smtp_server_step(AmSmtpServer *server);
/* Between transactions, so that it may be closed with 421 at a drain? */
gboolean am_smtp_server_is_idle(const AmSmtpServer *server);
/* Says 421 with that text, without waiting, and is over. */
void am_smtp_server_shut(AmSmtpServer *server, const char *enhanced, const char *text);
int am_smtp_server_fd(const AmSmtpServer *server);

/* For the session. */
extern const AmServerKind am_smtp_server_kind;
