/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Kinds of groups and the tables of those the core knows; see config.h for am_config_core_specs().
 * [policy] and the groups of plugins are known as kinds only, their tables come from
 * policy/settings.h and the plugins. */

#include "config/config.h"

/* All kinds a file may hold, NULL-ended. */
const char *const *am_config_kinds(void);
gboolean am_config_kind_is_known(const char *kind);
/* Does the kind take a name, as [listener NAME]? */
gboolean am_config_kind_is_named(const char *kind);
/* Keys every group of a plugin has (enabled, plugin, order, required); NULL for other kinds. */
const AmSettingSpec *am_config_plugin_specs(const char *kind);
