/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Binary for the standard kind; for the agile kind XML, of which two elements matter:
 *
 *     <keyData saltSize=".." blockSize=".." keyBits=".." hashSize=".." cipherAlgorithm="AES"
 *         cipherChaining="ChainingModeCBC" hashAlgorithm="SHA512" saltValue=".."/>
 *     <p:encryptedKey spinCount=".." (as above) encryptedVerifierHashInput=".."
 *         encryptedVerifierHashValue=".." encryptedKeyValue=".."/>
 *
 * Offices write it by one pattern, so attributes are found by their names within an element; what
 * does not look so counts as a kind that cannot be opened. */

#include "crypt-info.h"

#include <string.h>

#define XML_MAX_BYTES 65536
#define ROUNDS_MAX 10000000 /* as the specification has it */
#define STANDARD_ROUNDS 50000
#define ALGORITHM_AES_128 0x660e
#define ALGORITHM_RC4 0x6801

/* ---- agile --------------------------------------------------------------------------------- */

/* Copies the value of an attribute of the element; FALSE: there is none, or it is too long. */
static gboolean
info_attribute(Bytes element, const char *name, char *value, gsize size)
{
	g_autofree char *start = g_strdup_printf(" %s=\"", name);
	gsize start_len = strlen(start);
	gssize at = bytes_find(element, 0, start, start_len);
	if (at < 0)
		return FALSE;
	Bytes rest = bytes_sub(element, (gsize)at + start_len, size);
	const guint8 *end = rest.len > 0 ? memchr(rest.data, '"', rest.len) : NULL;
	if (end == NULL)
		return FALSE;
	memcpy(value, rest.data, (gsize)(end - rest.data));
	value[end - rest.data] = '\0';
	return TRUE;
}

static guint
info_number(Bytes element, const char *name)
{
	char text[16];
	guint64 value = 0;
	if (!info_attribute(element, name, text, sizeof text) ||
	    !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &value, NULL))
		return 0;
	return (guint)value;
}

static gboolean
info_base64(Bytes element, const char *name, guint8 *bytes, gsize *len)
{
	char text[2 * CRYPT_VALUE_MAX];
	if (!info_attribute(element, name, text, sizeof text) || *text == '\0')
		return FALSE;
	(void)g_base64_decode_inplace(text, len);
	if (*len == 0 || *len > CRYPT_VALUE_MAX)
		return FALSE;
	memcpy(bytes, text, *len);
	return TRUE;
}

/* From "<name " or "<x:name " to its ">". */
static Bytes
info_element(Bytes xml, const char *name)
{
	g_autofree char *start = g_strconcat(name, " ", NULL);
	gssize at = bytes_find(xml, 0, start, strlen(start));
	if (at < 1 || (xml.data[at - 1] != '<' && xml.data[at - 1] != ':'))
		return (Bytes){ xml.data, 0 };
	Bytes rest = bytes_sub(xml, (gsize)at, xml.len);
	const guint8 *end = memchr(rest.data, '>', rest.len);
	return end != NULL ? (Bytes){ rest.data, (gsize)(end - rest.data) } : rest;
}

/* AES as it should be, and its words. */
static gboolean
info_cipher(CryptInfo *info, const char *kind, Bytes element, guint bits)
{
	char cipher[16] = "", chaining[32] = "", hash[16] = "";
	(void)info_attribute(element, "cipherAlgorithm", cipher, sizeof cipher);
	(void)info_attribute(element, "cipherChaining", chaining, sizeof chaining);
	(void)info_attribute(element, "hashAlgorithm", hash, sizeof hash);
	(void)g_snprintf(info->words, sizeof info->words, "office %s %s-%u %s", kind, cipher, bits,
			 hash);
	for (char *c = info->words; *c != '\0'; c++)
		if (!g_ascii_isprint(*c))
			*c = '?';
	return strcmp(cipher, "AES") == 0 && strcmp(chaining, "ChainingModeCBC") == 0 &&
	       (bits == 128 || bits == 192 || bits == 256);
}

static const EVP_MD *
info_hash(const Digests *digests, Bytes element)
{
	char name[16];
	return info_attribute(element, "hashAlgorithm", name, sizeof name)
		       ? digests_hash(digests, name)
		       : NULL;
}

