/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The tree and its budget, see part.h; contents are stored in part-store.c. */

#include <config.h>

#include "content/part.h"

#include <string.h>
#include <unistd.h>

#include "content/mismatch.h"

#define NAME_FINDINGS 20u	   /* of one kind of trick; more of the same tell nothing new */
#define WRITTEN_NAMES (AM_REPORT_MAX_NAMES * 3 / 4) /* the rest is for what they come to */
#define NAME_BYTES 1024u	   /* of one reading of a name */
#define TREE_NAME_BYTES (2u << 20) /* of all of them; the report has 8 MiB */

/* readings beside the first one, of one mail */
#define READINGS_MAX 64u
#define READINGS_FACTOR 8u	    /* bytes read altogether, in sizes of the mail */
#define READINGS_MIN_BYTES 65536u

static void
part_free(gpointer data)
{
	AmPart *part = data;
	am_part_drop(part);
	g_free(part);
}

AmPartTree *
am_part_tree_new(AmRegistry *registry, const AmContentLimits *limits, AmTypes *types,
		 const char *directory)
{
	AmPartTree *tree = g_new0(AmPartTree, 1);
	tree->registry = registry;
	tree->limits = limits;
	tree->types = types;
	tree->directory = g_strdup(directory);
	tree->passwords = am_passwords_new(limits->passwords, limits->password_tries);
	tree->digest = am_digest_new();
	tree->parts = g_ptr_array_new_with_free_func(part_free);
	tree->arena_fd = -1;
	tree->program_fd = -1;
	tree->keeps_members =
		registry != NULL && am_registry_instances(registry, AM_KIND_SCANNER)->len > 0;
	return tree;
}

void
am_part_tree_clear(AmPartTree *tree)
{
	g_ptr_array_set_size(tree->parts, 0);
	if (tree->arena_fd >= 0)
		(void)close(tree->arena_fd); /* memory only */
	tree->arena_fd = -1;
	tree->arena_len = 0;
	tree->memory = 0;
	tree->n_parts = 0;
	tree->told = 0;
	memset(tree->told_tricks, 0, sizeof tree->told_tricks);
	tree->n_mismatches = 0;
	tree->report = NULL;
	am_passwords_clear(tree->passwords);
}

void
am_part_tree_free(AmPartTree *tree)
{
	if (tree == NULL)
		return;
	am_part_tree_clear(tree);
	g_ptr_array_unref(tree->parts);
	am_digest_free(tree->digest);
	am_passwords_free(tree->passwords);
	g_free(tree->directory);
	g_free(tree);
}

/* features D30: never less than the minimum, else in proportion to the mail, under a cap. */
static guint64
part_tree_quota(const AmContentLimits *limits, guint64 mail_size)
{
	double wanted = (double)mail_size * limits->expansion_factor;
	guint64 quota = wanted >= (double)limits->max_expansion_bytes ? limits->max_expansion_bytes
								      : (guint64)wanted;
	return MAX(quota, limits->min_expansion_bytes);
}

void
am_part_tree_start(AmPartTree *tree, AmReport *report, guint64 mail_size, gint64 deadline_us)
{
	am_part_tree_clear(tree);
	tree->report = report;
	tree->deadline_us = deadline_us;
	tree->quota = part_tree_quota(tree->limits, mail_size);
	tree->name_bytes_left = TREE_NAME_BYTES;
	tree->readings_left = READINGS_MAX;
	tree->reading_bytes_left = READINGS_FACTOR * mail_size + READINGS_MIN_BYTES;
}

gboolean
am_part_tree_is_late(AmPartTree *tree)
{
	return tree->deadline_us != 0 && g_get_monotonic_time() >= tree->deadline_us;
}

AmPart *
am_part_tree_get(AmPartTree *tree, guint index)
{
	return index < tree->parts->len ? tree->parts->pdata[index] : NULL;
}

static void
part_tell(AmPart *part, const char *kind, const char *name, const char *reason)
{
	am_report_add_finding(part->tree->report, kind, name, "core", part->index, reason);
}

void
am_part_mark(AmPart *part, guint32 flags, const char *reason)
{
	guint32 fresh = flags & ~part->facts->flags;
	part->facts->flags |= flags;
	if (reason != NULL && (part->facts->reason == NULL || *part->facts->reason == '\0')) {
		g_free(part->facts->reason);
		part->facts->reason = g_utf8_make_valid(reason, (gssize)strnlen(reason, 500));
	}
	if (fresh & AM_PART_ENCRYPTED)
		part_tell(part, "encrypted", "encrypted", reason);
	if (fresh & AM_PART_AMBIGUOUS)
		part_tell(part, "ambiguous", "ambiguous", reason);
	/* what is encrypted, over a limit or ambiguous has said so */
	if ((fresh & AM_PART_UNDECODED) != 0 &&
	    (part->facts->flags & (AM_PART_ENCRYPTED | AM_PART_LIMIT | AM_PART_AMBIGUOUS)) == 0)
		part_tell(part, "undecoded", "undecoded", reason);
}

void
am_part_doubt(AmPart *part, const char *name, const char *reason)
{
	part->facts->flags |= AM_PART_AMBIGUOUS;
	am_part_mark(part, 0, reason);
	if (name != NULL)
		part_tell(part, "ambiguous", name, reason);
}

