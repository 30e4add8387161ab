/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Both formats of Microsoft's are of the LZ77 kind: a byte of flags, then eight times either a
 * letter or 16 bits with place and length of something that was there before.  In compressed RTF
 * the place is one of a circle of 4096 bytes, filled with common words at the start; in VBA it
 * counts back within a chunk of 4096 bytes, with as many bits as the chunk's length needs by
 * then. */

#include "inflate.h"

#include <string.h>
#include <zlib.h>

#define PIECE_BYTES 65536
#define WINDOW_BYTES 4096

/* ---- zlib ---------------------------------------------------------------------------------- */

InflateStatus
inflate_zlib(Bytes bytes, gboolean is_raw, InflateSink sink, gpointer user_data)
{
	z_stream stream = { 0 };
	g_autofree guint8 *piece = g_malloc(PIECE_BYTES);
	InflateStatus status = INFLATE_GOOD;
	int rc = inflateInit2(&stream, is_raw ? -MAX_WBITS : MAX_WBITS);
	if (rc != Z_OK)
		return INFLATE_BROKEN;
	gsize left = bytes.len;
	stream.next_in = (Bytef *)bytes.data;
	while (rc == Z_OK && status == INFLATE_GOOD) {
		if (stream.avail_in == 0) { /* its counters have 32 bits */
			stream.avail_in = (uInt)MIN(left, G_MAXINT32);
			left -= stream.avail_in;
		}
		stream.next_out = piece;
		stream.avail_out = PIECE_BYTES;
		rc = inflate(&stream, Z_NO_FLUSH);
		gsize n = PIECE_BYTES - stream.avail_out;
		if (n > 0 && !sink(user_data, (Bytes){ piece, n }))
			status = INFLATE_STOPPED;
	}
	(void)inflateEnd(&stream); /* only tells whether all was read */
	if (status == INFLATE_GOOD && rc != Z_STREAM_END)
		status = INFLATE_BROKEN;
	return status;
}

/* ---- compressed RTF ------------------------------------------------------------------------ */

static const char rtf_dictionary[] =
	"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
	"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
	"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

typedef struct {
	guint8 window[WINDOW_BYTES];
	guint at;   /* next place to be written */
	guint done; /* place up to which the sink has it */
	InflateSink sink;
	gpointer user_data;
	gboolean has_stopped;
} RtfWindow;

static void
window_flush(RtfWindow *window, guint end)
{
	Bytes piece = { window->window + window->done, end - window->done };
	if (piece.len > 0 && !window->sink(window->user_data, piece))
		window->has_stopped = TRUE;
	window->done = end % WINDOW_BYTES;
}

static void
window_put(RtfWindow *window, guint8 byte)
{
	window->window[window->at++] = byte;
	if (window->at == WINDOW_BYTES) {
		window_flush(window, WINDOW_BYTES);
		window->at = 0;
	}
}

/* FALSE: the mark of the end. */
static gboolean
window_copy(RtfWindow *window, guint place, guint len)
{
	if (place == window->at)
		return FALSE;
	for (guint i = 0; i < len; i++)
		window_put(window, window->window[(place + i) % WINDOW_BYTES]);
	return TRUE;
}

static InflateStatus
inflate_lzfu(Bytes bytes, InflateSink sink, gpointer user_data)
{
	g_autofree RtfWindow *window = g_new0(RtfWindow, 1);
	gboolean has_end = FALSE;
	window->sink = sink;
	window->user_data = user_data;
	window->at = window->done = sizeof rtf_dictionary - 1;
	memcpy(window->window, rtf_dictionary, sizeof rtf_dictionary - 1);
	for (gsize at = 0; at < bytes.len && !has_end && !window->has_stopped;) {
		guint8 flags = bytes.data[at++];
		for (guint bit = 0; bit < 8 && at < bytes.len && !has_end; bit++) {
			if ((flags & 1 << bit) == 0) {
				window_put(window, bytes.data[at++]);
				continue;
			}
			if (at + 2 > bytes.len) {
				at = bytes.len;
				break;
			}
			guint token = (guint)bytes.data[at] << 8 | bytes.data[at + 1];
			at += 2;
			has_end = !window_copy(window, token >> 4, (token & 15) + 2);
		}
	}
	if (!window->has_stopped)
		window_flush(window, window->at);
	if (window->has_stopped)
		return INFLATE_STOPPED;
	return has_end ? INFLATE_GOOD : INFLATE_BROKEN;
}

