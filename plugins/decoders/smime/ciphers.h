/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

#include <glib.h>

/* Name of a content encryption algorithm by the content of its object identifier; one that is not
 * known by its numbers: "1.2.840.113549.3.2".  To be freed by g_free(). */
char *cipher_name(const guint8 *oid, gsize len);
