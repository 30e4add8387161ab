/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Which decoders have a turn at a part, in which order, and what is reported of it.  The part is
 * the text of a mail; every instance that has a turn leaves a finding "turn". */

#include <config.h>

#include "content/inspect.h"

#include <string.h>

#include "content/host.h"
#include "content/names.h"
#include "inspect-run.h"

static const char text_mail[] =
	"From: a@example.org\r\nDate: Mon, 1 Jan 2026 00:00:00 +0000\r\n\r\nHello\r\n";

#define TURN(name, bid, does) "[decoder " name "]\nplugin = turn\nbid = " bid "\ndoes = " does "\n"
#define ASIDE(name, bid, does)                                                                     \
	"[decoder " name "]\nplugin = aside\nbid = " bid "\ndoes = " does "\n"

static const struct {
	const char *what;
	const char *groups;
	const char *turns;   /* findings, in order */
	const char *members; /* names, with the declared type in brackets when there is one */
	guint32 flags;	     /* of the text: encrypted, undecoded */
	const char *reason;
} cases[] = {
	{ "nobody bids", TURN("a", "0", "open"), "", "", 0, "" },
	{ "the best bid wins",
	  TURN("a", "10", "open") TURN("b", "50", "open") TURN("c", "20", "open"), "b ", "b ", 0,
	  "" },
	{ "of equals the first by name", TURN("b", "50", "open") TURN("a", "50", "open"), "a ",
	  "a ", 0, "" },
	{ "order comes before the name",
	  TURN("b", "50", "open") "order = 1\n" TURN("a", "50", "open"), "b ", "b ", 0, "" },
	{ "the next one opens what the best could not",
	  TURN("a", "90", "undecoded") TURN("b", "50", "open"), "a b ", "b ", 0, "" },
	{ "... or what was locked for it", TURN("a", "90", "encrypted") TURN("b", "50", "open"),
	  "a b ", "b ", 0, "" },
	{ "... or what it failed at", TURN("a", "90", "fail") TURN("b", "50", "open"), "a b ", "b ",
	  0, "" },
	{ "nobody can: the first reason stays",
	  TURN("a", "90", "encrypted") TURN("b", "50", "undecoded") TURN("c", "20", "fail"),
	  "a b c ", "", AM_PART_ENCRYPTED | AM_PART_UNDECODED, "locked" },
	{ "a failure is its own reason", TURN("a", "90", "fail"), "a ", "", AM_PART_UNDECODED,
	  "told to fail" },
	{ "one that does not bid has no turn", TURN("a", "90", "fail") TURN("b", "0", "open"), "a ",
	  "", AM_PART_UNDECODED, "told to fail" },
	{ "beside the best",
	  TURN("a", "90", "open") ASIDE("s", "1", "open") ASIDE("t", "1", "open"), "a s t ",
	  "a s t ", 0, "" },
	{ "beside nobody", ASIDE("s", "1", "open"), "s ", "s ", 0, "" },
	{ "beside does not stand in for the best",
	  TURN("a", "90", "undecoded") ASIDE("s", "99", "open"), "a s ", "s ", AM_PART_UNDECODED,
	  "broken" },
	{ "one beside that fails", TURN("a", "90", "open") ASIDE("s", "1", "fail"), "a s ", "a ",
	  AM_PART_UNDECODED, "told to fail" },
	{ "a member's declared type", TURN("a", "90", "declare"), "a ", "a(image/png) ", 0, "" },
};

static AmReport *
inspect(AmTypes *types, const char *groups, const char *mail, gsize mail_len)
{
	const AmContentLimits limits = { 20, 50, 100000, 100000, 1, 65536 };
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autofree char *directory =
		g_test_build_filename(G_TEST_BUILT, "plugins", "turn", ".libs", NULL);
	g_autofree char *text = g_strdup_printf("[plugins]\ndirectory = %s\n%s", directory, groups);
	g_autoptr(AmConfig) config = am_config_load_data("test", text, problems);
	g_autoptr(AmRegistry) registry = am_registry_new(config, problems);
	(void)am_registry_load(registry, AM_CAP_SANDBOX, am_content_host(), problems);
	for (guint i = 0; i < problems->len; i++)
		g_test_message("%s", ((AmConfigProblem *)problems->pdata[i])->text);
	g_assert_cmpuint(problems->len, ==, 0);

	return inspect_run(registry, &limits, types, mail, mail_len);
}

static void
test_turns(void)
{
	AmTypes *types = am_types_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].what);
		g_autoptr(AmReport) report = inspect(types, cases[i].groups, text_mail,
						       sizeof text_mail - 1);
		g_autoptr(GString) turns = g_string_new(NULL);
		g_autoptr(GString) members = g_string_new(NULL);
		for (guint f = 0; f < report->findings->len; f++) {
			const AmFinding *finding = report->findings->pdata[f];
			if (strcmp(finding->kind, "turn") != 0)
				continue;
			g_assert_cmpint(finding->part, ==, 1);
			g_assert_cmpstr(finding->scanner, ==, finding->name);
			g_string_append_printf(turns, "%s ", finding->name);
		}
		for (guint p = 2; p < report->parts->len; p++) {
			const AmReportPart *part = report->parts->pdata[p];
			g_string_append(members, part->name);
			if (*part->declared_type != '\0')
				g_string_append_printf(members, "(%s)", part->declared_type);
			g_string_append_c(members, ' ');
		}
		const AmReportPart *part = report->parts->pdata[1];
		g_assert_cmpstr(turns->str, ==, cases[i].turns);
		g_assert_cmpstr(members->str, ==, cases[i].members);
		g_assert_cmpuint(part->flags & (AM_PART_ENCRYPTED | AM_PART_UNDECODED), ==,
				 cases[i].flags);
		g_assert_cmpstr(part->reason, ==, cases[i].reason);
		g_assert_true(am_report_has_finding(report, "encrypted") ==
			      ((cases[i].flags & AM_PART_ENCRYPTED) != 0));
	}
	am_types_free(types);
}

