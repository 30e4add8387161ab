/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Listening sockets of a generation. */

#include <glib.h>

#include "config/generation.h"
#include "master/privileges.h"

/* Checks address and mode of every [listener NAME], that no address stands twice, and that there is
 * a listener at all.  No socket is touched. */
void am_listeners_check(const AmConfig *config, GPtrArray *problems);

/* Descriptors the service manager handed over (LISTEN_PID, LISTEN_FDS), close-on-exec; the
 * environment variables are removed.  Elements int, owned by the caller. */
GArray *am_listeners_inherited(void);

/* Opens the listeners of a configuration without problems.  An address that is open in `old` (may
 * be NULL) is shared with it, so that it is never closed in between; one of `inherited` (may be
 * NULL) is taken, and its element made -1.  Elements AmListener; RESOURCE, CONFIG. */
GPtrArray *am_listeners_open(const AmConfig *config, const AmIdentity *owner, GPtrArray *old,
			     GArray *inherited, GError **error);

/* Removes the paths of Unix sockets that `others` (arrays of AmListener) do not have; before the
 * listeners are freed. */
void am_listeners_unlink(GPtrArray *listeners, GPtrArray *others);
/* The address the socket really has (port 0: what the kernel chose); to be freed. */
char *am_listener_bound_address(const AmListener *listener);
/* A listening Unix socket at path with exactly the permissions `mode`; a socket there that nobody
 * listens on is removed.  owner NULL: stays ours.  -1: RESOURCE. */
int am_listen_unix(const char *path, guint mode, int backlog, const AmIdentity *owner,
		   GError **error);
