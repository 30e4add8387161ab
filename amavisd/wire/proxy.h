/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The PROXY protocol, versions 1 and 2, as a load balancer puts it in front of a connection
 * ("The PROXY protocol", HAProxy, 2020): who really connected, and to where. */

#include <glib.h>

#define AM_PROXY_MAX 4096u /* bytes; version 1 has at most 107, version 2 as far as we take it */

typedef struct {
	/* out, when AM_PROXY_DONE */
	gboolean is_local; /* the proxy itself speaks, or it does not know: no addresses */
	char address[46];  /* of the client, as inet_ntop() writes it */
	guint16 port;
	char own_address[46]; /* that the client connected to */
	guint16 own_port;
	/* inside */
	guint8 bytes[AM_PROXY_MAX];
	gsize len;
} AmProxy;

typedef enum {
	AM_PROXY_MORE, /* not at its end */
	AM_PROXY_DONE,
	AM_PROXY_BAD, /* this is no header of the protocol */
} AmProxyStep;

/* A zeroed AmProxy is fed until it says something else than MORE.  *used: how many of the bytes
 * belong to the header. */
AmProxyStep am_proxy_feed(AmProxy *proxy, const guint8 *data, gsize len, gsize *used);
/* The same from a descriptor that does not block; nothing behind the header is read.  MORE also
 * when nothing has arrived; BAD at its end or on errors. */
AmProxyStep am_proxy_receive(AmProxy *proxy, int fd);
/* The same for a server of the listener called that.  Once DONE *proxy is freed, and the client's address and
 * ports are what the header says, unless the proxy speaks for itself; BAD is logged. */
AmProxyStep am_proxy_meet(AmProxy **proxy, int fd, const char *listener, char **peer_address,
			  guint16 *peer_port, guint16 *local_port);
