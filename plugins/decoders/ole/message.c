/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A message is a storage, each property of variable length a stream "__substg1.0_PPPPTTTT": 16
 * bits of property, 16 of type, as hex digits.  An attachment is a storage
 * "__attach_version1.0_#N" with properties of its own; a message in the message is the storage
 * "__substg1.0_3701000D" of an attachment.  All storages are gone through one after the other, so
 * whatever is nested comes out beside the rest.  An attachment that is an OLE object is a storage
 * too, and its streams are opened as those of any compound file. */

#include "message.h"

#include <string.h>

#include "inflate.h"

#define PREFIX "__substg1.0_"
#define TEXT_PIECE 32768

enum {
	TYPE_TEXT8 = 0x001e,
	TYPE_TEXT16 = 0x001f,
};

typedef enum {
	PROPERTY_BODY,
	PROPERTY_HTML,
	PROPERTY_RTF,
	PROPERTY_HEADER,
	PROPERTY_DATA,
	PROPERTY_LONG_NAME,
	PROPERTY_SHORT_NAME,
	PROPERTY_DISPLAY_NAME,
	PROPERTY_MIME_TYPE,
	PROPERTY_PATH,
	PROPERTY_SHORT_PATH,
	N_PROPERTIES,
} MessageProperty;

static const guint16 property_ids[N_PROPERTIES] = {
	[PROPERTY_BODY] = 0x1000,	[PROPERTY_HTML] = 0x1013,
	[PROPERTY_RTF] = 0x1009,	[PROPERTY_HEADER] = 0x007d,
	[PROPERTY_DATA] = 0x3701,	[PROPERTY_LONG_NAME] = 0x3707,
	[PROPERTY_SHORT_NAME] = 0x3704, [PROPERTY_DISPLAY_NAME] = 0x3001,
	[PROPERTY_MIME_TYPE] = 0x370e,	[PROPERTY_PATH] = 0x370d,
	[PROPERTY_SHORT_PATH] = 0x3708,
};

/* What a storage has. */
typedef struct {
	guint32 entries[N_PROPERTIES]; /* 0 none */
	guint16 types[N_PROPERTIES];
	gboolean is_attachment;
} MessageStorage;

typedef struct {
	Compound *compound;
	Output *output;
} MessageRun;

/* ---- properties ---------------------------------------------------------------------------- */

static gboolean
message_parse_name(const char *name, guint16 *id, guint16 *type)
{
	guint32 value = 0;
	if (name == NULL || g_ascii_strncasecmp(name, PREFIX, strlen(PREFIX)) != 0)
		return FALSE;
	name += strlen(PREFIX);
	for (guint i = 0; i < 8; i++) {
		int digit = g_ascii_xdigit_value(name[i]);
		if (digit < 0)
			return FALSE; /* also at its end */
		value = value << 4 | (guint32)digit;
	}
	*id = (guint16)(value >> 16);
	*type = (guint16)value;
	return TRUE;
}

/* A short text; NULL: there is none. */
static char *
message_text(MessageRun *run, const MessageStorage *storage, MessageProperty property)
{
	CompoundStream stream;
	if (storage->entries[property] == 0 ||
	    !compound_stream_open(run->compound,
				  compound_entry(run->compound, storage->entries[property]),
				  &stream))
		return NULL;
	Bytes bytes = bytes_sub(stream.bytes, 0, 4096);
	g_autofree char *text =
		storage->types[property] == TYPE_TEXT16 ? bytes_utf16(bytes) : bytes_text(bytes);
	compound_stream_close(&stream);
	return *text != '\0' ? g_steal_pointer(&text) : NULL;
}

static void
message_write_utf16(Output *output, AmChild *child, Bytes bytes)
{
	g_autoptr(GString) text = g_string_sized_new(TEXT_PIECE + 8);
	for (gsize i = 0; i + 2 <= bytes.len; i += 2) {
		gunichar c = bytes_u16(bytes.data + i);
		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= bytes.len &&
		    (bytes_u16(bytes.data + i + 2) & 0xfc00) == 0xdc00) {
			c = 0x10000 + ((c - 0xd800) << 10) +
			    (bytes_u16(bytes.data + i + 2) & 0x3ffU);
			i += 2;
		}
		if (c == 0)
			continue;
		g_string_append_unichar(text, g_unichar_validate(c) ? c : 0xfffd);
		if (text->len < TEXT_PIECE)
			continue;
		if (!output_write(output, child, (Bytes){ (const guint8 *)text->str, text->len }))
			return;
		g_string_truncate(text, 0);
	}
	(void)output_write(output, child, (Bytes){ (const guint8 *)text->str, text->len });
}

