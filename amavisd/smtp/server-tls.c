/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* STARTTLS and implicit TLS of the SMTP and LMTP server, RFC 3207 and 8314. */

#include <config.h>

#include "smtp/server-private.h"

#include "log/log.h"

gboolean
am_server_offers_tls(const AmSmtpServer *server)
{
	AmServerTls mode = server->config->tls_mode;
	return (mode == AM_SERVER_STARTTLS || mode == AM_SERVER_REQUIRED) &&
	       am_stream_tls(server->stream) == NULL;
}

gboolean
am_server_needs_tls(const AmSmtpServer *server)
{
	return server->config->tls_mode == AM_SERVER_REQUIRED &&
	       am_stream_tls(server->stream) == NULL;
}

void
am_server_starttls(AmSmtpServer *server)
{
	if (am_stream_tls(server->stream) != NULL) {
		am_server_refuse(server, 503, "5.5.1", "TLS is there already");
	} else if (!am_server_offers_tls(server)) {
		am_server_refuse(server, 502, "5.5.1", "Command not implemented");
	} else if (server->helo == NULL || !server->is_extended) {
		am_server_refuse(server, 503, "5.5.1", "%s comes first",
				 server->config->is_lmtp ? "LHLO" : "EHLO");
	} else if (server->envelope != NULL) {
		am_server_refuse(server, 503, "5.5.1", "Not in a transaction");
	} else {
		am_server_reply(server, 220, "2.0.0", "Ready to start TLS");
		server->phase = SERVER_STARTTLS;
	}
}

gboolean
am_server_begin_tls(AmSmtpServer *server)
{
	g_autoptr(GError) error = NULL;
	/* RFC 3207 4.2: whatever the client said in the clear is forgotten */
	g_clear_pointer(&server->helo, g_free);
	g_clear_pointer(&server->authenticated, g_free);
	am_server_forget_auth(server);
	am_server_forget_xforward(server);
	server->is_extended = FALSE;
	if (am_stream_buffered(server->stream) > 0) {
		am_warning("listener %s: client [%s] sent commands behind STARTTLS in the clear, "
			   "disconnected",
			   server->config->intake.listener, server->peer_address);
		return FALSE;
	}
	if (am_stream_start_tls(server->stream, server->config->tls, NULL, &error))
		return TRUE;
	am_error("listener %s: %s", server->config->intake.listener, error->message);
	return FALSE;
}

void
am_server_tell_tls(AmSmtpServer *server)
{
	AmTlsLink *link = am_stream_tls(server->stream);
	if (link == NULL || server->has_told_tls || !am_tls_link_is_ready(link))
		return;
	server->has_told_tls = TRUE;
	const char *name = am_tls_link_peer_name(link);
	am_debug("listener %s: client [%s]: %s with %s%s%s%s", server->config->intake.listener,
		 server->peer_address, am_tls_link_version(link), am_tls_link_cipher(link),
		 *name != '\0' ? ", certificate of " : "", name,
		 *name == '\0'			 ? ""
		 : am_tls_link_is_verified(link) ? ", verified"
						 : ", not verified");
}
