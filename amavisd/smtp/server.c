/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The SMTP and LMTP server as a state machine.  A step takes whatever has arrived: commands are
 * answered one after the other into the stream's output, a mail's bytes go to its spool.  Replies
 * are sent together when there is nothing left to read (RFC 2920), so a group of pipelined commands
 * gets one packet of answers.
 *
 * A client that sends faster than we work cannot keep a thread for itself: a step has a budget and
 * then says YIELD.  One that does not read its replies is not read from. */

#include <config.h>

#include "smtp/server-private.h"

#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include "log/log.h"

#define SERVER_STEP_BYTES (4 << 20)   /* of a mail in one step */
#define SERVER_STEP_COMMANDS 200      /* in one step */
#define SERVER_OUTPUT_HIGH (64 << 10) /* bytes of replies waiting: no further command is read */
#define SERVER_LINGER_BYTES (256 << 10)
#define SERVER_RATE 500 /* bytes in a second that buy a mail more time, as of Postfix */

AmSmtpServer *
am_smtp_server_new(AmStream *stream, const AmSmtpServerConfig *config, const AmSmtpServerOps *ops,
		   gpointer user)
{
	AmSmtpServer *server = g_new0(AmSmtpServer, 1);
	server->stream = stream;
	server->config = config;
	server->ops = ops;
	server->user = user;
	server->progress_us = g_get_monotonic_time();
	server->peer_address = am_stream_peer_address(stream, &server->peer_port);
	server->local_port = am_stream_local_port(stream);
	if (config->is_proxied) {
		server->phase = SERVER_PROXY;
		server->proxy = g_new0(AmProxy, 1);
	}
	return server;
}

void
am_server_abandon(AmSmtpServer *server)
{
	if (server->envelope == NULL)
		return;
	g_clear_pointer(&server->envelope, am_envelope_free);
	g_clear_pointer(&server->spool, am_spool_free);
	if (server->ops->on_abandon != NULL)
		server->ops->on_abandon(server->user);
}

void
am_smtp_server_free(AmSmtpServer *server)
{
	if (server == NULL)
		return;
	am_server_abandon(server);
	am_server_forget_xforward(server);
	am_server_forget_xclient(server);
	am_stream_free(server->stream);
	g_free(server->proxy);
	g_free(server->peer_address);
	g_free(server->helo);
	am_reply_free(server->chunk_reply);
	am_server_forget_auth(server);
	g_free(server->authenticated);
	g_free(server);
}

int
am_smtp_server_fd(const AmSmtpServer *server)
{
	return am_stream_fd(server->stream);
}

gboolean
am_smtp_server_is_idle(const AmSmtpServer *server)
{
	return server->envelope == NULL && server->phase != SERVER_CLOSING;
}

void
am_server_queue_reply(AmSmtpServer *server, const AmReply *reply)
{
	g_autoptr(GString) wire = g_string_new(NULL);
	am_reply_to_wire(reply, wire);
	am_stream_queue(server->stream, wire->str, wire->len);
	if (reply->code < 400)
		server->errors_in_row = 0;
}

G_GNUC_PRINTF(4, 0)
static void
server_reply_va(AmSmtpServer *server, int code, const char *enhanced, const char *format,
		va_list args)
{
	g_autofree char *text = g_strdup_vprintf(format, args);
	g_autoptr(AmReply) reply = am_reply_new(code, enhanced, "%s", text);
	am_server_queue_reply(server, reply);
}

void
am_server_reply(AmSmtpServer *server, int code, const char *enhanced, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	server_reply_va(server, code, enhanced, format, args);
	va_end(args);
}

void
am_server_refuse(AmSmtpServer *server, int code, const char *enhanced, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	server_reply_va(server, code, enhanced, format, args);
	va_end(args);
	server->errors_in_row++;
	if (server->errors_in_row < server->config->error_limit)
		return;
	am_info("listener %s: client [%s] made %u errors in a row, disconnected",
		server->config->intake.listener, server->peer_address, server->errors_in_row);
	am_server_reply(server, 421, "4.7.0", "%s Too many errors, closing connection",
			server->config->hostname);
	server->phase = SERVER_CLOSING;
}

