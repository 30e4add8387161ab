/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Contents of parts: the writer that looks at the first 64 KiB, lets decoders bid, digests, counts
 * and keeps what must be kept; and the view of a content as a file of its own. */

#include <config.h>

#include "content/part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content/markers.h"
#include "content/reader.h"
#include "mail/spool.h"

#define MEMORY_FACTOR 16  /* contents in memory altogether, times part_memory_bytes */
#define BID_BYTES 4096	  /* a decoder sees at most */

struct _AmPartWriter {
	AmPart *part;
	AmDigest *digest; /* its own when several are open, else the tree's */
	guint8 *head;
	gsize head_len;
	guint64 size;
	gboolean is_member;
	gboolean is_known; /* the type has been looked for */
	gboolean is_kept;
	gboolean is_over; /* budget used up */
	gboolean is_in_file;
	gboolean is_text; /* lines behind the head are searched for what may lie in them */
	gboolean is_found_late; /* behind the head */
	AmMarkerSearch search;
	int fd; /* content above the head's size, -1 none */
};

/* ---- storage ------------------------------------------------------------------------------- */

static int
store_open_memory(void)
{
	return memfd_create("part", MFD_CLOEXEC);
}

/* A file without a name; where the file system cannot make one, a file that loses it at once. */
static int
store_open_file(const AmPartTree *tree)
{
	if (tree->directory == NULL)
		return store_open_memory();
	int fd = open(tree->directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	g_autofree char *path = g_build_filename(tree->directory, "part-XXXXXX", NULL);
	fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)unlink(path); /* the zygote removes the whole directory in the end */
	return fd;
}

static gboolean
store_copy(int from, guint64 offset, guint64 len, int to)
{
	guint8 buffer[65536];
	while (len > 0) {
		gssize got = am_read_at(from, buffer, MIN(len, sizeof buffer), offset, NULL);
		if (got <= 0 || !am_write_all(to, buffer, (gsize)got, NULL))
			return FALSE;
		offset += (guint64)got;
		len -= (guint64)got;
	}
	return TRUE;
}

static gboolean
store_may_use_memory(const AmPartTree *tree, guint64 more)
{
	return tree->memory + more <= MEMORY_FACTOR * tree->limits->part_memory_bytes;
}

/* ---- the writer ---------------------------------------------------------------------------- */

AmPartWriter *
am_part_writer_new(AmPart *part, gboolean is_member)
{
	AmPartTree *tree = part->tree;
	AmPartWriter *writer = g_new0(AmPartWriter, 1);
	writer->part = part;
	writer->is_member = is_member;
	writer->fd = -1;
	writer->digest = tree->digest != NULL ? g_steal_pointer(&tree->digest) : am_digest_new();
	am_digest_start(writer->digest);
	return writer;
}

AmInstance *
am_part_ask_decoders(AmPart *part, const guint8 *head, gsize head_len, int below, int *bid,
		     guint64 *beside)
{
	AmPartInfo info;
	AmInstance *best = NULL;
	*bid = 0;
	if (part->tree->registry == NULL)
		return NULL;
	GPtrArray *decoders = am_registry_instances(part->tree->registry, AM_KIND_DECODER);
	am_part_info(part, &info);
	for (guint i = 0; i < decoders->len; i++) {
		AmInstance *instance = decoders->pdata[i];
		const AmPlugin *plugin = &instance->plugin->plugin;
		gboolean is_beside = (plugin->caps & AM_CAP_BESIDE) != 0;
		if (is_beside && (beside == NULL || i >= 64))
			continue;
		/* no lock: the part may be a child that this very instance is writing, see
		 * AmDecoderOps.bid */
		int offer = plugin->decoder->bid(instance->data, &info, head,
						 MIN(head_len, BID_BYTES));
		if (offer > 0 && is_beside) {
			*beside |= G_GUINT64_CONSTANT(1) << i;
		} else if (offer > *bid && offer < below) {
			*bid = offer;
			best = instance;
		}
	}
	return best;
}

gboolean
am_part_is_to_open(const AmPart *part)
{
	return part->decoder != NULL || part->beside != 0 || part->is_mail;
}

/* A text that only looks like a mail is shown as text by every mail reader. */
static gboolean
writer_is_mail(const AmPartWriter *writer, const char *type)
{
	const char *declared = writer->part->facts->declared_type;
	if (declared == NULL)
		declared = "";
	if (strcmp(declared, "message/rfc822") == 0 || strcmp(declared, "message/global") == 0)
		return TRUE;
	return strcmp(type, "message/rfc822") == 0 && !g_str_has_prefix(declared, "text/") &&
	       !g_str_has_prefix(declared, "message/");
}

/* Something encoded may begin at any line of a text, long behind the bytes that decoders see. */
static void
writer_search(AmPartWriter *writer, const guint8 *data, gsize len)
{
	if ((writer->part->facts->flags & AM_PART_HAS_ENCODED) == 0 &&
	    am_marker_search(&writer->search, data, len)) {
		writer->part->facts->flags |= AM_PART_HAS_ENCODED;
		writer->is_found_late = data != writer->head;
	}
}

