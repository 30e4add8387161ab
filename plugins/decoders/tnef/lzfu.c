/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* MS-OXRTFCP: a head of compressed size, raw size, kind and checksum, each 32 bits, and, unless it is
 * stored as it is, runs of a byte of flags and eight items, each a byte or a reference (12 bits
 * position, 4 bits length less 2) into a ring that starts with words common in RTF.  A reference to
 * where the next byte goes is the end.  The sizes stated are not needed, so none is believed. */

#include "lzfu.h"

#include <string.h>

#define KIND_COMPRESSED 0x75465a4c /* "LZFu" */
#define KIND_STORED 0x414c454d	   /* "MELA" */
#define HEAD_BYTES 16
#define RING_BYTES 4096

static const char lzfu_start[] =
	"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
	"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
	"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

typedef struct {
	Output *output;
	AmChild *child;
	guint8 ring[RING_BYTES];
	gsize at;      /* in the ring: where the next byte goes */
	gsize written; /* up to here the ring has been handed on */
} Lzfu;

static void
lzfu_flush(Lzfu *lzfu)
{
	(void)output_write(lzfu->output, lzfu->child, /* is_full remembers */
			   (Bytes){ lzfu->ring + lzfu->written, lzfu->at - lzfu->written });
	lzfu->written = lzfu->at;
}

static void
lzfu_byte(Lzfu *lzfu, guint8 byte)
{
	lzfu->ring[lzfu->at++] = byte;
	if (lzfu->at == RING_BYTES) {
		lzfu_flush(lzfu);
		lzfu->at = lzfu->written = 0;
	}
}

/* FALSE: that was the end. */
static gboolean
lzfu_reference(Lzfu *lzfu, const guint8 *item)
{
	gsize from = (gsize)item[0] << 4 | item[1] >> 4;
	if (from == lzfu->at)
		return FALSE;
	for (gsize i = 0; i < (item[1] & 15u) + 2; i++)
		lzfu_byte(lzfu, lzfu->ring[(from + i) % RING_BYTES]);
	return TRUE;
}

static void
lzfu_expand(Lzfu *lzfu, Bytes packed)
{
	gsize at = 0;
	while (at < packed.len && !lzfu->output->is_full) {
		guint flags = packed.data[at++];
		for (guint i = 0; i < 8; i++, flags >>= 1) {
			gsize need = (flags & 1) != 0 ? 2 : 1;
			if (packed.len - at < need)
				return;
			if (need == 1)
				lzfu_byte(lzfu, packed.data[at]);
			else if (!lzfu_reference(lzfu, packed.data + at))
				return;
			at += need;
		}
	}
}

gboolean
lzfu_add(Output *output, Bytes packed)
{
	Lzfu lzfu = { .output = output, .at = sizeof lzfu_start - 1 };
	if (packed.len < HEAD_BYTES)
		return FALSE;
	guint32 kind = bytes_u32(packed.data + 8);
	Bytes data = bytes_sub(packed, HEAD_BYTES, packed.len);
	if (kind == KIND_STORED) {
		(void)output_child(output, NULL, "text/rtf", data); /* is_full remembers */
		return TRUE;
	}
	if (kind != KIND_COMPRESSED)
		return FALSE;
	memcpy(lzfu.ring, lzfu_start, lzfu.at);
	lzfu.written = lzfu.at;
	lzfu.child = output_open(output, NULL, "text/rtf");
	if (lzfu.child == NULL)
		return TRUE;
	lzfu_expand(&lzfu, data);
	lzfu_flush(&lzfu);
	(void)output_close(output, lzfu.child); /* is_full remembers */
	return TRUE;
}
