/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The whole inspector on any bytes, without decoders; the report must survive its own way, and the
 * tree keep to its rules. */

#include <config.h>

#include "content/inspect.h"

#include <sys/mman.h>
#include <unistd.h>

#include "content/names.h"
#include "mail/fd.h"
#include "mail/spool.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

#define MAX_PARTS 300
#define MAX_DEPTH 20

static AmInspector *
make_inspector(void)
{
	static const AmContentLimits limits = {
		.max_depth = MAX_DEPTH,
		.max_parts = MAX_PARTS,
		.min_expansion_bytes = 100000,
		.max_expansion_bytes = 1000000,
		.expansion_factor = 10,
		.part_memory_bytes = 8192,
	};
	am_names_preload();
	AmTypes *types = am_types_new(NULL);
	return types != NULL ? am_inspector_new(NULL, &limits, types, NULL) : NULL;
}

static void
check_tree(const AmReport *report)
{
	const guint32 doubt = AM_PART_ALTERNATIVE | AM_PART_AMBIGUOUS;
	gboolean has_doubt = FALSE;
	g_assert(report->parts->len <= MAX_PARTS);
	for (guint i = 0; i < report->parts->len; i++) {
		const AmReportPart *part = report->parts->pdata[i];
		g_assert(part->parent < (gint32)i && (part->parent >= 0) == (i > 0));
		g_assert(part->depth <= MAX_DEPTH);
		if ((part->flags & AM_PART_ALTERNATIVE) != 0) {
			/* another reading: it says why, and so does what it is a reading of */
			g_assert((part->flags & doubt) == doubt && *part->reason != '\0');
			has_doubt = TRUE;
		}
	}
	g_assert(!has_doubt || am_report_has_finding(report, "ambiguous"));
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		g_assert(finding->part < (gint32)report->parts->len && *finding->name != '\0');
	}
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static AmInspector *inspector;
	g_auto(AmFd) fd = memfd_create("mail", MFD_CLOEXEC);
	g_autoptr(GError) error = NULL;
	if (inspector == NULL)
		inspector = make_inspector();
	if (inspector == NULL || fd < 0 || !am_write_all(fd, data, size, NULL))
		return 0;
	AmInspectRequest request = { .mail_id = "fuzz", .mail_size = size };
	g_autoptr(AmReport) report = am_inspector_run(inspector, &request, fd);
	check_tree(report);
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	g_autoptr(AmReport) arrived = am_report_parse(bytes, size, &error);
	if (arrived == NULL)
		g_error("own report refused: %s", error->message);
	return 0;
}
