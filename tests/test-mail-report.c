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
	am_report_set_text(&report->subject, "Gr\xc3\xbc\xc3\x9f"
					     "e");
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

/* Each fault alone in an otherwise good report; what the writer leaves in is for the reader. */

static void
fault_header_size(AmReport *r)
{
	r->header_size = MAIL_SIZE + 1;
}
static void
fault_version(AmReport *r)
{
	r->version = 0;
} /* written anyway as the current one */
static void
fault_digest(AmReport *r)
{
	am_report_set_text(&r->digest, "abc");
}
static void
fault_digest_case(AmReport *r)
{
	r->digest[10] = 'A';
}
static AmHeaderField *
field(AmReport *r, guint i)
{
	return r->fields->pdata[i];
}
static void
fault_field_offset(AmReport *r)
{
	field(r, 14)->offset = 841;
}
static void
fault_field_far(AmReport *r)
{
	field(r, 14)->offset = G_MAXUINT64 - 10;
}
static void
fault_field_len(AmReport *r)
{
	field(r, 14)->len = G_MAXUINT32;
}
static void
fault_field_order(AmReport *r)
{
	field(r, 7)->offset -= 1;
}
static void
fault_field_empty(AmReport *r)
{
	field(r, 7)->len = field(r, 7)->value = field(r, 7)->name_len = 0;
}
static void
fault_field_value(AmReport *r)
{
	field(r, 7)->value = 61;
}
static void
fault_field_name(AmReport *r)
{
	field(r, 7)->name_len = 9;
}
static AmReportPart *
part(AmReport *r, guint i)
{
	return r->parts->pdata[i];
}
static void
fault_parent_self(AmReport *r)
{
	part(r, 1)->parent = 1;
}
static void
fault_parent_later(AmReport *r)
{
	part(r, 1)->parent = 2;
}
static void
fault_parent_root(AmReport *r)
{
	part(r, 1)->parent = -1;
}
static void
fault_parent_negative(AmReport *r)
{
	part(r, 1)->parent = -2;
}
static void
fault_root_parent(AmReport *r)
{
	part(r, 0)->parent = 0;
}
static void
fault_root_negative(AmReport *r)
{
	part(r, 0)->parent = -2;
}
static void
fault_part_digest(AmReport *r)
{
	am_report_set_text(&part(r, 1)->digest, "xyz");
}
static void
fault_defect(AmReport *r)
{
	((AmHeaderDefect *)r->defects->pdata[0])->position = MAIL_SIZE + 1;
}

static const struct {
	const char *name;
	void (*make)(AmReport *report);
	gboolean is_good;
} faults[] = {
	{ "none", fault_version, TRUE },
	{ "header-size", fault_header_size, FALSE },
	{ "digest", fault_digest, FALSE },
	{ "digest-case", fault_digest_case, FALSE },
	{ "field-offset", fault_field_offset, FALSE },
	{ "field-far", fault_field_far, FALSE },
	{ "field-len", fault_field_len, FALSE },
	{ "field-order", fault_field_order, FALSE },
	{ "field-empty", fault_field_empty, FALSE },
	{ "field-value", fault_field_value, FALSE },
	{ "field-name", fault_field_name, FALSE },
	{ "parent-self", fault_parent_self, FALSE },
	{ "parent-later", fault_parent_later, FALSE },
	{ "parent-root", fault_parent_root, FALSE },
	{ "parent-negative", fault_parent_negative, FALSE },
	{ "root-parent", fault_root_parent, FALSE },
	{ "root-negative", fault_root_negative, FALSE },
	{ "part-digest", fault_part_digest, FALSE },
	{ "defect", fault_defect, FALSE },
};

static void
test_faults(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(faults); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(AmReport) before = sample_new();
		faults[i].make(before);
		g_autoptr(GBytes) bytes = am_report_serialize(before);
		g_autoptr(AmReport) after = am_report_parse(bytes, MAIL_SIZE, &error);
		g_test_message("%s", faults[i].name);
		g_assert_cmpint(after != NULL, ==, faults[i].is_good);
		if (!faults[i].is_good)
			g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	}
}

