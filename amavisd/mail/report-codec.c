/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The wire form of a report.
 *
 *     version, digest, header_size, subject, from, message_id, n_received, is_bulk,
 *     has_scanned_field, fields, parts, findings, n_findings_lost, defects, tests, failures,
 *     scanners, is_scored, score, decode_us, scan_us
 *
 * Each list is a count and its elements.  The writer is a content worker, which a mail may have
 * taken over: reading believes nothing, and what has passed here needs no second look. */

#include <config.h>

#include "mail/report.h"

#include <string.h>

#include "mail/pack.h"
#include "mail/report-private.h"

/* Longest texts, bytes.  All lists but the parts at their limits stay under REPORT_RESERVE. */
#define REPORT_WORD 64
#define REPORT_NAME 256
#define REPORT_LONG 512
#define REPORT_LINE 2048
#define REPORT_PART_NAME 4096
#define REPORT_DIGEST 64
#define REPORT_RESERVE (2u << 20)

/* findings: the first of each kind comes on top of the limit, and one that tells of the cut */
#define REPORT_FINDINGS (AM_REPORT_MAX_FINDINGS + AM_REPORT_MAX_KINDS + 1)

/* ---- writing */

static void
report_put_field(GByteArray *out, const AmHeaderField *field)
{
	am_pack_text(out, field->name, REPORT_NAME);
	am_pack_u64(out, field->offset);
	am_pack_u32(out, field->name_len);
	am_pack_u32(out, field->value);
	am_pack_u32(out, field->len);
}

/* The end of a name is where its extension is, which is what banning looks at. */
static const char *
report_name_end(const char *name)
{
	gsize len = strlen(name);
	if (len <= REPORT_PART_NAME)
		return name;
	name += len - REPORT_PART_NAME;
	while (((guchar)*name & 0xc0) == 0x80)
		name++;
	return name;
}

/* FALSE: something that matters was left out. */
static gboolean
report_put_part(GByteArray *out, const AmReportPart *part)
{
	gsize n_names = g_strv_length(part->names), n_sent = MIN(n_names, AM_REPORT_MAX_NAMES);
	guint32 flags = part->flags;
	if (n_sent < n_names)
		flags |= AM_PART_LIMIT | AM_PART_AMBIGUOUS;
	am_pack_u32(out, (guint32)part->parent);
	am_pack_text(out, part->declared_type, REPORT_NAME);
	am_pack_text(out, part->type, REPORT_NAME);
	am_pack_text(out, part->short_type, REPORT_NAME);
	am_pack_text(out, report_name_end(part->name), REPORT_PART_NAME);
	am_pack_u32(out, (guint32)n_sent);
	for (gsize i = 0; i < n_sent; i++)
		am_pack_text(out, report_name_end(part->names[i]), REPORT_PART_NAME);
	am_pack_text(out, part->digest, REPORT_DIGEST);
	am_pack_u64(out, part->size);
	am_pack_u32(out, flags);
	am_pack_text(out, part->reason, REPORT_LONG);
	return n_sent == n_names;
}

/* Returns how many were sent; FALSE in *is_whole when not all of all. */
static guint
report_put_parts(GByteArray *out, const AmReport *report, gboolean *is_whole)
{
	guint position = out->len, i;
	am_pack_u32(out, 0);
	for (i = 0; i < report->parts->len; i++) {
		guint before = out->len;
		if (i == AM_REPORT_MAX_PARTS) {
			*is_whole = FALSE;
			break;
		}
		if (!report_put_part(out, report->parts->pdata[i]))
			*is_whole = FALSE;
		if (out->len > AM_REPORT_MAX_BYTES - REPORT_RESERVE) {
			g_byte_array_set_size(out, before);
			*is_whole = FALSE;
			break;
		}
	}
	am_pack_u32_at(out, position, i);
	return i;
}

static void
report_put_finding(GByteArray *out, const AmFinding *finding, guint n_parts)
{
	gboolean is_known = finding->part >= 0 && (guint)finding->part < n_parts;
	am_pack_text(out, finding->kind, REPORT_WORD);
	am_pack_text(out, finding->name, REPORT_NAME);
	am_pack_text(out, finding->scanner, REPORT_WORD);
	am_pack_u32(out, is_known ? (guint32)finding->part : G_MAXUINT32);
	am_pack_text(out, finding->detail, REPORT_LONG);
}

