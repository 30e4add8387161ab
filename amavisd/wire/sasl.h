/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* SASL (RFC 4422) by libsasl2, both sides, without what is between base64 and a line of the
 * protocol: messages are bytes here.  The library's own state is made once in a process, before its
 * threads; an exchange is in the hands of one thread at a time.  Where passwords are (sasldb,
 * saslauthd, ...) is said by the library's configuration file amavisd.conf. */

#include <glib.h>

#include "mail/error.h"

typedef struct _AmSasl AmSasl; /* one exchange */

/* What a step came to. */
typedef enum {
	AM_SASL_DONE,	    /* it is proved; there may be a last message for the client */
	AM_SASL_MORE,	    /* the message goes to the peer, its answer into the next step */
	AM_SASL_REFUSED,    /* wrong name or password, or not allowed */
	AM_SASL_WEAK,	    /* not by this mechanism */
	AM_SASL_TRANSITION, /* the server must see the password once */
	AM_SASL_ENCRYPT,    /* not without encryption */
	AM_SASL_MALFORMED,  /* the message is none of the mechanism */
	AM_SASL_NO_MECHANISM,
	AM_SASL_FAILED, /* cannot be told now: the password database, or we */
} AmSaslStep;

/* Makes the library ready for servers or clients; any number of times, before there are threads.
 * directory: of amavisd.conf, NULL the library's own.  CONFIG or RESOURCE. */
gboolean am_sasl_init_server(const char *directory, GError **error);
gboolean am_sasl_init_client(GError **error);

typedef struct {
	const char *service;	 /* "smtp": for PAM and the like */
	const char *hostname;	 /* our name; for SCRAM and DIGEST */
	const char *realm;	 /* of names without one; NULL hostname */
	const char *mechanisms;	 /* allowed ones, blanks between */
	const char *external;	 /* name the peer proved by its certificate; NULL none */
	guint bits;		 /* of encryption below, 0 none */
} AmSaslServerConfig;

/* config is needed for the call alone.  RESOURCE. */
AmSasl *am_sasl_server_new(const AmSaslServerConfig *config, GError **error);

typedef struct {
	const char *service; /* "smtp" or "lmtp" */
	const char *host;    /* the server's name */
	const char *user, *password; /* live longer than the exchange */
	guint bits;
} AmSaslClientConfig;

AmSasl *am_sasl_client_new(const AmSaslClientConfig *config, GError **error);
void am_sasl_free(AmSasl *sasl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmSasl, am_sasl_free)

/* Those that could be used now, in the order allowed, blanks between; "" none.  To be freed. */
char *am_sasl_server_mechanisms(const AmSasl *sasl);
/* The client's first message may be NULL: there was none.  *out: borrowed until the next step. */
AmSaslStep am_sasl_server_start(AmSasl *sasl, const char *mechanism, const char *message, gsize len,
				const char **out, gsize *out_len);
/* offered: the server's mechanisms that may be used, blanks between.  *mechanism: the one chosen;
 * *out NULL: it has no first message. */
AmSaslStep am_sasl_client_start(AmSasl *sasl, const char *offered, const char **mechanism,
				const char **out, gsize *out_len);
AmSaslStep am_sasl_step(AmSasl *sasl, const char *message, gsize len, const char **out,
			gsize *out_len);
/* Who it is, as far as known; "" nobody.  Borrowed. */
const char *am_sasl_user(const AmSasl *sasl);
/* Why the last step failed, for the log; never a secret.  Borrowed. */
const char *am_sasl_reason(const AmSasl *sasl);
/* Words that are in both, as in the first; to be freed. */
char *am_sasl_common(const char *mechanisms, const char *others);
