/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See digest.h.  One context is used again and again: making one costs more than digesting a
 * small part.  libcrypto can only fail here for want of memory, which ends a worker as every
 * failed allocation does. */

#include <config.h>

#include "content/digest.h"

#include <openssl/evp.h>

struct _AmDigest {
	EVP_MD_CTX *context;
	EVP_MD *algorithm;
};

AmDigest *
am_digest_new(void)
{
	AmDigest *digest = g_new0(AmDigest, 1);
	digest->context = EVP_MD_CTX_new();
	digest->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (digest->context == NULL || digest->algorithm == NULL)
		g_error("libcrypto has no SHA-256");
	return digest;
}

void
am_digest_free(AmDigest *digest)
{
	if (digest == NULL)
		return;
	EVP_MD_CTX_free(digest->context);
	EVP_MD_free(digest->algorithm);
	g_free(digest);
}

void
am_digest_start(AmDigest *digest)
{
	if (EVP_DigestInit_ex2(digest->context, digest->algorithm, NULL) != 1)
		g_error("SHA-256 cannot start");
}

void
am_digest_update(AmDigest *digest, gconstpointer data, gsize len)
{
	if (EVP_DigestUpdate(digest->context, data, len) != 1)
		g_error("SHA-256 failed");
}

char *
am_digest_finish(AmDigest *digest)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	if (EVP_DigestFinal_ex(digest->context, value, &len) != 1)
		g_error("SHA-256 cannot finish");
	char *text = g_malloc(2 * (gsize)len + 1);
	for (unsigned int i = 0; i < len; i++) {
		text[2 * i] = hex[value[i] >> 4];
		text[2 * i + 1] = hex[value[i] & 15];
	}
	text[2 * (gsize)len] = '\0';
	return text;
}
