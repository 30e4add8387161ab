/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* XFORWARD to next hops that announce it: before each MAIL, since a server forgets it with the
 * transaction.  All lines go out together, and a next hop that does not take them merely knows less
 * of the client. */

#include <config.h>

#include "smtp/client-private.h"

#include "log/log.h"
#include "smtp/xclient.h"

gboolean
am_smtp_forward_client(AmSmtpConnection *connection, const AmEnvelope *envelope, AmReply **failure)
{
	guint command_ms = connection->config->command_ms;
	if (!connection->config->has_xforward || connection->xforward == 0)
		return TRUE;
	g_autoptr(GPtrArray) commands = am_xclient_forward_commands(connection->xforward, envelope);
	if (commands->len == 0)
		return TRUE;
	for (guint i = 0; i < commands->len; i++)
		am_smtp_connection_queue(connection, commands->pdata[i]);
	if (!am_smtp_connection_flush(connection, command_ms, "XFORWARD", failure))
		return FALSE;
	for (guint i = 0; i < commands->len; i++) {
		g_autoptr(AmReply) reply = NULL;
		if (!am_smtp_connection_read(connection, command_ms, "XFORWARD", &reply)) {
			*failure = g_steal_pointer(&reply);
			return FALSE;
		}
		if (am_reply_is_success(reply))
			continue;
		g_autofree char *text = am_reply_to_string(reply);
		if (connection->is_dropped) { /* 421 */
			*failure = am_reply_new(451, "4.4.2", "%s: XFORWARD: %s",
						connection->remote, text);
			return FALSE;
		}
		am_info("%s: XFORWARD: %s", connection->remote, text);
	}
	return TRUE;
}
