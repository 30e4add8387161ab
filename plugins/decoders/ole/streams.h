/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* All streams of a compound file that are not taken yet, each by its name. */

#include "compound.h"

void streams_add(Compound *compound, Output *output, const guint8 *is_taken);
