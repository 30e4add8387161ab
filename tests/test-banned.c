/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "policy-fixture.h"

static void
test_glob(void)
{
	static const struct {
		const char *glob, *text;
		gboolean matches;
	} cases[] = {
		{ "*.exe", "a.exe", TRUE }, { "*.exe", "a.exe.txt", FALSE },
		{ "*.exe", ".exe", TRUE },  { "", "", TRUE },
		{ "", "a", FALSE },	    { "*", "", TRUE },
		{ "**", "abc", TRUE },	    { "a*b*c", "aXbYc", TRUE },
		{ "a*b*c", "aXbY", FALSE }, { "?.exe", "a.exe", TRUE },
		{ "?.exe", "ä.exe", TRUE }, { "?.exe", ".exe", FALSE },
		{ "*a?", "aaab", TRUE },    { "abc", "abcd", FALSE },
		{ "abcd", "abc", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s %s", cases[i].glob, cases[i].text);
		g_assert_cmpint(am_banned_glob(cases[i].glob, cases[i].text), ==, cases[i].matches);
	}
}

/* A part alone in a mail against the default rules. */
static void
test_default(void)
{
	static const struct {
		const char *name, *declared, *type, *short_type, *label;
	} cases[] = {
		{ "a.txt", "text/plain", "text/plain", "txt", NULL },
		{ "a.exe", "text/plain", "text/plain", "txt", "extension of a program" },
		{ "A.EXE", "", "", "", "extension of a program" },
		{ "a.exe. . ", "", "", "", "extension of a program" },
		{ "a\n.exe", "", "", "", "extension of a program" },
		{ "a.txt", "text/plain", "application/x-dosexec", "exe-ms,exe", "executable" },
		{ "a.txt", "text/plain", "application/x-executable", "exe-unix,exe", NULL },
		{ "a.jpg.scr", "", "", "", "double extension" },
		{ "a.1.dll", "", "", "", NULL },
		{ "a.dll", "", "", "", NULL },
		{ "a.b1.  dll", "", "", "", "double extension" },
		{ "x.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}", "", "", "", "class id in name" },
		{ "x", "application/hta", "text/html", "html", "declared as program" },
		{ "", "message/partial", "text/plain", "txt", "mail in pieces" },
		{ "", "message/external-body", "text/plain", "txt", NULL },
		{ "x", "Application/HTA", "", "", NULL }, /* declared types come in lower case */
		{ "x", "text/plain", "application/x-msdownload", "", "program" },
		{ "exe", "", "", "", NULL },
		{ "", "", "", "", NULL },
	};
	g_autoptr(AmBannedRules) rules = am_banned_rules_new_default();
	const AmBannedRules *lists[] = { rules };
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(AmReport) report = am_report_new();
		AmBannedMatch match = { 0 };
		(void)fixture_part(report, -1, cases[i].name, cases[i].declared, cases[i].type,
				   cases[i].short_type);
		g_test_message("%s %s %s", cases[i].name, cases[i].declared, cases[i].type);
		gboolean banned = am_banned_check(lists, 1, report, &match);
		g_assert_cmpint(banned, ==, cases[i].label != NULL);
		if (banned)
			g_assert_cmpstr(match.label, ==, cases[i].label);
	}
}

/* Every reading of a name counts, not only the decoded one. */
static void
test_readings(void)
{
	g_autoptr(AmBannedRules) rules = am_banned_rules_new_default();
	const AmBannedRules *lists[] = { rules };
	g_autoptr(AmReport) report = am_report_new();
	AmBannedMatch match;
	AmReportPart *part = fixture_part(report, -1, "harmless.txt", "", "", "");
	g_assert_false(am_banned_check(lists, 1, report, &match));
	g_strfreev(part->names);
	part->names = g_strsplit("harmless.txt|evil.exe", "|", -1);
	g_assert_true(am_banned_check(lists, 1, report, &match));
}