static void
report_put_findings(GByteArray *out, const AmReport *report, guint n_parts, gboolean is_whole)
{
	guint n = MIN(report->findings->len, REPORT_FINDINGS - 1);
	am_pack_u32(out, is_whole ? n : n + 1);
	if (!is_whole) {
		AmFinding cut = { .kind = (char *)"limit",
				  .name = (char *)"report",
				  .part = -1,
				  .scanner = (char *)"core",
				  .detail = (char *)"the report is too large and was cut" };
		report_put_finding(out, &cut, 0);
	}
	for (guint i = 0; i < n; i++)
		report_put_finding(out, report->findings->pdata[i], n_parts);
	am_pack_u32(out, report->n_findings_lost + (report->findings->len - n));
}

static void
report_put_defects(GByteArray *out, const AmReport *report)
{
	guint n = MIN(report->defects->len, AM_REPORT_MAX_DEFECTS);
	am_pack_u32(out, n);
	for (guint i = 0; i < n; i++) {
		const AmHeaderDefect *defect = report->defects->pdata[i];
		am_pack_text(out, defect->kind, REPORT_WORD);
		am_pack_text(out, defect->field, REPORT_NAME);
		am_pack_u64(out, defect->position);
		am_pack_text(out, defect->section, REPORT_WORD);
		am_pack_text(out, defect->detail, REPORT_LONG);
	}
}

static void
report_put_scanners(GByteArray *out, const AmReport *report)
{
	guint n = MIN(report->tests->len, AM_REPORT_MAX_TESTS);
	am_pack_u32(out, n);
	for (guint i = 0; i < n; i++) {
		const AmTest *test = report->tests->pdata[i];
		am_pack_text(out, test->scanner, REPORT_WORD);
		am_pack_text(out, test->name, REPORT_NAME);
		am_pack_double(out, test->points);
	}
	n = MIN(report->failures->len, AM_REPORT_MAX_FAILURES);
	am_pack_u32(out, n);
	for (guint i = 0; i < n; i++) {
		const AmScanFailure *failure = report->failures->pdata[i];
		am_pack_text(out, failure->scanner, REPORT_WORD);
		am_pack_text(out, failure->text, REPORT_LONG);
	}
	n = MIN(report->scanners->len, AM_REPORT_MAX_SCANNERS);
	am_pack_u32(out, n);
	for (guint i = 0; i < n; i++) {
		const AmScanTime *scanner = report->scanners->pdata[i];
		am_pack_text(out, scanner->scanner, REPORT_WORD);
		am_pack_u32(out, scanner->duration_us);
	}
}

GBytes *
am_report_serialize(const AmReport *report)
{
	GByteArray *out = g_byte_array_sized_new(4096);
	gboolean is_whole = TRUE;
	guint n_fields = report->fields->len; /* am_report_add_field() has a limit */
	am_pack_u32(out, AM_REPORT_VERSION);
	am_pack_text(out, report->digest, REPORT_DIGEST);
	am_pack_u64(out, report->header_size);
	am_pack_text(out, report->subject, REPORT_LINE);
	am_pack_text(out, report->from, REPORT_LONG);
	am_pack_text(out, report->message_id, REPORT_LINE);
	am_pack_u32(out, report->n_received);
	am_pack_u8(out, report->is_bulk ? 1 : 0);
	am_pack_u8(out, report->has_scanned_field ? 1 : 0);
	am_pack_u32(out, n_fields);
	for (guint i = 0; i < n_fields; i++)
		report_put_field(out, report->fields->pdata[i]);
	guint n_parts = report_put_parts(out, report, &is_whole);
	report_put_findings(out, report, n_parts, is_whole);
	report_put_defects(out, report);
	report_put_scanners(out, report);
	am_pack_u8(out, report->is_scored ? 1 : 0);
	am_pack_double(out, report->score);
	am_pack_u32(out, report->decode_us);
	am_pack_u32(out, report->scan_us);
	g_assert(out->len <= AM_REPORT_MAX_BYTES);
	return g_byte_array_free_to_bytes(out);
}

/* ---- reading */

