/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See program-folder.h.  The worker may write to the directory that the folder lies in, so everything
 * goes from open directories without following links: what it could do there hurts itself alone. */

#include <config.h>

#include "content/program-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/remove.h"
#include "content/walk.h"
#include "mail/fd.h"
#include "mail/spool.h"

#define COPY_BYTES 65536

static void
folder_free(AmProgramFolder *folder)
{
	const int fds[] = { folder->parent_fd, folder->fd, folder->out_fd };
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	g_free(folder->path);
	g_free(folder->content);
	g_free(folder->file);
	g_free(folder->out);
	g_free(folder->tmp);
	g_free(folder);
}

static gboolean
folder_copy(int from, int to, guint64 size, GError **error)
{
	g_autofree guint8 *buffer = g_malloc(COPY_BYTES);
	for (guint64 offset = 0; offset < size;) {
		gssize n = am_read_at(from, buffer, MIN(COPY_BYTES, size - offset), offset, error);
		if (n < 0 || (n > 0 && !am_write_all(to, buffer, (gsize)n, error)))
			return FALSE;
		if (n == 0)
			break; /* it has become shorter */
		offset += (guint64)n;
	}
	return TRUE;
}

static gboolean
folder_add_content(AmProgramFolder *folder, const char *ending, int content_fd, guint64 max_bytes,
		   GError **error)
{
	struct stat st;
	g_autofree char *name = g_strconcat("content", ending, NULL);
	if (fstat(content_fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (guint64)st.st_size > max_bytes) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_PROTOCOL,
				    "the content is no file, or too large");
		return FALSE;
	}
	g_auto(AmFd) fd = openat(folder->fd, name,
				 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "making %s", name);
		return FALSE;
	}
	if (!folder_copy(content_fd, fd, (guint64)st.st_size, error))
		return FALSE;
	folder->content = g_build_filename(folder->path, name, NULL);
	folder->file = g_strconcat("../", name, NULL);
	return TRUE;
}

/* -1 with error. */
static int
folder_make(int parent_fd, const char *name, GError **error)
{
	int fd = -1;
	if (mkdirat(parent_fd, name, 0700) == 0)
		fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "making directory %s", name);
	return fd;
}

/* Makes run-N with all that belongs in it. */
static gboolean
folder_fill(AmProgramFolder *folder, const char *directory, guint number, GError **error)
{
	g_snprintf(folder->name, sizeof folder->name, "run-%u", number);
	folder->path = g_build_filename(directory, folder->name, NULL);
	folder->out = g_build_filename(folder->path, "out", NULL);
	folder->tmp = g_build_filename(folder->path, "tmp", NULL);
	folder->parent_fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder->parent_fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "opening %s", directory);
		return FALSE;
	}
	folder->fd = folder_make(folder->parent_fd, folder->name, error);
	if (folder->fd < 0 || (folder->out_fd = folder_make(folder->fd, "out", error)) < 0)
		return FALSE;
	g_auto(AmFd) tmp = folder_make(folder->fd, "tmp", error);
	return tmp >= 0;
}

AmProgramFolder *
am_program_folder_new(const char *directory, guint number, const char *ending, int content_fd,
		      guint64 max_bytes, GError **error)
{
	AmProgramFolder *folder = g_new0(AmProgramFolder, 1);
	folder->parent_fd = folder->fd = folder->out_fd = -1;
	if (folder_fill(folder, directory, number, error) &&
	    folder_add_content(folder, ending, content_fd, max_bytes, error))
		return folder;
	if (folder->fd >= 0)
		(void)am_program_folder_remove(folder, NULL); /* told is what came first */
	else
		folder_free(folder);
	return NULL;
}

int
am_program_folder_open_stdout(const AmProgramFolder *folder, GError **error)
{
	int fd = openat(folder->fd, "stdout",
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "making stdout");
	return fd;
}

int
am_program_folder_open_result(const AmProgramFolder *folder, gboolean is_stdout, GError **error)
{
	int fd = is_stdout ? am_walk_open(folder->fd, "stdout", O_RDONLY)
			   : openat(folder->out_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "opening the results");
	return fd;
}

typedef struct {
	guint64 bytes;
} FolderSum;

static gboolean
folder_add(int directory_fd, const char *name, G_GNUC_UNUSED const char *path,
	   const struct stat *st, gpointer user_data)
{
	FolderSum *sum = user_data;
	/* a hole will be read as zeros, so it counts */
	if (S_ISREG(st->st_mode) && st->st_size > 0)
		sum->bytes += (guint64)st->st_size;
	if (S_ISREG(st->st_mode) && (st->st_mode & S_IRUSR) == 0) { /* the worker is to read it */
		g_auto(AmFd) opened = am_walk_open(directory_fd, name, O_RDONLY);
		(void)opened; /* else the worker tells that it could not */
	}
	return TRUE;
}

gboolean
am_program_folder_measure(const AmProgramFolder *folder, guint max_files, guint64 *bytes)
{
	static const char *const places[] = { "out", "tmp" };
	FolderSum sum = { 0 };
	struct stat st;
	AmWalkEnd end = AM_WALK_WHOLE;
	for (gsize i = 0; i < G_N_ELEMENTS(places) && end == AM_WALK_WHOLE; i++) {
		g_auto(AmFd) fd = am_walk_open(folder->fd, places[i], O_RDONLY | O_DIRECTORY);
		if (fd >= 0) /* else it was removed: by a worker that makes no sense */
			end = am_walk(fd, max_files, folder_add, &sum, NULL);
	}
	if (fstatat(folder->fd, "stdout", &st, AT_SYMLINK_NOFOLLOW) == 0)
		(void)folder_add(folder->fd, "stdout", "stdout", &st, &sum);
	*bytes = sum.bytes;
	return end != AM_WALK_LIMIT;
}

gboolean
am_program_folder_remove(AmProgramFolder *folder, GError **error)
{
	int failure = am_remove_contents(folder->fd);
	if (unlinkat(folder->parent_fd, folder->name, AT_REMOVEDIR) != 0 && errno != ENOENT &&
	    failure == 0)
		failure = errno;
	if (failure != 0)
		am_error_set_errno(error, AM_ERROR_RESOURCE, failure, "cannot remove %s",
				   folder->path);
	folder_free(folder);
	return failure == 0;
}
