/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* libarchive's own way through an archive, member by member. */

#include "run.h"

#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#define WRITE_BYTES 65536
#define RETRIES_MAX 16	       /* of the same step */
#define BAD_HEADERS_MAX 100    /* headers that libarchive passes over */
#define EMPTY_BLOCKS_MAX 10000 /* data blocks without data, one after the other */

/* ---- what went wrong ----------------------------------------------------------------------- */

/* libarchive has no error code for it; the texts are those of its readers. */
static gboolean
archive_is_about_encryption(const char *text)
{
	return strstr(text, "ncrypt") != NULL || strstr(text, "Crypto codec") != NULL ||
	       strstr(text, "assphrase") != NULL;
}

void
archive_mark(const ArchiveRun *run, guint32 flags, const char *text)
{
	g_autofree char *reason = g_strdup_printf("%s: %s", run->type->name, text);
	run->self->host->decode_mark(run->decode, flags, reason);
}

static void
archive_mark_error(const ArchiveRun *run)
{
	const char *text = archive_error_string(run->archive);
	if (run->source->errnum != 0)
		return; /* ours: it is an error of decode() */
	if (run->type->is_maybe && run->n_members == 0)
		return; /* a guess that was wrong is no fault of the part's */
	if (text == NULL)
		text = "broken";
	/* asked before there is a format, libarchive crashes */
	if ((run->is_open && archive_read_has_encrypted_entries(run->archive) > 0) ||
	    archive_is_about_encryption(text))
		archive_mark(run, AM_PART_ENCRYPTED | AM_PART_UNDECODED, text);
	else
		archive_mark(run, AM_PART_UNDECODED, text);
}

/* ---- opening ------------------------------------------------------------------------------- */

static gboolean
archive_set_up(const ArchiveType *type, struct archive *archive, ArchiveSource *source)
{
	for (const ArchiveEnable *enable = type->enable;
	     enable < type->enable + G_N_ELEMENTS(type->enable) && *enable != NULL; enable++)
		if ((*enable)(archive) < ARCHIVE_WARN)
			return FALSE;
	/* exactly one: left to itself libarchive opens a stream in a stream in a stream */
	if (type->filter != 0 && archive_read_append_filter(archive, type->filter) != ARCHIVE_OK)
		return FALSE;
	return archive_source_open(source, archive) == ARCHIVE_OK;
}

/* ---- members ------------------------------------------------------------------------------- */

static gboolean
archive_write(const ArchiveRun *run, AmChild *child, const char *data, gsize len)
{
	while (len > 0) {
		gsize n = MIN(len, WRITE_BYTES);
		if (!run->self->host->child_write(child, data, n))
			return FALSE;
		data += n;
		len -= n;
	}
	return TRUE;
}

/* A hole in a sparse file. */
static gboolean
archive_write_zeros(const ArchiveRun *run, AmChild *child, gint64 len)
{
	static const char zeros[WRITE_BYTES];
	for (; len > 0; len -= MIN(len, WRITE_BYTES))
		if (!run->self->host->child_write(child, zeros, (gsize)MIN(len, WRITE_BYTES)))
			return FALSE;
	return TRUE;
}

ArchiveStep
archive_copy(const ArchiveRun *run, AmChild *child, gboolean is_sparse)
{
	gint64 written = 0;
	guint n_retries = 0, n_empty = 0;
	for (;;) {
		const void *block = NULL;
		size_t len = 0;
		la_int64_t offset = 0;
		int rc = archive_read_data_block(run->archive, &block, &len, &offset);
		/* some formats count from elsewhere, and without holes there is nothing to know */
		if (!is_sparse)
			offset = written;
		if (rc == ARCHIVE_EOF)
			/* the end of a sparse file may be a hole */
			return archive_write_zeros(run, child, offset - written) ? STEP_GOOD
										 : STEP_STOP;
		if (rc == ARCHIVE_RETRY && n_retries++ < RETRIES_MAX)
			continue;
		if (rc < ARCHIVE_WARN || rc == ARCHIVE_RETRY) {
			archive_mark_error(run);
			return rc == ARCHIVE_FAILED ? STEP_GOOD : STEP_BROKEN;
		}
		if (offset < written || (len == 0 && n_empty++ > EMPTY_BLOCKS_MAX)) {
			archive_mark(run, AM_PART_UNDECODED, "blocks of data make no sense");
			return STEP_BROKEN;
		}
		if (len > 0)
			n_empty = 0;
		if (!archive_write_zeros(run, child, offset - written) ||
		    !archive_write(run, child, block, len))
			return STEP_STOP;
		written = offset + (gint64)len;
	}
}

