/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Archives behind or inside something else: self-extracting programs, and pictures, documents and
 * whatever that an unpacker opens all the same.  Each becomes a part as it is; its own decoder opens
 * it.  It is looked for beside what other decoders make of the content. */

#include <string.h>
#include <sys/stat.h>

#include <amavisd/plugin.h>

#include "find.h"

#define FOUND_MAX 16	     /* in one file */
#define TEXT_MIN_BYTES 8192  /* shorter ones are not searched */
#define WRITE_BYTES 65536

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	gboolean opens_executables;
	gint64 search_bytes;
} Appended;

static const AmSettingSpec appended_settings[] = {
	{ "executables", AM_SETTING_BOOL, "yes", NULL, "look for archives in executables" },
	{ "search", AM_SETTING_SIZE, "64M", "64K..4G", "of a content that are searched" },
	{ NULL },
};

static gpointer
appended_load(const AmHost *host, AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Appended *self = g_new0(Appended, 1);
	self->host = host;
	self->instance = instance;
	self->opens_executables = host->setting_bool(instance, "executables");
	self->search_bytes = host->setting_int(instance, "search");
	return self;
}

static void
appended_unload(gpointer self)
{
	g_free(self);
}

static int
appended_bid(gpointer data, const AmPartInfo *info, const guint8 *head, gsize len)
{
	const Appended *self = data;
	/* the last ones hold files as they are, and their decoders see each of them */
	static const char *const whole[] = { "message/", "multipart/", "application/x-tar",
					     "application/x-gtar", "application/x-iso9660-image",
					     "application/x-cpio" };
	for (gsize i = 0; i < G_N_ELEMENTS(whole); i++)
		if (g_str_has_prefix(info->type, whole[i]))
			return 0;
	if (len < 4 || find_is_archive(head, len) ||
	    (g_str_has_prefix(info->type, "text/") && info->size < TEXT_MIN_BYTES))
		return 0;
	return find_is_executable(head, len) && !self->opens_executables ? 0 : 10;
}

/* FALSE: stop, the budget is used up or the source is broken. */
static gboolean
appended_copy(const Appended *self, AmDecode *decode, FindSource *source, const Found *found)
{
	const AmHost *host = self->host;
	g_autofree guint8 *buffer = g_malloc(WRITE_BYTES);
	AmChild *child = host->child_open(decode, NULL, 0);
	if (child == NULL)
		return FALSE;
	gboolean is_good = TRUE;
	for (gint64 at = found->start; is_good && at < found->end;) {
		gsize want = (gsize)MIN(WRITE_BYTES, found->end - at);
		gssize got = find_pread(source, buffer, want, at);
		if (got <= 0)
			break;
		is_good = host->child_write(child, buffer, (gsize)got);
		at += got;
	}
	return host->child_close(child) && is_good && source->errnum == 0;
}

static void
appended_search(const Appended *self, AmDecode *decode, FindSource *source)
{
	guint8 head[512];
	Found found;
	gssize len = find_pread(source, head, sizeof head, 0);
	if (len <= 0)
		return;
	gboolean is_executable = find_is_executable(head, (gsize)len);
	gint64 from = 1, limit = MIN(source->size, self->search_bytes);
	for (guint n = 0; n < FOUND_MAX; n++) {
		if (!find_next(source, from, limit, is_executable, &found))
			return;
		g_autofree char *where =
			g_strdup_printf("%s at byte %" G_GINT64_FORMAT,
					is_executable ? "in a program" : "in something else",
					found.start);
		self->host->decode_finding(decode, "appended", found.kind, where);
		if (!appended_copy(self, decode, source, &found))
			return;
		from = found.end;
	}
}

static gboolean
appended_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Appended *self = data;
	struct stat st;
	FindSource source = { .fd = self->host->part_fd(self->host->decode_part(decode)) };
	if (source.fd < 0)
		return TRUE; /* who opens the content itself says so */
	source.deadline_us = self->host->decode_deadline_us(decode);
	if (fstat(source.fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "a part cannot be looked at");
		return FALSE;
	}
	source.size = st.st_size;
	appended_search(self, decode, &source);
	if (source.errnum == 0)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(source.errnum),
		    "reading a part: %s", g_strerror(source.errnum));
	return FALSE;
}

static const AmDecoderOps appended_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = appended_bid,
	.decode = appended_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX | AM_CAP_BESIDE,
	.name = "appended",
	.version = "1.0",
	.licence = "GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception",
	.summary = "archives behind programs, pictures and documents",
	.settings = appended_settings,
	.load = appended_load,
	.unload = appended_unload,
	.decoder = &appended_ops,
};
