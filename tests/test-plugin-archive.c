/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The libarchive decoder: every format with its members, what it does not open, names, encryption,
 * budgets, and that no broken archive gets it out of step. */

#include <config.h>

#include <string.h>
#include <unistd.h>

#include "archive-run.h"
#include "archive-samples.h"

#define NOISE_BYTES 150000

/* ---- formats ------------------------------------------------------------------------------- */

static void
test_format(gconstpointer data)
{
	const Sample *sample = data;
	g_autoptr(GByteArray) bytes = sample_make(sample, NOISE_BYTES);
	g_autofree guint8 *noise = sample_noise(NOISE_BYTES);
	guint n_expected = sample->child != NULL ? 1 : sample->has_directories ? 6 : 2;
	Run run;
	run_init(&run, sample->name, bytes->data, bytes->len);
	g_assert_cmpint(run.bid, >, 0);
	g_assert_cmpstr(run.decode.reasons->str, ==, "");
	g_assert_cmphex(run.decode.marks, ==, 0);
	g_assert_cmpuint(run.decode.children->len, ==, n_expected);
	if (sample->child != NULL) {
		run_assert_child(&run, sample->child, 0, noise, NOISE_BYTES);
	} else {
		run_assert_child(&run, SAMPLE_TEXT_NAME, 0, SAMPLE_TEXT, strlen(SAMPLE_TEXT));
		run_assert_child(&run, SAMPLE_NOISE_NAME, 0, noise, NOISE_BYTES);
	}
	if (sample->has_directories) {
		run_assert_child(&run, SAMPLE_EMPTY_NAME, 0, "", 0);
		run_assert_child(&run, "folder", AM_PART_DIRECTORY, "", 0);
		/* to readers of zip elsewhere a link is a file that holds its target */
		gboolean is_zip = strcmp(sample->name, "zip") == 0;
		run_assert_child(&run, "link", AM_PART_LINK, is_zip ? SAMPLE_TEXT_NAME : "",
				 is_zip ? strlen(SAMPLE_TEXT_NAME) : 0);
	}
	if (sample->has_utf8_names)
		run_assert_child(&run, SAMPLE_UTF8_NAME, 0, "x", 1);
	run_clear(&run);
}

/* Bytes missing at the end: what is whole comes out, the rest is told, nothing hangs. */
static void
test_truncated(gconstpointer data)
{
	const Sample *sample = data;
	g_autoptr(GByteArray) bytes = sample_make(sample, 3000);
	guint n_told = 0;
	for (guint i = 0; i < 48; i++) {
		Run run;
		run_init(&run, sample->name, bytes->data, bytes->len * i / 48);
		n_told += run.decode.marks != 0;
		run_clear(&run);
	}
	if (!g_str_has_suffix(sample->name, ".Z")) /* which says nowhere how long it is */
		g_assert_cmpuint(n_told, >, 0);
}

static void
test_flipped(gconstpointer data)
{
	const Sample *sample = data;
	g_autoptr(GByteArray) bytes = sample_make(sample, 1000);
	/* more often in front, where the structure is */
	for (guint i = 0; i < 300; i++) {
		g_autofree guint8 *flipped = g_memdup2(bytes->data, bytes->len);
		gsize at = i < 150 ? i % bytes->len : (i * 2654435761U) % bytes->len;
		Run run;
		flipped[at] ^= (guint8)(1U << (i % 8));
		run_bid(&run, sample->name, flipped, bytes->len);
		run.decode.bytes_left = 1 << 20; /* a size that went wrong may ask for a lot */
		run_decode(&run);
		run_clear(&run);
	}
}

/* ---- bids ---------------------------------------------------------------------------------- */

