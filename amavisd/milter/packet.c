/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "milter/packet.h"

#include <string.h>

#define PACKET_HEAD 5u /* bytes: length and command */

static guint32
packet_get_u32(const guint8 *bytes)
{
	return (guint32)bytes[0] << 24 | (guint32)bytes[1] << 16 | (guint32)bytes[2] << 8 |
	       bytes[3];
}

void
am_milter_packet_clear(AmMilterPacket *packet)
{
	if (packet->bytes != NULL)
		g_byte_array_unref(packet->bytes);
	packet->bytes = NULL;
}

static AmPacketStep
packet_finish(AmMilterPacket *packet, const guint8 *bytes, gsize whole)
{
	packet->command = bytes[4];
	packet->data = bytes + PACKET_HEAD;
	packet->len = whole - PACKET_HEAD;
	return AM_PACKET_DONE;
}

/* Appends until `want` bytes are there; TRUE when they are. */
static gboolean
packet_gather(AmMilterPacket *packet, gsize want, const guint8 *data, gsize len, gsize *used)
{
	if (packet->bytes == NULL)
		packet->bytes = g_byte_array_new();
	if (packet->bytes->len < want) {
		gsize n = MIN(want - packet->bytes->len, len - *used);
		g_byte_array_append(packet->bytes, data + *used, (guint)n);
		*used += n;
	}
	return packet->bytes->len >= want;
}

AmPacketStep
am_milter_packet_feed(AmMilterPacket *packet, const guint8 *data, gsize len, gsize *used)
{
	*used = 0;
	if (packet->data != NULL) { /* the last one is done with */
		packet->data = NULL;
		am_milter_packet_clear(packet);
	}
	const guint8 *head = data;
	if (packet->bytes != NULL || len < PACKET_HEAD) {
		if (!packet_gather(packet, PACKET_HEAD, data, len, used))
			return AM_PACKET_MORE;
		head = packet->bytes->data;
	}
	guint32 length = packet_get_u32(head);
	if (length < 1 || length - 1 > AM_MILTER_DATA_MAX)
		return AM_PACKET_BAD;
	gsize whole = (gsize)length + 4;
	if (packet->bytes == NULL && whole <= len) {
		*used = whole;
		return packet_finish(packet, data, whole);
	}
	if (!packet_gather(packet, whole, data, len, used))
		return AM_PACKET_MORE;
	return packet_finish(packet, packet->bytes->data, whole);
}

/* -- reading -- */

static gsize
reader_left(const AmMilterReader *reader)
{
	return (gsize)(reader->end - reader->at);
}

gboolean
am_milter_get_u32(AmMilterReader *reader, guint32 *value)
{
	if (reader_left(reader) < 4)
		return FALSE;
	*value = packet_get_u32(reader->at);
	reader->at += 4;
	return TRUE;
}

gboolean
am_milter_get_u16(AmMilterReader *reader, guint16 *value)
{
	if (reader_left(reader) < 2)
		return FALSE;
	*value = (guint16)(reader->at[0] << 8 | reader->at[1]);
	reader->at += 2;
	return TRUE;
}

gboolean
am_milter_get_byte(AmMilterReader *reader, guint8 *value)
{
	if (reader_left(reader) < 1)
		return FALSE;
	*value = *reader->at++;
	return TRUE;
}

gboolean
am_milter_get_text(AmMilterReader *reader, const char **text)
{
	const guint8 *end = NULL;
	if (reader_left(reader) > 0)
		end = memchr(reader->at, '\0', reader_left(reader));
	if (end == NULL)
		return FALSE;
	*text = (const char *)reader->at;
	reader->at = end + 1;
	return TRUE;
}
