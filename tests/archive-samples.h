/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Archives for tests, made when they are needed: by libarchive where it can write a format, by hand
 * where it cannot. */

#include <glib.h>

typedef struct {
	const char *name; /* "zip", "tar.pax" ... */
	gboolean has_directories, has_utf8_names;
	const char *child; /* of a stream: the only name; NULL: an archive */
} Sample;

/* What every sample holds: SAMPLE_TEXT, noise, for those that can an empty file, a directory and a
 * link. A stream holds the noise alone. */
#define SAMPLE_TEXT_NAME "text.txt"
#define SAMPLE_NOISE_NAME "noise.bin"
#define SAMPLE_EMPTY_NAME "empty"
#define SAMPLE_UTF8_NAME "\303\274n\303\257.txt"
#define SAMPLE_TEXT "a text in an archive\n"

extern const Sample samples[];
extern const guint n_samples;

/* The archive; noise_len: bytes of noise. */
GByteArray *sample_make(const Sample *sample, gsize noise_len);
/* Noise that compresses somewhat. g_free() */
guint8 *sample_noise(gsize len);

/* A zip with one stored member. flags: of its header, 1 encrypted, 0x800 name is UTF-8. */
GByteArray *sample_zip_one(const char *name, guint flags, const char *content);
/* A RAR 4 archive with one stored member; flags 4: encrypted. */
GByteArray *sample_rar4_one(const char *name, guint flags, gconstpointer data, gsize len);
GByteArray *sample_rar5_one(const char *name, gboolean is_encrypted, gconstpointer data, gsize len);
/* RAR 5 with encrypted headers. */
GByteArray *sample_rar5_locked(void);
/* A tar that says it holds `size` bytes, nearly all of them a hole. */
GByteArray *sample_sparse_tar(gint64 size);
