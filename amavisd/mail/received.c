/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The client in a Received field (RFC 5321 4.4):
 *
 *     "from" name [ "(" [ name ] "[" address "]" ... ")" ] "by" ...
 *
 * The name is what the client said of itself, and may look like an address; what the host saw stands in
 * the comment, in brackets (Postfix, sendmail, Exim, Exchange Online) or as all of it (qmail,
 * Exchange).  So an address in a comment goes before one outside, and a comment "HELO ..." of qmail,
 * which is the client's word again, counts for nothing. */

#include <config.h>

#include "mail/received.h"

#include <arpa/inet.h>
#include <string.h>

#include "mail/address.h"

#define RECEIVED_MAX_BYTES 2048 /* that are looked at */
#define RECEIVED_WORD_MAX 64u    /* more than any address with its tag */

/* FALSE: it is no address. */
static gboolean
received_read(const char *text, gsize len, char address[INET6_ADDRSTRLEN])
{
	char word[RECEIVED_WORD_MAX] = "";
	if (len == 0 || len >= sizeof word)
		return FALSE;
	memcpy(word, text, len);
	g_autofree char *ip = am_address_ip(word);
	if (ip == NULL)
		return FALSE;
	(void)g_strlcpy(address, ip, INET6_ADDRSTRLEN);
	return TRUE;
}

/* An address in brackets between the two. */
static gboolean
received_find(const char *at, const char *end, char address[INET6_ADDRSTRLEN])
{
	while (at < end && (at = memchr(at, '[', (gsize)(end - at))) != NULL) {
		const char *close = memchr(at, ']', MIN((gsize)(end - at), RECEIVED_WORD_MAX));
		if (close != NULL && received_read(at + 1, (gsize)(close - at - 1), address))
			return TRUE;
		at++;
	}
	return FALSE;
}

static gboolean
received_read_comment(const char *at, const char *end, char address[INET6_ADDRSTRLEN])
{
	if (end - at >= 5 && g_ascii_strncasecmp(at, "HELO ", 5) == 0)
		return FALSE;
	return received_read(at, (gsize)(end - at), address) || received_find(at, end, address);
}

/* Behind the comment that begins at `at`. */
static const char *
received_skip_comment(const char *at, const char *end)
{
	guint depth = 0;
	for (; at < end; at++) {
		if (*at == '\\')
			at += at + 1 < end ? 1 : 0;
		else if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return end;
}

static gboolean
received_is_by(const char *at, const char *begin, const char *end)
{
	return end - at > 2 && g_ascii_strncasecmp(at, "by", 2) == 0 && g_ascii_isspace(at[2]) &&
	       at > begin && (g_ascii_isspace(at[-1]) || at[-1] == ')');
}

gboolean
am_received_client(const char *value, gsize len, char address[INET6_ADDRSTRLEN])
{
	const char *end = value + MIN(len, RECEIVED_MAX_BYTES);
	const char *at = value;
	while (at < end && g_ascii_isspace(*at))
		at++;
	if (end - at < 5 || g_ascii_strncasecmp(at, "from", 4) != 0 || !g_ascii_isspace(at[4]))
		return FALSE;
	const char *begin = at;
	while (at < end && !received_is_by(at, begin, end)) {
		if (*at != '(') {
			at++;
			continue;
		}
		const char *behind = received_skip_comment(at, end);
		if (received_read_comment(at + 1, behind - 1, address))
			return TRUE;
		at = behind;
	}
	return received_find(begin, at, address);
}

gboolean
am_address_is_public(const char *address)
{
	static const struct {
		guint8 bytes[2];
		guint bits;
	} special4[] = {
		{ { 0 }, 8 },	     { { 10 }, 8 },	  { { 100, 64 }, 10 }, { { 127 }, 8 },
		{ { 169, 254 }, 16 }, { { 172, 16 }, 12 }, { { 192, 168 }, 16 }, { { 198, 18 }, 15 },
		{ { 224 }, 3 }, /* multicast, and what is behind */
	};
	guint8 bytes[16];
	if (inet_pton(AF_INET, address, bytes) != 1) /* global unicast is 2000::/3 */
		return inet_pton(AF_INET6, address, bytes) == 1 && (bytes[0] & 0xe0) == 0x20;
	guint value = (guint)bytes[0] << 8 | bytes[1];
	for (gsize i = 0; i < G_N_ELEMENTS(special4); i++) {
		guint network = (guint)special4[i].bytes[0] << 8 | special4[i].bytes[1];
		if ((value ^ network) >> (16 - special4[i].bits) == 0)
			return FALSE;
	}
	return TRUE;
}
