/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Both ends of a stream's connection, as text and port. */

#include <config.h>

#include "wire/stream.h"

#include <arpa/inet.h>

#include "wire/address.h"

char *
am_stream_peer_address(const AmStream *stream, guint16 *port)
{
	AmSocketAddress peer;
	char text[INET6_ADDRSTRLEN] = "";
	*port = 0;
	if (!am_socket_address_peer(am_stream_fd(stream), &peer))
		return g_strdup("");
	*port = am_socket_address_port(&peer);
	if (peer.any.sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &peer.in4.sin_addr, text, sizeof text);
	else if (peer.any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&peer.in6.sin6_addr))
		(void)inet_ntop(AF_INET6, &peer.in6.sin6_addr, text, sizeof text);
	else if (peer.any.sa_family == AF_INET6)
		/* an IPv4 client of a dual-stack socket is an IPv4 client */
		(void)inet_ntop(AF_INET, &peer.in6.sin6_addr.s6_addr[12], text, sizeof text);
	return g_strdup(text);
}

guint16
am_stream_local_port(const AmStream *stream)
{
	AmSocketAddress own;
	return am_socket_address_own(am_stream_fd(stream), &own) ? am_socket_address_port(&own) : 0;
}
