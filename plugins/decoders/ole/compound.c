/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* [MS-CFB] in short: a header, then sectors of 512 or 4096 bytes.  The FAT says for each sector
 * which one follows; streams shorter than 4096 bytes lie in sectors of 64 bytes within the mini
 * stream, which is a stream itself and has a table of its own.  The directory is a stream of
 * entries of 128 bytes; entries of a storage form a binary tree.
 *
 * Libraries that read this follow the tree by recursion and keep sorted lists, which a crafted
 * file of a few megabytes turns into a crash or minutes; so this reader is our own.  No chain is
 * longer than the file has sectors, each entry is taken once, and the bytes of all streams that
 * are read are counted: a file whose entries all share one chain is left where it began to repeat
 * itself.  Entries that the tree does not lead to are taken too, as if they stood in the root. */

#include "compound.h"

#include <string.h>

#define HEADER_BYTES 512
#define ENTRY_BYTES 128
#define DIFAT_IN_HEADER 109
#define SECTOR_LAST 0xfffffffaU /* above it: marks */
#define NO_ENTRY 0xffffffffU
#define SECTOR_FREE 0xffffffffU
#define WORK_FACTOR 4
#define WORK_MIN (1 << 20)

static const guint8 compound_mark[8] = { 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1 };

gboolean
compound_is_compound(const guint8 *head, gsize len)
{
	return len >= sizeof compound_mark &&
	       memcmp(head, compound_mark, sizeof compound_mark) == 0;
}

/* ---- sectors ------------------------------------------------------------------------------- */

/* Empty when it lies outside. */
static Bytes
compound_sector(const Compound *compound, guint32 sector)
{
	gsize size = (gsize)1 << compound->sector_shift;
	return bytes_sub(compound->bytes, ((gsize)sector + 1) << compound->sector_shift, size);
}

/* Entry `index` of a table that lies in these sectors. */
static guint32
compound_table_get(const Compound *compound, const GArray *sectors, guint32 index)
{
	guint per_shift = compound->sector_shift - 2;
	if (index >> per_shift >= sectors->len)
		return NO_ENTRY;
	Bytes sector =
		compound_sector(compound, g_array_index(sectors, guint32, index >> per_shift));
	gsize at = ((gsize)index & (((gsize)1 << per_shift) - 1)) * 4;
	return at + 4 <= sector.len ? bytes_u32(sector.data + at) : NO_ENTRY;
}

/* The sectors of a chain, as many as `max`. */
static GArray *
compound_chain(Compound *compound, guint32 start, guint32 max)
{
	GArray *sectors = g_array_new(FALSE, FALSE, sizeof(guint32));
	guint32 sector = start;
	if (compound->n_sectors <= sector && sector <= SECTOR_LAST)
		compound->is_broken = TRUE; /* begins behind the end of the file */
	while (sector < compound->n_sectors && sectors->len < max) {
		g_array_append_val(sectors, sector);
		/* goes on where the table is cut off */
		if (sector >> (compound->sector_shift - 2) >= compound->fat->len)
			compound->is_broken = TRUE;
		sector = compound_table_get(compound, compound->fat, sector);
	}
	if (sectors->len == max && sector <= SECTOR_LAST && max == compound->n_sectors)
		compound->is_broken = TRUE; /* a circle */
	return sectors;
}

/* Where the FAT lies: 109 sectors from the header, then a chain of sectors that list more. */
static void
compound_read_fat(Compound *compound, Bytes header)
{
	guint per_sector = (1U << (compound->sector_shift - 2)) - 1;
	for (guint i = 0; i < DIFAT_IN_HEADER; i++) {
		guint32 sector = bytes_u32(header.data + 76 + (gsize)i * 4);
		if (sector > SECTOR_LAST) {
			/* a list that goes on elsewhere, though there is room here */
			compound->is_broken |= bytes_u32(header.data + 72) != 0 &&
					       bytes_u32(header.data + 68) < compound->n_sectors;
			return;
		}
		if (sector >= compound->n_sectors)
			compound->is_broken = TRUE;
		g_array_append_val(compound->fat, sector);
	}
	guint32 next = bytes_u32(header.data + 68);
	for (guint32 n = 0; next < compound->n_sectors && n < compound->n_sectors; n++) {
		Bytes sector = compound_sector(compound, next);
		for (guint i = 0; i < per_sector && ((gsize)i + 1) * 4 <= sector.len; i++) {
			guint32 in_list = bytes_u32(sector.data + (gsize)i * 4);
			if (in_list == SECTOR_FREE)
				return;
			/* one entry of the FAT for each sector is all that can be needed */
			if (in_list >= compound->n_sectors ||
			    compound->fat->len > compound->n_sectors / per_sector + 1) {
				compound->is_broken = TRUE;
				return;
			}
			g_array_append_val(compound->fat, in_list);
		}
		if (sector.len < ((gsize)per_sector + 1) * 4) {
			compound->is_broken = TRUE;
			return;
		}
		next = bytes_u32(sector.data + (gsize)per_sector * 4);
	}
}

