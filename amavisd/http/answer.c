/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What is answered to which request.  Whatever can be refused is refused when the header is there, before
 * the body is sent; what is wrong with the body itself only when it has been read, for a client that
 * is still sending does not listen. */

#include <config.h>

#include "http/http-private.h"

#include <openssl/crypto.h>
#include <string.h>

#include "log/json.h"
#include "log/log.h"

#define ANSWER_JSON "application/json"
#define ANSWER_RETRY "10"   /* seconds */
#define ANSWER_TOO_MANY 429 /* RFC 6585; libsoup does not know it */

typedef enum {
	ANSWER_CHECK,
	ANSWER_SCAN,
	ANSWER_LIVE,
	ANSWER_READY,
	ANSWER_NONE,
} AnswerPath;

static const struct {
	const char *path, *methods;
} answer_paths[ANSWER_NONE] = {
	[ANSWER_CHECK] = { "/check", "POST" },
	[ANSWER_SCAN] = { "/scan", "POST" },
	[ANSWER_LIVE] = { "/live", "GET, HEAD" },
	[ANSWER_READY] = { "/ready", "GET, HEAD" },
};

const char *
am_http_phrase(guint status)
{
	if (status == ANSWER_TOO_MANY)
		return "Too Many Requests";
	return status == 431 ? "Request Header Fields Too Large" : soup_status_get_phrase(status);
}

/* ---- answers ------------------------------------------------------------------------------- */

static char *
answer_write(JsonBuilder *builder)
{
	g_autofree char *text = am_json_to_string(builder, FALSE);
	return g_strconcat(text, "\n", NULL);
}

char *
am_http_error_json(const AmHttpProblem *problem)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	(void)json_builder_begin_object(builder);
	am_json_text(builder, "error", problem->text);
	if (problem->field != NULL)
		am_json_text(builder, "field", problem->field);
	if (problem->allowed != NULL)
		am_json_text(builder, "allowed", problem->allowed);
	(void)json_builder_end_object(builder);
	return answer_write(builder);
}

/* Takes json. */
static void
answer_send(AmHttpServer *server, SoupServerMessage *message, guint status, char *json)
{
	SoupMessageHeaders *fields = soup_server_message_get_response_headers(message);
	soup_server_message_set_status(message, status, am_http_phrase(status));
	soup_server_message_set_response(message, ANSWER_JSON, SOUP_MEMORY_TAKE, json,
					 strlen(json));
	soup_message_headers_replace(fields, "Cache-Control", "no-store");
	if (status == SOUP_STATUS_SERVICE_UNAVAILABLE || status == ANSWER_TOO_MANY)
		soup_message_headers_replace(fields, "Retry-After", ANSWER_RETRY);
	if (!server->is_kept)
		soup_message_headers_replace(fields, "Connection", "close");
	server->has_answered = TRUE;
	server->n_before = server->wire->n_written;
	server->mark_us = g_get_monotonic_time();
}

static void
answer_problem(AmHttpServer *server, SoupServerMessage *message, const AmHttpProblem *problem)
{
	am_info("listener %s: [%s]: %u: %s", server->config->intake.listener, server->peer_address,
		problem->status, problem->text);
	server->refused_status = problem->status;
	g_free(server->refused_text);
	server->refused_text = g_strdup(problem->text);
	answer_send(server, message, problem->status, am_http_error_json(problem));
}

static void
answer_refuse(AmHttpServer *server, SoupServerMessage *message, guint status, const char *text,
	      const char *allowed)
{
	const AmHttpProblem problem = { .status = status,
					.text = (char *)text,
					.allowed = allowed };
	answer_problem(server, message, &problem);
}

/* ---- health -------------------------------------------------------------------------------- */

static void
answer_live(AmHttpServer *server, SoupServerMessage *message)
{
	answer_send(server, message, SOUP_STATUS_OK, g_strdup("{\"status\":\"live\"}\n"));
}

