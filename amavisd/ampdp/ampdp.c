/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The AM.PDP server as a state machine: requests come one after the other on a connection, each is
 * answered before the next is read. */

#include <config.h>

#include "ampdp/ampdp-private.h"

#include <string.h>

#include "log/log.h"

#define AMPDP_STEP_BYTES (4u << 20) /* of requests in one step */

AmPdpServer *
am_pdp_server_new(AmStream *stream, const AmPdpConfig *config, const AmPdpOps *ops, gpointer user)
{
	AmPdpServer *server = g_new0(AmPdpServer, 1);
	server->stream = stream;
	server->config = config;
	server->ops = ops;
	server->user = user;
	am_pdp_request_init(&server->request);
	return server;
}

/* -- release -- */

/* Base name of mail_file without ".gz": amavisd-release cuts some ids short in mail_id, but gives
 * what it was called with here.  NULL when it is not the longer form of mail_id. */
static char *
release_long_id(const char *mail_file, const char *mail_id)
{
	g_autofree char *name = g_path_get_basename(mail_file);
	if (g_str_has_suffix(name, ".gz"))
		name[strlen(name) - 3] = '\0';
	return g_str_has_suffix(name, mail_id) && strcmp(name, mail_id) != 0
		       ? g_steal_pointer(&name)
		       : NULL;
}

static AmReply *
release_refusal(const AmPdpServer *server, const char *mail_id)
{
	if (server->config->release == AM_PDP_RELEASE_NO || server->ops->on_release == NULL)
		return am_reply_new(550, "5.7.1", "Release is not allowed here");
	if (mail_id == NULL || *mail_id == '\0')
		return am_reply_new(450, "4.5.0", "Incomplete request: mail_id is missing");
	return NULL;
}

static void
server_release(AmPdpServer *server, AmReleaseKind kind, GString *out)
{
	const AmPdpRequest *request = &server->request;
	const char *mail_id = am_pdp_get(request, "mail_id");
	const char *mail_file = am_pdp_get(request, "mail_file");
	am_pdp_answer_begin(out, NULL);
	g_autoptr(AmReply) refusal = release_refusal(server, mail_id);
	if (refusal == NULL && server->ops->check->on_begin != NULL)
		refusal = server->ops->check->on_begin(server->user);
	if (refusal != NULL) {
		am_pdp_answer_reply(out, refusal);
		return;
	}
	g_autofree char *long_id = mail_file != NULL ? release_long_id(mail_file, mail_id) : NULL;
	g_autofree const char **recipients = am_pdp_get_all(request, "recipient");
	const char *const ids[] = { long_id != NULL ? long_id : mail_id,
				    long_id != NULL ? mail_id : NULL, NULL };
	const AmReleaseRequest release = {
		.kind = kind,
		.ids = ids,
		.needs_secret = server->config->release == AM_PDP_RELEASE_SECRET,
		.secret = am_pdp_get(request, "secret_id"),
		.recipients = (const char *const *)recipients,
		.sender = am_pdp_get(request, "sender"),
		.requested_by = am_pdp_get(request, "requested_by"),
	};
	g_autoptr(GPtrArray) replies = server->ops->on_release(server->user, &release);
	for (guint i = 0; i < replies->len; i++)
		am_pdp_answer_reply(out, replies->pdata[i]);
	if (server->ops->check->on_abandon != NULL)
		server->ops->check->on_abandon(server->user);
}

/* -- requests -- */

static void
server_refuse(const AmPdpServer *server, const char *text, GString *out)
{
	g_autoptr(AmReply) refusal = am_reply_new(450, "4.5.0", "%s", text);
	am_warning("listener %s: %s", server->config->intake.listener, text);
	am_pdp_answer_begin(out, NULL);
	am_pdp_answer_refusal(out, refusal);
}

