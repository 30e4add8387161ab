/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Removal of a directory that a worker could write to, and so arrange as it liked. */

#include <glib.h>

#include "mail/error.h"

/* Removes path and all below it, following no link and never leaving it.  TRUE when it is gone or
 * was not there. */
gboolean am_remove_tree(const char *path, GError **error);
/* All below the open directory.  0, or errno of what is in the way. */
int am_remove_contents(int fd);
