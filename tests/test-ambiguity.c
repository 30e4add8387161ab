/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Mails that mail readers read in different ways: what any of them shows must be a part.  The tables
 * are in ambiguity-*.c.  Trees are compared as text, a line for each part:
 *
 *     path declared-type type size flags name
 *
 * flags: C encrypted, U undecoded, L limit, A ambiguous, a alternative, e has encoded, + container */

#include <config.h>

#include "ambiguity-cases.h"

#include <string.h>

#include "content/host.h"
#include "content/inspect.h"
#include "content/names.h"
#include "inspect-run.h"

static AmTypes *test_types;

static char *
describe(const AmReport *report)
{
	static const struct {
		guint32 flag;
		char letter;
	} letters[] = {
		{ AM_PART_ENCRYPTED, 'C' },   { AM_PART_UNDECODED, 'U' },
		{ AM_PART_LIMIT, 'L' },	      { AM_PART_AMBIGUOUS, 'A' },
		{ AM_PART_ALTERNATIVE, 'a' }, { AM_PART_HAS_ENCODED, 'e' },
		{ AM_PART_CONTAINER, '+' },
	};
	GString *out = g_string_new(NULL);
	for (guint i = 1; i < report->parts->len; i++) {
		const AmReportPart *part = report->parts->pdata[i];
		g_string_append_printf(out, "%s %s %s %" G_GUINT64_FORMAT " ", part->path,
				       *part->declared_type ? part->declared_type : "-",
				       *part->type ? part->type : "-", part->size);
		for (gsize l = 0; l < G_N_ELEMENTS(letters); l++)
			if (part->flags & letters[l].flag)
				g_string_append_c(out, letters[l].letter);
		g_string_append_printf(out, ".%s%s\n", *part->name ? " " : "", part->name);
		if ((part->flags & AM_PART_ALTERNATIVE) != 0)
			g_assert_cmpstr(part->reason, !=, "");
	}
	return g_string_free(out, FALSE);
}

/* Names of the findings "ambiguous" with their parts; of others the kind too. */
static char *
describe_findings(const AmReport *report)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		gboolean is_ambiguous = strcmp(finding->kind, "ambiguous") == 0;
		g_string_append_printf(out, "%s%s%s%s:%d", out->len > 0 ? " " : "",
				       is_ambiguous ? "" : finding->kind, is_ambiguous ? "" : "=",
				       finding->name, finding->part);
		g_assert_cmpstr(finding->detail, !=, "");
	}
	return g_string_free(out, FALSE);
}

static gboolean
has_content(const AmReport *report, const char *content)
{
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, content, -1);
	for (guint i = 1; i < report->parts->len; i++) {
		const AmReportPart *part = report->parts->pdata[i];
		if (strcmp(part->digest, digest) == 0 && part->size == strlen(content))
			return TRUE;
	}
	return FALSE;
}

static void
test_cases(gconstpointer table)
{
	for (const AmbiguityCase *at = table; at->name != NULL; at++) {
		g_autoptr(AmReport) report =
			inspect_run(NULL, &inspect_limits, test_types, at->mail, at->len);
		g_autofree char *tree = describe(report);
		g_autofree char *findings = describe_findings(report);
		g_test_message("%s", at->name);
		g_assert_cmpstr(tree, ==, at->tree);
		g_assert_cmpstr(findings, ==, at->findings);
		g_assert_true(has_content(report, at->shown));
	}
}

/* What is made of endless ambiguity is bounded, and said to be. */
static void
test_budget(void)
{
	static const struct {
		const char *name, *head, *unit;
		guint n;
		gboolean is_limited;
	} mails[] = {
		{ "entities of two types", HEAD MIXED "b\r\n\r\n",
		  "--b\r\n" TYPE "text/plain\r\n" TYPE "text/html\r\n\r\nx\r\n", 20000, TRUE },
		{ "two encodings each", HEAD MIXED "b\r\n\r\n",
		  "--b\r\n" CODING "base64\r\n" CODING "7bit\r\n\r\nx\r\n", 20000, TRUE },
		{ "one header behind the other", HEAD, "\r\n" TYPE "text/plain\r\n", 20000, TRUE },
		{ "types", HEAD, MIXED "a; boundary=b\r\n" CODING "any\r\n", 20000, TRUE },
		{ "boundaries", HEAD MIXED "a", "; boundary=\"b", 20000, FALSE },
		{ "different boundaries", HEAD MIXED "a", "; boundary=#", 20000, TRUE },
		{ "lines of blanks", HEAD, " \r\n" TYPE "text/plain\r\n", 20000, TRUE },
		{ "nested in itself", HEAD, MIXED "b\r\n" CODING "any\r\n\r\n--b\r\n", 5000, TRUE },
		{ "boundaries that go on", HEAD MIXED "b\r\n\r\n", "--b\r\n\r\n--bx\r\n", 50000, TRUE },
		{ "CR and NUL", HEAD MIXED "b\r\n\r\n", "--b\r\nX\r: y\n\r\n\r--b\r\n--bx\r\n",
		  50000, TRUE },
		{ "epilogues", HEAD MIXED "b\r\n\r\n--b\r\n\r\n",
		  "--b--\r\nContent-Type: text/plain\r\n\r\nx\r\n", 20000, TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(mails); i++) {
		g_autoptr(GString) mail = g_string_new(mails[i].head);
		for (guint n = 0; n < mails[i].n; n++)
			if (g_str_has_suffix(mails[i].unit, "#"))
				g_string_append_printf(mail, "%s%u", mails[i].unit, n);
			else
				g_string_append(mail, mails[i].unit);
		gint64 start = g_get_monotonic_time();
		g_autoptr(AmReport) report =
			inspect_run(NULL, &inspect_limits, test_types, mail->str, mail->len);
		gint64 used = g_get_monotonic_time() - start;
		g_test_message("%s: %" G_GSIZE_FORMAT
			       " bytes, %u parts, %u findings, %" G_GINT64_FORMAT " us",
			       mails[i].name, mail->len, report->parts->len, report->findings->len,
			       used);
		g_assert_cmpint(used, <, 5 * G_USEC_PER_SEC);
		g_assert_true(am_report_has_finding(report, "ambiguous"));
		g_assert_true(am_report_has_finding(report, "limit") == mails[i].is_limited);
		g_assert_cmpuint(report->findings->len, <, 200);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	am_content_init();
	am_names_preload();
	test_types = am_types_new(NULL);
	g_assert_nonnull(test_types);
	g_test_add_data_func("/ambiguity/fields", ambiguity_fields, test_cases);
	g_test_add_data_func("/ambiguity/boundaries", ambiguity_boundaries, test_cases);
	g_test_add_data_func("/ambiguity/lines", ambiguity_lines, test_cases);
	g_test_add_data_func("/ambiguity/contents", ambiguity_contents, test_cases);
	g_test_add_func("/ambiguity/budget", test_budget);
	int status = g_test_run();
	am_types_free(test_types);
	return status;
}
