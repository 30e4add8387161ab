/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* After PKWARE's APPNOTE.TXT 6.3, sections 4.3 and 4.4, and AE-1/AE-2 by WinZip:
 *
 *     archive   = [anything] *( local data [descriptor] ) directory [zip64-end locator] end [comment]
 *     local     = "PK\3\4" version flags method time crc packed size name-len extra-len name extra
 *     directory = *( "PK\1\2" made-by version flags ... name extra comment )
 *
 * Some readers go by the directory, others by the local headers in their order.  A sender who writes
 * different things into them shows one content to the scanner and another to the reader, so both are
 * read here, compared, and what lies between the members is searched for local headers that no
 * directory tells of. */

#include "zip-look.h"

#include <string.h>
#include <sys/stat.h>

#define END_BYTES 22
#define COMMENT_MAX 65535
#define ENTRY_BYTES 46
#define LOCAL_BYTES 30
#define MEMBERS_MAX 100000
#define DIRECTORY_MAX (32 << 20)
#define NAME_MAX_BYTES 4096
#define GAP_MAX (16 << 20) /* of gaps, altogether, that are searched */
#define GAP_BLOCK 65536
#define HIDDEN_NAME_MAX 1024
#define UNKNOWN_32 0xffffffffU

#define FLAG_ENCRYPTED 0x0001
#define FLAG_SIZES_BEHIND 0x0008
#define FLAG_STRONG 0x0040
#define FLAG_UTF8 0x0800
#define FLAG_MASKED 0x2000
#define METHOD_AES 99

static guint16
zip_le16(const guint8 *at)
{
	return (guint16)(at[0] | at[1] << 8);
}

static guint32
zip_le32(const guint8 *at)
{
	return zip_le16(at) | (guint32)zip_le16(at + 2) << 16;
}

static guint64
zip_le64(const guint8 *at)
{
	return zip_le32(at) | (guint64)zip_le32(at + 4) << 32;
}

static void
zip_member_free(gpointer data)
{
	ZipMember *member = data;
	g_free(member->name);
	g_free(member);
}

const char *
zip_encryption_name(ZipEncryption encryption)
{
	static const char *const names[] = { "zip",	    "zip ZipCrypto", "zip AES-128",
					     "zip AES-192", "zip AES-256",   "zip strong encryption" };
	return names[encryption];
}

/* ---- the end ------------------------------------------------------------------------------- */

gint64
zip_find_end(ArchiveSource *source)
{
	gsize len = (gsize)MIN(source->size, END_BYTES + COMMENT_MAX);
	g_autofree guint8 *tail = g_malloc(len + 1);
	gint64 start = source->size - (gint64)len;
	gssize got = archive_source_peek(source, tail, len, start);
	for (gssize i = got - END_BYTES; i >= 0; i--) {
		const guint8 *at = tail + i;
		if (at[0] != 'P' || memcmp(at, "PK\005\006", 4) != 0)
			continue;
		guint32 size = zip_le32(at + 12);
		gint64 position = start + i;
		if (zip_le16(at + 20) <= got - i - END_BYTES &&
		    (size == UNKNOWN_32 || (gint64)size <= position))
			return position;
	}
	return -1;
}

typedef struct {
	guint64 n, size, offset; /* of the directory */
} ZipEnd;

