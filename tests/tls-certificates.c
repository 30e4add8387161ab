/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "tls-certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void
certificate_extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	g_assert_nonnull(extension);
	g_assert_cmpint(X509_add_ext(certificate, extension, -1), ==, 1);
	X509_EXTENSION_free(extension);
}

void
test_certificate_make(const char *directory, const TestCertificate *wanted)
{
	static long serial = 1;
	g_autofree char *path = g_build_filename(directory, wanted->file, NULL);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EVP_PKEY *signer = key;
	X509 *certificate = X509_new();
	X509 *issuer = certificate;
	X509_NAME *subject = X509_get_subject_name(certificate);

	g_assert_cmpint(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
						   (const guint8 *)wanted->name, -1, -1, 0),
			==, 1);
	if (wanted->issuer != NULL) {
		g_autofree char *issuer_path = g_build_filename(directory, wanted->issuer, NULL);
		FILE *file = fopen(issuer_path, "re");
		g_assert_nonnull(file);
		issuer = PEM_read_X509(file, NULL, NULL, NULL);
		signer = PEM_read_PrivateKey(file, NULL, NULL, NULL);
		g_assert_cmpint(fclose(file), ==, 0);
	}
	(void)X509_set_version(certificate, X509_VERSION_3);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	(void)X509_gmtime_adj(X509_getm_notBefore(certificate), (long)wanted->from_days * 86400);
	(void)X509_gmtime_adj(X509_getm_notAfter(certificate), (long)wanted->to_days * 86400);
	(void)X509_set_pubkey(certificate, key);
	(void)X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
	certificate_extend(certificate, NID_basic_constraints,
			   wanted->is_ca ? "CA:TRUE" : "CA:FALSE");
	if (wanted->san != NULL)
		certificate_extend(certificate, NID_subject_alt_name, wanted->san);
	g_assert_cmpint(X509_sign(certificate, signer, EVP_sha256()), >, 0);

	FILE *file = fopen(path, "we");
	g_assert_nonnull(file);
	g_assert_cmpint(PEM_write_X509(file, certificate), ==, 1);
	g_assert_cmpint(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), ==, 1);
	g_assert_cmpint(fclose(file), ==, 0);
	if (issuer != certificate) {
		X509_free(issuer);
		EVP_PKEY_free(signer);
	}
	X509_free(certificate);
	EVP_PKEY_free(key);
}
