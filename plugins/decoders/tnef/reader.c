/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* MS-OXTNEF 2.1:
 *
 *     stream    = 0x223e9f78(4) key(2) *attribute
 *     attribute = level(1) id(4) length(4) data checksum(2)
 *
 * Level 1 is the message, level 2 an attachment, which begins with attAttachRendData.  Its data are
 * in attAttachData or in a MAPI property; its names are in both places, too.  A message within is a
 * TNEF stream of its own behind the id of an interface: a child that is opened in its turn.
 *
 * What programs other than Outlook write has wrong checksums now and then; readers differ on what
 * they make of it, so this is told and nothing is left out. */

#include "reader.h"

#include <string.h>

#include "lzfu.h"
#include "mapi.h"

#define SIGNATURE 0x223e9f78
#define STREAM_HEAD_BYTES 6
#define ATTRIBUTE_HEAD_BYTES 9
#define CHECKSUM_BYTES 2
#define GUID_BYTES 16
#define NAME_MAX_BYTES 4096
#define TEXT_BYTES 4096

typedef enum {
	ATT_BODY = 0x2800c,
	ATT_MESSAGE_PROPERTIES = 0x69003,
	ATT_CODEPAGE = 0x69007,
	ATT_RENDER_DATA = 0x69002,
	ATT_DATA = 0x6800f,
	ATT_TITLE = 0x18010,
	ATT_META_FILE = 0x68011,
	ATT_TRANSPORT_NAME = 0x69001,
	ATT_PROPERTIES = 0x69005,
} TnefAttribute;

typedef enum {
	PR_BODY = 0x1000,
	PR_RTF_COMPRESSED = 0x1009,
	PR_BODY_HTML = 0x1013,
	PR_DISPLAY_NAME = 0x3001,
	PR_ATTACH_DATA = 0x3701,
	PR_ATTACH_FILENAME = 0x3704,
	PR_ATTACH_LONG_FILENAME = 0x3707,
	PR_ATTACH_PATHNAME = 0x3708,
	PR_ATTACH_TRANSPORT_NAME = 0x370c,
	PR_ATTACH_LONG_PATHNAME = 0x370d,
	PR_ATTACH_MIME_TAG = 0x370e,
} TnefProperty;

/* Names of an attachment, the one that is shown first. */
typedef enum {
	NAME_LONG,
	NAME_SHORT,
	NAME_TITLE,
	NAME_TRANSPORT,
	NAME_DISPLAY,
	N_NAMES,
} TnefName;

typedef struct {
	Output *output;
	guint32 codepage;
	Bytes data, meta, properties; /* of the attachment at hand; data NULL: none */
	char *names[N_NAMES];
	char *type;
	gboolean is_open;   /* an attachment is at hand */
	guint32 marked;
} Tnef;

gboolean
tnef_is_tnef(const guint8 *head, gsize len)
{
	return len >= STREAM_HEAD_BYTES && bytes_u32(head) == SIGNATURE;
}

static void
tnef_mark(Tnef *tnef, guint32 flags, const char *reason)
{
	if ((tnef->marked & flags) == flags || tnef->output->is_full)
		return;
	tnef->marked |= flags;
	output_mark(tnef->output, flags, reason);
}

/* ---- text ---------------------------------------------------------------------------------- */

