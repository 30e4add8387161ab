/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* PDF: files, scripts and actions of documents, some of them by qpdf(1), encrypted ones, and such as
 * are made to exhaust whoever reads them. */

#include <config.h>

#include <string.h>
#include <zlib.h>

#include "decode-run.h"

#define ENC AM_PART_ENCRYPTED
#define UNDEC AM_PART_UNDECODED

static MockHost mock;

/* ---- documents ----------------------------------------------------------------------------- */

typedef struct {
	const char *file;
	guint32 marks;
	const char *reasons;
	const char *findings;
	const char *children;
} Case;

#define EXE ":514:" /* length of the program that is embedded */
#define SETUP "setup.exe" EXE "application/x-msdownload:MZ "
#define FILES "\303\251.exe" EXE ":MZ old.txt:13:text/plain:ha invoice.xml:31:text/xml:<? "

static const Case cases[] = {
	{ "plain.pdf", 0, "", "", "" },
	{ "js.pdf", 0, "",
	  "javascript:javascript-1.js javascript:javascript-2.js javascript:javascript-3.js ",
	  "javascript-1.js:17::ap javascript-2.js:29::va javascript-3.js:8::al " },
	{ "actions.pdf", 0, "",
	  "launch:file launch:Win external:SubmitForm external:GoToR embedded:richmedia "
	  "external:ImportData external:URI ",
	  "" },
	{ "files.pdf", 0, "", "", FILES },
	{ "no-xref.pdf", 0, "", "", FILES },
	{ "junk-before.pdf", 0, "", "", FILES },
	{ "hidden.pdf", 0, "", "", "deep.exe" EXE ":MZ embedded-7" EXE ":MZ " },
	{ "filters.pdf", UNDEC,
	  "pdf: an embedded file is packed in an unknown way pdf: an embedded file is broken ", "",
	  "a85.exe" EXE ":MZ twice.exe" EXE ":MZ hex.exe" EXE ":MZ run.exe" EXE
	  ":MZ unknown.exe" EXE ":MZ broken.exe:257::MZ " },
	{ "xfa.pdf", 0, "", "embedded:xfa ", "xfa-template.xml:30::<t xfa-datasets.xml:11::<d " },
	{ "attached.pdf", 0, "", "", SETUP },
	{ "open-rc4-128.pdf", 0, "", "protected:pdf RC4 128 ", SETUP },
	{ "open-aes-256.pdf", 0, "", "protected:pdf AES-256 R6 ", SETUP },
	{ "locked-rc4-40.pdf", ENC, "pdf RC4 40 ", "", "" },
	{ "locked-rc4-128.pdf", ENC, "pdf RC4 128 ", "", "" },
	{ "locked-aes-128.pdf", ENC, "pdf AES-128 ", "", "" },
	{ "locked-aes-256-r5.pdf", ENC, "pdf AES-256 R5 ", "", "" },
	{ "locked-aes-256-r6.pdf", ENC, "pdf AES-256 R6 ", "", "" },
	{ "pubsec.pdf", ENC, "pdf/Adobe.PubSec ", "", "" },
};

static void
test_case(gconstpointer data)
{
	const Case *c = data;
	gsize len;
	g_autofree char *bytes = decode_run_seed("pdf", c->file, &len);
	DecodeRun run;
	decode_run_bid(&run, &mock, "a.pdf", NULL, bytes, len);
	decode_run_decode(&run, &mock);
	g_autofree char *children = decode_run_children(&run);
	g_assert_cmpint(run.bid, >, 0);
	g_assert_cmpstr(run.decode.reasons->str, ==, c->reasons);
	g_assert_cmphex(run.decode.marks, ==, c->marks);
	g_assert_cmpstr(run.decode.findings->str, ==, c->findings);
	g_assert_cmpstr(children, ==, c->children);
	decode_run_clear(&run);
}

