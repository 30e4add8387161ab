/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The TNEF decoder over the fuzzer's seeds (tests/hostile/tnef.py makes them), a file made by Outlook
 * where ClamAV's test files are installed, and broken streams. */

#include <config.h>

#include <string.h>

#include "decode-run.h"

#define CLAM_FILE "/usr/share/clamav-testfiles/clam.tnef"

static MockHost mock;

static void
run_seed(DecodeRun *run, const char *name)
{
	gsize len;
	g_autofree char *data = decode_run_seed("tnef", name, &len);
	decode_run(run, &mock, data, len);
	g_assert_cmpint(run->bid, >, 0);
}

static const AmChild *
child_at(const DecodeRun *run, guint i)
{
	g_assert_cmpuint(i, <, run->decode.children->len);
	return g_ptr_array_index(run->decode.children, i);
}

static void
assert_body(const DecodeRun *run, guint i, const char *type, const char *content)
{
	const AmChild *child = child_at(run, i);
	g_assert_cmpstr(child->declared, ==, type);
	g_assert_null(child->name);
	g_assert_cmpmem(child->data->data, child->data->len, content, strlen(content));
}

static void
test_whole(void)
{
	DecodeRun run, inner;
	run_seed(&run, "whole");
	g_assert_cmpstr(run.decode.reasons->str, ==, "");
	g_assert_cmpuint(run.decode.children->len, ==, 6);
	assert_body(&run, 0, "text/plain", "Hello \342\202\254");
	assert_body(&run, 1, "text/html", "<html><body>Hi</body></html>");
	assert_body(&run, 2, "text/rtf", "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
	decode_run_assert_child(&run, "long n\303\244me.exe", "MZ data", 7);
	g_assert_cmpstr(child_at(&run, 3)->declared, ==, "application/x-y");
	decode_run_assert_child(&run, "caf\303\251.txt", "text", 4);

	const AmChild *message = decode_run_find(&run, "a message");
	g_assert_nonnull(message);
	decode_run(&inner, &mock, message->data->data, message->data->len);
	g_assert_cmpint(inner.bid, >, 0);
	decode_run_assert_child(&inner, "INNER.EXE", "MZ inner", 8);
	decode_run_clear(&inner);
	decode_run_clear(&run);
}

static void
test_odd(void)
{
	static const struct {
		const char *seed;
		guint32 marks;
		const char *findings, *name, *content;
	} cases[] = {
		{ "checksum", AM_PART_AMBIGUOUS, "", "a.exe", "MZ data" },
		{ "names", AM_PART_AMBIGUOUS, "", "a.exe", "MZ data" },
		{ "twice", AM_PART_AMBIGUOUS, "", "a.exe", "first" },
		{ "twice", AM_PART_AMBIGUOUS, "", NULL, "second" },
		{ "external", 0, "external:attachment ", NULL, NULL },
		{ "type", AM_PART_UNDECODED, "", "a.exe", "MZ data" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		DecodeRun run;
		run_seed(&run, cases[i].seed);
		g_assert_cmphex(run.decode.marks, ==, cases[i].marks);
		g_assert_cmpstr(run.decode.findings->str, ==, cases[i].findings);
		if (cases[i].content != NULL)
			decode_run_assert_child(&run, cases[i].name, cases[i].content,
						strlen(cases[i].content));
		else
			g_assert_cmpuint(run.decode.children->len, ==, 0);
		decode_run_clear(&run);
	}
}

/* Outlook's, and with checksums that ClamAV's makers broke. */
static void
test_outlook(void)
{
	g_autofree char *data = NULL;
	gsize len;
	DecodeRun run;
	if (!g_file_get_contents(CLAM_FILE, &data, &len, NULL)) {
		g_test_skip("no " CLAM_FILE);
		return;
	}
	decode_run(&run, &mock, data, len);
	g_assert_cmpstr(run.decode.reasons->str, ==, "TNEF: a checksum does not match ");
	const AmChild *child = decode_run_find(&run, "clam.exe");
	g_assert_nonnull(child);
	g_assert_cmpuint(child->data->len, ==, 544);
	g_assert_cmpmem(child->data->data, 2, "MZ", 2);
	g_assert_cmpstr(child_at(&run, 0)->declared, ==, "text/rtf");
	g_assert_cmpmem(child_at(&run, 0)->data->data, 6, "{\\rtf1", 6);
	decode_run_clear(&run);
}

static void
test_bid(void)
{
	DecodeRun run;
	decode_run(&run, &mock, "\x78\x9f\x3e\x22\1\0", 6);
	g_assert_cmpint(run.bid, >, 0);
	g_assert_cmphex(run.decode.marks, ==, 0);
	decode_run_clear(&run);
	decode_run(&run, &mock, "\x78\x9f\x3e\x22\1", 5);
	g_assert_cmpint(run.bid, ==, 0);
	decode_run_clear(&run);
}

/* Each beginning tells that it is one, and gives what is there. */
static void
test_broken(void)
{
	gsize len;
	g_autofree char *data = decode_run_seed("tnef", "whole", &len);
	decode_run_broken(&mock, data, len, 1);
	for (gsize i = len - 20; i < len; i++) {
		DecodeRun run;
		decode_run(&run, &mock, data, i);
		g_assert_cmphex(run.decode.marks & AM_PART_UNDECODED, ==, AM_PART_UNDECODED);
		decode_run_assert_child(&run, "caf\303\251.txt", "text", 4);
		decode_run_clear(&run);
	}
}

static void
test_budget(void)
{
	gsize len;
	g_autofree char *data = decode_run_seed("tnef", "whole", &len);
	for (guint64 budget = 1; budget < 80; budget++) {
		DecodeRun run;
		decode_run_limited(&run, &mock, NULL, data, len, budget, NULL);
		g_assert_true(run.decode.was_refused);
		decode_run_clear(&run);
	}
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "tnef"), AM_KIND_DECODER, "", &error))
		g_error("%s", error->message);
	g_test_add_func("/tnef/whole", test_whole);
	g_test_add_func("/tnef/odd", test_odd);
	g_test_add_func("/tnef/outlook", test_outlook);
	g_test_add_func("/tnef/bid", test_bid);
	g_test_add_func("/tnef/broken", test_broken);
	g_test_add_func("/tnef/budget", test_budget);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
