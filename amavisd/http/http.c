/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* HTTP is libsoup's.  It is made for a main loop, and here is none: connections are stepped by
 * whichever thread is free (session/pool.h).  So each connection has a context of its own, which is run
 * for as long as there is something to do and never waits.  Whoever steps a connection has it for
 * himself, and with it the context.
 *
 * libsoup closes a stream that did not come by a listener of its own after each request.  The stream it
 * gets is one of ours for that request alone (link.h); what is below is kept. */

#include <config.h>

#include "http/http-private.h"

#include <string.h>
#include <sys/socket.h>

#include "log/log.h"

#define HTTP_HEAD_MAX 65536u		   /* bytes of request line and fields */
#define HTTP_HEAD_US (60 * G_USEC_PER_SEC) /* they come within that time */
#define HTTP_LINGER_BYTES (1u << 20)	   /* that are read when a connection ends */
#define HTTP_STEP_BYTES (4u << 20)	   /* of requests in one step */
#define HTTP_LAST_TURNS 100u		   /* of the context, when all is over */
#define HTTP_RATE 500u			   /* bytes a second that earn a second more */

AmHttpServer *
am_http_server_new(AmStream *stream, const AmHttpConfig *config, const AmHttpOps *ops,
		   gpointer user)
{
	AmHttpServer *server = g_new0(AmHttpServer, 1);
	server->stream = stream;
	server->config = config;
	server->ops = ops;
	server->user = user;
	server->mark_us = g_get_monotonic_time();
	server->peer_address = am_stream_peer_address(stream, &server->peer_port);
	server->local_port = am_stream_local_port(stream);
	if (config->is_proxied)
		server->proxy = g_new0(AmProxy, 1);
	return server;
}

/* ---- answers past libsoup ------------------------------------------------------------------ */

char *
am_http_refusal(guint status, const char *text)
{
	AmHttpProblem problem = { .status = status, .text = (char *)text };
	g_autofree char *json = am_http_error_json(&problem);
	return g_strdup_printf("HTTP/1.1 %u %s\r\nContent-Type: application/json\r\n"
			       "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
			       status, am_http_phrase(status), strlen(json), json);
}

/* For a request that cannot be read to its end; a refusal that libsoup has still to write goes first. */
static void
server_cut(AmHttpServer *server, guint status, const char *text)
{
	gboolean is_refused = server->refused_status != 0;
	gboolean has_begun = server->wire != NULL && server->has_answered &&
			     server->wire->n_written > server->n_before;
	g_autofree char *answer = am_http_refusal(is_refused ? server->refused_status : status,
						  is_refused ? server->refused_text : text);
	if (!has_begun)
		am_stream_queue(server->stream, answer, strlen(answer));
	server->is_over = TRUE;
}

/* An answer is lost when there is input that nobody reads. */
static void
server_linger(AmHttpServer *server)
{
	const guint8 *data;
	gsize len, total = 0;
	if (am_stream_tls(server->stream) == NULL) /* which says good-bye by itself */
		(void)shutdown(am_stream_fd(server->stream), SHUT_WR); /* the peer may be gone */
	while (total < HTTP_LINGER_BYTES &&
	       am_stream_try_peek(server->stream, &data, &len) == AM_READ_OK) {
		am_stream_consume(server->stream, len);
		total += len;
	}
}

/* ---- requests ------------------------------------------------------------------------------ */

static void
server_start_soup(AmHttpServer *server)
{
	server->context = g_main_context_new();
	g_main_context_push_thread_default(server->context);
	server->soup = soup_server_new(NULL, NULL);
	am_http_answer_attach(server);
	g_main_context_pop_thread_default(server->context);
}

static gboolean
server_begin_request(AmHttpServer *server)
{
	g_autoptr(GError) error = NULL;
	if (server->context == NULL)
		server_start_soup(server);
	server->wire = am_http_wire_new(server->stream, HTTP_HEAD_MAX);
	server->mark_us = server->start_us = g_get_monotonic_time();
	server->has_asked = TRUE;
	server->has_answered = server->is_kept = server->is_trial = FALSE;
	server->n_unwanted = 0;
	g_autoptr(GIOStream) link = am_http_link_new(server->wire);
	/* libsoup wants to know, and makes a URI of it for clients that name no host */
	g_autoptr(GSocketAddress) nowhere = g_inet_socket_address_new_from_string("127.0.0.1", 0);
	g_main_context_push_thread_default(server->context);
	gboolean ok = soup_server_accept_iostream(server->soup, link, nowhere, nowhere, &error);
	g_main_context_pop_thread_default(server->context);
	if (!ok)
		am_error("listener %s: %s", server->config->intake.listener, error->message);
	return ok;
}

