/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Requests and answers of AM.PDP as text: lines "name=value", an empty line behind the last.  Bytes
 * that would be mistaken are written %xx. */

#include <glib.h>

#define AM_PDP_MAX_BYTES (8u << 20)   /* of one request, as it came */
#define AM_PDP_MAX_ATTRIBUTES 120000u /* more than any recipient_limit */

typedef enum {
	AM_PDP_MORE,
	AM_PDP_DONE,  /* a request is whole */
	AM_PDP_LARGE, /* beyond the limits: nothing can be made of this connection any more */
} AmPdpStep;

typedef struct {
	char *name, *value; /* decoded; no NUL in them */
} AmPdpAttribute;

typedef struct {
	GArray *attributes;  /* AmPdpAttribute, in order */
	GString *line;	     /* the open one */
	gsize n_bytes;	     /* of the request so far */
	guint n_malformed;   /* lines passed over */
} AmPdpRequest;

void am_pdp_request_init(AmPdpRequest *request);
void am_pdp_request_clear(AmPdpRequest *request);
/* Nothing of a request has come? */
gboolean am_pdp_request_is_empty(const AmPdpRequest *request);
/* Takes bytes until the request is whole; *used says how many.  Empty lines in front are passed
 * over. */
AmPdpStep am_pdp_request_feed(AmPdpRequest *request, const guint8 *data, gsize len, gsize *used);
/* Makes room for the next one. */
void am_pdp_request_reset(AmPdpRequest *request);

/* The first of that name; NULL none. */
const char *am_pdp_get(const AmPdpRequest *request, const char *name);
/* All of that name, borrowed; NULL-ended, to be freed by g_free(). */
const char **am_pdp_get_all(const AmPdpRequest *request, const char *name);

/* Appends a field of a value, encoded. */
void am_pdp_encode(GString *out, const char *field);
/* Appends "name=field field ...\r\n"; the fields end with NULL. */
void am_pdp_say(GString *out, const char *name, ...) G_GNUC_NULL_TERMINATED;
