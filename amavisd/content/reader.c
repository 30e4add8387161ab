/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See reader.h. */

#include <config.h>

#include "content/reader.h"

#include <string.h>

#include "mail/spool.h"

void
am_reader_init(AmReader *reader, int fd, guint64 offset, guint64 len, AmDigest *digest)
{
	memset(reader, 0, sizeof *reader);
	reader->fd = fd;
	reader->next = offset;
	reader->end = offset + len;
	reader->digest = digest;
	/* memory that is given back is overwritten: not more than can be filled */
	reader->window = g_malloc(MIN(AM_READER_BYTES, len + 1));
}

void
am_reader_clear(AmReader *reader)
{
	g_clear_pointer(&reader->window, g_free);
}

/* Is there an LF at this offset?  Asked at the end of a read, in the rare modes only. */
static gboolean
reader_has_lf_at(AmReader *reader, guint64 offset)
{
	guint8 byte;
	return offset < reader->end && am_read_at(reader->fd, &byte, 1, offset, NULL) == 1 &&
	       byte == '\n';
}

static void
reader_change_lines(AmReader *reader, guint8 *data, gsize len, guint64 end)
{
	guint8 last = reader->last;
	for (gsize i = 0; i < len; i++) {
		guint8 byte = data[i];
		if (reader->lines == AM_READER_CRLF && byte == '\n' && last != '\r')
			data[i] = '\r';
		else if (reader->lines == AM_READER_CR && byte == '\r' &&
			 (i + 1 < len ? data[i + 1] != '\n' : !reader_has_lf_at(reader, end)))
			data[i] = '\n';
		last = byte;
	}
	reader->last = last;
}

gboolean
am_reader_fill(AmReader *reader)
{
	if (reader->pos > 0) {
		memmove(reader->window, reader->window + reader->pos, reader->len - reader->pos);
		reader->len -= reader->pos;
		reader->pos = 0;
	}
	gsize room = MIN(AM_READER_BYTES - reader->len, reader->end - reader->next);
	if (room == 0)
		return FALSE;
	guint8 *target = reader->window + reader->len;
	gssize got = am_read_at(reader->fd, target, room, reader->next, NULL);
	if (got <= 0) {
		reader->has_failed = TRUE;
		reader->end = reader->next;
		return FALSE;
	}
	if (reader->digest != NULL)
		am_digest_update(reader->digest, target, (gsize)got);
	reader->len += (gsize)got;
	reader->next += (guint64)got;
	if (reader->lines != AM_READER_LF)
		reader_change_lines(reader, target, (gsize)got, reader->next);
	return TRUE;
}

gboolean
am_reader_is_last(const AmReader *reader)
{
	return reader->next >= reader->end;
}

guint64
am_reader_offset(const AmReader *reader)
{
	return reader->next - (reader->len - reader->pos);
}

const guint8 *
am_reader_line(AmReader *reader, gsize max, gsize *len, gboolean *is_whole)
{
	gsize seen = 0; /* bytes already searched, so that a long line is looked at once */
	for (;;) {
		gsize have = MIN(reader->len - reader->pos, max);
		const guint8 *start = reader->window + reader->pos;
		const guint8 *lf = memchr(start + seen, '\n', have - seen);
		if (lf != NULL || have == max || am_reader_is_last(reader)) {
			*len = lf != NULL ? (gsize)(lf + 1 - start) : have;
			*is_whole =
				lf != NULL || have < max ||
				(am_reader_is_last(reader) && reader->pos + have == reader->len);
			reader->pos += *len;
			return *len > 0 ? start : NULL;
		}
		seen = have;
		if (!am_reader_fill(reader) && !am_reader_is_last(reader))
			return NULL; /* cannot be: the window holds more than max */
	}
}
