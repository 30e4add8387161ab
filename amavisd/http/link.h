/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A stream of ours (wire/stream.h) as libsoup wants it: a pair of pollable GIO streams, for one request.
 * What has arrived is read, output is gathered, and the owner of the stream looks after the rest.
 * libsoup reads ahead where it looks for lines; so a read ends behind the empty line of a request's head
 * and behind the last chunk of its body, and the bytes of another request stay in the stream. */

#include <gio/gio.h>

#include "http/chunks.h"
#include "wire/stream.h"

typedef struct {
	AmStream *stream;   /* borrowed; NULL: gone */
	gboolean can_read;  /* set by the owner when something may have arrived */
	gboolean is_full;   /* output waits until some of it is sent */
	gboolean is_eof;    /* no more is to be read; the owner may say so, too */
	gboolean is_closed; /* libsoup is done with it */
	gboolean is_head;   /* reads end behind the head of the request */
	gboolean is_head_long;
	guint n_newlines; /* in a row */
	gsize n_head, max_head;
	gboolean is_chunked; /* set by the owner behind the head: reads end behind the body, too */
	AmChunks chunks;
	gsize room; /* bytes that may be read in this turn */
	guint64 n_read, n_written;
} AmHttpWire; /* counted by g_rc_box */

/* max_head: bytes; above, is_head_long is set and nothing is read any more. */
AmHttpWire *am_http_wire_new(AmStream *stream, gsize max_head);
void am_http_wire_unref(AmHttpWire *wire);
/* The streams live as long as libsoup likes; the wire with them. */
GIOStream *am_http_link_new(AmHttpWire *wire);