static void
server_end_request(AmHttpServer *server)
{
	if (server->wire == NULL)
		return;
	am_http_answer_forget(server);
	g_clear_pointer(&server->refused_text, g_free);
	server->refused_status = 0;
	server->wire->stream = NULL;
	server->wire->is_closed = TRUE;
	g_clear_pointer(&server->wire, am_http_wire_unref);
}

/* Runs what libsoup has to do, without waiting. */
static void
server_iterate(AmHttpServer *server)
{
	server->wire->can_read = TRUE;
	g_main_context_push_thread_default(server->context);
	while (!server->wire->is_closed && g_main_context_iteration(server->context, FALSE))
		;
	g_main_context_pop_thread_default(server->context);
}

/* What came of it. */
static void
server_look_at_request(AmHttpServer *server)
{
	const AmHttpWire *wire = server->wire;
	if (wire->is_head_long) {
		server_cut(server, 431, "The request's header is too large");
	} else if (server->n_unwanted > AM_HTTP_UNWANTED_MAX) {
		const AmHttpProblem *problem =
			server->request != NULL ? &server->request->problem : NULL;
		gboolean is_known = problem != NULL && problem->status != 0;
		server_cut(server, is_known ? problem->status : 413,
			   is_known ? problem->text : "This body is not wanted");
	} else if (wire->chunks.state == AM_CHUNKS_BAD) {
		server_cut(server, 400, "The chunks of the body are malformed");
	} else if (!wire->is_closed) {
		return;
	}
	/* behind a request that was not read to its end may be the rest of it */
	server->is_over |= !server->is_kept || !server->has_answered;
	if (wire->is_eof && server->request != NULL && !server->has_answered)
		am_info("listener %s: lost connection from [%s] in a request",
			server->config->intake.listener, server->peer_address);
	server_end_request(server);
}

/* Until there is nothing more to do now.  TRUE: there is, but it is the others' turn. */
static gboolean
server_work(AmHttpServer *server)
{
	gsize budget = HTTP_STEP_BYTES;
	while (!server->is_over) {
		const guint8 *data;
		gsize len;
		if (server->wire == NULL) {
			AmReadResult result = am_stream_try_peek(server->stream, &data, &len);
			if (result == AM_READ_AGAIN)
				return FALSE;
			if (result != AM_READ_OK || !server_begin_request(server)) {
				server->is_over = TRUE;
				return FALSE;
			}
		}
		server->wire->room = budget;
		server_iterate(server);
		budget = server->wire->room;
		gboolean is_open = !server->wire->is_closed;
		server_look_at_request(server);
		if (budget == 0)
			return TRUE;
		if (is_open)
			return FALSE;
		if (server->has_answered)
			return TRUE; /* an answer can take long */
	}
	return FALSE;
}

/* ---- as the session sees it ---------------------------------------------------------------- */

/* Who really is there.  FALSE: not known yet, or never; *step says which. */
static gboolean
server_meet_proxy(AmHttpServer *server, AmServerStep *step)
{
	AmProxyStep result = am_proxy_meet(&server->proxy, am_stream_fd(server->stream),
					   server->config->intake.listener, &server->peer_address,
					   &server->peer_port, &server->local_port);
	*step = result == AM_PROXY_MORE ? AM_SERVER_WAIT_INPUT : AM_SERVER_CLOSE;
	if (result != AM_PROXY_DONE)
		return FALSE;
	g_autoptr(AmReply) refusal =
		server->ops->on_client != NULL
			? server->ops->on_client(server->user, server->peer_address)
			: NULL;
	if (refusal != NULL && server->config->tls == NULL)
		server_cut(server, 503, refusal->text);
	server->is_over = refusal != NULL;
	return TRUE;
}