static void
answer_ready(AmHttpServer *server, SoupServerMessage *message)
{
	AmHttpState states[AM_HTTP_MAX_STATES] = { 0 };
	guint n = server->ops->on_ready(server->user, states);
	gboolean is_ready = TRUE;
	g_autoptr(JsonBuilder) builder = json_builder_new();
	for (guint i = 0; i < n; i++)
		is_ready &= states[i].is_well;
	(void)json_builder_begin_object(builder);
	am_json_text(builder, "status", is_ready ? "ready" : "not ready");
	am_json_list(builder, "checks");
	for (guint i = 0; i < n; i++) {
		(void)json_builder_begin_object(builder);
		am_json_text(builder, "name", states[i].name);
		am_json_bool(builder, "ok", states[i].is_well);
		if (states[i].detail != NULL)
			am_json_text(builder, "detail", states[i].detail);
		(void)json_builder_end_object(builder);
		g_free(states[i].detail);
	}
	(void)json_builder_end_array(builder);
	(void)json_builder_end_object(builder);
	answer_send(server, message, is_ready ? SOUP_STATUS_OK : SOUP_STATUS_SERVICE_UNAVAILABLE,
		    answer_write(builder));
}

/* ---- a mail -------------------------------------------------------------------------------- */

static void
answer_abandon(AmHttpServer *server)
{
	if (!server->is_begun)
		return;
	server->is_begun = FALSE;
	if (server->ops->on_abandon != NULL)
		server->ops->on_abandon(server->user);
}

void
am_http_answer_forget(AmHttpServer *server)
{
	answer_abandon(server);
	g_clear_pointer(&server->json, am_http_json_free);
	g_clear_pointer(&server->request, am_http_request_free);
}

static gboolean
answer_is_authorised(const AmHttpServer *server, SoupMessageHeaders *fields)
{
	const char *secret = server->config->secret;
	const char *value = soup_message_headers_get_one(fields, "Authorization");
	if (secret == NULL)
		return TRUE;
	if (value == NULL || g_ascii_strncasecmp(value, "Bearer ", 7) != 0)
		return FALSE;
	value += 7;
	while (*value == ' ')
		value++;
	return strlen(value) == strlen(secret) && CRYPTO_memcmp(value, secret, strlen(secret)) == 0;
}

/* Is the body a message, JSON, or something we do not take?  NULL: it is taken. */
static const char *
answer_check_type(SoupMessageHeaders *fields, gboolean *is_json)
{
	const char *coding = soup_message_headers_get_one(fields, "Content-Encoding");
	const char *type = soup_message_headers_get_content_type(fields, NULL);
	*is_json = type != NULL && g_ascii_strcasecmp(type, ANSWER_JSON) == 0;
	if (coding != NULL && g_ascii_strcasecmp(coding, "identity") != 0)
		return "Content-Encoding: only identity is taken";
	if (type != NULL && g_ascii_strncasecmp(type, "multipart/form-data", 19) == 0)
		return "Content-Type: a form is no message (curl: --data-binary @FILE)";
	return NULL;
}

/* The part of the envelope that the client does not choose. */
static void
answer_fill_envelope(const AmHttpServer *server, AmEnvelope *envelope)
{
	const char *const *banks = server->config->intake.policy_banks;
	g_free(envelope->listener);
	envelope->listener = g_strdup(server->config->intake.listener);
	g_free(envelope->protocol);
	envelope->protocol = g_strdup("HTTP");
	g_free(envelope->peer_address);
	envelope->peer_address = g_strdup(server->peer_address);
	envelope->peer_port = server->peer_port;
	envelope->local_port = server->local_port;
	if (banks != NULL) {
		g_strfreev(envelope->policy_banks);
		envelope->policy_banks = g_strdupv((char **)banks);
	}
	envelope->time_us = g_get_real_time();
}

static gboolean
answer_read_header(AmHttpServer *server, SoupMessageHeaders *fields)
{
	SoupMessageHeadersIter iter;
	const char *name, *value;
	soup_message_headers_iter_init(&iter, fields);
	while (soup_message_headers_iter_next(&iter, &name, &value))
		if (!am_http_request_header(server->request, name, value))
			return FALSE;
	return TRUE;
}

/* What is said against a mail before it has come; NULL: nothing. */
static AmReply *
answer_admit(AmHttpServer *server)
{
	AmReply *refusal =
		server->ops->on_begin != NULL ? server->ops->on_begin(server->user) : NULL;
	server->is_begun = refusal == NULL;
	return refusal;
}

