/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The access list of a listener.  A filter believes what its client says of other clients
 * (XFORWARD), so who is not named has no business here. */

#include <config.h>

#include "session/clients.h"

#include <gio/gio.h>

struct _AmClients {
	GPtrArray *masks; /* GInetAddressMask */
	gboolean is_open; /* "*" */
};

static const char *const clients_loopback[] = { "127.0.0.0/8", "::1", NULL };

AmClients *
am_clients_new(const char *const *networks, GError **error)
{
	g_autoptr(AmClients) clients = g_new0(AmClients, 1);
	clients->masks = g_ptr_array_new_with_free_func(g_object_unref);
	if (networks == NULL || networks[0] == NULL)
		networks = clients_loopback;
	for (; *networks != NULL; networks++) {
		g_autoptr(GError) local_error = NULL;
		if (g_str_equal(*networks, "*")) {
			clients->is_open = TRUE;
			continue;
		}
		GInetAddressMask *mask =
			g_inet_address_mask_new_from_string(*networks, &local_error);
		if (mask == NULL) {
			g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
				    "'%s' is no network; allowed: 192.0.2.0/24, 2001:db8::/32, "
				    "an address, or * for all",
				    *networks);
			return NULL;
		}
		g_ptr_array_add(clients->masks, mask);
	}
	return g_steal_pointer(&clients);
}

void
am_clients_free(AmClients *clients)
{
	if (clients == NULL)
		return;
	g_ptr_array_unref(clients->masks);
	g_free(clients);
}

gboolean
am_clients_may(const AmClients *clients, const char *address)
{
	if (clients->is_open || *address == '\0')
		return TRUE;
	g_autoptr(GInetAddress) parsed = g_inet_address_new_from_string(address);
	if (parsed == NULL)
		return FALSE;
	for (guint i = 0; i < clients->masks->len; i++)
		if (g_inet_address_mask_matches(g_ptr_array_index(clients->masks, i), parsed))
			return TRUE;
	return FALSE;
}