static AmReport *
parse_exact(const guint8 *data, gsize len, GError **error)
{
	g_autoptr(GBytes) bytes = g_bytes_new(data, len); /* an overrun would show */
	return am_report_parse(bytes, MAIL_SIZE, error);
}

/* Every shorter piece is refused, and so is a longer one. */
static void
test_truncated(void)
{
	g_autoptr(AmReport) before = sample_new();
	g_autoptr(GBytes) bytes = am_report_serialize(before);
	gsize len;
	const guint8 *data = g_bytes_get_data(bytes, &len);
	for (gsize i = 0; i < len; i++) {
		g_autoptr(GError) error = NULL;
		g_assert_null(parse_exact(data, i, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	}
	g_autofree guint8 *longer = g_malloc0(len + 1);
	memcpy(longer, data, len);
	g_assert_null(parse_exact(longer, len + 1, NULL));
	g_autoptr(GBytes) huge =
		g_bytes_new_take(g_malloc0(AM_REPORT_MAX_BYTES + 1), AM_REPORT_MAX_BYTES + 1);
	g_assert_null(am_report_parse(huge, MAIL_SIZE, NULL));
}

/* Bytes changed at random: refused, or read as something that holds what the header promises. */
static void
test_changed(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	g_autoptr(AmReport) before = sample_new();
	g_autoptr(GBytes) bytes = am_report_serialize(before);
	gsize len;
	const guint8 *data = g_bytes_get_data(bytes, &len);
	guint n_read = 0;
	for (guint i = 0; i < 20000; i++) {
		g_autofree guint8 *copy = g_memdup2(data, len);
		for (gint k = g_rand_int_range(rand, 1, 4); k > 0; k--)
			copy[g_rand_int_range(rand, 0, (gint)len)] = (guint8)g_rand_int(rand);
		g_autoptr(AmReport) after = parse_exact(copy, len, NULL);
		if (after == NULL)
			continue;
		n_read++;
		g_assert_true(g_utf8_validate(after->subject, -1, NULL));
		g_assert_true(isfinite(after->score));
		g_assert_cmpuint(after->header_size, <=, MAIL_SIZE);
		for (guint k = 1; k < after->parts->len; k++)
			g_assert_cmpint(part(after, k)->parent, <, k);
	}
	g_assert_cmpuint(n_read, >, 0);
	g_assert_cmpuint(n_read, <, 20000);
}

static void
test_not_finite(void)
{
	g_autoptr(AmReport) before = sample_new();
	before->score = NAN;
	((AmTest *)before->tests->pdata[0])->points = INFINITY;
	g_autoptr(GBytes) bytes = am_report_serialize(before);
	g_autoptr(AmReport) after = am_report_parse(bytes, MAIL_SIZE, NULL);
	g_assert_nonnull(after);
	g_assert_cmpfloat(after->score, ==, 0);
	g_assert_cmpfloat(((AmTest *)after->tests->pdata[0])->points, ==, 0);
	gsize len;
	g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(bytes, &len), g_bytes_get_size(bytes));
	len = g_bytes_get_size(bytes);
	memset(copy + len - 16, 0xff, 8); /* the score, as NaN */
	g_assert_null(parse_exact(copy, len, NULL));
}

static void
test_text_made_valid(void)
{
	g_autoptr(AmReport) report = am_report_new();
	am_report_set_text(&report->subject, "a\xff");
	g_assert_cmpstr(report->subject, ==, "a\xef\xbf\xbd");
	am_report_set_text(&report->subject, report->subject + 1);
	g_assert_cmpstr(report->subject, ==, "\xef\xbf\xbd");
	am_report_set_text(&report->subject, NULL);
	g_assert_cmpstr(report->subject, ==, "");
	/* set behind the back of am_report_set_text() */
	g_free(report->from);
	report->from = g_strdup("b\xfe");
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	g_autoptr(AmReport) after = am_report_parse(bytes, 0, NULL);
	g_assert_cmpstr(after->from, ==, "b\xef\xbf\xbd");
}

/* A virus found after any number of lesser findings is not lost. */
static void
test_many_findings(void)
{
	g_autoptr(AmReport) report = am_report_new();
	for (guint i = 0; i < 5000; i++)
		am_report_add_finding(report, "ambiguous", "x", "core", -1, NULL);
	am_report_add_finding(report, "virus", "Eicar", "clamav", -1, NULL);
	am_report_add_finding(report, "virus", "Eicar2", "clamav", -1, NULL);
	for (guint i = 0; i < 200; i++) {
		g_autofree char *kind = g_strdup_printf("kind%u", i);
		am_report_add_finding(report, kind, "x", "core", 77, NULL); /* no such part */
	}
	g_assert_cmpuint(report->findings->len, ==,
			 AM_REPORT_MAX_FINDINGS + AM_REPORT_MAX_KINDS - 1);
	g_assert_cmpuint(report->n_findings_lost, ==, 5202 - report->findings->len);
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	g_autoptr(AmReport) after = am_report_parse(bytes, 0, NULL);
	g_assert_nonnull(after);
	g_assert_true(am_report_has_finding(after, "virus"));
	g_assert_false(am_report_has_finding(after, "kind199"));
	g_assert_cmpuint(after->findings->len, ==, report->findings->len);
	g_assert_cmpuint(after->n_findings_lost, ==, report->n_findings_lost);
	const AmFinding *last = after->findings->pdata[after->findings->len - 1];
	g_assert_cmpint(last->part, ==, -1);
}

static void
test_limits_of_lists(void)
{
	g_autoptr(AmReport) report = am_report_new();
	for (guint i = 0; i < 2000; i++) {
		am_report_add_defect(report, "long", "X", 0, "", "");
		am_report_add_test(report, "s", "T", 1);
		am_report_add_failure(report, "s", "f");
		am_report_add_scanner(report, "s", 1);
	}
	g_assert_cmpuint(report->defects->len, ==, AM_REPORT_MAX_DEFECTS);
	g_assert_cmpuint(report->tests->len, ==, AM_REPORT_MAX_TESTS);
	g_assert_cmpuint(report->failures->len, ==, AM_REPORT_MAX_FAILURES);
	g_assert_cmpuint(report->scanners->len, ==, AM_REPORT_MAX_SCANNERS);
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	g_autoptr(AmReport) after = am_report_parse(bytes, 0, NULL);
	g_assert_nonnull(after);
	g_assert_cmpuint(after->tests->len, ==, AM_REPORT_MAX_TESTS);
}

/* As many parts as there may be, with everything each can have: what fits is sent, the rest is
 * told, and it takes no more than linear time. */
static void
test_too_much(void)
{
	g_autoptr(AmReport) report = am_report_new();
	g_autofree char *name = g_strnfill(6000, 'n');
	memcpy(name + 5996, ".exe", 4);
	for (guint i = 0; i <= AM_REPORT_MAX_FIELDS; i++)
		am_report_add_field(report, "X-Field", 7, i * 10, 8, 10);
	report->header_size = 10 * (AM_REPORT_MAX_FIELDS + 1);
	for (guint i = 0; i < 20000; i++) {
		AmReportPart *added = am_report_add_part(report, (gint32)i - 1);
		am_report_set_text(&added->name, name);
	}
	am_report_add_finding(report, "virus", "V", "clamav", 19999, NULL);
	g_assert_cmpuint(part(report, 19999)->depth, ==, AM_REPORT_MAX_DEPTH);
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	g_assert_cmpuint(g_bytes_get_size(bytes), <=, AM_REPORT_MAX_BYTES);
	g_autoptr(GError) error = NULL;
	g_autoptr(AmReport) after = am_report_parse(bytes, 10 * (AM_REPORT_MAX_FIELDS + 1), &error);
	g_assert_no_error(error);
	g_assert_cmpuint(after->fields->len, ==, AM_REPORT_MAX_FIELDS);
	g_assert_cmpstr(((AmFinding *)after->findings->pdata[1])->name, ==, "header");
	g_assert_cmpuint(after->parts->len, >, 1000);
	g_assert_cmpuint(after->parts->len, <, 20000);
	g_assert_true(am_report_has_finding(after, "limit"));
	g_assert_true(am_report_has_finding(after, "virus"));
	g_assert_cmpuint(strlen(part(after, 5)->name), ==, 4096);
	g_assert_true(g_str_has_suffix(part(after, 5)->name, ".exe"));
}

static void
test_many_names(void)
{
	g_autoptr(AmReport) report = am_report_new();
	AmReportPart *root = am_report_add_part(report, -1);
	g_strfreev(root->names);
	root->names = g_new0(char *, 101);
	for (guint i = 0; i < 100; i++)
		root->names[i] = g_strdup_printf("name%u", i);
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	g_autoptr(AmReport) after = am_report_parse(bytes, 0, NULL);
	g_assert_cmpuint(g_strv_length(part(after, 0)->names), ==, AM_REPORT_MAX_NAMES);
	g_assert_true(am_report_has_finding(after, "limit"));
	g_assert_cmpuint(part(after, 0)->flags, ==, AM_PART_LIMIT | AM_PART_AMBIGUOUS);
}

static void
test_tree(void)
{
	static const struct {
		gint32 parent;
		const char *path;
	} tree[] = { { -1, "1" },    { 0, "1.1" },   { 0, "1.2" },    { 2, "1.2.1" },
		     { 1, "1.1.1" }, { 2, "1.2.2" }, { 5, "1.2.2.1" } };
	g_autoptr(AmReport) report = am_report_new();
	for (gsize i = 0; i < G_N_ELEMENTS(tree); i++)
		g_assert_cmpstr(am_report_add_part(report, tree[i].parent)->path, ==, tree[i].path);
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	g_autoptr(AmReport) after = am_report_parse(bytes, 0, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(tree); i++)
		g_assert_cmpstr(part(after, (guint)i)->path, ==, tree[i].path);
}

/* A mail must not be dear because of its report; the bound is loose, for slow and busy machines. */
static void
test_speed(void)
{
	g_autoptr(AmReport) before = sample_new();
	gint64 start = g_get_monotonic_time();
	for (guint i = 0; i < 1000; i++) {
		g_autoptr(GBytes) bytes = am_report_serialize(before);
		g_autoptr(AmReport) after = am_report_parse(bytes, MAIL_SIZE, NULL);
		g_assert_nonnull(after);
	}
	double each_us = (double)(g_get_monotonic_time() - start) / 1000;
	g_test_minimized_result(each_us, "report written and read in %.1f us", each_us);
	g_assert_cmpfloat(each_us, <, 20000);
}

/* Clean, infected, unchecked: what decides, and why. */
static void
test_content(void)
{
	static const struct {
		const char *kind, *name, *detail; /* of the findings; kind NULL: a failure */
		AmContent content;
		const char *reason;
	} cases[] = {
		{ "virus", "Eicar", "", AM_CONTENT_INFECTED, "virus: Eicar" },
		{ "phishing", "Bank", "", AM_CONTENT_INFECTED, "phishing: Bank" },
		{ "limit", "depth", "too deep", AM_CONTENT_UNCHECKED, "over limits: too deep" },
		{ "limit", "Heuristics.Limits", "", AM_CONTENT_UNCHECKED,
		  "over limits: Heuristics.Limits" },
		{ "encrypted", "encrypted", "", AM_CONTENT_UNCHECKED, "encrypted" },
		{ "ambiguous", "boundary", "two", AM_CONTENT_UNCHECKED, "ambiguous: two" },
		{ "undecoded", "undecoded", "crc", AM_CONTENT_UNCHECKED, "undecodable: crc" },
		{ "partial", "partial", "", AM_CONTENT_UNCHECKED, "a piece of a mail: partial" },
		{ NULL, "clamav", "gone", AM_CONTENT_UNCHECKED, "clamav: gone" },
		{ "macro", "AutoOpen", "", AM_CONTENT_CLEAN, NULL },
		{ "name", "double-extension", "", AM_CONTENT_CLEAN, NULL },
	};
	g_autoptr(GPtrArray) none = g_ptr_array_new_with_free_func(g_free);
	g_assert_cmpint(am_report_content(NULL, none), ==, AM_CONTENT_UNCHECKED);
	g_assert_cmpstr(none->pdata[0], ==, "not inspected");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(AmReport) report = am_report_new();
		g_autoptr(GPtrArray) reasons = g_ptr_array_new_with_free_func(g_free);
		g_assert_cmpint(am_report_content(report, NULL), ==, AM_CONTENT_CLEAN);
		if (cases[i].kind != NULL)
			am_report_add_finding(report, cases[i].kind, cases[i].name, "core", -1,
					      cases[i].detail);
		else
			am_report_add_failure(report, cases[i].name, cases[i].detail);
		g_assert_cmpint(am_report_content(report, reasons), ==, cases[i].content);
		g_assert_cmpuint(reasons->len, ==, cases[i].reason != NULL);
		if (cases[i].reason != NULL)
			g_assert_cmpstr(reasons->pdata[0], ==, cases[i].reason);
	}
	/* what was found is found, whatever else was not looked at */
	g_autoptr(AmReport) report = am_report_new();
	am_report_add_finding(report, "limit", "bytes", "core", 0, "");
	am_report_add_finding(report, "virus", "Eicar", "clamav", 0, "");
	g_assert_cmpint(am_report_content(report, NULL), ==, AM_CONTENT_INFECTED);
	report->n_findings_lost = 1;
	g_ptr_array_set_size(report->findings, 0);
	g_assert_cmpint(am_report_content(report, NULL), ==, AM_CONTENT_UNCHECKED);
}

