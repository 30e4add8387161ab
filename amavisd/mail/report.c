/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Building and asking a report.  The wire form is in report-codec.c. */

#include <config.h>

#include "mail/report.h"

#include <string.h>

#include "mail/report-private.h"

static char *
report_text(const char *text)
{
	if (text == NULL)
		return g_strdup("");
	if (g_utf8_validate(text, -1, NULL))
		return g_strdup(text);
	return g_utf8_make_valid(text, -1);
}

void
am_report_set_text(char **slot, const char *text)
{
	char *copy = report_text(text); /* before the old one goes: text may point into it */
	g_free(*slot);
	*slot = copy;
}

void
am_report_free_part(AmReportPart *part)
{
	g_free(part->path);
	g_free(part->declared_type);
	g_free(part->type);
	g_free(part->short_type);
	g_free(part->name);
	g_strfreev(part->names);
	g_free(part->digest);
	g_free(part->reason);
	g_free(part);
}

void
am_report_free_finding(AmFinding *finding)
{
	g_free(finding->kind);
	g_free(finding->name);
	g_free(finding->scanner);
	g_free(finding->detail);
	g_free(finding);
}

void
am_report_free_defect(AmHeaderDefect *defect)
{
	g_free(defect->kind);
	g_free(defect->field);
	g_free(defect->section);
	g_free(defect->detail);
	g_free(defect);
}

void
am_report_free_field(AmHeaderField *field)
{
	g_free(field->name);
	g_free(field);
}

void
am_report_free_test(AmTest *test)
{
	g_free(test->scanner);
	g_free(test->name);
	g_free(test);
}

void
am_report_free_failure(AmScanFailure *failure)
{
	g_free(failure->scanner);
	g_free(failure->text);
	g_free(failure);
}

void
am_report_free_scanner(AmScanTime *scanner)
{
	g_free(scanner->scanner);
	g_free(scanner);
}

AmReport *
am_report_new(void)
{
	AmReport *report = g_new0(AmReport, 1);
	report->version = AM_REPORT_VERSION;
	report->digest = g_strdup("");
	report->subject = g_strdup("");
	report->from = g_strdup("");
	report->message_id = g_strdup("");
	report->fields = g_ptr_array_new_with_free_func((GDestroyNotify)am_report_free_field);
	report->parts = g_ptr_array_new_with_free_func((GDestroyNotify)am_report_free_part);
	report->findings = g_ptr_array_new_with_free_func((GDestroyNotify)am_report_free_finding);
	report->defects = g_ptr_array_new_with_free_func((GDestroyNotify)am_report_free_defect);
	report->tests = g_ptr_array_new_with_free_func((GDestroyNotify)am_report_free_test);
	report->failures = g_ptr_array_new_with_free_func((GDestroyNotify)am_report_free_failure);
	report->scanners = g_ptr_array_new_with_free_func((GDestroyNotify)am_report_free_scanner);
	report->kinds = g_ptr_array_new_with_free_func(g_free);
	return report;
}

void
am_report_free(AmReport *report)
{
	if (report == NULL)
		return;
	g_free(report->digest);
	g_free(report->subject);
	g_free(report->from);
	g_free(report->message_id);
	g_ptr_array_unref(report->fields);
	g_ptr_array_unref(report->parts);
	g_ptr_array_unref(report->findings);
	g_ptr_array_unref(report->defects);
	g_ptr_array_unref(report->tests);
	g_ptr_array_unref(report->failures);
	g_ptr_array_unref(report->scanners);
	g_ptr_array_unref(report->kinds);
	g_free(report);
}

void
am_report_place_part(AmReport *report, AmReportPart *part, gint32 parent)
{
	g_assert(parent >= -1 && parent < (gint32)report->parts->len);
	if (parent < 0) {
		part->parent = -1;
		part->path = g_strdup("1");
	} else {
		/* a bound on depth is what keeps all the paths together linear */
		AmReportPart *above = report->parts->pdata[parent];
		if (above->depth >= AM_REPORT_MAX_DEPTH) {
			parent = above->parent;
			above = report->parts->pdata[parent];
		}
		part->parent = parent;
		part->depth = above->depth + 1;
		part->path = g_strdup_printf("%s.%u", above->path, ++above->n_children);
	}
	g_ptr_array_add(report->parts, part);
}

AmReportPart *
am_report_add_part(AmReport *report, gint32 parent)
{
	AmReportPart *part = g_new0(AmReportPart, 1);
	part->declared_type = g_strdup("");
	part->type = g_strdup("");
	part->short_type = g_strdup("");
	part->name = g_strdup("");
	part->names = g_new0(char *, 1);
	part->digest = g_strdup("");
	part->reason = g_strdup("");
	am_report_place_part(report, part, parent);
	return part;
}

void
am_report_add_field(AmReport *report, const char *name, guint32 name_len, guint64 offset,
		    guint32 value, guint32 len)
{
	if (report->fields->len >= AM_REPORT_MAX_FIELDS) {
		if (!report->has_more_fields)
			am_report_add_finding(report, "limit", "header", "core", -1,
					      "the header has too many fields");
		report->has_more_fields = TRUE;
		return;
	}
	AmHeaderField *field = g_new0(AmHeaderField, 1);
	g_autofree char *written = g_strndup(name, name_len);
	field->name = report_text(written);
	field->name_len = name_len;
	field->offset = offset;
	field->value = value;
	field->len = len;
	g_ptr_array_add(report->fields, field);
}