typedef struct {
	Output *output;
	AmChild *child;
} MessageSink;

static gboolean
message_sink(gpointer user_data, Bytes piece)
{
	MessageSink *sink = user_data;
	return output_write(sink->output, sink->child, piece);
}

/* The value of a property as a child. */
static void
message_add(MessageRun *run, const MessageStorage *storage, MessageProperty property,
	    const char *name, const char *type)
{
	CompoundStream stream;
	if (storage->entries[property] == 0 || output_is_over(run->output) ||
	    !compound_stream_open(run->compound,
				  compound_entry(run->compound, storage->entries[property]),
				  &stream))
		return;
	MessageSink sink = { run->output, output_open(run->output, name, type) };
	InflateStatus status = INFLATE_GOOD;
	if (sink.child != NULL) {
		if (property == PROPERTY_RTF)
			status = inflate_rtf(stream.bytes, message_sink, &sink);
		else if (storage->types[property] == TYPE_TEXT16)
			message_write_utf16(run->output, sink.child, stream.bytes);
		else
			(void)output_write(run->output, sink.child, stream.bytes);
		(void)output_close(run->output, sink.child); /* is_full remembers */
	}
	if (status == INFLATE_BROKEN)
		output_mark(run->output, AM_PART_UNDECODED, "msg: compressed text is broken");
	if (stream.is_cut)
		output_mark(run->output, AM_PART_UNDECODED, "msg: a property is cut short");
	compound_stream_close(&stream);
}

/* ---- storages ------------------------------------------------------------------------------ */

static void
message_add_attachment(MessageRun *run, const MessageStorage *storage)
{
	static const MessageProperty names[] = { PROPERTY_LONG_NAME, PROPERTY_SHORT_NAME,
						 PROPERTY_DISPLAY_NAME };
	g_autofree char *name = NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(names) && name == NULL; i++)
		name = message_text(run, storage, names[i]);
	g_autofree char *type = message_text(run, storage, PROPERTY_MIME_TYPE);
	g_autofree char *path = message_text(run, storage, PROPERTY_PATH);
	if (path == NULL)
		path = message_text(run, storage, PROPERTY_SHORT_PATH);
	if (path != NULL)
		output_finding(run->output, "external", "attachment", path);
	message_add(run, storage, PROPERTY_DATA, name, type);
}

static void
message_add_storage(MessageRun *run, const MessageStorage *storage)
{
	if (storage->is_attachment) {
		message_add_attachment(run, storage);
		return;
	}
	message_add(run, storage, PROPERTY_HEADER, "header.txt", "text/rfc822-headers");
	message_add(run, storage, PROPERTY_BODY, "body.txt", "text/plain");
	message_add(run, storage, PROPERTY_HTML, "body.html", "text/html");
	message_add(run, storage, PROPERTY_RTF, "body.rtf", "text/rtf");
}

static void
message_collect(Compound *compound, MessageStorage **storages, guint8 *is_taken)
{
	for (guint i = 1; i < compound->entries->len; i++) {
		const CompoundEntry *entry = compound_entry(compound, i);
		guint16 id, type;
		if (entry->kind != COMPOUND_STREAM || entry->parent < 0 ||
		    !message_parse_name(entry->name, &id, &type))
			continue;
		is_taken[i] = 1;
		for (guint p = 0; p < N_PROPERTIES; p++) {
			if (property_ids[p] != id)
				continue;
			MessageStorage **storage = &storages[entry->parent];
			if (*storage == NULL)
				*storage = g_new0(MessageStorage, 1);
			(*storage)->entries[p] = i;
			(*storage)->types[p] = type;
		}
	}
}

void
message_add_parts(Compound *compound, Output *output, guint8 *is_taken)
{
	MessageRun run = { compound, output };
	g_autofree MessageStorage **storages = g_new0(MessageStorage *, compound->entries->len);
	message_collect(compound, storages, is_taken);
	for (guint i = 0; i < compound->entries->len; i++) {
		const CompoundEntry *entry = compound_entry(compound, i);
		if (storages[i] == NULL)
			continue;
		storages[i]->is_attachment =
			storages[i]->entries[PROPERTY_DATA] != 0 ||
			(entry->name != NULL &&
			 g_ascii_strncasecmp(entry->name, "__attach_", 9) == 0);
		if (!output_is_over(output))
			message_add_storage(&run, storages[i]);
		g_free(storages[i]);
	}
}