static void
answer_begin_mail(AmHttpServer *server, SoupServerMessage *message)
{
	const AmHttpConfig *config = server->config;
	SoupMessageHeaders *fields = soup_server_message_get_request_headers(message);
	goffset declared = soup_message_headers_get_content_length(fields);
	gboolean is_json;
	const char *text = answer_check_type(fields, &is_json);
	if (!answer_is_authorised(server, fields)) {
		soup_message_headers_replace(soup_server_message_get_response_headers(message),
					     "WWW-Authenticate", "Bearer");
		answer_refuse(server, message, SOUP_STATUS_UNAUTHORIZED,
			      "Authorization: the token is missing or wrong", "Bearer TOKEN");
		return;
	}
	if (text != NULL) {
		answer_refuse(server, message, SOUP_STATUS_UNSUPPORTED_MEDIA_TYPE, text,
			      "message/rfc822 or application/json");
		return;
	}
	server->request =
		am_http_request_new(am_spool_new(config->intake.spool_directory, config->intake.spool_memory),
				    config->intake.size_limit, config->intake.recipient_limit);
	answer_fill_envelope(server, server->request->envelope);
	if (is_json)
		server->json = am_http_json_new(server->request);
	else if (config->intake.size_limit > 0 && declared > 0 && (guint64)declared > config->intake.size_limit)
		(void)am_http_problem_set(&server->request->problem, 413, NULL, NULL,
					  "The message is larger than %" G_GUINT64_FORMAT " bytes",
					  config->intake.size_limit);
	if ((!is_json && !answer_read_header(server, fields)) ||
	    server->request->problem.status != 0) {
		answer_problem(server, message, &server->request->problem);
		return;
	}
	g_autoptr(AmReply) refusal = answer_admit(server);
	if (refusal != NULL) /* 4.7.0: the client asks too often; else it is us */
		answer_refuse(server, message,
			      g_strcmp0(refusal->enhanced, "4.7.0") == 0 ? ANSWER_TOO_MANY : 503,
			      refusal->text, NULL);
}

static void
answer_mail(AmHttpServer *server, SoupServerMessage *message)
{
	AmHttpRequest *request = server->request;
	gboolean is_json = server->json != NULL;
	gboolean is_tempfail = FALSE;
	if ((is_json && !am_http_json_end(server->json)) ||
	    !am_http_request_finish(request, is_json)) {
		answer_problem(server, message, &request->problem);
		return;
	}
	AmMail *mail =
		am_mail_new(g_steal_pointer(&request->envelope), g_steal_pointer(&request->spool));
	mail->start_us = server->start_us;
	mail->received_us = g_get_monotonic_time();
	server->is_begun = FALSE;
	char *json = server->ops->on_mail(server->user, mail, server->is_trial, &is_tempfail);
	answer_send(server, message, is_tempfail ? SOUP_STATUS_SERVICE_UNAVAILABLE : SOUP_STATUS_OK,
		    json);
}

/* ---- as libsoup calls ---------------------------------------------------------------------- */

static AnswerPath
answer_find(const char *path)
{
	AnswerPath found = 0;
	while (found < ANSWER_NONE && strcmp(path, answer_paths[found].path) != 0)
		found++;
	return found;
}

static gboolean
answer_may(AnswerPath path, const char *method)
{
	g_auto(GStrv) methods = g_strsplit(answer_paths[path].methods, ", ", -1);
	return g_strv_contains((const char *const *)methods, method);
}

static gboolean
answer_may_keep(SoupServerMessage *message)
{
	SoupMessageHeaders *fields = soup_server_message_get_request_headers(message);
	return soup_server_message_get_http_version(message) == SOUP_HTTP_1_1 &&
	       !soup_message_headers_header_contains(fields, "Connection", "close");
}

/* Two ways to tell where the body ends are how one request is made to look like two (RFC 9112 6.3). */
static gboolean
answer_is_framed(SoupMessageHeaders *fields)
{
	const char *coding = soup_message_headers_get_list(fields, "Transfer-Encoding");
	const char *length = soup_message_headers_get_list(fields, "Content-Length");
	if (coding != NULL)
		return length == NULL && g_ascii_strcasecmp(coding, "chunked") == 0;
	return length == NULL ||
	       (*length != '\0' && strspn(length, "0123456789") == strlen(length));
}

