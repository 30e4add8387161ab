/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Objects embedded in RTF documents: the plugin; the reading is in reader.c.  No library is
 * needed. */

#include "reader.h"

typedef struct {
	const AmHost *host;
} Rtf;

static gpointer
rtf_load(const AmHost *host, G_GNUC_UNUSED AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Rtf *self = g_new0(Rtf, 1);
	self->host = host;
	return self;
}

static int
rtf_bid(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const AmPartInfo *info, const guint8 *head,
	gsize len)
{
	return rtf_is_rtf(head, len) ? 90 : 0;
}

static gboolean
rtf_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Rtf *self = data;
	return bytes_decode(self->host, decode, rtf_read, NULL, error);
}

static const AmDecoderOps rtf_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = rtf_bid,
	.decode = rtf_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_REENTRANT,
	.name = "rtf",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "objects embedded in RTF documents",
	.load = rtf_load,
	.unload = g_free,
	.decoder = &rtf_ops,
};
