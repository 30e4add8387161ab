/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The OneNote decoder: files and their names, wherever they are, and broken sections. */

#include <config.h>

#include <string.h>

#include "decode-run.h"

static MockHost mock;

static const guint8 section_mark[16] =
	"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96"
	"\xd3";
static const guint8 file_mark[16] =
	"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";

static GByteArray *
section_new(void)
{
	GByteArray *bytes = g_byte_array_new();
	g_byte_array_append(bytes, section_mark, 16);
	g_byte_array_set_size(bytes, 1024);
	memset(bytes->data + 16, 0, 1024 - 16);
	return bytes;
}

static void
add_name(GByteArray *bytes, const char *name)
{
	guint32 len = GUINT32_TO_LE((guint32)strlen(name) * 2 + 2);
	g_byte_array_append(bytes, (const guint8 *)&len, 4);
	for (const char *c = name;; c++) {
		guint8 unit[2] = { (guint8)*c, 0 };
		g_byte_array_append(bytes, unit, 2);
		if (*c == '\0')
			return;
	}
}

static void
add_file(GByteArray *bytes, const char *content, guint64 len)
{
	static const guint8 nothing[12];
	guint64 little = GUINT64_TO_LE(len);
	g_byte_array_append(bytes, file_mark, 16);
	g_byte_array_append(bytes, (const guint8 *)&little, 8);
	g_byte_array_append(bytes, nothing, 12);
	g_byte_array_append(bytes, (const guint8 *)content, (guint)strlen(content));
}

static void
test_files(void)
{
	g_autoptr(GByteArray) bytes = section_new();
	DecodeRun run;
	add_name(bytes, "no extension");
	add_name(bytes, "invoice.hta");
	add_file(bytes, "<script>x</script>", 18);
	add_name(bytes, "run.cmd");
	add_name(bytes, "run.cmd");
	add_file(bytes, "@echo", 5);
	add_name(bytes, "third.lnk"); /* and no file */
	decode_run(&run, &mock, bytes->data, bytes->len);
	g_assert_cmpint(run.bid, >, 0);
	g_assert_cmphex(run.decode.marks, ==, 0);
	g_assert_cmpuint(run.decode.children->len, ==, 2);
	decode_run_assert_child(&run, "invoice.hta", "<script>x</script>", 18);
	decode_run_assert_child(&run, "run.cmd", "@echo", 5);
	g_assert_cmpstr(run.decode.findings->str, ==,
			"embedded:invoice.hta embedded:run.cmd embedded:third.lnk ");
	decode_run_clear(&run);
}

/* A length that makes no sense: what is there comes out, and hides no other file. */
static void
test_lengths(void)
{
	static const guint64 lens[] = { 6, 1 << 20, G_MAXUINT32, G_MAXINT64, G_MAXUINT64 };
	for (gsize i = 0; i < G_N_ELEMENTS(lens); i++) {
		g_autoptr(GByteArray) bytes = section_new();
		DecodeRun run;
		add_file(bytes, "first", lens[i]);
		add_file(bytes, "second", 6);
		decode_run(&run, &mock, bytes->data, bytes->len);
		g_assert_cmpuint(run.decode.children->len, ==, i == 0 ? 1 : 2);
		if (i > 0)
			g_assert_cmphex(run.decode.marks, ==, AM_PART_UNDECODED);
		decode_run_clear(&run);
	}
}

/* The header says how long the file is. */
static void
test_cut(void)
{
	for (guint missing = 0; missing < 2; missing++) {
		g_autoptr(GByteArray) bytes = section_new();
		DecodeRun run;
		bytes->data[197] = 4; /* 1024 */
		decode_run(&run, &mock, bytes->data, bytes->len - missing);
		g_assert_cmpstr(run.decode.reasons->str, ==,
				missing > 0 ? "onenote: cut short " : "");
		decode_run_clear(&run);
	}
}

static void
test_packaged(void)
{
	static const guint8 format[16] = "\x2f\xe9\x8d\x63\xd4\xa6\xc1\x4b\x9a\x36\xb3\xfc\x25\x11"
					 "\xa5\xb7";
	g_autoptr(GByteArray) bytes = section_new();
	DecodeRun run;
	memcpy(bytes->data + 48, format, 16);
	decode_run(&run, &mock, bytes->data, bytes->len);
	g_assert_cmpstr(run.decode.reasons->str, ==, "onenote: alternative packaging ");
	decode_run_clear(&run);
}

static void
test_none(void)
{
	static const char text[] =
		"no section at all, but as long as the head of one is, and longer";
	DecodeRun run;
	decode_run(&run, &mock, text, sizeof text);
	g_assert_cmpint(run.bid, ==, 0);
	g_assert_cmpuint(run.decode.children->len, ==, 0);
	decode_run_clear(&run);
}

static void
test_broken(void)
{
	g_autoptr(GByteArray) bytes = section_new();
	add_name(bytes, "a.txt");
	add_file(bytes, "content", 7);
	decode_run_broken(&mock, bytes->data, bytes->len, 3);
}

static void
test_budget(void)
{
	g_autoptr(GByteArray) bytes = section_new();
	DecodeRun run;
	for (guint i = 0; i < 3000; i++)
		add_file(bytes, "content", 7);
	decode_run_limited(&run, &mock, NULL, bytes->data, bytes->len, 50, NULL);
	g_assert_true(run.decode.was_refused);
	g_assert_cmpuint(run.decode.children->len, ==, 8);
	decode_run_clear(&run);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "onenote"), AM_KIND_DECODER, "",
			    &error))
		g_error("%s", error->message);
	g_test_add_func("/onenote/files", test_files);
	g_test_add_func("/onenote/lengths", test_lengths);
	g_test_add_func("/onenote/cut", test_cut);
	g_test_add_func("/onenote/packaged", test_packaged);
	g_test_add_func("/onenote/none", test_none);
	g_test_add_func("/onenote/broken", test_broken);
	g_test_add_func("/onenote/budget", test_budget);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
