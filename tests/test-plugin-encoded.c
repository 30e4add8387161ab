/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The decoder of uuencode, yEnc and BinHex, over the fuzzer's seeds, which were made by uuencode of
 * sharutils, Convert::BinHex and by hand after the texts, and over what breaks such files. */

#include <config.h>

#include <string.h>

#include "decode-run.h"

#define NAME "sample file.bin"

static MockHost mock;

static void
run_text(DecodeRun *run, const char *text)
{
	decode_run(run, &mock, text, strlen(text));
}

/* ---- what programs make -------------------------------------------------------------------- */

static const struct {
	const char *seed, *name;
	guint n_children;
} seeds[] = {
	{ "uu", NAME, 1 },	     { "uu-stripped", NAME, 1 }, { "xx", NAME, 1 },
	{ "base64", NAME, 1 },	     { "mixed", "one.exe", 2 },	 { "mixed", "two.exe", 2 },
	{ "yenc", NAME, 1 },	     { "yenc-parts", "s.bin", 1 }, { "hqx", NAME, 2 },
	{ "hqx-cr", NAME, 2 },
};

static void
test_seeds(void)
{
	gsize plain_len, len;
	g_autofree char *plain = decode_run_seed("encoded", "plain", &plain_len);
	for (gsize i = 0; i < G_N_ELEMENTS(seeds); i++) {
		DecodeRun run;
		g_autofree char *data = decode_run_seed("encoded", seeds[i].seed, &len);
		g_test_message("%s", seeds[i].seed);
		decode_run(&run, &mock, data, len);
		g_assert_cmpint(run.bid, >, 0);
		g_assert_cmpstr(run.decode.reasons->str, ==, "");
		decode_run_assert_child(&run, seeds[i].name, plain, plain_len);
		g_assert_cmpuint(run.decode.children->len, ==, seeds[i].n_children);
		decode_run_clear(&run);
	}
}

static void
test_resource_fork(void)
{
	DecodeRun run;
	gsize len;
	g_autofree char *data = decode_run_seed("encoded", "hqx", &len);
	g_autofree char *r = g_strnfill(50, 'r');
	g_autofree char *content = g_strconcat("resource fork\x90\x90", r, NULL);
	decode_run(&run, &mock, data, len);
	decode_run_assert_child(&run, NAME ".rsrc", content, strlen(content));
	decode_run_clear(&run);
}

/* However blocks and lines fall, the same comes out. */
static void
test_blocks(void)
{
	gsize plain_len, len;
	g_autofree char *plain = decode_run_seed("encoded", "plain", &plain_len);
	g_autofree char *data = decode_run_seed("encoded", "uu", &len);
	for (gsize before = 65536 - 700; before < 65536 + 3; before += 7) {
		DecodeRun run;
		g_autoptr(GString) text = g_string_new(NULL);
		for (gsize i = 0; i + 1 < before; i++)
			g_string_append_c(text, i % 61 == 60 && before % 2 == 0 ? '\n' : 'x');
		g_string_append_c(text, before % 3 == 0 ? '\r' : '\n');
		g_string_append_len(text, data, (gssize)len);
		run.part = mock_part_new("1", NULL, NULL, NULL, text->str, text->len);
		run.part->info.flags = AM_PART_HAS_ENCODED;
		mock_decode_init(&run.decode, run.part);
		g_assert_cmpint(
			mock.loaded.plugin.decoder->bid(mock.self, &run.part->info, NULL, 0), >, 0);
		g_assert_true(
			mock.loaded.plugin.decoder->decode(mock.self, &run.decode, NULL));
		decode_run_assert_child(&run, NAME, plain, plain_len);
		decode_run_clear(&run);
	}
}

/* ---- small ones, good and bad -------------------------------------------------------------- */

#define CAT "#0V%T"	     /* "Cat" */
#define CATS "begin 644 a\n" /* name a */
#define YCAT "=ybegin line=128 size=3 name=a\r\nm\213\236\r\n"
#define YCRC "=yend size=3 crc32=A6130548\r\n"

