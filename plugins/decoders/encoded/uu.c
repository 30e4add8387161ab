/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* POSIX.1-2017, uuencode; xxencode is the same with other letters:
 *
 *     begin  = "begin" 1*WSP 3*4DIGIT WSP name      (Outlook takes "begin" and two blanks, too)
 *     line   = count *( 4char ) [ checksum ]        count: of bytes, as one char
 *     end    = "end"
 *     begin64 = "begin-base64" WSP mode WSP name, ended by "===="
 *
 * A blank and a backtick both are zero; blanks at the end of a line may have got lost on the way.
 * The first line of data decides on the alphabet, and whether this is more than a text that happens
 * to begin so.  Later lines that cannot be are passed over, as the better readers do, and marked:
 * others make bytes of them. */

#include "uu.h"

#include <string.h>

#define ALIEN_MAX 100 /* lines in a row: it is text again */

/* -1: no char of the alphabet */
static const gint8 uu_values[256] = {
	[0 ... 0x1f] = -1, [0x20] = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
	19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
	42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
	['`'] = 0, [0x61 ... 0xff] = -1,
};

static const gint8 xx_values[256] = {
	[0 ... 0x2a] = -1, ['+'] = 0, [0x2c] = -1, ['-'] = 1, [0x2e ... 0x2f] = -1,
	['0'] = 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, [0x3a ... 0x40] = -1,
	['A'] = 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
	33, 34, 35, 36, 37, [0x5b ... 0x60] = -1,
	['a'] = 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58,
	59, 60, 61, 62, 63, [0x7b ... 0xff] = -1,
};

static gsize
uu_skip_blanks(const Line *line, gsize at)
{
	while (at < line->len && (line->data[at] == ' ' || line->data[at] == '\t'))
		at++;
	return at;
}

/* Where the name stands in "mode WSP name"; 0: this is no mode. */
static gsize
uu_mode(const Line *line, gsize at)
{
	gsize from = at;
	while (at < line->len && g_ascii_isdigit(line->data[at]))
		at++;
	gsize digits = at - from;
	return digits >= 3 && digits <= 4 && uu_skip_blanks(line, at) > at ? at : 0;
}

static gsize
uu_name_at(const Line *line)
{
	const gsize word = strlen("begin");
	gsize at = word;
	if (!line_starts(line, "begin") || uu_skip_blanks(line, word) == word)
		return 0;
	at = uu_skip_blanks(line, word);
	gsize name_at = uu_mode(line, at);
	return name_at == 0 && at > word + 1 ? at : name_at;
}

gboolean
uu_is_start(const Line *line)
{
	return uu_name_at(line) > 0;
}

static gboolean
uu_start(gpointer data, G_GNUC_UNUSED Sink *sink, const Line *line)
{
	Uu *uu = data;
	gsize at = uu_name_at(line);
	if (at == 0)
		return FALSE;
	*uu = (Uu){ .name = codec_name(line, at) };
	return TRUE;
}

/* Chars that stand for so many bytes. */
static gsize
uu_need(gint8 count)
{
	return (gsize)(count + 2) / 3 * 4;
}

/* Is this a line of data in that alphabet? *is_exact: with nothing missing or too much. */
static gboolean
uu_is_data(const Line *line, const gint8 *values, gboolean *is_exact)
{
	gint8 count = line->len > 0 ? values[line->data[0]] : -1;
	if (count < 0)
		return FALSE;
	gsize need = uu_need(count), have = line->len - 1;
	for (gsize i = 1; i <= MIN(need, have); i++)
		if (values[line->data[i]] < 0)
			return FALSE;
	*is_exact = have >= need && have <= need + 2; /* a checksum, or what n bytes leave over */
	return TRUE;
}

static const gint8 *
uu_choose(const Line *line)
{
	gboolean is_uu_exact = FALSE, is_xx_exact = FALSE;
	gboolean is_uu = uu_is_data(line, uu_values, &is_uu_exact);
	gboolean is_xx = uu_is_data(line, xx_values, &is_xx_exact);
	if (is_uu && is_uu_exact)
		return uu_values;
	if (is_xx && is_xx_exact)
		return xx_values;
	for (gsize i = 0; i < line->len && is_uu; i++)
		is_uu = uu_values[line->data[i]] >= 0;
	return is_uu ? uu_values : NULL; /* too long or too short, but nothing else */
}

static void
uu_decode(const Uu *uu, Sink *sink, const Line *line)
{
	gsize left = (gsize)uu->values[line->data[0]];
	for (gsize at = 1; left > 0; at += 4) {
		guint32 bits = 0;
		for (gsize i = at; i < at + 4; i++)
			bits = bits << 6 | (i < line->len ? (guint32)uu->values[line->data[i]] : 0);
		for (int shift = 16; shift >= 0 && left > 0; shift -= 8, left--)
			sink_byte(sink, (guint8)(bits >> shift));
	}
}

