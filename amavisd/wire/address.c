/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "wire/address.h"

gboolean
am_socket_address_own(int fd, AmSocketAddress *address)
{
	socklen_t len = sizeof *address;
	*address = (AmSocketAddress){ 0 };
	return getsockname(fd, &address->any, &len) == 0;
}

gboolean
am_socket_address_peer(int fd, AmSocketAddress *address)
{
	socklen_t len = sizeof *address;
	*address = (AmSocketAddress){ 0 };
	return getpeername(fd, &address->any, &len) == 0;
}

guint16
am_socket_address_port(const AmSocketAddress *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohs(address->in4.sin_port);
	return address->any.sa_family == AF_INET6 ? ntohs(address->in6.sin6_port) : 0;
}

gboolean
am_socket_address_is_local(const AmSocketAddress *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohl(address->in4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (address->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr);
	return address->any.sa_family == AF_UNIX;
}
