/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What was probably meant by a mistyped word. */

#include <glib.h>

#include <amavisd/plugin.h>

/* Changes (a letter more, less, other, or two swapped) from a to b; words above 64 bytes are no
 * typing error: G_MAXUINT. */
guint am_word_distance(const char *a, const char *b);
/* Name of the table's setting nearest to word, NULL when none is near enough to be meant.  Borrowed
 * from the table.  specs may be NULL. */
const char *am_nearest_setting(const AmSettingSpec *specs, const char *word);
