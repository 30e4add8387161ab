/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Where archives begin in a file that begins with something else. */

#include <glib.h>

typedef struct {
	const char *kind; /* "zip", "rar", "7z", "cab", "lha", "arj" */
	gint64 start, end;
} Found;

typedef struct {
	int fd;
	gint64 size;
	gint64 deadline_us;
	int errnum; /* of a read that failed, 0 none */
} FindSource;

/* As pread(), all of it or what there is; -1 with errnum set. */
gssize find_pread(FindSource *source, guint8 *to, gsize len, gint64 offset);
/* Does a file that begins so need no search, because its own decoder sees all of it? */
gboolean find_is_archive(const guint8 *head, gsize len);
gboolean find_is_executable(const guint8 *head, gsize len);
/* The next one that begins at `from` or behind it and before `limit`; the zip that ends with the file
 * is found last.  with_weak: also formats with weak marks (lha, arj), for executables.  FALSE: none,
 * or *source says why. */
gboolean find_next(FindSource *source, gint64 from, gint64 limit, gboolean with_weak, Found *found);
