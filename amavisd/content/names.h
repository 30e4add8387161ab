/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* File names of MIME parts in all readings: as written, by RFC 2047, by RFC 2231 with
 * continuations.  A rule against a name has to see what any mail reader would show. */

#include <glib.h>

#include "content/params.h"

/* Readings, no duplicates, the likeliest first; elements to be freed with the array.  Both may be
 * NULL.  At most AM_REPORT_MAX_NAMES: then there were too many. */
GPtrArray *am_names_read(const AmParams *disposition, const AmParams *type);
/* A parameter in the forms of RFC 2231 (charset, continuations) only; NULL none, to be freed. */
char *am_names_extended(const AmParams *params, const char *base);
/* Readings of one name that did not come by MIME (an archive member's): any bytes. */
GPtrArray *am_names_read_raw(const char *name);
/* A header's text to UTF-8 (RFC 2047), unfolded, at most about `max` bytes of it read.  To be
 * freed. */
char *am_names_decode_text(const char *text, gsize max);
/* Before the fork: charset converters are shared objects, which a sandbox cannot load any more. */
void am_names_preload(void);
