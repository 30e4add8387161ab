/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Files embedded in a OneNote section [MS-ONESTORE]. */

#include "../bytes/bytes.h"

gboolean onenote_is_section(const guint8 *head, gsize len);
void onenote_read(Bytes bytes, Output *output);