void
am_part_limit(AmPart *part, const char *name, const char *reason)
{
	static const char *const names[] = {
		"depth", "parts", "bytes", "time", "storage", "names", "readings"
	};
	am_part_mark(part, AM_PART_UNDECODED | AM_PART_LIMIT, reason);
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(names[i], name) != 0 || (part->tree->told & 1u << i) != 0)
			continue;
		part->tree->told |= 1u << i;
		part_tell(part, "limit", name, reason);
	}
}

AmPart *
am_part_tree_add(AmPartTree *tree, AmPart *parent, guint32 flags)
{
	guint depth = parent != NULL ? parent->depth + 1 : 0;
	if (depth > tree->limits->max_depth) {
		am_part_limit(parent, "depth", "parts are nested too deeply");
		return NULL;
	}
	if (parent != NULL && tree->n_parts >= tree->limits->max_parts) {
		am_part_limit(parent, "parts", "the mail has too many parts");
		return NULL;
	}
	AmPart *part = g_new0(AmPart, 1);
	part->tree = tree;
	part->facts = am_report_add_part(tree->report, parent != NULL ? parent->index : -1);
	part->facts->flags |= flags;
	part->index = (gint32)tree->parts->len;
	part->depth = depth;
	part->fd = -1;
	part->view_fd = -1;
	g_ptr_array_add(tree->parts, part);
	tree->n_parts++;
	if (parent != NULL)
		parent->facts->flags |= AM_PART_CONTAINER;
	return part;
}

void
am_part_set_type(AmPart *part, const char *type)
{
	g_free(part->facts->type);
	g_free(part->facts->short_type);
	part->facts->type = g_utf8_make_valid(type, -1);
	part->facts->short_type = g_strdup(am_types_short(type));
}

void
am_part_judge_type(AmPart *part)
{
	if (part->facts->declared_type != NULL &&
	    strcmp(part->facts->declared_type, "message/partial") == 0)
		part_tell(part, "partial", "partial", "the rest of it comes in other mails");
	if (part->facts->declared_type != NULL &&
	    strcmp(part->facts->declared_type, "message/external-body") == 0)
		part_tell(part, "external", "external-body", "its content lies elsewhere");
	if (part->tree->n_mismatches >= NAME_FINDINGS)
		return;
	g_autofree char *detail = am_mismatch_find(part->facts);
	if (detail == NULL)
		return;
	part->tree->n_mismatches++;
	part_tell(part, "type", "mismatch", detail);
}

/* A reading of a name, of a very long one the end, where the extension is. */
static char *
part_copy_name(const char *name)
{
	gsize len = strlen(name);
	if (len <= NAME_BYTES)
		return g_strdup(name);
	name += len - NAME_BYTES;
	while ((*name & 0xc0) == 0x80) /* the rest of a UTF-8 character */
		name++;
	return g_strdup(name);
}

/* What the names hide, as findings: facts for policy, no category by themselves. */
static void
part_tell_tricks(AmPart *part, const GPtrArray *names, guint n_written, guint tricks)
{
	const char *seen = names->len > 0 ? names->pdata[0] : "";
	/* of what they come to the worst, else the first */
	for (guint i = names->len; i-- > n_written;) {
		g_autofree char *extension = am_extension_of(names->pdata[i]);
		if (i == n_written || am_extension_is_dangerous(extension)) {
			seen = names->pdata[i];
			break;
		}
	}
	for (guint i = 0; i < AM_N_TRICKS; i++) {
		if ((tricks & 1u << i) == 0 || part->tree->told_tricks[i] == NAME_FINDINGS)
			continue;
		part->tree->told_tricks[i]++;
		part_tell(part, "name", am_trick_name((AmTrick)i), seen);
	}
}

void
am_part_set_names(AmPart *part, GPtrArray *names)
{
	AmPartTree *tree = part->tree;
	gsize bytes = 0;
	gboolean is_over = names->len > WRITTEN_NAMES;
	g_ptr_array_set_size(names, (gint)MIN(names->len, WRITTEN_NAMES));
	guint n_written = names->len;
	guint tricks = am_see_through(names, AM_REPORT_MAX_NAMES);
	if (is_over || names->len == AM_REPORT_MAX_NAMES)
		am_part_limit(part, "names", "the part has too many names");
	if (tricks != 0)
		part_tell_tricks(part, names, n_written, tricks);
	for (guint i = 0; i < names->len; i++)
		bytes += MIN(strlen(names->pdata[i]), NAME_BYTES);
	if (bytes > tree->name_bytes_left) {
		am_part_limit(part, "names", "the names of the mail's parts are too long");
	} else if (names->len > 0) {
		tree->name_bytes_left -= bytes;
		g_strfreev(part->facts->names);
		part->facts->names = g_new0(char *, names->len + 1);
		for (guint i = 0; i < names->len; i++)
			part->facts->names[i] = part_copy_name(names->pdata[i]);
		g_free(part->facts->name);
		part->facts->name = g_strdup(part->facts->names[0]);
	}
	g_ptr_array_unref(names);
}

void
am_part_info(const AmPart *part, AmPartInfo *info)
{
	const AmReportPart *facts = part->facts;
	info->path = facts->path;
	info->declared_type = facts->declared_type != NULL ? facts->declared_type : "";
	info->type = facts->type != NULL ? facts->type : "";
	info->short_type = facts->short_type != NULL ? facts->short_type : "";
	info->name = facts->name != NULL ? facts->name : "";
	info->size = facts->size;
	info->flags = facts->flags;
	info->parent = facts->parent;
}
