/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include "digests.h"

#include <string.h>

gboolean
digests_init(Digests *digests, GError **error)
{
	static const char *const cbc[] = { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC" };
	static const char *const ecb[] = { "AES-128-ECB", "AES-192-ECB", "AES-256-ECB" };
	const struct {
		EVP_MD **hash;
		const char *name;
		gboolean is_needed;
	} hashes[] = {
		{ &digests->sha1, "SHA1", TRUE },     { &digests->sha256, "SHA256", TRUE },
		{ &digests->sha384, "SHA384", TRUE }, { &digests->sha512, "SHA512", TRUE },
		{ &digests->md5, "MD5", FALSE }, /* not everywhere: FIPS */
	};
	*digests = (Digests){ 0 };
	for (gsize i = 0; i < G_N_ELEMENTS(hashes); i++) {
		*hashes[i].hash = EVP_MD_fetch(NULL, hashes[i].name, NULL);
		if (*hashes[i].hash != NULL || !hashes[i].is_needed)
			continue;
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS, "libcrypto has no %s",
			    hashes[i].name);
		return FALSE;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(cbc); i++) {
		digests->cbc[i] = EVP_CIPHER_fetch(NULL, cbc[i], NULL);
		digests->ecb[i] = EVP_CIPHER_fetch(NULL, ecb[i], NULL);
		if (digests->cbc[i] != NULL && digests->ecb[i] != NULL)
			continue;
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSYS, "libcrypto has no %s", cbc[i]);
		return FALSE;
	}
	return TRUE;
}

void
digests_clear(Digests *digests)
{
	EVP_MD_free(digests->sha1); /* all take NULL */
	EVP_MD_free(digests->sha256);
	EVP_MD_free(digests->sha384);
	EVP_MD_free(digests->sha512);
	EVP_MD_free(digests->md5);
	for (gsize i = 0; i < G_N_ELEMENTS(digests->cbc); i++) {
		EVP_CIPHER_free(digests->cbc[i]);
		EVP_CIPHER_free(digests->ecb[i]);
	}
	*digests = (Digests){ 0 };
}

const EVP_MD *
digests_hash(const Digests *digests, const char *name)
{
	const struct {
		const char *name;
		const EVP_MD *hash;
	} hashes[] = {
		{ "SHA512", digests->sha512 }, { "SHA-512", digests->sha512 },
		{ "SHA384", digests->sha384 }, { "SHA-384", digests->sha384 },
		{ "SHA256", digests->sha256 }, { "SHA-256", digests->sha256 },
		{ "SHA1", digests->sha1 },     { "SHA-1", digests->sha1 },
		{ "MD5", digests->md5 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(hashes); i++)
		if (g_ascii_strcasecmp(name, hashes[i].name) == 0)
			return hashes[i].hash;
	return NULL;
}

gboolean
digests_sum(EVP_MD_CTX *context, const EVP_MD *hash, gconstpointer first, gsize first_len,
	    gconstpointer second, gsize second_len, guint8 *sum)
{
	return EVP_DigestInit_ex2(context, hash, NULL) == 1 &&
	       EVP_DigestUpdate(context, first, first_len) == 1 &&
	       EVP_DigestUpdate(context, second, second_len) == 1 &&
	       EVP_DigestFinal_ex(context, sum, NULL) == 1;
}

gboolean
digests_decrypt(const Digests *digests, EVP_CIPHER_CTX *context, const guint8 *key, guint key_bits,
		const guint8 *iv, const guint8 *from, gsize len, guint8 *to)
{
	guint index = (key_bits - 128) / 64;
	int n = 0;
	if (index >= G_N_ELEMENTS(digests->cbc) || len % 16 != 0 || len > G_MAXINT32)
		return FALSE;
	const EVP_CIPHER *cipher = iv != NULL ? digests->cbc[index] : digests->ecb[index];
	return EVP_DecryptInit_ex2(context, cipher, key, iv, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
	       EVP_DecryptUpdate(context, to, &n, from, (int)len) == 1 && n == (int)len;
}
