/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the two halves of the plugin share: file.c stores and opens, list.c walks and expires. */

#include <amavisd/plugin.h>

#define FILE_MAX_LEVELS 2
#define FILE_DIR_MODE 0750
#define FILE_MODE 0640
/* A name that no id can have, so that an unfinished file is never taken for a stored mail. */
#define FILE_TMP_PREFIX ".tmp-"

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	const char *directory; /* of the settings */
	guint levels;          /* folders between the directory and the file */
} FilePlugin;

/* Is `id` fit to be a file name of ours: letters, digits, - and _, begun by a letter or digit,
 * 64 at most?  Nothing that has a meaning to the file system passes. */
gboolean file_id_is_valid(const char *id);
/* Sets *error with the errno text; `what` and `name` say what was tried.  FALSE, for return. */
gboolean file_fail(GError **error, int errnum, const char *what, const char *name);

gboolean file_list(gpointer self, AmQuarantineFunc func, gpointer user_data, GError **error);
gboolean file_expire(gpointer self, gint64 before, guint *n_removed, GError **error);
