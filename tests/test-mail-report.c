/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The report: what is written is read again, and nothing wrong is read. */

#include <config.h>

#include "mail/report.h"

#include <math.h>
#include <string.h>

#define MAIL_SIZE 2000
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static AmReport *
sample_new(void)
{
	AmReport *report = am_report_new();
	am_report_set_text(&report->digest, DIGEST);
	report->header_size = 900;
	am_report_set_text(&report->subject, "Gr\xc3\xbc\xc3\x9f""e");
	am_report_set_text(&report->from, "a@example.org");
	report->n_received = 2;
	report->is_bulk = TRUE;
	for (guint i = 0; i < 15; i++)
		am_report_add_field(report, i == 3 ? "Subject" : "Received", 7, i * 60, 8, 60);
	for (gint32 i = 0; i < 3; i++) {
		AmReportPart *part = am_report_add_part(report, i == 0 ? -1 : 0);
		am_report_set_text(&part->declared_type, "text/plain");
		am_report_set_text(&part->type, "application/zip");
		am_report_set_text(&part->name, "a.zip");
		g_strfreev(part->names);
		part->names = g_strsplit("a.zip b.zip", " ", 0);
		am_report_set_text(&part->digest, DIGEST);
		part->size = 77;
		part->flags = AM_PART_MIME;
	}
	am_report_add_finding(report, "virus", "Eicar", "clamav", 1, NULL);
	am_report_add_defect(report, "8bit", "Subject", 180, "RFC 5322 2.2", "");
	am_report_add_test(report, "spamd", "GTUBE", 1000);
	am_report_add_failure(report, "clamav", "timed out");
	am_report_add_scanner(report, "clamav", 400);
	report->is_scored = TRUE;
	report->score = 6.5;
	report->decode_us = 1;
	report->scan_us = 2;
	return report;
}

static void
test_round_trip(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmReport) before = sample_new();
	g_autoptr(GBytes) bytes = am_report_serialize(before);
	g_autoptr(AmReport) after = am_report_parse(bytes, MAIL_SIZE, &error);
	g_assert_no_error(error);
	g_autoptr(GBytes) again = am_report_serialize(after);
	g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
			g_bytes_get_data(again, NULL), g_bytes_get_size(again));
	const AmReportPart *part = after->parts->pdata[2];
	g_assert_cmpstr(part->path, ==, "1.2");
	g_assert_cmpint(part->parent, ==, 0);
	g_assert_cmpstr(part->names[1], ==, "b.zip");
	g_assert_cmpstr(after->subject, ==, before->subject);
	g_assert_cmpuint(am_report_field(after, "subject")->offset, ==, 180);
	g_assert_null(am_report_field(after, "To"));
	g_assert_true(am_report_has_finding(after, "virus"));
	g_assert_false(am_report_has_finding(after, "macro"));
	g_assert_cmpfloat(after->score, ==, 6.5);
	g_assert_cmpuint(after->scan_us, ==, 2);
	g_assert_cmpstr(((AmTest *)after->tests->pdata[0])->name, ==, "GTUBE");
	g_assert_cmpstr(((AmScanFailure *)after->failures->pdata[0])->text, ==, "timed out");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/report/round-trip", test_round_trip);
	return g_test_run();
}
