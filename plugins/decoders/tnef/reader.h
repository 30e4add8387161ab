/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The attributes of a TNEF stream, and what is made of them. */

#include "../bytes/bytes.h"

gboolean tnef_is_tnef(const guint8 *head, gsize len);
void tnef_read(Bytes bytes, Output *output);