/* Those that the core has ready in every worker; NULL: leave the bytes as they are. */
static const char *
tnef_charset(guint32 codepage)
{
	static const struct {
		guint32 codepage;
		const char *charset;
	} charsets[] = {
		{ 1250, "WINDOWS-1250" }, { 1251, "WINDOWS-1251" }, { 1252, "WINDOWS-1252" },
		{ 1253, "WINDOWS-1253" }, { 1254, "WINDOWS-1254" }, { 1255, "WINDOWS-1255" },
		{ 1256, "WINDOWS-1256" }, { 1257, "WINDOWS-1257" }, { 1258, "WINDOWS-1258" },
		{ 874, "WINDOWS-874" },	  { 932, "SHIFT_JIS" },	    { 936, "GBK" },
		{ 949, "EUC-KR" },	  { 950, "BIG5" },	    { 437, "CP437" },
		{ 850, "CP850" },	  { 866, "CP866" },	    { 20866, "KOI8-R" },
		{ 28591, "ISO-8859-1" },  { 28592, "ISO-8859-2" },  { 54936, "GB18030" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(charsets); i++)
		if (charsets[i].codepage == codepage)
			return charsets[i].charset;
	return NULL;
}

/* A name in the message's code page; NULL: empty. */
static char *
tnef_text8(const Tnef *tnef, Bytes bytes)
{
	gsize len = strnlen((const char *)bytes.data, MIN(bytes.len, NAME_MAX_BYTES));
	const char *text = (const char *)bytes.data, *charset = tnef_charset(tnef->codepage);
	char *converted = NULL;
	if (len == 0)
		return NULL;
	if (charset != NULL && !g_utf8_validate(text, (gssize)len, NULL))
		converted = g_convert(text, (gssize)len, "UTF-8", charset, NULL, NULL, NULL);
	return converted != NULL ? converted : g_strndup(text, len);
}

static char *
tnef_text(const Tnef *tnef, const MapiProperty *property)
{
	if (property->type != MAPI_UNICODE)
		return tnef_text8(tnef, property->value);
	g_autofree char *text = bytes_utf16(bytes_sub(property->value, 0, NAME_MAX_BYTES));
	return *text != '\0' ? g_steal_pointer(&text) : NULL;
}

/* A body in UTF-16 as a child in UTF-8. */
static void
tnef_add_utf16(Tnef *tnef, const char *type, Bytes bytes)
{
	char text[TEXT_BYTES];
	gsize len = 0;
	AmChild *child = output_open(tnef->output, NULL, type);
	if (child == NULL)
		return;
	for (gsize i = 0; i + 2 <= bytes.len && !tnef->output->is_full; i += 2) {
		gunichar c = bytes_u16(bytes.data + i);
		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= bytes.len) {
			gunichar low = bytes_u16(bytes.data + i + 2);
			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				i += 2;
			}
		}
		len += (gsize)g_unichar_to_utf8(g_unichar_validate(c) ? c : 0xfffd, text + len);
		if (len > TEXT_BYTES - 6) {
			(void)output_write(tnef->output, child, (Bytes){ (guint8 *)text, len });
			len = 0;
		}
	}
	(void)output_write(tnef->output, child, (Bytes){ (guint8 *)text, len });
	(void)output_close(tnef->output, child); /* is_full remembers */
}

static void
tnef_add_body(Tnef *tnef, const char *type, const MapiProperty *property)
{
	if (property->value.len == 0)
		return;
	if (property->type == MAPI_UNICODE)
		tnef_add_utf16(tnef, type, property->value);
	else
		(void)output_child(tnef->output, NULL, type, property->value); /* is_full */
}

/* ---- attachments --------------------------------------------------------------------------- */

static const char *
tnef_extension(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot != NULL ? dot : "";
}

/* The one that is shown; where another ends otherwise some program will show that one. */
static const char *
tnef_choose_name(Tnef *tnef)
{
	const char *chosen = NULL;
	for (guint i = 0; i < N_NAMES; i++) {
		const char *name = tnef->names[i];
		if (name == NULL || (chosen != NULL && i == NAME_DISPLAY))
			continue;
		if (chosen == NULL)
			chosen = name;
		/* short names have but three letters of it */
		else if (g_ascii_strncasecmp(tnef_extension(chosen), tnef_extension(name), 4) != 0)
			tnef_mark(tnef, AM_PART_AMBIGUOUS, "TNEF: an attachment of two names");
	}
	return chosen;
}

static void
tnef_add_data(Tnef *tnef, const char *name, Bytes data)
{
	(void)output_child(tnef->output, name, tnef->type, data); /* is_full remembers */
}

