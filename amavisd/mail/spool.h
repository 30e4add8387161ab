/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The bytes of one mail as they came, CRLF line ends, dots removed: a memfd while small, a nameless
 * file in the spool directory above a limit.  Memory stays flat whatever the size. */

#include <glib.h>

#include "mail/error.h"

typedef struct _AmSpool AmSpool;

/* directory: borrowed for the spool's life.  memory_limit: bytes kept in a memfd before the spool
 * moves to a file (typically 1 MiB). */
AmSpool *am_spool_new(const char *directory, guint64 memory_limit);
/* Appends.  Small writes are gathered in a buffer.  RESOURCE on failure; a full disk is
 * recognised by am_spool_is_disk_full(). */
gboolean am_spool_append(AmSpool *spool, gconstpointer data, gsize len, GError **error);
/* Writes out what is buffered; the spool is read-only from here. */
gboolean am_spool_finish(AmSpool *spool, GError **error);
/* Owned by the spool; -1 before finish.  It can be read only: a memfd is sealed, a file is opened
 * for reading, so a content worker that holds it cannot change the mail.  Use pread(). */
int am_spool_fd(const AmSpool *spool);
guint64 am_spool_size(const AmSpool *spool); /* bytes appended so far */
gboolean am_spool_is_disk_full(const AmSpool *spool);
void am_spool_free(AmSpool *spool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmSpool, am_spool_free)

/* pread() until `len` bytes, EOF or error; bytes read or -1 with RESOURCE. */
gssize am_read_at(int fd, gpointer buffer, gsize len, guint64 offset, GError **error);
/* write() all. */
gboolean am_write_all(int fd, gconstpointer data, gsize len, GError **error);
