/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Each format as its specification draws it: little pieces put one after the other. */

#include <config.h>

#include "archive-samples.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

typedef GByteArray *(*SampleMake)(gsize noise_len);
typedef int (*SampleFormat)(struct archive *archive);

static void
put(GByteArray *out, gconstpointer data, gsize len)
{
	g_byte_array_append(out, data, (guint)len);
}

/* A number of `bytes` bytes, least significant first. */
static void
put_le(GByteArray *out, guint64 value, guint bytes)
{
	for (guint i = 0; i < bytes; i++) {
		guint8 byte = i < 8 ? (guint8)(value >> (8 * i)) : 0;
		put(out, &byte, 1);
	}
}

static void
put_be(GByteArray *out, guint64 value, guint bytes)
{
	while (bytes-- > 0) {
		guint8 byte = (guint8)(value >> (8 * bytes));
		put(out, &byte, 1);
	}
}

static guint32
sample_crc32(gconstpointer data, gsize len)
{
	const guint8 *bytes = data;
	guint32 crc = G_MAXUINT32;
	for (gsize i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (guint bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0);
	}
	return ~crc;
}

static guint16
sample_crc16(gconstpointer data, gsize len)
{
	const guint8 *bytes = data;
	guint32 crc = 0;
	for (gsize i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (guint bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xa001U : 0);
	}
	return (guint16)crc;
}

guint8 *
sample_noise(gsize len)
{
	guint8 *noise = g_malloc(len + 1);
	guint32 state = 12345;
	for (gsize i = 0; i < len; i++) {
		state = state * 1103515245U + 12345U;
		noise[i] = (guint8)("abcdefgh"[(state >> 16) & 7] + (i % 97 == 0 ? 0x80 : 0));
	}
	return noise;
}

/* ---- by libarchive ------------------------------------------------------------------------- */

static la_ssize_t
sample_write(G_GNUC_UNUSED struct archive *archive, void *data, const void *block, size_t len)
{
	put(data, block, len);
	return (la_ssize_t)len;
}

static void
sample_add(struct archive *archive, const char *name, guint type, gconstpointer data, gsize len)
{
	struct archive_entry *entry = archive_entry_new();
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, type);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)len);
	archive_entry_set_mtime(entry, 1700000000, 0);
	if (type == AE_IFLNK)
		archive_entry_set_symlink(entry, SAMPLE_TEXT_NAME);
	int rc = archive_write_header(archive, entry);
	if (rc < ARCHIVE_WARN)
		g_error("%s: %s", name, archive_error_string(archive));
	if (len > 0)
		g_assert_cmpint(archive_write_data(archive, data, len), ==, (gssize)len);
	archive_entry_free(entry);
}

static GByteArray *
sample_by_libarchive(SampleFormat format, SampleFormat filter, gboolean is_rich, gsize noise_len)
{
	GByteArray *out = g_byte_array_new();
	struct archive *archive = archive_write_new();
	g_autofree guint8 *noise = sample_noise(noise_len);
	g_autofree char *before = g_strdup(setlocale(LC_CTYPE, NULL));
	(void)setlocale(LC_CTYPE, "C.UTF-8"); /* to write UTF-8 names; reading is without */
	g_assert_cmpint(format(archive), ==, ARCHIVE_OK);
	if (filter != NULL)
		g_assert_cmpint(filter(archive), ==, ARCHIVE_OK);
	(void)archive_write_set_bytes_in_last_block(archive, 1);
	g_assert_cmpint(archive_write_open(archive, out, NULL, sample_write, NULL), ==, ARCHIVE_OK);
	if (filter == NULL)
		sample_add(archive, SAMPLE_TEXT_NAME, AE_IFREG, SAMPLE_TEXT, strlen(SAMPLE_TEXT));
	sample_add(archive, SAMPLE_NOISE_NAME, AE_IFREG, noise, noise_len);
	if (is_rich) {
		sample_add(archive, SAMPLE_EMPTY_NAME, AE_IFREG, NULL, 0);
		sample_add(archive, "folder", AE_IFDIR, NULL, 0);
		sample_add(archive, "link", AE_IFLNK, NULL, 0);
		sample_add(archive, SAMPLE_UTF8_NAME, AE_IFREG, "x", 1);
	}
	if (archive_write_close(archive) != ARCHIVE_OK)
		g_error("%s", archive_error_string(archive));
	(void)archive_write_free(archive);
	(void)setlocale(LC_CTYPE, before);
	return out;
}

