/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The inspection of one mail, in order: header section, MIME structure, what lies in its parts,
 * scanners.  Parts that a decoder has bid for, and mails found as parts, are opened in the order
 * in which they were found: the tree's array of parts is the work list, so that nothing recurses
 * however deep a mail is nested. */

#include <config.h>

#include "content/inspect.h"

#include <gmime/gmime.h>
#include <malloc.h>
#include <sys/stat.h>

#include "content/header-checks.h"
#include "content/host-program.h"
#include "content/host.h"
#include "content/mime.h"
#include "content/part.h"
#include "content/stage.h"
#include "mail/spool.h"

#define HEAP_KEPT_BYTES (2 << 20)  /* of free memory between mails */
#define HEAP_PIECE_BYTES (1 << 20) /* a larger one is mapped by itself */

struct _AmInspector {
	AmRegistry *registry;
	AmContentLimits limits;
	AmTypes *types;
	AmPartTree *tree;
	AmDigest *digest;
};

void
am_content_limits_from_config(const AmConfig *config, AmContentLimits *limits)
{
	const AmConfigGroup *group = am_config_group(config, "content", NULL);
	limits->max_depth = (guint)am_config_int(group, "max_depth");
	limits->max_parts = (guint)am_config_int(group, "max_parts");
	limits->min_expansion_bytes = (guint64)am_config_int(group, "min_expansion");
	limits->max_expansion_bytes = (guint64)am_config_int(group, "max_expansion");
	limits->expansion_factor = am_config_double(group, "expansion_factor");
	limits->part_memory_bytes = (guint64)am_config_int(group, "part_memory");
	limits->password_tries = (guint)am_config_int(group, "password_tries");
	limits->passwords = NULL; /* who has read the file puts them here */
}

void
am_content_init(void)
{
	static gsize is_done;
	if (g_once_init_enter(&is_done)) {
		g_mime_init();
		/* Each mail takes and gives back a few windows of 64 KiB, and libraries more than that;
		 * without this they would go to the kernel and come back as page faults every time. */
		(void)mallopt(M_TRIM_THRESHOLD, HEAP_KEPT_BYTES);
		(void)mallopt(M_MMAP_THRESHOLD, HEAP_PIECE_BYTES);
		g_once_init_leave(&is_done, 1);
	}
}

AmInspector *
am_inspector_new(AmRegistry *registry, const AmContentLimits *limits, AmTypes *types,
		 const char *work_directory)
{
	AmInspector *inspector = g_new0(AmInspector, 1);
	am_content_init();
	inspector->registry = registry;
	inspector->limits = *limits;
	/* the report takes no deeper trees */
	inspector->limits.max_depth = MIN(limits->max_depth, AM_REPORT_MAX_DEPTH);
	inspector->limits.max_parts = MIN(limits->max_parts, AM_REPORT_MAX_PARTS);
	inspector->types = types;
	inspector->tree = am_part_tree_new(registry, &inspector->limits, types, work_directory);
	inspector->digest = am_digest_new();
	return inspector;
}

void
am_inspector_set_programs(AmInspector *inspector, int fd)
{
	inspector->tree->program_fd = fd;
}

void
am_inspector_free(AmInspector *inspector)
{
	if (inspector == NULL)
		return;
	am_part_tree_free(inspector->tree);
	am_digest_free(inspector->digest);
	g_free(inspector);
}

/* The mail as the root of the tree, its header, its structure. */
static void
inspector_walk_mail(AmInspector *inspector, const AmInspectRequest *request, int mail_fd)
{
	AmPartTree *tree = inspector->tree;
	AmReport *report = tree->report;
	AmPart *root = am_part_tree_add(tree, NULL, AM_PART_MIME);
	g_free(root->facts->declared_type);
	root->facts->declared_type = g_strdup("message/rfc822");
	am_part_set_type(root, "message/rfc822");
	root->facts->size = request->mail_size;
	root->source = AM_SOURCE_RANGE;
	root->fd = mail_fd;
	root->len = request->mail_size;

	if (!am_header_check(report, mail_fd, request->mail_size, request->deadline_us))
		am_part_limit(root, "time", "no time left for the header section");
	am_digest_start(inspector->digest);
	gboolean is_whole = am_mime_walk(root, mail_fd, 0, request->mail_size, inspector->digest);
	g_autofree char *digest = am_digest_finish(inspector->digest);
	if (!is_whole)
		return; /* a digest of a piece would be taken for the mail's */
	g_free(report->digest);
	report->digest = g_strdup(digest);
	g_free(root->facts->digest);
	root->facts->digest = g_steal_pointer(&digest);
}

/* One decoder's turn.  FALSE: it could not open the part, why is in marks and *reason, and members
 * that need a password are in locked. */
static gboolean
inspector_decode_by(AmPart *part, AmInstance *instance, guint32 *marks, char **reason,
		    GArray *locked)
{
	AmDecode decode = { .part = part, .instance = instance, .locked = locked };
	g_autoptr(GError) error = NULL;
	am_instance_lock(instance);
	am_stage_plugin(instance->name);
	gboolean ok = instance->plugin->plugin.decoder->decode(instance->data, &decode, &error);
	am_stage_plugin(NULL);
	am_instance_unlock(instance);
	am_content_host_end_program(&decode);
	if (!ok) { /* its own failure; the part stays as it is (features D31) */
		decode.marks |= AM_PART_UNDECODED;
		g_free(decode.reason);
		decode.reason = g_strdup(error != NULL ? error->message : "decoder failed");
	}
	/* that another finds nothing to do does not make up for what the first could not */
	gboolean is_open = decode.marks == 0 && !decode.is_foreign &&
			   (*marks == 0 || decode.n_children > 0);
	*marks |= decode.marks;
	if (*reason == NULL)
		*reason = g_steal_pointer(&decode.reason);
	g_free(decode.reason);
	return is_open;
}

