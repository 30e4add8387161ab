/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A writer of compound files with sectors of 512 bytes: FAT first, then directory, mini FAT, mini
 * stream, streams.  Entries of a storage are chained, which is a poor tree but a legal one. */

#include <config.h>

#include "ole-samples.h"

#include <openssl/evp.h>
#include <string.h>

#define SECTOR 512
#define MINI_SECTOR 64
#define CUTOFF 4096
#define END 0xfffffffeU
#define FREE 0xffffffffU
#define FAT_MAX 109

typedef struct {
	char *path, *name;
	GByteArray *data; /* NULL: a storage */
	gint32 parent;
	guint32 start, child, next;
} SampleEntry;

struct _OleSample {
	GPtrArray *entries;
};

static void
sample_entry_free(gpointer data)
{
	SampleEntry *entry = data;
	g_free(entry->path);
	g_free(entry->name);
	if (entry->data != NULL)
		g_byte_array_unref(entry->data);
	g_free(entry);
}

static SampleEntry *
sample_entry(const OleSample *sample, guint index)
{
	return g_ptr_array_index(sample->entries, index);
}

/* The entry of that path, made when there is none. */
static gint32
sample_make_entry(OleSample *sample, const char *path)
{
	for (guint i = 0; i < sample->entries->len; i++)
		if (strcmp(sample_entry(sample, i)->path, path) == 0)
			return (gint32)i;
	const char *slash = strrchr(path, '/');
	g_autofree char *storage =
		slash != NULL ? g_strndup(path, (gsize)(slash - path)) : g_strdup("");
	gint32 parent = *path == '\0' ? -1 : sample_make_entry(sample, storage);
	SampleEntry *entry = g_new0(SampleEntry, 1);
	entry->path = g_strdup(path);
	entry->name = g_strdup(*path == '\0' ? "Root Entry" : slash != NULL ? slash + 1 : path);
	entry->parent = parent;
	entry->child = entry->next = FREE;
	g_ptr_array_add(sample->entries, entry);
	guint32 index = sample->entries->len - 1;
	if (parent >= 0) {
		entry->next = sample_entry(sample, (guint)parent)->child;
		sample_entry(sample, (guint)parent)->child = index;
	}
	return (gint32)index;
}

OleSample *
ole_sample_new(void)
{
	OleSample *sample = g_new0(OleSample, 1);
	sample->entries = g_ptr_array_new_with_free_func(sample_entry_free);
	(void)sample_make_entry(sample, "");
	return sample;
}

void
ole_sample_add(OleSample *sample, const char *path, gconstpointer data, gsize len)
{
	SampleEntry *entry = sample_entry(sample, (guint)sample_make_entry(sample, path));
	entry->data = g_byte_array_new();
	g_byte_array_append(entry->data, data, (guint)len);
}

void
ole_sample_add_array(OleSample *sample, const char *path, const GByteArray *data)
{
	ole_sample_add(sample, path, data->data, data->len);
}

void
ole_sample_add_utf16(OleSample *sample, const char *path, const char *text)
{
	glong n = 0;
	g_autofree gunichar2 *units = g_utf8_to_utf16(text, -1, NULL, &n, NULL);
	g_autoptr(GByteArray) bytes = g_byte_array_new();
	for (glong i = 0; i < n; i++)
		sample_u16(bytes, units[i]);
	ole_sample_add_array(sample, path, bytes);
}

/* ---- sectors ------------------------------------------------------------------------------- */

static void
sample_pad(GByteArray *bytes, guint unit)
{
	while (bytes->len % unit != 0)
		g_byte_array_append(bytes, (const guint8 *)"", 1);
}

/* Appends `data` as a chain; `table` grows by its links.  Returns its first sector. */
static guint32
sample_chain(GByteArray *to, GArray *table, const GByteArray *data, guint unit)
{
	guint32 first = table->len, n = (data->len + unit - 1) / unit;
	if (n == 0)
		return END;
	for (guint32 i = 0; i < n; i++) {
		guint32 next = i + 1 < n ? first + i + 1 : END;
		g_array_append_val(table, next);
	}
	g_byte_array_append(to, data->data, data->len);
	sample_pad(to, unit);
	return first;
}

