/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What a request to check a mail becomes: an envelope, from header fields or JSON members, and a spool
 * with the message.  The one table of fields is in request.c; docs/http.md follows it. */

#include <glib.h>

#include "mail/envelope.h"
#include "mail/spool.h"

/* Why a request is refused; all of it goes to the client. */
typedef struct {
	guint status;	     /* of HTTP; 0: nothing is wrong */
	char *text;	     /* owned */
	char *field;	     /* owned, as the client named it; NULL: no field's fault */
	const char *allowed; /* what would have been right; NULL */
} AmHttpProblem;

void am_http_problem_clear(AmHttpProblem *problem);
/* Sets the first problem, others are dropped; field may be NULL.  FALSE always. */
gboolean am_http_problem_set(AmHttpProblem *problem, guint status, const char *field,
			     const char *allowed, const char *format, ...) G_GNUC_PRINTF(5, 6);

typedef enum {
	AM_HTTP_SENDER,
	AM_HTTP_RECIPIENT,
	AM_HTTP_CLIENT,
	AM_HTTP_CLIENT_NAME,
	AM_HTTP_HELO,
	AM_HTTP_USER,
	AM_HTTP_QUEUE_ID,
	AM_HTTP_PROTOCOL,
	AM_HTTP_POLICY_BANK,
	AM_HTTP_N_FIELDS,
} AmHttpFieldId;

typedef struct {
	const char *header;  /* of HTTP */
	const char *alias;   /* another one; NULL none */
	const char *member;  /* of JSON */
	gboolean is_list;    /* may be repeated, an array in JSON */
	const char *allowed; /* for people */
} AmHttpField;

extern const AmHttpField am_http_fields[AM_HTTP_N_FIELDS];

typedef struct {
	AmEnvelope *envelope;
	AmSpool *spool;
	guint64 size_limit; /* bytes, 0 none */
	guint recipient_limit;
	guint n_banks;
	guint seen; /* bits: which fields were set */
	char last;  /* byte of the message */
	AmHttpProblem problem;
} AmHttpRequest;

/* spool is taken. */
AmHttpRequest *am_http_request_new(AmSpool *spool, guint64 size_limit, guint recipient_limit);
void am_http_request_free(AmHttpRequest *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmHttpRequest, am_http_request_free)

/* What follows gives FALSE when request->problem is set. */

/* name: the field as the client wrote it. */
gboolean am_http_request_set(AmHttpRequest *request, AmHttpFieldId field, const char *name,
			     const char *value);
/* The same for a header field of HTTP; one that is not in the table is passed over. */
gboolean am_http_request_header(AmHttpRequest *request, const char *name, const char *value);
/* More of the message; lines will end in CRLF. */
gboolean am_http_request_append(AmHttpRequest *request, const char *data, gsize len);
/* At the end: is everything there?  is_json: names in the problem are members. */
gboolean am_http_request_finish(AmHttpRequest *request, gboolean is_json);
