/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Algorithms that S/MIME encrypts with: RFC 3370, 3565, 3657, 5084, 8103, 8018, and GOST 28147. */

#include "ciphers.h"

#include <string.h>

#define OID_MAX_BYTES 32

static const struct {
	const char *name;
	guint8 len;
	const char *oid;
} ciphers[] = {
	{ "AES-128-CBC", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x02" },
	{ "AES-192-CBC", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x16" },
	{ "AES-256-CBC", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x2a" },
	{ "AES-128-GCM", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x06" },
	{ "AES-192-GCM", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x1a" },
	{ "AES-256-GCM", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x2e" },
	{ "AES-128-CCM", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x07" },
	{ "AES-192-CCM", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x1b" },
	{ "AES-256-CCM", 9, "\x60\x86\x48\x01\x65\x03\x04\x01\x2f" },
	{ "3DES-CBC", 8, "\x2a\x86\x48\x86\xf7\x0d\x03\x07" },
	{ "RC2-CBC", 8, "\x2a\x86\x48\x86\xf7\x0d\x03\x02" },
	{ "RC4", 8, "\x2a\x86\x48\x86\xf7\x0d\x03\x04" },
	{ "DES-CBC", 5, "\x2b\x0e\x03\x02\x07" },
	{ "CAST5-CBC", 9, "\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0a" },
	{ "IDEA-CBC", 11, "\x2b\x06\x01\x04\x01\x81\x3c\x07\x01\x01\x02" },
	{ "SEED-CBC", 8, "\x2a\x83\x1a\x8c\x9a\x44\x01\x04" },
	{ "Camellia-128-CBC", 11, "\x2a\x83\x08\x8c\x9a\x4b\x3d\x01\x01\x01\x02" },
	{ "Camellia-192-CBC", 11, "\x2a\x83\x08\x8c\x9a\x4b\x3d\x01\x01\x01\x03" },
	{ "Camellia-256-CBC", 11, "\x2a\x83\x08\x8c\x9a\x4b\x3d\x01\x01\x01\x04" },
	{ "ChaCha20-Poly1305", 11, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x12" },
	{ "PBES2", 9, "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d" },
	{ "GOST 28147-89", 6, "\x2a\x85\x03\x02\x02\x15" },
};

char *
cipher_name(const guint8 *oid, gsize len)
{
	for (gsize i = 0; i < G_N_ELEMENTS(ciphers); i++)
		if (len == ciphers[i].len && memcmp(oid, ciphers[i].oid, len) == 0)
			return g_strdup(ciphers[i].name);
	if (len == 0 || len > OID_MAX_BYTES)
		return g_strdup("of an unknown kind");
	GString *text = g_string_new(NULL);
	g_string_append_printf(text, "%u.%u", MIN(oid[0] / 40, 2),
			       oid[0] - 40 * MIN(oid[0] / 40, 2));
	guint64 number = 0;
	for (gsize i = 1; i < len; i++) {
		number = number << 7 | (oid[i] & 0x7f);
		if ((oid[i] & 0x80) != 0)
			continue;
		g_string_append_printf(text, ".%" G_GUINT64_FORMAT, number);
		number = 0;
	}
	return g_string_free(text, FALSE);
}