static GByteArray *
sample_directory(const OleSample *sample, guint32 mini_start, guint32 mini_len)
{
	GByteArray *bytes = g_byte_array_new();
	for (guint i = 0; i < sample->entries->len; i++) {
		const SampleEntry *entry = sample_entry(sample, i);
		glong n = 0;
		g_autofree gunichar2 *units = g_utf8_to_utf16(entry->name, -1, NULL, &n, NULL);
		guint start = bytes->len;
		g_byte_array_set_size(bytes, start + 128);
		memset(bytes->data + start, 0, 128);
		g_byte_array_set_size(bytes, start);
		for (glong k = 0; k < n; k++)
			sample_u16(bytes, units[k]);
		while (bytes->len < start + 64)
			sample_u16(bytes, 0);
		sample_u16(bytes, (guint16)(2 * n + 2));
		guint8 kind[2] = { i == 0 ? 5 : entry->data != NULL ? 2 : 1, 1 };
		g_byte_array_append(bytes, kind, 2);
		sample_u32(bytes, FREE);
		sample_u32(bytes, entry->next);
		sample_u32(bytes, entry->child);
		for (guint k = 0; k < 9; k++)
			sample_u32(bytes, 0);
		sample_u32(bytes, i == 0 ? mini_start : entry->data != NULL ? entry->start : 0);
		sample_u32(bytes, i == 0 ? mini_len : entry->data != NULL ? entry->data->len : 0);
		sample_u32(bytes, 0);
	}
	sample_pad(bytes, SECTOR);
	return bytes;
}

static GByteArray *
sample_table(const GArray *table)
{
	GByteArray *bytes = g_byte_array_new();
	for (guint i = 0; i < table->len; i++)
		sample_u32(bytes, g_array_index(table, guint32, i));
	while (bytes->len % SECTOR != 0)
		sample_u32(bytes, FREE);
	return bytes;
}

static GByteArray *
sample_header(guint n_fat, guint32 fat_start, guint32 directory, guint32 mini_fat)
{
	static const guint8 mark[] = { 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1 };
	GByteArray *bytes = g_byte_array_new();
	const guint16 words[] = { 0x3e, 3, 0xfffe, 9, 6, 0, 0, 0 };
	const guint32 longs[] = {
		0, n_fat, directory, 0, CUTOFF, mini_fat, mini_fat != END ? 1 : 0, END, 0
	};
	g_byte_array_append(bytes, mark, sizeof mark);
	for (guint i = 0; i < 4; i++)
		sample_u32(bytes, 0);
	for (guint i = 0; i < G_N_ELEMENTS(words); i++)
		sample_u16(bytes, words[i]);
	for (guint i = 0; i < G_N_ELEMENTS(longs); i++)
		sample_u32(bytes, longs[i]);
	for (guint i = 0; i < FAT_MAX; i++)
		sample_u32(bytes, i < n_fat ? fat_start + i : FREE);
	g_assert_cmpuint(bytes->len, ==, SECTOR);
	return bytes;
}

GByteArray *
ole_sample_finish(OleSample *sample)
{
	g_autoptr(GArray) fat = g_array_new(FALSE, FALSE, 4),
			  mini_fat = g_array_new(FALSE, FALSE, 4);
	g_autoptr(GByteArray) body = g_byte_array_new(), mini = g_byte_array_new();
	for (guint i = 0; i < sample->entries->len; i++) {
		SampleEntry *entry = sample_entry(sample, i);
		if (entry->data == NULL)
			continue;
		entry->start = entry->data->len < CUTOFF
				       ? sample_chain(mini, mini_fat, entry->data, MINI_SECTOR)
				       : sample_chain(body, fat, entry->data, SECTOR);
	}
	g_autoptr(GByteArray) mini_table = sample_table(mini_fat);
	guint32 mini_table_start = sample_chain(body, fat, mini_table, SECTOR);
	guint32 mini_start = sample_chain(body, fat, mini, SECTOR);
	g_autoptr(GByteArray) directory = sample_directory(sample, mini_start, mini->len);
	guint32 directory_start = sample_chain(body, fat, directory, SECTOR);
	/* the FAT lies behind all else, and has entries for itself */
	guint32 fat_start = fat->len, n_fat = 1;
	while (n_fat * (SECTOR / 4) < fat_start + n_fat)
		n_fat++;
	g_assert_cmpuint(n_fat, <=, FAT_MAX);
	for (guint i = 0; i < n_fat; i++) {
		guint32 mark = 0xfffffffdU;
		g_array_append_val(fat, mark);
	}
	g_autoptr(GByteArray) fat_bytes = sample_table(fat);
	GByteArray *file = sample_header(n_fat, fat_start, directory_start, mini_table_start);
	g_byte_array_append(file, body->data, body->len);
	g_byte_array_append(file, fat_bytes->data, fat_bytes->len);
	g_ptr_array_unref(sample->entries);
	g_free(sample);
	return file;
}

