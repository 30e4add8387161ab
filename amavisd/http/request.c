/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The fields are those of Rspamd's HTTP protocol where it has them, so that its clients find their
 * way; the other names are AM.PDP's.  JSON members are called as in the report.  A client that names
 * nobody a mail is for, or nobody it is from, has made a mistake: there is no default for either. */

#include <config.h>

#include "http/request.h"

#include <arpa/inet.h>
#include <string.h>

#include "log/log.h"
#include "mail/address.h"

#define REQUEST_TEXT_MAX 1024u /* bytes of a name, HELO, queue id */
#define REQUEST_BANKS_MAX 100u /* policy banks a client may name */
#define REQUEST_BANK_CHARS "names of letters, digits, '_', '-' and '.', at most 100"
#define REQUEST_TEXT "text of at most 1024 bytes without control characters"
#define REQUEST_ADDRESS "an address, bare or in <>"

const AmHttpField am_http_fields[AM_HTTP_N_FIELDS] = {
	[AM_HTTP_SENDER] = { "From", "Sender", "sender", FALSE,
			     REQUEST_ADDRESS "; <> or nothing for the null sender" },
	[AM_HTTP_RECIPIENT] = { "Rcpt", "Recipient", "recipients", TRUE, REQUEST_ADDRESS },
	[AM_HTTP_CLIENT] = { "IP", "Client-Address", "client", FALSE, "an IPv4 or IPv6 address" },
	[AM_HTTP_CLIENT_NAME] = { "Hostname", "Client-Name", "client_name", FALSE, REQUEST_TEXT },
	[AM_HTTP_HELO] = { "Helo", "Helo-Name", "helo", FALSE, REQUEST_TEXT },
	[AM_HTTP_USER] = { "User", "Authenticated", "authenticated", FALSE, REQUEST_TEXT },
	[AM_HTTP_QUEUE_ID] = { "Queue-Id", NULL, "queue_id", FALSE, REQUEST_TEXT },
	[AM_HTTP_PROTOCOL] = { "Protocol-Name", NULL, "protocol", FALSE, REQUEST_TEXT },
	[AM_HTTP_POLICY_BANK] = { "Policy-Bank", NULL, "policy_banks", TRUE, REQUEST_BANK_CHARS },
};

/* ---- problems ------------------------------------------------------------------------------ */

void
am_http_problem_clear(AmHttpProblem *problem)
{
	g_free(problem->text);
	g_free(problem->field);
	*problem = (AmHttpProblem){ 0 };
}

gboolean
am_http_problem_set(AmHttpProblem *problem, guint status, const char *field, const char *allowed,
		    const char *format, ...)
{
	va_list args;
	if (problem->status != 0)
		return FALSE;
	problem->status = status;
	problem->field = g_strdup(field);
	problem->allowed = allowed;
	va_start(args, format);
	problem->text = g_strdup_vprintf(format, args);
	va_end(args);
	return FALSE;
}

/* ---- fields -------------------------------------------------------------------------------- */

static gboolean
request_bad_value(AmHttpRequest *request, AmHttpFieldId field, const char *name, const char *text)
{
	return am_http_problem_set(&request->problem, 400, name, am_http_fields[field].allowed,
				   "%s: %s", name, text);
}

static gboolean
request_is_text(const char *value)
{
	if (strlen(value) > REQUEST_TEXT_MAX || !g_utf8_validate(value, -1, NULL))
		return FALSE;
	for (const char *p = value; *p != '\0'; p++)
		if ((guchar)*p < ' ' || *p == '\x7f')
			return FALSE;
	return TRUE;
}

/* The whole value must be one address; NULL: it is not. */
static char *
request_address(const char *value)
{
	const char *end;
	char *address = NULL;
	if (!am_address_parse_path(value, TRUE, &address, &end, NULL))
		return NULL;
	if (*end != '\0')
		g_clear_pointer(&address, g_free);
	return address;
}

static gboolean
request_set_sender(AmHttpRequest *request, const char *name, const char *value)
{
	/* as in the report the null sender is the empty text */
	char *address = *value == '\0' ? g_strdup("") : request_address(value);
	if (address == NULL)
		return request_bad_value(request, AM_HTTP_SENDER, name, "no address");
	g_free(request->envelope->sender);
	request->envelope->sender = address;
	request->envelope->smtputf8 |= !am_address_is_ascii(address);
	return TRUE;
}

