/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The stream EncryptionInfo says how, EncryptedPackage holds the document behind its length.
 *
 * Standard (versions 2.2, 3.2, 4.2): AES in electronic code book, the key from 50000 rounds of
 * SHA-1 over the password; a verifier and its hash, both encrypted, tell whether the key is right.
 * Agile (4.4): the parameters are XML; a key made from the password opens a verifier and the real
 * key, and the package is encrypted by pieces of 4096 bytes, each with an IV of its own.
 *
 * The password Excel uses for workbooks that are only protected against writing is tried first:
 * such a file opens without a question, so it must not be closed to us. */

#include "crypt.h"

#include <string.h>

#include "crypt-info.h"

#define DEFAULT_PASSWORD "VelvetSweatshop"
#define ROUNDS_AT_ONCE 1000 /* between looks at the clock */
#define SEGMENT_BYTES 4096
#define PASSWORD_MAX_UNITS 255
#define PIECE_BYTES 65536

typedef struct {
	const Digests *digests;
	Output *output;
	EVP_MD_CTX *sum;
	EVP_CIPHER_CTX *cipher;
	gint64 deadline_us; /* for tries: some time must be left for the rest */
	CryptInfo info;
	guint8 key[DIGEST_MAX]; /* that opens the package */
} Crypt;

/* What a password is hashed with [2.3.4.11]. */
static const guint8 block_input[8] = { 0xfe, 0xa7, 0xd2, 0x76, 0x3b, 0x4b, 0x9e, 0x79 };
static const guint8 block_value[8] = { 0xd7, 0xaa, 0x0f, 0x6d, 0x30, 0x61, 0x34, 0x4e };
static const guint8 block_key[8] = { 0x14, 0x6e, 0x0b, 0xe7, 0xab, 0xac, 0xd0, 0xd6 };

/* ---- keys ---------------------------------------------------------------------------------- */

/* Hash of salt and password, hashed again and again with a counter in front.  FALSE: no time
 * left. */
static gboolean
crypt_hash_password(Crypt *crypt, const char *password, guint8 *hash)
{
	const CryptInfo *info = &crypt->info;
	gsize hash_len = (gsize)EVP_MD_get_size(info->password_hash);
	glong n_units = 0;
	g_autofree gunichar2 *units = g_utf8_to_utf16(password, -1, NULL, &n_units, NULL);
	if (units == NULL || n_units > PASSWORD_MAX_UNITS)
		return FALSE;
	for (glong i = 0; i < n_units; i++)
		units[i] = GUINT16_TO_LE(units[i]);
	if (!digests_sum(crypt->sum, info->password_hash, info->password_salt,
			 info->password_salt_len, units, (gsize)n_units * 2, hash))
		return FALSE;
	for (guint32 i = 0; i < info->rounds; i++) {
		guint32 counter = GUINT32_TO_LE(i);
		if (i % ROUNDS_AT_ONCE == 0 && g_get_monotonic_time() > crypt->deadline_us)
			return FALSE;
		if (!digests_sum(crypt->sum, info->password_hash, &counter, 4, hash, hash_len,
				 hash))
			return FALSE;
	}
	return TRUE;
}

/* ---- agile --------------------------------------------------------------------------------- */

/* Decrypts a value with the key that belongs to `block`. */
static gboolean
crypt_agile_value(Crypt *crypt, const guint8 *hash, const guint8 *block, const CryptValue *value,
		  guint8 *to)
{
	const CryptInfo *info = &crypt->info;
	guint8 key[DIGEST_MAX], iv[16];
	gsize hash_len = (gsize)EVP_MD_get_size(info->password_hash);
	memset(key, 0x36, sizeof key); /* when the hash is too short */
	if (!digests_sum(crypt->sum, info->password_hash, hash, hash_len, block, 8, key))
		return FALSE;
	if (hash_len < sizeof key)
		memset(key + hash_len, 0x36, sizeof key - hash_len);
	memset(iv, 0x36, sizeof iv);
	memcpy(iv, info->password_salt, MIN(info->password_salt_len, sizeof iv));
	return digests_decrypt(crypt->digests, crypt->cipher, key, info->password_bits, iv,
			       value->bytes, value->len, to);
}

