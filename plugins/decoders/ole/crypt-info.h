/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The stream EncryptionInfo [MS-OFFCRYPTO 2.3.4.5, 2.3.4.10]. */

#include "../bytes/bytes.h"
#include "digests.h"

#define CRYPT_VALUE_MAX 64

typedef struct {
	guint8 bytes[CRYPT_VALUE_MAX];
	gsize len;
} CryptValue;

typedef struct {
	gboolean is_agile;
	char words[64]; /* for people: "office agile AES-256 SHA512" */

	/* from a password to a key */
	const EVP_MD *password_hash;
	guint8 password_salt[CRYPT_VALUE_MAX];
	gsize password_salt_len;
	guint32 rounds;
	guint password_bits;
	CryptValue verifier_input, verifier_value;
	CryptValue package_key; /* agile */

	/* of the package */
	const EVP_MD *package_hash; /* agile */
	guint8 package_salt[CRYPT_VALUE_MAX];
	gsize package_salt_len;
	guint package_bits;
} CryptInfo;

/* FALSE: not of a kind that can be opened; `words` says what it is in either case. */
gboolean crypt_info_read(CryptInfo *info, const Digests *digests, Bytes stream);
