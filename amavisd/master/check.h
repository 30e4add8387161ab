/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* All that can be known to be wrong before anything is opened. */

#include <glib.h>

#include "config/config.h"
#include "master/privileges.h"

/* Checks that need plugins or run policy: may call am_config_check_group(). */
typedef void (*AmCheckFunc)(AmConfig *config, GPtrArray *problems);

/* Checks what the master itself uses (listeners, user, directories), then `check` (may be NULL) in a
 * child that is the daemon's user, because it loads what root should not.  config is not changed by
 * that child.  The identity found; use it only when no problem was added. */
AmIdentity *am_master_check(AmConfig *config, AmCheckFunc check, GPtrArray *problems);

/* All that a start and `amavisctl config check` look at besides: plugins' settings, policy, routes,
 * client networks.  An AmCheckFunc. */
void am_master_check_content(AmConfig *config, GPtrArray *problems);