/* ---- contents ------------------------------------------------------------------------------ */

void
sample_u16(GByteArray *bytes, guint16 value)
{
	guint16 little = GUINT16_TO_LE(value);
	g_byte_array_append(bytes, (const guint8 *)&little, 2);
}

void
sample_u32(GByteArray *bytes, guint32 value)
{
	guint32 little = GUINT32_TO_LE(value);
	g_byte_array_append(bytes, (const guint8 *)&little, 4);
}

static void
sample_text(GByteArray *bytes, const char *text, guint extra)
{
	g_byte_array_append(bytes, (const guint8 *)text, (guint)strlen(text) + extra);
}

GByteArray *
sample_native(const char *label, const char *path, const char *content)
{
	GByteArray *bytes = g_byte_array_new();
	sample_u32(bytes, 1000); /* a length that is not right */
	sample_u16(bytes, 2);
	sample_text(bytes, label, 1);
	sample_text(bytes, path, 1);
	sample_u32(bytes, 0x30000);
	sample_u32(bytes, 8);
	sample_text(bytes, "C:\\t.ex", 1);
	sample_u32(bytes, (guint32)strlen(content));
	sample_text(bytes, content, 0);
	return bytes;
}

GByteArray *
sample_vba(const char *text)
{
	GByteArray *bytes = g_byte_array_new();
	gsize len = strlen(text), coded = len + (len + 7) / 8;
	g_assert_cmpuint(coded, <=, 4096);
	g_byte_array_append(bytes, (const guint8 *)"\1", 1);
	sample_u16(bytes, (guint16)(0xb000 | (coded - 1)));
	for (gsize i = 0; i < len; i++) {
		if (i % 8 == 0)
			g_byte_array_append(bytes, (const guint8 *)"", 1);
		g_byte_array_append(bytes, (const guint8 *)text + i, 1);
	}
	return bytes;
}

GByteArray *
sample_vba_dir(const char *module, guint32 offset)
{
	g_autoptr(GByteArray) dir = g_byte_array_new();
	glong n = 0;
	g_autofree gunichar2 *units = g_utf8_to_utf16(module, -1, NULL, &n, NULL);
	sample_u16(dir, 0x0009); /* version: says 4, has 6 */
	sample_u32(dir, 4);
	for (guint i = 0; i < 3; i++)
		sample_u16(dir, 1);
	sample_u16(dir, 0x0032);
	sample_u32(dir, (guint32)n * 2);
	for (glong i = 0; i < n; i++)
		sample_u16(dir, units[i]);
	sample_u16(dir, 0x0031);
	sample_u32(dir, 4);
	sample_u32(dir, offset);
	/* literals only, of any byte */
	GByteArray *bytes = g_byte_array_new();
	g_byte_array_append(bytes, (const guint8 *)"\1", 1);
	sample_u16(bytes, (guint16)(0xb000 | (dir->len + (dir->len + 7) / 8 - 1)));
	for (guint i = 0; i < dir->len; i++) {
		if (i % 8 == 0)
			g_byte_array_append(bytes, (const guint8 *)"", 1);
		g_byte_array_append(bytes, dir->data + i, 1);
	}
	return bytes;
}

/* ---- encryption ---------------------------------------------------------------------------- */

static void
sample_sha1(gconstpointer first, gsize first_len, gconstpointer second, gsize second_len,
	    guint8 *sum)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA1);
	gsize len = 20;
	g_checksum_update(checksum, first, (gssize)first_len);
	g_checksum_update(checksum, second, (gssize)second_len);
	g_checksum_get_digest(checksum, sum, &len);
}

/* [MS-OFFCRYPTO 2.3.4.7] */
static void
sample_standard_key(const char *password, const guint8 *salt, guint8 *key)
{
	guint8 hash[20], pad[64];
	glong n = 0;
	g_autofree gunichar2 *units = g_utf8_to_utf16(password, -1, NULL, &n, NULL);
	sample_sha1(salt, 16, units, (gsize)n * 2, hash);
	for (guint32 i = 0; i < 50000; i++) {
		guint32 counter = GUINT32_TO_LE(i);
		sample_sha1(&counter, 4, hash, 20, hash);
	}
	sample_sha1(hash, 20, "\0\0\0\0", 4, hash);
	for (guint k = 0; k < 2; k++) {
		memset(pad, k == 0 ? 0x36 : 0x5c, sizeof pad);
		for (guint i = 0; i < 20; i++)
			pad[i] ^= hash[i];
		sample_sha1(pad, sizeof pad, "", 0, key + (gsize)k * 20);
	}
}

