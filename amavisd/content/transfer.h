/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Content-Transfer-Encodings (RFC 2045 6), decoded in any pieces. */

#include <glib.h>

typedef gboolean (*AmDecodedFunc)(gconstpointer data, gsize len, gpointer user_data);

/* Or-ed to a GMimeContentEncoding: how else a mail reader may take broken content. */
enum {
	AM_TRANSFER_STOP_PADDING = 1 << 8, /* base64 ends at its first padding */
	AM_TRANSFER_SKIP_PADDING = 1
				   << 9, /* '=' is passed over like any byte outside the alphabet */
	AM_TRANSFER_STOP_JUNK = 1 << 10, /* base64 ends at a byte outside the alphabet */
	AM_TRANSFER_DROP_EQUALS = 1 << 11, /* quoted-printable: a '=' that escapes nothing goes */
	/* for who reads the range again: reader.h has the same lines as when it was walked */
	AM_TRANSFER_CR_LINES = 1 << 12,
	AM_TRANSFER_CRLF_LINES = 1 << 13,
};
#define AM_TRANSFER_ENCODING(encoding) ((encoding) & 0xff)
#define AM_TRANSFER_VARIANT(encoding) ((encoding) & 0xf00)

typedef struct {
	gboolean is_base64, is_quoted, is_uu;
	int variant;	      /* AM_TRANSFER_ flags */
	guint32 bits, n_bits; /* base64: what is not yet a byte */
	gboolean is_padded;   /* base64: '=' was seen */
	gboolean has_stopped; /* base64: the rest is passed over */
	guint8 held[96];      /* quoted-printable: from '=' on, until it is known what it is;
			       * uuencode: the line so far */
	guint n_held;
	gboolean is_begun; /* uuencode: its first line was seen */
	/* what readers take in two ways */
	gboolean is_odd; /* base64 went on behind its padding, a '=' of quoted-printable that
			  * escapes nothing */
	guint64 n_bytes, n_junk; /* base64: that came out; that are no alphabet and no line end */
} AmTransferDecoder;

/* encoding: GMimeContentEncoding, perhaps with AM_TRANSFER_ flags. */
void am_transfer_decoder_init(AmTransferDecoder *decoder, int encoding);
/* FALSE as soon as func says so. */
gboolean am_transfer_decoder_feed(AmTransferDecoder *decoder, const guint8 *data, gsize len,
				  AmDecodedFunc func, gpointer user_data);
/* The rest. */
gboolean am_transfer_decoder_end(AmTransferDecoder *decoder, AmDecodedFunc func,
				 gpointer user_data);
