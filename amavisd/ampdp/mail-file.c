/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Confinement is left to the kernel: openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, from a
 * descriptor of the directory that is allowed.  A hard link to somebody else's file is caught by its
 * owner, a FIFO by O_NONBLOCK and its type. */

#include <config.h>

#include "ampdp/mail-file.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mail/fd.h"

#define FILES_CHUNK_BYTES (64u << 10)
#define FILES_UNPACKED_MAX (G_GUINT64_CONSTANT(1) << 30) /* of .gz, where nothing else limits it */

/* The path below the directory, NULL when it is not there. */
static const char *
files_below(const char *directory, const char *path)
{
	gsize len = strlen(directory);
	while (len > 1 && directory[len - 1] == '/')
		len--;
	if (strncmp(directory, path, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return NULL;
	path += len;
	while (*path == '/')
		path++;
	return *path != '\0' ? path : ".";
}

/* -1 with *error. */
static int
files_open(const AmPdpFiles *files, const char *path, int flags, GError **error)
{
	const char *rest = NULL;
	guint i = 0;
	for (; files->directories != NULL && files->directories[i] != NULL && rest == NULL; i++)
		rest = files_below(files->directories[i], path);
	if (rest == NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL,
			    "it is in none of the listener's mail_directory");
		return -1;
	}
	g_auto(AmFd) base = open(files->directories[i - 1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "directory %s",
				   files->directories[i - 1]);
		return -1;
	}
	const struct open_how how = {
		.flags = (guint64)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;
	do {
		fd = (int)syscall(SYS_openat2, base, rest, &how, sizeof how);
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0)
		am_error_set_errno(error,
				   errno == EMFILE || errno == ENFILE || errno == ENOMEM
					   ? AM_ERROR_RESOURCE
					   : AM_ERROR_PROTOCOL,
				   errno, "opening");
	return fd;
}

/* root may name anything, others what is theirs or ours. */
static gboolean
files_check_owner(const AmPdpFiles *files, const struct stat *st, GError **error)
{
	if (files->peer == 0 || st->st_uid == files->peer || st->st_uid == geteuid())
		return TRUE;
	g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "it belongs to user %u, who does not ask",
		    (guint)st->st_uid);
	return FALSE;
}

static int
files_open_mail(const AmPdpFiles *files, const char *path, GError **error)
{
	struct stat st;
	g_auto(AmFd) fd = files_open(files, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, error);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "looking at it");
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "it is no plain file");
		return -1;
	}
	if (!files_check_owner(files, &st, error))
		return -1;
	return g_steal_fd(&fd);
}

/* -- copying -- */

typedef struct {
	AmSpool *spool;
	guint64 limit; /* 0 none */
	gboolean is_normalised;
	gboolean is_after_cr; /* it was seen, and not yet written */
	GError **error;
} FilesCopy;

static gboolean
copy_append(FilesCopy *copy, const char *data, gsize len)
{
	if (len == 0)
		return TRUE;
	if (copy->limit > 0 && am_spool_size(copy->spool) + len > copy->limit) {
		g_set_error(copy->error, AM_ERROR, AM_ERROR_LIMIT, "larger than %" G_GUINT64_FORMAT
			    " bytes", copy->limit);
		return FALSE;
	}
	return am_spool_append(copy->spool, data, len, copy->error);
}

/* Lines as they are in a file become lines of a mail; a CR at the end waits for what follows. */
static gboolean
copy_take(FilesCopy *copy, const char *data, gsize len)
{
	const char *end = data + len;
	while (data < end) {
		if (copy->is_after_cr) {
			gboolean is_line_end = *data == '\n' || copy->is_normalised;
			copy->is_after_cr = FALSE;
			if (!copy_append(copy, is_line_end ? "\r\n" : "\r", is_line_end ? 2 : 1))
				return FALSE;
			data += *data == '\n';
			continue;
		}
		const char *lf = memchr(data, '\n', end - data);
		const char *cr = memchr(data, '\r', (lf != NULL ? lf : end) - data);
		const char *stop = cr != NULL ? cr : lf != NULL ? lf : end;
		if (!copy_append(copy, data, stop - data))
			return FALSE;
		if (stop < end && *stop == '\n' && !copy_append(copy, "\r\n", 2))
			return FALSE;
		copy->is_after_cr = cr != NULL;
		data = stop + (stop < end);
	}
	return TRUE;
}

static gboolean
copy_end(FilesCopy *copy)
{
	if (copy->is_after_cr && !copy_append(copy, "\r\n", copy->is_normalised ? 2 : 1))
		return FALSE;
	return am_spool_finish(copy->spool, copy->error);
}

