/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Numbers and texts to bytes and back, for what travels between our processes.  Little-endian,
 * without padding; a text is a 16-bit length and that many bytes of UTF-8 without NUL.  Reading is
 * for hostile input: it never passes the end, and after the first fault every further read gives 0
 * or "", so a reader checks is_bad once at the end of a group. */

#include <glib.h>

#define AM_PACK_TEXT_MAX 65535u /* bytes */

void am_pack_u8(GByteArray *out, guint8 value);
void am_pack_u32(GByteArray *out, guint32 value);
void am_pack_u64(GByteArray *out, guint64 value);
void am_pack_double(GByteArray *out, double value); /* not finite becomes 0 */
/* NULL is "".  Made valid UTF-8 and cut to `max` bytes, not inside a character.  FALSE: cut. */
gboolean am_pack_text(GByteArray *out, const char *text, gsize max);
/* Overwrites four bytes at `position`, for a count that is known later. */
void am_pack_u32_at(GByteArray *out, guint position, guint32 value);

typedef struct {
	const guint8 *at, *end;
	const char *is_bad; /* what was wrong first, NULL nothing yet */
} AmUnpack;

AmUnpack am_unpack_start(gconstpointer data, gsize len);
/* Records the first fault and ends all reading; returns FALSE. */
gboolean am_unpack_fail(AmUnpack *in, const char *what);
guint8 am_unpack_u8(AmUnpack *in);
guint32 am_unpack_u32(AmUnpack *in);
guint64 am_unpack_u64(AmUnpack *in);
double am_unpack_double(AmUnpack *in); /* finite */
gboolean am_unpack_bool(AmUnpack *in); /* a byte, 0 or 1 */
/* A new string of at most `max` bytes, never NULL. */
char *am_unpack_text(AmUnpack *in, gsize max);
/* A number of elements of at least `size` bytes each: no more than `max` and than can follow. */
guint32 am_unpack_count(AmUnpack *in, guint32 max, gsize size);
/* Everything was read and nothing was wrong. */
gboolean am_unpack_is_done(AmUnpack *in);
