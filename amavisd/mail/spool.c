/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The spool.  Most mails are small: they stay in a memfd that is sealed once complete, so that the
 * content worker, which gets the same descriptor, cannot change a byte of what will be delivered.
 * For the same reason a file is written through one descriptor and handed out through another that
 * can only read. */

#include <config.h>

#include "mail/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mail/fd.h"

#define SPOOL_BUFFER_MAX 65536 /* bytes gathered for one write */
#define SPOOL_BUFFER_MIN 4096

struct _AmSpool {
	const char *directory;
	guint64 memory_limit;
	guint64 size;	 /* bytes appended */
	guint64 written; /* of them in the descriptor */
	AmFd write_fd;	 /* memfd, or the file while it grows */
	AmFd read_fd;	 /* the file, read only */
	gboolean is_finished;
	gboolean is_failed; /* a failed write leaves a hole: nothing more is taken */
	gboolean is_disk_full;
	guint8 *buffer;
	gsize buffered, capacity;
};

gssize
am_read_at(int fd, gpointer buffer, gsize len, guint64 offset, GError **error)
{
	gsize done = 0;
	while (done < len) {
		ssize_t n = pread(fd, (guint8 *)buffer + done, len - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno,
					   "reading at %" G_GUINT64_FORMAT, offset + done);
			return -1;
		}
		if (n == 0)
			break;
		done += (gsize)n;
	}
	return (gssize)done;
}

gboolean
am_write_all(int fd, gconstpointer data, gsize len, GError **error)
{
	const guint8 *at = data;
	while (len > 0) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "writing");
			return FALSE;
		}
		at += n;
		len -= (gsize)n;
	}
	return TRUE;
}

AmSpool *
am_spool_new(const char *directory, guint64 memory_limit)
{
	AmSpool *spool = g_new0(AmSpool, 1);
	spool->directory = directory;
	spool->memory_limit = memory_limit;
	spool->write_fd = -1;
	spool->read_fd = -1;
	return spool;
}

static gboolean
spool_fail(AmSpool *spool, int errnum, const char *doing, GError **error)
{
	spool->is_failed = TRUE;
	spool->is_disk_full = errnum == ENOSPC || errnum == EDQUOT;
	am_error_set_errno(error, AM_ERROR_RESOURCE, errnum, "spool in %s: %s", spool->directory,
			   doing);
	return FALSE;
}

/* A file without a name, open twice.  Its mode lets nobody open it a third time for writing. */
static gboolean
spool_open_unnamed(const char *directory, AmFd *write_fd, AmFd *read_fd)
{
	char path[32];
	g_auto(AmFd) fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0400);
	if (fd < 0)
		return FALSE;
	g_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	*read_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*read_fd < 0)
		return FALSE;
	*write_fd = fd;
	fd = -1;
	return TRUE;
}

/* For file systems without O_TMPFILE, or no /proc; sets errno. */
static gboolean
spool_open_named(const char *directory, AmFd *write_fd, AmFd *read_fd)
{
	g_autofree char *path = g_build_filename(directory, "spool-XXXXXX", NULL);
	g_auto(AmFd) fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return FALSE;
	*read_fd = open(path, O_RDONLY | O_CLOEXEC);
	int saved = errno;
	if (unlink(path) < 0 && *read_fd >= 0) {
		saved = errno;
		am_fd_clear(read_fd);
	}
	if (*read_fd < 0) {
		errno = saved;
		return FALSE;
	}
	*write_fd = fd;
	fd = -1;
	return TRUE;
}

/* Moves what is in the memfd, if anything, into a file. */
static gboolean
spool_to_file(AmSpool *spool, GError **error)
{
	g_auto(AmFd) memory = spool->write_fd;
	off_t offset = 0;
	spool->write_fd = -1;
	if (!spool_open_unnamed(spool->directory, &spool->write_fd, &spool->read_fd) &&
	    !spool_open_named(spool->directory, &spool->write_fd, &spool->read_fd))
		return spool_fail(spool, errno, "creating a file", error);
	while ((guint64)offset < spool->written) {
		ssize_t n = sendfile(spool->write_fd, memory, &offset,
				     (gsize)(spool->written - (guint64)offset));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return spool_fail(spool, n < 0 ? errno : EIO, "copying", error);
	}
	return TRUE;
}

