/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* XFORWARD and XCLIENT of the SMTP and LMTP server.  The first says for the next mail who gave it to
 * the MTA; the second makes the whole session that of another client, from the greeting on.  Who
 * may say either is decided by the address the connection came from (behind the PROXY protocol: the
 * one its header names), once, so that XCLIENT can neither win nor lose the right. */

#include <config.h>

#include "smtp/server-private.h"

#include <string.h>

#include "log/log.h"

void
am_server_forget_xforward(AmSmtpServer *server)
{
	if (server->xforward != NULL)
		am_xclient_clear(server->xforward);
	g_clear_pointer(&server->xforward, g_free);
}

void
am_server_forget_xclient(AmSmtpServer *server)
{
	if (server->xclient != NULL)
		am_xclient_clear(server->xclient);
	g_clear_pointer(&server->xclient, g_free);
}

void
am_server_decide_trust(AmSmtpServer *server)
{
	const AmSmtpServerOps *ops = server->ops;
	const char *address = server->peer_address;
	server->may_xforward =
		ops->may_xforward == NULL || ops->may_xforward(server->user, address);
	server->may_xclient = ops->may_xclient != NULL && ops->may_xclient(server->user, address);
}

void
am_server_announce_xclient(const AmSmtpServer *server, GString *text)
{
	g_autofree char *xclient = am_xclient_keywords(AM_XCLIENT_ATTRIBUTES);
	g_autofree char *xforward = am_xclient_keywords(AM_XFORWARD_ATTRIBUTES);
	if (server->may_xclient)
		g_string_append_printf(text, "\nXCLIENT %s", xclient);
	if (server->may_xforward)
		g_string_append_printf(text, "\nXFORWARD %s", xforward);
}

void
am_server_xforward(AmSmtpServer *server, const char *argument)
{
	if (!server->may_xforward) {
		am_server_refuse(server, 550, "5.7.0", "Not authorised to use XFORWARD");
		return;
	}
	if (server->envelope != NULL) {
		am_server_refuse(server, 503, "5.5.1", "Not in a transaction");
		return;
	}
	if (server->xforward == NULL)
		server->xforward = g_new0(char *, AM_N_XCLIENT);
	g_autoptr(AmReply) bad =
		am_xclient_parse(argument, AM_XFORWARD_ATTRIBUTES, server->xforward);
	if (bad == NULL) {
		am_server_reply(server, 250, "2.0.0", "Ok");
		return;
	}
	/* Half of what was said could be a lie, and who is connected is not who sent the mail:
	 * nothing is known. */
	for (guint i = 0; i < AM_N_XCLIENT; i++) {
		g_free(server->xforward[i]);
		server->xforward[i] = g_strdup("");
	}
	am_server_refuse(server, bad->code, bad->enhanced, "%s", bad->text);
}

static guint16
xclient_port(const char *text)
{
	guint64 port = 0;
	if (text != NULL)
		(void)g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT16, &port, NULL); /* or 0 */
	return (guint16)port;
}

/* The attributes are right: the session is that client's now. */
static void
xclient_apply(AmSmtpServer *server)
{
	char **values = server->xclient;
	if (values[AM_XCLIENT_ADDR] != NULL) {
		am_debug("listener %s: [%s] speaks for [%s]", server->config->intake.listener,
			 server->peer_address, values[AM_XCLIENT_ADDR]);
		g_free(server->peer_address);
		server->peer_address = g_strdup(values[AM_XCLIENT_ADDR]);
		server->peer_port = 0;
	}
	if (values[AM_XCLIENT_PORT] != NULL)
		server->peer_port = xclient_port(values[AM_XCLIENT_PORT]);
	if (values[AM_XCLIENT_DESTPORT] != NULL)
		server->local_port = xclient_port(values[AM_XCLIENT_DESTPORT]);
	if (values[AM_XCLIENT_LOGIN] != NULL) {
		g_free(server->authenticated);
		server->authenticated = g_strdup(values[AM_XCLIENT_LOGIN]);
	}
	am_server_forget_xforward(server);
	g_clear_pointer(&server->helo, g_free);
	server->is_extended = FALSE;
}

void
am_server_xclient(AmSmtpServer *server, const char *argument)
{
	char *values[AM_N_XCLIENT] = { NULL };
	if (!server->may_xclient) {
		am_server_refuse(server, 550, "5.7.0", "Not authorised to use XCLIENT");
		return;
	}
	if (server->envelope != NULL) {
		am_server_refuse(server, 503, "5.5.1", "Not in a transaction");
		return;
	}
	g_autoptr(AmReply) bad = am_xclient_parse(argument, AM_XCLIENT_ATTRIBUTES, values);
	if (bad != NULL) {
		am_xclient_clear(values);
		am_server_refuse(server, bad->code, bad->enhanced, "%s", bad->text);
		return;
	}
	if (server->xclient == NULL)
		server->xclient = g_new0(char *, AM_N_XCLIENT);
	for (guint i = 0; i < AM_N_XCLIENT; i++) {
		if (values[i] == NULL)
			continue; /* what was said before stands */
		g_free(server->xclient[i]);
		server->xclient[i] = values[i];
	}
	xclient_apply(server);
	am_server_say_greeting(server);
}

/* What of the client is known: of XFORWARD if it came, else of XCLIENT, else of the connection. */
static const char *
xclient_choose(const AmSmtpServer *server, AmXclientAttribute attribute, const char *own)
{
	if (server->xforward != NULL && server->xforward[attribute] != NULL)
		return server->xforward[attribute];
	if (server->xclient != NULL && server->xclient[attribute] != NULL)
		return server->xclient[attribute];
	return own;
}

void
am_server_set_client(const AmSmtpServer *server, AmEnvelope *envelope)
{
	const struct {
		AmXclientAttribute attribute;
		char **field;
		const char *own;
	} rows[] = {
		{ AM_XCLIENT_ADDR, &envelope->client_address, server->peer_address },
		{ AM_XCLIENT_NAME, &envelope->client_name, "" },
		{ AM_XCLIENT_PROTO, &envelope->client_protocol, "" },
		{ AM_XCLIENT_HELO, &envelope->helo, server->helo },
		{ AM_XCLIENT_IDENT, &envelope->queue_id, "" },
		{ AM_XCLIENT_SOURCE, &envelope->client_source, "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_free(*rows[i].field);
		*rows[i].field = g_strdup(xclient_choose(server, rows[i].attribute, rows[i].own));
	}
	gboolean is_forwarded =
		server->xforward != NULL && (server->xforward[AM_XCLIENT_ADDR] != NULL ||
					     server->xforward[AM_XCLIENT_PORT] != NULL);
	envelope->client_port =
		is_forwarded ? xclient_port(server->xforward[AM_XCLIENT_PORT]) : server->peer_port;
	if (*envelope->client_protocol == '\0' && server->xforward == NULL) {
		g_free(envelope->client_protocol);
		envelope->client_protocol = g_strdup(server->config->is_lmtp ? "LMTP"
						     : server->is_extended   ? "ESMTP"
									     : "SMTP");
	}
	if (server->authenticated != NULL && *server->authenticated != '\0')
		am_envelope_set_authenticated(envelope, server->authenticated);
}