/* The head is complete: what is it, and does anybody want it? */
static void
writer_look(AmPartWriter *writer, gboolean is_whole)
{
	AmPart *part = writer->part;
	const char *type =
		am_types_detect(part->tree->types, writer->head, writer->head_len, is_whole);
	writer->is_known = TRUE;
	part->facts->size = writer->size; /* so far; decoders are told */
	am_part_set_type(part, type);
	part->is_mail = writer_is_mail(writer, type);
	writer->is_text = g_str_has_prefix(type, "text/") ||
			  (part->facts->declared_type != NULL &&
			   g_str_has_prefix(part->facts->declared_type, "text/"));
	writer_search(writer, writer->head, writer->head_len);
	if (writer->head_len > 0 && !part->is_mail)
		part->decoder = am_part_ask_decoders(part, writer->head, writer->head_len, G_MAXINT,
						     &part->bid, &part->beside);
	/* a decoder that looks knows better: it may be signed only */
	if (strcmp(type, "application/pgp-encrypted") == 0 && !am_part_is_to_open(part))
		am_part_mark(part, AM_PART_ENCRYPTED, "OpenPGP message");
	/* a long text may be wanted later, see writer_ask_again() */
	writer->is_kept = am_part_is_to_open(part) ||
			  (writer->is_member &&
			   (part->tree->keeps_members || (writer->is_text && !is_whole)));
}

/* What was found behind the head makes decoders bid that did not before. */
static void
writer_ask_again(AmPartWriter *writer)
{
	AmPart *part = writer->part;
	if (part->is_mail)
		return;
	part->beside = 0;
	part->decoder = am_part_ask_decoders(part, writer->head, writer->head_len, G_MAXINT,
					     &part->bid, &part->beside);
}

static void
writer_lose(AmPartWriter *writer)
{
	writer->is_kept = FALSE;
	am_part_limit(writer->part, "storage", "no room to keep the content");
	if (writer->fd >= 0)
		(void)close(writer->fd);
	writer->fd = -1;
}

/* Contents that outgrow memory go on in a file. */
static gboolean
writer_move_to_file(AmPartWriter *writer, guint64 stored)
{
	int file = store_open_file(writer->part->tree);
	if (file < 0)
		return FALSE;
	if (writer->fd >= 0) {
		if (!store_copy(writer->fd, 0, stored, file)) {
			(void)close(file);
			return FALSE;
		}
		(void)close(writer->fd);
		writer->part->tree->memory -= stored;
	}
	writer->fd = file;
	writer->is_in_file = TRUE;
	return TRUE;
}

/* Keeps bytes behind `stored` that are already kept. */
static void
writer_keep(AmPartWriter *writer, gconstpointer data, gsize len, guint64 stored)
{
	AmPartTree *tree = writer->part->tree;
	if (!writer->is_in_file &&
	    (stored + len > tree->limits->part_memory_bytes || !store_may_use_memory(tree, len))) {
		if (!writer_move_to_file(writer, stored)) {
			writer_lose(writer);
			return;
		}
	} else if (writer->fd < 0 && (writer->fd = store_open_memory()) < 0) {
		writer_lose(writer);
		return;
	}
	if (!am_write_all(writer->fd, data, len, NULL))
		writer_lose(writer);
	else if (!writer->is_in_file)
		tree->memory += len;
}

static gboolean
writer_may_grow(AmPartWriter *writer, gsize len)
{
	AmPartTree *tree = writer->part->tree;
	if (writer->is_over)
		return FALSE;
	if (am_part_tree_is_late(tree)) {
		am_part_limit(writer->part, "time", "no time left to take the mail apart");
		writer->is_over = TRUE;
	} else if (writer->is_member && len > tree->quota) {
		am_part_limit(writer->part, "bytes", "the mail expands to too many bytes");
		writer->is_over = TRUE;
	} else if (writer->is_member) {
		tree->quota -= len;
	}
	return !writer->is_over;
}

gboolean
am_part_writer_write(AmPartWriter *writer, gconstpointer data, gsize len)
{
	const guint8 *bytes = data;
	if (!writer_may_grow(writer, len))
		return FALSE;
	am_digest_update(writer->digest, data, len);
	writer->size += len;
	if (writer->head == NULL)
		writer->head = g_malloc(AM_PART_HEAD_BYTES);
	if (writer->head_len < AM_PART_HEAD_BYTES) {
		gsize n = MIN(len, AM_PART_HEAD_BYTES - writer->head_len);
		memcpy(writer->head + writer->head_len, bytes, n);
		writer->head_len += n;
		bytes += n;
		len -= n;
	}
	if (len == 0)
		return TRUE;
	if (!writer->is_known) {
		writer_look(writer, FALSE);
		if (writer->is_kept)
			writer_keep(writer, writer->head, writer->head_len, 0);
	}
	if (writer->is_text)
		writer_search(writer, bytes, len);
	if (writer->is_kept)
		writer_keep(writer, bytes, len, writer->size - len);
	return TRUE;
}

