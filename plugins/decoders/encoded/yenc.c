/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* yEnc draft 1.3:
 *
 *     begin = "=ybegin" [ " part=" N ] [ " total=" N ] " line=" N " size=" N " name=" name
 *     part  = "=ypart begin=" N " end=" N           (of a file in several parts)
 *     data  = bytes plus 42; "=" escapes one that is plus 64 besides
 *     end   = "=yend size=" N [ " part=" N ] [ " pcrc32=" HEX ] [ " crc32=" HEX ]
 *
 * Parts of one file that follow each other in a text are put together. */

#define _GNU_SOURCE /* memmem() */
#include "yenc.h"

#include <string.h>

#define CRC32_POLYNOMIAL 0xedb88320

void
yenc_crc32_table(guint32 *table)
{
	for (guint32 i = 0; i < 256; i++) {
		guint32 crc = i;
		for (guint bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? CRC32_POLYNOMIAL : 0);
		table[i] = crc;
	}
}

gboolean
yenc_is_start(const Line *line)
{
	return line_starts(line, "=ybegin ");
}

/* The number behind " key="; `base` is 10 or 16.  FALSE: there is none. */
static gboolean
yenc_number(const Line *line, const char *key, guint base, guint64 *value)
{
	const guint8 *found = memmem(line->data, line->len, key, strlen(key));
	const guint8 *end = line->data + line->len;
	if (found == NULL)
		return FALSE;
	const guint8 *at = found + strlen(key);
	*value = 0;
	for (; at < end && g_ascii_isxdigit(*at); at++) {
		guint digit = (guint)g_ascii_xdigit_value((char)*at);
		if (digit >= base || *value > G_MAXUINT64 >> 4)
			break;
		*value = *value * base + digit;
	}
	return at > found + strlen(key);
}

/* The fields in front of the name, which may hold anything. */
static Line
yenc_fields(const Line *line, gsize *name_at)
{
	static const char key[] = " name=";
	const guint8 *found = memmem(line->data, line->len, key, strlen(key));
	Line fields = *line;
	*name_at = line->len;
	if (found != NULL) {
		fields.len = (gsize)(found - line->data);
		*name_at = fields.len + strlen(key);
	}
	return fields;
}

static gboolean
yenc_start(gpointer data, Sink *sink, const Line *line)
{
	Yenc *yenc = data;
	gsize name_at;
	if (!yenc_is_start(line))
		return FALSE;
	Line fields = yenc_fields(line, &name_at);
	*yenc = (Yenc){ .name = codec_name(line, name_at), .crc = G_MAXUINT32 };
	(void)yenc_number(&fields, " part=", 10, &yenc->part);
	(void)yenc_number(&fields, " total=", 10, &yenc->total);
	yenc->is_first = yenc->part <= 1;
	sink_open(sink, yenc->name);
	return TRUE;
}

/* Another part of the file at hand?  Its data go where those of the last one went. */
static gboolean
yenc_goes_on(Yenc *yenc, const Line *line)
{
	gsize name_at;
	guint64 part = 0;
	Line fields = yenc_fields(line, &name_at);
	g_autofree char *name = codec_name(line, name_at);
	if (!yenc_is_start(line) || g_strcmp0(name, yenc->name) != 0 ||
	    !yenc_number(&fields, " part=", 10, &part) || part != yenc->part + 1)
		return FALSE;
	yenc->part = part;
	yenc->n_bytes = 0;
	yenc->crc = G_MAXUINT32;
	yenc->is_between = yenc->is_escaped = FALSE;
	return TRUE;
}

static void
yenc_finish(const Yenc *yenc, Sink *sink)
{
	if (sink->child != NULL && (!yenc->is_first || yenc->part < yenc->total))
		sink_mark(sink, AM_PART_UNDECODED, "yEnc: not all parts of the file are here");
	sink_close(sink);
}

/* At "=yend". */
static CodecStep
yenc_check(Yenc *yenc, Sink *sink, const Line *line)
{
	guint64 size, crc;
	if (yenc_number(line, " size=", 10, &size) && size != yenc->n_bytes)
		sink_mark(sink, AM_PART_AMBIGUOUS, "yEnc: the size is another");
	/* "crc32" of a part is that of the whole file */
	if (yenc_number(line, yenc->part > 0 ? " pcrc32=" : " crc32=", 16, &crc) &&
	    (guint32)crc != ~yenc->crc)
		sink_mark(sink, AM_PART_AMBIGUOUS, "yEnc: the checksum does not match");
	yenc->is_between = yenc->part > 0 && (yenc->total == 0 || yenc->part < yenc->total);
	if (yenc->is_between)
		return CODEC_MORE;
	yenc_finish(yenc, sink);
	return CODEC_DONE;
}

static void
yenc_data(Yenc *yenc, Sink *sink, const Line *line)
{
	guint32 crc = yenc->crc;
	for (gsize i = 0; i < line->len; i++) {
		guint8 byte = line->data[i];
		if (byte == '=' && !yenc->is_escaped) {
			yenc->is_escaped = TRUE;
			continue;
		}
		byte = (guint8)(byte - (yenc->is_escaped ? 42 + 64 : 42));
		yenc->is_escaped = FALSE;
		crc = crc >> 8 ^ sink->crc32[(guint8)crc ^ byte];
		sink_byte(sink, byte);
		yenc->n_bytes++;
	}
	yenc->crc = crc;
}

static CodecStep
yenc_line(gpointer data, Sink *sink, const Line *line)
{
	Yenc *yenc = data;
	if (yenc->is_between) {
		if (!codec_is_start(line) || yenc_goes_on(yenc, line))
			return CODEC_MORE;
		return CODEC_AGAIN;
	}
	if (line_starts(line, "=yend"))
		return yenc_check(yenc, sink, line);
	if (yenc_is_start(line)) /* others may be data */
		return CODEC_AGAIN;
	if (!line_starts(line, "=ypart "))
		yenc_data(yenc, sink, line);
	return CODEC_MORE;
}

static void
yenc_end(gpointer data, Sink *sink)
{
	Yenc *yenc = data;
	if (sink->child != NULL && !yenc->is_between)
		sink_mark(sink, AM_PART_UNDECODED, "yEnc without an end");
	yenc_finish(yenc, sink);
	g_clear_pointer(&yenc->name, g_free);
}

const Codec yenc_codec = { yenc_start, yenc_line, yenc_end };