static void
test_passwords(void)
{
	static const char *const files[] = { "rc4-40", "rc4-128", "aes-128", "aes-256-r5",
					     "aes-256-r6" };
	static const char *const words[] = { "wrong", "secret", "other", NULL };
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *name = g_strdup_printf("locked-%s.pdf", files[i]);
		gsize len;
		g_autofree char *bytes = decode_run_seed("pdf", name, &len);
		DecodeRun run;
		decode_run_bid(&run, &mock, "a.pdf", NULL, bytes, len);
		run.decode.passwords = words;
		decode_run_decode(&run, &mock);
		g_autofree char *children = decode_run_children(&run);
		g_assert_cmphex(run.decode.marks, ==, 0);
		g_assert_cmpint(run.decode.opened_by, ==, 1);
		g_assert_cmpstr(children, ==, SETUP);
		decode_run_clear(&run);
	}
}

/* Bytes missing at the end, and bytes changed: it is told or repaired, never a crash. */
static void
test_damaged(gconstpointer data)
{
	const Case *c = data;
	gsize len;
	g_autofree char *bytes = decode_run_seed("pdf", c->file, &len);
	gsize step = MAX(len / 60, 1);
	for (gsize n = 0; n < len; n += step) {
		DecodeRun run;
		decode_run_bid(&run, &mock, "a.pdf", NULL, bytes, n);
		decode_run_decode(&run, &mock);
		decode_run_clear(&run);
		g_autofree char *flipped = g_memdup2(bytes, len);
		flipped[n] ^= (char)(1 << n % 8);
		decode_run_bid(&run, &mock, "a.pdf", NULL, flipped, len);
		run.decode.bytes_left = 1 << 20;
		decode_run_decode(&run, &mock);
		decode_run_clear(&run);
	}
}

static void
test_no_bid(void)
{
	static const char *const none[] = { "", "%", "%PDF", "a text", "%!PS-Adobe-3.0" };
	for (gsize i = 0; i < G_N_ELEMENTS(none); i++) {
		DecodeRun run;
		decode_run_bid(&run, &mock, "a.pdf", NULL, none[i], strlen(none[i]));
		g_assert_cmpint(run.bid, ==, 0);
		decode_run_clear(&run);
	}
}

static void
test_broken(void)
{
	DecodeRun run;
	decode_run_bid(&run, &mock, "a.pdf", NULL, "%PDF-1.4\nnothing at all", 22);
	decode_run_decode(&run, &mock);
	g_assert_cmphex(run.decode.marks, ==, UNDEC);
	decode_run_clear(&run);
}

/* ---- hostile ------------------------------------------------------------------------------- */

typedef struct {
	GString *text;
	GArray *offsets; /* by number */
} Maker;

static void
maker_object(Maker *maker, guint id, const char *body, gssize len)
{
	if (maker->offsets->len <= id)
		g_array_set_size(maker->offsets, id + 1);
	g_array_index(maker->offsets, gsize, id) = maker->text->len;
	g_string_append_printf(maker->text, "%u 0 obj\n", id);
	g_string_append_len(maker->text, body, len < 0 ? (gssize)strlen(body) : len);
	g_string_append(maker->text, "\nendobj\n");
}

static void
maker_begin(Maker *maker, const char *catalog)
{
	maker->text = g_string_new("%PDF-1.7\n");
	maker->offsets = g_array_new(FALSE, TRUE, sizeof(gsize));
	g_autofree char *root = g_strdup_printf("<</Type/Catalog/Pages 2 0 R%s>>", catalog);
	maker_object(maker, 1, root, -1);
	maker_object(maker, 2, "<</Type/Pages/Kids[]/Count 0>>", -1);
}

