/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A connection whose every wait ends at a deadline. */

#include <glib.h>

typedef struct {
	char *host; /* name or address; a path for a Unix socket */
	char *port; /* NULL for a Unix socket */
} Address;

/* "127.0.0.1:783", "[::1]:783", "host", "unix:/path"; the port is 783 unless given. NULL: *error. */
Address *address_parse(const char *text, GError **error);
void address_free(gpointer address);

/* All deadlines are in g_get_monotonic_time().  -1 with *error. */
int connection_open(const Address *address, gint64 deadline_us, GError **error);
/* FALSE with *error; a peer that has closed is G_FILE_ERROR_PIPE. */
gboolean connection_write(int fd, const void *data, gsize len, gint64 deadline_us, GError **error);
/* Reads up to EOF; more than `max` bytes is an error.  NULL with *error. */
GString *connection_read_all(int fd, gsize max, gint64 deadline_us, GError **error);
