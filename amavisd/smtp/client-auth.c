/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* AUTH of the SMTP and LMTP client, RFC 4954.  A next hop that does not believe us is a fault of the
 * configuration and never of the mail: whatever it says, the mail's client hears a 4xx and keeps it.
 * A connection on which it failed is not used for anything else. */

#include <config.h>

#include "smtp/client-private.h"

#include <string.h>

#include "log/log.h"
#include "wire/sasl.h"

#define AUTH_ROUNDS_MAX 16u
#define AUTH_COMMAND_MAX 500u /* bytes; a longer first message waits for its 334 */

/* Why not, for the log and for our client. */
static AmReply *
auth_failure(AmSmtpConnection *connection, const char *enhanced, const char *mechanism,
	     const char *why)
{
	connection->is_dropped = TRUE;
	am_warning("%s: AUTH%s%s as %s failed: %s", connection->remote,
		   *mechanism != '\0' ? " " : "", mechanism, connection->config->auth_user, why);
	return am_reply_new(451, enhanced, "%s: AUTH: %s", connection->remote, why);
}

static char *
auth_encode(const char *message, gsize len)
{
	return len > 0 ? g_base64_encode((const guchar *)message, len) : g_strdup("");
}

/* Says the line; FALSE with *failure: the connection is lost. */
static gboolean
auth_talk(AmSmtpConnection *connection, const char *line, AmReply **reply)
{
	g_autofree char *command = g_strconcat(line, "\r\n", NULL);
	gboolean is_well = am_smtp_connection_talk(connection, command,
						   connection->config->command_ms, "AUTH", reply);
	explicit_bzero(command, strlen(command));
	return is_well;
}

/* Our answer to a 334; NULL with *why. */
static char *
auth_answer(AmSasl *sasl, const AmReply *challenge, AmSaslStep *step, const char **why)
{
	const char *out;
	gsize len = 0, out_len;
	g_autofree guchar *message =
		*challenge->text != '\0' ? g_base64_decode(challenge->text, &len) : g_malloc0(1);
	*step = am_sasl_step(sasl, (const char *)message, len, &out, &out_len);
	if (*step == AM_SASL_DONE || *step == AM_SASL_MORE)
		return auth_encode(out, out_len);
	*why = am_sasl_reason(sasl);
	return NULL;
}

/* The dialogue; NULL when the server is content, else the failure. */
static AmReply *
auth_exchange(AmSmtpConnection *connection, AmSasl *sasl, const char *offered)
{
	const char *mechanism, *out, *why = NULL;
	gsize len;
	AmSaslStep step = am_sasl_client_start(sasl, offered, &mechanism, &out, &len);
	if (step != AM_SASL_DONE && step != AM_SASL_MORE)
		return auth_failure(connection, "4.7.0", mechanism, am_sasl_reason(sasl));
	g_autofree char *initial = out == NULL ? NULL : auth_encode(out, len);
	gboolean is_held = initial != NULL && strlen(initial) > AUTH_COMMAND_MAX;
	g_autofree char *line =
		initial == NULL || is_held
			? g_strdup_printf("AUTH %s", mechanism)
			: g_strdup_printf("AUTH %s %s", mechanism, len > 0 ? initial : "=");
	for (guint i = 0; i < AUTH_ROUNDS_MAX; i++) {
		g_autoptr(AmReply) reply = NULL;
		if (!auth_talk(connection, line, &reply))
			return g_steal_pointer(&reply);
		if (reply->code == 235 && step == AM_SASL_DONE && !is_held)
			return NULL;
		if (reply->code == 235)
			return auth_failure(connection, "4.7.0", mechanism,
					    "the next hop did not prove that it knows us");
		if (reply->code != 334) {
			g_autofree char *said = am_reply_to_string(reply);
			return auth_failure(connection, "4.7.8", mechanism, said);
		}
		explicit_bzero(line, strlen(line));
		g_free(line);
		line = is_held ? g_steal_pointer(&initial) : auth_answer(sasl, reply, &step, &why);
		is_held = FALSE;
		if (line == NULL)
			return auth_failure(connection, "4.7.0", mechanism, why);
	}
	return auth_failure(connection, "4.7.0", mechanism, "the exchange has no end");
}

gboolean
am_smtp_authenticate(AmSmtpConnection *connection, const char *host, AmReply **failure)
{
	const AmSmtpClientConfig *config = connection->config;
	g_autoptr(GError) error = NULL;
	AmTlsLink *link = am_stream_tls(connection->stream);
	if (config->auth_user == NULL)
		return TRUE;
	gboolean is_usable = link != NULL || config->is_auth_clear;
	g_autofree char *offered = am_sasl_common(
		config->auth_mechanisms,
		connection->auth_offered != NULL && is_usable ? connection->auth_offered : "");
	if (*offered == '\0' && !config->is_auth_required)
		return TRUE;
	if (*offered == '\0') {
		*failure = auth_failure(connection, "4.7.0", "",
					!is_usable ? "not without TLS"
						   : "the next hop offers no mechanism we may use");
		return FALSE;
	}
	const AmSaslClientConfig client = {
		.service = connection->is_lmtp ? "lmtp" : "smtp",
		.host = host,
		.user = config->auth_user,
		.password = config->auth_password,
		.bits = link != NULL ? (guint)am_tls_link_bits(link) : 0,
	};
	g_autoptr(AmSasl) sasl = am_sasl_client_new(&client, &error);
	*failure = sasl != NULL ? auth_exchange(connection, sasl, offered)
				: auth_failure(connection, "4.3.0", "", error->message);
	return *failure == NULL;
}