/* ---- directory ----------------------------------------------------------------------------- */

static char *
compound_name(const guint8 *raw)
{
	GString *name = g_string_new(NULL);
	guint len = MIN(bytes_u16(raw + 64), 64);
	for (guint i = 0; i + 2 <= len; i += 2) {
		gunichar c = bytes_u16(raw + i);
		if (c == 0)
			break;
		g_string_append_unichar(name, g_unichar_validate(c) ? c : 0xfffd);
	}
	return g_string_free(name, FALSE);
}

static const guint8 *
compound_raw_entry(const Compound *compound, const GArray *sectors, guint32 index)
{
	guint per_shift = compound->sector_shift - 7; /* 128 bytes each */
	if (index >> per_shift >= sectors->len)
		return NULL;
	Bytes sector =
		compound_sector(compound, g_array_index(sectors, guint32, index >> per_shift));
	gsize at = ((gsize)index & (((gsize)1 << per_shift) - 1)) * ENTRY_BYTES;
	return at + ENTRY_BYTES <= sector.len ? sector.data + at : NULL;
}

/* Gives each entry its storage: from the root down, with a list of what is still to be visited. */
static void
compound_find_parents(Compound *compound, const GArray *sectors)
{
	typedef struct {
		guint32 index;
		gint32 parent;
	} Visit;
	g_autoptr(GArray) visits = g_array_new(FALSE, FALSE, sizeof(Visit));
	g_autofree guint8 *is_seen = g_malloc0(compound->entries->len);
	guint32 n_entries = compound->entries->len;
	Visit first = { 0, -1 };
	g_array_append_val(visits, first);
	while (visits->len > 0) {
		Visit visit = g_array_index(visits, Visit, visits->len - 1);
		g_array_set_size(visits, visits->len - 1);
		if (visit.index == NO_ENTRY)
			continue;
		/* not in the directory, or a circle; 0 is what some writers have for none */
		if (visit.index >= n_entries || is_seen[visit.index]) {
			compound->is_broken |= visit.index != 0;
			continue;
		}
		is_seen[visit.index] = 1;
		const guint8 *raw = compound_raw_entry(compound, sectors, visit.index);
		CompoundEntry *entry =
			&g_array_index(compound->entries, CompoundEntry, visit.index);
		if (raw == NULL)
			continue;
		entry->parent = visit.parent;
		Visit next[] = {
			{ bytes_u32(raw + 68), visit.parent },
			{ bytes_u32(raw + 72), visit.parent },
			{ bytes_u32(raw + 76), (gint32)visit.index },
		};
		guint n = entry->kind == COMPOUND_STREAM ? 2 : 3;
		if (visit.index == 0)
			g_array_append_val(visits, next[2]); /* the root has no siblings */
		else
			g_array_append_vals(visits, next, n);
	}
}