static void
sample_ecb(const guint8 *key, guint bits, const guint8 *from, gsize len, GByteArray *to)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	guint start = to->len;
	int n = 0;
	g_byte_array_set_size(to, start + (guint)len);
	g_assert_true(EVP_EncryptInit_ex(context,
					 bits == 128   ? EVP_aes_128_ecb()
					 : bits == 192 ? EVP_aes_192_ecb()
						       : EVP_aes_256_ecb(),
					 NULL, key, NULL));
	(void)EVP_CIPHER_CTX_set_padding(context, 0);
	g_assert_true(EVP_EncryptUpdate(context, to->data + start, &n, from, (int)len));
	EVP_CIPHER_CTX_free(context);
}

void
sample_standard(OleSample *sample, const char *password, guint bits, gconstpointer data, gsize len)
{
	static const guint8 salt[16] = "sixteen bytes of", verifier[16] = "verifier, 16 of ";
	g_autoptr(GByteArray) info = g_byte_array_new(), package = g_byte_array_new();
	g_autoptr(GByteArray) plain = g_byte_array_new();
	guint8 key[40], hash[32] = { 0 };
	sample_standard_key(password, salt, key);
	sample_u16(info, 4);
	sample_u16(info, 2);
	sample_u32(info, 0x24);
	sample_u32(info, 34); /* header: as below, and an empty name of a provider */
	const guint32 header[] = { 0x24, 0, 0x660e + (bits - 128) / 64, 0x8004, bits, 0x18, 0, 0 };
	for (guint i = 0; i < G_N_ELEMENTS(header); i++)
		sample_u32(info, header[i]);
	sample_u16(info, 0);
	sample_u32(info, 16);
	g_byte_array_append(info, salt, 16);
	sample_ecb(key, bits, verifier, 16, info);
	sample_u32(info, 20);
	sample_sha1(verifier, 16, "", 0, hash);
	sample_ecb(key, bits, hash, 32, info);
	ole_sample_add_array(sample, "EncryptionInfo", info);
	g_byte_array_append(plain, data, (guint)len);
	sample_pad(plain, 16);
	sample_u32(package, (guint32)len);
	sample_u32(package, 0);
	sample_ecb(key, bits, plain->data, plain->len, package);
	ole_sample_add_array(sample, "EncryptedPackage", package);
}

GByteArray *
sample_everything(void)
{
	OleSample *sample = ole_sample_new();
	g_autoptr(GByteArray) native = sample_native("a.pdf", "C:\\a.exe", "MZ");
	g_autoptr(GByteArray) source =
		sample_vba("Attribute VB_Name = \"M\"\r\nSub AutoOpen()\r\n");
	g_autoptr(GByteArray) dir = sample_vba_dir("M", 0);
	ole_sample_add(sample, "WordDocument", "\xec\xa5\0\0\0\0\0\0\0\0\0\0\023 DDE c:", 20);
	ole_sample_add_array(sample, "ObjectPool/_1/\1Ole10Native", native);
	ole_sample_add_array(sample, "Macros/VBA/M", source);
	ole_sample_add_array(sample, "Macros/VBA/dir", dir);
	ole_sample_add(sample, "Workbook", "\x85\0\x08\0\0\0\0\0\1\1\1A\n\0\0\0", 16);
	ole_sample_add(sample, "PowerPoint Document", "\0\0\x11\x10\4\0\0\0file", 12);
	ole_sample_add_utf16(sample, "__substg1.0_1000001F", "text");
	ole_sample_add(
		sample, "__substg1.0_10090102",
		"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\3\0\n\0rcpg125B2\n\xf3 hel\t\0 bw\5"
		"\xb0ld}\n\x80\x0f\xa0",
		49);
	ole_sample_add(sample, "__attach_version1.0_#00000000/__substg1.0_37010102", "data", 4);
	ole_sample_add(sample, "\1Ole", "\1\0\0\2h\0t\0t\0p\0:\0/\0", 16);
	return ole_sample_finish(sample);
}
