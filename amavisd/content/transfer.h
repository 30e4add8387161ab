/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Content-Transfer-Encodings (RFC 2045 6), decoded in any pieces. */

#include <glib.h>

typedef gboolean (*AmDecodedFunc)(gconstpointer data, gsize len, gpointer user_data);

typedef struct {
	gboolean is_base64;
	guint32 bits, n_bits;  /* base64: what is not yet a byte */
	gboolean is_padded;    /* base64: '=' was seen */
	gboolean is_odd;       /* base64: went on behind its padding, which readers take in two ways */
	gpointer state;        /* GMimeEncoding for the others; NULL: identity */
} AmTransferDecoder;

/* encoding: GMimeContentEncoding. */
void am_transfer_decoder_init(AmTransferDecoder *decoder, int encoding);
/* FALSE as soon as func says so. */
gboolean am_transfer_decoder_feed(AmTransferDecoder *decoder, const guint8 *data, gsize len,
				  AmDecodedFunc func, gpointer user_data);
/* The rest; frees what init() took. */
gboolean am_transfer_decoder_end(AmTransferDecoder *decoder, AmDecodedFunc func, gpointer user_data);