static gboolean
zip_read_end(ArchiveSource *source, gint64 at, ZipLook *look, ZipEnd *end)
{
	guint8 bytes[END_BYTES], locator[20], more[56];
	if (archive_source_peek(source, bytes, sizeof bytes, at) != sizeof bytes)
		return FALSE;
	guint16 disk = zip_le16(bytes + 4);
	look->is_volume = (disk != 0 && disk != 0xffff) ||
			  zip_le16(bytes + 8) != zip_le16(bytes + 10);
	look->end = at + END_BYTES + zip_le16(bytes + 20);
	*end = (ZipEnd){ zip_le16(bytes + 10), zip_le32(bytes + 12), zip_le32(bytes + 16) };
	gint64 behind = at; /* the directory */
	if (at >= (gint64)sizeof locator &&
	    archive_source_peek(source, locator, sizeof locator, at - (gint64)sizeof locator) ==
		    sizeof locator &&
	    memcmp(locator, "PK\006\007", 4) == 0) {
		guint64 where = zip_le64(locator + 8);
		if (where > (guint64)at ||
		    archive_source_peek(source, more, sizeof more, (goffset)where) != sizeof more ||
		    memcmp(more, "PK\006\006", 4) != 0)
			return FALSE;
		*end = (ZipEnd){ zip_le64(more + 32), zip_le64(more + 40), zip_le64(more + 48) };
		behind = (gint64)where;
	}
	if (end->size > (guint64)behind || end->offset > G_MAXINT64 / 2)
		return FALSE;
	/* what stands in front of the archive is not counted by some writers; and by others it is, but
	 * has been cut off since */
	look->start = behind - (gint64)(end->size + end->offset);
	look->is_odd = look->start < 0;
	return end->size <= DIRECTORY_MAX;
}

/* ---- members ------------------------------------------------------------------------------- */

static void
zip_take_aes(ZipMember *member, const guint8 *field)
{
	member->aes_version = zip_le16(field);
	member->aes_strength = field[4];
	member->aes_method = zip_le16(field + 5);
	if (field[4] >= 1 && field[4] <= 3)
		member->encryption = (ZipEncryption)(ZIP_AES_128 + field[4] - 1);
}

/* Extra fields; *offset is of the local header. */
static void
zip_take_extra(ZipMember *member, const guint8 *extra, gsize len, guint64 *offset)
{
	while (len >= 4) {
		guint16 id = zip_le16(extra), n = zip_le16(extra + 2);
		const guint8 *field = extra + 4, *end = field + n;
		if (n > len - 4)
			return;
		if (id == 0x9901 && n >= 7 && member->method == METHOD_AES)
			zip_take_aes(member, field);
		if (id == 0x0001) { /* only those that did not fit, in this order */
			guint64 *const values[] = { &member->size, &member->packed, offset };
			for (guint i = 0; i < G_N_ELEMENTS(values) && end - field >= 8; i++) {
				if (*values[i] != UNKNOWN_32)
					continue;
				*values[i] = zip_le64(field);
				field += 8;
			}
		}
		extra = end;
		len -= 4U + n;
	}
}

static void
zip_set_encryption(ZipMember *member)
{
	if ((member->flags & FLAG_ENCRYPTED) == 0)
		member->encryption = ZIP_PLAIN;
	else if ((member->flags & (FLAG_STRONG | FLAG_MASKED)) != 0)
		member->encryption = ZIP_STRONG;
	else if (member->method != METHOD_AES)
		member->encryption = ZIP_CRYPTO;
	else if (member->encryption == ZIP_PLAIN) /* without its field */
		member->encryption = ZIP_STRONG;
}

/* One entry of the directory; returns its length, 0 broken. */
static gsize
zip_take_entry(const guint8 *at, gsize len, ZipMember *member)
{
	if (len < ENTRY_BYTES || memcmp(at, "PK\001\002", 4) != 0)
		return 0;
	gsize name = zip_le16(at + 28), extra = zip_le16(at + 30), comment = zip_le16(at + 32);
	gsize all = ENTRY_BYTES + name + extra + comment;
	if (all > len)
		return 0;
	member->version = zip_le16(at + 6);
	member->flags = zip_le16(at + 8);
	member->method = zip_le16(at + 10);
	member->time = zip_le32(at + 12);
	member->crc = zip_le32(at + 16);
	member->packed = zip_le32(at + 20);
	member->size = zip_le32(at + 24);
	member->mode = at[5] == 3 ? zip_le32(at + 38) >> 16 : 0;
	member->header = zip_le32(at + 42);
	member->name = g_strndup((const char *)at + ENTRY_BYTES, MIN(name, NAME_MAX_BYTES));
	zip_take_extra(member, at + ENTRY_BYTES + name, extra, &member->header);
	zip_set_encryption(member);
	return all;
}

