/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The decoder command: what it bids for, and what it makes of a program's end.  Real programs are run by
 * test-programs and tests/integration/test_decoders.py. */

#include <config.h>

#include <string.h>

#include "mock-host.h"

#define EXIT(code) ((code) << 8)
#define PROGRAM "program = /bin/true x -p{password} {file}\n"

/* ---- settings ------------------------------------------------------------------------------ */

static const struct {
	const char *settings;
	const char *message; /* NULL: they are good */
} loads[] = {
	{ PROGRAM "types = zoo", NULL },
	{ PROGRAM "magic = 0:4d5a 257:7573", NULL },
	{ PROGRAM "names = .dmg", NULL },
	{ "", NULL }, /* the instance that is there without a group: off */
	{ "types = zoo", NULL },
	{ "program = '/bin/my program' \"{file}\"\ntypes = zoo", NULL },
	{ PROGRAM, "types, magic and names are empty" },
	{ "program = /bin/true 'x {file}\ntypes = zoo", "program: " },
	{ "program = /bin/true x\ntypes = zoo", "{file} is not among" },
	{ "program = /missing/x {file}\ntypes = zoo", "program: cannot run /missing/x" },
	{ "program = /missing/x {file}\ntypes = zoo\noptional = yes", NULL },
	{ PROGRAM "magic = 4d5a", "is not OFFSET:HEX" },
	{ PROGRAM "magic = 0:4d5", "is not OFFSET:HEX" },
	{ PROGRAM "magic = 0:", "is not OFFSET:HEX" },
	{ PROGRAM "magic = 4095:4d5a", "is not OFFSET:HEX" },
	{ PROGRAM "magic = -1:4d5a", "is not OFFSET:HEX" },
	{ PROGRAM "types = zoo\nsuccess = 0 256", "success: \"256\" is no exit code" },
	{ PROGRAM "types = zoo\nencrypted = x", "encrypted: \"x\" is no exit code" },
};

static void
test_load(void)
{
	const AmPlugin *plugin = mock_host_open("decoders", "command");
	for (guint i = 0; i < G_N_ELEMENTS(loads); i++) {
		MockHost mock;
		g_autoptr(GError) error = NULL;
		g_test_message("%s", loads[i].settings);
		gboolean ok = mock_host_load(&mock, plugin, AM_KIND_DECODER, loads[i].settings,
					     &error);
		if (loads[i].message == NULL)
			g_assert_no_error(error);
		g_assert_true(ok == (loads[i].message == NULL));
		if (!ok)
			g_assert_nonnull(strstr(error->message, loads[i].message));
		mock_host_clear(&mock);
	}
}

/* ---- bids ---------------------------------------------------------------------------------- */

static const struct {
	const char *settings, *type, *short_type, *name, *content;
	int bid;
} bids[] = {
	{ "types = zoo", "application/x-zoo", "zoo", "", "x", 30 },
	{ "types = zoo\nbid = 7", "application/x-zoo", "zoo", "", "x", 7 },
	{ "types = arc zoo", "application/x-zoo", "a,zoo,b", "", "x", 30 },
	{ "types = zo", "application/x-zoo", "zoo", "", "x", 0 },
	{ "types = zoos", "application/x-zoo", "zoo", "", "x", 0 },
	{ "types = application/x-zoo", "application/x-zoo", "", "", "x", 30 },
	{ "types = application/x-zoo", "application/x-zoos", "", "", "x", 0 },
	{ "types = zoo", "text/plain", "txt", "x.zoo", "x", 0 }, /* a name is no type */
	{ "names = .zoo", "text/plain", "txt", "X.ZOO", "x", 30 },
	{ "names = .zoo", "text/plain", "txt", "zoo", "x", 0 },
	{ "magic = 2:6263", "text/plain", "txt", "", "aabc", 30 },
	{ "magic = 2:6263", "text/plain", "txt", "", "aab", 0 },
	{ "magic = 0:6263 1:61", "text/plain", "txt", "", "aab", 30 },
};

static void
test_bids(void)
{
	const AmPlugin *plugin = mock_host_open("decoders", "command");
	for (guint i = 0; i < G_N_ELEMENTS(bids); i++) {
		MockHost mock;
		g_autoptr(GError) error = NULL;
		g_autofree char *settings = g_strconcat(PROGRAM, bids[i].settings, NULL);
		gsize len = strlen(bids[i].content);
		g_autofree guint8 *exact = g_memdup2(bids[i].content, len);
		AmPartInfo info = { .type = bids[i].type,
				    .short_type = bids[i].short_type,
				    .name = bids[i].name };
		(void)mock_host_load(&mock, plugin, AM_KIND_DECODER, settings, &error);
		g_assert_no_error(error);
		g_test_message("%u %s", i, settings);
		g_assert_cmpint(mock.loaded.plugin.decoder->bid(mock.self, &info, exact, len), ==,
				bids[i].bid);
		mock_host_clear(&mock);
	}
}