static int
format_tar_v7(struct archive *archive)
{
	return archive_write_set_format_v7tar(archive);
}

GByteArray *
sample_sparse_tar(gint64 size)
{
	GByteArray *out = g_byte_array_new();
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	(void)archive_write_set_format_pax(archive);
	g_assert_cmpint(archive_write_open(archive, out, NULL, sample_write, NULL), ==, ARCHIVE_OK);
	archive_entry_set_pathname(entry, "sparse");
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_size(entry, size);
	archive_entry_sparse_add_entry(entry, size - 10, 10);
	g_assert_cmpint(archive_write_header(archive, entry), ==, ARCHIVE_OK);
	/* the writer wants the hole's bytes too, so the file must be small; the size is put in after */
	for (gint64 left = size; left > 0; left -= MIN(left, 4096)) {
		char block[4096] = { 0 };
		(void)archive_write_data(archive, block, (gsize)MIN(left, 4096));
	}
	archive_entry_free(entry);
	(void)archive_write_free(archive);
	return out;
}

/* ---- by hand ------------------------------------------------------------------------------- */

GByteArray *
sample_zip_one(const char *name, guint flags, const char *content)
{
	GByteArray *out = g_byte_array_new();
	gsize len = strlen(content), name_len = strlen(name);
	guint32 crc = sample_crc32(content, len);
	for (guint central = 0; central < 2; central++) {
		put(out, central ? "PK\001\002" : "PK\003\004", 4);
		if (central)
			put_le(out, 20, 2); /* made by */
		put_le(out, 20, 2);
		put_le(out, flags, 2);
		put_le(out, 0, 2); /* stored */
		put_le(out, 0, 4); /* time */
		put_le(out, crc, 4);
		put_le(out, len, 4);
		put_le(out, len, 4);
		put_le(out, name_len, 2);
		put_le(out, 0, 2);
		if (central)
			put_le(out, 0, 14); /* comment, disk, attributes, offset 0 */
		put(out, name, name_len);
		if (!central)
			put(out, content, len);
	}
	gsize central_at = 30 + name_len + len;
	put(out, "PK\005\006", 4);
	put_le(out, 0, 4);
	put_le(out, 1, 2);
	put_le(out, 1, 2);
	put_le(out, 46 + name_len, 4);
	put_le(out, central_at, 4);
	put_le(out, 0, 2);
	return out;
}

/* A header of RAR 4: a checksum in front of it. */
static void
rar4_put_header(GByteArray *out, const GByteArray *header)
{
	put_le(out, sample_crc32(header->data, header->len) & 0xffff, 2);
	put(out, header->data, header->len);
}

static void
rar4_put_file(GByteArray *out, const char *name, guint flags, gconstpointer data, gsize len)
{
	g_autoptr(GByteArray) header = g_byte_array_new();
	put_le(header, 0x74, 1);
	put_le(header, 0x8000 | flags, 2);
	put_le(header, 32 + strlen(name), 2);
	put_le(header, len, 4);
	put_le(header, len, 4);
	put_le(header, 3, 1); /* Unix */
	put_le(header, sample_crc32(data, len), 4);
	put_le(header, 0x58000000, 4);
	put_le(header, 20, 1);
	put_le(header, 0x30, 1); /* stored */
	put_le(header, strlen(name), 2);
	put_le(header, S_IFREG | 0644, 4);
	put(header, name, strlen(name));
	rar4_put_header(out, header);
	put(out, data, len);
}

static GByteArray *
rar4_begin(void)
{
	GByteArray *out = g_byte_array_new();
	g_autoptr(GByteArray) header = g_byte_array_new();
	put(out, "Rar!\032\007\000", 7);
	put_le(header, 0x73, 1);
	put_le(header, 0, 2);
	put_le(header, 13, 2);
	put_le(header, 0, 6);
	rar4_put_header(out, header);
	return out;
}

static void
rar4_end(GByteArray *out)
{
	g_autoptr(GByteArray) header = g_byte_array_new();
	put_le(header, 0x7b, 1);
	put_le(header, 0x4000, 2);
	put_le(header, 7, 2);
	rar4_put_header(out, header);
}

