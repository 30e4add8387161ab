/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Types are told by their first bytes and by nothing else: what a sender calls a part is no reason to
 * open it or not to.  For each type only what it needs is switched on in libarchive.  Formats that any
 * text can be (mtree, warc, raw without a filter) are left out, and so are filters for which libarchive
 * would start a program (grzip, lrzip, lzop). */

#include "types.h"

#include <string.h>

#define ISO_MARK_OFFSET (16 * 2048 + 1)
#define TAR_BLOCK 512

enum {
	TYPE_ZIP,
	TYPE_7ZIP,
	TYPE_RAR,
	TYPE_RAR5,
	TYPE_TAR,
	TYPE_CPIO,
	TYPE_ISO,
	TYPE_CAB,
	TYPE_LHA,
	TYPE_XAR,
	TYPE_AR,
	TYPE_RPM,
	TYPE_GZIP,
	TYPE_BZIP2,
	TYPE_COMPRESS,
	TYPE_LZMA,
	TYPE_XZ,
	TYPE_ZSTD,
	TYPE_LZ4,
	TYPE_LZIP,
	TYPE_ARJ,
	TYPE_ACE,
	TYPE_ZOO,
	TYPE_LZO,
	TYPE_LRZIP,
	TYPE_STUFFIT,
	TYPE_ALZ,
	TYPE_FREEZE,
};

static const ArchiveType types[] = {
	[TYPE_ZIP] = { "zip", .enable = { archive_read_support_format_zip } },
	[TYPE_7ZIP] = { "7z", .enable = { archive_read_support_format_7zip } },
	[TYPE_RAR] = { "rar", .enable = { archive_read_support_format_rar } },
	[TYPE_RAR5] = { "rar", .enable = { archive_read_support_format_rar5 } },
	[TYPE_TAR] = { "tar", .enable = { archive_read_support_format_tar } },
	[TYPE_CPIO] = { "cpio", .enable = { archive_read_support_format_cpio } },
	[TYPE_ISO] = { "iso", .is_maybe = TRUE, .enable = { archive_read_support_format_iso9660 } },
	[TYPE_CAB] = { "cab", .enable = { archive_read_support_format_cab } },
	[TYPE_LHA] = { "lha", .enable = { archive_read_support_format_lha } },
	[TYPE_XAR] = { "xar", .enable = { archive_read_support_format_xar } },
	[TYPE_AR] = { "ar", .enable = { archive_read_support_format_ar } },
	[TYPE_RPM] = { "rpm",
		       .enable = { archive_read_support_filter_rpm,
				   archive_read_support_filter_gzip,
				   archive_read_support_filter_bzip2,
				   archive_read_support_filter_xz, archive_read_support_filter_lzma,
				   archive_read_support_filter_zstd,
				   archive_read_support_format_cpio } },
	[TYPE_GZIP] = { "gzip", TRUE, ARCHIVE_FILTER_GZIP,
			.enable = { archive_read_support_format_raw,
				    archive_read_support_format_empty } },
	[TYPE_BZIP2] = { "bzip2", TRUE, ARCHIVE_FILTER_BZIP2,
			 .enable = { archive_read_support_format_raw,
				    archive_read_support_format_empty } },
	[TYPE_COMPRESS] = { "compress", .is_stream = TRUE,
			    .enable = { archive_read_support_filter_compress,
					archive_read_support_format_raw,
					archive_read_support_format_empty } },
	[TYPE_LZMA] = { "lzma", TRUE, ARCHIVE_FILTER_LZMA,
			.enable = { archive_read_support_format_raw,
				    archive_read_support_format_empty } },
	[TYPE_XZ] = { "xz", TRUE, ARCHIVE_FILTER_XZ,
		      .enable = { archive_read_support_format_raw,
				    archive_read_support_format_empty } },
	[TYPE_ZSTD] = { "zstd", TRUE, ARCHIVE_FILTER_ZSTD,
			.enable = { archive_read_support_format_raw,
				    archive_read_support_format_empty } },
	[TYPE_LZ4] = { "lz4", TRUE, ARCHIVE_FILTER_LZ4,
		       .enable = { archive_read_support_format_raw,
				    archive_read_support_format_empty } },
	[TYPE_LZIP] = { "lzip", TRUE, ARCHIVE_FILTER_LZIP,
			.enable = { archive_read_support_format_raw,
				    archive_read_support_format_empty } },
	/* known, so that they do not pass as something without content */
	[TYPE_ARJ] = { "arj" },
	[TYPE_ACE] = { "ace" },
	[TYPE_ZOO] = { "zoo" },
	[TYPE_LZO] = { "lzop" },
	[TYPE_LRZIP] = { "lrzip" },
	[TYPE_STUFFIT] = { "StuffIt" },
	[TYPE_ALZ] = { "alz" },
	[TYPE_FREEZE] = { "freeze" },
};

