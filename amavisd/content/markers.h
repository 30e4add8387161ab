/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Lines that tell of something hidden in a text: the start of uuencode, yEnc, BinHex or inline
 * OpenPGP, and fields
 * of a MIME header where none should be. */

#include <glib.h>

#define AM_MARKER_BYTES 48 /* of a line that are looked at */

/* Search over any pieces; {0} to start. */
typedef struct {
	gboolean is_inside;	       /* of a line; its start has been seen */
	guint8 start[AM_MARKER_BYTES]; /* of a line that a piece ended in */
	guint n_start;
} AmMarkerSearch;

/* Does such a line begin in these bytes, or end there having begun before? */
gboolean am_marker_search(AmMarkerSearch *search, const guint8 *data, gsize len);
/* Does the line start with "begin 644 name", "begin-base64 ", "=ybegin ", "-----BEGIN PGP MESSAGE" or
 * the words of BinHex? */
gboolean am_marker_is_encoded(const guint8 *line, gsize len);
/* ... with Content-Type, Content-Transfer-Encoding or Content-Disposition, and ':'? */
gboolean am_marker_is_content_field(const guint8 *line, gsize len);
