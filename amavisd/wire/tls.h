/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* TLS by OpenSSL 3: what one end of a connection has and demands (AmTls), and the layer that a
 * stream puts on a connection (AmTlsLink).  RFC 8446, 3207, 7672 (DANE), 8996 (no TLS below 1.2
 * unless told). */

#include <glib.h>

#include "mail/error.h"

typedef struct _AmTls AmTls;
typedef struct _AmTlsLink AmTlsLink;

/* What is demanded of the peer's certificate. */
typedef enum {
	AM_TLS_NONE,    /* nothing: encryption only (RFC 7435) */
	AM_TLS_ASK,     /* server: ask for a certificate, go on without; see am_tls_link_is_verified() */
	AM_TLS_CHAIN,   /* a chain to a trusted authority */
	AM_TLS_NAME,    /* the same, and the name that was asked for (client) */
	AM_TLS_DANE,    /* one of the TLSA records (client) */
} AmTlsDemand;

typedef enum { AM_TLS_1_0, AM_TLS_1_1, AM_TLS_1_2, AM_TLS_1_3 } AmTlsVersion;

typedef struct {
	gboolean is_server;
	const char *certificate;  /* PEM file, own first, then the chain; a server needs it */
	const char *key;          /* PEM file; NULL: in `certificate` */
	const char *ca_file;      /* PEM; both NULL: the system's */
	const char *ca_directory; /* hashed */
	const char *ciphers;      /* of TLS 1.2, OpenSSL's syntax; NULL: the library's */
	AmTlsVersion min_version;
	AmTlsDemand demand;
} AmTlsConfig;

/* Reads and checks the files.  CONFIG, naming the file. */
AmTls *am_tls_new(const AmTlsConfig *config, GError **error);
void am_tls_free(AmTls *tls);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmTls, am_tls_free)

/* A TLSA record, RFC 6698 2.1. */
typedef struct {
	guint8 usage, selector, matching;
	GBytes *data; /* owned */
} AmTlsa;

/* "3 1 1 HEX", several with commas: AmTlsa, to be unreferenced.  CONFIG says what is allowed. */
GPtrArray *am_tlsa_parse(const char *text, GError **error);

/* The end that a client wants to reach. */
typedef struct {
	const char *name;   /* for SNI and AM_TLS_NAME; may be an address; NULL none */
	const GPtrArray *tlsa; /* AmTlsa, for AM_TLS_DANE; NULL none */
} AmTlsPeer;

typedef enum {
	AM_TLS_OK,
	AM_TLS_WANT_READ,  /* wait until the descriptor is readable */
	AM_TLS_WANT_WRITE, /* ... writable */
	AM_TLS_EOF,
	AM_TLS_FAILED, /* am_tls_link_error() */
} AmTlsResult;

/* -- for streams -- */

/* fd is borrowed; tls must outlive the link; peer is for clients.  RESOURCE. */
AmTlsLink *am_tls_link_new(const AmTls *tls, int fd, const AmTlsPeer *peer, GError **error);
void am_tls_link_free(AmTlsLink *link); /* says good-bye when the peer takes it at once */
/* Reading and writing go on with the handshake as long as it is not over. */
AmTlsResult am_tls_link_handshake(AmTlsLink *link);
AmTlsResult am_tls_link_read(AmTlsLink *link, gpointer buffer, gsize len, gsize *got);
AmTlsResult am_tls_link_write(AmTlsLink *link, gconstpointer data, gsize len, gsize *sent);
/* Nothing from the peer but what the protocol itself sends between. */
gboolean am_tls_link_is_idle(AmTlsLink *link);

/* -- for who wants to know; all borrowed -- */

gboolean am_tls_link_is_ready(const AmTlsLink *link); /* the handshake is over */
const char *am_tls_link_version(const AmTlsLink *link); /* "TLSv1.3" */
const char *am_tls_link_cipher(const AmTlsLink *link);
int am_tls_link_bits(const AmTlsLink *link);
/* The peer has a certificate, and it holds as demanded (AM_TLS_ASK: as CHAIN). */
gboolean am_tls_link_is_verified(const AmTlsLink *link);
/* Common name of the peer's certificate, "" none; only the peer's word unless verified. */
const char *am_tls_link_peer_name(AmTlsLink *link);
const char *am_tls_link_error(const AmTlsLink *link); /* why it failed, never NULL */