/* Behind the id of the interface: a message in TNEF, a compound file, any stream. */
static void
tnef_add_object(Tnef *tnef, const char *name, const MapiProperty *property)
{
	Bytes value = property->value;
	if (property->type == MAPI_OBJECT)
		value = bytes_sub(value, GUID_BYTES, value.len);
	/* others write the data twice */
	if (tnef->data.data == NULL || tnef->data.len != value.len ||
	    memcmp(tnef->data.data, value.data, value.len) != 0)
		tnef_add_data(tnef, name, value);
}

/* What the properties tell about the attachment, but for its data. */
static void
tnef_describe(Tnef *tnef)
{
	static const struct {
		guint16 id;
		TnefName name;
	} names[] = {
		{ PR_ATTACH_LONG_FILENAME, NAME_LONG },
		{ PR_ATTACH_FILENAME, NAME_SHORT },
		{ PR_ATTACH_TRANSPORT_NAME, NAME_TRANSPORT },
		{ PR_DISPLAY_NAME, NAME_DISPLAY },
	};
	MapiReader reader;
	const MapiProperty *property;
	mapi_init(&reader, tnef->properties);
	while ((property = mapi_next(&reader)) != NULL) {
		for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
			if (property->id == names[i].id && tnef->names[names[i].name] == NULL)
				tnef->names[names[i].name] = tnef_text(tnef, property);
		if (property->id == PR_ATTACH_MIME_TAG && tnef->type == NULL)
			tnef->type = tnef_text(tnef, property);
		if (property->id == PR_ATTACH_PATHNAME || property->id == PR_ATTACH_LONG_PATHNAME) {
			g_autofree char *path = tnef_text(tnef, property);
			if (path != NULL)
				output_finding(tnef->output, "external", "attachment", path);
		}
	}
	if (reader.is_broken)
		tnef_mark(tnef, AM_PART_UNDECODED, "TNEF: properties that cannot be read");
}

static void
tnef_end_attachment(Tnef *tnef)
{
	MapiReader reader;
	const MapiProperty *property;
	if (!tnef->is_open)
		return;
	if (tnef->properties.data != NULL)
		tnef_describe(tnef);
	const char *name = tnef_choose_name(tnef);
	if (tnef->data.data != NULL)
		tnef_add_data(tnef, name, tnef->data);
	if (tnef->properties.data != NULL) {
		mapi_init(&reader, tnef->properties);
		while (!tnef->output->is_full && (property = mapi_next(&reader)) != NULL)
			if (property->id == PR_ATTACH_DATA)
				tnef_add_object(tnef, name, property);
	}
	if (tnef->meta.data != NULL) /* what stands for it in the text */
		(void)output_child(tnef->output, NULL, "image/wmf", tnef->meta); /* is_full */
	for (guint i = 0; i < N_NAMES; i++)
		g_clear_pointer(&tnef->names[i], g_free);
	g_clear_pointer(&tnef->type, g_free);
	tnef->data = tnef->meta = tnef->properties = (Bytes){ 0 };
	tnef->is_open = FALSE;
}

/* The same again: it can only belong to another attachment, and some reader takes the first. */
static void
tnef_set(Tnef *tnef, Bytes *slot, Bytes data)
{
	if (slot->data != NULL) {
		tnef_mark(tnef, AM_PART_AMBIGUOUS, "TNEF: two contents for one attachment");
		tnef_end_attachment(tnef);
	}
	*slot = data;
	tnef->is_open = TRUE;
}

static void
tnef_set_name(Tnef *tnef, TnefName name, Bytes data)
{
	if (tnef->names[name] != NULL)
		tnef_mark(tnef, AM_PART_AMBIGUOUS, "TNEF: an attachment of two names");
	g_free(tnef->names[name]);
	tnef->names[name] = tnef_text8(tnef, data);
}

/* ---- attributes ---------------------------------------------------------------------------- */

