/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Secrets in files, and what AUTH with next hops needs, out of [next_hop]. */

#include <glib.h>

#include "config/config.h"

/* The password, and the SASL library ready; NULL when there is no auth_user, or after adding a
 * problem.  To be freed. */
char *am_setup_password(const AmConfigGroup *group, GPtrArray *problems);
/* The first line of a file that not everybody may read.  CONFIG says what is wrong with it. */
char *am_setup_secret(const char *path, GError **error);
