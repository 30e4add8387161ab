/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* From [listener NAME] groups to what the pool needs of them. */

#include <glib.h>

#include "config/generation.h"
#include "session/pool.h"

/* One AmPoolListener for each listener of the generation; what is wrong becomes a problem.
 * hostname is borrowed. */
GPtrArray *am_session_listeners(const AmGeneration *generation, const char *hostname,
				GPtrArray *problems);