/* A line that tells of something encoded, at any place: decoders see it in the flags. */
static void
test_encoded(void)
{
	static const struct {
		const char *line;
		gboolean is_encoded;
	} lines[] = {
		{ "begin 644 a.exe", TRUE },
		{ "begin 0755 a.exe", TRUE },
		{ "begin  a.exe", TRUE },
		{ "begin-base64 644 a.exe", TRUE },
		{ "=ybegin line=128 size=1 name=a", TRUE },
		{ "(This file must be converted with BinHex 4.0)", TRUE },
		{ "begin 64 a.exe", FALSE },
		{ "begin 644", FALSE },
		{ "begin to read", FALSE },
		{ "-----BEGIN PGP MESSAGE-----", TRUE },
		{ "-----BEGIN PGP SIGNATURE-----", FALSE },
		{ " begin 644 a.exe", FALSE },
		{ "b", FALSE },
		{ "", FALSE },
	};
	/* in the head, across its end, far behind it */
	static const gsize places[] = { 0, 71, 65536 - 8, 65536, 200000 };
	AmTypes *types = am_types_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(lines) * G_N_ELEMENTS(places); i++) {
		const char *line = lines[i / G_N_ELEMENTS(places)].line;
		gsize place = places[i % G_N_ELEMENTS(places)];
		g_autoptr(GString) mail = g_string_new("From: a@b\r\n\r\n");
		gsize body = mail->len;
		while (mail->len - body < place)
			g_string_append_c(mail, (mail->len - body) % 70 == 69 ? '\n' : 'x');
		if (place > 0)
			mail->str[mail->len - 1] = '\n';
		g_string_append_printf(mail, "%s\nend\n", line);
		g_autoptr(AmReport) report =
			inspect(types, ASIDE("s", "1", "open") "wants_encoded = yes\n", mail->str,
				mail->len);
		const AmReportPart *part = report->parts->pdata[1];
		gboolean is_found = (part->flags & AM_PART_HAS_ENCODED) != 0;
		g_test_message("'%s' at %" G_GSIZE_FORMAT, line, place);
		g_assert_true(is_found == lines[i / G_N_ELEMENTS(places)].is_encoded);
		g_assert_cmpuint(report->parts->len, ==, is_found ? 3 : 2);
	}
	am_types_free(types);
}

#define BYTES(text) text, sizeof text - 1

/* Containers that nobody takes apart are told; nothing of everyday mail is. */
static const struct {
	const char *name, *body;
	gsize len;
	gboolean is_told;
} containers[] = {
	{ "CHM", BYTES("ITSF\3\0\0\0"), TRUE },
	{ "WIM", BYTES("MSWIM\0\0\0\xd0\0\0\0"), TRUE },
	{ "arc",
	  BYTES("\x1a\x08"
		"abc.txt\0\0\0\0\0\0\x10\0\0\0"),
	  TRUE },
	{ "szdd", BYTES("SZDD\x88\xf0'3A\0\0\0\0\0"), TRUE },
	{ "vhdx", BYTES("vhdxfile\0\0\0\0"), TRUE },
	{ "text", BYTES("Hello"), FALSE },
	{ "HTML", BYTES("<html><body>Hello"), FALSE },
	{ "picture", BYTES("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), FALSE },
	{ "PDF", BYTES("%PDF-1.4\n"), FALSE },
	{ "zip", BYTES("PK\3\4\x14\0\0\0\0\0"), FALSE },
	{ "OLE", BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), FALSE },
	{ "gzip", BYTES("\x1f\x8b\x08\0\0\0\0\0\0\3"), FALSE },
	{ "program", BYTES("MZ\x90\0\3\0\0\0"), FALSE },
	{ "nothing known", BYTES("\1\2\3\4\5\6\7\x08"), FALSE },
};

static void
test_containers(void)
{
	AmTypes *types = am_types_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(containers); i++) {
		g_autofree char *body =
			g_base64_encode((const guchar *)containers[i].body, containers[i].len);
		g_autofree char *mail =
			g_strdup_printf("From: a@b\r\nContent-Type: application/octet-stream\r\n"
					"Content-Transfer-Encoding: base64\r\n\r\n%s\r\n",
					body);
		g_autoptr(AmReport) report =
			inspect_run(NULL, &inspect_limits, types, mail, strlen(mail));
		const AmReportPart *part = report->parts->pdata[1];
		g_test_message("%s: %s", containers[i].name, part->type);
		g_assert_cmpint((part->flags & AM_PART_UNDECODED) != 0, ==, containers[i].is_told);
		g_assert_cmpstr(part->reason, ==,
				containers[i].is_told ? "there is no decoder for this type" : "");
		g_assert_cmpint(am_report_has_finding(report, "undecoded"), ==,
				containers[i].is_told);
	}
	am_types_free(types);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	am_content_init();
	am_names_preload();
	g_test_add_func("/decoders/turns", test_turns);
	g_test_add_func("/decoders/encoded", test_encoded);
	g_test_add_func("/decoders/containers", test_containers);
	return g_test_run();
}