/* FALSE: the connection is of no use. */
static gboolean
server_start_tls(AmHttpServer *server)
{
	g_autoptr(GError) error = NULL;
	if (server->config->tls == NULL || am_stream_tls(server->stream) != NULL || server->is_over)
		return TRUE;
	if (am_stream_start_tls(server->stream, server->config->tls, NULL, &error))
		return TRUE;
	am_error("listener %s: %s", server->config->intake.listener, error->message);
	return FALSE;
}

static AmServerStep
server_flush(AmHttpServer *server, AmServerStep step)
{
	g_autoptr(GError) error = NULL;
	if (am_stream_try_flush(server->stream, &error))
		return step;
	if (error != NULL)
		return AM_SERVER_CLOSE;
	return am_stream_sends_on_input(server->stream) ? AM_SERVER_WAIT_INPUT
							: AM_SERVER_WAIT_OUTPUT;
}

static AmServerStep
server_step(gpointer user)
{
	AmHttpServer *server = user;
	AmServerStep step;
	if (server->proxy != NULL && !server_meet_proxy(server, &step))
		return step;
	if (!server_start_tls(server))
		return AM_SERVER_CLOSE;
	step = server_flush(server, AM_SERVER_YIELD);
	if (step != AM_SERVER_YIELD)
		return step;
	gboolean is_used_up = server_work(server);
	step = server_flush(server, AM_SERVER_YIELD);
	if (step != AM_SERVER_YIELD)
		return step;
	if (server->is_over) {
		server_linger(server);
		return AM_SERVER_CLOSE;
	}
	/* all is sent, so there is room for the rest of an answer */
	if (is_used_up || (server->wire != NULL && server->wire->is_full))
		return AM_SERVER_YIELD;
	am_stream_park(server->stream);
	return am_stream_reads_on_output(server->stream) ? AM_SERVER_WAIT_OUTPUT
							 : AM_SERVER_WAIT_INPUT;
}

static gboolean
server_is_idle(gconstpointer user)
{
	const AmHttpServer *server = user;
	return server->wire == NULL && am_stream_queued(server->stream) == 0;
}

static void
server_shut(gpointer user, const char *enhanced, const char *text)
{
	AmHttpServer *server = user;
	g_autoptr(GError) error = NULL;
	if (server->wire == NULL) {
		server->is_over = TRUE; /* nothing can be said unasked */
		return;
	}
	server_cut(server, strcmp(enhanced, "4.3.2") == 0 ? 503 : 408, text);
	if (am_stream_try_flush(server->stream, &error))
		server_linger(server);
}

static int
server_fd(gconstpointer user)
{
	const AmHttpServer *server = user;
	return am_stream_fd(server->stream);
}

/* Neither a request that comes byte by byte nor an answer taken so holds a connection for ever. */
static gint64
server_end_us(gconstpointer user)
{
	const AmHttpServer *server = user;
	if (!server->has_asked)
		return server->mark_us + HTTP_HEAD_US;
	if (server_is_idle(server))
		return G_MAXINT64; /* idle_time */
	if (server->wire != NULL && server->wire->is_head)
		return server->mark_us + HTTP_HEAD_US;
	if (server->config->receive_us == 0)
		return G_MAXINT64;
	guint64 seconds = server->wire != NULL ? server->wire->n_read / HTTP_RATE : 0;
	return server->mark_us + server->config->receive_us + (gint64)seconds * G_USEC_PER_SEC;
}

static void
server_free(gpointer user)
{
	AmHttpServer *server = user;
	server_end_request(server);
	if (server->context != NULL) {
		g_main_context_push_thread_default(server->context);
		soup_server_disconnect(server->soup);
		g_clear_object(&server->soup);
		/* what libsoup put off */
		for (guint i = 0; i < HTTP_LAST_TURNS; i++)
			if (!g_main_context_iteration(server->context, FALSE))
				break;
		g_main_context_pop_thread_default(server->context);
		g_main_context_unref(server->context);
	}
	am_stream_free(server->stream);
	g_free(server->proxy);
	g_free(server->peer_address);
	g_free(server);
}

const AmServerKind am_http_server_kind = {
	.step = server_step,
	.is_idle = server_is_idle,
	.shut = server_shut,
	.fd = server_fd,
	.end_us = server_end_us,
	.free = server_free,
};
