/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Small walks over headers, after "technote.txt" of RAR 2 to 4, "7zFormat.txt", and the description of
 * ARJ's structure by its author; RAR 5 is in rar5.c. */

#include "locked.h"

#include <string.h>

#include "rar5.h"

#define BLOCKS_MAX 100000
#define HEADER_7Z_MAX (1 << 20)
#define HEADER_ARJ_MAX 2600

static guint16
locked_le16(const guint8 *at)
{
	return (guint16)(at[0] | at[1] << 8);
}

static guint32
locked_le32(const guint8 *at)
{
	return locked_le16(at) | (guint32)locked_le16(at + 2) << 16;
}

/* block = crc16 type flags16 size16 [data-size32 ...]; size counts from the crc */
static void
locked_look_at_rar4(ArchiveSource *source, LockedLook *look)
{
	gint64 at = 7;
	guint8 block[36];
	look->kind = "rar 4: members need a password";
	look->members = g_byte_array_new();
	for (guint n = 0; n < BLOCKS_MAX; n++) {
		gssize len = archive_source_peek(source, block, sizeof block, at);
		if (len < 7)
			return;
		memset(block + len, 0, sizeof block - (gsize)len);
		guint8 type = block[2];
		guint16 flags = locked_le16(block + 3), size = locked_le16(block + 5);
		guint64 data = (flags & 0x8000) != 0 ? locked_le32(block + 7) : 0;
		if (type == 0x73) {
			look->is_volume = (flags & 0x0001) != 0;
			look->is_locked = (flags & 0x0080) != 0;
			if (look->is_locked) {
				look->kind = "rar 4: the list of members is encrypted, too";
				return;
			}
		} else if (type == 0x74) {
			guint8 is_encrypted = (flags & 0x0004) != 0;
			g_byte_array_append(look->members, &is_encrypted, 1);
			if (is_encrypted)
				look->kind = block[24] >= 29 ? "rar 4 AES-128: members need a password"
							     : "rar 2: members need a password";
			if ((flags & 0x0100) != 0)
				data |= (guint64)locked_le32(block + 32) << 32;
		}
		if (size < 7 || data > (guint64)source->size || type == 0x7b)
			return;
		at += (gint64)(size + data);
	}
}

static void
locked_look_at_rar5(ArchiveSource *source, LockedLook *look)
{
	Rar5Look rar5;
	rar5_look(source, &rar5);
	look->is_locked = rar5.is_locked;
	look->is_volume = rar5.is_volume;
	look->members = rar5.members;
	look->kind = rar5.is_locked ? "rar 5 AES-256: the list of members is encrypted, too"
				    : "rar 5 AES-256: members need a password";
}

/* mark version start-crc32 offset64 size64 crc32; the header there is packed when it begins with 0x17,
 * and then says how */
static void
locked_look_at_7z(ArchiveSource *source, LockedLook *look)
{
	guint8 start[32];
	look->kind = "7z AES-256: members need a password";
	if (archive_source_peek(source, start, sizeof start, 0) != sizeof start)
		return;
	guint64 offset = locked_le32(start + 12) | (guint64)locked_le32(start + 16) << 32;
	guint64 size = locked_le32(start + 20) | (guint64)locked_le32(start + 24) << 32;
	if (size == 0 || size > HEADER_7Z_MAX || offset > (guint64)source->size)
		return;
	g_autofree guint8 *header = g_malloc(size);
	gssize len = archive_source_peek(source, header, size, (goffset)(32 + offset));
	if (len < 1 || header[0] != 0x17 ||
	    memmem(header, (gsize)len, "\006\361\007\001", 4) == NULL) /* 7zAES */
		return;
	look->is_locked = TRUE;
	look->kind = "7z AES-256: the list of members is encrypted, too";
}

/* header = 60 EA size16 *( first-size version min-version os flags method type ... name \0 ) crc32
 *          *( ext-size16 [ext crc32] ) */
static void
locked_look_at_arj(ArchiveSource *source, LockedLook *look)
{
	gint64 at = 0;
	guint8 header[4 + HEADER_ARJ_MAX];
	look->names = g_ptr_array_new_with_free_func(g_free);
	for (guint n = 0; n < BLOCKS_MAX; n++) {
		gssize len = archive_source_peek(source, header, sizeof header, at);
		guint16 size = len >= 4 ? locked_le16(header + 2) : 0;
		if (len < 34 || header[0] != 0x60 || header[1] != 0xea || size < 30 ||
		    size > HEADER_ARJ_MAX || 4 + size > len || header[4] >= size)
			return;
		const guint8 *fields = header + 4;
		at += 4 + size + 4;
		for (guint8 extra[2]; archive_source_peek(source, extra, 2, at) == 2;) {
			guint16 more = locked_le16(extra);
			at += 2 + (more > 0 ? more + 4 : 0);
			if (more == 0)
				break;
		}
		look->is_volume |= (fields[4] & 0x04) != 0;
		if (n == 0)
			continue; /* the archive's own */
		if ((fields[4] & 0x01) != 0) {
			look->kind = "arj: members are garbled by a password";
			look->is_locked = TRUE;
			g_ptr_array_add(look->names, g_strndup((const char *)fields + fields[0],
							       (gsize)(size - fields[0])));
		}
		at += locked_le32(fields + 12);
	}
}

void
locked_look(ArchiveSource *source, LockedLook *look)
{
	guint8 head[36] = { 0 };
	*look = (LockedLook){ .kind = NULL };
	gssize len = archive_source_peek(source, head, sizeof head, 0);
	if (len < 8)
		return;
	if (memcmp(head, "Rar!\032\007\000", 7) == 0)
		locked_look_at_rar4(source, look);
	else if (memcmp(head, "Rar!\032\007\001\000", 8) == 0)
		locked_look_at_rar5(source, look);
	else if (memcmp(head, "7z\274\257\047\034", 6) == 0)
		locked_look_at_7z(source, look);
	else if (head[0] == 0x60 && head[1] == 0xea)
		locked_look_at_arj(source, look);
	else if (memcmp(head, "MSCF\000\000\000\000", 8) == 0)
		look->is_volume = (head[30] & 3) != 0; /* there is one before, or behind */
}

void
locked_look_clear(LockedLook *look)
{
	g_clear_pointer(&look->members, g_byte_array_unref);
	g_clear_pointer(&look->names, g_ptr_array_unref);
}
