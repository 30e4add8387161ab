/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The bytes of bodies, up to the next boundary: decoded into the part when it is a leaf, else passed
 * over. */

#include <config.h>

#include <string.h>

#include "content/mime-private.h"

static gboolean
walk_write_decoded(gconstpointer data, gsize len, gpointer user_data)
{
	return am_part_writer_write(user_data, data, len);
}

void
am_walk_begin_leaf(AmWalk *walk, AmPart *part, int encoding)
{
	part->encoding = encoding;
	part->offset = am_reader_offset(&walk->reader);
	if ((walk->by->rules & AM_READ_CR) != 0)
		part->encoding |= AM_TRANSFER_CR_LINES;
	else if ((walk->by->rules & AM_READ_CRLF) != 0)
		part->encoding |= AM_TRANSFER_CRLF_LINES;
	am_transfer_decoder_init(&walk->decoder, encoding);
	walk->leaf = part;
	walk->leaf_start = part->offset;
	walk->says_enveloped = FALSE;
	walk->writer = am_part_writer_new(part, FALSE);
}

static void
walk_emit(AmWalk *walk, const guint8 *data, gsize len)
{
	if (walk->writer == NULL || len == 0)
		return;
	if (!am_transfer_decoder_feed(&walk->decoder, data, len, walk_write_decoded, walk->writer))
		walk->is_late = TRUE; /* a MIME part has no other limit than time */
}

/* How many bytes at the end of the window may be the start of CRLF "--". */
static gsize
body_tail(const guint8 *data, gsize len)
{
	static const char *const starts[] = { "\r\n-", "\r\n", "\n-", "\r", "\n" };
	for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
		gsize n = strlen(starts[i]);
		if (len >= n && memcmp(data + len - n, starts[i], n) == 0)
			return n;
	}
	return 0;
}

/* At the start of a line: is it a boundary?  *more: the window has to be filled first. */
static gboolean
body_try_boundary(AmWalk *walk, AmWalkEvent *event, gboolean *more)
{
	AmReader *reader = &walk->reader;
	const guint8 *start = reader->window + reader->pos;
	gsize have = reader->len - reader->pos;
	gsize look = MIN(have, AM_BOUNDARY_LINE_BYTES);
	*more = FALSE;
	if (have >= 2 && (start[0] != '-' || start[1] != '-'))
		return FALSE;
	const guint8 *lf = memchr(start, '\n', look);
	if (lf == NULL && have < AM_BOUNDARY_LINE_BYTES && !am_reader_is_last(reader)) {
		*more = TRUE;
		return FALSE;
	}
	gsize len = lf != NULL ? (gsize)(lf + 1 - start) : look;
	gboolean is_whole = lf != NULL || have == look;
	if (!am_walk_match(walk, start, len, is_whole, am_reader_offset(reader), event))
		return FALSE;
	reader->pos += len;
	if (!is_whole)
		am_walk_skip_line(walk);
	return TRUE;
}

/* Where the line end before "--" is, NULL nowhere.  Looks for the dash, which encoded bodies do not have:
 * memchr() is ten times as fast as memmem(). */
static const guint8 *
body_find_dashes(AmWalk *walk, const guint8 *start, gsize len)
{
	const guint8 *end = start + len, *at = start + 1;
	while (at < end - 1 && (at = memchr(at, '-', (gsize)(end - 1 - at))) != NULL) {
		if (at[-1] == '\n' && at[1] == '-')
			return at - 1;
		if (at[-1] == '\r' && at[1] == '-')
			am_levels_note_cr(&walk->levels, at, (gsize)(end - at));
		while (at < end - 1 && *at == '-')
			at++;
	}
	return NULL;
}

/* A line end is held back until the next line is known. */
void
am_walk_body(AmWalk *walk, AmWalkEvent *event)
{
	AmReader *reader = &walk->reader;
	guint8 held[2];
	gsize n_held = 0;
	gboolean is_line_start = TRUE, more;

	event->level = -1;
	while (!walk->is_late) {
		if (is_line_start && reader->pos < reader->len) {
			if (body_try_boundary(walk, event, &more)) {
				event->end -= n_held;
				return;
			}
			if (more && am_reader_fill(reader))
				continue;
			walk_emit(walk, held, n_held);
			n_held = 0;
			is_line_start = FALSE;
		}
		const guint8 *start = reader->window + reader->pos;
		gsize have = reader->len - reader->pos;
		const guint8 *lf = have > 2 ? body_find_dashes(walk, start, have) : NULL;
		if (lf != NULL) {
			const guint8 *end = lf > start && lf[-1] == '\r' ? lf - 1 : lf;
			walk_emit(walk, start, (gsize)(end - start));
			n_held = (gsize)(lf + 1 - end);
			memcpy(held, end, n_held);
			reader->pos += (gsize)(lf + 1 - start);
			is_line_start = TRUE;
			continue;
		}
		gsize tail = am_reader_is_last(reader) ? 0 : body_tail(start, have);
		walk_emit(walk, start, have - tail);
		reader->pos += have - tail;
		if (am_part_tree_is_late(walk->tree))
			walk->is_late = TRUE;
		if (!am_reader_fill(reader) && reader->pos == reader->len) {
			walk_emit(walk, held, n_held);
			break;
		}
	}
	event->end = am_reader_offset(reader);
}

/* The content of a leaf that nobody kept can be decoded again from where it stands. */
static void
leaf_note_range(AmWalk *walk, AmPart *part, guint64 end)
{
	if (part->source != AM_SOURCE_NONE || part->offset > end)
		return;
	part->source = AM_SOURCE_RANGE;
	part->fd = walk->reader.fd;
	part->len = end - part->offset;
}

void
am_walk_end_leaf(AmWalk *walk, guint64 end)
{
	AmPart *part = walk->leaf;
	if (walk->writer == NULL)
		return;
	if (!am_transfer_decoder_end(&walk->decoder, walk_write_decoded, walk->writer))
		walk->is_late = TRUE;
	if (!am_part_writer_close(walk->writer))
		walk->is_late = TRUE;
	walk->writer = NULL;
	walk->leaf = NULL;
	/* a decoder that looks knows better */
	if (walk->says_enveloped && !am_part_is_to_open(part))
		am_part_mark(part, AM_PART_ENCRYPTED, "S/MIME enveloped data");
	leaf_note_range(walk, part, end);
	am_readings_close(walk->readings, part, end);
	/* of a multipart or mail that is encoded as a whole only what lies in it counts */
	if (walk->decoder.variant == 0 && !walk->is_late && end >= walk->leaf_start &&
	    (walk->by->form == AM_FORM_ENTITY || walk->by->form == AM_FORM_LEAF ||
	     am_encoding_is_identity(walk->by->encoding)))
		am_walk_doubt_content(walk, part, walk->leaf_start, end);
}