/* As the archive has it: UTF-8 where the format says so, else bytes.  NULL: it has none. */
static char *
archive_member_name(struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	if (name == NULL)
		name = archive_entry_pathname_utf8(entry);
	if (name != NULL)
		return g_strdup(name);
	const wchar_t *wide = archive_entry_pathname_w(entry);
	if (wide == NULL)
		return NULL;
	GString *text = g_string_new(NULL); /* what has no UTF-8 must not make the name go away */
	for (; *wide != L'\0'; wide++)
		g_string_append_unichar(text, g_unichar_validate((gunichar)*wide) ? (gunichar)*wide
										  : 0xfffd);
	return g_string_free(text, FALSE);
}

/* A stream has the name it was given by gzip, or that of the part without what the packer added. */
static char *
archive_stream_name(const ArchiveRun *run, struct archive_entry *entry)
{
	static const struct {
		const char *suffix, *instead;
	} suffixes[] = {
		{ ".gz", "" },	     { ".bz2", "" },	 { ".xz", "" },	      { ".lzma", "" },
		{ ".zst", "" },	     { ".lz4", "" },	 { ".lz", "" },	      { ".z", "" },
		{ ".tgz", ".tar" },  { ".tbz", ".tar" }, { ".tbz2", ".tar" }, { ".txz", ".tar" },
		{ ".tzst", ".tar" }, { ".tlz", ".tar" }, { ".taz", ".tar" },
	};
	g_autofree char *name = archive_member_name(entry);
	if (name != NULL && strcmp(name, "data") != 0)
		return g_steal_pointer(&name);
	gsize len = strlen(run->info.name);
	for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		gsize n = strlen(suffixes[i].suffix);
		if (len > n &&
		    g_ascii_strcasecmp(run->info.name + len - n, suffixes[i].suffix) == 0)
			return g_strdup_printf("%.*s%s", (int)(len - n), run->info.name,
					       suffixes[i].instead);
	}
	return NULL;
}

static guint32
archive_member_flags(struct archive_entry *entry)
{
	guint32 flags = 0;
	switch (archive_entry_filetype(entry)) {
	case AE_IFDIR:
		flags = AM_PART_DIRECTORY;
		break;
	case AE_IFLNK:
		flags = AM_PART_LINK;
		break;
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFIFO:
	case AE_IFSOCK:
		flags = AM_PART_SPECIAL;
		break;
	default: /* a plain file, or a type nobody knows: then what it holds counts */
		if (archive_entry_hardlink(entry) != NULL && archive_entry_size(entry) == 0)
			flags = AM_PART_LINK;
		break;
	}
	if (archive_entry_is_encrypted(entry))
		flags |= AM_PART_ENCRYPTED;
	return flags;
}

