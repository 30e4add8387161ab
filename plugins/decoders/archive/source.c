/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include "source.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean
archive_source_init(ArchiveSource *source, int fd)
{
	struct stat st = { .st_mode = S_IFREG };
	source->fd = fd;
	source->file_size = 0;
	source->errnum = 0;
	archive_source_select(source, 0, 0, NULL, NULL);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		source->errnum = S_ISREG(st.st_mode) ? errno : ESPIPE;
		return FALSE;
	}
	source->file_size = st.st_size;
	archive_source_select(source, 0, st.st_size, NULL, NULL);
	return TRUE;
}

void
archive_source_select(ArchiveSource *source, gint64 start, gint64 len, const GByteArray *front,
		      const GByteArray *back)
{
	source->start = CLAMP(start, 0, source->file_size);
	source->len = CLAMP(len, 0, source->file_size - source->start);
	source->front = front;
	source->back = back;
	source->position = 0;
	source->size = source->len + (front != NULL ? front->len : 0) +
		       (back != NULL ? back->len : 0);
}

/* The piece of `bytes`, which stands at `at`, that begins at `offset`. */
static gssize
source_copy(const GByteArray *bytes, gint64 at, gpointer to, gsize len, gint64 offset)
{
	if (bytes == NULL || offset < at || offset >= at + (gint64)bytes->len)
		return 0;
	gsize n = MIN(len, (gsize)(at + (gint64)bytes->len - offset));
	memcpy(to, bytes->data + (offset - at), n);
	return (gssize)n;
}

static gssize
source_pread(ArchiveSource *source, gpointer to, gsize len, goffset offset)
{
	for (;;) {
		gssize n = pread(source->fd, to, len, offset);
		if (n >= 0 || errno != EINTR) {
			source->errnum = n < 0 ? errno : source->errnum;
			return n;
		}
	}
}

gssize
archive_source_peek(ArchiveSource *source, gpointer to, gsize len, goffset offset)
{
	gint64 front = source->front != NULL ? source->front->len : 0;
	gsize done = 0;
	while (done < len && offset >= 0) {
		char *at = (char *)to + done;
		gint64 inner = offset - front;
		gssize n = source_copy(source->front, 0, at, len - done, offset);
		if (n == 0 && inner >= 0 && inner < source->len)
			n = source_pread(source, at,
					 (gsize)MIN((gint64)(len - done), source->len - inner),
					 source->start + inner);
		else if (n == 0)
			n = source_copy(source->back, front + source->len, at, len - done, offset);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (gsize)n;
		offset += n;
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
