/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* RFC 1741, appendix A: a line of text, then six bits to a char between two colons, 0x90 N standing
 * for the byte before N times in all (0x90 0 for 0x90), and in that
 *
 *     name-length name NUL type(4) creator(4) flags(2) data-length(4) resource-length(4) crc(2)
 *     data crc(2) resource crc(2)
 *
 * Everything is a byte at a time, so nothing depends on where lines end. */

#include "binhex.h"

#include <string.h>

#define TEXT_LINES_MAX 32 /* between the words and the colon */
#define RUN_MARK 0x90
#define CRC16_POLYNOMIAL 0x1021
#define HEADER_FIXED (1 + 4 + 4 + 2 + 4 + 4 + 2) /* behind the name */

static const char binhex_alphabet[] =
	"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr";

gboolean
binhex_is_start(const Line *line)
{
	return line_starts(line, "(This file must be converted with BinHex");
}

static gboolean
binhex_start(gpointer data, G_GNUC_UNUSED Sink *sink, const Line *line)
{
	Binhex *binhex = data;
	if (!binhex_is_start(line))
		return FALSE;
	*binhex = (Binhex){ .stage = BINHEX_TEXT };
	return TRUE;
}

/* ---- the file ------------------------------------------------------------------------------ */

void
binhex_crc16_table(guint16 *table)
{
	for (guint i = 0; i < 256; i++) {
		guint16 crc = (guint16)(i << 8);
		for (guint bit = 0; bit < 8; bit++)
			crc = (guint16)(crc << 1 ^ ((crc & 0x8000) != 0 ? CRC16_POLYNOMIAL : 0));
		table[i] = crc;
	}
}

static void
binhex_crc(Binhex *binhex, const Sink *sink, guint8 byte)
{
	binhex->crc = (guint16)(binhex->crc << 8 ^ sink->crc16[binhex->crc >> 8 ^ byte]);
}

static guint32
binhex_u32(const guint8 *at)
{
	return (guint32)at[0] << 24 | (guint32)at[1] << 16 | (guint32)at[2] << 8 | at[3];
}

static void
binhex_open(const Binhex *binhex, Sink *sink, const char *suffix)
{
	g_autofree char *name = g_strndup((const char *)binhex->header + 1, binhex->header[0]);
	g_autofree char *full = g_strconcat(name, suffix, NULL);
	sink_open(sink, full);
}

static void
binhex_begin_resource(Binhex *binhex, Sink *sink)
{
	binhex->stage = binhex->resource_left > 0 ? BINHEX_RESOURCE : BINHEX_RESOURCE_CRC;
	if (binhex->resource_left > 0)
		binhex_open(binhex, sink, ".rsrc");
}

static void
binhex_end_header(Binhex *binhex, Sink *sink)
{
	const guint8 *fixed = binhex->header + 1 + binhex->header[0];
	binhex->data_left = binhex_u32(fixed + 11);
	binhex->resource_left = binhex_u32(fixed + 15);
	guint16 crc = (guint16)(fixed[19] << 8 | fixed[20]);
	if (crc != binhex->crc)
		sink_mark(sink, AM_PART_AMBIGUOUS, "BinHex: the header's checksum does not match");
	binhex->crc = 0;
	if (binhex->data_left > 0 || binhex->resource_left == 0)
		binhex_open(binhex, sink, "");
	binhex->stage = binhex->data_left > 0 ? BINHEX_DATA : BINHEX_DATA_CRC;
}

static void
binhex_header(Binhex *binhex, Sink *sink, guint8 byte)
{
	if (binhex->stage == BINHEX_NAME_LENGTH) {
		binhex->header_len = 1 + (gsize)byte + HEADER_FIXED;
		binhex->stage = BINHEX_HEADER;
	}
	binhex->header[binhex->n_header++] = byte;
	if (binhex->n_header <= binhex->header_len - 2)
		binhex_crc(binhex, sink, byte);
	else if (binhex->n_header == binhex->header_len)
		binhex_end_header(binhex, sink);
}