static void
zip_say(ZipLook *look, const char *ambiguous)
{
	look->is_odd = TRUE;
	if (look->ambiguous == NULL)
		look->ambiguous = ambiguous;
}

/* What makes libarchive's own way through the archive unfit. */
static void
zip_judge_member(ZipLook *look, const ZipMember *member)
{
	if (member->encryption != ZIP_PLAIN) {
		look->n_encrypted++;
		look->is_odd = TRUE;
	}
	if ((member->mode & S_IFMT) != 0 && !S_ISREG(member->mode) && !S_ISDIR(member->mode))
		look->is_odd = TRUE; /* readers elsewhere see a file with content */
	if ((member->flags & FLAG_UTF8) != 0 && !g_utf8_validate(member->name, -1, NULL))
		look->is_odd = TRUE; /* it would lose the name */
}

/* ---- local headers ------------------------------------------------------------------------- */

typedef struct {
	guint8 bytes[LOCAL_BYTES + NAME_MAX_BYTES];
	gsize len, name_len, extra_len;
} ZipLocal;

static gboolean
zip_read_local(ArchiveSource *source, guint64 offset, ZipLocal *local)
{
	if (offset > (guint64)source->size)
		return FALSE;
	gssize len = archive_source_peek(source, local->bytes, sizeof local->bytes, (goffset)offset);
	if (len < LOCAL_BYTES || memcmp(local->bytes, "PK\003\004", 4) != 0)
		return FALSE;
	local->name_len = zip_le16(local->bytes + 26);
	local->extra_len = zip_le16(local->bytes + 28);
	local->len = (gsize)len;
	return TRUE;
}

/* Does it tell the same story as the directory?  Sizes and checksum may stand behind the data. */
static gboolean
zip_local_agrees(const ZipLocal *local, const ZipMember *member)
{
	const guint8 *at = local->bytes;
	guint16 flags = zip_le16(at + 6);
	guint32 packed = zip_le32(at + 18), size = zip_le32(at + 22);
	gsize name_len = strlen(member->name);
	if ((flags & FLAG_MASKED) != 0)
		return TRUE;
	if (((flags ^ member->flags) & FLAG_ENCRYPTED) != 0 || zip_le16(at + 8) != member->method ||
	    local->name_len != name_len || LOCAL_BYTES + name_len > local->len ||
	    memcmp(at + LOCAL_BYTES, member->name, name_len) != 0)
		return FALSE;
	if ((flags & FLAG_SIZES_BEHIND) != 0)
		return (packed == 0 || packed == UNKNOWN_32 || packed == member->packed) &&
		       (size == 0 || size == UNKNOWN_32 || size == member->size);
	return (packed == UNKNOWN_32 || packed == member->packed) &&
	       (size == UNKNOWN_32 || size == member->size) && zip_le32(at + 14) == member->crc;
}

static void
zip_compare(ArchiveSource *source, ZipLook *look)
{
	ZipLocal local;
	for (guint i = 0; i < look->members->len; i++) {
		ZipMember *member = look->members->pdata[i];
		if (!zip_read_local(source, member->header, &local)) {
			member->data = (guint64)source->size;
			zip_say(look, "a member of the directory is not where it says");
			continue;
		}
		member->data = member->header + LOCAL_BYTES + local.name_len + local.extra_len;
		if (!zip_local_agrees(&local, member))
			zip_say(look, "the directory and the members disagree");
	}
}

/* ---- between members ----------------------------------------------------------------------- */

static gboolean
zip_is_method(guint16 method)
{
	return method <= 21 || (method >= 93 && method <= 99);
}