/* In this order: the first that fits is taken. */
static const struct {
	guint8 type, bid, offset, len;
	const char *magic;
} magics[] = {
	{ TYPE_ZIP, 90, 0, 4, "PK\003\004" },
	{ TYPE_ZIP, 90, 0, 4, "PK\005\006" }, /* empty */
	{ TYPE_ZIP, 90, 0, 4, "PK\007\010" }, /* first of several volumes */
	{ TYPE_ZIP, 90, 0, 8, "PK00PK\003\004" },
	{ TYPE_7ZIP, 90, 0, 6, "7z\274\257\047\034" },
	{ TYPE_RAR, 90, 0, 7, "Rar!\032\007\000" },
	{ TYPE_RAR5, 90, 0, 8, "Rar!\032\007\001\000" },
	{ TYPE_CAB, 90, 0, 8, "MSCF\000\000\000\000" },
	{ TYPE_XAR, 90, 0, 4, "xar!" },
	{ TYPE_AR, 90, 0, 8, "!<arch>\n" },
	{ TYPE_RPM, 90, 0, 4, "\355\253\356\333" },
	{ TYPE_GZIP, 90, 0, 3, "\037\213\010" },
	{ TYPE_XZ, 90, 0, 6, "\3757zXZ\000" },
	{ TYPE_ZSTD, 90, 0, 4, "\050\265\057\375" },
	{ TYPE_LZ4, 90, 0, 4, "\004\042\115\030" },
	{ TYPE_LZ4, 80, 0, 4, "\002\041\114\030" }, /* as the first versions wrote */
	{ TYPE_LZIP, 90, 0, 5, "LZIP\001" },
	{ TYPE_LZIP, 90, 0, 5, "LZIP\000" },
	{ TYPE_COMPRESS, 70, 0, 2, "\037\235" },
	{ TYPE_CPIO, 90, 0, 6, "070701" },
	{ TYPE_CPIO, 90, 0, 6, "070702" },
	{ TYPE_CPIO, 90, 0, 6, "070707" },
	{ TYPE_ACE, 5, 7, 7, "**ACE**" },
	{ TYPE_ZOO, 5, 20, 4, "\334\247\304\375" },
	{ TYPE_LZO, 5, 0, 9, "\211LZO\000\r\n\032\n" },
	{ TYPE_LRZIP, 5, 0, 5, "LRZI\000" },
	{ TYPE_STUFFIT, 5, 10, 4, "rLau" },
	{ TYPE_STUFFIT, 5, 0, 15, "StuffIt (c)1997" },
	{ TYPE_ALZ, 5, 0, 4, "ALZ\001" },
	{ TYPE_FREEZE, 5, 0, 2, "\037\237" },
};

static gboolean
type_is_bzip2(const guint8 *head, gsize len)
{
	/* a block, or the end of an empty stream */
	return len >= 10 && memcmp(head, "BZh", 3) == 0 && head[3] >= '1' && head[3] <= '9' &&
	       (memcmp(head + 4, "1AY&SY", 6) == 0 ||
		memcmp(head + 4, "\027\162\105\070\120\220", 6) == 0);
}

/* Not a mark but a header that makes sense: properties, a dictionary as encoders choose them, a size
 * that is unknown or possible, and a range coder that begins with 0. */
static gboolean
type_is_lzma(const guint8 *head, gsize len)
{
	static const guint64 unknown = G_MAXUINT64;
	guint64 size = 0;
	guint32 dictionary = 0;
	if (len < 14 || head[0] >= 9 * 5 * 5 || head[13] != 0)
		return FALSE;
	for (guint i = 0; i < 4; i++)
		dictionary |= (guint32)head[1 + i] << (8 * i);
	for (guint i = 0; i < 8; i++)
		size |= (guint64)head[5 + i] << (8 * i);
	if (size != unknown && size >= (G_GUINT64_CONSTANT(1) << 38))
		return FALSE;
	guint32 power = dictionary & (dictionary - 1); /* without its lowest bit */
	if (dictionary == G_MAXUINT32) /* encoders write this, too */
		return TRUE;
	return dictionary >= 4096 && (power == 0 || (dictionary - power) * 2 == power); /* 2^n or 2^n + 2^(n-1) */
}

/* "-lh5-" and its kin at byte 2 */
static gboolean
type_is_lha(const guint8 *head, gsize len)
{
	return len >= 21 && head[2] == '-' && head[6] == '-' &&
	       ((head[3] == 'l' && (head[4] == 'h' || head[4] == 'z')) ||
		(head[3] == 'p' && head[4] == 'm')) &&
	       g_ascii_isgraph(head[5]) && head[20] <= 3;
}

