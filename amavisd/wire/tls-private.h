/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What tls.c and tls-link.c share. */

#include <openssl/ssl.h>

#include "wire/tls.h"

struct _AmTls {
	SSL_CTX *context;
	gboolean is_server;
	AmTlsDemand demand;
};

/* For AM_TLS_ASK: whatever certificate the peer has, the handshake goes on. */
int am_tls_accept_any(int ok, X509_STORE_CTX *store);
