/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Names of parts: all readings of what is written, and what each comes to. */

#include <config.h>

#include <gmime/gmime.h>
#include <string.h>

#include "content/charset.h"
#include "content/mismatch.h"
#include "content/names.h"
#include "content/see-through.h"
#include "mail/report.h"

#define HIDDEN (1u << AM_TRICK_HIDDEN_EXTENSION)
#define RLO "\xe2\x80\xae"
#define ZWSP "\xe2\x80\x8b"

static const struct {
	const char *title;
	const char *disposition, *type;
	const char *first;    /* NULL: not looked at */
	const char *names[4]; /* readings that must be there */
} readings[] = {
	{ "token", "attachment; filename=a.txt", "", "a.txt", { NULL } },
	{ "quoted", "attachment; filename=\"a b.txt\"", "", "a b.txt", { NULL } },
	{ "no quotes", "attachment; filename=my big file.exe", "", "my big file.exe", { NULL } },
	{ "quote without an end", "attachment; filename=\"a.exe", "", "a.exe", { NULL } },
	{ "name only", "", "application/x; name=a.txt", "a.txt", { NULL } },
	{ "filename and name differ",
	  "attachment; filename=a.txt",
	  "application/x; name=b.exe",
	  "a.txt",
	  { "b.exe" } },
	{ "name in disposition", "attachment; name=b.exe", "", NULL, { "b.exe" } },
	{ "repeated", "attachment; filename=a.txt; filename=b.exe", "", "a.txt", { "b.exe" } },
	{ "raw 8-bit",
	  "attachment; filename=\"Gr\xfc\xdf.exe\"",
	  "",
	  NULL,
	  { "Gr\xef\xbf\xbd\xef\xbf\xbd.exe" } },
	{ "raw utf8", "attachment; filename=\"Gr\xc3\xbc.exe\"", "", "Gr\xc3\xbc.exe", { NULL } },
	/* RFC 2047, where RFC 2047 5 forbids it */
	{ "encoded-word", "attachment; filename==?utf-8?B?YS5leGU=?=", "", "a.exe", { NULL } },
	{ "in quotes",
	  "attachment; filename=\"=?utf-8?Q?a=2Eexe?=\"",
	  "",
	  "a.exe",
	  { "=?utf-8?Q?a=2Eexe?=" } },
	{ "cut in a character",
	  "attachment; filename=\"=?utf-8?Q?=E2=82?= =?utf-8?Q?=AC.exe?=\"",
	  "",
	  NULL,
	  { "\xe2\x82\xac.exe" } },
	{ "cut in four letters of base64",
	  "attachment; filename=\"=?utf-8?B?ZXZpb?= =?utf-8?B?C5leGU=?=\"",
	  "",
	  NULL,
	  { "evil.exe" } },
	{ "padding missing",
	  "attachment; filename=\"=?utf-8?B?YS5leGU?=\"",
	  "",
	  NULL,
	  { "a.exe" } },
	{ "blank in the word",
	  "attachment; filename=\"=?utf-8?Q?a b.exe?=\"",
	  "",
	  NULL,
	  { "a b.exe" } },
	{ "no end", "attachment; filename=\"=?utf-8?Q?a=2Eexe\"", "", NULL, { "a.exe" } },
	{ "text around", "attachment; filename=\"x=?utf-8?Q?=2E?=exe\"", "", NULL, { "x.exe" } },
	{ "text between",
	  "attachment; filename=\"=?utf-8?Q?a?= b =?utf-8?Q?=2Eexe?=\"",
	  "",
	  NULL,
	  { "a b .exe" } },
	{ "wrong charset", "attachment; filename=\"=?utf-16?Q?a=2Eexe?=\"", "", NULL, { "a.exe" } },
	{ "unknown charset",
	  "attachment; filename=\"=?x-none?Q?a=2Eexe?=\"",
	  "",
	  NULL,
	  { "a.exe" } },
	{ "charset that hides",
	  "attachment; filename=\"=?utf-7?Q?a+AC4-exe?=\"",
	  "",
	  NULL,
	  { "a.exe" } },
	{ "charset with language",
	  "attachment; filename=\"=?utf-8*en?Q?a=2Eexe?=\"",
	  "",
	  NULL,
	  { "a.exe" } },
	{ "bad byte before the extension",
	  "attachment; filename=\"=?utf-7?Q?a=FF+AC4-exe?=\"",
	  "",
	  NULL,
	  { "a\xef\xbf\xbd.exe" } },
	{ "nested",
	  "attachment; filename=\"=?utf-8?B?PT91dGYtOD9RP2E9MkVleGU/PQ==?=\"",
	  "",
	  NULL,
	  { "a.exe", "=?utf-8?Q?a=2Eexe?=" } },
	{ "NUL",
	  "attachment; filename=\"=?utf-8?Q?a.exe=00.txt?=\"",
	  "",
	  NULL,
	  { "a.exe" AM_NUL_TEXT ".txt" } },
	/* RFC 2231 */
	{ "charset and escapes",
	  "attachment; filename*=utf-8''a%2Eexe",
	  "",
	  "a.exe",
	  { "utf-8''a%2Eexe" } },
	{ "latin1", "attachment; filename*=iso-8859-1'de'%FC.exe", "", "\xc3\xbc.exe", { NULL } },
	{ "charset wrong", "attachment; filename*=utf-16''a%2Eexe", "", NULL, { "a.exe" } },
	{ "charset missing", "attachment; filename*=a%2Eexe", "", "a.exe", { NULL } },
	{ "in quotes too", "attachment; filename*=\"utf-8''a%2Eexe\"", "", "a.exe", { NULL } },
	{ "both forms",
	  "attachment; filename=a.txt; filename*=utf-8''b.exe",
	  "",
	  "b.exe",
	  { "a.txt" } },
	{ "pieces", "attachment; filename*0=ev; filename*1=il.exe", "", "evil.exe", { NULL } },
	{ "pieces out of order",
	  "attachment; filename*1=il.exe; filename*0=ev",
	  "",
	  "evil.exe",
	  { "il.exeev" } },
	{ "pieces with a gap",
	  "attachment; filename*0=ev; filename*3=il.exe",
	  "",
	  "ev",
	  { "evil.exe" } },
	{ "no first piece",
	  "attachment; filename*1=ev; filename*2=il.exe",
	  "",
	  NULL,
	  { "evil.exe" } },
	{ "pieces twice",
	  "attachment; filename*0=a; filename*0=b; filename*1=.exe",
	  "",
	  "a.exe",
	  { "b.exe", "ab.exe" } },
	{ "leading zeros", "attachment; filename*00=a; filename*01=.exe", "", "a.exe", { NULL } },
	{ "mixed pieces",
	  "attachment; filename*0*=utf-8''a%2E; filename*1=\"e%78e\"",
	  "",
	  "a.e%78e",
	  { "a.exe" } },
	{ "escaped in the second only",
	  "attachment; filename*0=a; filename*1*=%2Eexe",
	  "",
	  "a.exe",
	  { NULL } },
	{ "stars forgotten",
	  "attachment; filename*0=\"utf-8''a%2E\"; filename*1=\"exe\"",
	  "",
	  NULL,
	  { "a.exe" } },
	{ "character in two pieces",
	  "attachment; filename*0*=utf-8''%E2%82; filename*1*=%AC.exe",
	  "",
	  "\xe2\x82\xac.exe",
	  { NULL } },
	{ "encoded-word in pieces",
	  "attachment; filename*0=\"=?utf-8?Q?a=2\"; filename*1=\"Eexe?=\"",
	  "",
	  NULL,
	  { "a.exe" } },
	{ "plain with escapes", "attachment; filename=\"a%2Eexe\"", "", "a%2Eexe", { "a.exe" } },
	{ "bad escapes", "attachment; filename*=utf-8''a%2%zz.exe%", "", "a%2%zz.exe%", { NULL } },
	{ "escaped NUL",
	  "attachment; filename*=utf-8''a.exe%00.txt",
	  "",
	  NULL,
	  { "a.exe" AM_NUL_TEXT ".txt" } },
	{ "none", "attachment", "text/plain", NULL, { NULL } },
	{ "comment", "attachment (x; filename=c.txt); filename=a.exe", "", "a.exe", { NULL } },
};

