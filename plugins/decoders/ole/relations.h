/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The XML members of zipped office documents that say what else belongs to them. */

#include "../office/bytes.h"

/* Is it one of those? */
gboolean relations_are(const guint8 *head, gsize len);
void relations_read(Bytes bytes, Output *output);
