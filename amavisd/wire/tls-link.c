/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The TLS layer on one connection.  The descriptor never blocks; every call says what to wait for.
 * OpenSSL's queue of errors belongs to the thread, so it is emptied before each call and read right
 * behind it. */

#include <config.h>

#include "wire/tls-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

struct _AmTlsLink {
	SSL *ssl;
	const AmTls *tls;
	char *error;
	gboolean is_broken; /* nothing more may be said */
	char *peer_name;    /* made when asked for */
};

int
am_tls_accept_any(G_GNUC_UNUSED int ok, G_GNUC_UNUSED X509_STORE_CTX *store)
{
	return 1;
}

static gboolean
link_is_address(const char *name)
{
	guint8 address[16];
	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static gboolean
link_set_dane(SSL *ssl, const AmTlsPeer *peer, GError **error)
{
	guint n_usable = 0;
	if (peer == NULL || peer->name == NULL || SSL_dane_enable(ssl, peer->name) != 1) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "TLS: DANE needs the next hop's name");
		return FALSE;
	}
	/* RFC 7672 3.1.1: the server's own certificate is good whatever names and dates it has */
	(void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
	for (guint i = 0; peer->tlsa != NULL && i < peer->tlsa->len; i++) {
		const AmTlsa *tlsa = peer->tlsa->pdata[i];
		gsize len;
		const guint8 *data = g_bytes_get_data(tlsa->data, &len);
		if (SSL_dane_tlsa_add(ssl, tlsa->usage, tlsa->selector, tlsa->matching, data,
				      len) == 1)
			n_usable++;
	}
	if (n_usable == 0) { /* RFC 7672 2.2: then there is nothing to hold it against */
		g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE,
				    "TLS: no usable TLSA record");
		return FALSE;
	}
	return TRUE;
}

static gboolean
link_set_peer(SSL *ssl, const AmTls *tls, const AmTlsPeer *peer, GError **error)
{
	const char *name = peer != NULL ? peer->name : NULL;
	if (tls->demand == AM_TLS_DANE)
		return link_set_dane(ssl, peer, error);
	if (name == NULL && tls->demand == AM_TLS_NAME) {
		g_set_error_literal(
			error, AM_ERROR, AM_ERROR_RESOURCE,
			"TLS: the next hop has no name to hold its certificate against");
		return FALSE;
	}
	if (name == NULL)
		return TRUE;
	gboolean is_address = link_is_address(name);
	int ok = 1;
	if (!is_address)
		ok = (int)SSL_set_tlsext_host_name(ssl, name);
	if (ok == 1 && tls->demand == AM_TLS_NAME)
		ok = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name)
				: SSL_set1_host(ssl, name);
	if (ok != 1)
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "TLS: not a host name: %s", name);
	return ok == 1;
}

AmTlsLink *
am_tls_link_new(const AmTls *tls, int fd, const AmTlsPeer *peer, GError **error)
{
	ERR_clear_error();
	SSL *ssl = SSL_new(tls->context);
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		g_set_error_literal(error, AM_ERROR, AM_ERROR_RESOURCE, "TLS: out of memory");
		return NULL;
	}
	if (tls->is_server) {
		SSL_set_accept_state(ssl);
	} else {
		SSL_set_connect_state(ssl);
		if (!link_set_peer(ssl, tls, peer, error)) {
			ERR_clear_error();
			SSL_free(ssl);
			return NULL;
		}
	}
	AmTlsLink *link = g_new0(AmTlsLink, 1);
	link->ssl = ssl;
	link->tls = tls;
	return link;
}

void
am_tls_link_free(AmTlsLink *link)
{
	if (link == NULL)
		return;
	ERR_clear_error();
	if (!link->is_broken && SSL_is_init_finished(link->ssl))
		(void)SSL_shutdown(link->ssl); /* who does not hear it sees the connection end */
	ERR_clear_error();
	SSL_free(link->ssl);
	g_free(link->error);
	g_free(link->peer_name);
	g_free(link);
}