static gboolean
has(const GPtrArray *names, const char *name)
{
	return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

/* In exact-size copies, so that an overrun shows. */
static GPtrArray *
read_names(const char *disposition, const char *type)
{
	g_autofree char *first = g_memdup2(disposition, MAX(strlen(disposition), 1u));
	g_autofree char *second = g_memdup2(type, MAX(strlen(type), 1u));
	g_autoptr(AmParams) one = am_params_parse(first, strlen(disposition));
	g_autoptr(AmParams) two = am_params_parse(second, strlen(type));
	return am_names_read(one, two);
}

static void
test_readings(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(readings); i++) {
		g_autoptr(GPtrArray) names = read_names(readings[i].disposition, readings[i].type);
		g_test_message("%s", readings[i].title);
		for (guint j = 0; j < names->len; j++) {
			g_test_message("    %s", (char *)names->pdata[j]);
			g_assert_true(g_utf8_validate(names->pdata[j], -1, NULL));
		}
		if (readings[i].first != NULL)
			g_assert_cmpstr(names->pdata[0], ==, readings[i].first);
		for (guint j = 0; j < 4 && readings[i].names[j] != NULL; j++)
			g_assert_true(has(names, readings[i].names[j]));
	}
}

/* Of too many the first, the last and other sources are not lost. */
static void
test_many(void)
{
	g_autoptr(GString) disposition = g_string_new("attachment");
	for (guint i = 0; i < 150; i++)
		g_string_append_printf(disposition, "; filename=n%u.txt", i);
	g_autoptr(GPtrArray) names = read_names(disposition->str, "a/b; name=\"other.exe\"");
	g_assert_cmpuint(names->len, ==, AM_REPORT_MAX_NAMES);
	g_assert_true(has(names, "n0.txt"));
	g_assert_true(has(names, "n149.txt"));
	g_assert_true(has(names, "other.exe"));
}