static const struct {
	const char *label, *text;
	guint32 marks;
	const char *content; /* of the child a; NULL: there is none */
	guint n_children;
} cases[] = {
	{ "plain", CATS CAT "\n`\nend\n", 0, "Cat", 1 },
	{ "crlf", "begin 644 a\r\n" CAT "\r\n`\r\nend\r\n", 0, "Cat", 1 },
	{ "bare cr", "begin 644 a\r" CAT "\r`\rend\r", 0, "Cat", 1 },
	{ "four digits", "begin 0644 a\n" CAT "\n`\nend\n", 0, "Cat", 1 },
	{ "blanks", "begin  \t644  a \t\n" CAT "\n`\nend \n", 0, "Cat", 1 },
	{ "as Outlook has it", "begin  a\n" CAT "\n`\nend\n", 0, "Cat", 1 },
	{ "no zero line", CATS CAT "\nend\n", 0, "Cat", 1 },
	{ "empty", CATS "`\nend\n", 0, "", 1 },
	{ "emptier", CATS "end\n", 0, "", 1 },
	{ "blank line", CATS "\n" CAT "\n\nend\n", 0, "Cat", 1 },
	{ "checksum", CATS CAT "Z\n`\nend\n", 0, "Cat", 1 },
	{ "less than it says", CATS "\"0V$\n`\nend\n", 0, "Ca", 1 },
	{ "text around", "Hi\n\n" CATS CAT "\n`\nend\nbye\n", 0, "Cat", 1 },
	{ "name on the last line", "begin 644 a", 0, NULL, 0 },
	{ "no end", CATS CAT "\n", AM_PART_UNDECODED, "Cat", 1 },
	{ "another begins", CATS CAT "\nbegin 644 b\n" CAT "\nend\n", AM_PART_UNDECODED, "Cat", 2 },
	{ "no data", CATS, 0, NULL, 0 },
	{ "prose", "begin 100 pushups a day\nand more\nend\n", 0, NULL, 0 },
	{ "prose in Outlook", "begin  with two blanks\nthis is text\n", 0, NULL, 0 },
	{ "not a begin", "begin 6 a\n" CAT "\nend\n", 0, NULL, 0 },
	{ "nor this", "beginning 644 a\n" CAT "\nend\n", 0, NULL, 0 },
	{ "text between", CATS CAT "\nsome words\n" CAT "\n`\nend\n", AM_PART_AMBIGUOUS, "CatCat", 1 },
	{ "behind its end", CATS CAT "\n`\n" CAT "\nend\n", AM_PART_AMBIGUOUS, "CatCat", 1 },
	{ "longer than it says", CATS CAT "0V%T0V%T\n`\nend\n", AM_PART_AMBIGUOUS, "Cat", 1 },
	{ "base64", "begin-base64 644 a\nQ2F0\n====\n", 0, "Cat", 1 },
	{ "base64, no mode", "begin-base64 a\nQ2F0\n====\n", 0, "Cat", 1 },
	{ "base64, padded", "begin-base64 644 a\nQ2F0Q2E=\n====\n", 0, "CatCa", 1 },
	{ "base64, odd lines", "begin-base64 644 a\nQ2\n \nF\n0\n====\n", 0, "Cat", 1 },
	{ "base64, no end", "begin-base64 644 a\nQ2F0\n", AM_PART_UNDECODED, "Cat", 1 },
	{ "base64, behind padding", "begin-base64 644 a\nQ2E=Q2F0\n====\n", AM_PART_AMBIGUOUS,
	  "CaCat", 1 },
	{ "yenc", YCAT YCRC, 0, "Cat", 1 },
	{ "yenc, no checksum", YCAT "=yend size=3\r\n", 0, "Cat", 1 },
	{ "yenc, wrong size", YCAT "=yend size=4\r\n", AM_PART_AMBIGUOUS, "Cat", 1 },
	{ "yenc, wrong checksum", YCAT "=yend size=3 crc32=12345678\r\n", AM_PART_AMBIGUOUS, "Cat",
	  1 },
	{ "yenc, no end", YCAT, AM_PART_UNDECODED, "Cat", 1 },
	{ "yenc, escaped", "=ybegin line=128 size=1 name=a\n=}\n=yend size=1\n", 0, "\023", 1 },
	{ "yenc, only the second", "=ybegin part=2 total=2 line=1 size=6 name=a\r\n"
				   "=ypart begin=4 end=6\r\nm\213\236\r\n=yend size=3 part=2\r\n",
	  AM_PART_UNDECODED, "Cat", 1 },
	{ "yenc, only the first", "=ybegin part=1 total=2 line=1 size=6 name=a\r\n"
				  "=ypart begin=1 end=3\r\nm\213\236\r\n=yend size=3 part=1\r\n",
	  AM_PART_UNDECODED, "Cat", 1 },
	{ "yenc, then uu", "=ybegin part=1 total=2 line=1 size=6 name=b\r\n"
			   "=ypart begin=1 end=3\r\nm\213\236\r\n=yend size=3 part=1\r\n"
			   CATS CAT "\nend\n",
	  AM_PART_UNDECODED, "Cat", 2 },
	{ "yenc, no name", "=ybegin line=128 size=3\r\nm\213\236\r\n=yend size=3\r\n", 0, NULL, 1 },
	{ "binhex, cut", "(This file must be converted with BinHex 4.0)\n\n:#@0\n",
	  AM_PART_UNDECODED, NULL, 0 },
	{ "binhex, only words", "(This file must be converted with BinHex 4.0)\n\nno\n", 0, NULL,
	  0 },
	{ "nothing", "", 0, NULL, 0 },
};

