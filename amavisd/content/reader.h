/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A window that moves over a range of a file: the bytes of a mail or part pass through one buffer
 * once, whatever its size.  Reads by pread(), the descriptor's offset is left alone. */

#include <glib.h>

#include "content/digest.h"

#define AM_READER_BYTES 65536 /* of the window */

/* What ends a line.  The other one becomes that which does not, in the window only. */
typedef enum {
	AM_READER_LF,	/* LF, and CRLF with it */
	AM_READER_CR,	/* a bare CR too: it is read as LF */
	AM_READER_CRLF, /* nothing but CRLF: a bare LF is read as CR */
} AmReaderLines;

typedef struct {
	int fd;
	guint64 next, end; /* what is still to be read into the window */
	guint8 *window;
	gsize pos, len;    /* unread bytes are window[pos..len) */
	AmDigest *digest;  /* gets every byte once, NULL none */
	AmReaderLines lines;
	guint8 last;	   /* byte read, before the lines were changed */
	gboolean has_failed; /* a read failed or the file is shorter than it was said to be */
} AmReader;

void am_reader_init(AmReader *reader, int fd, guint64 offset, guint64 len, AmDigest *digest);
void am_reader_clear(AmReader *reader);
/* Makes room and reads on; FALSE when nothing came (end, failure, or the window is full). */
gboolean am_reader_fill(AmReader *reader);
/* No more bytes than those in the window? */
gboolean am_reader_is_last(const AmReader *reader);
/* Offset in the file of window[pos]. */
guint64 am_reader_offset(const AmReader *reader);
/* The next line with its LF, or a piece of one that does not fit into `max` bytes (at most the window): *is_whole
 * says whether it ends in LF or at the end.  NULL at the end. The bytes are consumed. */
const guint8 *am_reader_line(AmReader *reader, gsize max, gsize *len, gboolean *is_whole);
