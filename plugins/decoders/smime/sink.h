/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Where content goes: through zlib when it is compressed, into the one child.  The child is opened
 * when its first bytes are known, because they say whether it is a MIME entity. */

#include <zlib.h>

#include <amavisd/plugin.h>

#define SINK_HEAD_BYTES 8192

typedef struct {
	const AmHost *host;
	AmDecode *decode;
	const char *name; /* of the child when it is no MIME entity; NULL none */
	AmChild *child;
	gboolean is_refused; /* the budget is used up */
	gboolean is_broken;  /* zlib's data is */
	gboolean is_compressed;
	gboolean has_ended; /* the compressed stream */
	z_stream zlib;
	guint8 head[SINK_HEAD_BYTES];
	gsize head_len;
} Sink;

typedef enum {
	SINK_PLAIN,
	SINK_ZLIB,    /* RFC 1950 */
	SINK_DEFLATE, /* RFC 1951, without anything around it */
} SinkFormat;

/* FALSE: zlib has no memory. */
gboolean sink_init(Sink *sink, const AmHost *host, AmDecode *decode, const char *name,
		   SinkFormat format);
/* A BerFunc. */
gboolean sink_write(const guint8 *data, gsize len, gpointer user_data);
/* Closes the child. FALSE: the budget is used up. */
gboolean sink_close(Sink *sink);
