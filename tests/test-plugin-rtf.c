/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The RTF decoder: objects in all the disguises that are known, links, and broken documents. */

#include <config.h>

#include <string.h>

#include "decode-run.h"

static MockHost mock;

/* ---- making objects ------------------------------------------------------------------------ */

static void
add_u32(GByteArray *bytes, guint32 value)
{
	guint32 little = GUINT32_TO_LE(value);
	g_byte_array_append(bytes, (const guint8 *)&little, 4);
}

static void
add_string(GByteArray *bytes, const char *text)
{
	add_u32(bytes, (guint32)strlen(text) + 1);
	g_byte_array_append(bytes, (const guint8 *)text, (guint)strlen(text) + 1);
}

/* An object of OLE 1: a link to topic, or embedded with this data. */
static GByteArray *
make_object(const char *class_name, const char *topic, gconstpointer native, gsize len)
{
	GByteArray *bytes = g_byte_array_new();
	add_u32(bytes, 0x501);
	add_u32(bytes, native != NULL ? 2 : 1);
	add_string(bytes, class_name);
	add_string(bytes, topic);
	add_u32(bytes, 0);
	if (native != NULL) {
		add_u32(bytes, (guint32)len);
		g_byte_array_append(bytes, native, (guint)len);
	}
	return bytes;
}

static GByteArray *
make_package(const char *label, const char *path, guint16 kind, const char *content)
{
	GByteArray *bytes = g_byte_array_new();
	g_byte_array_append(bytes, (const guint8 *)"\2\0", 2);
	g_byte_array_append(bytes, (const guint8 *)label, (guint)strlen(label) + 1);
	g_byte_array_append(bytes, (const guint8 *)path, (guint)strlen(path) + 1);
	add_u32(bytes, (guint32)kind << 16);
	add_string(bytes, "C:\\Temp\\tmp.tmp");
	add_u32(bytes, (guint32)strlen(content));
	g_byte_array_append(bytes, (const guint8 *)content, (guint)strlen(content));
	return bytes;
}

static char *
make_hex(const GByteArray *bytes)
{
	GString *text = g_string_new(NULL);
	for (guint i = 0; i < bytes->len; i++)
		g_string_append_printf(text, "%02x", bytes->data[i]);
	return g_string_free(text, FALSE);
}

static char *
make_package_hex(void)
{
	g_autoptr(GByteArray) package = make_package("bill.pdf", "C:\\x\\run.exe", 3, "MZ-content");
	g_autoptr(GByteArray) object = make_object("Package", "", package->data, package->len);
	return make_hex(object);
}

static void
run_text(DecodeRun *run, const char *text)
{
	decode_run(run, &mock, text, strlen(text));
}

/* ---- disguises ----------------------------------------------------------------------------- */

/* What is put behind each digit, and around the data. */
static const struct {
	const char *name, *start, *between, *end;
} disguises[] = {
	{ "plain", "{\\rtf1{\\object\\objemb{\\*\\objdata ", "", "}}}" },
	{ "short mark", "{\\rt{\\object{\\*\\objdata ", "", "}}}" },
	{ "no star", "{\\rtf1{\\object{\\objdata ", "", "}}}" },
	{ "lines", "{\\rtf1{\\object{\\*\\objdata\r\n", "\r\n \t", "}}}" },
	{ "not hex", "{\\rtf1{\\object{\\*\\objdata ", " xyz~", "}}}" },
	{ "words", "{\\rtf1{\\object{\\*\\objdata ", "\\foobar12 ", "}}}" },
	{ "groups", "{\\rtf1{\\object{\\*\\objdata ", "{\\*\\zz }", "}}}" },
	{ "empty groups", "{\\rtf1{\\object{\\*\\objdata{}", "{{{}}}", "}}}" },
	{ "symbols", "{\\rtf1{\\object{\\*\\objdata ", "\\~\\-\\*", "}}}" },
	{ "binary of nothing", "{\\rtf1{\\object{\\*\\objdata ", "\\bin0 ", "}}}" },
	{ "huge binary", "{\\rtf1{\\object{\\*\\objdata ", "\\bin99999999999999999999 ", "}}}" },
	{ "negative binary", "{\\rtf1{\\object{\\*\\objdata ", "\\bin-4 ", "}}}" },
	{ "said twice", "{\\rtf1{\\object{\\*\\objdata ", "\\objdata ", "}}}" },
	{ "no end", "{\\rtf1{\\object{\\*\\objdata ", "", "" },
	{ "closed too often", "{\\rtf1}}}}}{\\object{\\*\\objdata ", "", "}}" },
	{ "long word", "{\\rtf1{\\object{\\*\\objdata ",
	  "\\aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ",
	  "}}}" },
	{ "binary before", "{\\rtf1{\\bin3 }}}}{\\object{\\*\\objdata ", "", "}}}" },
};