static gboolean
crypt_try_agile(Crypt *crypt, const char *password)
{
	const CryptInfo *info = &crypt->info;
	guint8 hash[DIGEST_MAX], input[CRYPT_VALUE_MAX], value[CRYPT_VALUE_MAX], sum[DIGEST_MAX];
	guint8 key[CRYPT_VALUE_MAX];
	gsize hash_len = (gsize)EVP_MD_get_size(info->password_hash);
	if (!crypt_hash_password(crypt, password, hash) ||
	    !crypt_agile_value(crypt, hash, block_input, &info->verifier_input, input) ||
	    !crypt_agile_value(crypt, hash, block_value, &info->verifier_value, value))
		return FALSE;
	if (info->verifier_value.len < hash_len ||
	    !digests_sum(crypt->sum, info->password_hash, input,
			 MIN(info->password_salt_len, info->verifier_input.len), "", 0, sum) ||
	    memcmp(sum, value, hash_len) != 0)
		return FALSE;
	if (!crypt_agile_value(crypt, hash, block_key, &info->package_key, key))
		return FALSE;
	memcpy(crypt->key, key, info->package_bits / 8); /* checked: at most 32, and it is there */
	return TRUE;
}

/* ---- standard ------------------------------------------------------------------------------ */

/* [2.3.4.7]: the hash over 64 bytes of 0x36, and of 0x5c, xor-ed with the hash. */
static gboolean
crypt_standard_key(Crypt *crypt, const guint8 *hash)
{
	static const guint8 pads[] = { 0x36, 0x5c };
	guint8 block[4] = { 0 }, last[DIGEST_MAX], pad[64], both[2 * 20];
	if (!digests_sum(crypt->sum, crypt->digests->sha1, hash, 20, block, 4, last))
		return FALSE;
	for (guint k = 0; k < G_N_ELEMENTS(pads); k++) {
		memset(pad, pads[k], sizeof pad);
		for (guint i = 0; i < 20; i++)
			pad[i] ^= last[i];
		if (!digests_sum(crypt->sum, crypt->digests->sha1, pad, sizeof pad, "", 0,
				 both + (gsize)k * 20))
			return FALSE;
	}
	memcpy(crypt->key, both, crypt->info.package_bits / 8);
	return TRUE;
}

static gboolean
crypt_try_standard(Crypt *crypt, const char *password)
{
	const CryptInfo *info = &crypt->info;
	guint8 hash[DIGEST_MAX], verifier[CRYPT_VALUE_MAX], value[CRYPT_VALUE_MAX], sum[DIGEST_MAX];
	return crypt_hash_password(crypt, password, hash) && crypt_standard_key(crypt, hash) &&
	       digests_decrypt(crypt->digests, crypt->cipher, crypt->key, info->package_bits, NULL,
			       info->verifier_input.bytes, info->verifier_input.len, verifier) &&
	       digests_decrypt(crypt->digests, crypt->cipher, crypt->key, info->package_bits, NULL,
			       info->verifier_value.bytes, info->verifier_value.len, value) &&
	       digests_sum(crypt->sum, crypt->digests->sha1, verifier, info->verifier_input.len, "",
			   0, sum) &&
	       memcmp(sum, value, 20) == 0;
}

/* ---- the package --------------------------------------------------------------------------- */

static gboolean
crypt_try(Crypt *crypt, const char *password)
{
	return crypt->info.is_agile ? crypt_try_agile(crypt, password)
				    : crypt_try_standard(crypt, password);
}

/* One piece of the package into `to`; FALSE: libcrypto failed. */
static gboolean
crypt_segment(Crypt *crypt, Bytes piece, guint32 index, guint8 *to)
{
	const CryptInfo *info = &crypt->info;
	guint8 iv[DIGEST_MAX];
	guint32 counter = GUINT32_TO_LE(index);
	if (!info->is_agile)
		return digests_decrypt(crypt->digests, crypt->cipher, crypt->key,
				       info->package_bits, NULL, piece.data, piece.len, to);
	return digests_sum(crypt->sum, info->package_hash, info->package_salt,
			   info->package_salt_len, &counter, 4, iv) &&
	       digests_decrypt(crypt->digests, crypt->cipher, crypt->key, info->package_bits, iv,
			       piece.data, piece.len, to);
}

