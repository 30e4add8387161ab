/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The header section of the mail itself: the table of its fields, what is wrong with it, and the
 * few facts that policy wants. */

#include <glib.h>

#include "mail/report.h"

/* Reads the header section of the mail (size bytes in fd) and fills header_size, fields, defects,
 * subject, from, message_id, n_received, is_bulk and has_scanned_field of the report.  Linear in
 * the section's length, which nothing bounds; memory is bounded by the report's limits.  FALSE: the
 * file could not be read or the deadline (monotonic, 0 none) passed. */
gboolean am_header_check(AmReport *report, int fd, guint64 size, gint64 deadline_us);
