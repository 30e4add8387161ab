/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Routes and the client pool as the configuration has them; for the pipeline and for amavisctl. */

#include <glib.h>

#include "config/config.h"
#include "smtp/client.h"
#include "smtp/route.h"

/* The route of the first key of [routes] in the NULL-ended list that is set; the list ends with
 * "forward", which always is.  NULL: it is bad, and a problem with file and line says so. */
AmRoute *am_setup_route(const AmConfig *config, const char *const *keys, GPtrArray *problems);
/* A pool by the times of [next_hop].  Never NULL; what is wrong with its TLS is a problem. */
AmSmtpPool *am_setup_pool(const AmConfig *config, const char *hostname, GPtrArray *problems);

/* Finds all that is wrong with plugins, policy and routes short of loading what plugins load: what
 * `amavisctl config check` and a start both look at.  Adds to problems. */
void am_setup_check(AmConfig *config, GPtrArray *problems);