static void
maker_end(Maker *maker, DecodeRun *run)
{
	gsize start = maker->text->len;
	g_string_append_printf(maker->text, "xref\n0 %u\n", maker->offsets->len);
	for (guint i = 0; i < maker->offsets->len; i++) {
		gsize offset = g_array_index(maker->offsets, gsize, i);
		g_string_append_printf(maker->text, "%010" G_GSIZE_FORMAT " %05d %c \n", offset,
				       offset == 0 ? 65535 : 0, offset == 0 ? 'f' : 'n');
	}
	g_string_append_printf(maker->text,
			       "trailer\n<</Root 1 0 R/Size %u>>\nstartxref\n%" G_GSIZE_FORMAT
			       "\n%%%%EOF\n",
			       maker->offsets->len, start);
	decode_run_bid(run, &mock, "a.pdf", NULL, maker->text->str, maker->text->len);
	g_string_free(maker->text, TRUE);
	g_array_free(maker->offsets, TRUE);
	decode_run_decode(run, &mock);
}

/* qpdf would follow this by recursion. */
static void
test_length_chain(void)
{
	static const char *const forms[][2] = {
		{ "<</Length ", " 0 R>>stream\nx\nendstream" },
		{ "<</#4cengt#68 % a comment\n ", " % and one\n 0 R>>stream\nx\nendstream" },
		{ "<</A(\\)>>)/Length\r", "\r0\rR>>stream\nx\nendstream" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(forms); i++) {
		Maker maker;
		DecodeRun run;
		maker_begin(&maker, "");
		for (guint id = 3; id < 20000; id++) {
			g_autofree char *body =
				g_strdup_printf("%s%u%s", forms[i][0], id + 1, forms[i][1]);
			maker_object(&maker, id, body, -1);
		}
		maker_end(&maker, &run);
		g_assert_cmphex(run.decode.marks, ==, UNDEC);
		decode_run_clear(&run);
	}
}

/* Lengths in objects of their own are everyday work. */
static void
test_lengths(void)
{
	Maker maker;
	DecodeRun run;
	maker_begin(&maker, "");
	for (guint id = 3; id < 3003; id += 2) {
		g_autofree char *body =
			g_strdup_printf("<</Length %u 0 R>>stream\nx\nendstream", id + 1);
		maker_object(&maker, id, body, -1);
		maker_object(&maker, id + 1, "1", -1);
	}
	maker_end(&maker, &run);
	g_assert_cmphex(run.decode.marks, ==, 0);
	decode_run_clear(&run);
}

static void
test_nested(void)
{
	static const char *const pairs[][2] = { { "[", "]" }, { "<</A", ">>" }, { "(", ")" } };
	for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
		GString *body = g_string_new(NULL);
		Maker maker;
		DecodeRun run;
		for (guint n = 0; n < 20000; n++)
			g_string_append(body, pairs[i][0]);
		for (guint n = 0; n < 20000; n++)
			g_string_append(body, pairs[i][1]);
		maker_begin(&maker, "");
		maker_object(&maker, 3, body->str, (gssize)body->len);
		maker_end(&maker, &run);
		decode_run_clear(&run);
		g_string_free(body, TRUE);
	}
}

/* Objects that lead to each other in a ring, or a long row. */
static void
test_rings(void)
{
	Maker maker;
	DecodeRun run;
	maker_begin(&maker, "/Next 3 0 R");
	for (guint id = 3; id < 10000; id++) {
		g_autofree char *body = g_strdup_printf("<</Next %u 0 R/Prev %u 0 R/A[%u 0 R]>>",
							id + 1, id - 1, id);
		maker_object(&maker, id, body, -1);
	}
	maker_end(&maker, &run);
	g_assert_cmphex(run.decode.marks, ==, 0);
	decode_run_clear(&run);
}

static GByteArray *
deflate_spaces(gsize len)
{
	g_autofree guint8 *spaces = g_malloc(len);
	memset(spaces, ' ', len);
	memcpy(spaces, "4 0 ", 4);
	uLongf n = compressBound(len);
	GByteArray *out = g_byte_array_sized_new((guint)n);
	g_byte_array_set_size(out, (guint)n);
	g_assert_cmpint(compress2(out->data, &n, spaces, len, 9), ==, Z_OK);
	g_byte_array_set_size(out, (guint)n);
	return out;
}

