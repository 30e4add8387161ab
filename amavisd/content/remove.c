/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Everything goes by openat() and unlinkat() from an open directory, so that nothing can be slipped
 * in between the look and the act.  Depth is bounded: a hostile worker may nest as it likes. */

#include <config.h>

#include "content/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 64

/* errno of the first failure, 0 none. */
static int
remove_entries(int directory_fd, guint depth)
{
	int failure = 0;
	DIR *dir = fdopendir(directory_fd);
	if (dir == NULL) {
		failure = errno;
		(void)close(directory_fd);
		return failure;
	}
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), name, 0) == 0 || errno == ENOENT)
			continue;
		int child = depth < DEPTH_MAX
				    ? openat(dirfd(dir), name,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				    : -1;
		int result = child < 0 ? (depth < DEPTH_MAX ? errno : ELOOP)
				       : remove_entries(child, depth + 1);
		if (result == 0 && unlinkat(dirfd(dir), name, AT_REMOVEDIR) != 0)
			result = errno;
		if (failure == 0)
			failure = result;
	}
	(void)closedir(dir);
	return failure;
}

gboolean
am_remove_tree(const char *path, GError **error)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return TRUE;
	int failure = fd < 0 ? errno : remove_entries(fd, 0);
	if (failure == 0 && rmdir(path) != 0)
		failure = errno;
	if (failure != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, failure, "cannot remove %s", path);
		return FALSE;
	}
	return TRUE;
}
