/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* No more than a look: [MS-DOC 2.5.2] a head with flags, [MS-XLS 2.1.4] and [MS-PPT 2.3.1] records
 * of kind and length.  Sheets of macros (Excel 4) are told by the list of sheets. */

#include "documents.h"

#include <string.h>

#include "inflate.h"

#define LINK_MAX_BYTES 2048

/* ---- Word ---------------------------------------------------------------------------------- */

void
document_add_word(Output *output, Bytes stream)
{
	/* the mark in front of a field's instruction, then DDE or DDEAUTO */
	static const struct {
		const char *text;
		gsize len;
	} fields[] = {
		{ "\023DDE", 4 },
		{ "\023 DDE", 5 },
		{ "\023\0D\0D\0E\0", 8 },
		{ "\023\0 \0D\0D\0E\0", 10 },
	};
	if (stream.len < 12)
		return;
	guint16 flags = bytes_u16(stream.data + 10);
	if ((flags & 0x0100) != 0) {
		output_mark(output, AM_PART_ENCRYPTED,
			    (flags & 0x8000) != 0 ? "doc XOR" : "doc RC4");
		return;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
		if (bytes_find(stream, 0, fields[i].text, fields[i].len) >= 0) {
			output_finding(output, "dde", "field", NULL);
			return;
		}
}

/* ---- Excel --------------------------------------------------------------------------------- */

enum {
	BIFF_EOF = 0x000a,
	BIFF_FILEPASS = 0x002f,
	BIFF_BOUNDSHEET = 0x0085,
	SHEET_MACRO = 1, /* as BOUNDSHEET has it */
};

static void
workbook_encrypted(Output *output, Bytes record)
{
	const char *words = "xls XOR"; /* before Excel 97 there is nothing else */
	if (record.len >= 4 && bytes_u16(record.data) == 1)
		words = bytes_u16(record.data + 2) == 1 ? "xls RC4" : "xls RC4 CryptoAPI";
	output_mark(output, AM_PART_ENCRYPTED, words);
}

void
document_add_workbook(Output *output, Bytes stream)
{
	guint n_sheets = 0, n_hidden = 0;
	gboolean is_encrypted = FALSE;
	for (gsize at = 0; at + 4 <= stream.len && !output->is_full;) {
		guint16 kind = bytes_u16(stream.data + at), len = bytes_u16(stream.data + at + 2);
		Bytes record = bytes_sub(stream, at + 4, len);
		if (kind == BIFF_EOF)
			break; /* of the part that is for all sheets */
		if (kind == BIFF_FILEPASS && !is_encrypted) {
			workbook_encrypted(output, record);
			is_encrypted = TRUE;
		} else if (kind == BIFF_BOUNDSHEET && record.len >= 6 &&
			   record.data[5] == SHEET_MACRO) {
			n_sheets++;
			n_hidden += (record.data[4] & 3) != 0 ? 1 : 0;
		}
		at += 4 + (gsize)len;
	}
	if (n_sheets == 0)
		return;
	g_autofree char *detail = g_strdup_printf("%u sheets, %u hidden", n_sheets, n_hidden);
	output_finding(output, "macro", "XLM", detail);
}

/* ---- PowerPoint ---------------------------------------------------------------------------- */

#define PPT_OBJECT 0x1011
#define PPT_TOKEN_ENCRYPTED 0xf3d1c4dfU

typedef struct {
	Output *output;
	AmChild *child;
} ObjectSink;

static gboolean
object_sink(gpointer user_data, Bytes piece)
{
	ObjectSink *sink = user_data;
	return output_write(sink->output, sink->child, piece);
}

static void
object_add(Output *output, Bytes record, gboolean is_compressed)
{
	InflateStatus status = INFLATE_GOOD;
	ObjectSink sink = { output, output_open(output, NULL, NULL) };
	if (sink.child == NULL)
		return;
	if (is_compressed)
		status = inflate_zlib(bytes_sub(record, 4, record.len), FALSE, object_sink, &sink);
	else
		(void)output_write(output, sink.child, record);
	if (output_close(output, sink.child) && status == INFLATE_BROKEN)
		output_mark(output, AM_PART_UNDECODED, "ppt: a compressed object is broken");
}

void
document_add_powerpoint(Output *output, Bytes stream)
{
	for (gsize at = 0; at + 8 <= stream.len && !output->is_full;) {
		guint16 instance = (guint16)(bytes_u16(stream.data + at) >> 4);
		guint16 kind = bytes_u16(stream.data + at + 2);
		guint32 len = bytes_u32(stream.data + at + 4);
		if (kind == PPT_OBJECT)
			object_add(output, bytes_sub(stream, at + 8, len), instance == 1);
		at += 8 + (gsize)len;
	}
}

void
document_add_user(Output *output, Bytes stream)
{
	if (stream.len >= 16 && bytes_u32(stream.data + 12) == PPT_TOKEN_ENCRYPTED)
		output_mark(output, AM_PART_ENCRYPTED, "ppt RC4 CryptoAPI");
}

/* ---- links --------------------------------------------------------------------------------- */

/* A moniker says where a linked object is.  Which one it is does not matter: any address counts. */
void
document_add_link(Output *output, Bytes stream)
{
	static const struct {
		const char *text;
		gsize len;
	} starts[] = {
		{ "h\0t\0t\0p\0", 8 }, { "f\0t\0p\0:\0", 8 },	     { "f\0i\0l\0e\0:\0", 10 },
		{ "\\\0\\\0", 4 },     { "s\0c\0r\0i\0p\0t\0", 12 }, { "m\0s\0-\0", 6 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
		gssize at = bytes_find(stream, 0, starts[i].text, starts[i].len);
		if (at < 0)
			continue;
		g_autofree char *address =
			bytes_utf16(bytes_sub(stream, (gsize)at, LINK_MAX_BYTES));
		output_finding(output, "external", "ole-link", address);
		return;
	}
}

/* ---- ActiveMime ---------------------------------------------------------------------------- */

gboolean
document_is_mso(const guint8 *head, gsize len)
{
	return len >= 50 && memcmp(head, "ActiveMime", 10) == 0;
}

/* The head's length is nowhere described; these are the places where files have their zlib. */
void
document_add_mso(Output *output, Bytes bytes)
{
	const gsize places[] = { (gsize)bytes_u16(bytes.data + 30) + 46, 50, 554 };
	for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
		Bytes packed = bytes_sub(bytes, places[i], bytes.len);
		if (packed.len < 2 || (packed.data[0] & 15) != 8 ||
		    (packed.data[0] << 8 | packed.data[1]) % 31 != 0)
			continue;
		ObjectSink sink = { output, output_open(output, NULL, NULL) };
		if (sink.child == NULL)
			return;
		InflateStatus status = inflate_zlib(packed, FALSE, object_sink, &sink);
		if (output_close(output, sink.child) && status == INFLATE_BROKEN)
			output_mark(output, AM_PART_UNDECODED, "mso: compressed data are broken");
		return;
	}
	output_mark(output, AM_PART_UNDECODED, "mso: no data found");
}
