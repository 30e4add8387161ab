/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The objects plugins are in: finding files, deciding whether they may be trusted, opening them. */

#include <glib.h>

#include "plugin/registry.h"

/* Names of the objects in a directory, sorted; NULL when it cannot be read.  is_fragments: the
 * NN-name.so of conf.d, else the am-name.so of the plugin directory.  g_ptr_array_unref() */
GPtrArray *am_object_list(const char *directory, gboolean is_fragments, GError **error);
/* May what is in this directory be run?  CONFIG. */
gboolean am_object_check_directory(const char *directory, GError **error);
/* Opens and checks one; CONFIG.  The object stays in memory for the life of the process. */
AmLoadedPlugin *am_object_open(const char *path, GError **error);
void am_object_free(AmLoadedPlugin *plugin);
