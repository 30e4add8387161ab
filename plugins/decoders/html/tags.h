/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

#include "page.h"

/* Goes over a page from its start to its end. */
void tags_scan(Page *page, const char *text, gsize len);
