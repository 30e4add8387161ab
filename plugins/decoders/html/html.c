/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* HTML and SVG that bring files along, in data: URIs or put together by a script in the reader's
 * browser ("HTML smuggling").  The files become children, so that their types count and scanners see
 * them; how they came is told.  Nothing is run. */

#include <string.h>

#include "../bytes/bytes.h"
#include "tags.h"

typedef struct {
	const AmHost *host;
} Html;

static gboolean
html_has_name(const char *name)
{
	static const char *const suffixes[] = { ".html", ".htm", ".shtml", ".xhtml",
						".svg",	 ".hta", ".xht" };
	gsize len = strlen(name);
	for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		gsize n = strlen(suffixes[i]);
		if (len > n && g_ascii_strcasecmp(name + len - n, suffixes[i]) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
html_has_type(const char *type)
{
	return strcmp(type, "text/html") == 0 || strcmp(type, "application/xhtml+xml") == 0 ||
	       strcmp(type, "image/svg+xml") == 0;
}

/* What a reader would show as a page: by its content, or because the sender says so. */
static int
html_bid(G_GNUC_UNUSED gpointer data, const AmPartInfo *info, const guint8 *head, gsize len)
{
	if (len == 0)
		return 0;
	if (html_has_type(info->type) || html_has_type(info->declared_type) ||
	    html_has_name(info->name))
		return memchr(head, '<', len) != NULL ? 50 : 0;
	if (len > 5 && (memcmp(head, "<?xml", 5) == 0 || memcmp(head, "<svg", 4) == 0) &&
	    memmem(head, len, "<svg", 4) != NULL)
		return 40;
	return 0;
}

/* UTF-16 with its mark: letters above 255 are of no interest. */
static GString *
html_narrow(const guint8 *data, gsize len)
{
	guint low = data[0] == 0xff ? 0 : 1;
	GString *text = g_string_sized_new(len / 2 + 1);
	for (gsize i = 2; i + 1 < len; i += 2)
		g_string_append_c(text, data[i + 1 - low] == 0 ? (char)data[i + low] : '?');
	return text;
}

static void
html_read(Bytes bytes, Output *output)
{
	Page page = {
		.host = output->host,
		.decode = output->decode,
		.deadline_us = output->deadline_us,
		.trait_names = g_string_new(NULL),
	};
	if (bytes_starts(bytes, "\xff\xfe", 2) || bytes_starts(bytes, "\xfe\xff", 2)) {
		g_autoptr(GString) narrow = html_narrow(bytes.data, bytes.len);
		tags_scan(&page, narrow->str, narrow->len);
	} else {
		tags_scan(&page, (const char *)bytes.data, bytes.len);
	}
	g_string_free(page.trait_names, TRUE);
	g_free(page.action);
}

static gboolean
html_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Html *self = data;
	return bytes_decode(self->host, decode, html_read, NULL, error);
}

static gpointer
html_load(const AmHost *host, G_GNUC_UNUSED AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Html *self = g_new0(Html, 1);
	self->host = host;
	return self;
}

static const AmDecoderOps html_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = html_bid,
	.decode = html_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_REENTRANT | AM_CAP_BESIDE,
	.name = "html",
	.version = "1.0",
	.licence = "GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception",
	.summary = "files that HTML brings along in data: URIs and scripts",
	.load = html_load,
	.unload = g_free,
	.decoder = &html_ops,
};