/* ---- ends ---------------------------------------------------------------------------------- */

static const char *const words[] = { "one", "two", "three", NULL };

static const struct {
	const char *name, *settings;
	MockRun runs[5];
	guint32 marks;
	const char *reason, *child; /* NULL none */
	int opened_by;
	guint n_runs;
	gboolean is_failure;
} ends[] = {
	{ "good", "", { { NULL, EXIT(0), "", "a" } }, 0, NULL, "a", -1, 1, FALSE },
	{ "other success", "success = 0 3", { { NULL, EXIT(3), "", "a" } }, 0, NULL, "a", -1, 1,
	  FALSE },
	{ "bad", "", { { NULL, EXIT(2), "first\n  broken at 7 \n\n", "a" } }, AM_PART_UNDECODED,
	  "command ended with status 2: broken at 7", "a", -1, 1, FALSE },
	{ "silent", "", { { NULL, EXIT(2), "", NULL } }, AM_PART_UNDECODED,
	  "command ended with status 2 ", NULL, -1, 1, FALSE },
	{ "killed", "", { { NULL, 31, "x", "a" } }, AM_PART_UNDECODED,
	  "command was ended by signal 31: x", "a", -1, 1, FALSE },
	{ "not run", "", { { "no", 0, "", NULL } }, 0, NULL, NULL, -1, 1, TRUE },
	{ "foreign", "foreign_when = what|not mine", { { NULL, EXIT(1), "is not mine", "a" } }, 0,
	  NULL, NULL, -1, 1, FALSE },
	{ "foreign, yet good", "foreign_when = mine", { { NULL, EXIT(0), "mine", "a" } }, 0, NULL,
	  "a", -1, 1, FALSE },
	{ "second password", "encrypted_when = rong",
	  { { NULL, EXIT(2), "wrong", "a" }, { "one", EXIT(2), "wrong", "b" },
	    { "two", EXIT(0), "", "c" } }, 0, NULL, "c", 1, 3, FALSE },
	{ "by code", "encrypted = 11",
	  { { NULL, EXIT(11), "", "a" }, { "one", EXIT(0), "", "c" } }, 0, NULL, "c", 0, 2, FALSE },
	{ "no password", "encrypted = 11",
	  { { NULL, EXIT(11), "", "a" }, { "one", EXIT(11), "", "b" }, { "two", EXIT(11), "", "c" },
	    { "three", EXIT(11), "", "d" } }, AM_PART_ENCRYPTED, "needs a password", "d", -1, 4,
	  FALSE },
	{ "a password it cannot be given", "encrypted = 11",
	  { { NULL, EXIT(11), "", "a" }, { "two", EXIT(0), "", "c" } }, 0, NULL, "c", 1, 3, FALSE },
	{ "opened, but broken", "encrypted = 11",
	  { { NULL, EXIT(11), "", "a" }, { "one", EXIT(2), "CRC", "c" } }, AM_PART_UNDECODED,
	  "status 2: CRC", "c", -1, 2, FALSE },
};

static void
check_end(guint i)
{
	MockHost mock;
	AmDecode decode;
	g_autoptr(GError) error = NULL;
	g_autofree char *settings = g_strconcat(PROGRAM "types = zoo\n", ends[i].settings, NULL);
	AmPart *part = mock_part_new("1", "application/x-zoo", "zoo", "x", "x", 1);
	(void)mock_host_load(&mock, mock_host_open("decoders", "command"), AM_KIND_DECODER,
			     settings, &error);
	g_assert_no_error(error);
	g_test_message("%s", ends[i].name);
	mock_decode_init(&decode, part);
	decode.passwords = words;
	decode.runs = ends[i].runs;
	g_assert_true(mock.loaded.plugin.decoder->decode(mock.self, &decode, &error) !=
		      ends[i].is_failure);
	g_assert_true((error != NULL) == ends[i].is_failure);
	g_assert_cmpuint(decode.marks, ==, ends[i].marks);
	if (ends[i].reason != NULL)
		g_assert_nonnull(strstr(decode.reasons->str, ends[i].reason));
	else
		g_assert_cmpstr(decode.reasons->str, ==, "");
	g_assert_cmpuint(decode.children->len, ==, ends[i].child != NULL ? 1 : 0);
	if (ends[i].child != NULL)
		g_assert_cmpstr(((AmChild *)decode.children->pdata[0])->name, ==, ends[i].child);
	g_assert_cmpint(decode.opened_by, ==, ends[i].opened_by);
	g_assert_cmpuint(decode.n_runs, ==, ends[i].n_runs);
	mock_decode_clear(&decode);
	mock_part_free(part);
	mock_host_clear(&mock);
}

static void
test_ends(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(ends); i++)
		check_end(i);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/command/load", test_load);
	g_test_add_func("/command/bids", test_bids);
	g_test_add_func("/command/ends", test_ends);
	return g_test_run();
}
