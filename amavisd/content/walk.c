/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See walk.h.  A stack of open directories instead of recursion; everything goes by openat() from
 * them, so that a name that changes while we look leads nowhere else. */

#include <config.h>

#include "content/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
	int fd;
	GPtrArray *names; /* sorted */
	guint next;
	gsize path_len; /* of the directory itself */
} WalkLevel;

typedef struct {
	WalkLevel levels[AM_WALK_DEPTH_MAX];
	guint n_levels;
	guint entries_left;
	gboolean is_cut; /* a limit was reached */
	GString *path;
} Walk;

/* By the descriptor: chmod() of a name could be led to another file by a link. */
static gboolean
walk_allow(int directory_fd, const char *name)
{
	char path[40];
	struct stat st;
	int fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return FALSE;
	g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	gboolean ok = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) &&
		      chmod(path, 0700) == 0;
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return ok;
}

int
am_walk_open(int directory_fd, const char *name, int flags)
{
	const int safe = flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int fd = openat(directory_fd, name, safe);
	if (fd < 0 && errno == EACCES && walk_allow(directory_fd, name))
		fd = openat(directory_fd, name, safe);
	return fd;
}

static int
walk_compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* FALSE: failed, with errno. */
static gboolean
walk_read(Walk *walk, DIR *dir, GPtrArray *names)
{
	struct dirent *entry;
	errno = 0;
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (walk->entries_left == 0) {
			walk->is_cut = TRUE;
			break;
		}
		walk->entries_left--;
		g_ptr_array_add(names, g_strdup(entry->d_name));
		errno = 0;
	}
	if (entry == NULL && errno != 0)
		return FALSE;
	g_ptr_array_sort(names, walk_compare);
	return TRUE;
}

/* Takes fd. */
static AmWalkEnd
walk_enter(Walk *walk, int fd, GError **error)
{
	AmWalkEnd end = AM_WALK_FAILED;
	if (walk->n_levels == AM_WALK_DEPTH_MAX) {
		(void)close(fd);
		walk->is_cut = TRUE;
		return AM_WALK_WHOLE;
	}
	(void)fchmod(fd, 0700); /* may it be entered? else what is in it cannot be opened */
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	if (dir != NULL && walk_read(walk, dir, names)) {
		walk->levels[walk->n_levels++] = (WalkLevel){
			.fd = fd,
			.names = g_steal_pointer(&names),
			.path_len = walk->path->len,
		};
		end = AM_WALK_WHOLE;
	} else {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "reading a directory");
		(void)close(fd);
	}
	if (dir != NULL)
		(void)closedir(dir); /* and copy */
	else if (copy >= 0)
		(void)close(copy);
	return end;
}

static void
walk_leave(Walk *walk)
{
	WalkLevel *level = &walk->levels[--walk->n_levels];
	(void)close(level->fd);
	g_ptr_array_unref(level->names);
}

static AmWalkEnd
walk_entry(Walk *walk, WalkLevel *level, AmWalkFunc func, gpointer user_data, GError **error)
{
	const char *name = level->names->pdata[level->next++];
	struct stat st;
	g_string_truncate(walk->path, level->path_len);
	if (walk->path->len > 0)
		g_string_append_c(walk->path, '/');
	g_string_append(walk->path, name);
	if (fstatat(level->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno == ENOENT)
			return AM_WALK_WHOLE; /* a temporary file that is gone */
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "looking at a file");
		return AM_WALK_FAILED;
	}
	if (!func(level->fd, name, walk->path->str, &st, user_data))
		return AM_WALK_STOPPED;
	if (!S_ISDIR(st.st_mode))
		return AM_WALK_WHOLE;
	int fd = am_walk_open(level->fd, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return AM_WALK_WHOLE; /* changed while we looked */
	if (fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "opening a directory");
		return AM_WALK_FAILED;
	}
	return walk_enter(walk, fd, error);
}

AmWalkEnd
am_walk(int fd, guint max_entries, AmWalkFunc func, gpointer user_data, GError **error)
{
	g_autofree Walk *walk = g_new0(Walk, 1);
	int root = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "opening a directory");
		return AM_WALK_FAILED;
	}
	walk->entries_left = max_entries;
	walk->path = g_string_new(NULL);
	AmWalkEnd end = walk_enter(walk, root, error);
	while (end == AM_WALK_WHOLE && walk->n_levels > 0) {
		WalkLevel *level = &walk->levels[walk->n_levels - 1];
		if (level->next == level->names->len)
			walk_leave(walk);
		else
			end = walk_entry(walk, level, func, user_data, error);
	}
	while (walk->n_levels > 0)
		walk_leave(walk);
	(void)g_string_free(walk->path, TRUE);
	return end == AM_WALK_WHOLE && walk->is_cut ? AM_WALK_LIMIT : end;
}