/* 16 bit numbers, of either byte order */
static gboolean
type_is_binary_cpio(const guint8 *head, gsize len)
{
	if (len < 26)
		return FALSE;
	gboolean is_little = head[0] == 0xc7 && head[1] == 0x71;
	if (!is_little && !(head[0] == 0x71 && head[1] == 0xc7))
		return FALSE;
	guint name_len = is_little ? head[20] | head[21] << 8 : head[20] << 8 | head[21];
	return name_len > 1 && name_len <= 4096 &&
	       (26 + name_len > len || head[26 + name_len - 1] == '\0');
}

/* The first header is the archive's own, of type 2 */
static gboolean
type_is_arj(const guint8 *head, gsize len)
{
	guint size = len >= 34 ? head[2] | (guint)head[3] << 8 : 0;
	return size >= 30 && size <= 2600 && head[0] == 0x60 && head[1] == 0xea &&
	       head[4] >= 30 && head[4] < size && head[10] == 2;
}

/* The checksum of a header counts its own eight bytes as blanks. */
static gboolean
type_is_tar(const guint8 *head, gsize len)
{
	gint64 sum = 8 * ' ', sum_of_signed = 8 * ' ', wanted = 0;
	guint i = 148;
	if (len < TAR_BLOCK || head[0] == '\0')
		return FALSE;
	for (guint k = 0; k < TAR_BLOCK; k++) {
		if (k >= 148 && k < 156)
			continue;
		sum += head[k];
		sum_of_signed += (gint8)head[k];
	}
	while (i < 156 && head[i] == ' ')
		i++;
	for (; i < 156 && head[i] >= '0' && head[i] <= '7'; i++)
		wanted = wanted * 8 + (head[i] - '0');
	return wanted > 0 && (wanted == sum || wanted == sum_of_signed);
}

/* The mark lies at 32 KiB; what stands before is free, mostly zeros or a boot sector. */
static gboolean
type_may_be_iso(const AmPartInfo *info, const guint8 *head, gsize len)
{
	if (info->size < ISO_MARK_OFFSET + 5 || len < 512)
		return FALSE;
	if (strstr(info->type, "iso9660") != NULL || strcmp(info->short_type, "iso") == 0)
		return TRUE;
	gsize n_zero = 0;
	while (n_zero < len && head[n_zero] == 0)
		n_zero++;
	return n_zero == len || (head[510] == 0x55 && head[511] == 0xaa);
}

const ArchiveType *
archive_type(const AmPartInfo *info, const guint8 *head, gsize len, int *bid)
{
	for (gsize i = 0; i < G_N_ELEMENTS(magics); i++) {
		gsize end = (gsize)magics[i].offset + magics[i].len;
		if (len < end ||
		    memcmp(head + magics[i].offset, magics[i].magic, magics[i].len) != 0)
			continue;
		*bid = magics[i].bid;
		return &types[magics[i].type];
	}
	const struct {
		gboolean fits;
		int bid;
		guint type;
	} guesses[] = {
		{ type_is_bzip2(head, len), 90, TYPE_BZIP2 },
		{ type_is_tar(head, len), 85, TYPE_TAR },
		{ type_is_lha(head, len), 80, TYPE_LHA },
		{ type_is_arj(head, len), 5, TYPE_ARJ },
		{ type_is_lzma(head, len), 40, TYPE_LZMA },
		{ type_is_binary_cpio(head, len), 40, TYPE_CPIO },
		{ type_may_be_iso(info, head, len), 10, TYPE_ISO },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(guesses); i++) {
		if (!guesses[i].fits)
			continue;
		*bid = guesses[i].bid;
		return &types[guesses[i].type];
	}
	*bid = 0;
	return NULL;
}

gboolean
archive_type_is_zip(const ArchiveType *type)
{
	return type == &types[TYPE_ZIP];
}

gboolean
archive_type_has_late_mark(const ArchiveType *type, goffset *offset, const char **mark, gsize *len)
{
	if (type != &types[TYPE_ISO])
		return FALSE;
	*offset = ISO_MARK_OFFSET;
	*mark = "CD001";
	*len = 5;
	return TRUE;
}

const ArchiveEnable *
archive_type_all(void)
{
	static const ArchiveEnable all[] = {
		archive_read_support_filter_gzip,     archive_read_support_filter_bzip2,
		archive_read_support_filter_compress, archive_read_support_filter_lzma,
		archive_read_support_filter_xz,	      archive_read_support_filter_zstd,
		archive_read_support_filter_lz4,      archive_read_support_filter_lzip,
		archive_read_support_filter_rpm,      archive_read_support_format_zip,
		archive_read_support_format_7zip,     archive_read_support_format_rar,
		archive_read_support_format_rar5,     archive_read_support_format_tar,
		archive_read_support_format_cpio,     archive_read_support_format_iso9660,
		archive_read_support_format_cab,      archive_read_support_format_lha,
		archive_read_support_format_xar,      archive_read_support_format_ar,
		archive_read_support_format_raw,      archive_read_support_format_empty,
		NULL,
	};
	return all;
}
