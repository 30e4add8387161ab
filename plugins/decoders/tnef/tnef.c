/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* TNEF, which Outlook sends as winmail.dat: attachments, messages within, and the body in every form
 * that is there.  The plugin; the reading is in reader.c.
 *
 * No library: libytnef, the one there is, gives up at the first wrong checksum, where mail readers
 * show the attachments all the same, takes the sizes stated for memory, and prints. */

#include "reader.h"

typedef struct {
	const AmHost *host;
} Tnef;

static gpointer
tnef_load(const AmHost *host, G_GNUC_UNUSED AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Tnef *self = g_new0(Tnef, 1);
	self->host = host;
	return self;
}

static int
tnef_bid(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const AmPartInfo *info, const guint8 *head,
	gsize len)
{
	return tnef_is_tnef(head, len) ? 90 : 0;
}

static gboolean
tnef_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Tnef *self = data;
	return bytes_decode(self->host, decode, tnef_read, NULL, error);
}

static const AmDecoderOps tnef_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = tnef_bid,
	.decode = tnef_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_REENTRANT,
	.name = "tnef",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "winmail.dat of Outlook: attachments, messages and bodies",
	.load = tnef_load,
	.unload = g_free,
	.decoder = &tnef_ops,
};
