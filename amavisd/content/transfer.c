/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* base64 is decoded here: GMime ends at the first padding, while many a mail reader goes on with what
 * stands behind it, so that a virus could hide there.  So is quoted-printable, to know where it is
 * broken; and uuencode, for GMime's decoder wants to be told where it begins. */

#include <config.h>

#include "content/transfer.h"

#include <gmime/gmime.h>
#include <string.h>

#define CHUNK_BYTES 32768 /* encoded bytes decoded at a time */
#define NO_DIGIT 64
#define PADDING 65

/* Values of the alphabet, RFC 2045 6.8; everything else is passed over, as it says. */
static guint8
base64_value(guint8 byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte - 'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 26;
	if (byte >= '0' && byte <= '9')
		return byte - '0' + 52;
	return byte == '+' ? 62 : byte == '/' ? 63 : byte == '=' ? PADDING : NO_DIGIT;
}

static const guint8 *
base64_table(void)
{
	static guint8 table[256];
	static gsize is_made;
	if (g_once_init_enter(&is_made)) {
		for (guint i = 0; i < 256; i++)
			table[i] = base64_value((guint8)i);
		g_once_init_leave(&is_made, 1);
	}
	return table;
}

/* A padding, or a byte outside the alphabet: TRUE when nothing behind it counts. */
static gboolean
base64_odd_byte(AmTransferDecoder *decoder, guint8 byte)
{
	if (byte != '=') {
		decoder->n_junk++;
		return (decoder->variant & AM_TRANSFER_STOP_JUNK) != 0;
	}
	if ((decoder->variant & AM_TRANSFER_SKIP_PADDING) != 0)
		return FALSE;
	decoder->is_padded = TRUE;
	return (decoder->variant & AM_TRANSFER_STOP_PADDING) != 0;
}

/* Decodes n bytes into out, which has room for n; returns how many came. */
static gsize
base64_step(AmTransferDecoder *decoder, const guint8 *in, gsize n, guint8 *out)
{
	const guint8 *table = base64_table();
	guint8 *start = out;
	guint32 bits = decoder->bits, n_bits = decoder->n_bits;
	gsize i = 0;
	while (i < n && !decoder->has_stopped) {
		/* whole groups of four, which nearly all of it is */
		while (n_bits == 0 && !decoder->is_padded && n - i >= 4) {
			guint8 a = table[in[i]], b = table[in[i + 1]], c = table[in[i + 2]],
			       d = table[in[i + 3]];
			if ((a | b | c | d) >= NO_DIGIT)
				break;
			guint32 group = (guint32)a << 18 | (guint32)b << 12 | (guint32)c << 6 | d;
			*out++ = (guint8)(group >> 16);
			*out++ = (guint8)(group >> 8);
			*out++ = (guint8)group;
			i += 4;
		}
		if (i == n)
			break;
		guint8 byte = in[i++], value = table[byte];
		if (value < NO_DIGIT) {
			if (decoder->is_padded)
				decoder->is_odd = TRUE;
			decoder->is_padded = FALSE;
			bits = bits << 6 | value;
			n_bits += 6;
			if (n_bits >= 8) {
				n_bits -= 8;
				*out++ = (guint8)(bits >> n_bits);
				if (n_bits == 0)
					bits = 0;
			}
		} else if (byte == '\r' || byte == '\n') {
			continue;
		} else if (base64_odd_byte(decoder, byte)) {
			decoder->has_stopped = TRUE;
			break;
		} else if (value == PADDING && decoder->is_padded) {
			n_bits = 0;
		}
	}
	decoder->bits = bits;
	decoder->n_bits = n_bits;
	decoder->n_bytes += (guint64)(out - start);
	return (gsize)(out - start);
}

/* ---- quoted-printable ---------------------------------------------------------------------- */

typedef enum {
	QUOTED_MORE,	/* cannot be told yet */
	QUOTED_BYTE,	/* "=" 2HEXDIG, of either case */
	QUOTED_NOTHING, /* "=" *WSP line end: a soft line break */
	QUOTED_BROKEN,
} QuotedKind;

static QuotedKind
quoted_kind(const guint8 *held, guint n)
{
	guint i = 1;
	if (n > 1 && g_ascii_isxdigit(held[1]))
		return n == 2			   ? QUOTED_MORE
		       : g_ascii_isxdigit(held[2]) ? QUOTED_BYTE
						   : QUOTED_BROKEN;
	while (i < n && (held[i] == ' ' || held[i] == '\t'))
		i++;
	if (i < n && held[i] == '\r')
		i++;
	if (i == n)
		return n < 64 ? QUOTED_MORE : QUOTED_BROKEN;
	return held[i] == '\n' || held[i - 1] == '\r' ? QUOTED_NOTHING : QUOTED_BROKEN;
}

/* What is held comes to nothing more: it stands for itself. */
static guint8 *
quoted_release(AmTransferDecoder *decoder, guint8 *out)
{
	guint first = (decoder->variant & AM_TRANSFER_DROP_EQUALS) != 0 ? 1 : 0;
	memcpy(out, decoder->held + first, decoder->n_held - first);
	out += decoder->n_held - first;
	decoder->n_held = 0;
	decoder->is_odd = TRUE;
	return out;
}

