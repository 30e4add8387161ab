/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A report from a hostile worker: refused, or read as something that can be written and read again
 * and says the same. */

#include <config.h>

#include "mail/report.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	const guint64 mail_size = 100000;
	g_autoptr(GBytes) bytes = g_bytes_new(data, size);
	g_autoptr(AmReport) report = am_report_parse(bytes, mail_size, NULL);
	if (report == NULL)
		return 0;
	for (guint i = 1; i < report->parts->len; i++)
		g_assert(((AmReportPart *)report->parts->pdata[i])->parent < (gint32)i);
	for (guint i = 0; i < report->fields->len; i++) {
		const AmHeaderField *field = report->fields->pdata[i];
		g_assert(field->offset + field->len <= report->header_size);
		g_assert(report->header_size <= mail_size);
	}
	g_autoptr(GBytes) once = am_report_serialize(report);
	g_autoptr(AmReport) again = am_report_parse(once, mail_size, NULL);
	g_assert(again != NULL);
	g_autoptr(GBytes) twice = am_report_serialize(again);
	g_assert(g_bytes_equal(once, twice));
	return 0;
}
