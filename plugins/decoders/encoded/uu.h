/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* uuencode, xxencode and base64 between "begin" and "end". */

#include "codec.h"

typedef struct {
	char *name;
	const gint8 *values; /* of the alphabet; NULL: no line of data yet */
	gboolean is_over;    /* a line of no bytes was there */
	guint n_alien;	     /* lines in a row that are none */
} Uu;

typedef struct {
	char *name;
	guint32 bits;
	guint n_chars; /* of the four */
	gboolean is_padded, has_data;
} Base64;

extern const Codec uu_codec;
extern const Codec base64_codec;

gboolean uu_is_start(const Line *line);
gboolean base64_is_start(const Line *line);