static gboolean
copy_plain(FilesCopy *copy, int fd, char *buffer)
{
	for (guint64 offset = 0;;) {
		gssize n = am_read_at(fd, buffer, FILES_CHUNK_BYTES, offset, copy->error);
		if (n <= 0)
			return n == 0;
		if (!copy_take(copy, buffer, (gsize)n))
			return FALSE;
		offset += (guint64)n;
	}
}

/* One round of the decompressor, which complains when it wants more at the end of the file. */
static gboolean
copy_unpack(FilesCopy *copy, GConverter *converter, const char *in, gsize n_in, char *out,
	    gsize *n_read, gboolean *is_end)
{
	gsize n_written = 0;
	g_autoptr(GError) local = NULL;
	GConverterResult result = g_converter_convert(converter, in, n_in, out, FILES_CHUNK_BYTES,
						      n_in == 0 ? G_CONVERTER_INPUT_AT_END
								: G_CONVERTER_NO_FLAGS,
						      n_read, &n_written, &local);
	*is_end = result == G_CONVERTER_FINISHED;
	if (result == G_CONVERTER_ERROR) {
		g_set_error(copy->error, AM_ERROR, AM_ERROR_PROTOCOL, "unpacking it: %s",
			    local->message);
		return FALSE;
	}
	return copy_take(copy, out, n_written);
}

static gboolean
copy_gzip(FilesCopy *copy, int fd, char *buffer)
{
	g_autoptr(GConverter) converter =
		G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
	g_autofree char *out = g_malloc(FILES_CHUNK_BYTES);
	gboolean is_end = FALSE;
	guint64 offset = 0;
	if (copy->limit == 0)
		copy->limit = FILES_UNPACKED_MAX;
	while (!is_end) {
		gsize used = 0;
		gssize n = am_read_at(fd, buffer, FILES_CHUNK_BYTES, offset, copy->error);
		if (n < 0 || !copy_unpack(copy, converter, buffer, (gsize)n, out, &used, &is_end))
			return FALSE;
		offset += used; /* what was not used is read once more */
	}
	return TRUE;
}

AmSpool *
am_pdp_files_copy(const AmPdpFiles *files, const char *path, gboolean *is_disk_full, GError **error)
{
	*is_disk_full = FALSE;
	g_auto(AmFd) fd = files_open_mail(files, path, error);
	if (fd < 0)
		return NULL;
	g_autoptr(AmSpool) spool = am_spool_new(files->spool_directory, files->spool_memory);
	g_autofree char *buffer = g_malloc(FILES_CHUNK_BYTES);
	FilesCopy copy = { .spool = spool,
			   .limit = files->size_limit,
			   .is_normalised = files->is_normalised,
			   .error = error };
	gboolean is_copied = g_str_has_suffix(path, ".gz") ? copy_gzip(&copy, fd, buffer)
							    : copy_plain(&copy, fd, buffer);
	if (is_copied && copy_end(&copy))
		return g_steal_pointer(&spool);
	*is_disk_full = am_spool_is_disk_full(spool);
	return NULL;
}

/* -- removing -- */

static gboolean
files_unlink(int folder, const char *name, int flags, GError **error)
{
	if (unlinkat(folder, name, flags) == 0 || errno == ENOENT)
		return TRUE;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "removing %s", name);
	return FALSE;
}

/* The folder, opened; who asks must own it as he must own the mail. */
static int
files_open_folder(const AmPdpFiles *files, const char *path, GError **error)
{
	struct stat st;
	g_auto(AmFd) fd = files_open(files, path, O_RDONLY | O_DIRECTORY, error);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "looking at it");
		return -1;
	}
	return files_check_owner(files, &st, error) ? g_steal_fd(&fd) : -1;
}

gboolean
am_pdp_files_remove(const AmPdpFiles *files, const char *path, const char *tempdir, GError **error)
{
	g_autofree char *folder_of_mail = g_path_get_dirname(path);
	g_autofree char *mail = g_path_get_basename(path);
	g_autofree char *parent_of_folder = g_path_get_dirname(tempdir);
	g_autofree char *name = g_path_get_basename(tempdir);
	g_auto(AmFd) folder = files_open_folder(files, tempdir, error);
	if (folder < 0)
		return FALSE;
	if (strcmp(folder_of_mail, tempdir) == 0 && !files_unlink(folder, mail, 0, error))
		return FALSE;
	g_auto(AmFd) parent = files_open(files, parent_of_folder, O_PATH | O_DIRECTORY, error);
	return parent >= 0 && files_unlink(parent, name, AT_REMOVEDIR, error);
}
