/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

#include <glib.h>

/* Looks whether qpdf may be let loose on a file.  NULL: yes; else why not, for people. */
const char *pdf_look(const guint8 *data, gsize len);