InflateStatus
inflate_rtf(Bytes bytes, InflateSink sink, gpointer user_data)
{
	if (bytes.len < 16)
		return INFLATE_BROKEN;
	Bytes content = bytes_sub(bytes, 16, bytes.len);
	if (memcmp(bytes.data + 8, "LZFu", 4) == 0)
		return inflate_lzfu(content, sink, user_data);
	if (memcmp(bytes.data + 8, "MELA", 4) != 0)
		return INFLATE_BROKEN;
	return sink(user_data, bytes_sub(content, 0, bytes_u32(bytes.data + 4))) ? INFLATE_GOOD
										 : INFLATE_STOPPED;
}

/* ---- VBA ----------------------------------------------------------------------------------- */

typedef struct {
	guint8 bytes[WINDOW_BYTES];
	guint len;
} VbaChunk;

/* FALSE: it points to where nothing is. */
static gboolean
chunk_copy(VbaChunk *chunk, guint16 token)
{
	guint bits = 4; /* of the place: enough for the length so far */
	while (bits < 12 && 1U << bits < chunk->len)
		bits++;
	guint back = (guint)(token >> (16 - bits)) + 1;
	guint len = (token & (0xffffU >> bits)) + 3;
	if (back > chunk->len)
		return FALSE;
	for (guint i = 0; i < len && chunk->len < WINDOW_BYTES; i++, chunk->len++)
		chunk->bytes[chunk->len] = chunk->bytes[chunk->len - back];
	return TRUE;
}

static gboolean
chunk_read(VbaChunk *chunk, Bytes bytes)
{
	for (gsize at = 0; at < bytes.len;) {
		guint8 flags = bytes.data[at++];
		for (guint bit = 0; bit < 8 && at < bytes.len; bit++) {
			if (chunk->len == WINDOW_BYTES)
				return TRUE;
			if ((flags & 1 << bit) == 0) {
				chunk->bytes[chunk->len++] = bytes.data[at++];
				continue;
			}
			if (at + 2 > bytes.len || !chunk_copy(chunk, bytes_u16(bytes.data + at)))
				return FALSE;
			at += 2;
		}
	}
	return TRUE;
}

InflateStatus
inflate_vba(Bytes bytes, InflateSink sink, gpointer user_data)
{
	VbaChunk chunk;
	if (bytes.len < 3 || bytes.data[0] != 1)
		return INFLATE_BROKEN;
	for (gsize at = 1; at + 2 <= bytes.len;) {
		guint16 header = bytes_u16(bytes.data + at);
		Bytes content = bytes_sub(bytes, at + 2, (header & 0xfffU) + 1);
		if ((header & 0x7000) != 0x3000)
			return INFLATE_BROKEN;
		at += 2 + content.len;
		gboolean is_good = TRUE;
		chunk.len = 0;
		if ((header & 0x8000) != 0) {
			is_good = chunk_read(&chunk, content);
		} else { /* as it is */
			memcpy(chunk.bytes, content.data, content.len);
			chunk.len = (guint)content.len;
		}
		if (chunk.len > 0 && !sink(user_data, (Bytes){ chunk.bytes, chunk.len }))
			return INFLATE_STOPPED;
		if (!is_good)
			return INFLATE_BROKEN;
	}
	return INFLATE_GOOD;
}
