/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* RTF, read for what is hidden in it: data of objects, templates, fields that fetch something. */

#include "../bytes/bytes.h"

/* Does it begin as Word takes for RTF: "{\rt"? */
gboolean rtf_is_rtf(const guint8 *head, gsize len);
/* One pass over it; children and findings go to `output`. */
void rtf_read(Bytes bytes, Output *output);