/* Reads and answers one command. */
static AmReadResult
server_read_command(AmSmtpServer *server)
{
	const char *line;
	gsize len;
	gboolean is_crlf;
	gboolean is_auth = server->phase == SERVER_AUTH;
	AmReadResult result = am_stream_try_line(
		server->stream, is_auth ? AM_SERVER_AUTH_LINE_MAX : AM_SERVER_LINE_MAX, &line, &len,
		&is_crlf);
	server->progress_us = result == AM_READ_OK || result == AM_READ_LONG
				      ? g_get_monotonic_time()
				      : server->progress_us;
	if (result == AM_READ_LONG && is_auth) {
		am_server_cancel_auth(server, 500, "5.5.6", "Authentication line is too long");
		return AM_READ_OK;
	}
	if (result == AM_READ_LONG) {
		am_server_refuse(server, 500, "5.5.2", "Line too long");
		return AM_READ_OK;
	}
	if (result != AM_READ_OK)
		return result;
	if (!is_crlf && is_auth && !server->config->is_bare_normalised)
		am_server_cancel_auth(server, 500, "5.5.2", "Line must end in CRLF");
	else if (!is_crlf && !server->config->is_bare_normalised)
		am_server_refuse(server, 500, "5.5.2", "Line must end in CRLF");
	else if (is_auth)
		am_server_auth_line(server, line, len);
	else
		am_server_command(server, line, len);
	return AM_READ_OK;
}

/* Reads of a mail; at its end the client's time begins anew, as ours was long, not the client's. */
static AmReadResult
server_read_mail(AmSmtpServer *server, gsize *budget)
{
	gsize before = *budget;
	AmReadResult result = server->phase == SERVER_DATA ? am_server_data_feed(server, budget)
							   : am_server_bdat_feed(server, budget);
	server->n_bytes += before - *budget;
	if (result == AM_READ_OK)
		server->progress_us = g_get_monotonic_time();
	return result;
}

/* Works until input or budget is used up; what the last read said. */
static AmReadResult
server_work(AmSmtpServer *server, gboolean *is_used_up)
{
	gsize bytes = SERVER_STEP_BYTES;
	guint commands = SERVER_STEP_COMMANDS;
	AmReadResult result = AM_READ_OK;
	while (result == AM_READ_OK && server->phase != SERVER_CLOSING &&
	       server->phase != SERVER_STARTTLS) {
		if (bytes == 0 || commands == 0 ||
		    am_stream_queued(server->stream) > SERVER_OUTPUT_HIGH) {
			*is_used_up = TRUE;
			return AM_READ_AGAIN;
		}
		if (server->phase == SERVER_DATA || server->phase == SERVER_BDAT) {
			result = server_read_mail(server, &bytes);
			*is_used_up = bytes == 0;
		} else {
			commands--;
			result = server_read_command(server);
		}
	}
	return result;
}

/* Closing a socket that has unread input resets the connection, and the client may lose our last
 * reply: so what has come is read and forgotten. */
static void
server_linger(AmSmtpServer *server)
{
	const guint8 *data;
	gsize len;
	gsize total = 0;
	if (am_stream_tls(server->stream) == NULL) /* which says good-bye by itself */
		(void)shutdown(am_stream_fd(server->stream), SHUT_WR); /* the peer may be gone */
	while (total < SERVER_LINGER_BYTES &&
	       am_stream_try_peek(server->stream, &data, &len) == AM_READ_OK) {
		am_stream_consume(server->stream, len);
		total += len;
	}
}

/* The handshake did not come to its end. */
static gboolean
server_has_failed_tls(const AmSmtpServer *server)
{
	AmTlsLink *link = am_stream_tls(server->stream);
	return link != NULL && !am_tls_link_is_ready(link);
}

static AmServerStep
server_lost(const AmSmtpServer *server, const char *why)
{
	if (server_has_failed_tls(server))
		am_info("listener %s: client [%s]: %s", server->config->intake.listener,
			server->peer_address, why != NULL ? why : "closed in the TLS handshake");
	return AM_SERVER_CLOSE;
}

void
am_server_say_greeting(AmSmtpServer *server)
{
	const AmSmtpServerConfig *config = server->config;
	if (config->greeting != NULL)
		am_server_reply(server, 220, NULL, "%s %s", config->hostname, config->greeting);
	else
		am_server_reply(server, 220, NULL, "%s %s " PACKAGE_NAME " service ready",
				config->hostname, config->is_lmtp ? "LMTP" : "ESMTP");
	server->phase = SERVER_COMMAND;
}

static gboolean
server_greet(AmSmtpServer *server)
{
	am_server_decide_trust(server);
	if (server->config->tls_mode == AM_SERVER_IMPLICIT && !am_server_begin_tls(server))
		return FALSE;
	am_server_say_greeting(server);
	return TRUE;
}

/* The reply to STARTTLS is out: the next byte is the client's first of TLS. */
static AmServerStep
server_enter_tls(AmSmtpServer *server)
{
	if (!am_server_begin_tls(server))
		return AM_SERVER_CLOSE;
	server->phase = SERVER_COMMAND;
	am_stream_park(server->stream);
	return AM_SERVER_WAIT_INPUT;
}

/* FALSE: there is no room for the client; *step says how to go on. */
static gboolean
server_admit(AmSmtpServer *server, AmServerStep *step)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmReply) refusal =
		server->ops->on_client != NULL
			? server->ops->on_client(server->user, server->peer_address)
			: NULL;
	if (refusal == NULL)
		return TRUE;
	if (server->config->tls_mode != AM_SERVER_IMPLICIT)
		am_server_queue_reply(server, refusal);
	(void)am_stream_try_flush(server->stream, &error); /* it fits, or the client is gone */
	server->phase = SERVER_CLOSING;
	*step = AM_SERVER_CLOSE;
	return FALSE;
}

