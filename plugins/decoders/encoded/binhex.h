/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* BinHex 4: a Macintosh file with both its forks. */

#include "codec.h"

typedef enum {
	BINHEX_TEXT, /* before the colon */
	BINHEX_NAME_LENGTH,
	BINHEX_HEADER,
	BINHEX_DATA,
	BINHEX_DATA_CRC,
	BINHEX_RESOURCE,
	BINHEX_RESOURCE_CRC,
	BINHEX_WHOLE,
} BinhexStage;

typedef struct {
	BinhexStage stage;
	guint n_lines; /* of text before the colon */
	guint32 bits;
	guint n_bits;
	gboolean is_marked; /* the run-length mark was there */
	guint8 last;	    /* byte, for runs */
	guint16 crc;	    /* of what is at hand */
	guint8 header[1 + 255 + 1 + 4 + 4 + 2 + 4 + 4 + 2];
	gsize n_header, header_len;
	guint32 data_left, resource_left;
	guint n_crc;
	guint16 crc_stated;
} Binhex;

extern const Codec binhex_codec;

gboolean binhex_is_start(const Line *line);
/* Fills a table of 256. */
void binhex_crc16_table(guint16 *table);