GByteArray *
sample_rar4_one(const char *name, guint flags, gconstpointer data, gsize len)
{
	GByteArray *out = rar4_begin();
	rar4_put_file(out, name, flags, data, len);
	rar4_end(out);
	return out;
}

static GByteArray *
sample_rar4(gsize noise_len)
{
	g_autofree guint8 *noise = sample_noise(noise_len);
	GByteArray *out = rar4_begin();
	rar4_put_file(out, SAMPLE_TEXT_NAME, 0, SAMPLE_TEXT, strlen(SAMPLE_TEXT));
	rar4_put_file(out, SAMPLE_NOISE_NAME, 0, noise, noise_len);
	rar4_end(out);
	return out;
}

/* Seven bits each, least significant first, the top bit: there is more. */
static void
rar5_put_number(GByteArray *out, guint64 value)
{
	for (; value >= 0x80; value >>= 7)
		put_le(out, (value & 0x7f) | 0x80, 1);
	put_le(out, value, 1);
}

static void
rar5_put_header(GByteArray *out, const GByteArray *header)
{
	g_autoptr(GByteArray) sized = g_byte_array_new();
	rar5_put_number(sized, header->len);
	put(sized, header->data, header->len);
	put_le(out, sample_crc32(sized->data, sized->len), 4);
	put(out, sized->data, sized->len);
}

static void
rar5_put_file(GByteArray *out, const char *name, gboolean is_encrypted, gconstpointer data,
	      gsize len)
{
	g_autoptr(GByteArray) header = g_byte_array_new();
	g_autoptr(GByteArray) extra = g_byte_array_new();
	if (is_encrypted) {
		rar5_put_number(extra, 36); /* bytes that follow */
		rar5_put_number(extra, 1);  /* encryption */
		rar5_put_number(extra, 0);
		rar5_put_number(extra, 0);
		put_le(extra, 15, 1);
		for (guint i = 0; i < 32; i++) /* salt and vector */
			put_le(extra, i, 1);
	}
	rar5_put_number(header, 2);
	rar5_put_number(header, is_encrypted ? 3 : 2);
	if (is_encrypted)
		rar5_put_number(header, extra->len);
	rar5_put_number(header, len);
	rar5_put_number(header, 4); /* has a checksum */
	rar5_put_number(header, len);
	rar5_put_number(header, S_IFREG | 0644);
	put_le(header, sample_crc32(data, len), 4);
	rar5_put_number(header, 0); /* stored */
	rar5_put_number(header, 1); /* Unix */
	rar5_put_number(header, strlen(name));
	put(header, name, strlen(name));
	put(header, extra->data, extra->len);
	rar5_put_header(out, header);
	put(out, data, len);
}

/* A header of a type without anything special. */
static void
rar5_put_plain(GByteArray *out, guint type)
{
	g_autoptr(GByteArray) header = g_byte_array_new();
	rar5_put_number(header, type);
	rar5_put_number(header, 0);
	rar5_put_number(header, 0);
	rar5_put_header(out, header);
}

static GByteArray *
rar5_begin(void)
{
	GByteArray *out = g_byte_array_new();
	put(out, "Rar!\032\007\001\000", 8);
	return out;
}

GByteArray *
sample_rar5_one(const char *name, gboolean is_encrypted, gconstpointer data, gsize len)
{
	GByteArray *out = rar5_begin();
	rar5_put_plain(out, 1);
	rar5_put_file(out, name, is_encrypted, data, len);
	rar5_put_plain(out, 5);
	return out;
}

GByteArray *
sample_rar5_locked(void)
{
	GByteArray *out = rar5_begin();
	g_autoptr(GByteArray) header = g_byte_array_new();
	rar5_put_number(header, 4);
	rar5_put_number(header, 0);
	rar5_put_number(header, 0);
	rar5_put_number(header, 0);
	put_le(header, 15, 1);
	for (guint i = 0; i < 16; i++)
		put_le(header, i, 1);
	rar5_put_header(out, header);
	put(out, "0123456789abcdef0123456789abcdef", 32);
	return out;
}

static GByteArray *
sample_rar5(gsize noise_len)
{
	g_autofree guint8 *noise = sample_noise(noise_len);
	GByteArray *out = rar5_begin();
	rar5_put_plain(out, 1);
	rar5_put_file(out, SAMPLE_TEXT_NAME, FALSE, SAMPLE_TEXT, strlen(SAMPLE_TEXT));
	rar5_put_file(out, SAMPLE_NOISE_NAME, FALSE, noise, noise_len);
	rar5_put_plain(out, 5);
	return out;
}

