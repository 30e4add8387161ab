/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* MS-OXTNEF 2.1.3.4:
 *
 *     list     = count *property
 *     property = type(2) id(2) [ name ] ( value / count *value )
 *     name     = guid(16) ( 0(4) id(4) / 1(4) length(4) UTF-16 pad ), for ids from 0x8000
 *     value    = fixed(4, 8 or 16 by type) / length(4) bytes pad
 *
 * Strings, objects and binary values always have a count; others when the type says so. */

#include "mapi.h"

#define SEVERAL 0x1000 /* in the type */
#define GUID_BYTES 16

void
mapi_init(MapiReader *reader, Bytes bytes)
{
	*reader = (MapiReader){ .bytes = bytes };
	if (bytes.len < 4) {
		reader->is_broken = TRUE;
		return;
	}
	reader->n_left = bytes_u32(bytes.data);
	reader->at = 4;
}

/* So many bytes, and what pads them to a multiple of four.  FALSE: they are not there. */
static gboolean
mapi_take(MapiReader *reader, guint32 len, Bytes *taken)
{
	gsize left = reader->bytes.len - reader->at;
	*taken = bytes_sub(reader->bytes, reader->at, len);
	if (len > left) {
		reader->at = reader->bytes.len;
		reader->is_broken = TRUE;
		return FALSE;
	}
	gsize padded = ((gsize)len + 3) & ~(gsize)3;
	reader->at += MIN(padded, left);
	return TRUE;
}

static gboolean
mapi_take_u32(MapiReader *reader, guint32 *value)
{
	Bytes taken;
	if (!mapi_take(reader, 4, &taken))
		return FALSE;
	*value = bytes_u32(taken.data);
	return TRUE;
}

static gboolean
mapi_skip_name(MapiReader *reader)
{
	Bytes ignored;
	guint32 kind, len;
	if (!mapi_take(reader, GUID_BYTES, &ignored) || !mapi_take_u32(reader, &kind) ||
	    !mapi_take_u32(reader, &len))
		return FALSE;
	return kind == 0 || mapi_take(reader, len, &ignored);
}

/* 0: its length is stated; -1: no such type. */
static int
mapi_fixed_len(guint16 type)
{
	static const struct {
		guint16 type;
		int len;
	} types[] = {
		{ 0x00, 4 },  { 0x01, 4 },	   { 0x02, 4 },		{ MAPI_LONG, 4 },
		{ 0x04, 4 },  { 0x05, 8 },	   { 0x06, 8 },		{ 0x07, 8 },
		{ 0x0a, 4 },  { 0x0b, 4 },	   { 0x14, 8 },		{ 0x40, 8 },
		{ 0x48, 16 }, { MAPI_STRING8, 0 }, { MAPI_UNICODE, 0 }, { MAPI_OBJECT, 0 },
		{ MAPI_BINARY, 0 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
		if (types[i].type == type)
			return types[i].len;
	return -1;
}

/* The head of the next property. */
static gboolean
mapi_begin(MapiReader *reader)
{
	Bytes head;
	if (!mapi_take(reader, 4, &head))
		return FALSE;
	guint16 type = bytes_u16(head.data);
	reader->property.type = type & (guint16)~SEVERAL;
	reader->property.id = bytes_u16(head.data + 2);
	reader->n_values = 1;
	if (reader->property.id >= 0x8000 && !mapi_skip_name(reader))
		return FALSE;
	int fixed = mapi_fixed_len(reader->property.type);
	if (fixed < 0) {
		reader->is_broken = TRUE;
		return FALSE;
	}
	return (fixed > 0 && type == reader->property.type) ||
	       mapi_take_u32(reader, &reader->n_values);
}

static void
mapi_trim(MapiProperty *property)
{
	Bytes *value = &property->value;
	if (property->type == MAPI_STRING8)
		while (value->len > 0 && value->data[value->len - 1] == '\0')
			value->len--;
	if (property->type == MAPI_UNICODE)
		while (value->len >= 2 && bytes_u16(value->data + value->len - 2) == 0)
			value->len -= 2;
}

const MapiProperty *
mapi_next(MapiReader *reader)
{
	/* each takes four bytes at least, so the counts stated bound nothing but themselves */
	while (!reader->is_broken && reader->n_values == 0) {
		if (reader->n_left == 0)
			return NULL;
		reader->n_left--;
		if (!mapi_begin(reader))
			return NULL;
	}
	if (reader->is_broken)
		return NULL;
	reader->n_values--;
	guint32 len = (guint32)MAX(mapi_fixed_len(reader->property.type), 0);
	if (len == 0 && !mapi_take_u32(reader, &len))
		return NULL;
	(void)mapi_take(reader, len, &reader->property.value); /* a piece is better than nothing */
	mapi_trim(&reader->property);
	return &reader->property;
}
