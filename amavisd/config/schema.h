/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Tables of the core's groups; see config.h for am_config_core_specs().  The group [policy] is also
 * known to the core: its keys are those of policy/settings.h and checked by am_policy_new(). */

#include "config/config.h"

/* Does the kind take a name, as [listener NAME]? */
gboolean am_config_core_is_named(const char *kind);