static void
lha_put_file(GByteArray *out, const char *name, gconstpointer data, gsize len)
{
	g_autoptr(GByteArray) header = g_byte_array_new();
	guint8 sum = 0;
	put(header, "-lh0-", 5);
	put_le(header, len, 4);
	put_le(header, len, 4);
	put_le(header, 0x58000000, 4);
	put_le(header, 0x20, 1);
	put_le(header, 0, 1); /* level */
	put_le(header, strlen(name), 1);
	put(header, name, strlen(name));
	put_le(header, sample_crc16(data, len), 2);
	for (guint i = 0; i < header->len; i++)
		sum = (guint8)(sum + header->data[i]);
	put_le(out, header->len, 1);
	put_le(out, sum, 1);
	put(out, header->data, header->len);
	put(out, data, len);
}

static GByteArray *
sample_lha(gsize noise_len)
{
	GByteArray *out = g_byte_array_new();
	g_autofree guint8 *noise = sample_noise(noise_len);
	lha_put_file(out, SAMPLE_TEXT_NAME, SAMPLE_TEXT, strlen(SAMPLE_TEXT));
	lha_put_file(out, SAMPLE_NOISE_NAME, noise, noise_len);
	put_le(out, 0, 1);
	return out;
}

#define CAB_BLOCK 32768

static GByteArray *
sample_cab(gsize noise_len)
{
	GByteArray *out = g_byte_array_new();
	g_autoptr(GByteArray) content = g_byte_array_new();
	g_autofree guint8 *noise = sample_noise(noise_len);
	put(content, SAMPLE_TEXT, strlen(SAMPLE_TEXT));
	put(content, noise, noise_len);
	gsize n_blocks = (content->len + CAB_BLOCK - 1) / CAB_BLOCK;
	gsize files = 36 + 8;
	gsize data = files + 2 * 16 + sizeof SAMPLE_TEXT_NAME + sizeof SAMPLE_NOISE_NAME;
	put(out, "MSCF\000\000\000\000", 8);
	put_le(out, data + n_blocks * 8 + content->len, 4);
	put_le(out, 0, 4);
	put_le(out, files, 4);
	put_le(out, 0, 4);
	put_le(out, 0x0103, 2); /* version */
	put_le(out, 1, 2);	/* folders */
	put_le(out, 2, 2);	/* files */
	put_le(out, 0, 6);
	put_le(out, data, 4);
	put_le(out, n_blocks, 2);
	put_le(out, 0, 2); /* stored */
	put_le(out, strlen(SAMPLE_TEXT), 4);
	put_le(out, 0, 4);
	put_le(out, 0, 2);
	put_le(out, 0x58000000, 4);
	put_le(out, 0x20, 2);
	put(out, SAMPLE_TEXT_NAME, sizeof SAMPLE_TEXT_NAME);
	put_le(out, noise_len, 4);
	put_le(out, strlen(SAMPLE_TEXT), 4);
	put_le(out, 0, 2);
	put_le(out, 0x58000000, 4);
	put_le(out, 0x20, 2);
	put(out, SAMPLE_NOISE_NAME, sizeof SAMPLE_NOISE_NAME);
	for (gsize at = 0; at < content->len; at += CAB_BLOCK) {
		gsize n = MIN(CAB_BLOCK, content->len - at);
		put_le(out, 0, 4); /* not checked */
		put_le(out, n, 2);
		put_le(out, n, 2);
		put(out, content->data + at, n);
	}
	return out;
}

static int
filter_gzip(struct archive *archive)
{
	int rc = archive_write_add_filter_gzip(archive);
	return rc == ARCHIVE_OK
		       ? archive_write_set_filter_option(archive, "gzip", "timestamp", NULL)
		       : rc;
}

static GByteArray *
sample_rpm(gsize noise_len)
{
	GByteArray *out = g_byte_array_new();
	g_autoptr(GByteArray) cpio =
		sample_by_libarchive(archive_write_set_format_cpio_newc, NULL, TRUE, noise_len);
	put(out, "\355\253\356\333\003\000\000\000\000\001", 10);
	put(out, "sample-1.0-1", 13);
	while (out->len < 96)
		put_le(out, 0, 1);
	for (guint i = 0; i < 2; i++) { /* signature and header */
		put(out, "\216\255\350\001", 4);
		put_be(out, 0, 4);
		put_be(out, 1, 4); /* entries */
		put_be(out, 8, 4); /* bytes */
		put_be(out, 1000, 4);
		put_be(out, 6, 4);
		put_be(out, 0, 4);
		put_be(out, 1, 4);
		put(out, "sample\0", 8);
	}
	put(out, cpio->data, cpio->len);
	return out;
}

