/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Files embedded in OneNote sections: the plugin; the reading is in reader.c.  No library is
 * needed. */

#include "reader.h"

typedef struct {
	const AmHost *host;
} OneNote;

static gpointer
onenote_load(const AmHost *host, G_GNUC_UNUSED AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	OneNote *self = g_new0(OneNote, 1);
	self->host = host;
	return self;
}

static int
onenote_bid(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const AmPartInfo *info, const guint8 *head,
	    gsize len)
{
	return onenote_is_section(head, len) ? 90 : 0;
}

static gboolean
onenote_decode(gpointer data, AmDecode *decode, GError **error)
{
	const OneNote *self = data;
	return bytes_decode(self->host, decode, onenote_read, NULL, error);
}

static const AmDecoderOps onenote_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = onenote_bid,
	.decode = onenote_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_REENTRANT,
	.name = "onenote",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "files embedded in OneNote sections",
	.load = onenote_load,
	.unload = g_free,
	.decoder = &onenote_ops,
};
