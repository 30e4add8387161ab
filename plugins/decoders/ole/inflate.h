/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The compressions of office formats.  What comes out goes to a function piece by piece, so that a
 * bomb costs no memory, and ends when that function says FALSE. */

#include "../bytes/bytes.h"

typedef gboolean (*InflateSink)(gpointer user_data, Bytes piece);

typedef enum {
	INFLATE_GOOD,
	INFLATE_BROKEN,	 /* what could be read came out */
	INFLATE_STOPPED, /* the sink had enough */
} InflateStatus;

/* zlib (RFC 1950), as objects in PowerPoint files; is_raw: deflate without its frame (RFC 1951). */
InflateStatus inflate_zlib(Bytes bytes, gboolean is_raw, InflateSink sink, gpointer user_data);
/* Compressed RTF [MS-OXRTFCP], as in messages of Outlook; also when it is stored. */
InflateStatus inflate_rtf(Bytes bytes, InflateSink sink, gpointer user_data);
/* Source of macros [MS-OVBA 2.4.1], in pieces of at most 4096 bytes. */
InflateStatus inflate_vba(Bytes bytes, InflateSink sink, gpointer user_data);