/* Frees what stands in the slot of a new report and takes the text read. */
static void
report_get_text(AmUnpack *in, char **slot, gsize max)
{
	g_free(*slot);
	*slot = am_unpack_text(in, max);
}

static gboolean
report_is_digest(const char *digest)
{
	gsize len = strspn(digest, "0123456789abcdef");
	return digest[len] == '\0' && (len == 0 || len == REPORT_DIGEST);
}

static void
report_get_head(AmUnpack *in, AmReport *report, guint64 mail_size)
{
	report->version = am_unpack_u32(in);
	if (report->version != AM_REPORT_VERSION)
		(void)am_unpack_fail(in, "unknown version");
	report_get_text(in, &report->digest, REPORT_DIGEST);
	report->header_size = am_unpack_u64(in);
	report_get_text(in, &report->subject, REPORT_LINE);
	report_get_text(in, &report->from, REPORT_LONG);
	report_get_text(in, &report->message_id, REPORT_LINE);
	report->n_received = am_unpack_u32(in);
	report->is_bulk = am_unpack_bool(in);
	report->has_scanned_field = am_unpack_bool(in);
	if (report->header_size > mail_size)
		(void)am_unpack_fail(in, "header larger than the mail");
	if (!report_is_digest(report->digest))
		(void)am_unpack_fail(in, "bad digest");
}

static void
report_get_fields(AmUnpack *in, AmReport *report)
{
	guint n = am_unpack_count(in, AM_REPORT_MAX_FIELDS, 2 + 8 + 3 * 4);
	guint64 end = 0; /* of the field before */
	for (guint i = 0; i < n && in->is_bad == NULL; i++) {
		AmHeaderField *field = g_new0(AmHeaderField, 1);
		field->name = am_unpack_text(in, REPORT_NAME);
		field->offset = am_unpack_u64(in);
		field->name_len = am_unpack_u32(in);
		field->value = am_unpack_u32(in);
		field->len = am_unpack_u32(in);
		g_ptr_array_add(report->fields, field);
		if (field->offset < end || field->offset > report->header_size ||
		    field->len > report->header_size - field->offset)
			(void)am_unpack_fail(in, "header field out of place");
		if (field->name_len > field->value || field->value > field->len || field->len == 0)
			(void)am_unpack_fail(in, "header field out of shape");
		end = field->offset + field->len;
	}
}

static char **
report_get_names(AmUnpack *in)
{
	guint n = am_unpack_count(in, AM_REPORT_MAX_NAMES, 2);
	char **names = g_new0(char *, n + 1);
	for (guint i = 0; i < n; i++)
		names[i] = am_unpack_text(in, REPORT_PART_NAME);
	return names;
}

static void
report_get_part(AmUnpack *in, AmReport *report)
{
	AmReportPart *part = g_new0(AmReportPart, 1);
	gint32 parent = (gint32)am_unpack_u32(in);
	part->declared_type = am_unpack_text(in, REPORT_NAME);
	part->type = am_unpack_text(in, REPORT_NAME);
	part->short_type = am_unpack_text(in, REPORT_NAME);
	part->name = am_unpack_text(in, REPORT_PART_NAME);
	part->names = report_get_names(in);
	part->digest = am_unpack_text(in, REPORT_DIGEST);
	part->size = am_unpack_u64(in);
	part->flags = am_unpack_u32(in);
	part->reason = am_unpack_text(in, REPORT_LONG);
	if (!report_is_digest(part->digest))
		(void)am_unpack_fail(in, "bad digest");
	/* the first part is the root, and the only one */
	if (parent >= (gint32)report->parts->len || (parent < 0) != (report->parts->len == 0) ||
	    parent < -1)
		(void)am_unpack_fail(in, "part without a parent");
	else if (parent >= 0 &&
		 ((AmReportPart *)report->parts->pdata[parent])->depth >= AM_REPORT_MAX_DEPTH)
		(void)am_unpack_fail(in, "parts too deep");
	if (in->is_bad != NULL)
		am_report_free_part(part);
	else
		am_report_place_part(report, part, parent);
}

