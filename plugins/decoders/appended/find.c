/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A signature alone is no archive: programs that unpack carry them as constants.  What must follow a
 * signature is looked at, with its checksum where there is one.  Zip is found as its readers find it,
 * from the end: one whose directory's end is in the last 64 KiB. */

#include "find.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_BYTES (256 << 10)
#define SIGNATURE_BYTES 8
#define ZIP_END_BYTES 22
#define ZIP_TAIL_BYTES (ZIP_END_BYTES + 65535)
#define HEADER_BYTES 64 /* of a candidate, that are looked at */

static guint16
find_le16(const guint8 *at)
{
	return (guint16)(at[0] | at[1] << 8);
}

static guint32
find_le32(const guint8 *at)
{
	return find_le16(at) | (guint32)find_le16(at + 2) << 16;
}

static guint64
find_le64(const guint8 *at)
{
	return find_le32(at) | (guint64)find_le32(at + 4) << 32;
}

static guint32
find_crc32(const guint8 *data, gsize len)
{
	guint32 crc = G_MAXUINT32;
	for (gsize i = 0; i < len; i++) {
		crc ^= data[i];
		for (guint bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
	}
	return ~crc;
}

gssize
find_pread(FindSource *source, guint8 *to, gsize len, gint64 offset)
{
	gsize done = 0;
	while (done < len) {
		gssize n = pread(source->fd, to + done, len - done, offset + (gint64)done);
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

gboolean
find_is_archive(const guint8 *head, gsize len)
{
	static const struct {
		guint8 len;
		const char *magic;
	} magics[] = {
		{ 4, "PK\003\004" }, { 4, "PK\005\006" }, { 6, "7z\274\257\047\034" },
		{ 6, "Rar!\032\007" }, { 8, "MSCF\0\0\0\0" },
		{ 3, "\037\213\010" }, { 3, "BZh" }, { 6, "\3757zXZ\0" },
		{ 4, "\050\265\057\375" }, { 4, "\355\253\356\333" }, { 8, "!<arch>\n" },
		{ 4, "xar!" }, { 5, "07070" }, { 8, "\320\317\021\340\241\261\032\341" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(magics); i++)
		if (len >= magics[i].len && memcmp(head, magics[i].magic, magics[i].len) == 0)
			return TRUE;
	return FALSE;
}

gboolean
find_is_executable(const guint8 *head, gsize len)
{
	return len >= 4 && (memcmp(head, "MZ", 2) == 0 || memcmp(head, "\177ELF", 4) == 0);
}

/* ---- candidates ---------------------------------------------------------------------------- */

/* Each: is there an archive whose header begins at `at`?  *end: behind it, G_MAXINT64 unknown. */
typedef gboolean (*FindCheck)(const guint8 *at, gsize len, gint64 left, gint64 *end);

/* mark block; RAR 4: crc16 type flags16 size16, of the archive's own; RAR 5: crc32 size type */
static gboolean
find_check_rar(const guint8 *at, gsize len, G_GNUC_UNUSED gint64 left, gint64 *end)
{
	*end = G_MAXINT64;
	if (len >= 14 && at[6] == 0)
		return at[9] == 0x73 && find_le16(at + 12) >= 13;
	return len >= 14 && at[6] == 1 && at[7] == 0 && at[12] > 0 && (at[13] == 1 || at[13] == 4);
}

static gboolean
find_check_7z(const guint8 *at, gsize len, gint64 left, gint64 *end)
{
	if (len < 32 || find_crc32(at + 12, 20) != find_le32(at + 8))
		return FALSE;
	guint64 offset = find_le64(at + 12), size = find_le64(at + 20);
	*end = offset <= (guint64)left && size <= (guint64)left - offset && left >= 32
		       ? (gint64)(32 + offset + size)
		       : G_MAXINT64;
	return TRUE;
}

static gboolean
find_check_cab(const guint8 *at, gsize len, gint64 left, gint64 *end)
{
	*end = len >= 36 ? (gint64)find_le32(at + 8) : 0;
	return len >= 36 && *end > 36 && *end <= left && at[24] == 3 && at[25] == 1 &&
	       find_le32(at + 16) < (guint64)*end && find_le16(at + 28) > 0;
}

/* size sum "-lh5-" packed32 unpacked32 time32 attribute level; the sum only of levels 0 and 1 */
static gboolean
find_check_lha(const guint8 *at, gsize len, gint64 left, gint64 *end)
{
	guint8 sum = 0;
	*end = G_MAXINT64;
	if (len < HEADER_BYTES || at[6] != '-' || !g_ascii_isalnum(at[5]) ||
	    (at[4] != 'h' && at[4] != 'z') || at[20] > 2 || find_le32(at + 7) > (guint64)left)
		return FALSE;
	if (at[20] == 2)
		return find_le16(at) >= 26 && find_le16(at) < left;
	for (guint i = 0; i < at[0] && 2 + i < len; i++)
		sum = (guint8)(sum + at[2 + i]);
	return at[0] >= 22 && (at[0] + 2U > len || sum == at[1]);
}

static gboolean
find_check_arj(const guint8 *at, gsize len, G_GNUC_UNUSED gint64 left, gint64 *end)
{
	gsize size = find_le16(at + 2);
	*end = G_MAXINT64;
	return len >= HEADER_BYTES && size >= 30 && size + 8 <= len && at[4] >= 30 &&
	       at[4] < size && at[10] == 2 &&
	       find_crc32(at + 4, size) == find_le32(at + 4 + size);
}

static const struct {
	const char *kind, *mark;
	guint8 len, back; /* the mark stands so many bytes behind the start */
	gboolean is_weak;
	FindCheck check;
} finds[] = {
	{ "rar", "Rar!\032\007", 6, 0, FALSE, find_check_rar },
	{ "7z", "7z\274\257\047\034", 6, 0, FALSE, find_check_7z },
	{ "cab", "MSCF\0\0\0\0", 8, 0, FALSE, find_check_cab },
	{ "lha", "-l", 2, 2, TRUE, find_check_lha },
	{ "arj", "\140\352", 2, 0, TRUE, find_check_arj },
};

/* Of one kind in a window that stands at `offset`: one before *found, if any, takes its place. */
static void
find_in_window(FindSource *source, const guint8 *window, gsize len, gint64 offset, gint64 from,
	       guint kind, Found *found)
{
	const guint8 *at = window, *hit;
	while ((hit = memmem(at, len - (gsize)(at - window), finds[kind].mark, finds[kind].len)) !=
	       NULL) {
		guint8 copy[HEADER_BYTES];
		const guint8 *header = copy;
		gint64 start = offset + (hit - window) - finds[kind].back, end;
		at = hit + 1;
		if (start < from)
			continue;
		if (start >= found->start)
			return;
		gssize got = sizeof copy;
		if (start >= offset && start + got <= offset + (gint64)len)
			header = window + (start - offset); /* a file may be full of them */
		else
			got = find_pread(source, copy, sizeof copy, start);
		gint64 left = source->size - start;
		if (got < SIGNATURE_BYTES ||
		    !finds[kind].check(header, (gsize)got, left, &end))
			continue;
		*found = (Found){ finds[kind].kind, start, start + MIN(end, left) };
		return;
	}
}

/* ---- zip ----------------------------------------------------------------------------------- */

static gboolean
find_zip(FindSource *source, gint64 from, Found *found)
{
	gsize len = (gsize)MIN(source->size, ZIP_TAIL_BYTES);
	g_autofree guint8 *tail = g_malloc(len + 1);
	gint64 base = source->size - (gint64)len;
	gssize got = find_pread(source, tail, len, base);
	for (gssize i = got - ZIP_END_BYTES; i >= 0; i--) {
		guint8 mark[4];
		const guint8 *end = tail + i;
		if (end[0] != 'P' || memcmp(end, "PK\005\006", 4) != 0)
			continue;
		gint64 size = find_le32(end + 12), offset = find_le32(end + 16), at = base + i;
		if (size < 46 || size > at || find_le16(end + 10) == 0 ||
		    find_pread(source, mark, 4, at - size) != 4 || memcmp(mark, "PK\001\002", 4) != 0)
			continue;
		/* what stands in front is counted by some writers and by others not */
		gint64 start = at - size - offset;
		if (start < from || find_pread(source, mark, 4, start) != 4 ||
		    memcmp(mark, "PK\003\004", 4) != 0)
			start = from;
		*found = (Found){ "zip", start,
				  MIN(at + ZIP_END_BYTES + find_le16(end + 20), source->size) };
		return start < at - size;
	}
	return FALSE;
}

/* Offsets that count from the file's start: the archive begins at its first local header. */
static void
find_first_member(FindSource *source, Found *found)
{
	guint8 window[8192];
	for (gint64 at = found->start; at < found->end;) {
		gssize got = find_pread(source, window, sizeof window, at);
		if (got < 4)
			return;
		const guint8 *hit = memmem(window, (gsize)got, "PK\003\004", 4);
		if (hit != NULL) {
			found->start = at + (hit - window);
			return;
		}
		at += got - 3;
		if (g_get_monotonic_time() >= source->deadline_us)
			return;
	}
}

/* ---- the search ---------------------------------------------------------------------------- */

gboolean
find_next(FindSource *source, gint64 from, gint64 limit, gboolean with_weak, Found *found)
{
	g_autofree guint8 *window = g_malloc(WINDOW_BYTES);
	*found = (Found){ .start = G_MAXINT64 };
	for (gint64 at = from; at < MIN(limit, source->size);) {
		gssize len = find_pread(source, window, WINDOW_BYTES, at);
		if (len < SIGNATURE_BYTES || g_get_monotonic_time() >= source->deadline_us)
			break;
		for (guint i = 0; i < G_N_ELEMENTS(finds); i++)
			if (with_weak || !finds[i].is_weak)
				find_in_window(source, window, (gsize)len, at, from, i, found);
		if (found->start != G_MAXINT64)
			return TRUE;
		at += len - SIGNATURE_BYTES + 1;
	}
	if (source->errnum != 0 || from >= source->size || !find_zip(source, from, found))
		return FALSE;
	if (found->start == from)
		find_first_member(source, found);
	return found->start < found->end;
}