/* A local header at `offset` that no directory tells of. */
static gboolean
zip_add_hidden(ArchiveSource *source, ZipLook *look, guint64 offset, guint64 end)
{
	ZipLocal local;
	guint64 unused = 0;
	if (!zip_read_local(source, offset, &local) || local.name_len == 0 ||
	    local.name_len > HIDDEN_NAME_MAX || !zip_is_method(zip_le16(local.bytes + 8)) ||
	    LOCAL_BYTES + local.name_len + local.extra_len > end - offset)
		return FALSE;
	ZipMember *member = g_new0(ZipMember, 1);
	const guint8 *at = local.bytes;
	member->is_hidden = TRUE;
	member->version = zip_le16(at + 4);
	member->flags = zip_le16(at + 6);
	member->method = zip_le16(at + 8);
	member->time = zip_le32(at + 10);
	member->crc = zip_le32(at + 14);
	member->packed = zip_le32(at + 18);
	member->size = zip_le32(at + 22);
	member->name = g_strndup((const char *)at + LOCAL_BYTES, local.name_len);
	gsize extra = LOCAL_BYTES + local.name_len;
	zip_take_extra(member, at + extra, MIN(local.extra_len, local.len - extra), &unused);
	zip_set_encryption(member);
	member->header = offset;
	member->data = offset + extra + local.extra_len;
	if (member->packed == 0 || member->packed > end - member->data)
		member->packed = end - member->data; /* and what comes behind it */
	g_ptr_array_add(look->members, member);
	zip_judge_member(look, member);
	zip_say(look, "a member is not in the directory");
	return TRUE;
}

/* A first look that costs nothing: a file may be full of such marks. */
static gboolean
zip_may_be_local(const guint8 *at, gsize len)
{
	return len < LOCAL_BYTES ||
	       (zip_is_method(zip_le16(at + 8)) && zip_le16(at + 26) > 0 &&
		zip_le16(at + 26) <= HIDDEN_NAME_MAX);
}

/* In a block that stands at `start`; returns where to go on. */
static guint64
zip_search_block(ArchiveSource *source, ZipLook *look, const guint8 *block, gsize len,
		 guint64 start, guint64 end)
{
	const guint8 *at = block, *hit;
	while ((hit = memmem(at, len - (gsize)(at - block), "PK\003\004", 4)) != NULL) {
		guint64 offset = start + (guint64)(hit - block);
		at = hit + 4;
		if (!zip_may_be_local(hit, len - (gsize)(hit - block)) ||
		    !zip_add_hidden(source, look, offset, end))
			continue;
		const ZipMember *member = look->members->pdata[look->members->len - 1];
		return member->data +
		       ((member->flags & FLAG_SIZES_BEHIND) != 0 ? 0 : member->packed);
	}
	return start + MAX(len - 3, (gsize)(at - block));
}

static void
zip_search_gap(ArchiveSource *source, ZipLook *look, guint64 start, guint64 end, guint64 *left)
{
	g_autofree guint8 *block = g_malloc(GAP_BLOCK);
	guint64 limit = MIN(end, start + *left);
	*left -= MIN(*left, limit - MIN(start, limit));
	while (start + LOCAL_BYTES < limit && look->members->len < MEMBERS_MAX) {
		gsize want = (gsize)MIN(GAP_BLOCK, limit - start);
		gssize got = archive_source_peek(source, block, want, (goffset)start);
		if (got < LOCAL_BYTES)
			return;
		start = zip_search_block(source, look, block, (gsize)got, start, end);
	}
}

static int
zip_by_offset(gconstpointer a, gconstpointer b)
{
	const ZipMember *one = *(ZipMember *const *)a, *two = *(ZipMember *const *)b;
	return one->header < two->header ? -1 : one->header > two->header;
}

