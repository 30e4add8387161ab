/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The envelope: who sent the mail, to whom, by which client, with which SMTP parameters. */

#include <glib.h>

typedef enum {
	AM_BODY_UNSPECIFIED,
	AM_BODY_7BIT,
	AM_BODY_8BITMIME,
	AM_BODY_BINARYMIME, /* the spool may hold any bytes, not only lines (RFC 3030) */
} AmBody;

typedef struct {
	char *address; /* internal form; see address.h */
	char *orcpt;   /* RFC 3461 ORCPT as given ("rfc822;..."), NULL none */
	char *notify;  /* RFC 3461 NOTIFY as given, upper case, NULL none */
} AmRecipient;

typedef struct {
	char *sender; /* internal form, "" is the null reverse-path, NULL before MAIL */
	GPtrArray *recipients; /* of AmRecipient, in the order given */
	AmBody body;
	gboolean smtputf8;
	gint64 declared_size; /* SIZE=, -1 not given */
	char *ret;            /* RET=, NULL none */
	char *envid;          /* ENVID= xtext as given, NULL none */
	char *auth;           /* AUTH= xtext as given, NULL none */
	gboolean requires_tls; /* REQUIRETLS (RFC 8689) */
	gboolean is_prdr;      /* each recipient gets a reply to the mail, although this is SMTP */
	gboolean has_priority;
	int priority;         /* MT-PRIORITY (RFC 6710), -9 to 9 */
	char by_mode;         /* DELIVERBY (RFC 2852): 'R' return, 'N' notify, '\0' none */
	gboolean by_trace;
	gint64 by_us;         /* monotonic, when it should be delivered */

	char *listener;       /* name of the listener's group */
	char *own_name;       /* what the listener calls us, "" the usual host name */
	char *protocol;       /* RFC 3848 "with" keyword: SMTP ESMTP LMTP ... */
	char *peer_address;   /* who connected to us; "" for unix sockets */
	guint16 peer_port;
	guint16 local_port;   /* of the listener he connected to; 0 for Unix sockets */
	char *client_address; /* client of the MTA as far as known, else the peer */
	char *client_name;    /* "" unknown */
	guint16 client_port;  /* 0 unknown */
	char *client_protocol; /* how the MTA got the mail, "ESMTP"; "" unknown */
	char *client_source;  /* "LOCAL" or "REMOTE" as XFORWARD has it, "" unknown */
	char *authenticated;  /* whom the client proved to be (AUTH, XCLIENT LOGIN), "" nobody */
	char *helo;           /* of the peer */
	char *queue_id;       /* MTA's, when it told us; else "" */
	char **policy_banks;  /* of the listener and the origin, never NULL */
	gint64 time_us;       /* wall clock at MAIL */
} AmEnvelope;

/* Texts that may be unknown are "", policy_banks is empty, sender NULL. */
AmEnvelope *am_envelope_new(void);
/* Forgets sender, recipients and parameters, keeps what belongs to the connection: from `listener`
 * on all but the time.  XFORWARD comes before MAIL, so its attributes are the server's to end. */
void am_envelope_reset(AmEnvelope *envelope);
void am_envelope_free(AmEnvelope *envelope);
/* The client is that user: the mail has the policy bank AUTHENTICATED too, behind the listener's. */
void am_envelope_set_authenticated(AmEnvelope *envelope, const char *name);
/* Does NOTIFY name that word ("SUCCESS", "FAILURE", "DELAY"; RFC 3461 4.1)? */
gboolean am_recipient_notify_has(const AmRecipient *recipient, const char *word);
AmRecipient *am_envelope_add_recipient(AmEnvelope *envelope, const char *address);
AmRecipient *am_recipient_copy(const AmRecipient *recipient);
void am_recipient_free(AmRecipient *recipient);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmEnvelope, am_envelope_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmRecipient, am_recipient_free)