static const struct {
	const char *name;
	const char *seen[2]; /* readings added, in this order; NULL none */
	guint tricks;
} sights[] = {
	{ "a.txt", { NULL }, 0 },
	{ "dir/sub/a.txt", { NULL }, 0 },
	{ "Gr\xc3\xbc\xc3\x9f Gott.pdf", { NULL }, 0 },
	{ "\xe8\xb3\x87\xe6\x96\x99.docx", { NULL }, 0 },
	{ "setup.1.exe", { NULL }, 0 },
	{ "Report Inc.", { "Report Inc" }, 0 },
	{ "12:30 meeting.txt", { NULL }, 0 },
	{ "a.pdf.exe", { NULL }, 1u << AM_TRICK_DOUBLE_EXTENSION },
	{ "A.PDF.EXE", { NULL }, 1u << AM_TRICK_DOUBLE_EXTENSION },
	{ "a.exe.", { "a.exe" }, 1u << AM_TRICK_TRAILING | HIDDEN },
	{ "a.exe . .", { "a.exe" }, 1u << AM_TRICK_TRAILING | HIDDEN },
	{ "a.txt.", { "a.txt" }, 1u << AM_TRICK_TRAILING },
	{ "a.exe\t", { "a.exe" }, 1u << AM_TRICK_CONTROL | HIDDEN },
	{ "a.e\nxe", { "a.e xe" }, 1u << AM_TRICK_CONTROL },
	{ "a.e\x01xe", { "a.exe" }, 1u << AM_TRICK_CONTROL | HIDDEN },
	{ "a.exe" AM_NUL_TEXT ".txt", { "a.exe.txt", "a.exe" }, 1u << AM_TRICK_CONTROL | HIDDEN },
	{ "photo_" RLO "gpj.exe", { "photo_gpj.exe", "photo_exe.jpg" }, 1u << AM_TRICK_BIDI },
	{ "photo_" RLO "gpj.e" RLO "xe",
	  { "photo_gpj.exe", "photo_exe.jpg" },
	  1u << AM_TRICK_BIDI | HIDDEN },
	{ "a.e" ZWSP "xe", { "a.exe" }, 1u << AM_TRICK_INVISIBLE | HIDDEN },
	{ "a.e" ZWSP "xe. .",
	  { "a.exe" },
	  1u << AM_TRICK_INVISIBLE | 1u << AM_TRICK_TRAILING | HIDDEN },
	{ "a.ex\xc2\xad"
	  "e",
	  { "a.exe" },
	  1u << AM_TRICK_INVISIBLE | HIDDEN },
	{ "\xe2\x9d\xa4\xef\xb8\x8f.txt", { "\xe2\x9d\xa4.txt" }, 0 }, /* an emoji */
	{ "a\xef\xbc\x8e"
	  "exe",
	  { "a.exe" },
	  1u << AM_TRICK_LOOK_ALIKE | HIDDEN }, /* U+FF0E */
	{ "a\xe2\x80\xa4"
	  "exe",
	  { "a.exe" },
	  1u << AM_TRICK_LOOK_ALIKE | HIDDEN }, /* U+2024 */
	{ "a\xe3\x80\x82"
	  "exe",
	  { "a.exe" },
	  1u << AM_TRICK_LOOK_ALIKE | HIDDEN },	    /* U+3002 */
	{ "a.\xef\xbd\x85\xef\xbd\x98\xef\xbd\x85", /* full-width letters */
	  { "a.exe" },
	  1u << AM_TRICK_LOOK_ALIKE | HIDDEN },
	{ "a.txt                       .exe",
	  { "a.txt.exe" },
	  1u << AM_TRICK_BLANKS | 1u << AM_TRICK_DOUBLE_EXTENSION },
	{ "a.txt\xc2\xa0\xe3\x80\x80.exe", { "a.txt.exe" }, 1u << AM_TRICK_DOUBLE_EXTENSION },
	{ "../../a.txt", { NULL }, 1u << AM_TRICK_PATH },
	{ "..\\..\\a.exe", { "a.exe" }, 1u << AM_TRICK_PATH },
	{ "C:\\dir\\a.exe", { "a.exe" }, 1u << AM_TRICK_PATH },
	{ "C:a.exe", { "a.exe" }, 1u << AM_TRICK_PATH },
	{ "/etc/a.txt", { NULL }, 1u << AM_TRICK_PATH },
	{ "a.exe/", { "a.exe" }, HIDDEN },
	{ "a.exe:x.txt", { "a.exe" }, 1u << AM_TRICK_STREAM | HIDDEN },
	{ "a.exe::$DATA", { "a.exe" }, 1u << AM_TRICK_STREAM | HIDDEN },
	{ "a.ex\"e", { "a.exe" }, HIDDEN },
	{ "a%2eexe", { "a.exe" }, 1u << AM_TRICK_PERCENT | HIDDEN },
	{ "100%25.txt", { "100%.txt" }, 0 },
	{ "a.exe%00.txt", { "a.exe.txt", "a.exe" }, 1u << AM_TRICK_CONTROL | HIDDEN },
	{ "100%.txt", { NULL }, 0 },
	{ "a.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}", { NULL }, 1u << AM_TRICK_CLASS_ID },
	{ "a.txt.{3050F4D8-98B5-11CF-BB82-00AA00BDCE0B", { NULL }, 1u << AM_TRICK_CLASS_ID },
	{ "a.{3050f4d8-98b5-11cf-bb82-00aa00bdce0}", { NULL }, 0 },
	{ ". ", { NULL }, 0 },
	{ ":", { NULL }, 0 },
	{ "", { NULL }, 0 },
};