static void
tnef_message_properties(Tnef *tnef, Bytes data)
{
	MapiReader reader;
	const MapiProperty *property;
	mapi_init(&reader, data);
	while (!tnef->output->is_full && (property = mapi_next(&reader)) != NULL) {
		if (property->id == PR_BODY)
			tnef_add_body(tnef, "text/plain", property);
		else if (property->id == PR_BODY_HTML)
			tnef_add_body(tnef, "text/html", property);
		else if (property->id == PR_RTF_COMPRESSED && property->value.len > 0 &&
			 !lzfu_add(tnef->output, property->value))
			tnef_mark(tnef, AM_PART_UNDECODED, "TNEF: a body that cannot be read");
		else if (property->id == PR_ATTACH_DATA) /* not where it belongs, but here it is */
			tnef_add_object(tnef, NULL, property);
	}
	if (reader.is_broken)
		tnef_mark(tnef, AM_PART_UNDECODED, "TNEF: properties that cannot be read");
}

static void
tnef_attribute(Tnef *tnef, guint32 id, Bytes data)
{
	switch (id) {
	case ATT_CODEPAGE:
		if (data.len >= 4)
			tnef->codepage = bytes_u32(data.data);
		break;
	case ATT_BODY:
		while (data.len > 0 && data.data[data.len - 1] == '\0')
			data.len--;
		if (data.len > 0) /* is_full remembers */
			(void)output_child(tnef->output, NULL, "text/plain", data);
		break;
	case ATT_MESSAGE_PROPERTIES:
		tnef_message_properties(tnef, data);
		break;
	case ATT_RENDER_DATA:
		tnef_end_attachment(tnef);
		tnef->is_open = TRUE;
		break;
	case ATT_DATA:
		tnef_set(tnef, &tnef->data, data);
		break;
	case ATT_META_FILE:
		tnef_set(tnef, &tnef->meta, data);
		break;
	case ATT_PROPERTIES:
		tnef_set(tnef, &tnef->properties, data);
		break;
	case ATT_TITLE:
		tnef_set_name(tnef, NAME_TITLE, data);
		break;
	case ATT_TRANSPORT_NAME:
		tnef_set_name(tnef, NAME_TRANSPORT, data);
		break;
	default:
		break;
	}
}

static guint16
tnef_checksum(Bytes data)
{
	guint16 sum = 0;
	for (gsize i = 0; i < data.len; i++)
		sum = (guint16)(sum + data.data[i]);
	return sum;
}

/* Line ends and NULs that came behind a stream on its way. */
static gboolean
tnef_is_rest(Bytes rest)
{
	gsize i = 0;
	while (i < rest.len && strchr("\r\n\t ", rest.data[i]) != NULL) /* or NUL */
		i++;
	return i == rest.len;
}

/* The attribute at `at`; moves behind it.  FALSE: there is none, or it is the last that can be. */
static gboolean
tnef_step(Tnef *tnef, Bytes bytes, gsize *at)
{
	Bytes head = bytes_sub(bytes, *at, ATTRIBUTE_HEAD_BYTES);
	if (head.len < ATTRIBUTE_HEAD_BYTES && tnef_is_rest(head))
		return FALSE;
	if (head.len < ATTRIBUTE_HEAD_BYTES || head.data[0] < 1 || head.data[0] > 2) {
		tnef_mark(tnef, AM_PART_UNDECODED, "TNEF: attributes that cannot be read");
		return FALSE;
	}
	guint32 id = bytes_u32(head.data + 1), len = bytes_u32(head.data + 5);
	*at += ATTRIBUTE_HEAD_BYTES;
	Bytes data = bytes_sub(bytes, *at, len);
	*at += data.len;
	Bytes sum = bytes_sub(bytes, *at, CHECKSUM_BYTES);
	*at += sum.len;
	if (data.len < len || sum.len < CHECKSUM_BYTES)
		tnef_mark(tnef, AM_PART_UNDECODED, "TNEF: cut short");
	else if (bytes_u16(sum.data) != tnef_checksum(data))
		tnef_mark(tnef, AM_PART_AMBIGUOUS, "TNEF: a checksum does not match");
	tnef_attribute(tnef, id, data);
	return data.len == len;
}

void
tnef_read(Bytes bytes, Output *output)
{
	Tnef tnef = { .output = output };
	gsize at = STREAM_HEAD_BYTES;
	while (!output_is_over(output) && tnef_step(&tnef, bytes, &at))
		continue;
	tnef_end_attachment(&tnef);
}
