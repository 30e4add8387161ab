/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Is a mail that comes now likely to be checked?  For who distributes the load. */

#include "session/pool.h"

/* As AmHttpOps.on_ready: content, policy, spool, room. */
guint am_readiness(AmPool *pool, AmHttpState *states);
