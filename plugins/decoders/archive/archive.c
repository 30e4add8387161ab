/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Archives and compressed streams by libarchive.  One level at a time: what comes out is handed to
 * the core as it is, and the core asks again for each member, under its one budget for the whole
 * mail.  So a compressed stream has exactly one child, even when it is a tar.
 *
 * What is wrong with an archive is a fact about the mail: marked and told, with all members that
 * could be read before. */

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <string.h>

#include "locked.h"
#include "run.h"
#include "zip-run.h"

#define HEAD_BYTES 4096
#define LZMA_DICTIONARY_MAX (1U << 30) /* it is allocated; encoders take 64 MiB at most */

/* ---- life ---------------------------------------------------------------------------------- */

static void
archive_unload(gpointer data)
{
	Archive *self = data;
	if (self->locale != (locale_t)0)
		freelocale(self->locale);
	g_free(self);
}

/* Libraries behind libarchive read what they need when they are first used, which in the sandbox
 * would be too late.  Also: a filter that answers with a warning would start a program. */
static void
archive_try_all(const Archive *self)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	if (archive == NULL)
		return;
	for (const ArchiveEnable *enable = archive_type_all(); *enable != NULL; enable++)
		if ((*enable)(archive) != ARCHIVE_OK)
			self->host->log(self->instance, AM_LOG_WARNING,
					"libarchive lacks something: %s",
					archive_error_string(archive));
	if (archive_read_open_memory(archive, "nothing", 7) == ARCHIVE_OK)
		(void)archive_read_next_header(archive, &entry); /* whatever it makes of it */
	(void)archive_read_free(archive);
}

static gpointer
archive_load(const AmHost *host, AmInstance *instance, G_GNUC_UNUSED GError **error)
{
	Archive *self = g_new0(Archive, 1);
	self->host = host;
	self->instance = instance;
	/* in the C locale libarchive turns letters it knows to be UTF-8 into question marks */
	self->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	if (self->locale == (locale_t)0)
		host->log(instance, AM_LOG_WARNING,
			  "no locale C.UTF-8: names of members may lose letters");
	archive_try_all(self);
	return self;
}

static int
archive_bid(G_GNUC_UNUSED gpointer data, const AmPartInfo *info, const guint8 *head, gsize len)
{
	int bid;
	(void)archive_type(info, head, len, &bid);
	return bid;
}

/* ---- decoding ------------------------------------------------------------------------------ */

/* Finds out the type; NULL: none of ours after all, or the source failed. */
static const ArchiveType *
archive_look(const AmPartInfo *info, ArchiveSource *source)
{
	guint8 head[HEAD_BYTES], late[16];
	const char *mark;
	goffset offset;
	gsize mark_len;
	int bid;
	gssize len = archive_source_peek(source, head, sizeof head, 0);
	if (len < 0)
		return NULL;
	const ArchiveType *type = archive_type(info, head, (gsize)len, &bid);
	if (type == NULL || !archive_type_has_late_mark(type, &offset, &mark, &mark_len))
		return type;
	len = archive_source_peek(source, late, mark_len, offset);
	return len == (gssize)mark_len && memcmp(late, mark, mark_len) == 0 ? type : NULL;
}

static void
archive_list_locked(const ArchiveRun *run, const LockedLook *look)
{
	const AmHost *host = run->self->host;
	for (guint i = 0; look->names != NULL && i < look->names->len; i++) {
		AmChild *child =
			host->child_open(run->decode, look->names->pdata[i], AM_PART_ENCRYPTED);
		if (child == NULL || !host->child_close(child))
			return;
	}
	host->decode_mark(run->decode, AM_PART_ENCRYPTED, look->kind);
}

/* A stream of lzma says how much memory it wants, up to 4 GiB. */
static gboolean
archive_is_greedy(const ArchiveRun *run)
{
	guint8 head[5];
	if (run->type->filter != ARCHIVE_FILTER_LZMA ||
	    archive_source_peek(run->source, head, sizeof head, 0) != (gssize)sizeof head)
		return FALSE;
	guint32 dictionary = (guint32)head[4] << 24 | (guint32)head[3] << 16 |
			     (guint32)head[2] << 8 | head[1];
	return dictionary > LZMA_DICTIONARY_MAX;
}

/* What needs a look of our own before libarchive's, or instead of it. */
static void
archive_dispatch(ArchiveRun *run)
{
	LockedLook look;
	if (archive_type_is_zip(run->type)) {
		zip_run(run);
		return;
	}
	if (archive_is_greedy(run)) {
		archive_mark(run, AM_PART_UNDECODED, "its dictionary is larger than 1 GiB");
		return;
	}
	locked_look(run->source, &look);
	run->kind = look.kind;
	run->locked = look.members;
	if (look.is_volume)
		archive_mark(run, AM_PART_UNDECODED, "one of several volumes");
	if (look.is_locked)
		archive_list_locked(run, &look);
	else if (run->type->enable[0] != NULL)
		archive_run(run);
	else
		archive_mark(run, AM_PART_UNDECODED, "there is no reader for it");
	run->locked = NULL;
	locked_look_clear(&look);
}

static gboolean
archive_decode(gpointer data, AmDecode *decode, GError **error)
{
	const Archive *self = data;
	const AmHost *host = self->host;
	ArchiveRun run = { .self = self, .decode = decode };
	AmPart *part = host->decode_part(decode);
	int fd = host->part_fd(part);
	if (fd < 0) {
		host->decode_mark(decode, AM_PART_UNDECODED, "its content is not there");
		return TRUE;
	}
	host->part_info(part, &run.info);
	g_autofree ArchiveSource *source = g_new(ArchiveSource, 1);
	run.source = source;
	if (archive_source_init(source, fd))
		run.type = archive_look(&run.info, source);
	if (run.type != NULL) {
		locale_t before = (locale_t)0;
		if (self->locale != (locale_t)0)
			before = uselocale(self->locale);
		archive_dispatch(&run);
		if (before != (locale_t)0)
			(void)uselocale(before);
	}
	if (source->errnum == 0)
		return TRUE;
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(source->errnum),
		    "reading part %s: %s", run.info.path, g_strerror(source->errnum));
	return FALSE;
}

static const AmDecoderOps archive_ops = {
	AM_ABI_HEAD(AmDecoderOps),
	.bid = archive_bid,
	.decode = archive_decode,
};

const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_DECODER,
	.caps = AM_CAP_SANDBOX,
	.name = "archive",
	.version = "1.0",
	.licence = "GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception",
	.summary = "archives and compressed files, by libarchive",
	.load = archive_load,
	.unload = archive_unload,
	.decoder = &archive_ops,
};