/* Is it the first of its kind?  Then it is kept however many there are. */
static gboolean
report_is_new_kind(AmReport *report, const char *kind)
{
	for (guint i = 0; i < report->kinds->len; i++)
		if (strcmp(report->kinds->pdata[i], kind) == 0)
			return FALSE;
	if (report->kinds->len >= AM_REPORT_MAX_KINDS)
		return FALSE;
	g_ptr_array_add(report->kinds, g_strdup(kind));
	return TRUE;
}

void
am_report_place_finding(AmReport *report, AmFinding *finding)
{
	if (report_is_new_kind(report, finding->kind) ||
	    report->findings->len < AM_REPORT_MAX_FINDINGS) {
		g_ptr_array_add(report->findings, finding);
		return;
	}
	report->n_findings_lost++;
	am_report_free_finding(finding);
}

void
am_report_add_finding(AmReport *report, const char *kind, const char *name, const char *scanner,
		      gint32 part, const char *detail)
{
	AmFinding *finding = g_new0(AmFinding, 1);
	finding->kind = report_text(kind);
	finding->name = report_text(name);
	finding->scanner = report_text(scanner);
	finding->part = part;
	finding->detail = report_text(detail);
	am_report_place_finding(report, finding);
}

/* A number of the kind, below 32; all that are unknown have one. */
static guint
report_defect_kind(const char *kind)
{
	static const char *const kinds[] = { "mime",   "8bit",	 "control",  "empty", "long",
					     "syntax", "missing", "multiple", "utf8" };
	guint i = 0;
	while (i < G_N_ELEMENTS(kinds) && strcmp(kinds[i], kind) != 0)
		i++;
	return i;
}

/* Makes room by the last one that is not the only one of its kind. */
static void
report_drop_defect(AmReport *report)
{
	guint count[32] = { 0 };
	for (guint i = 0; i < report->defects->len; i++)
		count[report_defect_kind(((AmHeaderDefect *)report->defects->pdata[i])->kind)]++;
	for (guint i = report->defects->len; i-- > 0;) {
		const AmHeaderDefect *defect = report->defects->pdata[i];
		if (count[report_defect_kind(defect->kind)] > 1) {
			g_ptr_array_remove_index(report->defects, i);
			return;
		}
	}
}

void
am_report_add_defect(AmReport *report, const char *kind, const char *field, guint64 position,
		     const char *section, const char *detail)
{
	guint32 bit = 1u << report_defect_kind(kind);
	gboolean is_new = (report->defect_kinds & bit) == 0;
	report->defect_kinds |= bit;
	if (report->defects->len >= AM_REPORT_MAX_DEFECTS) {
		if (!is_new)
			return;
		report_drop_defect(report);
	}
	AmHeaderDefect *defect = g_new0(AmHeaderDefect, 1);
	defect->kind = report_text(kind);
	defect->field = report_text(field);
	defect->position = position;
	defect->section = report_text(section);
	defect->detail = report_text(detail);
	g_ptr_array_add(report->defects, defect);
}

void
am_report_add_test(AmReport *report, const char *scanner, const char *name, double points)
{
	if (report->tests->len >= AM_REPORT_MAX_TESTS)
		return;
	AmTest *test = g_new0(AmTest, 1);
	test->scanner = report_text(scanner);
	test->name = report_text(name);
	test->points = points;
	g_ptr_array_add(report->tests, test);
}

void
am_report_add_failure(AmReport *report, const char *scanner, const char *text)
{
	if (report->failures->len >= AM_REPORT_MAX_FAILURES)
		return;
	AmScanFailure *failure = g_new0(AmScanFailure, 1);
	failure->scanner = report_text(scanner);
	failure->text = report_text(text);
	g_ptr_array_add(report->failures, failure);
}

void
am_report_add_scanner(AmReport *report, const char *scanner, guint32 duration_us)
{
	if (report->scanners->len >= AM_REPORT_MAX_SCANNERS)
		return;
	AmScanTime *time = g_new0(AmScanTime, 1);
	time->scanner = report_text(scanner);
	time->duration_us = duration_us;
	g_ptr_array_add(report->scanners, time);
}

const AmHeaderField *
am_report_field(const AmReport *report, const char *name)
{
	for (guint i = 0; i < report->fields->len; i++) {
		const AmHeaderField *field = report->fields->pdata[i];
		if (g_ascii_strcasecmp(field->name, name) == 0)
			return field;
	}
	return NULL;
}

gboolean
am_report_has_finding(const AmReport *report, const char *kind)
{
	for (guint i = 0; i < report->kinds->len; i++)
		if (strcmp(report->kinds->pdata[i], kind) == 0)
			return TRUE;
	if (report->kinds->len < AM_REPORT_MAX_KINDS)
		return FALSE;
	for (guint i = 0; i < report->findings->len; i++)
		if (strcmp(((const AmFinding *)report->findings->pdata[i])->kind, kind) == 0)
			return TRUE;
	return FALSE;
}