static void
server_answer(AmPdpServer *server)
{
	const char *word = am_pdp_get(&server->request, "request");
	g_autoptr(GString) out = g_string_new(NULL);
	const char *line_end = "\r\n";
	if (server->request.n_malformed > 0)
		am_info("listener %s: %u malformed lines of a request passed over",
			server->config->intake.listener, server->request.n_malformed);
	if (g_strcmp0(word, "AM.PDP") == 0) {
		am_pdp_check(server, out);
	} else if (g_strcmp0(word, "release") == 0) {
		server_release(server, AM_RELEASE, out);
	} else if (g_strcmp0(word, "requeue") == 0) {
		server_release(server, AM_RELEASE_REQUEUE, out);
	} else if (g_strcmp0(word, "report") == 0) {
		server_release(server, AM_RELEASE_REPORT, out);
	} else if (g_strcmp0(word, "smtpd_access_policy") == 0) {
		/* Postfix's SMTPD_POLICY_README: lines end in LF */
		g_string_append(out, "action=DUNNO\n");
		line_end = "\n";
	} else {
		server_refuse(server, word == NULL ? "The request does not say what it is"
						   : "Unknown request",
			      out);
	}
	g_string_append(out, line_end);
	am_stream_queue(server->stream, out->str, out->len);
}

/* -- as the session sees it -- */

static void
server_refuse_large(AmPdpServer *server)
{
	g_autoptr(GString) out = g_string_new(NULL);
	server_refuse(server, "The request is too large", out);
	g_string_append(out, "\r\n");
	am_stream_queue(server->stream, out->str, out->len);
	server->is_over = TRUE;
}

/* Up to one request: others first, an answer can take long. */
static AmReadResult
server_take_request(AmPdpServer *server)
{
	gsize budget = AMPDP_STEP_BYTES;
	AmPdpStep step = AM_PDP_MORE;
	while (step == AM_PDP_MORE && budget > 0) {
		const guint8 *data;
		gsize len, used;
		AmReadResult result = am_stream_try_peek(server->stream, &data, &len);
		if (result != AM_READ_OK)
			return result;
		step = am_pdp_request_feed(&server->request, data, len, &used);
		am_stream_consume(server->stream, used);
		budget -= MIN(budget, used);
	}
	if (step == AM_PDP_LARGE) {
		server_refuse_large(server);
	} else if (step == AM_PDP_DONE) {
		server_answer(server);
		am_pdp_request_reset(&server->request);
	}
	return AM_READ_OK;
}

static AmServerStep
server_work(gpointer user)
{
	AmPdpServer *server = user;
	AmReadResult result = server->is_over ? AM_READ_OK : server_take_request(server);
	if (result == AM_READ_EOF || result == AM_READ_ERROR) {
		if (!am_pdp_request_is_empty(&server->request))
			am_info("listener %s: lost connection in a request",
				server->config->intake.listener);
		server->is_over = TRUE;
	}
	if (server->is_over)
		return AM_SERVER_CLOSE;
	return result == AM_READ_OK ? AM_SERVER_YIELD : AM_SERVER_WAIT_INPUT;
}

static AmServerStep
server_step(gpointer user)
{
	AmPdpServer *server = user;
	return am_server_step(server->stream, server_work, server);
}

static gboolean
server_is_idle(gconstpointer user)
{
	const AmPdpServer *server = user;
	return am_pdp_request_is_empty(&server->request);
}

static void
server_shut(gpointer user, G_GNUC_UNUSED const char *enhanced, G_GNUC_UNUSED const char *text)
{
	AmPdpServer *server = user;
	server->is_over = TRUE; /* nothing can be said unasked */
}

static int
server_fd(gconstpointer user)
{
	const AmPdpServer *server = user;
	return am_stream_fd(server->stream);
}

static void
server_free(gpointer user)
{
	AmPdpServer *server = user;
	am_pdp_request_clear(&server->request);
	am_stream_free(server->stream);
	g_free(server);
}

const AmServerKind am_pdp_server_kind = {
	.step = server_step,
	.is_idle = server_is_idle,
	.shut = server_shut,
	.fd = server_fd,
	.free = server_free,
};
