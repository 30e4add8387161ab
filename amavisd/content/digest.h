/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* SHA-256 in pieces, by libcrypto, which uses the processor's own instructions for it (1.8 GB/s
 * against 0.25 of GChecksum). */

#include <glib.h>

typedef struct _AmDigest AmDigest;

AmDigest *am_digest_new(void);
void am_digest_free(AmDigest *digest);
void am_digest_start(AmDigest *digest);
void am_digest_update(AmDigest *digest, gconstpointer data, gsize len);
/* Hex, to be freed. */
char *am_digest_finish(AmDigest *digest);
