/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* An embedded file is a FileDataStoreObject [MS-ONESTORE 2.6.13]: a GUID, the length as 64 bits, 12
 * bytes of nothing, the file.  They are found by that GUID, wherever they are: the lists of nodes
 * that lead to them can be broken or say anything, the file is there all the same.
 *
 * The names stand elsewhere, as values of properties: 32 bits of length and so much UTF-16 with a
 * NUL at its end.  Which name is whose is told by nodes too; here names that have an extension are
 * taken in the order of the file, like the files.  What is left over of them is told as findings,
 * so that each name is seen. */

#include "reader.h"

#include <string.h>

#define HEADER_BYTES 36
#define EXPECTED_AT 196 /* length of the file [MS-ONESTORE 2.3.1] */
#define NAME_MIN_BYTES 8   /* "a.b" and NUL */
#define NAME_MAX_BYTES 520 /* as long as a path may be */
#define NAMES_MAX 200
#define LATE_EVERY 0xfffff /* bytes between looks at the clock */

/* guidFileType of a section and of a table of contents */
static const guint8 section_types[][16] = {
	{ 0xe4, 0x52, 0x5c, 0x7b, 0x8c, 0xd8, 0xa7, 0x4d, 0xae, 0xb1, 0x53, 0x78, 0xd0, 0x29, 0x96,
	  0xd3 },
	{ 0xa1, 0x2f, 0xff, 0x43, 0xd9, 0xef, 0x76, 0x4c, 0x9e, 0xe2, 0x10, 0xea, 0x57, 0x22, 0x76,
	  0x5f },
};
/* guidFileFormat of a section as it is sent to a server [MS-ONESTORE 2.8] */
static const guint8 packaged_format[16] = { 0x2f, 0xe9, 0x8d, 0x63, 0xd4, 0xa6, 0xc1, 0x4b,
					    0x9a, 0x36, 0xb3, 0xfc, 0x25, 0x11, 0xa5, 0xb7 };
/* {BDE316E7-2665-4511-A4C4-8D4D0B7A9EAC} */
static const guint8 file_header[16] = { 0xe7, 0x16, 0xe3, 0xbd, 0x65, 0x26, 0x11, 0x45,
					0xa4, 0xc4, 0x8d, 0x4d, 0x0b, 0x7a, 0x9e, 0xac };

gboolean
onenote_is_section(const guint8 *head, gsize len)
{
	for (gsize i = 0; i < G_N_ELEMENTS(section_types); i++)
		if (len >= 64 && memcmp(head, section_types[i], 16) == 0)
			return TRUE;
	return FALSE;
}

/* Letters, and at their end a dot and one to eight letters or digits. */
static gboolean
onenote_is_name(const guint8 *at, gsize n_units)
{
	gsize dot = 0;
	for (gsize i = 0; i < n_units; i++) {
		guint16 c = bytes_u16(at + 2 * i);
		if (c < 0x20 || strchr("\"*/:<>?|\\", c < 0x80 ? (int)c : 'a') != NULL)
			return FALSE;
		if (c == '.')
			dot = i;
	}
	if (dot == 0 || n_units - dot < 2 || n_units - dot > 9)
		return FALSE;
	for (gsize i = dot + 1; i < n_units; i++) {
		guint16 c = bytes_u16(at + 2 * i);
		if (c >= 0x80 || !g_ascii_isalnum((char)c))
			return FALSE;
	}
	return TRUE;
}

/* The name whose length is at `at`; NULL: none is.  *len: of all of it. */
static char *
onenote_name_at(Bytes bytes, gsize at, gsize *len)
{
	Bytes rest = bytes_sub(bytes, at, 4 + NAME_MAX_BYTES);
	if (rest.len < 4 + NAME_MIN_BYTES)
		return NULL;
	guint32 size = bytes_u32(rest.data);
	if (size < NAME_MIN_BYTES || size % 2 != 0 || size > rest.len - 4 ||
	    bytes_u16(rest.data + 4 + size - 2) != 0)
		return NULL;
	if (!onenote_is_name(rest.data + 4, size / 2 - 1))
		return NULL;
	*len = 4 + size;
	return bytes_utf16(bytes_sub(rest, 4, size));
}

