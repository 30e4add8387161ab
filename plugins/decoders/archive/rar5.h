/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What libarchive does not say of RAR 5 archives: which members are encrypted.  Older versions hand
 * out the encrypted bytes as if they were the content. */

#include <glib.h>

#include "source.h"

typedef struct {
	gboolean is_locked;  /* the headers themselves are encrypted */
	gboolean is_volume;  /* one of several */
	GByteArray *members; /* a byte for each member in their order: 1 encrypted, 0 not */
} Rar5Look;

/* Walks the headers.  Broken ones end the walk: libarchive will find them too.  members is to be freed
 * by g_byte_array_unref(). */
void rar5_look(ArchiveSource *source, Rar5Look *look);