/* Makes the descriptor fit for `len` more bytes. */
static gboolean
spool_prepare(AmSpool *spool, gsize len, GError **error)
{
	if (spool->read_fd >= 0)
		return TRUE;
	if (spool->written + len > spool->memory_limit)
		return spool_to_file(spool, error);
	if (spool->write_fd < 0)
		spool->write_fd = memfd_create("mail", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (spool->write_fd < 0)
		return spool_fail(spool, errno, "creating a memfd", error);
	return TRUE;
}

static gboolean
spool_write(AmSpool *spool, const guint8 *data, gsize len, GError **error)
{
	if (!spool_prepare(spool, len, error))
		return FALSE;
	while (len > 0) {
		ssize_t n = write(spool->write_fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return spool_fail(spool, errno, "writing", error);
		data += n;
		len -= (gsize)n;
		spool->written += (gsize)n;
	}
	return TRUE;
}

static gboolean
spool_flush(AmSpool *spool, GError **error)
{
	gsize len = spool->buffered;
	spool->buffered = 0;
	return len == 0 || spool_write(spool, spool->buffer, len, error);
}

/* The buffer grows with the mail, so that a small one costs little. */
static void
spool_reserve(AmSpool *spool, gsize len)
{
	gsize wanted = MAX(spool->buffered + len, SPOOL_BUFFER_MIN);
	if (wanted <= spool->capacity)
		return;
	spool->capacity = MIN(MAX(wanted, spool->capacity * 4), SPOOL_BUFFER_MAX);
	spool->buffer = g_realloc(spool->buffer, spool->capacity);
}

gboolean
am_spool_append(AmSpool *spool, gconstpointer data, gsize len, GError **error)
{
	g_assert(!spool->is_finished);
	if (spool->is_failed) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "spool in %s: failed before",
			    spool->directory);
		return FALSE;
	}
	spool->size += len;
	if (spool->buffered + len > SPOOL_BUFFER_MAX && !spool_flush(spool, error))
		return FALSE;
	if (len >= SPOOL_BUFFER_MAX)
		return spool_write(spool, data, len, error);
	if (len == 0)
		return TRUE;
	spool_reserve(spool, len);
	memcpy(spool->buffer + spool->buffered, data, len);
	spool->buffered += len;
	return TRUE;
}

gboolean
am_spool_finish(AmSpool *spool, GError **error)
{
	g_assert(!spool->is_finished);
	if (!am_spool_append(spool, NULL, 0, error) || !spool_flush(spool, error) ||
	    !spool_prepare(spool, 0, error))
		return FALSE;
	g_clear_pointer(&spool->buffer, g_free);
	spool->capacity = 0;
	if (spool->read_fd >= 0) {
		int fd = g_steal_fd(&spool->write_fd);
		if (close(fd) < 0) /* where a network file system tells of a lost write */
			return spool_fail(spool, errno, "closing", error);
	} else {
		int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
		if (fcntl(spool->write_fd, F_ADD_SEALS, seals) < 0)
			return spool_fail(spool, errno, "sealing", error);
		spool->read_fd = g_steal_fd(&spool->write_fd);
	}
	spool->is_finished = TRUE;
	return TRUE;
}

int
am_spool_fd(const AmSpool *spool)
{
	return spool->is_finished ? spool->read_fd : -1;
}

guint64
am_spool_size(const AmSpool *spool)
{
	return spool->size;
}

gboolean
am_spool_is_disk_full(const AmSpool *spool)
{
	return spool->is_disk_full;
}

void
am_spool_free(AmSpool *spool)
{
	if (spool == NULL)
		return;
	am_fd_clear(&spool->write_fd);
	am_fd_clear(&spool->read_fd);
	g_free(spool->buffer);
	g_free(spool);
}