static void
add_rule(AmBannedRules *rules, gboolean is_allow, const char *name, const char *type,
	 const char *label)
{
	g_autoptr(GError) error = NULL;
	const char *const names[] = { name, NULL };
	const char *const types[] = { type, NULL };
	const AmBannedSpec spec = {
		.is_allow = is_allow,
		.names = name != NULL ? names : NULL,
		.types = type != NULL ? types : NULL,
		.label = label,
	};
	g_assert_true(am_banned_rules_add(rules, &spec, &error));
	g_assert_no_error(error);
}

/* multipart(0) { zip(1) { a.exe(2), b.txt(3) }, c.txt(4) } */
static AmReport *
make_tree(void)
{
	AmReport *report = am_report_new();
	(void)fixture_part(report, -1, "", "multipart/mixed", "", "");
	(void)fixture_part(report, 0, "x.zip", "application/zip", "application/zip", "zip");
	(void)fixture_part(report, 1, "dir/A.exe", "", "application/x-dosexec", "exe-ms,exe");
	(void)fixture_part(report, 1, "b.txt", "", "text/plain", "txt");
	(void)fixture_part(report, 0, "c.txt", "text/plain", "text/plain", "txt");
	return report;
}

static void
test_paths(void)
{
	/* rules as allow?, name, type; part and leaf that are banned, -1 none */
	static const struct {
		const char *title;
		struct {
			gboolean is_allow;
			const char *name, *type;
		} rules[3];
		gint32 part, leaf;
	} cases[] = {
		{ "leaf by name", { { FALSE, "*.EXE", NULL } }, 2, 2 },
		{ "leaf by base name", { { FALSE, "a.exe", NULL } }, 2, 2 },
		{ "ancestor", { { FALSE, "*.zip", NULL } }, 1, 2 },
		{ "ancestor by type", { { FALSE, NULL, "application/zip" } }, 1, 2 },
		{ "type with star", { { FALSE, NULL, "application/x-*" } }, 2, 2 },
		{ "short type", { { FALSE, NULL, ".exe" } }, 2, 2 },
		{ "other short type", { { FALSE, NULL, ".ex" } }, -1, -1 },
		{ "all must hold", { { FALSE, "*.txt", ".exe" } }, -1, -1 },
		{ "all hold", { { FALSE, "*.exe", ".exe" } }, 2, 2 },
		{ "of one part", { { FALSE, "*.zip", ".exe" } }, -1, -1 },
		{ "allowed ancestor first",
		  { { TRUE, "*.zip", NULL }, { FALSE, "*.exe", NULL } },
		  -1,
		  -1 },
		{ "allowed too late", { { FALSE, "*.exe", NULL }, { TRUE, "*.zip", NULL } }, 2, 2 },
		{ "allowed leaf, other leaf banned",
		  { { TRUE, "*.exe", NULL }, { FALSE, "*.zip", NULL } },
		  1,
		  3 },
		{ "second leaf", { { FALSE, "c.txt", NULL } }, 4, 4 },
		{ "no rule", { { FALSE, "nothing", NULL } }, -1, -1 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(AmReport) report = make_tree();
		g_autoptr(AmBannedRules) rules = am_banned_rules_new();
		const AmBannedRules *lists[] = { rules };
		AmBannedMatch match = { 0 };
		for (gsize j = 0; j < 3 && (cases[i].rules[j].name || cases[i].rules[j].type); j++)
			add_rule(rules, cases[i].rules[j].is_allow, cases[i].rules[j].name,
				 cases[i].rules[j].type, NULL);
		g_test_message("%s", cases[i].title);
		gboolean banned = am_banned_check(lists, 1, report, &match);
		g_assert_cmpint(banned, ==, cases[i].part >= 0);
		if (banned) {
			g_assert_cmpint(match.part, ==, cases[i].part);
			g_assert_cmpint(match.leaf, ==, cases[i].leaf);
		}
	}
}

/* Several lists are one: an allowing rule of the first saves from the second. */
static void
test_lists(void)
{
	g_autoptr(AmReport) report = make_tree();
	g_autoptr(AmBannedRules) first = am_banned_rules_new();
	g_autoptr(AmBannedRules) second = am_banned_rules_new();
	const AmBannedRules *lists[] = { first, second };
	AmBannedMatch match;
	add_rule(first, TRUE, "*.zip", NULL, NULL);
	add_rule(second, FALSE, "nothing", NULL, NULL);
	add_rule(second, FALSE, "*.exe", NULL, "label of it");
	g_assert_false(am_banned_check(lists, 2, report, &match));
	g_assert_true(am_banned_check(lists + 1, 1, report, &match));
	g_assert_cmpstr(match.label, ==, "label of it");
	const AmBannedRules *turned[] = { second, first };
	g_assert_true(am_banned_check(turned, 2, report, &match));
	g_assert_false(am_banned_check(NULL, 0, report, &match));
}

static void
test_undecipherable(void)
{
	g_autoptr(AmBannedRules) rules = am_banned_rules_new();
	const AmBannedSpec spec = { .undecipherable = TRUE };
	const AmBannedRules *lists[] = { rules };
	g_autoptr(AmReport) report = make_tree();
	AmBannedMatch match;
	g_assert_true(am_banned_rules_add(rules, &spec, NULL));
	g_assert_false(am_banned_check(lists, 1, report, &match));
	((AmReportPart *)report->parts->pdata[3])->flags |= AM_PART_ENCRYPTED;
	g_assert_true(am_banned_check(lists, 1, report, &match));
	g_assert_cmpint(match.part, ==, 3);
	g_assert_cmpstr(match.label, ==, "undecipherable");
}

/* The pseudo name that rules of Amavis have for it. */
static void
test_pseudo_name(void)
{
	g_autoptr(AmBannedRules) rules = am_banned_rules_new();
	const AmBannedRules *lists[] = { rules };
	g_autoptr(AmReport) report = make_tree();
	AmBannedMatch match;
	add_rule(rules, FALSE, "UNDECIPHERABLE", NULL, NULL);
	g_assert_false(am_banned_check(lists, 1, report, &match));
	((AmReportPart *)report->parts->pdata[4])->flags |= AM_PART_UNDECODED;
	g_assert_true(am_banned_check(lists, 1, report, &match));
	g_assert_cmpint(match.part, ==, 4);
}

/* Findings and extensions as conditions; part 1 is the zip, 2 its program, 3 its text, 4 a text. */
static void
test_findings(void)
{
	static const struct {
		const char *finding, *extension, *type;
		gint32 part; /* that is banned, -1 none */
	} cases[] = {
		{ "macro", NULL, NULL, 3 },
		{ "MACRO/autoopen", NULL, NULL, 3 },
		{ "macro/Auto*", NULL, NULL, 3 },
		{ "macro/AutoClose", NULL, NULL, -1 },
		{ "name/double-extension", NULL, NULL, 1 },
		{ "external", NULL, NULL, 0 }, /* of the whole mail */
		{ "nonsense", NULL, NULL, -1 },
		{ "macro", NULL, ".exe", -1 }, /* not of the same part */
		{ "macro", "TXT", NULL, 3 },
		{ NULL, "txt", NULL, 3 },
		{ NULL, ".exe", NULL, 2 },
		{ NULL, "xt", NULL, -1 },
		{ NULL, NULL, ".z", 1 }, /* Amavis writes it as "Z" */
	};
	g_autoptr(AmReport) report = make_tree();
	fixture_set(&((AmReportPart *)report->parts->pdata[1])->short_type, "Z");
	am_report_add_finding(report, "macro", "AutoOpen", "ole", 3, NULL);
	am_report_add_finding(report, "javascript", "x", "pdf", 3, NULL);
	am_report_add_finding(report, "name", "double-extension", "core", 1, NULL);
	am_report_add_finding(report, "external", "x", "x", -1, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *const finding[] = { cases[i].finding, NULL };
		const char *const extension[] = { cases[i].extension, NULL };
		const char *const type[] = { cases[i].type, NULL };
		const AmBannedSpec spec = {
			.findings = cases[i].finding != NULL ? finding : NULL,
			.extensions = cases[i].extension != NULL ? extension : NULL,
			.types = cases[i].type != NULL ? type : NULL,
		};
		g_autoptr(AmBannedRules) rules = am_banned_rules_new();
		const AmBannedRules *lists[] = { rules };
		AmBannedMatch match = { .part = -1 };
		g_assert_true(am_banned_rules_add(rules, &spec, NULL));
		g_test_message("case %d", (int)i);
		g_assert_cmpint(am_banned_check(lists, 1, report, &match), ==, cases[i].part >= 0);
		g_assert_cmpint(match.part, ==, cases[i].part);
	}
}

static void
test_bad_rules(void)
{
	static const char *const bad_regex[] = { "(", NULL };
	static const char *const bad_type[] = { "zip", NULL };
	static const char *const short_type[] = { ".zip", NULL };
	static const AmBannedSpec specs[] = {
		{ .label = "nothing" },
		{ .regexes = bad_regex },
		{ .types = bad_type },
		{ .declared = short_type },
	};
	g_autoptr(AmBannedRules) rules = am_banned_rules_new();
	for (gsize i = 0; i < G_N_ELEMENTS(specs); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(am_banned_rules_add(rules, &specs[i], &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_DATA);
	}
	g_assert_cmpuint(am_banned_rules_count(rules), ==, 0);
}

/* A regular expression that explodes: who made the name gains nothing, and it ends soon. */
static void
test_explosion(void)
{
	static const char *const regexes[] = { "^(a+)+$", NULL };
	g_autoptr(AmBannedRules) deny = am_banned_rules_new();
	g_autoptr(AmBannedRules) allow = am_banned_rules_new();
	AmBannedSpec spec = { .regexes = regexes };
	g_autoptr(AmReport) report = am_report_new();
	g_autofree char *name = g_strnfill(2000, 'a');
	AmBannedMatch match;
	name[1999] = 'b';
	(void)fixture_part(report, -1, name, "", "", "");
	g_assert_true(am_banned_rules_add(deny, &spec, NULL));
	spec.is_allow = TRUE;
	g_assert_true(am_banned_rules_add(allow, &spec, NULL));
	add_rule(allow, FALSE, "*", NULL, "after the exception");
	const AmBannedRules *lists[] = { deny };
	gint64 start = g_get_monotonic_time();
	g_assert_true(am_banned_check(lists, 1, report, &match));
	lists[0] = allow;
	g_assert_true(am_banned_check(lists, 1, report, &match));
	g_assert_cmpstr(match.label, ==, "after the exception");
	g_assert_cmpint(g_get_monotonic_time() - start, <, 20 * G_USEC_PER_SEC);
}

/* Linear in a deep tree. */
static void
test_deep(void)
{
	g_autoptr(AmReport) report = am_report_new();
	g_autoptr(AmBannedRules) rules = am_banned_rules_new_default();
	const AmBannedRules *lists[] = { rules };
	AmBannedMatch match;
	for (gint32 i = 0; i < 5000; i++)
		(void)fixture_part(report, MIN(i, 200) - 1, i == 0 ? "a.exe" : "b.txt", "",
				   "text/plain", "txt");
	gint64 start = g_get_monotonic_time();
	g_assert_true(am_banned_check(lists, 1, report, &match));
	g_assert_cmpint(match.part, ==, 0);
	g_assert_cmpint(match.leaf, ==, 200);
	g_assert_cmpint(g_get_monotonic_time() - start, <, 10 * G_USEC_PER_SEC);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/banned/glob", test_glob);
	g_test_add_func("/banned/default", test_default);
	g_test_add_func("/banned/readings", test_readings);
	g_test_add_func("/banned/paths", test_paths);
	g_test_add_func("/banned/lists", test_lists);
	g_test_add_func("/banned/undecipherable", test_undecipherable);
	g_test_add_func("/banned/pseudo-name", test_pseudo_name);
	g_test_add_func("/banned/findings", test_findings);
	g_test_add_func("/banned/bad-rules", test_bad_rules);
	g_test_add_func("/banned/explosion", test_explosion);
	g_test_add_func("/banned/deep", test_deep);
	return g_test_run();
}
