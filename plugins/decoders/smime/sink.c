/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What S/MIME signs or compresses is a MIME entity (RFC 8551 3.1), header first.  But the same
 * envelope is put around plain files (invoices as .xml.p7m): these must not be taken for a mail whose
 * header never ends.  An entity is what begins with a field and has a MIME field among its first. */

#include "sink.h"

#include <string.h>

#define CHUNK_BYTES 65536

gboolean
sink_init(Sink *sink, const AmHost *host, AmDecode *decode, const char *name, SinkFormat format)
{
	memset(sink, 0, sizeof *sink);
	sink->host = host;
	sink->decode = decode;
	sink->name = name;
	sink->is_compressed = format != SINK_PLAIN;
	return format == SINK_PLAIN ||
	       inflateInit2(&sink->zlib, format == SINK_ZLIB ? MAX_WBITS : -MAX_WBITS) == Z_OK;
}

/* Length of a line that is a field or goes on with one, its end included; 0: neither. */
static gsize
sink_field_line(const guint8 *line, gsize len, gboolean is_first)
{
	const guint8 *end = memchr(line, '\n', len);
	gsize n = end != NULL ? (gsize)(end - line) + 1 : len, i = 0;
	if (!is_first && (line[0] == ' ' || line[0] == '\t'))
		return n;
	while (i < n && line[i] > ' ' && line[i] < 127 && line[i] != ':')
		i++;
	return i > 0 && i < n && line[i] == ':' ? n : 0;
}

static gboolean
sink_has_mime_field(const Sink *sink)
{
	gsize n;
	for (gsize i = 0; i < sink->head_len; i += n) {
		const char *line = (const char *)sink->head + i;
		gsize left = sink->head_len - i;
		n = sink_field_line(sink->head + i, left, i == 0);
		if (n == 0)
			return FALSE;
		if (left > 13 && (g_ascii_strncasecmp(line, "Content-Type:", 13) == 0 ||
				  g_ascii_strncasecmp(line, "MIME-Version:", 13) == 0))
			return TRUE;
	}
	return FALSE;
}

static gboolean
sink_refuse(Sink *sink)
{
	sink->is_refused = TRUE;
	return FALSE;
}

static gboolean
sink_pass(Sink *sink, const guint8 *data, gsize len)
{
	for (; len > 0; data += MIN(len, CHUNK_BYTES), len -= MIN(len, CHUNK_BYTES))
		if (!sink->host->child_write(sink->child, data, MIN(len, CHUNK_BYTES)))
			return sink_refuse(sink);
	return TRUE;
}

/* The head is as long as it will get. */
static gboolean
sink_open_child(Sink *sink)
{
	gboolean is_entity = sink_has_mime_field(sink);
	sink->child = sink->host->child_open(sink->decode, is_entity ? NULL : sink->name, 0);
	if (sink->child == NULL)
		return sink_refuse(sink);
	if (is_entity)
		sink->host->child_declare(sink->child, "message/rfc822");
	return sink_pass(sink, sink->head, sink->head_len);
}

static gboolean
sink_take(Sink *sink, const guint8 *data, gsize len)
{
	if (sink->child != NULL)
		return sink_pass(sink, data, len);
	gsize n = MIN(len, SINK_HEAD_BYTES - sink->head_len);
	memcpy(sink->head + sink->head_len, data, n);
	sink->head_len += n;
	if (n == len)
		return TRUE;
	return sink_open_child(sink) && sink_pass(sink, data + n, len - n);
}

static gboolean
sink_inflate(Sink *sink, const guint8 *data, gsize len)
{
	guint8 out[CHUNK_BYTES];
	if (sink->has_ended || sink->is_broken)
		return TRUE; /* what stands behind the end is nothing */
	sink->zlib.next_in = (Bytef *)data;
	sink->zlib.avail_in = (uInt)len;
	do {
		sink->zlib.next_out = out;
		sink->zlib.avail_out = sizeof out;
		int rc = inflate(&sink->zlib, Z_NO_FLUSH);
		if (!sink_take(sink, out, sizeof out - sink->zlib.avail_out))
			return FALSE;
		sink->has_ended = rc == Z_STREAM_END;
		sink->is_broken = rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR;
	} while (!sink->has_ended && !sink->is_broken && sink->zlib.avail_out == 0);
	return TRUE;
}

gboolean
sink_write(const guint8 *data, gsize len, gpointer user_data)
{
	Sink *sink = user_data;
	if (!sink->is_compressed)
		return sink_take(sink, data, len);
	for (; len > 0; data += MIN(len, CHUNK_BYTES), len -= MIN(len, CHUNK_BYTES))
		if (!sink_inflate(sink, data, MIN(len, CHUNK_BYTES)))
			return FALSE;
	return TRUE;
}

gboolean
sink_close(Sink *sink)
{
	if (!sink->is_refused && sink->child == NULL)
		(void)sink_open_child(sink);
	if (sink->child != NULL && !sink->host->child_close(sink->child))
		sink->is_refused = TRUE;
	if (sink->is_compressed) {
		(void)inflateEnd(&sink->zlib);
		sink->is_broken = sink->is_broken || !sink->has_ended;
	}
	return !sink->is_refused;
}
