/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* base64 is decoded here: GMime ends at the first padding, while many a mail reader goes on with what
 * stands behind it, so that a virus could hide there.  The others are GMime's. */

#include <config.h>

#include "content/transfer.h"

#include <gmime/gmime.h>

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

/* Decodes n bytes into out, which has room for n; returns how many came. */
static gsize
base64_step(AmTransferDecoder *decoder, const guint8 *in, gsize n, guint8 *out)
{
	const guint8 *table = base64_table();
	guint8 *start = out;
	guint32 bits = decoder->bits, n_bits = decoder->n_bits;
	gsize i = 0;
	while (i < n) {
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
		guint8 value = table[in[i++]];
		if (value == PADDING) {
			decoder->is_padded = TRUE;
			n_bits = 0;
		} else if (value < NO_DIGIT) {
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
		}
	}
	decoder->bits = bits;
	decoder->n_bits = n_bits;
	return (gsize)(out - start);
}

void
am_transfer_decoder_init(AmTransferDecoder *decoder, int encoding)
{
	*decoder = (AmTransferDecoder){ .is_base64 = encoding == GMIME_CONTENT_ENCODING_BASE64 };
	if (encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE &&
	    encoding != GMIME_CONTENT_ENCODING_UUENCODE)
		return;
	GMimeEncoding *state = g_new0(GMimeEncoding, 1);
	g_mime_encoding_init_decode(state, (GMimeContentEncoding)encoding);
	decoder->state = state;
}

gboolean
am_transfer_decoder_feed(AmTransferDecoder *decoder, const guint8 *data, gsize len,
			 AmDecodedFunc func, gpointer user_data)
{
	guint8 out[CHUNK_BYTES + 64];
	if (!decoder->is_base64 && decoder->state == NULL)
		return len == 0 || func(data, len, user_data);
	for (gsize pos = 0; pos < len;) {
		/* decoding never makes more of it, but for what the state still holds */
		gsize n = MIN(len - pos, (gsize)CHUNK_BYTES);
		gsize got = decoder->is_base64
				    ? base64_step(decoder, data + pos, n, out)
				    : g_mime_encoding_step(decoder->state, (const char *)data + pos,
							   n, (char *)out);
		if (got > 0 && !func(out, got, user_data))
			return FALSE;
		pos += n;
	}
	return TRUE;
}

gboolean
am_transfer_decoder_end(AmTransferDecoder *decoder, AmDecodedFunc func, gpointer user_data)
{
	char out[256];
	if (decoder->state == NULL)
		return TRUE;
	gsize got = g_mime_encoding_flush(decoder->state, "", 0, out);
	g_clear_pointer(&decoder->state, g_free);
	return got == 0 || func(out, got, user_data);
}
