/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Version 1 is one line of text, version 2 a block of known length.  Only the header's own bytes are
 * taken from the socket: what follows may be TLS, and is for others to read. */

#include <config.h>

#include "wire/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "log/log.h"

#define PROXY_V1_MAX 107u  /* bytes, with CRLF */
#define PROXY_V2_START 16u /* bytes before the addresses */

static const guint8 proxy_v2_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
					       0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* -- version 1 -- */

static gboolean
proxy_v1_port(const char *text, guint16 *port)
{
	guint64 number;
	/* no sign, no blanks, no leading zeros */
	if (!g_ascii_isdigit(*text) || (*text == '0' && text[1] != '\0') ||
	    !g_ascii_string_to_unsigned(text, 10, 0, 65535, &number, NULL))
		return FALSE;
	*port = (guint16)number;
	return TRUE;
}

static gboolean
proxy_address(int family, const char *text, char *address)
{
	guint8 bytes[16];
	return inet_pton(family, text, bytes) == 1 && inet_ntop(family, bytes, address, 46) != NULL;
}

static AmProxyStep
proxy_v1_parse(AmProxy *proxy)
{
	g_autofree char *line = g_strndup((const char *)proxy->bytes, proxy->len - 2);
	g_auto(GStrv) words = NULL;
	if (strlen(line) != proxy->len - 2)
		return AM_PROXY_BAD; /* a NUL */
	if (strcmp(line, "PROXY UNKNOWN") == 0 || g_str_has_prefix(line, "PROXY UNKNOWN ")) {
		proxy->is_local = TRUE;
		return AM_PROXY_DONE;
	}
	words = g_strsplit(line, " ", 7);
	if (g_strv_length(words) != 6 || strcmp(words[0], "PROXY") != 0)
		return AM_PROXY_BAD;
	int family = strcmp(words[1], "TCP4") == 0   ? AF_INET
		     : strcmp(words[1], "TCP6") == 0 ? AF_INET6
						     : AF_UNSPEC;
	if (family == AF_UNSPEC || !proxy_address(family, words[2], proxy->address) ||
	    !proxy_address(family, words[3], proxy->own_address) ||
	    !proxy_v1_port(words[4], &proxy->port) || !proxy_v1_port(words[5], &proxy->own_port))
		return AM_PROXY_BAD;
	return AM_PROXY_DONE;
}

/* -- version 2 -- */

static guint16
proxy_get16(const guint8 *bytes)
{
	return (guint16)(bytes[0] << 8 | bytes[1]);
}

static AmProxyStep
proxy_v2_parse(AmProxy *proxy)
{
	const guint8 *at = proxy->bytes + PROXY_V2_START;
	gsize len = proxy->len - PROXY_V2_START;
	guint command = proxy->bytes[12] & 0xf;
	guint family = proxy->bytes[13] >> 4, transport = proxy->bytes[13] & 0xf;
	if (command > 1)
		return AM_PROXY_BAD;
	/* LOCAL: a check of the balancer's own; other families and datagrams: nothing we could use */
	proxy->is_local = command == 0 || transport != 1 || (family != 1 && family != 2);
	if (proxy->is_local)
		return AM_PROXY_DONE;
	gsize size = family == 1 ? 4 : 16;
	int af = family == 1 ? AF_INET : AF_INET6;
	if (len < 2 * size + 4 || inet_ntop(af, at, proxy->address, 46) == NULL ||
	    inet_ntop(af, at + size, proxy->own_address, 46) == NULL)
		return AM_PROXY_BAD;
	proxy->port = proxy_get16(at + 2 * size);
	proxy->own_port = proxy_get16(at + 2 * size + 2);
	return AM_PROXY_DONE;
}

/* -- both -- */

/* How many bytes the header has at least, judged by what is there; 0: it is none. */
static gsize
proxy_want(const AmProxy *proxy)
{
	gsize n = MIN(proxy->len, sizeof proxy_v2_signature);
	if (n == 0)
		return 1; /* the first byte tells the versions apart */
	if (memcmp(proxy->bytes, proxy_v2_signature, n) == 0) {
		if (proxy->len < PROXY_V2_START)
			return PROXY_V2_START;
		gsize whole = PROXY_V2_START + proxy_get16(proxy->bytes + 14);
		return proxy->bytes[12] >> 4 == 2 && whole <= AM_PROXY_MAX ? whole : 0;
	}
	if (memcmp(proxy->bytes, "PROXY ", MIN(proxy->len, 6)) != 0 || proxy->len >= PROXY_V1_MAX)
		return 0;
	return proxy->len + 1;
}

static gboolean
proxy_is_line(const AmProxy *proxy)
{
	return proxy->len >= 2 && proxy->bytes[0] == 'P' && proxy->bytes[proxy->len - 2] == '\r' &&
	       proxy->bytes[proxy->len - 1] == '\n';
}

AmProxyStep
am_proxy_feed(AmProxy *proxy, const guint8 *data, gsize len, gsize *used)
{
	*used = 0;
	for (;;) {
		if (proxy_is_line(proxy))
			return proxy_v1_parse(proxy);
		gsize want = proxy_want(proxy);
		if (want == 0)
			return AM_PROXY_BAD;
		if (want == proxy->len)
			return proxy_v2_parse(proxy);
		gsize n = MIN(want - proxy->len, len - *used);
		if (n == 0)
			return AM_PROXY_MORE;
		memcpy(proxy->bytes + proxy->len, data + *used, n);
		proxy->len += n;
		*used += n;
	}
}

AmProxyStep
am_proxy_receive(AmProxy *proxy, int fd)
{
	guint8 bytes[AM_PROXY_MAX];
	for (;;) {
		gsize used;
		ssize_t n = recv(fd, bytes, sizeof bytes - proxy->len, MSG_PEEK | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return AM_PROXY_MORE;
		if (n <= 0)
			return AM_PROXY_BAD;
		AmProxyStep step = am_proxy_feed(proxy, bytes, (gsize)n, &used);
		/* they are there: nobody else reads this socket */
		if (used > 0 && recv(fd, bytes, used, MSG_DONTWAIT) != (ssize_t)used)
			return AM_PROXY_BAD;
		if (step != AM_PROXY_MORE)
			return step;
	}
}

AmProxyStep
am_proxy_meet(AmProxy **proxy, int fd, const char *listener, char **peer_address,
	      guint16 *peer_port, guint16 *local_port)
{
	const AmProxy *said = *proxy;
	AmProxyStep step = am_proxy_receive(*proxy, fd);
	if (step == AM_PROXY_BAD)
		am_warning("listener %s: [%s] sent no header of the PROXY protocol, disconnected",
			   listener, *peer_address);
	if (step != AM_PROXY_DONE)
		return step;
	if (!said->is_local) {
		am_debug("listener %s: proxy [%s] speaks for [%s]:%u", listener, *peer_address,
			 said->address, said->port);
		g_free(*peer_address);
		*peer_address = g_strdup(said->address);
		*peer_port = said->port;
		*local_port = said->own_port;
	}
	g_clear_pointer(proxy, g_free);
	return step;
}
