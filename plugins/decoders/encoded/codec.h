/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the codecs share: where decoded bytes go, and how one codec is driven.
 *
 * start() is asked for each line outside of anything encoded.  The codec that says yes gets all
 * following lines until it says that it is done, or that a line is not its own: then that one is
 * looked at again from the start.  What was missing or odd is marked on the part. */

#include "../bytes/bytes.h"
#include "lines.h"

#define SINK_BYTES 16384

typedef struct {
	Output *output;
	const guint32 *crc32; /* tables of 256 */
	const guint16 *crc16;
	AmChild *child;	      /* NULL: none is open */
	gsize len;	      /* in `buffer` */
	guint32 marked;	      /* flags that were marked: one reason for each will do */
	guint8 buffer[SINK_BYTES];
} Sink;

typedef enum {
	CODEC_MORE,
	CODEC_DONE,  /* that was the last line */
	CODEC_AGAIN, /* not a line of this codec */
} CodecStep;

typedef struct {
	/* Clears and fills the state when the line starts something. */
	gboolean (*start)(gpointer state, Sink *sink, const Line *line);
	CodecStep (*line)(gpointer state, Sink *sink, const Line *line);
	/* Always called, at last: finishes what is open, frees what the state holds. */
	void (*end)(gpointer state, Sink *sink);
} Codec;

/* A new child, closing the one before.  name: any bytes; NULL none. */
void sink_open(Sink *sink, const char *name);
void sink_flush(Sink *sink);
void sink_close(Sink *sink); /* fine when none is open */
void sink_mark(Sink *sink, guint32 flags, const char *reason);

static inline void
sink_byte(Sink *sink, guint8 byte)
{
	if (sink->len == SINK_BYTES)
		sink_flush(sink);
	sink->buffer[sink->len++] = byte;
}

/* Does the line start something for any codec? */
gboolean codec_is_start(const Line *line);
/* The name that stands at `at`, to the end of the line without blanks there; NULL none. */
char *codec_name(const Line *line, gsize at);