static void
test_no_bid(void)
{
	static const struct {
		const char *data;
		gsize len;
	} cases[] = {
		{ "", 0 },
		{ "P", 1 },
		{ "PK", 2 },
		{ "PK and other words", 18 },
		{ "<html><body>BZh91</body></html>", 31 },
		{ "BZh9 is how bzip2 begins", 24 },
		{ "a -lh5- in a line of text", 25 },
		{ "Rar! said the lion", 18 },
		{ "MSCF is a cabinet", 17 },
		{ "]\0\0 and a long line of text behind", 34 },
		{ "\211PNG\r\n\032\n\0\0\0\015IHDR", 16 },
		{ "%PDF-1.4\n%\342\343\317\323", 14 },
		{ "From: someone\r\n\r\n070701", 23 },
		{ "\307q words and more words and so on", 34 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Run run;
		run_bid(&run, "evil.zip", cases[i].data, cases[i].len);
		if (run.bid != 0)
			g_error("%.20s: %d", cases[i].data, run.bid);
		run_decode(&run); /* asked all the same */
		g_assert_cmpuint(run.decode.children->len, ==, 0);
		g_assert_cmphex(run.decode.marks, ==, 0);
		run_clear(&run);
	}
}

/* What only may be an archive and is none is not called broken. */
static void
test_guesses(void)
{
	g_autofree guint8 *zeros = g_malloc0(70000);
	Run run;
	run_init(&run, "zeros", zeros, 70000);
	g_assert_cmpint(run.bid, ==, 10);
	g_assert_cmphex(run.decode.marks, ==, 0);
	run_clear(&run);
}

/* ---- names --------------------------------------------------------------------------------- */

static void
test_names(void)
{
	static const struct {
		const char *name;
		guint flags;
	} cases[] = {
		{ "plain.txt", 0 },	      { "caf\351.exe", 0 }, /* Latin-1: bytes as they are */
		{ "\201\202.exe", 0 },				    /* code page 437 */
		{ "caf\303\251.exe", 0x800 },			    /* UTF-8, and said so */
		{ "caf\303\251.exe", 0 },			    /* UTF-8, not said */
		{ "../../etc/passwd", 0 },    { "/absolute", 0 },
		{ "line\nbreak\001.exe", 0 }, { "\342\200\256gpj.exe", 0x800 }, /* right to left */
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GByteArray) zip = sample_zip_one(cases[i].name, cases[i].flags, "data");
		Run run;
		run_init(&run, "a.zip", zip->data, zip->len);
		g_assert_cmpuint(run.decode.children->len, ==, 1);
		run_assert_child(&run, cases[i].name, 0, "data", 4);
		run_clear(&run);
	}
	/* called UTF-8 and is not: the name is lost, the member is not, and that is told */
	g_autoptr(GByteArray) liar = sample_zip_one("caf\351.exe", 0x800, "data");
	Run run;
	run_init(&run, "a.zip", liar->data, liar->len);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	const AmChild *child = g_ptr_array_index(run.decode.children, 0);
	g_assert_cmpmem(child->data->data, child->data->len, "data", 4);
	g_assert_true(child->name != NULL || (run.decode.marks & AM_PART_UNDECODED) != 0);
	run_clear(&run);
}

/* A stream inside a stream is the core's next question, not ours. */
static void
test_one_level(void)
{
	static const char gz_twice[] =
		/* "hello" twice through gzip -n */
		"\037\213\010\000\000\000\000\000\000\003\223\357\346\140\000\003\346\323"
		"\036\147\117\236\144\147\150\133\046\140\306\012\024\002\000\140\377\210"
		"\221\031\000\000\000";
	Run run;
	run_init(&run, "a.gz", gz_twice, sizeof gz_twice - 1);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	const AmChild *child = g_ptr_array_index(run.decode.children, 0);
	g_assert_cmpuint(child->data->len, >, 10);
	g_assert_cmpmem(child->data->data, 3, "\037\213\010", 3);
	run_clear(&run);
}

/* The name gzip keeps goes before the part's. */
static void
test_gzip_name(void)
{
	static const char gz[] = "\037\213\010\010\000\000\000\000\000\003kept.exe\000"
				 "\001\005\000\372\377hello\206\246\020\066\005\000\000\000";
	Run run;
	run_init(&run, "other.gz", gz, sizeof gz - 1);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	run_assert_child(&run, "kept.exe", 0, "hello", 5);
	run_clear(&run);
}

/* ---- encryption ---------------------------------------------------------------------------- */

/* made by 7z with and without encrypted headers */
static const char locked_7z[] =
	"N3q8ryccAARl6kqRgAAAAAAAAAAuAAAAAAAAAClavJAMQYlbeB8iYWcrfWTAO8g0I9vNyhzreFRH"
	"vph/eZPV7HhHyHp+bTmir3A5lY3hn5WeA7ZE+Z1FLqY0ChqnWMCleEs2uGkYps6eEyNCL4YU19B0"
	"AbY8HlrFcwClFk/wdmB1Zko1xqXo8O9SyfvM2QWb+ZlILNhNwY7f1ji7ojfzQxcGEAEJcAAHCwEA"
	"ASQG8QcBElMPdoHTrxAA2ogDWcu55p0N0QxiCgEXNvH7AAA=";
static const char encrypted_7z[] =
	"N3q8ryccAAStZ8/JEAAAAAAAAABiAAAAAAAAADGDoiL05WxFT0AgXrMNySX0ZzfVAQQGAAEJEAAH"
	"CwEAAiQG8QcBElMPJTSEL6y1rSbfBWoo4zpRLyEhAQABAAwKBgAICgHl6KJcAAAFARkBABENAGEA"
	"LgB0AHgAdAAAABQKAQAv6v1SsXrdARUGAQAggKSBAAA=";

