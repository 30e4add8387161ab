/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* BER as mail programs write it: CMS mostly has indefinite lengths, and its content in many small
 * octet strings inside a constructed one (X.690 8.1.3.6, 8.7.3).  Tags above 30 do not occur in what
 * is looked for here, and are taken for an error. */

#include "ber.h"

#include <string.h>

#define DEPTH_MAX 64	   /* of items to be stepped over that have no length */
#define OCTETS_DEPTH_MAX 8 /* of octet strings in octet strings */

gboolean
ber_read(Ber *ber, BerItem *item)
{
	if (ber->end - ber->at < 2 || (ber->at[0] & 0x1f) == 0x1f)
		return FALSE;
	*item = (BerItem){ .tag = *ber->at++ };
	guint8 first = *ber->at++;
	gsize len = first;
	if (first == 0x80) {
		if ((item->tag & 0x20) == 0)
			return FALSE; /* only constructed items may be without a length */
		item->is_open = TRUE;
	} else if (first > 0x80) {
		len = 0;
		for (guint n = first & 0x7f; n > 0; n--) {
			if (ber->at == ber->end || len > (G_MAXSIZE >> 9))
				return FALSE;
			len = len << 8 | *ber->at++;
		}
	}
	gsize left = (gsize)(ber->end - ber->at);
	item->is_cut = !item->is_open && len > left;
	item->content.at = ber->at;
	item->content.end = item->is_open || item->is_cut ? ber->end : ber->at + len;
	return TRUE;
}

static gboolean
ber_is_end(const Ber *ber)
{
	return ber->end - ber->at >= 2 && ber->at[0] == 0 && ber->at[1] == 0;
}

gboolean
ber_skip(Ber *ber, const BerItem *item)
{
	if (item->is_cut)
		return FALSE;
	ber->at = item->is_open ? item->content.at : item->content.end;
	guint depth = item->is_open ? 1 : 0;
	while (depth > 0) {
		BerItem inner;
		if (ber_is_end(ber)) {
			ber->at += 2;
			depth--;
			continue;
		}
		if (!ber_read(ber, &inner) || inner.is_cut || depth >= DEPTH_MAX)
			return FALSE;
		if (inner.is_open)
			depth++;
		else
			ber->at = inner.content.end;
	}
	return TRUE;
}

gboolean
ber_skip_optional(Ber *ber, guint8 tag)
{
	BerItem item;
	if (ber->at == ber->end || *ber->at != tag)
		return TRUE;
	return ber_read(ber, &item) && ber_skip(ber, &item);
}

gboolean
ber_enter(Ber *ber, guint8 tag, Ber *inner)
{
	BerItem item;
	if (!ber_read(ber, &item) || item.tag != tag)
		return FALSE;
	*inner = item.content;
	return TRUE;
}

gboolean
ber_is(const Ber *ber, gconstpointer bytes, gsize len)
{
	return (gsize)(ber->end - ber->at) == len && memcmp(ber->at, bytes, len) == 0;
}

BerStatus
ber_octets(const BerItem *item, BerFunc func, gpointer user_data)
{
	struct {
		const guint8 *end;
		gboolean is_open;
	} stack[OCTETS_DEPTH_MAX];
	guint depth = 0;
	gboolean is_cut = FALSE;
	BerItem inner = *item;
	Ber ber = item->content;
	for (;;) {
		/* inner was just read, ber stands at its content */
		is_cut = is_cut || inner.is_cut;
		if ((inner.tag & 0x20) == 0) {
			gsize len = (gsize)(inner.content.end - inner.content.at);
			if (len > 0 && !func(inner.content.at, len, user_data))
				return BER_STOPPED;
			ber.at = inner.content.end;
		} else if (depth == OCTETS_DEPTH_MAX) {
			return BER_BROKEN;
		} else {
			stack[depth].end = inner.content.end;
			stack[depth++].is_open = inner.is_open;
		}
		for (; depth > 0; depth--) {
			ber.end = stack[depth - 1].end;
			if (stack[depth - 1].is_open ? !ber_is_end(&ber) : ber.at < ber.end)
				break;
			ber.at += stack[depth - 1].is_open ? 2 : 0;
		}
		if (depth == 0)
			return is_cut ? BER_CUT : BER_GOOD;
		if (ber.end - ber.at < 2)
			return BER_CUT;
		if (!ber_read(&ber, &inner) ||
		    (inner.tag != BER_OCTETS && inner.tag != BER_OCTETS_CONSTRUCTED))
			return BER_BROKEN;
	}
}
