/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What one end has and demands, made once at load and then only read: certificate and key, trusted
 * authorities, versions.  A reload makes a new one with the new generation.  The layer on a
 * connection is in tls-link.c. */

#include <config.h>

#include "wire/tls-private.h"

#include <openssl/err.h>
#include <string.h>

static gboolean
tls_fail(GError **error, const char *what, const char *file)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
	if (reason == NULL && code != 0 && ERR_SYSTEM_ERROR(code))
		reason = g_strerror(ERR_GET_REASON(code));
	g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "TLS: %s%s%s: %s", what,
		    file != NULL ? " " : "", file != NULL ? file : "",
		    reason != NULL ? reason : "failed");
	ERR_clear_error();
	return FALSE;
}

static gboolean
tls_set_version(SSL_CTX *context, AmTlsVersion version, GError **error)
{
	static const int versions[] = { TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION,
					TLS1_3_VERSION };
	if (version < AM_TLS_1_2) /* the library's security level forbids them otherwise */
		SSL_CTX_set_security_level(context, 0);
	if (SSL_CTX_set_min_proto_version(context, versions[version]) != 1)
		return tls_fail(error, "the least version", NULL);
	return TRUE;
}

static gboolean
tls_load_certificate(SSL_CTX *context, const AmTlsConfig *config, GError **error)
{
	if (config->certificate == NULL) {
		if (!config->is_server)
			return TRUE;
		g_set_error_literal(error, AM_ERROR, AM_ERROR_CONFIG,
				    "TLS: a server needs a certificate");
		return FALSE;
	}
	const char *key = config->key != NULL ? config->key : config->certificate;
	if (SSL_CTX_use_certificate_chain_file(context, config->certificate) != 1)
		return tls_fail(error, "certificate", config->certificate);
	if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
		return tls_fail(error, "private key", key);
	if (SSL_CTX_check_private_key(context) != 1)
		return tls_fail(error, "the private key is not of the certificate", key);
	return TRUE;
}

static gboolean
tls_load_authorities(SSL_CTX *context, const AmTlsConfig *config, GError **error)
{
	if (config->ca_file == NULL && config->ca_directory == NULL)
		return SSL_CTX_set_default_verify_paths(context) == 1 ||
		       tls_fail(error, "the system's authorities", NULL);
	if (config->ca_file != NULL && SSL_CTX_load_verify_file(context, config->ca_file) != 1)
		return tls_fail(error, "authorities", config->ca_file);
	if (config->ca_directory != NULL &&
	    SSL_CTX_load_verify_dir(context, config->ca_directory) != 1)
		return tls_fail(error, "authorities", config->ca_directory);
	/* a server names them, so that clients know which certificate to choose */
	if (config->is_server && config->ca_file != NULL)
		SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(config->ca_file));
	return TRUE;
}

static void
tls_set_demand(SSL_CTX *context, const AmTlsConfig *config)
{
	int mode = SSL_VERIFY_NONE;
	if (config->is_server && config->demand == AM_TLS_ASK)
		mode = SSL_VERIFY_PEER;
	else if (config->is_server && config->demand != AM_TLS_NONE)
		mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	else if (config->demand != AM_TLS_NONE)
		mode = SSL_VERIFY_PEER;
	/* who only asks looks at the result afterwards */
	SSL_CTX_set_verify(context, mode, config->demand == AM_TLS_ASK ? am_tls_accept_any : NULL);
}

static gboolean
tls_configure(SSL_CTX *context, const AmTlsConfig *config, GError **error)
{
	static const guint8 name[] = "amavisd";
	/* idle connections hold no buffers; a peer that only closes the connection is at its end,
	 * SMTP says by itself where a mail ends */
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
						SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
						SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
						   SSL_OP_IGNORE_UNEXPECTED_EOF |
						   SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (config->is_server &&
	    SSL_CTX_set_session_id_context(context, name, sizeof name - 1) != 1)
		return tls_fail(error, "session context", NULL);
	if (config->ciphers != NULL && SSL_CTX_set_cipher_list(context, config->ciphers) != 1)
		return tls_fail(error, "ciphers", config->ciphers);
	if (config->demand == AM_TLS_DANE && SSL_CTX_dane_enable(context) != 1)
		return tls_fail(error, "DANE", NULL);
	tls_set_demand(context, config);
	return tls_set_version(context, config->min_version, error) &&
	       tls_load_certificate(context, config, error) &&
	       tls_load_authorities(context, config, error);
}

AmTls *
am_tls_new(const AmTlsConfig *config, GError **error)
{
	ERR_clear_error();
	SSL_CTX *context =
		SSL_CTX_new(config->is_server ? TLS_server_method() : TLS_client_method());
	if (context == NULL) {
		(void)tls_fail(error, "cannot be started", NULL);
		return NULL;
	}
	if (!tls_configure(context, config, error)) {
		SSL_CTX_free(context);
		return NULL;
	}
	AmTls *tls = g_new0(AmTls, 1);
	tls->context = context;
	tls->is_server = config->is_server;
	tls->demand = config->demand;
	return tls;
}

void
am_tls_free(AmTls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->context);
	g_free(tls);
}