static void
report_get_findings(AmUnpack *in, AmReport *report)
{
	guint n = am_unpack_count(in, REPORT_FINDINGS, 4 * 2 + 4);
	for (guint i = 0; i < n && in->is_bad == NULL; i++) {
		AmFinding *finding = g_new0(AmFinding, 1);
		finding->kind = am_unpack_text(in, REPORT_WORD);
		finding->name = am_unpack_text(in, REPORT_NAME);
		finding->scanner = am_unpack_text(in, REPORT_WORD);
		finding->part = (gint32)am_unpack_u32(in);
		finding->detail = am_unpack_text(in, REPORT_LONG);
		if (finding->part < -1 || finding->part >= (gint32)report->parts->len)
			(void)am_unpack_fail(in, "finding in no part");
		am_report_place_finding(report, finding);
	}
	report->n_findings_lost += am_unpack_u32(in);
}

static void
report_get_defects(AmUnpack *in, AmReport *report, guint64 mail_size)
{
	guint n = am_unpack_count(in, AM_REPORT_MAX_DEFECTS, 4 * 2 + 8);
	for (guint i = 0; i < n && in->is_bad == NULL; i++) {
		AmHeaderDefect *defect = g_new0(AmHeaderDefect, 1);
		defect->kind = am_unpack_text(in, REPORT_WORD);
		defect->field = am_unpack_text(in, REPORT_NAME);
		defect->position = am_unpack_u64(in);
		defect->section = am_unpack_text(in, REPORT_WORD);
		defect->detail = am_unpack_text(in, REPORT_LONG);
		g_ptr_array_add(report->defects, defect);
		if (defect->position > mail_size)
			(void)am_unpack_fail(in, "defect outside the mail");
	}
}

static void
report_get_scanners(AmUnpack *in, AmReport *report)
{
	guint n = am_unpack_count(in, AM_REPORT_MAX_TESTS, 2 * 2 + 8);
	for (guint i = 0; i < n && in->is_bad == NULL; i++) {
		AmTest *test = g_new0(AmTest, 1);
		test->scanner = am_unpack_text(in, REPORT_WORD);
		test->name = am_unpack_text(in, REPORT_NAME);
		test->points = am_unpack_double(in);
		g_ptr_array_add(report->tests, test);
	}
	n = am_unpack_count(in, AM_REPORT_MAX_FAILURES, 2 * 2);
	for (guint i = 0; i < n && in->is_bad == NULL; i++) {
		AmScanFailure *failure = g_new0(AmScanFailure, 1);
		failure->scanner = am_unpack_text(in, REPORT_WORD);
		failure->text = am_unpack_text(in, REPORT_LONG);
		g_ptr_array_add(report->failures, failure);
	}
	n = am_unpack_count(in, AM_REPORT_MAX_SCANNERS, 2 + 4);
	for (guint i = 0; i < n && in->is_bad == NULL; i++) {
		AmScanTime *scanner = g_new0(AmScanTime, 1);
		scanner->scanner = am_unpack_text(in, REPORT_WORD);
		scanner->duration_us = am_unpack_u32(in);
		g_ptr_array_add(report->scanners, scanner);
	}
}

AmReport *
am_report_parse(GBytes *bytes, guint64 mail_size, GError **error)
{
	g_autoptr(AmReport) report = am_report_new();
	gsize size;
	gconstpointer data = g_bytes_get_data(bytes, &size);
	AmUnpack in = am_unpack_start(data, size);
	if (size > AM_REPORT_MAX_BYTES)
		(void)am_unpack_fail(&in, "too large");
	report_get_head(&in, report, mail_size);
	report_get_fields(&in, report);
	guint n_parts = am_unpack_count(&in, AM_REPORT_MAX_PARTS, 6 * 2 + 3 * 4 + 8);
	for (guint i = 0; i < n_parts && in.is_bad == NULL; i++)
		report_get_part(&in, report);
	report_get_findings(&in, report);
	report_get_defects(&in, report, mail_size);
	report_get_scanners(&in, report);
	report->is_scored = am_unpack_bool(&in);
	report->score = am_unpack_double(&in);
	report->decode_us = am_unpack_u32(&in);
	report->scan_us = am_unpack_u32(&in);
	if (am_unpack_is_done(&in))
		return g_steal_pointer(&report);
	g_set_error(error, AM_ERROR, AM_ERROR_SCANNER, "report of the content process: %s",
		    in.is_bad);
	return NULL;
}