static void
inspector_mark_locked(AmPartTree *tree, const GArray *locked)
{
	for (guint i = 0; i < locked->len; i++)
		am_part_mark(am_part_tree_get(tree, (guint)g_array_index(locked, gint32, i)),
			     AM_PART_ENCRYPTED, "encrypted member");
}

/* The best bidder's turn; when it cannot open the part, the next one's, until one can. */
static void
inspector_decode(AmPart *part)
{
	guint8 head[4096];
	guint32 marks = 0;
	g_autofree char *reason = NULL;
	g_autoptr(GArray) locked = g_array_new(FALSE, FALSE, sizeof(gint32));
	AmInstance *instance = part->decoder;
	int bid = part->bid;

	while (instance != NULL) {
		guint n_before = locked->len;
		if (inspector_decode_by(part, instance, &marks, &reason, locked)) {
			/* what others could not do before it is done now */
			if (n_before > 0)
				g_array_remove_range(locked, 0, n_before);
			inspector_mark_locked(part->tree, locked);
			return;
		}
		if ((part->facts->flags & AM_PART_LIMIT) != 0 || am_part_tree_is_late(part->tree))
			break;
		int fd = am_part_view(part);
		gssize got = fd >= 0 ? am_read_at(fd, head, sizeof head, 0, NULL) : -1;
		instance = NULL;
		if (got > 0)
			instance = am_part_ask_decoders(part, head, (gsize)got, bid, &bid, NULL);
	}
	inspector_mark_locked(part->tree, locked);
	am_part_mark(part, marks, reason);
}

/* Those that look for something beside the content's own format. */
static void
inspector_decode_beside(AmPart *part)
{
	GPtrArray *decoders = am_registry_instances(part->tree->registry, AM_KIND_DECODER);
	for (guint i = 0; i < MIN(decoders->len, 64); i++) {
		guint32 marks = 0;
		g_autofree char *reason = NULL;
		g_autoptr(GArray) locked = g_array_new(FALSE, FALSE, sizeof(gint32));
		if ((part->beside & G_GUINT64_CONSTANT(1) << i) != 0 &&
		    !am_part_tree_is_late(part->tree) &&
		    !inspector_decode_by(part, decoders->pdata[i], &marks, &reason, locked))
			am_part_mark(part, marks, reason);
		inspector_mark_locked(part->tree, locked);
	}
}

/* A mail that was found as a decoded part. */
static void
inspector_walk_part(AmPart *part)
{
	int fd = am_part_view(part);
	if (fd < 0) {
		am_part_mark(part, AM_PART_UNDECODED, "content was not kept");
		return;
	}
	(void)am_mime_walk(part, fd, 0, part->facts->size, NULL); /* marks the part by itself */
}

static void
inspector_open_parts(AmInspector *inspector)
{
	AmPartTree *tree = inspector->tree;
	AmPart *part;
	/* grows while it is walked */
	for (guint i = 1; (part = am_part_tree_get(tree, i)) != NULL; i++) {
		if (!am_part_is_to_open(part))
			continue;
		if (am_part_tree_is_late(tree)) {
			am_part_limit(part, "time", "no time left to take the mail apart");
			continue;
		}
		if (part->is_mail) {
			inspector_walk_part(part);
		} else {
			inspector_decode(part);
			inspector_decode_beside(part);
			if (!tree->keeps_members)
				am_part_drop(part);
		}
	}
}

static void
inspector_scan(AmInspector *inspector, const AmInspectRequest *request, int mail_fd)
{
	AmReport *report = inspector->tree->report;
	if (inspector->registry == NULL)
		return;
	GPtrArray *scanners = am_registry_instances(inspector->registry, AM_KIND_SCANNER);
	for (guint i = 0; i < scanners->len; i++) {
		AmInstance *instance = scanners->pdata[i];
		AmScan scan = {
			.tree = inspector->tree,
			.report = report,
			.request = request,
			.mail_fd = mail_fd,
			.instance = instance,
		};
		g_autoptr(GError) error = NULL;
		gint64 start = g_get_monotonic_time();
		am_instance_lock(instance);
		am_stage_plugin(instance->name);
		gboolean ok = instance->plugin->plugin.scanner->scan(instance->data, &scan, &error);
		am_stage_plugin(NULL);
		am_instance_unlock(instance);
		am_report_add_scanner(report, instance->name,
				      (guint32)MIN(g_get_monotonic_time() - start, G_MAXUINT32));
		if (!ok)
			am_report_add_failure(report, instance->name,
					      error != NULL ? error->message : "failed");
	}
}

AmReport *
am_inspector_run(AmInspector *inspector, const AmInspectRequest *request, int mail_fd)
{
	AmReport *report = am_report_new();
	gint64 start = g_get_monotonic_time();
	am_part_tree_start(inspector->tree, report, request->mail_size, request->deadline_us);
	inspector_walk_mail(inspector, request, mail_fd);
	inspector_open_parts(inspector);
	gint64 decoded = g_get_monotonic_time();
	report->decode_us = (guint32)MIN(decoded - start, G_MAXUINT32);
	inspector_scan(inspector, request, mail_fd);
	report->scan_us = (guint32)MIN(g_get_monotonic_time() - decoded, G_MAXUINT32);
	am_part_tree_clear(inspector->tree);
	return report;
}

void
am_inspector_forget(AmInspector *inspector)
{
	am_digest_start(inspector->digest); /* has the last bytes in its state */
	am_types_forget(inspector->types);
}