static gboolean
compound_read_directory(Compound *compound, guint32 start)
{
	g_autoptr(GArray) sectors = compound_chain(compound, start, compound->n_sectors);
	guint64 n = (guint64)sectors->len << (compound->sector_shift - 7);
	if (n > COMPOUND_ENTRIES_MAX)
		compound->is_broken = TRUE;
	for (guint32 i = 0; i < MIN(n, COMPOUND_ENTRIES_MAX); i++) {
		const guint8 *raw = compound_raw_entry(compound, sectors, i);
		CompoundEntry entry = { 0 };
		if (raw == NULL)
			break;
		entry.kind = i == 0 ? COMPOUND_ROOT : raw[66];
		entry.class_id = raw + 80;
		entry.start = bytes_u32(raw + 116);
		entry.size =
			compound->sector_shift == 9 ? bytes_u32(raw + 120) : bytes_u64(raw + 120);
		if (entry.kind != COMPOUND_UNUSED)
			entry.name = compound_name(raw);
		g_array_append_val(compound->entries, entry);
	}
	if (compound->entries->len == 0)
		return FALSE;
	compound_find_parents(compound, sectors);
	return TRUE;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void
compound_entry_clear(gpointer data)
{
	CompoundEntry *entry = data;
	g_free(entry->name);
}

static void
compound_init(Compound *compound, Bytes bytes)
{
	*compound = (Compound){ .bytes = bytes };
	compound->sector_shift = bytes_u16(bytes.data + 30);
	compound->mini_shift = bytes_u16(bytes.data + 32);
	compound->mini_cutoff = bytes_u32(bytes.data + 56);
	compound->work_left = (guint64)bytes.len * WORK_FACTOR + WORK_MIN;
	compound->fat = g_array_new(FALSE, FALSE, sizeof(guint32));
	compound->entries = g_array_new(FALSE, FALSE, sizeof(CompoundEntry));
	g_array_set_clear_func(compound->entries, compound_entry_clear);
}

gboolean
compound_open(Compound *compound, Bytes bytes, const char **reason)
{
	*compound = (Compound){ .bytes = bytes };
	*reason = "cut short";
	if (bytes.len < HEADER_BYTES)
		return FALSE;
	compound_init(compound, bytes);
	*reason = "sectors of an odd size";
	if (compound->sector_shift < 7 || compound->sector_shift > 16 || compound->mini_shift < 4 ||
	    compound->mini_shift > compound->sector_shift)
		return FALSE;
	gsize room =
		(bytes.len + ((gsize)1 << compound->sector_shift) - 1) >> compound->sector_shift;
	compound->n_sectors = (guint32)MIN(room, SECTOR_LAST);
	compound_read_fat(compound, bytes);
	*reason = "no directory";
	if (!compound_read_directory(compound, bytes_u32(bytes.data + 48)))
		return FALSE;
	compound->mini_fat =
		compound_chain(compound, bytes_u32(bytes.data + 60), compound->n_sectors);
	compound->mini_stream =
		compound_chain(compound, compound_entry(compound, 0)->start, compound->n_sectors);
	return TRUE;
}

void
compound_close(Compound *compound)
{
	g_clear_pointer(&compound->fat, g_array_unref);
	g_clear_pointer(&compound->mini_fat, g_array_unref);
	g_clear_pointer(&compound->mini_stream, g_array_unref);
	g_clear_pointer(&compound->entries, g_array_unref);
}

const char *
compound_parent_name(const Compound *compound, const CompoundEntry *entry)
{
	if (entry->parent <= 0)
		return "";
	const char *name = compound_entry(compound, (guint)entry->parent)->name;
	return name != NULL ? name : "";
}

gboolean
compound_is_named(const CompoundEntry *entry, const char *name)
{
	return entry->name != NULL && g_ascii_strcasecmp(entry->name, name) == 0;
}

gint32
compound_find(const Compound *compound, gint32 parent, const char *name)
{
	for (guint i = 1; i < compound->entries->len; i++) {
		const CompoundEntry *entry = compound_entry(compound, i);
		if (entry->parent == parent && compound_is_named(entry, name))
			return (gint32)i;
	}
	return -1;
}

/* ---- streams ------------------------------------------------------------------------------- */

/* The mini sector; empty when it lies outside. */
static Bytes
compound_mini_sector(const Compound *compound, guint32 sector)
{
	guint64 at = (guint64)sector << compound->mini_shift;
	guint64 index = at >> compound->sector_shift;
	if (index >= compound->mini_stream->len)
		return (Bytes){ compound->bytes.data, 0 };
	Bytes whole =
		compound_sector(compound, g_array_index(compound->mini_stream, guint32, index));
	return bytes_sub(whole, at & (((guint64)1 << compound->sector_shift) - 1),
			 (gsize)1 << compound->mini_shift);
}

/* Puts a piece behind what there is: as long as all is in one piece nothing is copied. */
static void
compound_stream_add(CompoundStream *stream, Bytes piece)
{
	if (stream->copy == NULL && stream->bytes.len == 0) {
		stream->bytes = piece;
		return;
	}
	if (stream->copy == NULL && stream->bytes.data + stream->bytes.len == piece.data) {
		stream->bytes.len += piece.len;
		return;
	}
	if (stream->copy == NULL) {
		stream->copy = g_byte_array_new();
		g_byte_array_append(stream->copy, stream->bytes.data, (guint)stream->bytes.len);
	}
	g_byte_array_append(stream->copy, piece.data, (guint)piece.len);
	stream->bytes = (Bytes){ stream->copy->data, stream->copy->len };
}

gboolean
compound_stream_open(Compound *compound, const CompoundEntry *entry, CompoundStream *stream)
{
	gboolean is_mini = entry->size < compound->mini_cutoff;
	guint shift = is_mini ? compound->mini_shift : compound->sector_shift;
	const GArray *table = is_mini ? compound->mini_fat : compound->fat;
	guint64 left = MIN(entry->size, compound->bytes.len); /* so no circle is endless */
	guint32 sector = entry->start;
	*stream = (CompoundStream){ .bytes = { compound->bytes.data, 0 } };
	while (left > 0 && sector <= SECTOR_LAST) {
		Bytes piece = is_mini ? compound_mini_sector(compound, sector)
				      : compound_sector(compound, sector);
		piece.len = (gsize)MIN(piece.len, left);
		if (piece.len == 0)
			break;
		if (compound->work_left < (guint64)1 << shift) {
			compound_stream_close(stream);
			return FALSE;
		}
		compound->work_left -= (guint64)1 << shift;
		compound_stream_add(stream, piece);
		left -= piece.len;
		sector = compound_table_get(compound, table, sector);
	}
	stream->is_cut = stream->bytes.len < entry->size;
	return TRUE;
}

void
compound_stream_close(CompoundStream *stream)
{
	g_clear_pointer(&stream->copy, g_byte_array_unref);
	stream->bytes.len = 0;
}
