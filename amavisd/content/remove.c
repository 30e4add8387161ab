/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Everything goes by openat() and unlinkat() from an open directory, so that nothing can be slipped
 * in between the look and the act.  Who filled the tree may have nested as he liked: a directory in
 * a directory is first moved up to the top, so that two open descriptors are enough for any depth,
 * and each is moved once.  Directories that deny it are opened to their owner. */

#include <config.h>

#include "content/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "content/walk.h"
#include "mail/fd.h"

#define RENAME_TRIES 100

typedef struct {
	int root;     /* the top */
	guint serial; /* for names of what is moved there */
	guint n_done; /* removed or moved in this round */
} Remove;

/* The next entry that is no "." and no ".."; NULL at the end. */
static const char *
remove_next(DIR *dir)
{
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return entry->d_name;
	return NULL;
}

static DIR *
remove_open(int parent, const char *name)
{
	int fd = am_walk_open(parent, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return NULL;
	(void)fchmod(fd, 0700); /* whether it helps the next call shows */
	DIR *dir = fdopendir(fd);
	if (dir == NULL)
		(void)close(fd);
	return dir;
}

/* Moves a directory to the top, under a name nothing there has. */
static gboolean
remove_lift(Remove *remove, int parent, const char *name)
{
	g_auto(AmFd) opened = am_walk_open(parent, name, O_RDONLY | O_DIRECTORY);
	if (opened >= 0)
		(void)fchmod(opened, 0700); /* its ".." is written */
	for (guint i = 0; i < RENAME_TRIES; i++) {
		char fresh[32];
		g_snprintf(fresh, sizeof fresh, "%u.gone", remove->serial++);
		if (renameat(parent, name, remove->root, fresh) == 0) {
			remove->n_done++;
			return TRUE;
		}
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return FALSE;
	}
	return FALSE;
}

/* One entry of the top directory.  FALSE with errno. */
static gboolean
remove_entry(Remove *remove, const char *name)
{
	if (unlinkat(remove->root, name, 0) == 0 || errno == ENOENT)
		return TRUE;
	DIR *dir = remove_open(remove->root, name);
	if (dir == NULL)
		return FALSE;
	const char *inner;
	int failure = 0;
	while ((inner = remove_next(dir)) != NULL)
		if (unlinkat(dirfd(dir), inner, 0) != 0 && errno != ENOENT &&
		    !remove_lift(remove, dirfd(dir), inner))
			failure = errno;
	(void)closedir(dir);
	if (unlinkat(remove->root, name, AT_REMOVEDIR) == 0)
		return TRUE;
	if (failure != 0)
		errno = failure;
	return FALSE;
}

int
am_remove_contents(int fd)
{
	Remove remove = { .root = fd };
	int failure;
	do { /* what was moved up is there for the next round */
		DIR *dir = remove_open(fd, ".");
		if (dir == NULL)
			return errno;
		const char *name;
		remove.n_done = 0;
		failure = 0;
		while ((name = remove_next(dir)) != NULL) {
			if (remove_entry(&remove, name))
				remove.n_done++;
			else
				failure = errno;
		}
		(void)closedir(dir);
	} while (remove.n_done > 0);
	return failure;
}

gboolean
am_remove_tree(const char *path, GError **error)
{
	g_auto(AmFd) fd = am_walk_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (fd < 0 && errno == ENOENT)
		return TRUE;
	int failure = fd < 0 ? errno : am_remove_contents(fd);
	if (failure == 0 && rmdir(path) != 0)
		failure = errno;
	if (failure != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, failure, "cannot remove %s", path);
		return FALSE;
	}
	return TRUE;
}