static void
assert_encrypted(const char *what, gconstpointer data, gsize len, const char *name)
{
	Run run;
	run_init(&run, what, data, len);
	if ((run.decode.marks & AM_PART_ENCRYPTED) == 0)
		g_error("%s: not marked: %s", what, run.decode.reasons->str);
	if (name != NULL)
		run_assert_child(&run, name, AM_PART_ENCRYPTED, "", 0);
	else
		g_assert_cmpuint(run.decode.children->len, ==, 0);
	run_clear(&run);
}

static void
test_encrypted(void)
{
	gsize len;
	g_autoptr(GByteArray) zip = sample_zip_one("secret.exe", 1, "0123456789abcdef");
	g_autoptr(GByteArray) rar4 = sample_rar4_one("secret.exe", 4, "0123456789abcdef", 16);
	g_autoptr(GByteArray) rar5 = sample_rar5_one("secret.exe", TRUE, "0123456789abcdef", 16);
	g_autoptr(GByteArray) locked = sample_rar5_locked();
	assert_encrypted("zip", zip->data, zip->len, "secret.exe");
	assert_encrypted("rar 4", rar4->data, rar4->len, "secret.exe");
	assert_encrypted("rar 5", rar5->data, rar5->len, "secret.exe");
	assert_encrypted("rar 5, headers", locked->data, locked->len, NULL);
	g_autofree guchar *with = g_base64_decode(locked_7z, &len);
	assert_encrypted("7z, headers", with, len, NULL);
	g_autofree guchar *without = g_base64_decode(encrypted_7z, &len);
	assert_encrypted("7z", without, len, "a.txt");
}

/* ---- limits -------------------------------------------------------------------------------- */

static void
test_budget(void)
{
	g_autoptr(GByteArray) bytes = sample_make(&samples[0], 100000);
	Run run;
	run_bid(&run, "a.zip", bytes->data, bytes->len);
	run.decode.bytes_left = 1000;
	run_decode(&run);
	g_assert_true(run.decode.was_refused);
	g_assert_cmpuint(run.decode.children->len, ==, 2);
	run_clear(&run);
	run_bid(&run, "a.zip", bytes->data, bytes->len);
	run.decode.children_left = 1;
	run_decode(&run);
	g_assert_true(run.decode.was_refused);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	run_clear(&run);
}

static void
test_sparse(void)
{
	g_autoptr(GByteArray) small = sample_sparse_tar(200000);
	g_autoptr(GByteArray) large = sample_sparse_tar(256 << 20);
	g_autofree guint8 *zeros = g_malloc0(200000);
	Run run;
	run_init(&run, "a.tar", small->data, small->len);
	run_assert_child(&run, "sparse", 0, zeros, 200000);
	run_clear(&run);
	g_assert_cmpuint(large->len, <, 100000);
	run_bid(&run, "a.tar", large->data, large->len);
	run.decode.bytes_left = 1 << 20;
	run_decode(&run);
	g_assert_true(run.decode.was_refused);
	run_clear(&run);
}

/* ---- our own failures ---------------------------------------------------------------------- */

static void
test_failures(void)
{
	g_autoptr(GByteArray) zip = sample_zip_one("a", 0, "data");
	const AmDecoderOps *ops = run_host.loaded.plugin.decoder;
	g_autoptr(GError) error = NULL;
	int pipes[2];
	Run run;
	run_bid(&run, "a.zip", zip->data, zip->len);
	(void)close(run.part->fd);
	run.part->fd = -1; /* was not kept */
	g_assert_true(ops->decode(run_host.self, &run.decode, &error));
	g_assert_no_error(error);
	g_assert_cmphex(run.decode.marks, ==, AM_PART_UNDECODED);
	g_assert_cmpint(pipe(pipes), ==, 0);
	run.part->fd = pipes[0]; /* cannot be read by pread() */
	g_assert_false(ops->decode(run_host.self, &run.decode, &error));
	g_assert_nonnull(error);
	(void)close(pipes[1]);
	run_clear(&run);
}

static void
add_samples(const char *what, GTestDataFunc func)
{
	for (guint i = 0; i < n_samples; i++) {
		g_autofree char *path =
			g_strdup_printf("/archive/%s/%u-%s", what, i, samples[i].name);
		g_test_add_data_func(path, &samples[i], func);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_load();
	add_samples("format", test_format);
	add_samples("truncated", test_truncated);
	add_samples("flipped", test_flipped);
	g_test_add_func("/archive/no-bid", test_no_bid);
	g_test_add_func("/archive/guesses", test_guesses);
	g_test_add_func("/archive/names", test_names);
	g_test_add_func("/archive/one-level", test_one_level);
	g_test_add_func("/archive/gzip-name", test_gzip_name);
	g_test_add_func("/archive/encrypted", test_encrypted);
	g_test_add_func("/archive/budget", test_budget);
	g_test_add_func("/archive/sparse", test_sparse);
	g_test_add_func("/archive/failures", test_failures);
	int status = g_test_run();
	run_unload();
	return status;
}