static void
test_see_through(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(sights); i++) {
		g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(names, g_strdup(sights[i].name));
		guint tricks = am_see_through(names, 64);
		g_test_message("%s", sights[i].name);
		for (guint j = 1; j < names->len; j++)
			g_test_message("    %s", (char *)names->pdata[j]);
		for (guint bit = 0; bit < AM_N_TRICKS; bit++)
			if ((tricks & 1u << bit) != 0)
				g_test_message("    by %s", am_trick_name((AmTrick)bit));
		guint n = sights[i].seen[0] == NULL ? 0 : sights[i].seen[1] == NULL ? 1 : 2;
		g_assert_cmpuint(names->len, ==, 1 + n);
		for (guint j = 0; j < n; j++)
			g_assert_cmpstr(names->pdata[1 + j], ==, sights[i].seen[j]);
		g_assert_cmphex(tricks, ==, sights[i].tricks);
	}
}

/* Real type, declared type and name, and whether they disagree in a way that matters. */
static void
test_mismatch(void)
{
	static const struct {
		const char *short_type, *declared, *name;
		const char *detail; /* NULL: none */
	} cases[] = {
		{ "exe-ms,exe", "application/octet-stream", "setup.exe", NULL },
		{ "exe-ms,exe", "application/octet-stream", "data", NULL },
		{ "exe-ms,exe", "image/png", "photo.exe", "exe-ms declared as image/png" },
		{ "exe-ms,exe", "application/octet-stream", "a.pdf", "exe-ms named a.pdf" },
		{ "exe-ms,exe", "application/pdf", "a.pdf",
		  "exe-ms declared as application/pdf, named a.pdf" },
		{ "exe-ms,exe", "application/zip", "a.zip",
		  "exe-ms declared as application/zip, named a.zip" },
		{ "lnk", "text/plain", "", "lnk declared as text/plain" },
		{ "iso", "application/octet-stream", "scan.pdf", "iso named scan.pdf" },
		{ "zip", "image/jpeg", "", "zip declared as image/jpeg" },
		{ "zip", "application/msword", "a.docx", NULL },
		{ "zip", "application/octet-stream", "a.zip", NULL },
		{ "html,txt", "text/plain", "a.txt", NULL },
		{ "html,txt", "image/gif", "a.gif", "html declared as image/gif, named a.gif" },
		{ "doc", "text/plain", "a.txt", NULL },
		{ "rtf,txt", "application/msword", "a.doc", NULL },
		{ "pdf", "image/jpeg", "a.jpg", "pdf declared as image/jpeg, named a.jpg" },
		{ "png,image", "image/jpeg", "a.jpg", NULL },
		{ "sh,txt", "text/plain", "", NULL },
		{ "sh,txt", "text/plain", "a.jpg", "sh named a.jpg" },
		{ "asc,txt", "application/pdf", "a.pdf", NULL },
		{ "", "image/png", "a.png", NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		char *names[] = { (char *)cases[i].name, NULL };
		const AmReportPart part = {
			.short_type = (char *)cases[i].short_type,
			.declared_type = (char *)cases[i].declared,
			.names = names,
		};
		g_autofree char *detail = am_mismatch_find(&part);
		g_assert_cmpstr(detail, ==, cases[i].detail);
	}
}

static void
test_bounded(void)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < 10; i++)
		g_ptr_array_add(names, g_strdup_printf("a%u.exe.", i));
	g_assert_cmphex(am_see_through(names, 12), ==, 1u << AM_TRICK_TRAILING | HIDDEN);
	g_assert_cmpuint(names->len, ==, 12);
}

