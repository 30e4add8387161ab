/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Who the daemon works as, and how root is given up. */

#include <sys/types.h>

#include <glib.h>

#include "config/config.h"

typedef struct {
	char *user;
	uid_t uid;
	gid_t gid;
	GArray *groups;	  /* gid_t, supplementary, the user's own among them */
	gboolean is_root; /* started as root: children change to uid, directories are given to it */
} AmIdentity;

/* Reads [amavisd] user and group.  A user or group that is root's is a problem whoever starts us;
 * one that is not there is a problem when we are root.  An ordinary user stays who it is.  Never
 * NULL; with problems it must not be used. */
AmIdentity *am_identity_new(const AmConfig *config, GPtrArray *problems);
void am_identity_free(AmIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmIdentity, am_identity_free)

/* In a child: becomes the user for good, and makes sure of it.  Nothing for an ordinary user but
 * the promise of no new privileges. */
gboolean am_identity_assume(const AmIdentity *identity, GError **error);
/* In the master, once its sockets are bound: keeps the few capabilities that supervising needs. */
gboolean am_identity_confine(const AmIdentity *identity, GError **error);

/* Makes the directory (0750, the user's) when it is missing; else looks whether the user may write
 * there and nobody else may.  key names it in errors.  CONFIG, RESOURCE. */
gboolean am_identity_own_directory(const AmIdentity *identity, const char *key, const char *path,
				   GError **error);