static void
link_set_error(AmTlsLink *link, int errnum)
{
	unsigned long code = ERR_peek_error();
	long verified = SSL_get_verify_result(link->ssl);
	g_free(link->error);
	if (verified != X509_V_OK && link->tls->demand > AM_TLS_ASK)
		link->error = g_strdup_printf("the peer's certificate: %s",
					      X509_verify_cert_error_string(verified));
	else if (code != 0 && ERR_reason_error_string(code) != NULL)
		link->error = g_strdup(ERR_reason_error_string(code));
	else
		link->error = g_strdup(errnum != 0 ? g_strerror(errnum) : "connection closed");
	link->is_broken = TRUE;
}

/* What the last call of OpenSSL wants. */
static AmTlsResult
link_result(AmTlsLink *link, int rc)
{
	int errnum = errno;
	switch (SSL_get_error(link->ssl, rc)) {
	case SSL_ERROR_NONE:
		return AM_TLS_OK;
	case SSL_ERROR_WANT_READ:
		return AM_TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return AM_TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return AM_TLS_EOF;
	default:
		link_set_error(link, errnum);
		return AM_TLS_FAILED;
	}
}

AmTlsResult
am_tls_link_handshake(AmTlsLink *link)
{
	if (link->is_broken)
		return AM_TLS_FAILED;
	ERR_clear_error();
	errno = 0;
	AmTlsResult result = link_result(link, SSL_do_handshake(link->ssl));
	if (result == AM_TLS_EOF) {
		link_set_error(link, 0);
		result = AM_TLS_FAILED;
	}
	return result;
}

AmTlsResult
am_tls_link_read(AmTlsLink *link, gpointer buffer, gsize len, gsize *got)
{
	if (link->is_broken)
		return AM_TLS_FAILED;
	ERR_clear_error();
	errno = 0;
	return link_result(link, SSL_read_ex(link->ssl, buffer, len, got));
}

AmTlsResult
am_tls_link_write(AmTlsLink *link, gconstpointer data, gsize len, gsize *sent)
{
	if (link->is_broken)
		return AM_TLS_FAILED;
	ERR_clear_error();
	errno = 0;
	return link_result(link, SSL_write_ex(link->ssl, data, len, sent));
}

gboolean
am_tls_link_is_idle(AmTlsLink *link)
{
	char byte;
	gsize got;
	if (link->is_broken)
		return FALSE;
	ERR_clear_error();
	errno = 0;
	/* tickets and the like are taken in by this, and are no data */
	return link_result(link, SSL_peek_ex(link->ssl, &byte, 1, &got)) == AM_TLS_WANT_READ;
}

gboolean
am_tls_link_is_ready(const AmTlsLink *link)
{
	return SSL_is_init_finished(link->ssl) == 1;
}

const char *
am_tls_link_version(const AmTlsLink *link)
{
	return SSL_get_version(link->ssl);
}

const char *
am_tls_link_cipher(const AmTlsLink *link)
{
	return SSL_get_cipher_name(link->ssl);
}

int
am_tls_link_bits(const AmTlsLink *link)
{
	return SSL_get_cipher_bits(link->ssl, NULL);
}

gboolean
am_tls_link_is_verified(const AmTlsLink *link)
{
	return link->tls->demand != AM_TLS_NONE && SSL_get0_peer_certificate(link->ssl) != NULL &&
	       SSL_get_verify_result(link->ssl) == X509_V_OK;
}

const char *
am_tls_link_peer_name(AmTlsLink *link)
{
	if (link->peer_name != NULL)
		return link->peer_name;
	X509 *certificate = SSL_get0_peer_certificate(link->ssl);
	X509_NAME *subject = certificate != NULL ? X509_get_subject_name(certificate) : NULL;
	int at = subject != NULL ? X509_NAME_get_index_by_NID(subject, NID_commonName, -1) : -1;
	unsigned char *text = NULL;
	int len = -1;
	if (at >= 0)
		len = ASN1_STRING_to_UTF8(
			&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	link->peer_name = len >= 0 ? g_utf8_make_valid((const char *)text, len) : g_strdup("");
	OPENSSL_free(text);
	return link->peer_name;
}

const char *
am_tls_link_error(const AmTlsLink *link)
{
	return link->error != NULL ? link->error : "";
}
