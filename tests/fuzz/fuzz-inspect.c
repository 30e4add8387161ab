/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The whole inspector on any bytes, without decoders; the report must survive its own way. */

#include <config.h>

#include "content/inspect.h"

#include <sys/mman.h>
#include <unistd.h>

#include "content/names.h"
#include "mail/fd.h"
#include "mail/spool.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static AmInspector *
make_inspector(void)
{
	static const AmContentLimits limits = {
		.max_depth = 20,
		.max_parts = 300,
		.min_expansion_bytes = 100000,
		.max_expansion_bytes = 1000000,
		.expansion_factor = 10,
		.part_memory_bytes = 8192,
	};
	am_names_preload();
	AmTypes *types = am_types_new(NULL);
	return types != NULL ? am_inspector_new(NULL, &limits, types, NULL) : NULL;
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
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	g_autoptr(AmReport) arrived = am_report_parse(bytes, size, &error);
	if (arrived == NULL)
		g_error("own report refused: %s", error->message);
	return 0;
}
