/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* AUTH of the SMTP and LMTP server, RFC 4954.
 *
 *     AUTH mechanism [ "=" / base64 ] CRLF
 *     S: 334 base64 CRLF   C: base64 / "*" CRLF    as often as the mechanism wants
 *     S: 235
 *
 * A verification is made where the command is read: it holds up this client's thread alone, as a
 * check at RCPT does.  Nothing of what is exchanged is logged but who it was and why it failed. */

#include <config.h>

#include "smtp/server-private.h"

#include <string.h>

#include "log/log.h"

static gboolean
auth_is_usable(const AmSmtpServer *server)
{
	return server->config->auth != AM_SERVER_AUTH_NO &&
	       (server->config->is_auth_clear || am_stream_tls(server->stream) != NULL);
}

static gboolean
auth_is_done(const AmSmtpServer *server)
{
	return server->authenticated != NULL && *server->authenticated != '\0';
}

gboolean
am_server_needs_auth(const AmSmtpServer *server)
{
	return server->config->auth == AM_SERVER_AUTH_REQUIRED && !auth_is_done(server);
}

void
am_server_forget_auth(AmSmtpServer *server)
{
	g_clear_pointer(&server->sasl, am_sasl_free);
	g_clear_pointer(&server->auth_mechanism, g_free);
}

static AmSasl *
auth_make(const AmSmtpServer *server)
{
	g_autoptr(GError) error = NULL;
	const AmSmtpServerConfig *config = server->config;
	AmTlsLink *link = am_stream_tls(server->stream);
	gboolean is_known = link != NULL && am_tls_link_is_verified(link) &&
			    *am_tls_link_peer_name(link) != '\0';
	const AmSaslServerConfig wanted = {
		.service = config->auth_service,
		.hostname = config->hostname,
		.realm = config->auth_realm,
		.mechanisms = config->auth_mechanisms,
		.external = is_known ? am_tls_link_peer_name(link) : NULL,
		.bits = link != NULL ? (guint)am_tls_link_bits(link) : 0,
	};
	AmSasl *sasl = am_sasl_server_new(&wanted, &error);
	if (sasl == NULL)
		am_error("listener %s: %s", config->intake.listener, error->message);
	return sasl;
}

void
am_server_announce_auth(const AmSmtpServer *server, GString *text)
{
	if (!auth_is_usable(server) || auth_is_done(server))
		return;
	g_autoptr(AmSasl) sasl = auth_make(server);
	g_autofree char *mechanisms = sasl != NULL ? am_sasl_server_mechanisms(sasl) : NULL;
	if (mechanisms != NULL && *mechanisms != '\0')
		g_string_append_printf(text, "\nAUTH %s", mechanisms);
}

/* NULL: that is no base64 (RFC 4648 4, with its padding). */
static guchar *
auth_decode(const char *text, gsize *len)
{
	gsize total = strlen(text);
	gsize digits = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789+/");
	gsize padding = strspn(text + digits, "=");
	*len = 0;
	if (digits + padding != total || total % 4 != 0 || padding > 2)
		return NULL;
	return total > 0 ? g_base64_decode(text, len) : g_malloc0(1);
}

static void
auth_succeed(AmSmtpServer *server)
{
	const char *user = am_sasl_user(server->sasl);
	if (*user == '\0' || !g_utf8_validate(user, -1, NULL)) {
		am_server_refuse(server, 535, "5.7.8", "Authentication credentials invalid");
	} else {
		g_free(server->authenticated);
		server->authenticated = g_strdup(user);
		am_debug("listener %s: client [%s] is %s by %s", server->config->intake.listener,
			 server->peer_address, user, server->auth_mechanism);
		am_server_reply(server, 235, "2.7.0", "Authentication successful");
	}
	am_server_forget_auth(server);
}

/* RFC 4954 6 */
static void
auth_fail(AmSmtpServer *server, AmSaslStep step)
{
	static const struct {
		AmSaslStep step;
		int code;
		const char *enhanced, *text;
	} rows[] = {
		{ AM_SASL_REFUSED, 535, "5.7.8", "Authentication credentials invalid" },
		{ AM_SASL_WEAK, 534, "5.7.9", "Authentication mechanism is too weak" },
		{ AM_SASL_TRANSITION, 432, "4.7.12", "A password transition is needed" },
		{ AM_SASL_ENCRYPT, 538, "5.7.11", "Encryption required for this mechanism" },
		{ AM_SASL_MALFORMED, 501, "5.5.2", "This is no message of the mechanism" },
		{ AM_SASL_NO_MECHANISM, 504, "5.5.4", "Unrecognized authentication mechanism" },
		{ AM_SASL_FAILED, 454, "4.7.0", "Temporary authentication failure" },
	};
	gsize i = 0;
	while (i + 1 < G_N_ELEMENTS(rows) && rows[i].step != step)
		i++;
	const char *user = am_sasl_user(server->sasl);
	am_log(step == AM_SASL_FAILED ? AM_LOG_WARNING : AM_LOG_INFO, NULL,
	       "listener %s: client [%s]: AUTH %s%s%s failed: %s", server->config->intake.listener,
	       server->peer_address, server->auth_mechanism, *user != '\0' ? " of " : "", user,
	       am_sasl_reason(server->sasl));
	if (step == AM_SASL_FAILED)
		am_server_reply(server, rows[i].code, rows[i].enhanced, "%s", rows[i].text);
	else
		am_server_refuse(server, rows[i].code, rows[i].enhanced, "%s", rows[i].text);
	am_server_forget_auth(server);
}

