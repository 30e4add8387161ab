/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* XML of office documents: members of zipped ones that say what else belongs to them, and whole
 * documents in one file. */

#include "../bytes/bytes.h"

/* Is it one of those? */
gboolean relations_are(const guint8 *head, gsize len);
void relations_read(Bytes bytes, Output *output);