static gboolean
request_add_recipient(AmHttpRequest *request, const char *name, const char *value)
{
	AmEnvelope *envelope = request->envelope;
	g_autofree char *address = request_address(value);
	if (address == NULL || *address == '\0')
		return request_bad_value(request, AM_HTTP_RECIPIENT, name, "no address");
	if (envelope->recipients->len >= request->recipient_limit)
		return am_http_problem_set(&request->problem, 400, name, NULL,
					   "%s: more than %u recipients", name,
					   request->recipient_limit);
	(void)am_envelope_add_recipient(envelope, address);
	envelope->smtputf8 |= !am_address_is_ascii(address);
	return TRUE;
}

static gboolean
request_set_client(AmHttpRequest *request, const char *name, const char *value)
{
	guint8 bytes[16];
	/* SMTP's way of writing an address literal is taken too */
	if (g_ascii_strncasecmp(value, "IPv6:", 5) == 0)
		value += 5;
	if (inet_pton(AF_INET, value, bytes) != 1 && inet_pton(AF_INET6, value, bytes) != 1)
		return request_bad_value(request, AM_HTTP_CLIENT, name, "no address of a host");
	g_free(request->envelope->client_address);
	request->envelope->client_address = g_strdup(value);
	return TRUE;
}

static gboolean
request_add_bank(AmHttpRequest *request, const char *bank)
{
	AmEnvelope *envelope = request->envelope;
	guint n = g_strv_length(envelope->policy_banks);
	gsize len = strlen(bank);
	if (len == 0 || len > 64 || request->n_banks >= REQUEST_BANKS_MAX)
		return FALSE;
	for (const char *p = bank; *p != '\0'; p++)
		if (!g_ascii_isalnum(*p) && strchr("_-.", *p) == NULL)
			return FALSE;
	envelope->policy_banks = g_renew(char *, envelope->policy_banks, n + 2);
	envelope->policy_banks[n] = g_strdup(bank);
	envelope->policy_banks[n + 1] = NULL;
	request->n_banks++;
	return TRUE;
}

/* Names with commas between; those that nobody declared match nothing. */
static gboolean
request_add_banks(AmHttpRequest *request, const char *name, const char *value)
{
	g_auto(GStrv) banks = g_strsplit(value, ",", REQUEST_BANKS_MAX + 1);
	for (char **bank = banks; *bank != NULL; bank++)
		if (!request_add_bank(request, g_strstrip(*bank)))
			return request_bad_value(request, AM_HTTP_POLICY_BANK, name,
						 "no list of policy banks");
	return TRUE;
}

static char **
request_text_slot(AmEnvelope *envelope, AmHttpFieldId field)
{
	switch (field) {
	case AM_HTTP_CLIENT_NAME:
		return &envelope->client_name;
	case AM_HTTP_HELO:
		return &envelope->helo;
	case AM_HTTP_QUEUE_ID:
		return &envelope->queue_id;
	default:
		return &envelope->client_protocol;
	}
}

static gboolean
request_set_text(AmHttpRequest *request, AmHttpFieldId field, const char *name, const char *value)
{
	if (!request_is_text(value))
		return request_bad_value(request, field, name, "not taken");
	if (field == AM_HTTP_USER) {
		if (*value != '\0')
			am_envelope_set_authenticated(request->envelope, value);
		return TRUE;
	}
	char **slot = request_text_slot(request->envelope, field);
	g_free(*slot);
	*slot = g_strdup(value);
	return TRUE;
}

gboolean
am_http_request_set(AmHttpRequest *request, AmHttpFieldId field, const char *name,
		    const char *value)
{
	if (request->problem.status != 0)
		return FALSE;
	if ((request->seen & 1u << field) != 0 && !am_http_fields[field].is_list)
		return am_http_problem_set(&request->problem, 400, name, NULL, "%s: given twice",
					   name);
	request->seen |= 1u << field;
	switch (field) {
	case AM_HTTP_SENDER:
		return request_set_sender(request, name, value);
	case AM_HTTP_RECIPIENT:
		return request_add_recipient(request, name, value);
	case AM_HTTP_CLIENT:
		return request_set_client(request, name, value);
	case AM_HTTP_POLICY_BANK:
		return request_add_banks(request, name, value);
	default:
		return request_set_text(request, field, name, value);
	}
}