static void
test_extensions(void)
{
	static const struct {
		const char *name, *extension;
		gboolean is_dangerous;
	} cases[] = {
		{ "a.EXE", "exe", TRUE },
		{ "a.tar.gz", "gz", FALSE },
		{ "a.b/c", "", FALSE },
		{ "a.b\\c.vbs", "vbs", TRUE },
		{ "noextension", "", FALSE },
		{ ".exe", "exe", TRUE },
		{ "a.", "", FALSE },
		{ "a.settingcontent-ms", "settingcontent-ms", TRUE },
		{ "a.ace", "ace", FALSE },
		{ "a.xll", "xll", TRUE },
		{ "a.library-ms", "library-ms", TRUE },
		{ "a.vhdx", "vhdx", TRUE },
		{ "a.search-ms", "search-ms", TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *extension = am_extension_of(cases[i].name);
		g_assert_cmpstr(extension, ==, cases[i].extension);
		g_assert_cmpint(am_extension_is_dangerous(extension), ==, cases[i].is_dangerous);
	}
}

/* Time does not grow faster than the text. */
static void
test_linear(void)
{
	static const char *const units[] = { "=?", "=?a?q?", "=?utf-8?B?QQ==?= ", "%2", "  .",
					     RLO,  "{a",     "=?utf-7?Q?+AC?= x" };
	gint64 start = g_get_monotonic_time();
	for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
		g_autoptr(GString) text = g_string_new("attachment; filename=\"");
		while (text->len < 60000)
			g_string_append(text, units[i]);
		g_autoptr(GPtrArray) names = read_names(text->str, "");
		(void)am_see_through(names, 64);
	}
	g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_mime_init();
	g_test_add_func("/names/readings", test_readings);
	g_test_add_func("/names/many", test_many);
	g_test_add_func("/names/see-through", test_see_through);
	g_test_add_func("/names/mismatch", test_mismatch);
	g_test_add_func("/names/bounded", test_bounded);
	g_test_add_func("/names/extensions", test_extensions);
	g_test_add_func("/names/linear", test_linear);
	return g_test_run();
}