static void
test_disguise(gconstpointer data)
{
	gsize index = GPOINTER_TO_SIZE(data);
	g_autofree char *hex = make_package_hex();
	g_autoptr(GString) text = g_string_new(disguises[index].start);
	DecodeRun run;
	for (const char *c = hex; *c != '\0'; c++)
		g_string_append_printf(text, "%c%s", *c, disguises[index].between);
	g_string_append(text, disguises[index].end);
	run_text(&run, text->str);
	g_assert_cmpint(run.bid, >, 0);
	g_assert_cmphex(run.decode.marks, ==, 0);
	decode_run_assert_child(&run, "run.exe", "MZ-content", 10);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	g_assert_cmpstr(run.decode.findings->str, ==, "embedded:run.exe ");
	decode_run_clear(&run);
}

/* Digits that count for some readers and not for others: both readings come out. */
static void
test_readings(void)
{
	g_autofree char *hex = make_package_hex();
	g_autofree char *group =
		g_strdup_printf("{\\rtf1{\\object{\\*\\objdata {\\*\\x 4141}%s}}}", hex);
	g_autofree char *escape = g_strdup_printf("{\\rtf1{\\object{\\*\\objdata 0\\'41%s}}}", hex);
	const char *texts[] = { group, escape };
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		DecodeRun run;
		run_text(&run, texts[i]);
		decode_run_assert_child(&run, "run.exe", "MZ-content", 10);
		g_assert_cmpuint(run.decode.children->len, ==, 2);
		decode_run_clear(&run);
	}
}

static void
test_binary(void)
{
	g_autoptr(GByteArray) package = make_package("a", "a.bin", 3, "}}}{{{");
	g_autoptr(GByteArray) object = make_object("Package", "", package->data, package->len);
	g_autoptr(GByteArray) text = g_byte_array_new();
	g_autofree char *start = g_strdup_printf("{\\rtf1{\\objdata \\bin%u ", object->len);
	DecodeRun run;
	g_byte_array_append(text, (const guint8 *)start, (guint)strlen(start));
	g_byte_array_append(text, object->data, object->len);
	g_byte_array_append(text, (const guint8 *)"}}", 2);
	decode_run(&run, &mock, text->data, text->len);
	decode_run_assert_child(&run, "a.bin", "}}}{{{", 6);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	decode_run_clear(&run);
}

/* ---- other objects ------------------------------------------------------------------------- */

static void
test_compound(void)
{
	static const guint8 native[] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest";
	g_autoptr(GByteArray) object = make_object("Word.Document.8", "", native, 12);
	g_autofree char *hex = make_hex(object);
	g_autofree char *good = g_strdup_printf("{\\rtf1{\\object\\objupdate{\\*\\objclass W.8}"
						"{\\*\\objdata %s}}}",
						hex);
	g_autofree char *bad = g_strdup_printf("{\\rtf1{\\object{\\objdata ffffffff%s}}}", hex);
	const struct {
		const char *text, *findings;
	} cases[] = {
		{ good, "embedded:Word.Document.8 active:objupdate " },
		{ bad, "embedded:object " },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		DecodeRun run;
		run_text(&run, cases[i].text);
		decode_run_assert_child(&run, NULL, native, 12);
		g_assert_cmpstr(run.decode.findings->str, ==, cases[i].findings);
		decode_run_clear(&run);
	}
}

