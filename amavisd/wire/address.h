/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Addresses of sockets. */

#include <glib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef union {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_storage storage;
} AmSocketAddress;

/* The socket's own address, and that of the other end.  FALSE: there is none. */
gboolean am_socket_address_own(int fd, AmSocketAddress *address);
gboolean am_socket_address_peer(int fd, AmSocketAddress *address);
/* 0 for those that have none. */
guint16 am_socket_address_port(const AmSocketAddress *address);
/* Of this machine alone: a Unix path or a loopback address. */
gboolean am_socket_address_is_local(const AmSocketAddress *address);
