/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Hashes and ciphers of libcrypto, fetched before the sandbox closes. */

#include <glib.h>
#include <openssl/evp.h>

#define DIGEST_MAX 64 /* bytes of the longest */

typedef struct {
	EVP_MD *sha1, *sha256, *sha384, *sha512, *md5;
	EVP_CIPHER *cbc[3], *ecb[3]; /* AES of 128, 192, 256 bits */
} Digests;

gboolean digests_init(Digests *digests, GError **error);
void digests_clear(Digests *digests);

/* By the name that files have for it ("SHA512", "SHA-1"); NULL: none of ours. */
const EVP_MD *digests_hash(const Digests *digests, const char *name);
/* Over both pieces, the second may be empty; FALSE: it failed. */
gboolean digests_sum(EVP_MD_CTX *context, const EVP_MD *hash, gconstpointer first, gsize first_len,
		     gconstpointer second, gsize second_len, guint8 *sum);
/* AES; iv NULL: electronic code book.  len must be a multiple of 16. */
gboolean digests_decrypt(const Digests *digests, EVP_CIPHER_CTX *context, const guint8 *key,
			 guint key_bits, const guint8 *iv, const guint8 *from, gsize len,
			 guint8 *to);
