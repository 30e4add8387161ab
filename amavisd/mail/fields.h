/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The table of header fields of a mail that nobody inspects. */

#include <glib.h>

#include "mail/report.h"

/* Fills in header_size, fields, n_received and message_id from the mail in `fd`, as the content
 * worker would.  FALSE when the header is anything but plain, or not over within 64 KiB, or cannot be
 * read: the report is good for nothing then, have a content worker look. */
gboolean am_fields_read(AmReport *report, int fd, guint64 size);
