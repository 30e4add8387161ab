/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include "source.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean
archive_source_init(ArchiveSource *source, int fd)
{
	struct stat st;
	source->fd = fd;
	source->position = source->size = 0;
	source->errnum = 0;
	if (fstat(fd, &st) != 0) {
		source->errnum = errno;
		return FALSE;
	}
	source->size = st.st_size;
	return TRUE;
}

gssize
archive_source_peek(ArchiveSource *source, gpointer to, gsize len, goffset offset)
{
	gsize done = 0;
	while (done < len) {
		gssize n = pread(source->fd, (char *)to + done, len - done, offset + (goffset)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			source->errnum = errno;
			return -1;
		}
		if (n == 0)
			break;
		done += (gsize)n;
	}
	return (gssize)done;
}

static la_ssize_t
source_read(struct archive *archive, void *data, const void **block)
{
	ArchiveSource *source = data;
	gssize n =
		archive_source_peek(source, source->block, sizeof source->block, source->position);
	if (n < 0) {
		archive_set_error(archive, source->errnum, "reading: %s",
				  g_strerror(source->errnum));
		return ARCHIVE_FATAL;
	}
	source->position += n;
	*block = source->block;
	return n;
}

/* Never beyond the end: there the reader notices that bytes are missing. */
static la_int64_t
source_skip(G_GNUC_UNUSED struct archive *archive, void *data, la_int64_t request)
{
	ArchiveSource *source = data;
	gint64 left = MAX(source->size - source->position, 0);
	gint64 n = CLAMP(request, 0, left);
	source->position += n;
	return n;
}

static la_int64_t
source_seek(struct archive *archive, void *data, la_int64_t offset, int whence)
{
	ArchiveSource *source = data;
	gint64 base = whence == SEEK_CUR ? source->position : whence == SEEK_END ? source->size : 0;
	gint64 to;
	if (__builtin_add_overflow(base, offset, &to) || to < 0) {
		archive_set_error(archive, EINVAL, "an offset outside the file");
		return ARCHIVE_FATAL;
	}
	source->position = to;
	return to;
}

int
archive_source_open(ArchiveSource *source, struct archive *archive)
{
	if (archive_read_set_read_callback(archive, source_read) != ARCHIVE_OK ||
	    archive_read_set_skip_callback(archive, source_skip) != ARCHIVE_OK ||
	    archive_read_set_seek_callback(archive, source_seek) != ARCHIVE_OK ||
	    archive_read_set_callback_data(archive, source) != ARCHIVE_OK)
		return ARCHIVE_FATAL;
	return archive_read_open1(archive);
}
