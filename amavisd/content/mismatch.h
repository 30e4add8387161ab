/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Does a part say that it is something more harmless than it is? */

#include <glib.h>

#include "mail/report.h"

/* In words ("exe-ms declared as image/png, named photo.png"), NULL when type, declared type and names
 * agree or differ without harm.  g_free() */
char *am_mismatch_find(const AmReportPart *part);
