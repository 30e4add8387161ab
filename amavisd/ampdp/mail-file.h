/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Files of clients: the mail they ask about, confined to the directories an admin has named. */

#include <glib.h>
#include <sys/types.h>

#include "mail/spool.h"

typedef struct {
	const char *const *directories; /* allowed; NULL none */
	uid_t peer;			/* who asks; (uid_t)-1: not known */
	const char *spool_directory;
	guint64 spool_memory;
	guint64 size_limit;    /* bytes, 0 none */
	gboolean is_normalised; /* a bare CR becomes a line end, too */
} AmPdpFiles;

/* A copy of the mail, as the file may be changed at any time: lines end in CRLF, ".gz" is unpacked.
 * The file must lie below one of the directories without any symbolic link on the way, be a plain
 * file, and belong to who asks or to us; whatever it is not is PROTOCOL.  LIMIT: larger than
 * size_limit.  RESOURCE: ours, *is_disk_full says which. */
AmSpool *am_pdp_files_copy(const AmPdpFiles *files, const char *path, gboolean *is_disk_full,
			   GError **error);
/* Removes the mail file when it lies in the folder tempdir, and tempdir when it is empty then; both
 * confined as above.  What is gone already is no failure. */
gboolean am_pdp_files_remove(const AmPdpFiles *files, const char *path, const char *tempdir,
			     GError **error);