/* Decodes n bytes into out, which has room for n and what is held. */
static gsize
quoted_step(AmTransferDecoder *decoder, const guint8 *in, gsize n, guint8 *out)
{
	guint8 *start = out;
	gsize i = 0;
	while (i < n) {
		if (decoder->n_held == 0) {
			const guint8 *equals = memchr(in + i, '=', n - i);
			gsize run = equals != NULL ? (gsize)(equals - in) - i : n - i;
			memcpy(out, in + i, run);
			out += run;
			i += run;
			if (equals == NULL)
				break;
			decoder->held[decoder->n_held++] = in[i++];
			continue;
		}
		decoder->held[decoder->n_held++] = in[i++];
		QuotedKind kind = quoted_kind(decoder->held, decoder->n_held);
		if (kind == QUOTED_MORE)
			continue;
		guint8 last = decoder->held[decoder->n_held - 1];
		if (kind == QUOTED_BROKEN || (kind == QUOTED_NOTHING && last != '\n')) {
			decoder->n_held--; /* the last one is looked at again */
			i--;
		}
		if (kind == QUOTED_BROKEN) {
			out = quoted_release(decoder, out);
			continue;
		}
		if (kind == QUOTED_BYTE)
			*out++ = (guint8)(g_ascii_xdigit_value((char)decoder->held[1]) << 4 |
					  g_ascii_xdigit_value((char)decoder->held[2]));
		decoder->n_held = 0;
	}
	return (gsize)(out - start);
}

/* ---- uuencode ------------------------------------------------------------------------------ */

/* POSIX uuencode: "begin" mode name, lines of a length and groups of four, "end".  Blanks at the end of
 * a line may be missing. */
static guint8 *
uu_line(AmTransferDecoder *decoder, guint8 *out)
{
	const guint8 *line = decoder->held;
	guint len = decoder->n_held;
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	if (!decoder->is_begun || len == 0) {
		decoder->is_begun =
			decoder->is_begun || (len > 6 && memcmp(line, "begin ", 6) == 0);
		return out;
	}
	if (len == 3 && memcmp(line, "end", 3) == 0) {
		decoder->is_begun = FALSE; /* there may be one more */
		return out;
	}
	guint n = (line[0] - 32u) & 63u;
	for (guint i = 1; n > 0 && i < len; i += 4) {
		guint32 group = 0;
		for (guint k = i; k < i + 4; k++)
			group = group << 6 | ((k < len ? line[k] - 32u : 0u) & 63u);
		for (int shift = 16; shift >= 0 && n > 0; shift -= 8, n--)
			*out++ = (guint8)(group >> shift);
	}
	return out;
}

static gsize
uu_step(AmTransferDecoder *decoder, const guint8 *in, gsize n, guint8 *out)
{
	guint8 *start = out;
	for (gsize i = 0; i < n; i++) {
		/* no line is longer than 85 bytes; of others the rest is passed over */
		if (decoder->n_held < sizeof decoder->held)
			decoder->held[decoder->n_held++] = in[i];
		if (in[i] != '\n')
			continue;
		out = uu_line(decoder, out);
		decoder->n_held = 0;
	}
	return (gsize)(out - start);
}

/* ---- any of them --------------------------------------------------------------------------- */

void
am_transfer_decoder_init(AmTransferDecoder *decoder, int encoding)
{
	int variant = AM_TRANSFER_VARIANT(encoding);
	encoding = AM_TRANSFER_ENCODING(encoding);
	*decoder = (AmTransferDecoder){
		.is_base64 = encoding == GMIME_CONTENT_ENCODING_BASE64,
		.is_quoted = encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE,
		.is_uu = encoding == GMIME_CONTENT_ENCODING_UUENCODE,
		.variant = variant,
	};
}

static gsize
transfer_step(AmTransferDecoder *decoder, const guint8 *in, gsize n, guint8 *out)
{
	if (decoder->is_base64)
		return base64_step(decoder, in, n, out);
	if (decoder->is_quoted)
		return quoted_step(decoder, in, n, out);
	return uu_step(decoder, in, n, out);
}

gboolean
am_transfer_decoder_feed(AmTransferDecoder *decoder, const guint8 *data, gsize len,
			 AmDecodedFunc func, gpointer user_data)
{
	guint8 out[CHUNK_BYTES + 128];
	if (!decoder->is_base64 && !decoder->is_quoted && !decoder->is_uu)
		return len == 0 || func(data, len, user_data);
	for (gsize pos = 0; pos < len;) {
		/* decoding never makes more of it, but for what the state still holds */
		gsize n = MIN(len - pos, (gsize)CHUNK_BYTES);
		gsize got = transfer_step(decoder, data + pos, n, out);
		if (got > 0 && !func(out, got, user_data))
			return FALSE;
		pos += n;
	}
	return TRUE;
}

gboolean
am_transfer_decoder_end(AmTransferDecoder *decoder, AmDecodedFunc func, gpointer user_data)
{
	guint8 out[256];
	gsize got = 0;
	/* a soft line break may be the end; anything else that was begun is broken */
	if (decoder->is_quoted && decoder->n_held > 1 && g_ascii_isxdigit(decoder->held[1]))
		got = (gsize)(quoted_release(decoder, out) - out);
	else if (decoder->is_uu && decoder->n_held > 0)
		got = (gsize)(uu_line(decoder, out) - out);
	decoder->n_held = 0;
	return got == 0 || func(out, got, user_data);
}
