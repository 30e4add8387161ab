/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Both ends of a stream's connection, as text and port. */

#include <config.h>

#include "wire/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

char *
am_stream_peer_address(const AmStream *stream, guint16 *port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	} peer = { 0 };
	socklen_t len = sizeof peer;
	char text[INET6_ADDRSTRLEN] = "";
	*port = 0;
	if (getpeername(am_stream_fd(stream), &peer.any, &len) < 0)
		return g_strdup("");
	if (peer.any.sa_family == AF_INET) {
		*port = ntohs(peer.in4.sin_port);
		(void)inet_ntop(AF_INET, &peer.in4.sin_addr, text, sizeof text);
	} else if (peer.any.sa_family == AF_INET6) {
		*port = ntohs(peer.in6.sin6_port);
		/* an IPv4 client of a dual-stack socket is an IPv4 client */
		if (IN6_IS_ADDR_V4MAPPED(&peer.in6.sin6_addr))
			(void)inet_ntop(AF_INET, &peer.in6.sin6_addr.s6_addr[12], text,
					sizeof text);
		else
			(void)inet_ntop(AF_INET6, &peer.in6.sin6_addr, text, sizeof text);
	}
	return g_strdup(text);
}

guint16
am_stream_local_port(const AmStream *stream)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	} own = { 0 };
	socklen_t len = sizeof own;
	if (getsockname(am_stream_fd(stream), &own.any, &len) < 0)
		return 0;
	if (own.any.sa_family == AF_INET)
		return ntohs(own.in4.sin_port);
	return own.any.sa_family == AF_INET6 ? ntohs(own.in6.sin6_port) : 0;
}
