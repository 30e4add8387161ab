/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The MIME structure of a mail, as it streams past. */

#include <glib.h>

#include "content/part.h"

/* Walks the mail in fd[offset..offset+len), adding its parts below `root` and "mime" defects to the
 * report.  digest (may be NULL) gets every byte.  FALSE: the deadline passed or the file could not
 * be read to its end; the part is then marked, and digest is not complete. */
gboolean am_mime_walk(AmPart *root, int fd, guint64 offset, guint64 len, AmDigest *digest);
