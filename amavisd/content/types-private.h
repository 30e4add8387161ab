/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Pieces of the recogniser of types.h.  NULL: it is none of these. */

#include <glib.h>

const char *am_types_recognise_binary(const guint8 *head, gsize len, gboolean is_whole);
const char *am_types_recognise_text(const char *text, gsize len);
/* Is the page one that Windows runs as a program? */
gboolean am_types_is_application(const char *html, gsize len);