static void
crypt_write(Crypt *crypt, Bytes package)
{
	guint8 plain[SEGMENT_BYTES];
	guint64 left = bytes_u64(package.data);
	Bytes content = bytes_sub(package, 8, package.len);
	gboolean is_good = left <= content.len;
	guint32 index = 0;
	/* of the name that the part had, a document as it is: it has none of its own */
	AmPartInfo info;
	crypt->output->host->part_info(crypt->output->host->decode_part(crypt->output->decode),
				       &info);
	AmChild *child = output_open(crypt->output, *info.name != '\0' ? info.name : NULL, NULL);
	if (child == NULL)
		return;
	for (gsize at = 0; at < content.len && left > 0; at += SEGMENT_BYTES, index++) {
		Bytes piece = bytes_sub(content, at, SEGMENT_BYTES);
		piece.len -= piece.len % 16;
		if (piece.len == 0 || !crypt_segment(crypt, piece, index, plain)) {
			is_good = FALSE;
			break;
		}
		gsize n = (gsize)MIN(left, piece.len);
		if (!output_write(crypt->output, child, (Bytes){ plain, n }))
			break;
		left -= n;
	}
	if (output_close(crypt->output, child) && (!is_good || left > 0))
		output_mark(crypt->output, AM_PART_UNDECODED,
			    "office: encrypted package is cut short");
}

/* Tries passwords; FALSE: none fits. */
static gboolean
crypt_open(Crypt *crypt)
{
	const AmHost *host = crypt->output->host;
	if (crypt_try(crypt, DEFAULT_PASSWORD)) {
		output_finding(crypt->output, "opened", DEFAULT_PASSWORD,
			       "the password that Office tries by itself");
		return TRUE;
	}
	for (guint i = 0; g_get_monotonic_time() < crypt->deadline_us; i++) {
		const char *password = host->decode_password(crypt->output->decode, i);
		if (password == NULL)
			return FALSE;
		if (crypt_try(crypt, password)) {
			host->decode_opened(crypt->output->decode, i);
			return TRUE;
		}
	}
	return FALSE;
}

static void
crypt_run(Crypt *crypt, Bytes info, Bytes package)
{
	gint64 now = g_get_monotonic_time();
	crypt->deadline_us = now + (crypt->output->deadline_us - now) / 2;
	gboolean can_open = crypt_info_read(&crypt->info, crypt->digests, info);
	if (can_open && package.len > 8 && crypt_open(crypt)) {
		crypt_write(crypt, package);
		return;
	}
	output_mark(crypt->output, AM_PART_ENCRYPTED, crypt->info.words);
}

void
crypt_add_package(const Digests *digests, Compound *compound, Output *output, guint8 *is_taken)
{
	gint32 info = compound_find(compound, 0, "EncryptionInfo");
	gint32 package = compound_find(compound, 0, "EncryptedPackage");
	CompoundStream info_stream, package_stream;
	if (package < 0)
		return;
	is_taken[package] = 1;
	if (info < 0) {
		output_mark(output, AM_PART_ENCRYPTED, "office rights management");
		return;
	}
	is_taken[info] = 1;
	Crypt crypt = { .digests = digests, .output = output };
	crypt.sum = EVP_MD_CTX_new();
	crypt.cipher = EVP_CIPHER_CTX_new();
	if (crypt.sum != NULL && crypt.cipher != NULL &&
	    compound_stream_open(compound, compound_entry(compound, (guint)info), &info_stream)) {
		if (compound_stream_open(compound, compound_entry(compound, (guint)package),
					 &package_stream)) {
			crypt_run(&crypt, info_stream.bytes, package_stream.bytes);
			compound_stream_close(&package_stream);
		}
		compound_stream_close(&info_stream);
	} else {
		output_mark(output, AM_PART_ENCRYPTED, "office");
	}
	EVP_CIPHER_CTX_free(crypt.cipher);
	EVP_MD_CTX_free(crypt.sum);
	OPENSSL_cleanse(crypt.key, sizeof crypt.key);
}
