/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A connection to a next hop: opening it, commands and replies.  Every wait is bounded by the time
 * of its phase and by the deadline of the transaction at hand.  After anything unexpected (silence,
 * a closed connection, something that is no reply, 421) the connection is dropped: is_dropped is
 * set and nothing more is sent. */

#include <config.h>

#include "smtp/client-private.h"

#include <string.h>

#include "log/log.h"
#include "smtp/xclient.h"

char *
am_smtp_remote(const char *host, guint16 port)
{
	if (g_str_has_prefix(host, "unix:"))
		return g_strdup(host);
	return g_strdup_printf(strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
}

void
am_smtp_connection_free(AmSmtpConnection *connection)
{
	if (connection == NULL)
		return;
	am_stream_free(connection->stream);
	g_free(connection->key);
	g_free(connection->auth_offered);
	g_free(connection->remote);
	g_free(connection);
}

gint64
am_smtp_connection_until(const AmSmtpConnection *connection, guint phase_ms)
{
	gint64 until = g_get_monotonic_time() + (gint64)phase_ms * 1000;
	return MIN(until, connection->deadline_us);
}

void
am_smtp_connection_queue(AmSmtpConnection *connection, const char *command)
{
	am_stream_queue(connection->stream, command, strlen(command));
}

static AmReply *
connection_failure(AmSmtpConnection *connection, const char *phase, GError *error)
{
	connection->is_dropped = TRUE;
	AmReply *reply =
		am_reply_new(451, "4.4.2", "%s: %s: %s", connection->remote, phase, error->message);
	g_error_free(error);
	return reply;
}

gboolean
am_smtp_connection_flush(AmSmtpConnection *connection, guint phase_ms, const char *phase,
			 AmReply **failure)
{
	GError *error = NULL;
	gint64 until = am_smtp_connection_until(connection, phase_ms);
	if (am_stream_flush(connection->stream, until, &error))
		return TRUE;
	*failure = connection_failure(connection, phase, error);
	return FALSE;
}

gboolean
am_smtp_connection_read(AmSmtpConnection *connection, guint phase_ms, const char *phase,
			AmReply **reply)
{
	g_auto(AmReplyReader) reader;
	AmReplyStep step = AM_REPLY_MORE;
	gint64 until = am_smtp_connection_until(connection, phase_ms);
	am_reply_reader_init(&reader);
	while (step == AM_REPLY_MORE) {
		const char *line;
		gsize len;
		GError *error = NULL;
		if (!am_stream_read_line(connection->stream, AM_REPLY_WIRE_MAX, until, &line, &len,
					 &error)) {
			*reply = connection_failure(connection, phase, error);
			return FALSE;
		}
		step = am_reply_reader_feed(&reader, line, len);
	}
	if (step == AM_REPLY_BAD) {
		*reply = connection_failure(
			connection, phase,
			g_error_new(AM_ERROR, AM_ERROR_PROTOCOL, "the answer is not SMTP"));
		return FALSE;
	}
	*reply = am_reply_reader_take(&reader);
	/* RFC 5321 3.8: after 421 the peer closes the connection */
	if ((*reply)->code == 421)
		connection->is_dropped = TRUE;
	return TRUE;
}

gboolean
am_smtp_connection_talk(AmSmtpConnection *connection, const char *command, guint phase_ms,
			const char *phase, AmReply **reply)
{
	am_smtp_connection_queue(connection, command);
	return am_smtp_connection_flush(connection, phase_ms, phase, reply) &&
	       am_smtp_connection_read(connection, phase_ms, phase, reply);
}

guint
am_smtp_parse_extensions(const char *text)
{
	static const struct {
		const char *keyword;
		guint extension;
	} known[] = {
		{ "PIPELINING", AM_SMTP_PIPELINING },
		{ "SIZE", AM_SMTP_SIZE },
		{ "8BITMIME", AM_SMTP_8BITMIME },
		{ "SMTPUTF8", AM_SMTP_SMTPUTF8 },
		{ "ENHANCEDSTATUSCODES", AM_SMTP_ENHANCED },
		{ "DSN", AM_SMTP_DSN },
		{ "STARTTLS", AM_SMTP_STARTTLS },
		{ "CHUNKING", AM_SMTP_CHUNKING },
		{ "BINARYMIME", AM_SMTP_BINARYMIME },
		{ "REQUIRETLS", AM_SMTP_REQUIRETLS },
		{ "MT-PRIORITY", AM_SMTP_PRIORITY },
		{ "DELIVERBY", AM_SMTP_DELIVERBY },
		{ "AUTH", AM_SMTP_AUTH },
	};
	guint extensions = 0;
	const char *line = strchr(text, '\n'); /* the first line is the peer's name */
	while (line != NULL) {
		line++;
		gsize len = strcspn(line, " =\n"); /* "SIZE=1000" was once written */
		for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
			if (strlen(known[i].keyword) == len &&
			    g_ascii_strncasecmp(known[i].keyword, line, len) == 0)
				extensions |= known[i].extension;
		line = strchr(line, '\n');
	}
	return extensions;
}

char *
am_smtp_extension_text(const char *text, const char *keyword)
{
	gsize keyword_len = strlen(keyword);
	const char *line = strchr(text, '\n'); /* the first line is the peer's name */
	while (line != NULL) {
		line++;
		gsize len = strcspn(line, " =\n");
		if (len == keyword_len && g_ascii_strncasecmp(line, keyword, len) == 0) {
			line += len + strspn(line + len, " =");
			return g_strndup(line, strcspn(line, "\n"));
		}
		line = strchr(line, '\n');
	}
	return NULL;
}

/* What the answer to EHLO or LHLO says. */
static void
connection_learn(AmSmtpConnection *connection, const char *text)
{
	connection->extensions = am_smtp_parse_extensions(text);
	if (!connection->config->has_dsn)
		connection->extensions &= ~(guint)AM_SMTP_DSN;
	connection->limits = am_smtp_parse_limits(text);
	g_autofree char *xforward = am_smtp_extension_text(text, "XFORWARD");
	g_free(connection->auth_offered);
	connection->auth_offered = am_smtp_extension_text(text, "AUTH");
	connection->xforward = xforward != NULL ? am_xclient_parse_keywords(xforward) : 0;
}

/* A refusal to serve at all is about the next hop, never about the mail: always a 4xx. */
static AmReply *
connection_refused(const AmSmtpConnection *connection, const char *phase, const AmReply *reply)
{
	g_autofree char *text = am_reply_to_string(reply);
	return am_reply_new(451, "4.4.1", "%s: %s: %s", connection->remote, phase, text);
}

/* FALSE with *failure.  With *is_unknown the peer did not know the command. */
static gboolean
connection_say_hello(AmSmtpConnection *connection, const char *verb, gboolean *is_unknown,
		     AmReply **failure)
{
	g_autoptr(AmReply) reply = NULL;
	g_autofree char *command = g_strdup_printf("%s %s\r\n", verb, connection->config->hostname);
	*is_unknown = FALSE;
	if (!am_smtp_connection_talk(connection, command, connection->config->command_ms, verb,
				     &reply)) {
		*failure = g_steal_pointer(&reply);
		return FALSE;
	}
	if (am_reply_is_success(reply)) {
		if (strcmp(verb, "HELO") != 0)
			connection_learn(connection, reply->text);
		return TRUE;
	}
	*is_unknown = am_reply_is_permanent(reply) && !connection->is_dropped;
	*failure = connection_refused(connection, verb, reply);
	return FALSE;
}

static gboolean
connection_greet(AmSmtpConnection *connection, AmReply **failure)
{
	g_autoptr(AmReply) greeting = NULL;
	gboolean is_unknown;
	if (!am_smtp_connection_read(connection, connection->config->command_ms, "greeting",
				     &greeting)) {
		*failure = g_steal_pointer(&greeting);
		return FALSE;
	}
	if (!am_reply_is_success(greeting)) {
		*failure = connection_refused(connection, "greeting", greeting);
		return FALSE;
	}
	if (connection->is_lmtp)
		return connection_say_hello(connection, "LHLO", &is_unknown, failure);
	if (connection_say_hello(connection, "EHLO", &is_unknown, failure))
		return TRUE;
	if (!is_unknown)
		return FALSE;
	g_clear_pointer(failure, am_reply_free); /* RFC 5321 3.2: an older server knows HELO */
	return connection_say_hello(connection, "HELO", &is_unknown, failure);
}

/* FALSE with *failure. */
static gboolean
connection_encrypt(AmSmtpConnection *connection, const char *host, const char *phase,
		   AmReply **failure)
{
	const AmSmtpClientConfig *config = connection->config;
	const AmTlsPeer peer = { .name = host, .tlsa = config->tlsa };
	GError *error = NULL;
	if (am_stream_start_tls(connection->stream, config->tls, &peer, &error) &&
	    am_stream_handshake(connection->stream,
				am_smtp_connection_until(connection, config->command_ms), &error))
		return TRUE;
	*failure = connection_failure(connection, phase, error);
	return FALSE;
}

/* TLS before the greeting (RFC 8314 3.3). */
static gboolean
connection_begin_encrypted(AmSmtpConnection *connection, const char *host, AmReply **failure)
{
	if (connection->config->tls != NULL)
		return connection_encrypt(connection, host, "TLS", failure);
	*failure = am_reply_new(451, "4.7.4", "%s: TLS to next hops is switched off",
				connection->remote);
	return FALSE;
}

/* STARTTLS, the handshake, and the greeting again; FALSE with *failure and *has_failed_tls. */
static gboolean
connection_start_tls(AmSmtpConnection *connection, const char *host, gboolean *has_failed_tls,
		     AmReply **failure)
{
	const AmSmtpClientConfig *config = connection->config;
	g_autoptr(AmReply) reply = NULL;
	gboolean is_unknown;
	*has_failed_tls = TRUE;
	if (!am_smtp_connection_talk(connection, "STARTTLS\r\n", config->command_ms, "STARTTLS",
				     &reply)) {
		*failure = g_steal_pointer(&reply);
		return FALSE;
	}
	if (!am_reply_is_success(reply)) {
		*failure = connection_refused(connection, "STARTTLS", reply);
		return FALSE;
	}
	if (!connection_encrypt(connection, host, "STARTTLS", failure))
		return FALSE;
	*has_failed_tls = FALSE;
	connection->extensions = 0; /* what was said in the clear is forgotten */
	connection->xforward = 0;
	g_clear_pointer(&connection->auth_offered, g_free);
	return connection_say_hello(connection, connection->is_lmtp ? "LHLO" : "EHLO", &is_unknown,
				    failure);
}

/* Is the next hop on this machine? */
static gboolean
connection_is_local(const char *host)
{
	return g_str_has_prefix(host, "unix:") || g_str_has_prefix(host, "127.") ||
	       strcmp(host, "::1") == 0 || g_ascii_strcasecmp(host, "localhost") == 0;
}

static AmSmtpConnection *
connection_try(const AmSmtpClientConfig *config, AmClientTls mode, const AmHop *hop,
	       const char *host, guint16 port, gint64 deadline_us, gboolean *has_failed_tls,
	       AmReply **failure)
{
	g_autoptr(AmSmtpConnection) connection = g_new0(AmSmtpConnection, 1);
	g_autoptr(GError) error = NULL;
	connection->config = config;
	connection->is_lmtp = hop->kind == AM_HOP_LMTP;
	connection->deadline_us = deadline_us;
	connection->remote = am_smtp_remote(host, port);
	connection->stream = am_stream_connect_from(
		config->bind_addresses, host, port,
		am_smtp_connection_until(connection, config->connect_ms), &error);
	if (connection->stream == NULL) {
		*failure = am_reply_new(451, "4.4.1", "%s: %s", connection->remote, error->message);
		return NULL;
	}
	if (hop->is_tls && !connection_begin_encrypted(connection, host, failure))
		return NULL;
	if (!connection_greet(connection, failure))
		return NULL;
	gboolean is_offered = (connection->extensions & AM_SMTP_STARTTLS) != 0;
	if (mode == AM_CLIENT_TLS && !is_offered && !hop->is_tls) {
		*failure = am_reply_new(451, "4.7.4", "%s: the next hop does not offer STARTTLS",
					connection->remote);
		return NULL;
	}
	if (mode != AM_CLIENT_PLAIN && is_offered && !hop->is_tls &&
	    !connection_start_tls(connection, host, has_failed_tls, failure))
		return NULL;
	if (!am_smtp_authenticate(connection, host, failure))
		return NULL;
	connection->born_us = connection->used_us = g_get_monotonic_time();
	return g_steal_pointer(&connection);
}

AmSmtpConnection *
am_smtp_connection_open(const AmSmtpClientConfig *config, const AmHop *hop, const char *host,
			guint16 port, gint64 deadline_us, AmReply **failure)
{
	gboolean has_failed_tls = FALSE;
	AmClientTls mode = config->tls_mode;
	if (mode == AM_CLIENT_OPPORTUNISTIC && connection_is_local(host))
		mode = AM_CLIENT_PLAIN;
	AmSmtpConnection *connection = connection_try(config, mode, hop, host, port, deadline_us,
						      &has_failed_tls, failure);
	if (connection != NULL || mode != AM_CLIENT_OPPORTUNISTIC || !has_failed_tls)
		return connection;
	/* RFC 7435 3: better in the clear than not at all, when nobody asked for more */
	g_autofree char *text = am_reply_to_string(*failure);
	am_info("%s; goes on in the clear", text);
	g_clear_pointer(failure, am_reply_free);
	return connection_try(config, AM_CLIENT_PLAIN, hop, host, port, deadline_us,
			      &has_failed_tls, failure);
}