static void
test_case(gconstpointer data)
{
	gsize i = GPOINTER_TO_SIZE(data);
	DecodeRun run;
	run_text(&run, cases[i].text);
	if (cases[i].content != NULL)
		decode_run_assert_child(&run, "a", cases[i].content, strlen(cases[i].content));
	g_assert_cmpuint(run.decode.children->len, ==, cases[i].n_children);
	g_assert_cmphex(run.decode.marks, ==, cases[i].marks);
	g_assert_cmpint(*run.decode.reasons->str != '\0', ==, cases[i].marks != 0);
	decode_run_clear(&run);
}

static void
test_checksums(void)
{
	gsize len;
	g_autofree char *data = decode_run_seed("encoded", "hqx", &len);
	char *colon = memchr(data, ':', len);
	const gsize places[] = { 2, 60, len - 20 - (gsize)(colon - data) };
	for (gsize i = 0; i < G_N_ELEMENTS(places); i++) { /* header, data, resources */
		DecodeRun run;
		char kept = colon[places[i]];
		colon[places[i]] = kept == 'A' ? 'B' : 'A';
		decode_run(&run, &mock, data, len);
		g_assert_cmphex(run.decode.marks & AM_PART_AMBIGUOUS, ==, AM_PART_AMBIGUOUS);
		decode_run_clear(&run);
		colon[places[i]] = kept;
	}
}

/* ---- hostile ------------------------------------------------------------------------------- */

static void
test_broken(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(seeds); i++) {
		gsize len;
		g_autofree char *data = decode_run_seed("encoded", seeds[i].seed, &len);
		decode_run_broken(&mock, data, len, 3);
	}
}

static void
test_budget(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	DecodeRun run;
	for (guint i = 0; i < 2000; i++)
		g_string_append(text, CATS CAT "\nend\n");
	decode_run_limited(&run, &mock, NULL, text->str, text->len, 10, NULL);
	g_assert_true(run.decode.was_refused);
	g_assert_cmpuint(run.decode.children->len, ==, 4);
	decode_run_clear(&run);
	run_text(&run, text->str); /* as many as the mock takes */
	g_assert_cmpuint(run.decode.children->len, ==, 1000);
	decode_run_clear(&run);
}

/* Lines as long as none can be, and beginnings without an end. */
static void
test_long(void)
{
	static const char *const starts[] = { CATS "M", "begin-base64 644 a\n",
					      "=ybegin line=1 size=1 name=a\n", "begin 644 ",
					      "(This file must be converted with BinHex 4.0)\n:" };
	for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
		g_autoptr(GString) text = g_string_new(starts[i]);
		DecodeRun run;
		for (guint j = 0; j < 1000000; j++)
			g_string_append_c(text, 'A');
		run_text(&run, text->str);
		g_assert_cmpuint(run.decode.children->len, <=, 1);
		decode_run_clear(&run);
	}
	g_autoptr(GString) begins = g_string_new(NULL);
	DecodeRun run;
	for (guint j = 0; j < 100000; j++)
		g_string_append(begins, CATS);
	run_text(&run, begins->str);
	g_assert_cmpuint(run.decode.children->len, ==, 0);
	decode_run_clear(&run);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "encoded"), AM_KIND_DECODER, "",
			    &error))
		g_error("%s", error->message);
	g_test_add_func("/encoded/seeds", test_seeds);
	g_test_add_func("/encoded/resource-fork", test_resource_fork);
	g_test_add_func("/encoded/blocks", test_blocks);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/encoded/case/%s", cases[i].label);
		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_case);
	}
	g_test_add_func("/encoded/checksums", test_checksums);
	g_test_add_func("/encoded/broken", test_broken);
	g_test_add_func("/encoded/budget", test_budget);
	g_test_add_func("/encoded/long", test_long);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
