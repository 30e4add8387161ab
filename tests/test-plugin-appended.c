/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Archives behind something else: each kind is found where it begins, and nothing where there is
 * none. */

#include <config.h>

#include <string.h>

#include "archive-samples.h"
#include "decode-run.h"

static MockHost mock;

static void
run_init(DecodeRun *run, const char *type, gconstpointer data, gsize len)
{
	decode_run_bid(run, &mock, "a", type, data, len);
	if (run->bid > 0)
		decode_run_decode(run, &mock);
	g_assert_cmphex(run->decode.marks, ==, 0);
}

static GByteArray *
sample_of(const char *name)
{
	if (strcmp(name, "zip") == 0)
		return sample_zip_one("a.txt", 0, "hello");
	for (guint i = 0; i < n_samples; i++)
		if (strcmp(samples[i].name, name) == 0)
			return sample_make(&samples[i], 2000);
	g_assert_not_reached();
}

static const struct {
	const char *sample, *kind;
	gboolean in_programs; /* only */
} kinds[] = {
	{ "zip", "appended:zip " },   { "7z", "appended:7z " },	      { "rar4.rar", "appended:rar " },
	{ "rar5.rar", "appended:rar " }, { "cab", "appended:cab " }, { "lzh", "appended:lha ", TRUE },
};

static GByteArray *
behind(const char *front, gsize front_len, gsize padding, const GByteArray *archive)
{
	GByteArray *out = g_byte_array_new();
	g_autofree guint8 *zeros = g_malloc0(padding + 1);
	g_byte_array_append(out, (const guint8 *)front, (guint)front_len);
	g_byte_array_append(out, zeros, (guint)padding);
	g_byte_array_append(out, archive->data, archive->len);
	return out;
}

static void
test_kinds(void)
{
	static const gsize paddings[] = { 0, 1, 5000, 262144 - 9, 262144 - 4, 262144, 700000 };
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autoptr(GByteArray) archive = sample_of(kinds[i].sample);
		for (gsize p = 0; p < 2 * G_N_ELEMENTS(paddings); p++) {
			gboolean is_program = p % 2 == 0;
			g_autoptr(GByteArray) file =
				behind(is_program ? "MZ\220\0" : "\377\330\377\340", 4,
				       paddings[p / 2], archive);
			gboolean is_found = is_program || !kinds[i].in_programs;
			DecodeRun run;
			run_init(&run, is_program ? "application/x-dosexec" : "image/jpeg",
				 file->data, file->len);
			g_assert_cmpint(run.bid, >, 0);
			g_assert_cmpstr(run.decode.findings->str, ==, is_found ? kinds[i].kind : "");
			g_assert_cmpuint(run.decode.children->len, ==, is_found);
			if (is_found) {
				const AmChild *child = run.decode.children->pdata[0];
				g_assert_true(child->is_closed);
				g_assert_cmpmem(child->data->data, child->data->len, archive->data,
						archive->len);
			}
			decode_run_clear(&run);
		}
	}
}

/* Offsets that count from the start of the file, as `zip -A` makes them. */
static void
test_adjusted_zip(void)
{
	g_autoptr(GByteArray) zip = sample_zip_one("a.txt", 0, "hello");
	guint32 directory = zip->len - 22 + 16;
	zip->data[directory] = (guint8)(zip->data[directory] + 104);
	g_autoptr(GByteArray) file = behind("MZ\220\0", 4, 100, zip);
	DecodeRun run;
	run_init(&run, "application/x-dosexec", file->data, file->len);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	const AmChild *child = run.decode.children->pdata[0];
	g_assert_cmpmem(child->data->data, child->data->len, zip->data, zip->len);
	decode_run_clear(&run);
}

