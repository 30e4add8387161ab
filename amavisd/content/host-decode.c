/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The host table of content workers, the decoders' side: children are made through the part tree,
 * which counts them against the mail's budget. */

#include <config.h>

#include "content/host.h"

#include "content/names.h"
#include "content/passwords.h"

struct _AmChild {
	AmPart *part;
	AmPartWriter *writer; /* NULL: no content */
	gboolean is_locked;
};

static AmPart *
host_decode_part(AmDecode *decode)
{
	return decode->part;
}

AmChild *
am_content_child_open(AmDecode *decode, const char *name, guint32 flags)
{
	const guint32 known = AM_PART_DIRECTORY | AM_PART_LINK | AM_PART_SPECIAL;
	AmPart *parent = decode->part;
	if (am_part_tree_is_late(parent->tree)) {
		am_part_limit(parent, "time", "no time left to take the mail apart");
		return NULL;
	}
	AmPart *part = am_part_tree_add(parent->tree, parent, AM_PART_MEMBER);
	if (part == NULL)
		return NULL;
	decode->n_children++;
	am_part_mark(part, flags & known, NULL);
	if (name != NULL)
		am_part_set_names(part, am_names_read_raw(name));
	AmChild *child = g_new0(AmChild, 1);
	child->part = part;
	child->is_locked = (flags & AM_PART_ENCRYPTED) != 0;
	if (child->is_locked)
		g_array_append_val(decode->locked, part->index);
	return child;
}

gboolean
am_content_child_write(AmChild *child, gconstpointer data, gsize len)
{
	if (child->writer == NULL)
		child->writer = am_part_writer_new(child->part, TRUE);
	return am_part_writer_write(child->writer, data, len);
}

gboolean
am_content_child_close(AmChild *child)
{
	const guint32 empty = AM_PART_DIRECTORY | AM_PART_LINK | AM_PART_SPECIAL;
	gboolean ok = TRUE;
	if (child->writer == NULL && !child->is_locked && (child->part->facts->flags & empty) == 0)
		child->writer = am_part_writer_new(child->part, TRUE); /* an empty file */
	if (child->writer != NULL)
		ok = am_part_writer_close(child->writer);
	g_free(child);
	return ok;
}

void
am_content_decode_mark(AmDecode *decode, guint32 flags, const char *reason)
{
	const guint32 lasting = AM_PART_AMBIGUOUS;
	const guint32 open = AM_PART_ENCRYPTED | AM_PART_UNDECODED;
	if (flags == 0)
		decode->is_foreign = TRUE;
	if (flags & AM_PART_LIMIT)
		am_part_limit(decode->part, "bytes", reason);
	if (flags & lasting)
		am_part_mark(decode->part, flags & lasting, reason);
	decode->marks |= flags & open;
	if ((flags & open) != 0 && decode->reason == NULL && reason != NULL)
		decode->reason = g_strdup(reason);
}

static void
host_decode_finding(AmDecode *decode, const char *kind, const char *name, const char *detail)
{
	am_report_add_finding(decode->part->tree->report, kind, name, decode->instance->name,
			      decode->part->index, detail);
}

static gint64
host_decode_deadline_us(AmDecode *decode)
{
	return decode->part->tree->deadline_us;
}

static void
host_child_declare(AmChild *child, const char *type)
{
	g_free(child->part->facts->declared_type);
	child->part->facts->declared_type = g_ascii_strdown(type, -1);
}

static const char *
host_decode_password(AmDecode *decode, guint index)
{
	return am_passwords_get(decode->part->tree, &decode->n_tried, index);
}

static void
host_decode_opened(AmDecode *decode, guint index)
{
	AmPartTree *tree = decode->part->tree;
	const char *origin = decode->n_tried > 0 ? am_passwords_opened(tree, index) : NULL;
	if (origin == NULL || decode->opened_by == index + 1)
		return;
	decode->opened_by = index + 1;
	host_decode_finding(decode, "opened", am_passwords_get(tree, &decode->n_tried, index),
			    origin);
}

void
am_content_host_add_decoding(AmHost *host)
{
	host->decode_part = host_decode_part;
	host->child_open = am_content_child_open;
	host->child_write = am_content_child_write;
	host->child_close = am_content_child_close;
	host->decode_mark = am_content_decode_mark;
	host->decode_finding = host_decode_finding;
	host->decode_deadline_us = host_decode_deadline_us;
	host->child_declare = host_child_declare;
	host->decode_password = host_decode_password;
	host->decode_opened = host_decode_opened;
}
