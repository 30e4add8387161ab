/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The grammar, after "RAR 5.0 archive format" by its author:
 *
 *     archive = mark *block
 *     block   = crc32 size type flags [extra-size] [data-size] fields [extra] [data]
 *     extra   = *( size type fields )
 *
 * size counts what follows it, up to and with extra; numbers are seven bits to a byte, least
 * significant first, the top bit saying that there is more. */

#include "rar5.h"

#include <string.h>

#define MARK_BYTES 8
#define HEADERS_MAX 100000
#define HEADER_BYTES_MAX (2 << 20) /* by the format */
#define NUMBER_BYTES_MAX 10

#define BLOCK_MAIN 1
#define BLOCK_FILE 2
#define BLOCK_ENCRYPTION 4
#define BLOCK_END 5
#define FLAG_EXTRA 1
#define FLAG_DATA 2
#define EXTRA_ENCRYPTION 1

/* Takes a number off the front. */
static gboolean
rar5_take(const guint8 **at, const guint8 *end, guint64 *value)
{
	*value = 0;
	for (guint i = 0; i < NUMBER_BYTES_MAX && *at < end; i++) {
		guint8 byte = *(*at)++;
		*value |= (guint64)(byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
rar5_is_encrypted(const guint8 *extra, const guint8 *end)
{
	guint64 size, type;
	while (rar5_take(&extra, end, &size) && size <= (guint64)(end - extra)) {
		const guint8 *at = extra, *next = extra + size;
		if (rar5_take(&at, next, &type) && type == EXTRA_ENCRYPTION)
			return TRUE;
		extra = next;
	}
	return FALSE;
}

/* One block; *data: bytes behind it.  FALSE ends the walk. */
static gboolean
rar5_look_at_block(const guint8 *at, const guint8 *end, guint64 *data, Rar5Look *look)
{
	guint64 type, flags, archive, extra = 0;
	*data = 0;
	if (!rar5_take(&at, end, &type) || !rar5_take(&at, end, &flags) ||
	    ((flags & FLAG_EXTRA) != 0 && !rar5_take(&at, end, &extra)) ||
	    ((flags & FLAG_DATA) != 0 && !rar5_take(&at, end, data)))
		return FALSE;
	if (type == BLOCK_ENCRYPTION) {
		look->is_locked = TRUE;
		return FALSE;
	}
	if (type == BLOCK_MAIN && rar5_take(&at, end, &archive))
		look->is_volume = (archive & 1) != 0;
	if (type == BLOCK_FILE) {
		guint8 is_encrypted = extra > 0 && extra <= (guint64)(end - at) &&
				      rar5_is_encrypted(end - extra, end);
		g_byte_array_append(look->members, &is_encrypted, 1);
	}
	return type != BLOCK_END;
}

void
rar5_look(ArchiveSource *source, Rar5Look *look)
{
	gint64 offset = MARK_BYTES;
	g_autoptr(GByteArray) block = g_byte_array_new();
	*look = (Rar5Look){ .members = g_byte_array_new() };
	for (guint n = 0; n < HEADERS_MAX && offset < source->size; n++) {
		guint8 front[4 + NUMBER_BYTES_MAX];
		const guint8 *at = front + 4; /* the checksum is libarchive's business */
		guint64 size, data;
		gssize len = archive_source_peek(source, front, sizeof front, offset);
		if (len <= 4 || !rar5_take(&at, front + len, &size) || size == 0 ||
		    size > HEADER_BYTES_MAX)
			return;
		offset += at - front;
		g_byte_array_set_size(block, (guint)size);
		len = archive_source_peek(source, block->data, size, offset);
		if (len < (gssize)size ||
		    !rar5_look_at_block(block->data, block->data + size, &data, look) ||
		    data > (guint64)source->size)
			return;
		offset += (gint64)(size + data);
	}
}
