/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A look at a directory that somebody hostile has filled. */

#include <glib.h>
#include <sys/stat.h>

#include "mail/error.h"

#define AM_WALK_DEPTH_MAX 64 /* one descriptor for each level */

/* One entry: `name` in the open directory, `path` from the start; both any bytes but NUL.  FALSE
 * ends the walk. */
typedef gboolean (*AmWalkFunc)(int directory_fd, const char *name, const char *path,
			       const struct stat *st, gpointer user_data);

typedef enum {
	AM_WALK_WHOLE,   /* everything was seen */
	AM_WALK_STOPPED, /* func said so */
	AM_WALK_LIMIT,   /* deeper than AM_WALK_DEPTH_MAX, or more entries than max_entries: those
			  * were left out */
	AM_WALK_FAILED,  /* with error */
} AmWalkEnd;

/* Everything below fd, each directory's entries in the order of their names, directories before
 * what is in them; no link is followed.  Directories that deny it are opened to their owner. */
AmWalkEnd am_walk(int fd, guint max_entries, AmWalkFunc func, gpointer user_data, GError **error);

/* openat() that follows no link and does not wait for a FIFO's other end.  A file of ours whose mode
 * denies it to us gets another mode.  -1 with errno. */
int am_walk_open(int directory_fd, const char *name, int flags);