static void
test_links(void)
{
	g_autoptr(GByteArray) object = make_object("Word.Document", "http://x.example/a", NULL, 0);
	g_autoptr(GByteArray) package = make_package("l", "\\\\host\\share\\x.exe", 1, "");
	g_autoptr(GByteArray) linked = make_object("Package", "", package->data, package->len);
	g_autofree char *hex = make_hex(object), *package_hex = make_hex(linked);
	g_autofree char *link =
		g_strdup_printf("{\\rtf1{\\object\\objautlink{\\objdata %s}}}", hex);
	g_autofree char *outside = g_strdup_printf("{\\rtf1{\\objdata %s}}", package_hex);
	const struct {
		const char *text, *findings;
	} cases[] = {
		{ link, "external:Word.Document external:objautlink " },
		{ outside, "external:package " },
		{ "{\\rtf1{\\*\\template http://x.example/t.dot}}", "external:template " },
		{ "{\\rtf1{\\*\\template \\u104?ttp}}", "external:template " },
		{ "{\\rtf1{\\*\\template }}", "" },
		{ "{\\rtf1{\\field{\\*\\fldinst {DDEAUTO c:\\\\cmd.exe}}}}", "dde:DDEAUTO " },
		{ "{\\rtf1{\\field{\\*\\fldinst \\'44DE x}}}", "dde:DDE " },
		{ "{\\rtf1{\\field{\\*\\fldinst INCLUDEPICTURE \"http://x\"}}}",
		  "external:INCLUDEPICTURE " },
		{ "{\\rtf1{\\field{\\*\\fldinst HYPERLINK \"http://x\"}}}", "" },
		{ "{\\rtf1 objdata 4142}", "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		DecodeRun run;
		run_text(&run, cases[i].text);
		g_assert_cmpstr(run.decode.findings->str, ==, cases[i].findings);
		g_assert_cmpuint(run.decode.children->len, ==, 0);
		decode_run_clear(&run);
	}
}

static void
test_bid(void)
{
	static const struct {
		const char *text;
		gboolean is_rtf;
	} cases[] = {
		{ "{\\rtf1}", TRUE },
		{ "{\\rt", TRUE },
		{ "  \r\n{\\rtx", TRUE },
		{ "\357\273\277{\\rtf", TRUE },
		{ "{\\r", FALSE },
		{ "x{\\rtf1", FALSE },
		{ "", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		DecodeRun run;
		run_text(&run, cases[i].text);
		g_assert_cmpint(run.bid > 0, ==, cases[i].is_rtf);
		decode_run_clear(&run);
	}
}

/* ---- hostile ------------------------------------------------------------------------------- */

static void
test_broken(void)
{
	g_autofree char *hex = make_package_hex();
	g_autofree char *text = g_strdup_printf("{\\rtf1{\\*\\template x}{\\object{\\*\\objclass P}"
						"{\\*\\objdata %s}}}",
						hex);
	decode_run_broken(&mock, text, strlen(text), 1);
}

static void
test_budget(void)
{
	g_autofree char *hex = make_package_hex();
	g_autoptr(GString) text = g_string_new("{\\rtf1");
	DecodeRun run;
	for (guint i = 0; i < 2000; i++)
		g_string_append_printf(text, "{\\objdata %s}", hex);
	decode_run_limited(&run, &mock, NULL, text->str, text->len, 45, NULL);
	g_assert_true(run.decode.was_refused);
	g_assert_cmpuint(run.decode.children->len, ==, 5);
	decode_run_clear(&run);
	run_text(&run, text->str); /* as many as the mock takes */
	g_assert_cmpuint(run.decode.children->len, ==, 1000);
	decode_run_clear(&run);
}

static void
test_deep(void)
{
	g_autoptr(GString) text = g_string_new("{\\rtf1{\\objdata ");
	DecodeRun run;
	for (guint i = 0; i < 1000000; i++)
		g_string_append_c(text, '{');
	run_text(&run, text->str);
	g_assert_cmpuint(run.decode.children->len, ==, 0);
	decode_run_clear(&run);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "rtf"), AM_KIND_DECODER, "", &error))
		g_error("%s", error->message);
	for (gsize i = 0; i < G_N_ELEMENTS(disguises); i++) {
		g_autofree char *path = g_strdup_printf("/rtf/disguise/%s", disguises[i].name);
		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_disguise);
	}
	g_test_add_func("/rtf/readings", test_readings);
	g_test_add_func("/rtf/binary", test_binary);
	g_test_add_func("/rtf/compound", test_compound);
	g_test_add_func("/rtf/links", test_links);
	g_test_add_func("/rtf/bid", test_bid);
	g_test_add_func("/rtf/broken", test_broken);
	g_test_add_func("/rtf/budget", test_budget);
	g_test_add_func("/rtf/deep", test_deep);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