/* A flood of one kind of defect hides no other kind. */
static void
test_defect_flood(void)
{
	g_autoptr(AmReport) report = am_report_new();
	am_report_add_defect(report, "syntax", "first", 1, "", "");
	for (guint i = 0; i < 1000; i++)
		am_report_add_defect(report, "long", "X", i, "", "");
	am_report_add_defect(report, "missing", "Date", 0, "", "");
	am_report_add_defect(report, "multiple", "To", 0, "", "");
	g_assert_cmpuint(report->defects->len, ==, AM_REPORT_MAX_DEFECTS);
	static const char *const kinds[] = { "multiple", "missing", "long" };
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const AmHeaderDefect *defect =
			report->defects->pdata[report->defects->len - 1 - i];
		g_assert_cmpstr(defect->kind, ==, kinds[i]);
	}
	g_assert_cmpstr(((AmHeaderDefect *)report->defects->pdata[0])->kind, ==, "syntax");
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/report/round-trip", test_round_trip);
	g_test_add_func("/report/tree", test_tree);
	g_test_add_func("/report/faults", test_faults);
	g_test_add_func("/report/truncated", test_truncated);
	g_test_add_func("/report/changed", test_changed);
	g_test_add_func("/report/not-finite", test_not_finite);
	g_test_add_func("/report/text-made-valid", test_text_made_valid);
	g_test_add_func("/report/many-findings", test_many_findings);
	g_test_add_func("/report/limits-of-lists", test_limits_of_lists);
	g_test_add_func("/report/too-much", test_too_much);
	g_test_add_func("/report/many-names", test_many_names);
	g_test_add_func("/report/speed", test_speed);
	g_test_add_func("/report/content", test_content);
	g_test_add_func("/report/defect-flood", test_defect_flood);
	return g_test_run();
}
