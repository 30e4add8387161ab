/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* SMTP and LMTP client: one connection to a next hop, one transaction at a time, and a pool of kept
 * connections.  RFC 5321, 2033, 2920, 1870, 6152, 2034, 3461, 6531, 3030.
 *
 * The final dot (or the end of the one chunk) is sent only when every byte of the mail went out without any doubt; otherwise the
 * connection is dropped, so that the next hop throws the mail away. */

#include <glib.h>

#include "mail/edits.h"
#include "mail/envelope.h"
#include "mail/reply.h"
#include "smtp/route.h"
#include "wire/tls.h"

/* TLS to next hops (RFC 3207). */
typedef enum {
	AM_CLIENT_PLAIN,
	AM_CLIENT_OPPORTUNISTIC, /* when offered, and in the clear when that fails; not to this
				  * machine */
	AM_CLIENT_TLS,           /* nothing is said in the clear but EHLO and STARTTLS */
} AmClientTls;

/* When a mail goes by BDAT instead of DATA (RFC 3030). */
typedef enum {
	AM_CHUNKING_AUTO,   /* when it needs it: BINARYMIME */
	AM_CHUNKING_ALWAYS, /* to every next hop that announces it */
	AM_CHUNKING_NO,
} AmChunking;

typedef struct { /* milliseconds; RFC 5321 4.5.3.2; defaults as Amavis (features O22) */
	guint connect_ms, command_ms, data_init_ms, data_block_ms, data_final_ms, quit_ms;
	guint keep_idle_ms;  /* how long an idle connection is kept; 0 none */
	guint keep_age_ms;   /* how old it may get */
	guint probe_ms;      /* idle longer than this: NOOP before use */
	guint keep_max;      /* kept connections for each next hop */
	/* a transaction that soon after another has connections kept, one that long after it ends that
	 * (features O9); busy_ms 0: they are kept always */
	guint busy_ms, calm_ms;
	const char *hostname; /* for EHLO */
	const char *const *bind_addresses; /* ours, as of am_stream_connect_from(); the pool has a copy */
	/* AUTH (RFC 4954); am_sasl_init_client() was called.  The pool has copies. */
	const char *auth_user; /* NULL: none */
	const char *auth_password, *auth_mechanisms;
	gboolean is_auth_required; /* also when it is not offered */
	gboolean is_auth_clear;	   /* without TLS, too */
	struct _AmOutputs *outputs; /* next hops that are no servers; the pool's from am_smtp_pool_new() on; NULL
				     * none */
	gboolean has_dsn;	     /* DSN parameters to next hops that announce it */
	gboolean has_xforward; /* XFORWARD to next hops that announce it */
	AmClientTls tls_mode;
	AmChunking chunking;
	GPtrArray *tlsa; /* AmTlsa that their certificates must match; the pool's as tls is; NULL none */
	AmTls *tls; /* what is demanded of next hops; the pool's from am_smtp_pool_new() on; NULL when
		     * plain */
} AmSmtpClientConfig;

typedef struct _AmSmtpPool AmSmtpPool; /* any thread */

AmSmtpPool *am_smtp_pool_new(const AmSmtpClientConfig *config); /* config is copied */
void am_smtp_pool_free(AmSmtpPool *pool); /* QUITs what is kept */
void am_smtp_pool_expire(AmSmtpPool *pool); /* closes what is too old; call every few seconds */

/* One recipient of a transaction. */
typedef struct {
	const AmRecipient *recipient; /* borrowed */
	AmReply *reply;               /* out, owned: next hop's final word on this recipient */
	gboolean is_own;              /* out: the reply is ours, no next hop gave one */
	gboolean takes_dsn;           /* out: who took the mail cares for the DSN, too (RFC 3461) */
} AmDelivery;

typedef struct {
	const char *mail_id;	    /* for the log, and names of files */
	const AmEnvelope *envelope; /* sender and parameters; its recipients are not used */
	const char *sender;         /* overrides the envelope's when not NULL ("" null) */
	GPtrArray *deliveries;      /* AmDelivery; each gets its reply, always */
	int fd;                     /* the mail ... */
	guint64 size;
	const AmReport *report;     /* ... its field table, may be NULL */
	const AmEdits *edits;       /* may be NULL */
	gboolean is_smtp_caller;    /* our client speaks SMTP: any 4xx at RCPT ends the transaction
	                             * before DATA (O19), else the rest goes on */
	gint64 deadline_us;         /* monotonic; on top of the phases' timeouts */
	/* out */
	char *queue_id;             /* "4XyZ" from "queued as 4XyZ", "" none */
	char *remote;               /* "127.0.0.1:10025" that took or refused it, "" none */
	gboolean is_in_doubt;       /* the final dot was sent and no answer came: the mail may
	                             * have been delivered although the reply is a 4xx */
} AmSmtpTransaction;

AmDelivery *am_delivery_new(const AmRecipient *recipient);
/* Sets takes_dsn of all in batch (AmDelivery). */
void am_delivery_note_dsn(GPtrArray *batch, gboolean takes_dsn);
void am_delivery_free(AmDelivery *delivery);
void am_smtp_transaction_clear(AmSmtpTransaction *transaction); /* frees the outs and deliveries */

/* Delivers by the route: hops in order until one takes the connection and the transaction did not
 * fail before RCPT by 4xx; recipients refused with 452 4.5.3 (too many) go in further
 * transactions.  A mail with more than 100 Received fields is refused with 554 5.4.6 unsent.
 * Never fails as such: every delivery has a reply afterwards, ours (4xx 4.4.1 and the like, text
 * says which hop and phase) where no next hop gave one. */
void am_smtp_deliver(AmSmtpPool *pool, const AmRoute *route, AmSmtpTransaction *transaction);
