/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Who gave a mail to the host that wrote a Received field. */

#include <glib.h>
#include <netinet/in.h>

/* The address in the "from" clause as the host saw it, "192.0.2.1" or "2001:db8::1".  value: any
 * bytes.  FALSE: it says none. */
gboolean am_received_client(const char *value, gsize len, char address[INET6_ADDRSTRLEN]);
/* Is it an address of the Internet at large, none of a private or special network (RFC 6890)? */
gboolean am_address_is_public(const char *address);
