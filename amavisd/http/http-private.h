/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the files of the HTTP server share. */

#include <libsoup/soup.h>

#include "http/http.h"
#include "http/json.h"
#include "http/link.h"
#include "http/request.h"
#include "wire/proxy.h"

#define AM_HTTP_UNWANTED_MAX (1u << 20) /* bytes of a body that is not taken, before it is cut */

struct _AmHttpServer {
	AmStream *stream;
	const AmHttpConfig *config;
	const AmHttpOps *ops;
	gpointer user;
	AmProxy *proxy; /* NULL: none is waited for */
	char *peer_address;
	guint16 peer_port, local_port;
	GMainContext *context; /* NULL until something has arrived */
	SoupServer *soup;
	AmHttpWire *wire;   /* of the request under way; NULL none */
	gint64 mark_us;	    /* when the connection, the request or the answer began */
	gboolean has_asked; /* a first request has begun */
	gboolean is_over;

	/* the request under way */
	AmHttpRequest *request; /* to be checked; NULL none */
	AmHttpJson *json;	/* NULL: the body is the message */
	gboolean is_trial;
	gboolean is_begun;     /* on_begin() let it in */
	gboolean has_answered; /* libsoup has the answer, */
	guint64 n_before;      /* having written that many bytes before */
	guint refused_status;  /* when it is a refusal; 0 none */
	char *refused_text;    /* owned */
	gboolean is_kept;      /* the connection, behind the answer */
	guint64 n_unwanted;    /* bytes of a body that is not taken */
	gint64 start_us;
};

/* -- answer.c -- */

/* Has libsoup call us for each request. */
void am_http_answer_attach(AmHttpServer *server);
/* Forgets the request under way. */
void am_http_answer_forget(AmHttpServer *server);
const char *am_http_phrase(guint status);
/* {"error": ...}, to be freed. */
char *am_http_error_json(const AmHttpProblem *problem);