/* A fork's checksum, and what comes then. */
static void
binhex_check(Binhex *binhex, Sink *sink, guint8 byte)
{
	binhex->crc_stated = (guint16)(binhex->crc_stated << 8 | byte);
	if (++binhex->n_crc < 2)
		return;
	if (binhex->crc_stated != binhex->crc)
		sink_mark(sink, AM_PART_AMBIGUOUS, "BinHex: a checksum does not match");
	sink_close(sink);
	binhex->n_crc = 0;
	binhex->crc = binhex->crc_stated = 0;
	if (binhex->stage == BINHEX_DATA_CRC)
		binhex_begin_resource(binhex, sink);
	else
		binhex->stage = BINHEX_WHOLE;
}

static void
binhex_byte(Binhex *binhex, Sink *sink, guint8 byte)
{
	gboolean is_data = binhex->stage == BINHEX_DATA;
	switch (binhex->stage) {
	case BINHEX_NAME_LENGTH:
	case BINHEX_HEADER:
		binhex_header(binhex, sink, byte);
		break;
	case BINHEX_DATA:
	case BINHEX_RESOURCE:
		binhex_crc(binhex, sink, byte);
		sink_byte(sink, byte);
		if (--*(is_data ? &binhex->data_left : &binhex->resource_left) == 0)
			binhex->stage = is_data ? BINHEX_DATA_CRC : BINHEX_RESOURCE_CRC;
		break;
	case BINHEX_DATA_CRC:
	case BINHEX_RESOURCE_CRC:
		binhex_check(binhex, sink, byte);
		break;
	case BINHEX_TEXT:
	case BINHEX_WHOLE:
		break; /* what fills up the last char */
	}
}

/* ---- the two layers above ------------------------------------------------------------------ */

static void
binhex_run(Binhex *binhex, Sink *sink, guint8 byte)
{
	if (binhex->is_marked) {
		binhex->is_marked = FALSE;
		if (byte == 0) {
			binhex->last = RUN_MARK;
			byte = 2;
		}
		for (guint i = 1; i < byte; i++)
			binhex_byte(binhex, sink, binhex->last);
	} else if (byte == RUN_MARK) {
		binhex->is_marked = TRUE;
	} else {
		binhex->last = byte;
		binhex_byte(binhex, sink, byte);
	}
}

static CodecStep
binhex_done(const Binhex *binhex, Sink *sink)
{
	if (binhex->stage != BINHEX_WHOLE)
		sink_mark(sink, AM_PART_UNDECODED, "BinHex: cut short");
	sink_close(sink);
	return CODEC_DONE;
}

static CodecStep
binhex_chars(Binhex *binhex, Sink *sink, const guint8 *at, const guint8 *end)
{
	for (; at < end; at++) {
		if (*at == ':')
			return binhex_done(binhex, sink);
		const char *found = *at != '\0' ? strchr(binhex_alphabet, *at) : NULL;
		if (found == NULL && (*at == ' ' || *at == '\t'))
			continue;
		if (found == NULL) {
			sink_mark(sink, AM_PART_AMBIGUOUS, "BinHex: characters that are none");
			continue;
		}
		binhex->bits = binhex->bits << 6 | (guint32)(found - binhex_alphabet);
		binhex->n_bits += 6;
		if (binhex->n_bits >= 8) {
			binhex->n_bits -= 8;
			binhex_run(binhex, sink, (guint8)(binhex->bits >> binhex->n_bits));
		}
	}
	return CODEC_MORE;
}

static CodecStep
binhex_line(gpointer data, Sink *sink, const Line *line)
{
	Binhex *binhex = data;
	const guint8 *at = line->data, *end = line->data + line->len;
	if (codec_is_start(line))
		return CODEC_AGAIN;
	if (binhex->stage == BINHEX_TEXT) {
		if (!line_starts(line, ":"))
			return ++binhex->n_lines > TEXT_LINES_MAX ? CODEC_AGAIN : CODEC_MORE;
		binhex->stage = BINHEX_NAME_LENGTH;
		at++;
	}
	return binhex_chars(binhex, sink, at, end);
}

static void
binhex_end(gpointer data, Sink *sink)
{
	Binhex *binhex = data;
	if (binhex->stage != BINHEX_TEXT && binhex->stage != BINHEX_WHOLE)
		sink_mark(sink, AM_PART_UNDECODED, "BinHex: cut short");
	sink_close(sink);
}

const Codec binhex_codec = { binhex_start, binhex_line, binhex_end };
