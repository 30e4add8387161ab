/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Bytes of a header to UTF-8, as mail readers do it: never without a result. */

#include <glib.h>

#define AM_NUL_TEXT "\xe2\x90\x80" /* U+2400 stands for a NUL: a reader may end the text there */

/* Appends bytes in charset (may have RFC 2231's "*language" behind it) as UTF-8.  What the charset
 * does not have is U+FFFD; of an unknown charset UTF-8 is taken when the bytes are that, else
 * Latin-1. */
void am_charset_append(GString *out, const char *charset, const char *bytes, gsize len);
/* Text with RFC 2047 encoded-words, in all the bad forms that readers take: in the middle of other
 * text, cut in a character or in four letters of base64, with blanks, without an end.  With
 * as_labelled FALSE the charsets are taken for wrong: bytes are UTF-8 or Latin-1.  About `max` bytes
 * of text are read. */
GString *am_encoded_words_read(const char *text, gsize max, gboolean as_labelled);
