/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* yEnc, one part or several of a file in one text. */

#include "codec.h"

typedef struct {
	char *name;
	guint64 part, total; /* 0: the file is in one piece */
	guint64 n_bytes;     /* of this part */
	guint32 crc;	     /* of this part, inverted */
	gboolean is_first;   /* the first part was there */
	gboolean is_escaped; /* the next byte is */
	gboolean is_between; /* parts: the next one may come */
} Yenc;

extern const Codec yenc_codec;

gboolean yenc_is_start(const Line *line);
/* Fills a table of 256. */
void yenc_crc32_table(guint32 *table);