gboolean
am_http_request_header(AmHttpRequest *request, const char *name, const char *value)
{
	for (guint i = 0; i < AM_HTTP_N_FIELDS; i++) {
		const AmHttpField *field = &am_http_fields[i];
		if (g_ascii_strcasecmp(name, field->header) == 0 ||
		    (field->alias != NULL && g_ascii_strcasecmp(name, field->alias) == 0))
			return am_http_request_set(request, i, name, value);
	}
	return TRUE;
}

/* ---- the message --------------------------------------------------------------------------- */

/* Never FALSE without a problem. */
static gboolean
request_spool(AmHttpRequest *request, const char *data, gsize len)
{
	g_autoptr(GError) error = NULL;
	if (request->size_limit > 0 && am_spool_size(request->spool) + len > request->size_limit)
		return am_http_problem_set(&request->problem, 413, NULL, NULL,
					   "The message is larger than %" G_GUINT64_FORMAT " bytes",
					   request->size_limit);
	if (am_spool_append(request->spool, data, len, &error))
		return TRUE;
	am_error("http: %s", error->message);
	return am_http_problem_set(&request->problem, 503, NULL, NULL,
				   "The message cannot be stored, try later");
}

gboolean
am_http_request_append(AmHttpRequest *request, const char *data, gsize len)
{
	const char *end = data + len;
	if (request->problem.status != 0)
		return FALSE;
	for (const char *p = data; p < end;) {
		const char *newline = memchr(p, '\n', end - p);
		const char *stop = newline == NULL ? end : newline;
		if (stop > p) {
			if (!request_spool(request, p, stop - p))
				return FALSE;
			request->last = stop[-1];
		}
		if (newline == NULL)
			return TRUE;
		gboolean is_crlf = request->last == '\r';
		if (!request_spool(request, is_crlf ? "\n" : "\r\n", is_crlf ? 1 : 2))
			return FALSE;
		request->last = '\n';
		p = newline + 1;
	}
	return TRUE;
}

static gboolean
request_has(AmHttpRequest *request, AmHttpFieldId id, gboolean is_json)
{
	const AmHttpField *field = &am_http_fields[id];
	const char *name = is_json ? field->member : field->header;
	if ((request->seen & 1u << id) != 0 &&
	    (id != AM_HTTP_RECIPIENT || request->envelope->recipients->len > 0))
		return TRUE;
	return am_http_problem_set(&request->problem, 400, name, field->allowed, "%s: missing",
				   name);
}

gboolean
am_http_request_finish(AmHttpRequest *request, gboolean is_json)
{
	g_autoptr(GError) error = NULL;
	if (request->problem.status != 0 || !request_has(request, AM_HTTP_SENDER, is_json) ||
	    !request_has(request, AM_HTTP_RECIPIENT, is_json))
		return FALSE;
	if (am_spool_size(request->spool) == 0)
		return am_http_problem_set(&request->problem, 400, is_json ? "message" : NULL,
					   "a message as RFC 5322 has it", "The message is empty");
	if (request->last != '\n' && !request_spool(request, "\r\n", 2))
		return FALSE;
	if (am_spool_finish(request->spool, &error))
		return TRUE;
	am_error("http: %s", error->message);
	return am_http_problem_set(&request->problem, 503, NULL, NULL,
				   "The message cannot be stored, try later");
}

AmHttpRequest *
am_http_request_new(AmSpool *spool, guint64 size_limit, guint recipient_limit)
{
	AmHttpRequest *request = g_new0(AmHttpRequest, 1);
	request->envelope = am_envelope_new();
	request->spool = spool;
	request->size_limit = size_limit;
	request->recipient_limit = recipient_limit;
	request->last = '\n';
	return request;
}

void
am_http_request_free(AmHttpRequest *request)
{
	if (request == NULL)
		return;
	am_envelope_free(request->envelope);
	am_spool_free(request->spool);
	am_http_problem_clear(&request->problem);
	g_free(request);
}