/* ---- the table ----------------------------------------------------------------------------- */

static const struct {
	SampleMake make; /* NULL: by libarchive */
	SampleFormat format, filter;
} makers[] = {
	{ NULL, archive_write_set_format_zip },
	{ NULL, archive_write_set_format_7zip },
	{ NULL, archive_write_set_format_ustar },
	{ NULL, archive_write_set_format_pax },
	{ NULL, archive_write_set_format_gnutar },
	{ NULL, format_tar_v7 },
	{ NULL, archive_write_set_format_cpio_odc },
	{ NULL, archive_write_set_format_cpio_newc },
	{ NULL, archive_write_set_format_cpio_bin },
	{ NULL, archive_write_set_format_xar },
	{ NULL, archive_write_set_format_iso9660 },
	{ NULL, archive_write_set_format_ar_svr4 },
	{ NULL, archive_write_set_format_ar_bsd },
	{ sample_rar4 },
	{ sample_rar5 },
	{ sample_lha },
	{ sample_cab },
	{ sample_rpm },
	{ NULL, archive_write_set_format_raw, filter_gzip },
	{ NULL, archive_write_set_format_raw, archive_write_add_filter_bzip2 },
	{ NULL, archive_write_set_format_raw, archive_write_add_filter_compress },
	{ NULL, archive_write_set_format_raw, archive_write_add_filter_lzma },
	{ NULL, archive_write_set_format_raw, archive_write_add_filter_xz },
	{ NULL, archive_write_set_format_raw, archive_write_add_filter_zstd },
	{ NULL, archive_write_set_format_raw, archive_write_add_filter_lz4 },
	{ NULL, archive_write_set_format_raw, archive_write_add_filter_lzip },
};

const Sample samples[] = {
	{ "zip", TRUE, TRUE, NULL },
	{ "7z", TRUE, TRUE, NULL },
	{ "ustar.tar", TRUE, TRUE, NULL },
	{ "pax.tar", TRUE, TRUE, NULL },
	{ "gnu.tar", TRUE, TRUE, NULL },
	{ "v7.tar", TRUE, TRUE, NULL },
	{ "odc.cpio", TRUE, TRUE, NULL },
	{ "newc.cpio", TRUE, TRUE, NULL },
	{ "bin.cpio", TRUE, TRUE, NULL },
	{ "xar", TRUE, TRUE, NULL },
	{ "iso", TRUE, TRUE, NULL },
	{ "svr4.ar", FALSE, FALSE, NULL },
	{ "bsd.ar", FALSE, FALSE, NULL },
	{ "rar4.rar", FALSE, FALSE, NULL },
	{ "rar5.rar", FALSE, FALSE, NULL },
	{ "lzh", FALSE, FALSE, NULL },
	{ "cab", FALSE, FALSE, NULL },
	{ "rpm", TRUE, TRUE, NULL },
	{ "file.exe.gz", FALSE, FALSE, "file.exe" },
	{ "file.tbz2", FALSE, FALSE, "file.tar" },
	{ "file.Z", FALSE, FALSE, "file" },
	{ "file.js.lzma", FALSE, FALSE, "file.js" },
	{ "file.XZ", FALSE, FALSE, "file" },
	{ "file.tar.zst", FALSE, FALSE, "file.tar" },
	{ "file.lz4", FALSE, FALSE, "file" },
	{ "file.lz", FALSE, FALSE, "file" },
};
const guint n_samples = G_N_ELEMENTS(samples);
G_STATIC_ASSERT(G_N_ELEMENTS(samples) == G_N_ELEMENTS(makers));

GByteArray *
sample_make(const Sample *sample, gsize noise_len)
{
	gsize i = (gsize)(sample - samples);
	g_assert_cmpuint(i, <, n_samples);
	if (makers[i].make != NULL)
		return makers[i].make(noise_len);
	return sample_by_libarchive(makers[i].format, makers[i].filter, sample->has_directories,
				    noise_len);
}