static CodecStep
uu_data(Uu *uu, Sink *sink, const Line *line)
{
	gboolean is_exact = FALSE;
	if (!uu_is_data(line, uu->values, &is_exact)) {
		sink_mark(sink, AM_PART_AMBIGUOUS, "lines within uuencode that are none");
		return ++uu->n_alien > ALIEN_MAX ? CODEC_AGAIN : CODEC_MORE;
	}
	uu->n_alien = 0;
	gint8 count = uu->values[line->data[0]];
	if (count == 0) {
		uu->is_over = TRUE;
		return CODEC_MORE;
	}
	if (uu->is_over)
		sink_mark(sink, AM_PART_AMBIGUOUS, "uuencode that goes on behind its end");
	if (!is_exact && line->len - 1 > uu_need(count))
		sink_mark(sink, AM_PART_AMBIGUOUS, "lines of uuencode longer than they say");
	uu_decode(uu, sink, line);
	return CODEC_MORE;
}

static CodecStep
uu_line(gpointer data, Sink *sink, const Line *line)
{
	Uu *uu = data;
	if (!line->is_start || line->len == 0)
		return CODEC_MORE; /* of a line as long as none can be; or blanks that got lost */
	gboolean is_end = line_is(line, "end");
	if (is_end && uu->values == NULL)
		sink_open(sink, uu->name); /* an empty file */
	if (is_end) {
		sink_close(sink);
		return CODEC_DONE;
	}
	if (codec_is_start(line))
		return CODEC_AGAIN;
	if (uu->values == NULL) {
		uu->values = uu_choose(line);
		if (uu->values == NULL)
			return CODEC_AGAIN; /* a text that begins so */
		sink_open(sink, uu->name);
	}
	return uu_data(uu, sink, line);
}

static void
uu_end(gpointer data, Sink *sink)
{
	Uu *uu = data;
	if (sink->child != NULL)
		sink_mark(sink, AM_PART_UNDECODED, "uuencode without an end");
	sink_close(sink);
	g_clear_pointer(&uu->name, g_free);
}

const Codec uu_codec = { uu_start, uu_line, uu_end };

/* ---- base64 -------------------------------------------------------------------------------- */

gboolean
base64_is_start(const Line *line)
{
	return line_starts(line, "begin-base64 ");
}

static gboolean
base64_start(gpointer data, Sink *sink, const Line *line)
{
	Base64 *base64 = data;
	if (!base64_is_start(line))
		return FALSE;
	gsize at = uu_skip_blanks(line, strlen("begin-base64"));
	gsize name_at = uu_mode(line, at);
	*base64 = (Base64){ .name = codec_name(line, name_at > 0 ? name_at : at) };
	sink_open(sink, base64->name);
	return TRUE;
}

/* The bytes of a group, be it whole or not. */
static void
base64_flush(Base64 *base64, Sink *sink)
{
	guint32 bits = base64->bits << (4 - base64->n_chars) * 6;
	for (guint i = 0; i + 1 < base64->n_chars; i++)
		sink_byte(sink, (guint8)(bits >> (16 - i * 8)));
	base64->bits = 0;
	base64->n_chars = 0;
}

static CodecStep
base64_line(gpointer data, Sink *sink, const Line *line)
{
	Base64 *base64 = data;
	if (line_starts(line, "====")) {
		base64_flush(base64, sink);
		sink_close(sink);
		return CODEC_DONE;
	}
	if (codec_is_start(line))
		return CODEC_AGAIN;
	for (gsize i = 0; i < line->len; i++) {
		int value = bytes_base64_value(line->data[i]);
		if (line->data[i] == '=') {
			base64->is_padded = TRUE;
			base64_flush(base64, sink);
		}
		if (value < 0)
			continue;
		if (base64->is_padded)
			sink_mark(sink, AM_PART_AMBIGUOUS, "base64 that goes on behind its padding");
		base64->has_data = TRUE;
		base64->bits = base64->bits << 6 | (guint32)value;
		if (++base64->n_chars == 4)
			base64_flush(base64, sink);
	}
	return CODEC_MORE;
}

static void
base64_end(gpointer data, Sink *sink)
{
	Base64 *base64 = data;
	if (sink->child != NULL) {
		base64_flush(base64, sink);
		sink_mark(sink, AM_PART_UNDECODED, "base64 without an end");
	}
	sink_close(sink);
	g_clear_pointer(&base64->name, g_free);
}

const Codec base64_codec = { base64_start, base64_line, base64_end };