static ArchiveStep
archive_add_member(ArchiveRun *run, struct archive_entry *entry)
{
	const AmHost *host = run->self->host;
	guint32 flags = archive_member_flags(entry);
	if (run->locked != NULL && run->n_members < run->locked->len &&
	    run->locked->data[run->n_members] != 0)
		flags |= AM_PART_ENCRYPTED;
	g_autofree char *name =
		run->type->is_stream ? archive_stream_name(run, entry) : archive_member_name(entry);
	run->n_members++;
	if ((flags & AM_PART_DIRECTORY) != 0 && name != NULL &&
	    (strcmp(name, ".") == 0 || strcmp(name, "./") == 0))
		return STEP_GOOD; /* the archive itself */
	AmChild *child = host->child_open(run->decode, name, flags);
	if (child == NULL)
		return STEP_STOP;
	/* a device with content is a file to readers that know no devices */
	gboolean has_content = flags == 0 || ((flags & (AM_PART_DIRECTORY | AM_PART_ENCRYPTED)) == 0 &&
					      archive_entry_size(entry) > 0);
	ArchiveStep step = has_content
				   ? archive_copy(run, child, archive_entry_sparse_count(entry) > 0)
				   : STEP_GOOD;
	if (!host->child_close(child) && step != STEP_BROKEN)
		step = STEP_STOP;
	/* said to be UTF-8 and is not: libarchive drops such a name, and with it the ".exe" that a
	 * rule looks for */
	if (step != STEP_STOP && name == NULL && !run->type->is_stream)
		archive_mark(run, AM_PART_UNDECODED, "the name of a member cannot be read");
	if (step != STEP_STOP && (flags & AM_PART_ENCRYPTED) != 0)
		run->self->host->decode_mark(run->decode, AM_PART_ENCRYPTED,
					     run->kind != NULL ? run->kind : run->type->name);
	return step;
}

/* libarchive takes a short gzip stream without all of its trailer for an empty one.  Of nothing both
 * checksum and length are 0 (RFC 1952 2.3.1). */
static gboolean
archive_is_cut_gzip(const ArchiveRun *run)
{
	static const guint8 nothing[8];
	guint8 trailer[8];
	if (run->type->filter != ARCHIVE_FILTER_GZIP || run->n_members > 0)
		return FALSE;
	gssize len = archive_source_peek(run->source, trailer, 8, run->source->size - 8);
	return len != 8 || memcmp(trailer, nothing, 8) != 0;
}

/* A stream of no bytes has a member all the same. */
static void
archive_add_nothing(ArchiveRun *run)
{
	struct archive_entry *entry;
	if (!run->type->is_stream || run->n_members > 0 || (entry = archive_entry_new()) == NULL)
		return;
	g_autofree char *name = archive_stream_name(run, entry);
	AmChild *child = run->self->host->child_open(run->decode, name, 0);
	if (child != NULL)
		(void)run->self->host->child_close(child);
	archive_entry_free(entry);
}

static void
archive_add_members(ArchiveRun *run)
{
	guint n_retries = 0, n_bad = 0;
	for (;;) {
		struct archive_entry *entry = NULL;
		int rc = archive_read_next_header(run->archive, &entry);
		if (rc == ARCHIVE_EOF) {
			if (archive_is_cut_gzip(run))
				archive_mark(run, AM_PART_UNDECODED, "cut short");
			archive_add_nothing(run);
			return;
		}
		if (rc == ARCHIVE_RETRY && n_retries++ < RETRIES_MAX)
			continue;
		if (rc == ARCHIVE_FAILED && n_bad++ < BAD_HEADERS_MAX) {
			archive_mark_error(run);
			continue;
		}
		if (rc < ARCHIVE_WARN || rc == ARCHIVE_RETRY) {
			archive_mark_error(run);
			return;
		}
		n_retries = 0;
		if (archive_add_member(run, entry) != STEP_GOOD)
			return;
	}
}

void
archive_run(ArchiveRun *run)
{
	run->archive = archive_read_new();
	if (run->archive == NULL) {
		run->source->errnum = ENOMEM;
		return;
	}
	run->is_open = archive_set_up(run->type, run->archive, run->source);
	/* a stream that ends early at once is taken for an empty one, but this is left of it */
	const char *trouble = archive_errno(run->archive) != 0 && run->type->is_stream
				      ? archive_error_string(run->archive)
				      : NULL;
	if (run->is_open && trouble != NULL)
		archive_mark(run, AM_PART_UNDECODED, trouble);
	else if (run->is_open)
		archive_add_members(run);
	else
		archive_mark_error(run);
	(void)archive_read_free(run->archive); /* there is nothing to flush */
	run->archive = NULL;
	run->is_open = FALSE;
}
