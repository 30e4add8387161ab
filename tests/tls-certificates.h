/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Certificates for tests, made on the spot: each a PEM file with the key behind it. */

#include <glib.h>

typedef struct {
	const char *file;   /* name in the directory */
	const char *issuer; /* file of the issuer, NULL: itself */
	const char *name;   /* common name */
	const char *san;    /* "DNS:a.example,IP:127.0.0.1", NULL none */
	int from_days, to_days; /* validity from today */
	gboolean is_ca;
} TestCertificate;

/* Aborts when it cannot. */
void test_certificate_make(const char *directory, const TestCertificate *wanted);
