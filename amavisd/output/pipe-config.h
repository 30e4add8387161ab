/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The groups [pipe NAME]. */

#include "output/output-private.h"

/* Name to AmPipe. */
GHashTable *am_pipes_new(const AmConfig *config, GPtrArray *problems);
