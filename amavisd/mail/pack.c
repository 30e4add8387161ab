/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A serialised GVariant would do the same, with a type string; for a mail with fifteen fields and
 * three parts it took 75 us both ways, twenty times what this does, and a report is made and read
 * for every mail. */

#include <config.h>

#include "mail/pack.h"

#include <math.h>
#include <string.h>

void
am_pack_u8(GByteArray *out, guint8 value)
{
	g_byte_array_append(out, &value, 1);
}

void
am_pack_u32(GByteArray *out, guint32 value)
{
	guint32 raw = GUINT32_TO_LE(value);
	g_byte_array_append(out, (const guint8 *)&raw, sizeof raw);
}

void
am_pack_u64(GByteArray *out, guint64 value)
{
	guint64 raw = GUINT64_TO_LE(value);
	g_byte_array_append(out, (const guint8 *)&raw, sizeof raw);
}

void
am_pack_double(GByteArray *out, double value)
{
	guint64 raw = 0;
	if (isfinite(value))
		memcpy(&raw, &value, sizeof raw);
	am_pack_u64(out, raw);
}

static gboolean
pack_valid_text(GByteArray *out, const char *text, gsize max)
{
	gsize whole = strlen(text), len = MIN(whole, max);
	while (len < whole && len > 0 && ((guchar)text[len] & 0xc0) == 0x80)
		len--;
	guint8 head[2] = { (guint8)(len & 0xff), (guint8)(len >> 8) };
	g_byte_array_append(out, head, sizeof head);
	g_byte_array_append(out, (const guint8 *)text, (guint)len);
	return len == whole;
}

gboolean
am_pack_text(GByteArray *out, const char *text, gsize max)
{
	g_assert(max <= AM_PACK_TEXT_MAX);
	if (text == NULL || g_utf8_validate(text, -1, NULL))
		return pack_valid_text(out, text != NULL ? text : "", max);
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	return pack_valid_text(out, valid, max);
}

void
am_pack_u32_at(GByteArray *out, guint position, guint32 value)
{
	guint32 raw = GUINT32_TO_LE(value);
	g_assert(position + sizeof raw <= out->len);
	memcpy(out->data + position, &raw, sizeof raw);
}

AmUnpack
am_unpack_start(gconstpointer data, gsize len)
{
	if (len == 0)
		data = ""; /* of nothing there may be no address to count from */
	return (AmUnpack){ .at = data, .end = (const guint8 *)data + len };
}

gboolean
am_unpack_fail(AmUnpack *in, const char *what)
{
	if (in->is_bad == NULL)
		in->is_bad = what;
	in->at = in->end;
	return FALSE;
}

/* The next `len` bytes, NULL when there are not so many. */
static const guint8 *
unpack_take(AmUnpack *in, gsize len)
{
	if ((gsize)(in->end - in->at) < len) {
		(void)am_unpack_fail(in, "truncated");
		return NULL;
	}
	const guint8 *at = in->at;
	in->at += len;
	return at;
}

guint8
am_unpack_u8(AmUnpack *in)
{
	const guint8 *at = unpack_take(in, 1);
	return at != NULL ? *at : 0;
}

guint32
am_unpack_u32(AmUnpack *in)
{
	guint32 raw = 0;
	const guint8 *at = unpack_take(in, sizeof raw);
	if (at != NULL)
		memcpy(&raw, at, sizeof raw);
	return GUINT32_FROM_LE(raw);
}

guint64
am_unpack_u64(AmUnpack *in)
{
	guint64 raw = 0;
	const guint8 *at = unpack_take(in, sizeof raw);
	if (at != NULL)
		memcpy(&raw, at, sizeof raw);
	return GUINT64_FROM_LE(raw);
}

double
am_unpack_double(AmUnpack *in)
{
	guint64 raw = am_unpack_u64(in);
	double value;
	memcpy(&value, &raw, sizeof value);
	if (isfinite(value))
		return value;
	(void)am_unpack_fail(in, "number is not finite");
	return 0;
}

gboolean
am_unpack_bool(AmUnpack *in)
{
	guint8 value = am_unpack_u8(in);
	if (value > 1)
		return am_unpack_fail(in, "neither true nor false");
	return value == 1;
}

char *
am_unpack_text(AmUnpack *in, gsize max)
{
	const guint8 *head = unpack_take(in, 2);
	if (head == NULL)
		return g_strdup("");
	gsize len = (gsize)(head[0] | head[1] << 8);
	if (len > max)
		(void)am_unpack_fail(in, "text too long");
	const guint8 *at = unpack_take(in, len);
	if (at == NULL || len == 0)
		return g_strdup("");
	/* a NUL inside is refused as well, as the length is given */
	if (!g_utf8_validate((const char *)at, (gssize)len, NULL)) {
		(void)am_unpack_fail(in, "text is not UTF-8");
		return g_strdup("");
	}
	return g_strndup((const char *)at, len);
}

guint32
am_unpack_count(AmUnpack *in, guint32 max, gsize size)
{
	guint32 count = am_unpack_u32(in);
	if (count > max)
		(void)am_unpack_fail(in, "count over the limit");
	else if (count > (gsize)(in->end - in->at) / size)
		(void)am_unpack_fail(in, "count over the size");
	return in->is_bad != NULL ? 0 : count;
}

gboolean
am_unpack_is_done(AmUnpack *in)
{
	if (in->at != in->end)
		return am_unpack_fail(in, "bytes left over");
	return in->is_bad == NULL;
}