static void
add_stream(Maker *maker, guint id, const char *dict, const GByteArray *data)
{
	GString *body = g_string_new(NULL);
	g_string_append_printf(body, "<<%s/Length %u>>stream\n", dict, data->len);
	g_string_append_len(body, (const char *)data->data, data->len);
	g_string_append(body, "\nendstream");
	maker_object(maker, id, body->str, (gssize)body->len);
	g_string_free(body, TRUE);
}

static void
test_bombs(void)
{
	g_autoptr(GByteArray) packed = deflate_spaces(48 << 20);
	static const struct {
		const char *dict;
		guint n;
		guint32 marks;
	} bombs[] = {
		{ "/Type/ObjStm/N 1/First 4/Filter/FlateDecode", 1, 0 },
		{ "/Type/ObjStm/N 1/First 4/Filter/FlateDecode", 4, UNDEC },
		{ "/Type/#4fbjStm/N 1/First 4/Filter[/Fl]", 4, UNDEC },
		{ "/Type/ObjStm/N 1/First 4/Filter[/FlateDecode/FlateDecode]", 1, UNDEC },
		{ "/Type/XRef/W[1 1 1]/Size 9/Filter/FlateDecode", 1, UNDEC },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(bombs); i++) {
		Maker maker;
		DecodeRun run;
		maker_begin(&maker, "");
		for (guint k = 0; k < bombs[i].n; k++)
			add_stream(&maker, 3 + k, bombs[i].dict, packed);
		maker_end(&maker, &run);
		g_assert_cmphex(run.decode.marks, ==, bombs[i].marks);
		decode_run_clear(&run);
	}
	/* an embedded one is the budget's affair */
	Maker maker;
	DecodeRun run;
	maker_begin(&maker, "");
	add_stream(&maker, 3, "/Type/EmbeddedFile/Filter/FlateDecode", packed);
	maker.text = g_string_append(maker.text, "");
	maker_end(&maker, &run);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	g_assert_false(run.decode.was_refused);
	decode_run_clear(&run);
}

static void
test_budget(void)
{
	gsize len;
	g_autofree char *bytes = decode_run_seed("pdf", "files.pdf", &len);
	for (guint n = 0; n < 600; n += 50) {
		DecodeRun run;
		decode_run_bid(&run, &mock, "a.pdf", NULL, bytes, len);
		run.decode.bytes_left = n;
		run.decode.children_left = n / 100;
		decode_run_decode(&run, &mock);
		g_assert_true(run.decode.was_refused || n > 500);
		decode_run_clear(&run);
	}
}

/* Findings and scripts have an end. */
static void
test_many(void)
{
	Maker maker;
	DecodeRun run;
	maker_begin(&maker, "");
	for (guint id = 3; id < 1003; id++)
		maker_object(&maker, id, "<</S/JavaScript/JS(x)>>", -1);
	maker_end(&maker, &run);
	g_assert_cmpuint(run.decode.children->len, ==, 500);
	g_assert_cmpuint(strlen(run.decode.findings->str), <, 1000);
	decode_run_clear(&run);
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "pdf"), AM_KIND_DECODER, "", &error))
		g_error("%s", error->message);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *file = g_strdup_printf("/pdf/file/%s", cases[i].file);
		g_autofree char *damaged = g_strdup_printf("/pdf/damaged/%s", cases[i].file);
		g_test_add_data_func(file, &cases[i], test_case);
		g_test_add_data_func(damaged, &cases[i], test_damaged);
	}
	g_test_add_func("/pdf/passwords", test_passwords);
	g_test_add_func("/pdf/no-bid", test_no_bid);
	g_test_add_func("/pdf/broken", test_broken);
	g_test_add_func("/pdf/length-chain", test_length_chain);
	g_test_add_func("/pdf/lengths", test_lengths);
	g_test_add_func("/pdf/nested", test_nested);
	g_test_add_func("/pdf/rings", test_rings);
	g_test_add_func("/pdf/bombs", test_bombs);
	g_test_add_func("/pdf/budget", test_budget);
	g_test_add_func("/pdf/many", test_many);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