/* Who really is there.  FALSE: not known yet, or never; *step says which. */
static gboolean
server_meet_proxy(AmSmtpServer *server, AmServerStep *step)
{
	AmProxyStep result = am_proxy_meet(&server->proxy, am_stream_fd(server->stream),
					   server->config->intake.listener, &server->peer_address,
					   &server->peer_port, &server->local_port);
	*step = result == AM_PROXY_MORE ? AM_SERVER_WAIT_INPUT : AM_SERVER_CLOSE;
	if (result != AM_PROXY_DONE)
		return FALSE;
	server->phase = SERVER_GREETING;
	return server_admit(server, step);
}

AmServerStep
am_smtp_server_step(AmSmtpServer *server)
{
	g_autoptr(GError) error = NULL;
	gboolean is_used_up = FALSE;
	AmReadResult result = AM_READ_OK;
	AmServerStep step;
	if (server->phase == SERVER_PROXY && !server_meet_proxy(server, &step))
		return step;
	if (server->phase == SERVER_GREETING && !server_greet(server))
		return AM_SERVER_CLOSE;
	if (am_stream_try_flush(server->stream, &error))
		result = server_work(server, &is_used_up);
	am_server_tell_tls(server);
	if (result == AM_READ_EOF || result == AM_READ_ERROR) {
		const char *text = am_stream_error(server->stream);
		if (server_has_failed_tls(server))
			(void)server_lost(server, text);
		else if (!am_smtp_server_is_idle(server))
			am_info("listener %s: lost connection from [%s] in a transaction: %s",
				server->config->intake.listener, server->peer_address,
				text != NULL ? text : "closed by client");
		server->phase = SERVER_CLOSING;
	}
	if (error == NULL && !am_stream_try_flush(server->stream, &error) && error == NULL)
		return am_stream_sends_on_input(server->stream) ? AM_SERVER_WAIT_INPUT
								: AM_SERVER_WAIT_OUTPUT;
	if (error != NULL)
		return server_lost(server, error->message);
	if (server->phase == SERVER_STARTTLS)
		return server_enter_tls(server);
	if (server->phase == SERVER_CLOSING) {
		server_linger(server);
		return AM_SERVER_CLOSE;
	}
	if (is_used_up)
		return AM_SERVER_YIELD;
	am_stream_park(server->stream);
	return am_stream_reads_on_output(server->stream) ? AM_SERVER_WAIT_OUTPUT
							 : AM_SERVER_WAIT_INPUT;
}

void
am_smtp_server_shut(AmSmtpServer *server, const char *enhanced, const char *text)
{
	g_autoptr(GError) error = NULL;
	am_server_reply(server, 421, enhanced, "%s %s", server->config->hostname, text);
	server->phase = SERVER_CLOSING;
	if (am_stream_try_flush(server->stream, &error))
		server_linger(server);
}

/* ---- as the session sees it ---------------------------------------------------------------- */

static AmServerStep
server_kind_step(gpointer server)
{
	return am_smtp_server_step(server);
}

static gboolean
server_kind_is_idle(gconstpointer server)
{
	return am_smtp_server_is_idle(server);
}

static void
server_kind_shut(gpointer server, const char *enhanced, const char *text)
{
	am_smtp_server_shut(server, enhanced, text);
}

static int
server_kind_fd(gconstpointer server)
{
	return am_smtp_server_fd(server);
}

/* A command that comes byte by byte is as good as none; so is a client that does not take replies. */
static gint64
server_kind_end_us(gconstpointer user)
{
	const AmSmtpServer *server = user;
	const AmSmtpServerConfig *config = server->config;
	gint64 end_us = G_MAXINT64;
	if (server->envelope != NULL && config->receive_us > 0) {
		guint64 seconds = server->n_bytes / SERVER_RATE;
		end_us = server->start_us + config->receive_us + (gint64)seconds * G_USEC_PER_SEC;
	}
	gboolean is_in_mail = server->envelope != NULL &&
			      (server->phase == SERVER_DATA || server->phase == SERVER_BDAT);
	if (!is_in_mail && config->idle_us > 0)
		end_us = MIN(end_us, server->progress_us + config->idle_us);
	return end_us;
}

static void
server_kind_free(gpointer server)
{
	am_smtp_server_free(server);
}

const AmServerKind am_smtp_server_kind = {
	.step = server_kind_step,
	.is_idle = server_kind_is_idle,
	.shut = server_kind_shut,
	.fd = server_kind_fd,
	.end_us = server_kind_end_us,
	.free = server_kind_free,
};