/* A small content, whole in the head, goes to the arena that all share. */
static void
writer_keep_small(AmPartWriter *writer)
{
	AmPart *part = writer->part;
	AmPartTree *tree = part->tree;
	if (!store_may_use_memory(tree, writer->head_len)) {
		writer_keep(writer, writer->head, writer->head_len, 0);
		return;
	}
	if (tree->arena_fd < 0)
		tree->arena_fd = store_open_memory();
	if (tree->arena_fd < 0 || lseek(tree->arena_fd, (off_t)tree->arena_len, SEEK_SET) < 0 ||
	    !am_write_all(tree->arena_fd, writer->head, writer->head_len, NULL)) {
		writer_lose(writer);
		return;
	}
	part->source = AM_SOURCE_ARENA;
	part->offset = tree->arena_len;
	part->len = writer->head_len;
	tree->arena_len += writer->head_len;
	tree->memory += writer->head_len;
}

gboolean
am_part_writer_close(AmPartWriter *writer)
{
	AmPart *part = writer->part;
	gboolean ok = !writer->is_over;
	part->facts->size = writer->size;
	if (!writer->is_known)
		writer_look(writer, ok);
	else if (writer->is_found_late)
		writer_ask_again(writer);
	if (part->decoder == NULL && am_types_is_container(part->facts->type))
		am_part_mark(part, AM_PART_UNDECODED, "there is no decoder for this type");
	if (writer->is_kept && writer->fd < 0 && writer->head_len == writer->size)
		writer_keep_small(writer);
	if (writer->fd >= 0) {
		part->source = AM_SOURCE_OWN;
		part->fd = writer->fd;
		part->len = writer->size;
	}
	part->facts->size = writer->size;
	am_part_judge_type(part);
	g_free(part->facts->digest);
	part->facts->digest = am_digest_finish(writer->digest);
	if (part->tree->digest == NULL)
		part->tree->digest = writer->digest;
	else
		am_digest_free(writer->digest);
	g_free(writer->head);
	g_free(writer);
	return ok;
}

/* ---- the view ------------------------------------------------------------------------------ */

typedef struct {
	AmPartTree *tree;
	int fd;
	guint64 len;
	gboolean is_in_file;
} View;

static gboolean
view_write(gconstpointer data, gsize len, gpointer user_data)
{
	View *view = user_data;
	if (!view->is_in_file && view->len + len > view->tree->limits->part_memory_bytes) {
		int file = store_open_file(view->tree);
		if (file < 0)
			return FALSE;
		gboolean ok = store_copy(view->fd, 0, view->len, file);
		(void)close(view->fd);
		view->fd = file;
		view->is_in_file = TRUE;
		if (!ok)
			return FALSE;
	}
	view->len += len;
	return am_write_all(view->fd, data, len, NULL);
}

static gboolean
view_decode(const AmPart *part, View *view)
{
	AmReader reader;
	AmTransferDecoder decoder;
	gboolean ok = TRUE;
	am_reader_init(&reader, part->fd, part->offset, part->len, NULL);
	if ((part->encoding & AM_TRANSFER_CR_LINES) != 0)
		reader.lines = AM_READER_CR;
	else if ((part->encoding & AM_TRANSFER_CRLF_LINES) != 0)
		reader.lines = AM_READER_CRLF;
	am_transfer_decoder_init(&decoder, part->encoding);
	while (ok && am_reader_fill(&reader)) {
		ok = am_transfer_decoder_feed(&decoder, reader.window, reader.len, view_write,
					      view) &&
		     !am_part_tree_is_late(part->tree);
		reader.pos = reader.len;
	}
	ok = am_transfer_decoder_end(&decoder, view_write, view) && ok && !reader.has_failed;
	am_reader_clear(&reader);
	return ok;
}

static void
view_make(AmPart *part)
{
	View view = { .tree = part->tree, .fd = store_open_memory() };
	gboolean ok = view.fd >= 0;
	if (ok && part->source == AM_SOURCE_ARENA)
		ok = store_copy(part->tree->arena_fd, part->offset, part->len, view.fd);
	else if (ok)
		ok = view_decode(part, &view);
	if (ok)
		part->view_fd = view.fd;
	else if (view.fd >= 0)
		(void)close(view.fd);
}

int
am_part_view(AmPart *part)
{
	if (part->source != AM_SOURCE_OWN && part->source != AM_SOURCE_NONE && part->view_fd < 0)
		view_make(part);
	int fd = part->source == AM_SOURCE_OWN ? part->fd : part->view_fd;
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0)
		return -1;
	return fd;
}

void
am_part_drop(AmPart *part)
{
	if (part->view_fd >= 0)
		(void)close(part->view_fd);
	part->view_fd = -1;
	if (part->source == AM_SOURCE_OWN) {
		(void)close(part->fd);
		part->fd = -1;
		part->source = AM_SOURCE_NONE;
	} else if (part->source == AM_SOURCE_ARENA) {
		part->source = AM_SOURCE_NONE;
	}
}
