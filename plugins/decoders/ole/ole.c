/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Office documents, messages of Outlook and whatever else is a compound file: the plugin.  Who
 * knows a kind of content takes the streams of it: encrypted packages, VBA projects, messages;
 * what is left goes by the names of the streams.  XML that tells of macros and of things from
 * elsewhere, or has binaries in it, comes here too. */

#include "compound.h"
#include "crypt.h"
#include "digests.h"
#include "documents.h"
#include "message.h"
#include "relations.h"
#include "streams.h"
#include "vba.h"

typedef struct {
	const AmHost *host;
	Digests digests;
} Ole;

static void
ole_unload(gpointer data)
{
	Ole *self = data;
	digests_clear(&self->digests);
	g_free(self);
}

static gpointer
ole_load(const AmHost *host, G_GNUC_UNUSED AmInstance *instance, GError **error)
{
	Ole *self = g_new0(Ole, 1);
	self->host = host;
	if (!digests_init(&self->digests, error)) {
		ole_unload(self);
		return NULL;
	}
	return self;
}

static int
ole_bid(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const AmPartInfo *info, const guint8 *head,
	gsize len)
{
	if (compound_is_compound(head, len))
		return 90;
	if (document_is_mso(head, len))
		return 80;
	return relations_are(head, len) ? 60 : 0;
}

static void
ole_read_compound(const Ole *self, Bytes bytes, Output *output)
{
	Compound compound;
	const char *reason;
	if (!compound_open(&compound, bytes, &reason)) {
		g_autofree char *text = g_strconcat("ole: ", reason, NULL);
		output_mark(output, AM_PART_UNDECODED, text);
		compound_close(&compound);
		return;
	}
	g_autofree guint8 *is_taken = g_malloc0(compound.entries->len);
	crypt_add_package(&self->digests, &compound, output, is_taken);
	vba_add_projects(&compound, output, is_taken);
	message_add_parts(&compound, output, is_taken);
	streams_add(&compound, output, is_taken);
	if (compound.is_broken)
		output_mark(output, AM_PART_UNDECODED, "ole: its tables are broken");
	compound_close(&compound);
}

static void
ole_read(Bytes bytes, Output *output)
{
	if (compound_is_compound(bytes.data, bytes.len))
		ole_read_compound(output->plugin, bytes, output);
	else if (document_is_mso(bytes.data, bytes.len))
		document_add_mso(output, bytes);
	else
		relations_read(bytes, output);
}

static gboolean
ole_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Ole *self = data;
	return bytes_decode(self->host, decode, ole_read, self, error);
}

static const AmDecoderOps ole_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = ole_bid,
	.decode = ole_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_REENTRANT,
	.name = "ole",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "office documents and messages of Outlook, their objects and macros",
	.load = ole_load,
	.unload = ole_unload,
	.decoder = &ole_ops,
};