static void
test_several(void)
{
	g_autoptr(GByteArray) cab = sample_of("cab");
	g_autoptr(GByteArray) zip = sample_of("zip");
	g_autoptr(GByteArray) one = behind("MZ\220\0", 4, 600, cab);
	g_autoptr(GByteArray) two = behind((char *)one->data, one->len, 600, cab);
	g_autoptr(GByteArray) all = behind((char *)two->data, two->len, 600, zip);
	DecodeRun run;
	run_init(&run, "application/x-dosexec", all->data, all->len);
	g_assert_cmpstr(run.decode.findings->str, ==, "appended:cab appended:cab appended:zip ");
	decode_run_clear(&run);
	g_autoptr(GByteArray) many = behind("MZ\220\0", 4, 600, cab);
	for (guint i = 0; i < 50; i++)
		g_byte_array_append(many, cab->data, cab->len);
	run_init(&run, "application/x-dosexec", many->data, many->len);
	g_assert_cmpuint(run.decode.children->len, ==, 16);
	decode_run_clear(&run);
}

#define BYTES(text) text, sizeof text - 1

static void
test_nothing(void)
{
	static const struct {
		const char *type, *data;
		gsize len;
		gboolean is_searched;
	} cases[] = {
		{ "text/plain", BYTES("hello, world"), FALSE },
		{ "message/rfc822", BYTES("From: x\r\n\r\nRar!\032\007\000"), FALSE },
		{ "application/zip", BYTES("PK\003\004 and more"), FALSE },
		{ "image/jpeg", BYTES("\377\330\377\340"), TRUE },
		/* constants in a program */
		{ "application/x-dosexec", BYTES("MZ..Rar!\032\007\000....MSCF\0\0\0\0....7z\274\257\047\034"), TRUE },
		{ "application/x-dosexec", BYTES("MZ....PK\005\006and so on and so on and so on"), TRUE },
		{ "application/x-dosexec", BYTES("MZ..-lh5-..\140\352..-lz"), TRUE },
		{ "application/x-dosexec", BYTES("MZ\0\0\0\0\0**ACE**.."), TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		DecodeRun run;
		run_init(&run, cases[i].type, cases[i].data, cases[i].len);
		g_assert_cmpint(run.bid > 0, ==, cases[i].is_searched);
		g_assert_cmpuint(run.decode.children->len, ==, 0);
		g_assert_cmpstr(run.decode.findings->str, ==, "");
		decode_run_clear(&run);
	}
}

static void
test_limits(void)
{
	g_autoptr(GByteArray) rar = sample_of("rar5.rar");
	g_autoptr(GByteArray) file = behind("MZ\220\0", 4, 100000, rar);
	AmPartInfo info = { .type = "", .short_type = "", .name = "", .size = 100 };
	MockHost other;
	DecodeRun run;
	g_assert_true(mock_host_load(&other, &mock.loaded.plugin, AM_KIND_DECODER,
				     "executables = no\n", NULL));
	g_assert_cmpint(other.loaded.plugin.decoder->bid(other.self, &info, file->data, 100), ==, 0);
	mock_host_clear(&other);
	g_assert_true(mock_host_load(&other, &mock.loaded.plugin, AM_KIND_DECODER,
				     "search = 64K\n", NULL));
	decode_run_bid(&run, &other, "a", NULL, file->data, file->len);
	decode_run_decode(&run, &other);
	g_assert_cmpuint(run.decode.children->len, ==, 1); /* a window is read as a whole */
	decode_run_clear(&run);
	mock_host_clear(&other);
	/* the budget */
	decode_run_limited(&run, &mock, "a", file->data, file->len, 10, NULL);
	g_assert_true(run.decode.was_refused);
	decode_run_clear(&run);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "appended"), AM_KIND_DECODER, "",
			    &error))
		g_error("%s", error->message);
	g_test_add_func("/appended/kinds", test_kinds);
	g_test_add_func("/appended/adjusted-zip", test_adjusted_zip);
	g_test_add_func("/appended/several", test_several);
	g_test_add_func("/appended/nothing", test_nothing);
	g_test_add_func("/appended/limits", test_limits);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
