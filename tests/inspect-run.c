/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "inspect-run.h"

#include <sys/mman.h>

#include "mail/fd.h"
#include "mail/spool.h"

const AmContentLimits inspect_limits = {
	.max_depth = 20,
	.max_parts = 3000,
	.min_expansion_bytes = 100000,
	.max_expansion_bytes = 1000000,
	.expansion_factor = 500,
	.part_memory_bytes = 65536 * 2,
};

AmReport *
inspect_run(AmRegistry *registry, const AmContentLimits *limits, AmTypes *types, const char *bytes,
	    gsize len)
{
	g_auto(AmFd) fd = memfd_create("mail", MFD_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_assert_true(am_write_all(fd, bytes, len, &error));
	const AmInspectRequest request = {
		.mail_id = "test",
		.mail_size = len,
		.deadline_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC,
	};
	AmInspector *inspector = am_inspector_new(registry, limits, types, NULL);
	AmReport *report = am_inspector_run(inspector, &request, fd);
	am_inspector_free(inspector);
	g_autoptr(GBytes) wire = am_report_serialize(report);
	g_autoptr(AmReport) arrived = am_report_parse(wire, len, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(arrived->parts->len, ==, report->parts->len);
	return report;
}