static void
answer_on_chunk(G_GNUC_UNUSED SoupServerMessage *message, GBytes *chunk, AmHttpServer *server)
{
	gsize len;
	const char *data = g_bytes_get_data(chunk, &len);
	gboolean ok = !server->has_answered && server->request != NULL;
	if (ok)
		ok = server->json != NULL ? am_http_json_feed(server->json, data, len)
					  : am_http_request_append(server->request, data, len);
	if (ok)
		return;
	server->n_unwanted += len;
	if (server->n_unwanted > AM_HTTP_UNWANTED_MAX)
		server->wire->is_eof = TRUE; /* it goes on for too long */
}

/* The header is there. */
static void
answer_on_header(G_GNUC_UNUSED SoupServer *soup, SoupServerMessage *message, const char *path,
		 G_GNUC_UNUSED GHashTable *query, gpointer user)
{
	AmHttpServer *server = user;
	SoupMessageHeaders *fields = soup_server_message_get_request_headers(message);
	AnswerPath found = answer_find(path);
	const char *method = soup_server_message_get_method(message);
	gboolean has_body;
	server->wire->is_chunked =
		soup_message_headers_get_encoding(fields) == SOUP_ENCODING_CHUNKED;
	has_body = server->wire->is_chunked || soup_message_headers_get_content_length(fields) > 0;
	server->is_kept = answer_may_keep(message);
	soup_message_headers_remove(fields, "Range"); /* answers are whole */
	soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
	(void)g_signal_connect(message, "got-chunk", G_CALLBACK(answer_on_chunk), server);
	if (!answer_is_framed(fields)) {
		server->is_kept = FALSE;
		answer_refuse(server, message, SOUP_STATUS_BAD_REQUEST,
			      "It is not clear where the request ends",
			      "Content-Length or Transfer-Encoding: chunked, once");
	} else if (found == ANSWER_NONE) {
		server->is_kept &= !has_body;
		answer_refuse(server, message, SOUP_STATUS_NOT_FOUND,
			      "There is nothing at this path",
			      "POST /check, POST /scan, GET /live, GET /ready");
	} else if (!answer_may(found, method)) {
		server->is_kept &= !has_body;
		soup_message_headers_replace(soup_server_message_get_response_headers(message),
					     "Allow", answer_paths[found].methods);
		answer_refuse(server, message, SOUP_STATUS_METHOD_NOT_ALLOWED,
			      "This method is not for this path", answer_paths[found].methods);
	} else if (found == ANSWER_CHECK || found == ANSWER_SCAN) {
		gboolean is_kept = server->is_kept;
		server->is_trial = found == ANSWER_SCAN;
		server->is_kept &= !has_body; /* when it is refused now */
		answer_begin_mail(server, message);
		if (!server->has_answered)
			server->is_kept = is_kept;
	}
}

/* The whole request is there, and has no answer. */
static void
answer_on_request(G_GNUC_UNUSED SoupServer *soup, SoupServerMessage *message, const char *path,
		  G_GNUC_UNUSED GHashTable *query, gpointer user)
{
	AmHttpServer *server = user;
	AnswerPath found = answer_find(path);
	if (server->wire->is_chunked && server->wire->chunks.state != AM_CHUNKS_DONE) {
		server->is_kept = FALSE;
		answer_refuse(server, message, SOUP_STATUS_BAD_REQUEST,
			      "The chunks of the body are cut or malformed", NULL);
	} else if (found == ANSWER_LIVE) {
		answer_live(server, message);
	} else if (found == ANSWER_READY) {
		answer_ready(server, message);
	} else if (server->request != NULL) {
		answer_mail(server, message);
	}
}

void
am_http_answer_attach(AmHttpServer *server)
{
	soup_server_add_early_handler(server->soup, NULL, answer_on_header, server, NULL);
	soup_server_add_handler(server->soup, NULL, answer_on_request, server, NULL);
}