/* All names between `from` and `to`, behind those there are. */
static void
onenote_collect_names(Bytes bytes, gsize from, gsize to, GPtrArray *names, GHashTable *seen,
		      Output *output)
{
	gsize looked = from;
	for (gsize at = from; at < to && names->len < NAMES_MAX; at++) {
		gsize len;
		if (at - looked > LATE_EVERY) {
			looked = at;
			if (output_is_over(output))
				return;
		}
		/* lengths of names have two zero bytes at their end, most places have not */
		if (at + 4 > bytes.len || bytes.data[at + 2] != 0 || bytes.data[at + 3] != 0)
			continue;
		char *name = onenote_name_at(bytes, at, &len);
		if (name == NULL)
			continue;
		/* the same one is written for each revision of a page */
		if (g_hash_table_contains(seen, name)) {
			g_free(name);
		} else {
			(void)g_hash_table_add(seen, name);
			g_ptr_array_add(names, name);
		}
		at += len - 1;
	}
}

/* The files: ranges of `bytes`. */
static GArray *
onenote_find_files(Bytes bytes, gboolean *is_cut)
{
	GArray *files = g_array_new(FALSE, FALSE, sizeof(Bytes));
	for (gssize at = 0; (at = bytes_find(bytes, (gsize)at, file_header, 16)) >= 0;) {
		Bytes head = bytes_sub(bytes, (gsize)at, HEADER_BYTES);
		guint64 len = head.len == HEADER_BYTES ? bytes_u64(head.data + 16) : 0;
		Bytes file = bytes_sub(bytes, (gsize)at + HEADER_BYTES, (gsize)MIN(len, bytes.len));
		if (head.len < HEADER_BYTES || file.len < len)
			*is_cut = TRUE;
		at += 16;
		if (file.len == 0)
			continue;
		g_array_append_val(files, file);
		if (file.len == len) /* a length that makes no sense hides no file behind it */
			at += (gssize)(HEADER_BYTES - 16 + file.len);
	}
	return files;
}

static void
onenote_add_files(const GArray *files, const GPtrArray *names, Output *output)
{
	for (guint i = 0; i < MAX(files->len, names->len) && !output_is_over(output); i++) {
		const char *name = i < names->len ? g_ptr_array_index(names, i) : NULL;
		output_finding(output, "embedded", name != NULL ? name : "file", NULL);
		if (i < files->len)
			(void)output_child(output, name, NULL, g_array_index(files, Bytes, i));
	}
}

void
onenote_read(Bytes bytes, Output *output)
{
	gboolean is_packaged =
		bytes.len >= 64 && memcmp(bytes.data + 48, packaged_format, 16) == 0;
	gboolean is_cut = FALSE;
	gsize from = 0;
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GArray) files = onenote_find_files(bytes, &is_cut);
	/* names that stand in the files are none of ours */
	for (guint i = 0; i <= files->len; i++) {
		const Bytes *file = i < files->len ? &g_array_index(files, Bytes, i) : NULL;
		gsize to = file != NULL ? (gsize)(file->data - bytes.data) : bytes.len;
		onenote_collect_names(bytes, from, to, names, seen, output);
		if (file != NULL)
			from = MAX(from, to + file->len);
	}
	onenote_add_files(files, names, output);
	if (!is_packaged && (bytes.len < EXPECTED_AT + 8 ||
			     bytes_u64(bytes.data + EXPECTED_AT) > bytes.len))
		output_mark(output, AM_PART_UNDECODED, "onenote: cut short");
	else if (is_cut)
		output_mark(output, AM_PART_UNDECODED, "onenote: an embedded file is cut short");
	else if (files->len == 0 && is_packaged)
		output_mark(output, AM_PART_UNDECODED, "onenote: alternative packaging");
}
