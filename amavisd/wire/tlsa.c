/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* TLSA records as people write them (RFC 6698 2.2). */

#include <config.h>

#include <string.h>

#include "wire/tls.h"

#define TLSA_DATA_MAX 8192u /* bytes; a whole certificate fits */

static void
tlsa_free(gpointer data)
{
	AmTlsa *tlsa = data;
	g_bytes_unref(tlsa->data);
	g_free(tlsa);
}

/* Bytes of pairs of hexadecimal digits; NULL. */
static GBytes *
tlsa_read_hex(const char *text)
{
	gsize len = strlen(text);
	if (len == 0 || len % 2 != 0 || len / 2 > TLSA_DATA_MAX ||
	    strspn(text, "0123456789abcdefABCDEF") != len)
		return NULL;
	guint8 *bytes = g_malloc(len / 2);
	for (gsize i = 0; i < len / 2; i++)
		bytes[i] = (guint8)(g_ascii_xdigit_value(text[2 * i]) << 4 |
				    g_ascii_xdigit_value(text[2 * i + 1]));
	return g_bytes_new_take(bytes, len / 2);
}

static gboolean
tlsa_read_number(const char *text, guint64 max, guint8 *number)
{
	guint64 value;
	if (!g_ascii_string_to_unsigned(text, 10, 0, max, &value, NULL))
		return FALSE;
	*number = (guint8)value;
	return TRUE;
}

/* SHA-256 and SHA-512 have their lengths. */
static gboolean
tlsa_fits(const AmTlsa *tlsa)
{
	gsize len = g_bytes_get_size(tlsa->data);
	return tlsa->matching == 0 || len == (tlsa->matching == 1 ? 32u : 64u);
}

static AmTlsa *
tlsa_read(const char *text)
{
	g_auto(GStrv) words = g_regex_split_simple("\\s+", text, 0, 0);
	AmTlsa *tlsa = g_new0(AmTlsa, 1);
	/* RFC 7672 3.1: what mail servers use are 2, an authority, and 3, the server's own */
	if (g_strv_length(words) == 4 && tlsa_read_number(words[0], 3, &tlsa->usage) &&
	    tlsa->usage >= 2 && tlsa_read_number(words[1], 1, &tlsa->selector) &&
	    tlsa_read_number(words[2], 2, &tlsa->matching))
		tlsa->data = tlsa_read_hex(words[3]);
	if (tlsa->data != NULL && tlsa_fits(tlsa))
		return tlsa;
	if (tlsa->data != NULL)
		g_bytes_unref(tlsa->data);
	g_free(tlsa);
	return NULL;
}

GPtrArray *
am_tlsa_parse(const char *text, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(tlsa_free);
	g_auto(GStrv) records =
		g_strsplit(*text != '\0' ? text : " ", ",", -1); /* none is one too few */
	for (char **record = records; *record != NULL; record++) {
		AmTlsa *tlsa = tlsa_read(g_strstrip(*record));
		if (tlsa == NULL) {
			g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
				    "\"%s\" is no TLSA record; allowed: 3 1 1 HEX, with 2 or 3, "
				    "0 or 1, 0 to 2; several with commas",
				    *record);
			return NULL;
		}
		g_ptr_array_add(list, tlsa);
	}
	return g_steal_pointer(&list);
}
