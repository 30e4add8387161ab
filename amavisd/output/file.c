/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Files that mail is written into. */

#include <config.h>

#include "output/output-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/spool.h"

#define FILE_BUFFER (64u << 10)

gboolean
am_file_error(const char *what, const char *path, GError **error)
{
	int errnum = errno;
	g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "%s %s: %s", what, path,
		    g_strerror(errnum));
	errno = errnum;
	return FALSE;
}

void
am_file_writer_init(AmFileWriter *writer, int fd)
{
	*writer = (AmFileWriter){ .fd = fd, .bytes = g_byte_array_sized_new(FILE_BUFFER) };
}

void
am_file_writer_clear(AmFileWriter *writer)
{
	g_clear_pointer(&writer->bytes, g_byte_array_unref);
}

static gboolean
file_flush(AmFileWriter *writer, GError **error)
{
	gboolean is_written =
		am_write_all(writer->fd, writer->bytes->data, writer->bytes->len, error);
	g_byte_array_set_size(writer->bytes, 0);
	return is_written;
}

gboolean
am_file_writer_write(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	AmFileWriter *writer = user_data;
	if (writer->bytes->len + len > FILE_BUFFER && !file_flush(writer, error))
		return FALSE;
	if (len >= FILE_BUFFER)
		return am_write_all(writer->fd, data, len, error);
	g_byte_array_append(writer->bytes, data, (guint)len);
	return TRUE;
}

gboolean
am_file_writer_finish(AmFileWriter *writer, GError **error)
{
	if (!file_flush(writer, error))
		return FALSE;
	return fsync(writer->fd) == 0 || am_file_error("fsync of", "a mail", error);
}

int
am_file_open_directory(int parent, const char *path, GError **error)
{
	struct stat status;
	g_auto(AmFd) fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0) {
		(void)am_file_error("directory", path, error);
		return -1;
	}
	if (status.st_uid != geteuid() && status.st_uid != 0) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE,
			    "directory %s belongs to user %u, neither to us nor to root", path,
			    (guint)status.st_uid);
		return -1;
	}
	int taken = fd;
	fd = -1;
	return taken;
}

gboolean
am_file_sync_directory(int fd, const char *path, GError **error)
{
	return fsync(fd) == 0 || am_file_error("fsync of", path, error);
}

gboolean
am_file_sync_parent(const char *path, GError **error)
{
	g_autofree char *parent = g_path_get_dirname(path);
	g_auto(AmFd) fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		return TRUE; /* writable but not readable: nothing can be done from here */
	if (fd < 0)
		return am_file_error("directory", parent, error);
	return am_file_sync_directory(fd, parent, error);
}