static gboolean
info_read_agile(CryptInfo *info, const Digests *digests, Bytes xml)
{
	Bytes data = info_element(xml, "keyData"), key = info_element(xml, "encryptedKey");
	info->is_agile = TRUE;
	info->package_bits = info_number(data, "keyBits");
	info->password_bits = info_number(key, "keyBits");
	info->rounds = info_number(key, "spinCount");
	info->package_hash = info_hash(digests, data);
	info->password_hash = info_hash(digests, key);
	if (key.len == 0 && data.len > 0) {
		g_strlcpy(info->words, "office agile, by certificate", sizeof info->words);
		return FALSE;
	}
	return info_cipher(info, "agile", data, info->package_bits) &&
	       info_cipher(info, "agile", key, info->password_bits) && info->package_hash != NULL &&
	       info->password_hash != NULL && info->rounds <= ROUNDS_MAX &&
	       info_base64(data, "saltValue", info->package_salt, &info->package_salt_len) &&
	       info_base64(key, "saltValue", info->password_salt, &info->password_salt_len) &&
	       info_base64(key, "encryptedVerifierHashInput", info->verifier_input.bytes,
			   &info->verifier_input.len) &&
	       info_base64(key, "encryptedVerifierHashValue", info->verifier_value.bytes,
			   &info->verifier_value.len) &&
	       info_base64(key, "encryptedKeyValue", info->package_key.bytes,
			   &info->package_key.len) &&
	       info->package_key.len >= info->package_bits / 8;
}

/* ---- standard ------------------------------------------------------------------------------ */

/* Behind the version: flags, size of the header, header (flags, extra size, algorithm, hash, bits,
 * provider, 8 bytes, its name), verifier (size of salt, salt, verifier, size of hash, hash). */
static gboolean
info_read_standard(CryptInfo *info, const Digests *digests, Bytes stream)
{
	Bytes header = bytes_sub(stream, 12, stream.len >= 12 ? bytes_u32(stream.data + 8) : 0);
	if (header.len < 32)
		return FALSE;
	guint32 algorithm = bytes_u32(header.data + 8), bits = bytes_u32(header.data + 16);
	if (algorithm == ALGORITHM_RC4)
		g_snprintf(info->words, sizeof info->words, "office RC4-%u", bits != 0 ? bits : 40);
	else
		g_snprintf(info->words, sizeof info->words, "office standard AES-%u SHA1", bits);
	Bytes verifier = bytes_sub(stream, 12 + header.len, stream.len);
	if (algorithm < ALGORITHM_AES_128 || algorithm > ALGORITHM_AES_128 + 2 ||
	    bits != 128 + 64 * (algorithm - ALGORITHM_AES_128) || verifier.len < 40 + 32 ||
	    bytes_u32(verifier.data) != 16)
		return FALSE;
	info->password_hash = digests->sha1;
	info->password_salt_len = 16;
	memcpy(info->password_salt, verifier.data + 4, 16);
	info->rounds = STANDARD_ROUNDS;
	info->package_bits = info->password_bits = bits;
	info->verifier_input.len = 16;
	memcpy(info->verifier_input.bytes, verifier.data + 20, 16);
	info->verifier_value.len = 32;
	memcpy(info->verifier_value.bytes, verifier.data + 40, 32);
	return TRUE;
}

gboolean
crypt_info_read(CryptInfo *info, const Digests *digests, Bytes stream)
{
	*info = (CryptInfo){ .words = "office, of an unknown kind" };
	if (stream.len < 8)
		return FALSE;
	guint16 major = bytes_u16(stream.data), minor = bytes_u16(stream.data + 2);
	if (major == 4 && minor == 4)
		return info_read_agile(info, digests, bytes_sub(stream, 8, XML_MAX_BYTES));
	if (minor == 2 && major >= 2 && major <= 4)
		return info_read_standard(info, digests, stream);
	if (minor == 3 && (major == 3 || major == 4))
		g_strlcpy(info->words, "office extensible", sizeof info->words);
	return FALSE;
}