static void
zip_look_between(ArchiveSource *source, ZipLook *look, guint64 directory)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	guint64 at = (guint64)MAX(look->start, 0), left = GAP_MAX;
	gboolean is_first = TRUE;
	ZipLocal local;
	if (zip_read_local(source, 0, &local))
		at = 0; /* another archive in front of this one */
	for (guint i = 0; i < look->members->len; i++)
		g_ptr_array_add(sorted, look->members->pdata[i]);
	g_ptr_array_sort(sorted, zip_by_offset);
	for (guint i = 0; i < sorted->len; i++) {
		const ZipMember *member = sorted->pdata[i];
		guint64 end = member->data + MIN(member->packed, G_MAXINT64);
		if (member->data >= (guint64)source->size)
			continue; /* has been said */
		if (member->header < at && !is_first)
			zip_say(look, "members overlap");
		else if (!is_first || member->header > at)
			zip_search_gap(source, look, at, member->header, &left);
		at = MAX(at, end);
		is_first = FALSE;
	}
	if (at > directory)
		zip_say(look, "members overlap");
	else
		zip_search_gap(source, look, at, directory, &left);
}

/* Of two that have the same name readers show one. */
static void
zip_look_for_twins(ZipLook *look)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < look->members->len; i++) {
		const ZipMember *member = look->members->pdata[i];
		if (!g_hash_table_add(names, member->name) &&
		    !g_str_has_suffix(member->name, "/")) {
			if (look->ambiguous == NULL)
				look->ambiguous = "two members have the same name";
			return;
		}
	}
}

/* ---- all of it ----------------------------------------------------------------------------- */

static gboolean
zip_read_directory(ArchiveSource *source, ZipLook *look, const ZipEnd *end)
{
	g_autofree guint8 *bytes = g_malloc(end->size + 1);
	gsize at = 0;
	if (archive_source_peek(source, bytes, end->size, look->start + (gint64)end->offset) !=
	    (gssize)end->size)
		return FALSE;
	while (at < end->size && look->members->len < MEMBERS_MAX) {
		ZipMember *member = g_new0(ZipMember, 1);
		gsize n = zip_take_entry(bytes + at, end->size - at, member);
		if (n == 0) {
			zip_member_free(member);
			break; /* signatures may follow */
		}
		member->header += (guint64)look->start;
		g_ptr_array_add(look->members, member);
		zip_judge_member(look, member);
		at += n;
	}
	/* some writers count only 16 bits of it */
	return (look->members->len & 0xffff) == (end->n & 0xffff);
}

/* An encrypted directory: local headers are there and say that theirs are masked. */
static gboolean
zip_is_masked(ArchiveSource *source)
{
	ZipLocal local;
	return zip_read_local(source, 0, &local) &&
	       (zip_le16(local.bytes + 6) & FLAG_MASKED) != 0;
}

/* Zeros and line ends are padding. */
static gboolean
zip_is_followed(ArchiveSource *source, gint64 end)
{
	guint8 bytes[64];
	gssize len = archive_source_peek(source, bytes, sizeof bytes, end);
	for (gssize i = 0; i < len; i++)
		if (bytes[i] != 0 && !g_ascii_isspace(bytes[i]))
			return TRUE;
	return FALSE;
}

void
zip_look(ArchiveSource *source, ZipLook *look)
{
	ZipEnd end;
	*look = (ZipLook){ .members = g_ptr_array_new_with_free_func(zip_member_free) };
	gint64 at = zip_find_end(source);
	look->is_locked = zip_is_masked(source);
	if (at < 0 || !zip_read_end(source, at, look, &end) || look->is_volume)
		return;
	look->is_known = zip_read_directory(source, look, &end);
	if (!look->is_known)
		return;
	zip_compare(source, look);
	zip_look_between(source, look, (guint64)look->start + end.offset);
	zip_look_for_twins(look);
	if (look->ambiguous == NULL && zip_is_followed(source, look->end))
		look->ambiguous = "something follows the archive";
}

void
zip_look_clear(ZipLook *look)
{
	g_clear_pointer(&look->members, g_ptr_array_unref);
}