static void
auth_take(AmSmtpServer *server, AmSaslStep step, const char *out, gsize out_len)
{
	server->phase = SERVER_COMMAND;
	if (step == AM_SASL_MORE) {
		g_autofree char *text = g_base64_encode((const guchar *)out, out_len);
		g_autofree char *line = g_strdup_printf("334 %s\r\n", text);
		am_stream_queue(server->stream, line, strlen(line)); /* of any length */
		server->phase = SERVER_AUTH;
	} else if (step == AM_SASL_DONE) {
		auth_succeed(server);
	} else {
		auth_fail(server, step);
	}
}

/* May it be said now?  Answers when not. */
static gboolean
auth_is_in_order(AmSmtpServer *server)
{
	if (server->config->auth == AM_SERVER_AUTH_NO)
		am_server_refuse(server, 502, "5.5.1", "Command not implemented");
	else if (!server->is_extended)
		am_server_refuse(server, 503, "5.5.1", "%s comes first",
				 server->config->is_lmtp ? "LHLO" : "EHLO");
	else if (auth_is_done(server))
		am_server_refuse(server, 503, "5.5.1", "You are authenticated already");
	else if (server->envelope != NULL)
		am_server_refuse(server, 503, "5.5.1", "Not in a transaction");
	else if (!auth_is_usable(server))
		am_server_refuse(server, 538, "5.7.11", "Encryption required, say STARTTLS first");
	else
		return TRUE;
	return FALSE;
}

void
am_server_auth(AmSmtpServer *server, const char *argument)
{
	gsize len = 0, out_len = 0;
	const char *out = NULL;
	g_autofree guchar *message = NULL;
	if (!auth_is_in_order(server))
		return;
	gsize word = strcspn(argument, " ");
	const char *initial = argument + word + strspn(argument + word, " ");
	if (strcmp(initial, "=") == 0) /* RFC 4954 4: an empty one */
		message = g_malloc0(1);
	else if (*initial != '\0')
		message = auth_decode(initial, &len);
	if (*initial != '\0' && message == NULL) {
		am_server_refuse(server, 501, "5.5.2", "Cannot decode base64");
		return;
	}
	am_server_forget_auth(server);
	server->sasl = auth_make(server);
	if (server->sasl == NULL) {
		am_server_reply(server, 454, "4.7.0", "Temporary authentication failure");
		return;
	}
	server->auth_mechanism = g_ascii_strup(argument, (gssize)word);
	AmSaslStep step = am_sasl_server_start(server->sasl, server->auth_mechanism,
					       (const char *)message, len, &out, &out_len);
	auth_take(server, step, out, out_len);
	if (message != NULL)
		explicit_bzero(message, len);
}

void
am_server_auth_line(AmSmtpServer *server, const char *line, gsize line_len)
{
	gsize len = 0, out_len = 0;
	const char *out = NULL;
	g_autofree char *text = g_strndup(line, line_len);
	if (strcmp(text, "*") == 0) {
		am_server_cancel_auth(server, 501, "5.7.0", "Authentication cancelled");
		return;
	}
	g_autofree guchar *message = strlen(text) == line_len ? auth_decode(text, &len) : NULL;
	if (message == NULL) {
		am_server_cancel_auth(server, 501, "5.5.2", "Cannot decode base64");
		return;
	}
	AmSaslStep step = am_sasl_step(server->sasl, (const char *)message, len, &out, &out_len);
	auth_take(server, step, out, out_len);
	explicit_bzero(message, len);
	explicit_bzero(text, line_len);
}

void
am_server_cancel_auth(AmSmtpServer *server, int code, const char *enhanced, const char *text)
{
	am_server_forget_auth(server);
	server->phase = SERVER_COMMAND;
	am_server_refuse(server, code, enhanced, "%s", text);
}
