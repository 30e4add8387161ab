/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Which clients may connect to a listener: a list of networks, "192.0.2.0/24", "2001:db8::/32",
 * "192.0.2.1", or "*" for all.  Clients of a Unix socket always may: its mode decides. */

#include <glib.h>

#include "mail/error.h"

typedef struct _AmClients AmClients;

/* networks NULL: this machine's loopback addresses.  CONFIG names the word that is wrong. */
AmClients *am_clients_new(const char *const *networks, GError **error);
void am_clients_free(AmClients *clients);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmClients, am_clients_free)
/* address: "192.0.2.1", "2001:db8::1", "" for Unix. */
gboolean am_clients_may(const AmClients *clients, const char *address);
