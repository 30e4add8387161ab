/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* HTML smuggling: what pages bring along comes out, everyday mail stays as it is, and no page takes
 * more time than its size is worth. */

#include <config.h>

#include <string.h>

#include "decode-run.h"

static MockHost mock;

typedef struct {
	const char *file, *findings, *children;
} Case;

#define SCRIPT "smuggling:script "
#define LITERAL "smuggling:literal "
#define URI "smuggling:data-uri "

static const Case cases[] = {
	{ "newsletter.html", "", "" },
	{ "image.html", "", "" },
	{ "link.html", URI, "invoice.exe:258:application/octet-stream:MZ " },
	{ "entities.html", URI, ":25:text/html:<s srcdoc.html:12:text/html:<p " },
	{ "atob.html", LITERAL SCRIPT, "script-1.bin:204::PK " },
	{ "plus-equals.html", LITERAL SCRIPT, "script-1.bin:204::PK " },
	{ "array.html", LITERAL SCRIPT, "script-1.bin:258::MZ " },
	{ "hexarray.html", LITERAL, "script-1.bin:258::MZ " },
	{ "hex.html", LITERAL, "script-1.bin:258::MZ " },
	{ "escapes.html", LITERAL, "script-1.bin:258::MZ " },
	{ "unescape.html", LITERAL SCRIPT, "script-1.bin:74::<h " },
	{ "hidden.html", "", "text.bin:1032::MZ " },
	{ "form.html", "form:password ", "" },
	{ "style.html", "", ":3:text/css:p{ :204:application/zip:PK " },
	{ "svg.svg", LITERAL SCRIPT, "script-1.bin:258::MZ " },
	{ "refresh.html", "", ":15:text/html:<h " },
	{ "utf16.html", URI, ":204:application/zip:PK " },
	{ "handler.html", LITERAL, "script-1.bin:258::MZ " },
	{ "unclosed.html", LITERAL, "script-1.bin:258::MZ " },
};

static void
test_case(gconstpointer data)
{
	const Case *c = data;
	gsize len;
	g_autofree char *bytes = decode_run_seed("html", c->file, &len);
	DecodeRun run;
	decode_run_bid(&run, &mock, c->file, NULL, bytes, len);
	decode_run_decode(&run, &mock);
	g_autofree char *children = decode_run_children(&run);
	g_assert_cmpint(run.bid, >, 0);
	g_assert_cmphex(run.decode.marks, ==, 0);
	g_assert_cmpstr(children, ==, c->children);
	g_assert_cmpstr(run.decode.findings->str, ==, c->findings);
	decode_run_clear(&run);
}

static void
test_cut(gconstpointer data)
{
	const Case *c = data;
	gsize len;
	g_autofree char *bytes = decode_run_seed("html", c->file, &len);
	for (gsize n = 0; n < len; n += n < 200 ? 1 : 7) {
		DecodeRun run;
		decode_run_bid(&run, &mock, c->file, NULL, bytes, n);
		decode_run_decode(&run, &mock);
		decode_run_clear(&run);
	}
}

static void
test_bids(void)
{
	static const struct {
		const char *name, *type, *data;
		gboolean is_wanted;
	} bids[] = {
		{ "", "text/html", "<p>hello", TRUE },
		{ "a.HTM", "text/plain", "words <p>", TRUE },
		{ "a.svg", "text/plain", "<svg>", TRUE },
		{ "a.xml", "text/xml", "<?xml version='1.0'?><svg>", TRUE },
		{ "a.hta", "application/octet-stream", "<hta:application>", TRUE },
		{ "a.html", "text/plain", "only words", FALSE },
		{ "a.txt", "text/plain", "a < b", FALSE },
		{ "a.xml", "text/xml", "<?xml version='1.0'?><w:document>", FALSE },
		{ "html", "application/zip", "PK\3\4<", FALSE },
		{ "a.html", "text/html", "", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(bids); i++) {
		DecodeRun run;
		decode_run_bid(&run, &mock, bids[i].name, bids[i].type, bids[i].data,
			       strlen(bids[i].data));
		g_assert_cmpint(run.bid > 0, ==, bids[i].is_wanted);
		decode_run_clear(&run);
	}
}

/* Pieces that come again and again, a megabyte of each: the time must stay in proportion. */
static void
test_hostile(void)
{
	static const char *const pieces[] = {
		"<",
		"<a ",
		"<a b='",
		"<!--",
		"<script>",
		"</script",
		"<script>\"",
		"data:,",
		"<a href='data:,",
		"<style>data:,",
		"&#",
		"<a b=&",
		"<script>'a'+",
		"<script>1,",
		"<script>/*",
		"<svg/x=",
		"<a href=data:x,%",
		"<script>s+='a';",
		"\xff\xfe<",
		"<a style='data:a/b,c)",
		"<p srcdoc=&lt;>",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(pieces); i++) {
		GString *text = g_string_new("<html>");
		gint64 start = g_get_monotonic_time();
		DecodeRun run;
		while (text->len < 500000)
			g_string_append(text, pieces[i]);
		decode_run_bid(&run, &mock, "a.html", "text/html", text->str, text->len);
		decode_run_decode(&run, &mock);
		g_test_message("%s: %" G_GINT64_FORMAT " us, %u children", pieces[i],
			       g_get_monotonic_time() - start, run.decode.children->len);
		g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
		g_assert_cmpuint(run.decode.children->len, <=, 200);
		decode_run_clear(&run);
		g_string_free(text, TRUE);
	}
}

static void
test_budget(void)
{
	gsize len;
	g_autofree char *bytes = decode_run_seed("html", "link.html", &len);
	for (guint n = 0; n < 2; n++) {
		DecodeRun run;
		decode_run_bid(&run, &mock, "a.html", "text/html", bytes, len);
		run.decode.bytes_left = 10;
		run.decode.children_left = n;
		decode_run_decode(&run, &mock);
		g_assert_true(run.decode.was_refused);
		decode_run_clear(&run);
	}
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "html"), AM_KIND_DECODER, "", &error))
		g_error("%s", error->message);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *file = g_strdup_printf("/html/file/%s", cases[i].file);
		g_autofree char *cut = g_strdup_printf("/html/cut/%s", cases[i].file);
		g_test_add_data_func(file, &cases[i], test_case);
		g_test_add_data_func(cut, &cases[i], test_cut);
	}
	g_test_add_func("/html/bids", test_bids);
	g_test_add_func("/html/hostile", test_hostile);
	g_test_add_func("/html/budget", test_budget);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
