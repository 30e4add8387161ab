/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The decoder of compound files: objects, messages, macros, encrypted packages; files by other
 * programs; and tables and compressed streams that lie. */

#include <config.h>

#include <glib/gstdio.h>
#include <string.h>
#include <zlib.h>

#include "decode-run.h"
#include "ole-samples.h"

static MockHost mock;

static void
run_sample(DecodeRun *run, OleSample *sample)
{
	g_autoptr(GByteArray) file = ole_sample_finish(sample);
	decode_run(run, &mock, file->data, file->len);
	g_assert_cmpint(run->bid, >, 0);
}

static void
run_assert(const DecodeRun *run, const char *findings, const char *reasons, guint n_children)
{
	g_assert_cmpstr(run->decode.findings->str, ==, findings);
	g_assert_cmpstr(run->decode.reasons->str, ==, reasons);
	g_assert_cmpuint(run->decode.children->len, ==, n_children);
}

/* ---- objects ------------------------------------------------------------------------------- */

static void
test_objects(void)
{
	OleSample *sample = ole_sample_new();
	g_autoptr(GByteArray) native = sample_native("bill.pdf", "C:\\x\\run.exe", "MZ-content");
	g_autofree char *big = g_strnfill(100000, 'b');
	DecodeRun run;
	ole_sample_add(sample, "WordDocument", "\xec\xa5\0\0\0\0\0\0\0\0\0\0nothing", 19);
	ole_sample_add_array(sample, "ObjectPool/_1/\1oLe10nAtivE", native);
	ole_sample_add(sample, "ObjectPool/_2/Package", big, 100000);
	ole_sample_add(sample, "MBD0001/CONTENTS", "%PDF-1.4", 8);
	ole_sample_add(sample, "strange", "?", 1);
	ole_sample_add(sample, "empty", "", 0);
	ole_sample_add(sample, "\5SummaryInformation", "properties", 10);
	run_sample(&run, sample);
	run_assert(&run, "embedded:run.exe embedded:package embedded:package ", "", 4);
	decode_run_assert_child(&run, "run.exe", "MZ-content", 10);
	decode_run_assert_child(&run, "strange", "?", 1);
	const AmChild *child = g_ptr_array_index(run.decode.children, 1);
	g_assert_cmpmem(child->data->data, child->data->len, big, 100000);
	decode_run_clear(&run);
}

static void
test_powerpoint(void)
{
	static const char text[] = "an object, an object, an object";
	guint8 packed[200];
	uLongf packed_len = sizeof packed;
	g_autoptr(GByteArray) stream = g_byte_array_new();
	OleSample *sample = ole_sample_new();
	DecodeRun run;
	g_assert_cmpint(compress(packed, &packed_len, (const Bytef *)text, sizeof text), ==, Z_OK);
	sample_u32(stream, 0x03e8000f); /* some other record */
	sample_u32(stream, 0);
	sample_u32(stream, 0x10110010);
	sample_u32(stream, (guint32)packed_len + 4);
	sample_u32(stream, sizeof text);
	g_byte_array_append(stream, packed, (guint)packed_len);
	sample_u32(stream, 0x10110000);
	sample_u32(stream, 5);
	g_byte_array_append(stream, (const guint8 *)"plain", 5);
	ole_sample_add_array(sample, "PowerPoint Document", stream);
	run_sample(&run, sample);
	g_assert_cmpuint(run.decode.children->len, ==, 2);
	const AmChild *first = g_ptr_array_index(run.decode.children, 0);
	const AmChild *second = g_ptr_array_index(run.decode.children, 1);
	g_assert_cmpmem(first->data->data, first->data->len, text, sizeof text);
	g_assert_cmpmem(second->data->data, second->data->len, "plain", 5);
	decode_run_clear(&run);
}

/* Names of the installer's: "Binary.x" is a file, "!Table" a table. */
static void
test_installer(void)
{
	OleSample *sample = ole_sample_new();
	DecodeRun run;
	ole_sample_add(sample,
		       "\xe4\x8c\x8b\xe4\x84\xb1\xe4\x9c\xb5\xe4\x87\xbe\xe4\x97\xa4\xe4\xa0\xa4",
		       "MSCF", 4);
	ole_sample_add(sample, "\xe4\xa1\x80\xe4\x95\x99\xe4\x93\xb2\xe4\x95\xa8\xe4\x9c\xb7",
		       "table", 5);
	run_sample(&run, sample);
	g_assert_cmpuint(run.decode.children->len, ==, 1);
	const AmChild *child = g_ptr_array_index(run.decode.children, 0);
	g_assert_cmpstr(child->name, ==, "Binary.data");
	g_assert_cmpmem(child->data->data, child->data->len, "MSCF", 4);
	decode_run_clear(&run);
}

/* ---- messages ------------------------------------------------------------------------------ */

#define ATTACHMENT "__attach_version1.0_#00000000/"
#define INNER ATTACHMENT "__substg1.0_3701000D/"

static void
test_message(void)
{
	static const char rtf[] = "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n";
	OleSample *sample = ole_sample_new();
	DecodeRun run;
	ole_sample_add(sample, "__properties_version1.0", "properties", 10);
	ole_sample_add_utf16(sample, "__substg1.0_1000001F",
			     "G\xc3\xbc\nhttp://x.example \xf0\x9f\x98\x80");
	ole_sample_add(sample, "__substg1.0_10130102", "<p>html", 7);
	ole_sample_add(
		sample, "__substg1.0_10090102",
		"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\3\0\n\0rcpg125B2\n\xf3 hel\t\0 bw\5"
		"\xb0ld}\n\x80\x0f\xa0",
		49);
	ole_sample_add_utf16(sample, "__substg1.0_007D001F", "Received: here\r\n");
	ole_sample_add_utf16(sample, "__substg1.0_0037001F", "Subject");
	ole_sample_add(sample, INNER "__substg1.0_1000001E", "inner text", 10);
	ole_sample_add(sample, INNER ATTACHMENT "__substg1.0_37010102", "deepest", 7);
	ole_sample_add_utf16(sample, INNER ATTACHMENT "__substg1.0_3707001F", "deep.exe");
	ole_sample_add_utf16(sample, INNER ATTACHMENT "__substg1.0_370E001F", "image/png");
	ole_sample_add_utf16(sample, "__attach_version1.0_#00000001/__substg1.0_370D001F",
			     "\\\\host\\share\\x.doc");
	ole_sample_add(sample, "__attach_version1.0_#00000002/__substg1.0_3704001E", "SHORT~1.TXT",
		       11);
	ole_sample_add(sample, "__attach_version1.0_#00000002/__substg1.0_37010102", "x", 1);
	run_sample(&run, sample);
	run_assert(&run, "external:attachment ", "", 7);
	decode_run_assert_child(&run, "header.txt", "Received: here\r\n", 16);
	decode_run_assert_child(&run, "body.txt", "G\xc3\xbc\nhttp://x.example \xf0\x9f\x98\x80",
				25);
	decode_run_assert_child(&run, "body.html", "<p>html", 7);
	decode_run_assert_child(&run, "body.rtf", rtf, sizeof rtf - 1);
	decode_run_assert_child(&run, "deep.exe", "deepest", 7);
	decode_run_assert_child(&run, "SHORT~1.TXT", "x", 1);
	g_assert_cmpstr(decode_run_find(&run, "deep.exe")->declared, ==, "image/png");
	decode_run_clear(&run);
}

static void
test_message_rtf(void)
{
	static const struct {
		const char *stream;
		gsize len;
		const char *text, *reasons;
	} cases[] = {
		{ "\x1a\0\0\0\4\0\0\0MELA\0\0\0\0{\\rt", 20, "{\\rt", "" },
		{ "\x1a\0\0\0\4\0\0\0MEL", 11, "", "msg: compressed text is broken " },
		{ "\x1a\0\0\0\4\0\0\0MIST\0\0\0\0{\\rt", 20, "",
		  "msg: compressed text is broken " },
		{ "\x1a\0\0\0\4\0\0\0LZFu\0\0\0\0\0{\\rt", 21, "{\\rt",
		  "msg: compressed text is broken " },
		{ "\x1a\0\0\0\4\0\0\0LZFu\0\0\0\0\1\xff", 18, "",
		  "msg: compressed text is broken " },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		OleSample *sample = ole_sample_new();
		DecodeRun run;
		ole_sample_add(sample, "__substg1.0_10090102", cases[i].stream, cases[i].len);
		run_sample(&run, sample);
		decode_run_assert_child(&run, "body.rtf", cases[i].text, strlen(cases[i].text));
		g_assert_cmpstr(run.decode.reasons->str, ==, cases[i].reasons);
		decode_run_clear(&run);
	}
}

/* ---- macros -------------------------------------------------------------------------------- */

static void
test_macros(void)
{
	static const char text[] = "Attribute VB_Name = \"M\"\r\nSub Document_Open()\r\n";
	static const struct {
		const char *module; /* as dir has it */
		guint32 offset;
		gboolean has_junk; /* in front of the source */
	} cases[] = {
		{ "M", 0, FALSE }, { "M", 20, TRUE },	{ "other", 0, TRUE },
		{ "M", 3, TRUE },  { "M", 9999, TRUE }, { "M", 0xffffffff, TRUE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		OleSample *sample = ole_sample_new();
		g_autoptr(GByteArray) source = sample_vba(text);
		g_autoptr(GByteArray) dir = sample_vba_dir(cases[i].module, cases[i].offset);
		DecodeRun run;
		if (cases[i].has_junk)
			g_byte_array_prepend(source, (const guint8 *)"compiled code, 20 b.", 20);
		ole_sample_add_array(sample, "VBA/M", source);
		ole_sample_add_array(sample, "VBA/dir", dir);
		ole_sample_add(sample, "VBA/_VBA_PROJECT", "\xcc\x61", 2);
		ole_sample_add(sample, "VBA/__SRP_0", "cache", 5);
		ole_sample_add(sample, "PROJECT", "ID=", 3);
		run_sample(&run, sample);
		run_assert(&run, "macro:VBA macro:auto-exec ", "", 1);
		decode_run_assert_child(&run, "M.vba", text, strlen(text));
		decode_run_clear(&run);
	}
}

/* The examples of [MS-OVBA 3.2]. */
static void
test_macro_compression(void)
{
	static const struct {
		const char *bytes;
		gsize len;
		const char *text;
	} cases[] = {
		{ "\x01\x2f\xb0\x00#aaabcde\x82"
		  "f\x00paghij\x01"
		  "8\x08"
		  "akl\x00\x30mnop\x06q\x02p\x04\x10rstuv\x10wxyz\x00\x3c",
		  51, "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa" },
		{ "\x01\x03\xb0\x02\x61\x45\x00", 7,
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		OleSample *sample = ole_sample_new();
		g_autoptr(GByteArray) dir = sample_vba_dir("M", 0);
		DecodeRun run;
		ole_sample_add(sample, "VBA/M", cases[i].bytes, cases[i].len);
		ole_sample_add_array(sample, "VBA/dir", dir);
		run_sample(&run, sample);
		decode_run_assert_child(&run, "M.vba", cases[i].text, strlen(cases[i].text));
		decode_run_clear(&run);
	}
}

static void
test_macro_broken(void)
{
	OleSample *sample = ole_sample_new();
	g_autoptr(GByteArray) dir = sample_vba_dir("M", 0);
	DecodeRun run;
	ole_sample_add(sample, "VBA/M", "\x01\x03\xb0\x02\x61\xff\xff", 7); /* from nowhere */
	ole_sample_add_array(sample, "VBA/dir", dir);
	run_sample(&run, sample);
	run_assert(&run, "macro:VBA ", "vba: source of a macro is broken ", 1);
	decode_run_clear(&run);
}

/* ---- documents ----------------------------------------------------------------------------- */

static void
test_documents(void)
{
	static const struct {
		const char *stream, *bytes;
		gsize len;
		const char *findings, *reasons;
	} cases[] = {
		{ "WordDocument", "\xec\xa5\0\0\0\0\0\0\0\0\0\1rest", 16, "", "doc RC4 " },
		{ "WordDocument", "\xec\xa5\0\0\0\0\0\0\0\0\0\x81rest", 16, "", "doc XOR " },
		{ "WordDocument", "\xec\xa5\0\0\0\0\0\0\0\0\0\0\023 DDEAUTO c:", 24, "dde:field ",
		  "" },
		{ "WordDocument", "\xec\xa5\0\0\0\0\0\0\0\0\0\0\023\0D\0D\0E\0", 20, "dde:field ",
		  "" },
		{ "WordDocument", "\xec\xa5", 2, "", "" },
		{ "Workbook", "\x2f\0\6\0\0\0\1\2\3\4", 10, "", "xls XOR " },
		{ "Workbook", "\x2f\0\6\0\1\0\1\0\3\4", 10, "", "xls RC4 " },
		{ "Workbook", "\x2f\0\6\0\1\0\2\0\3\4", 10, "", "xls RC4 CryptoAPI " },
		{ "Book", "\x85\0\x08\0\0\0\0\0\1\1\1A", 12, "macro:XLM ", "" },
		{ "Book", "\x85\0\x08\0\0\0\0\0\0\0\1A", 12, "", "" },
		{ "Book", "\n\0\0\0\x85\0\x08\0\0\0\0\0\0\1\1A", 16, "", "" },
		{ "Current User", "\0\0\xf6\x0f\x14\0\0\0\x14\0\0\0\xdf\xc4\xd1\xf3", 16, "",
		  "ppt RC4 CryptoAPI " },
		{ "\1Ole", "\1\0\0\2\1\0\0\0h\0t\0t\0p\0:\0/\0", 20, "external:ole-link ", "" },
		{ "\1Ole", "\1\0\0\2\0\0\0\0\0\0", 10, "", "" },
		{ "EncryptedPackage", "0123456789", 10, "", "office rights management " },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		OleSample *sample = ole_sample_new();
		DecodeRun run;
		ole_sample_add(sample, cases[i].stream, cases[i].bytes, cases[i].len);
		run_sample(&run, sample);
		run_assert(&run, cases[i].findings, cases[i].reasons, 0);
		decode_run_clear(&run);
	}
}

static void
test_relations(void)
{
#define RELATIONS                                                                                  \
	"<?xml version=\"1.0\"?><Relationships "                                                   \
	"xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
	static const struct {
		const char *text;
		guint32 marks;
		const char *findings;
	} cases[] = {
		{ RELATIONS "<Relationship Id=\"1\" Type=\"http://x/attachedTemplate\" "
			    "Target=\"http://x.example/t\" TargetMode=\"External\"/></Relationships>",
		  0, "external:attachedTemplate " },
		{ RELATIONS "<r:Relationship\nTargetMode = 'External'\tTarget='file:///x' "
			    "Type='x/oleObject'/></Relationships>",
		  0, "external:oleObject " },
		{ RELATIONS "<Relationship Type=\"x/hyperlink\" Target=\"https://x\" "
			    "TargetMode=\"External\"/></Relationships>",
		  0, "" },
		{ RELATIONS "<Relationship Type=\"x/hyperlink\" Target=\"ms-msdt:/x\" "
			    "TargetMode=\"External\"/></Relationships>",
		  0, "external:hyperlink " },
		{ RELATIONS "<Relationship Type=\"x/xlMacrosheet\" Target=\"m.xml\"/></Relationships>", 0,
		  "macro:XLM " },
		{ RELATIONS "<Relationship Type=\"x/oleObject\" Target=\"e.bin\"/></Relationships>", 0,
		  "" },
		{ RELATIONS "<<<<Relationship Type=", AM_PART_UNDECODED, "" },
		{ "<?xml?><script:module script:name=\"M\">Sub Main</script:module>", 0,
		  "macro:Basic " },
		{ "<manifest:manifest xmlns:manifest="
		  "\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"><manifest:encryption-"
		  "data></manifest:manifest>",
		  AM_PART_ENCRYPTED, "" },
		{ "<manifest:manifest xmlns:manifest="
		  "\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"><manifest:file-entry>"
		  "</manifest:manifest>",
		  0, "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		glong n = 0;
		g_autofree gunichar2 *wide = g_utf8_to_utf16(cases[i].text, -1, NULL, &n, NULL);
		for (guint is_wide = 0; is_wide < 2; is_wide++) {
			DecodeRun run;
			if (is_wide)
				decode_run(&run, &mock, wide, (gsize)n * 2);
			else
				decode_run(&run, &mock, cases[i].text, strlen(cases[i].text));
			g_assert_cmpint(run.bid, >, 0);
			g_assert_cmphex(run.decode.marks, ==, cases[i].marks);
			g_assert_cmpstr(run.decode.findings->str, ==, cases[i].findings);
			decode_run_clear(&run);
		}
	}
}

/* Documents in one XML file, and what they keep in it. */
static void
test_flat(void)
{
	static const struct {
		const char *text, *name, *content;
	} cases[] = {
		{ "<?xml?><pkg:package "
		  "xmlns:pkg=\"http://schemas.microsoft.com/office/2006/xmlPackage\">"
		  "<pkg:part pkg:name=\"/word/vbaProject.bin\"><pkg:binaryData>aGVs\nbG8=\n"
		  "</pkg:binaryData></pkg:part></pkg:package>",
		  "vbaProject.bin", "hello" },
		{ "<w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'>"
		  "<w:binData w:name='editdata.mso'>aGVsbG8=</w:binData></w:wordDocument>",
		  "editdata.mso", "hello" },
		{ "<w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'>"
		  "<w:binData></w:binData></w:wordDocument>",
		  NULL, "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		DecodeRun run;
		decode_run(&run, &mock, cases[i].text, strlen(cases[i].text));
		g_assert_cmpint(run.bid, >, 0);
		run_assert(&run, "", "", 1);
		decode_run_assert_child(&run, cases[i].name, cases[i].content,
					strlen(cases[i].content));
		decode_run_clear(&run);
		decode_run(&run, &mock, cases[i].text, strlen(cases[i].text) - 1);
		run_assert(&run, "", "office XML: cut short ", 1);
		decode_run_clear(&run);
		decode_run_broken(&mock, cases[i].text, strlen(cases[i].text), 1);
	}
}

static void
test_active_mime(void)
{
	guint8 file[200] = "ActiveMime";
	uLongf len = 150;
	DecodeRun run;
	file[30] = 4;
	g_assert_cmpint(compress(file + 50, &len, (const Bytef *)"hello", 5), ==, Z_OK);
	decode_run(&run, &mock, file, 50 + len);
	g_assert_cmpint(run.bid, >, 0);
	run_assert(&run, "", "", 1);
	decode_run_assert_child(&run, NULL, "hello", 5);
	decode_run_clear(&run);
	decode_run(&run, &mock, file, 50);
	run_assert(&run, "", "mso: no data found ", 0);
	decode_run_clear(&run);
	decode_run_broken(&mock, file, 50 + len, 1);
}

static void
test_bid(void)
{
	static const char *const others[] = { "", "<", "<html>", "text", "\xd0\xcf\x11\xe0" };
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
		DecodeRun run;
		decode_run(&run, &mock, others[i], strlen(others[i]));
		g_assert_cmpint(run.bid, ==, 0);
		decode_run_clear(&run);
	}
}

/* ---- encryption ---------------------------------------------------------------------------- */

static void
test_standard(void)
{
	static const struct {
		const char *password;
		guint bits;
		int opened_by;
		gboolean opens;
	} cases[] = {
		{ "VelvetSweatshop", 128, -1, TRUE },
		{ "secret", 256, 1, TRUE },
		{ "unknown", 192, -1, FALSE },
	};
	static const char *const passwords[] = { "wrong", "secret", NULL };
	g_autofree char *content = g_strnfill(10000, 'p');
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		OleSample *sample = ole_sample_new();
		DecodeRun run;
		sample_standard(sample, cases[i].password, cases[i].bits, content, 10000);
		g_autoptr(GByteArray) file = ole_sample_finish(sample);
		decode_run_limited(&run, &mock, "a.docx", file->data, file->len, 0, passwords);
		g_assert_cmpint(run.decode.opened_by, ==, cases[i].opened_by);
		if (cases[i].opens) {
			decode_run_assert_child(&run, "a.docx", content, 10000);
			g_assert_cmpstr(run.decode.reasons->str, ==, "");
		} else {
			g_assert_cmphex(run.decode.marks, ==, AM_PART_ENCRYPTED);
			g_assert_cmpstr(run.decode.reasons->str, ==,
					"office standard AES-192 SHA1 ");
		}
		decode_run_clear(&run);
	}
}

static void
run_file(DecodeRun *run, const char *name, const char *const *passwords)
{
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "data", "office", name, NULL);
	g_autofree char *bytes = NULL;
	gsize len;
	g_assert_true(g_file_get_contents(path, &bytes, &len, NULL));
	decode_run_limited(run, &mock, name, bytes, len, 0, passwords);
}

static void
test_real_encrypted(void)
{
	static const char *const right[] = { "secret", NULL }, *const wrong[] = { "Secret", NULL };
	static const struct {
		const char *name;
		const char *const *passwords;
		int opened_by;
		const char *reasons;
	} cases[] = {
		{ "agile.docx", right, 0, "" },
		{ "standard.docx", right, 0, "" },
		{ "default.xlsx", wrong, -1, "" },
		{ "default.xlsx", NULL, -1, "" },
		{ "agile.docx", wrong, -1, "office agile AES-256 SHA512 " },
		{ "standard.docx", NULL, -1, "office standard AES-128 SHA1 " },
		{ "rc4.doc", right, -1, "doc RC4 " },
		{ "rc4.xls", right, -1, "xls RC4 " },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		DecodeRun run;
		run_file(&run, cases[i].name, cases[i].passwords);
		g_assert_cmpstr(run.decode.reasons->str, ==, cases[i].reasons);
		const AmChild *child = decode_run_find(&run, cases[i].name);
		g_assert_cmpint(child != NULL, ==, *cases[i].reasons == '\0');
		g_assert_cmpint(run.decode.opened_by, ==, cases[i].opened_by);
		if (child != NULL) {
			g_assert_cmpmem(child->data->data, 4, "PK\3\4", 4);
			/* the end of a zip's directory, and no byte behind it */
			g_assert_cmpmem(child->data->data + child->data->len - 22, 4, "PK\5\6", 4);
		}
		decode_run_clear(&run);
	}
}

/* By an independent program; skipped where there is none. */
static void
test_gsf(void)
{
	g_autofree char *gsf = g_find_program_in_path("gsf");
	g_autofree char *folder = g_dir_make_tmp("ole-XXXXXX", NULL);
	g_autofree char *member = g_build_filename(folder, "member.exe", NULL);
	g_autofree char *file = g_build_filename(folder, "file.ole", NULL);
	g_autofree char *content = g_strnfill(5000, 'm'), *bytes = NULL;
	gsize len;
	int status = 0;
	if (gsf == NULL) {
		g_test_skip("there is no program gsf");
		(void)g_rmdir(folder);
		return;
	}
	g_assert_true(g_file_set_contents(member, content, 5000, NULL));
	const char *argv[] = { gsf, "createole", file, "member.exe", NULL };
	g_assert_true(g_spawn_sync(folder, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL,
				   NULL, &status, NULL));
	g_assert_cmpint(status, ==, 0);
	g_assert_true(g_file_get_contents(file, &bytes, &len, NULL));
	DecodeRun run;
	decode_run(&run, &mock, bytes, len);
	decode_run_assert_child(&run, "member.exe", content, 5000);
	decode_run_clear(&run);
	(void)g_remove(member);
	(void)g_remove(file);
	(void)g_rmdir(folder);
}

/* ---- hostile ------------------------------------------------------------------------------- */

static void
test_broken(void)
{
	g_autoptr(GByteArray) file = sample_everything();
	DecodeRun run;
	decode_run(&run, &mock, file->data, file->len);
	run_assert(
		&run,
		"macro:VBA macro:auto-exec dde:field embedded:a.exe macro:XLM external:ole-link ",
		"", 6);
	decode_run_clear(&run);
	decode_run_broken(&mock, file->data, file->len, 7);
}

/* Tables that lead outside of the file, or where they have been, are told. */
static void
test_broken_tables(void)
{
	static const struct {
		guint at; /* in the header */
		guint32 value;
	} cases[] = {
		{ 48, 0x7fffffff }, /* the directory */
		{ 76 + 4, 0x7fffffff }, /* a sector of the FAT */
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GByteArray) file = sample_everything();
		guint32 little = GUINT32_TO_LE(cases[i].value);
		DecodeRun run;
		memcpy(file->data + cases[i].at, &little, 4);
		decode_run(&run, &mock, file->data, file->len);
		g_assert_cmphex(run.decode.marks, ==, AM_PART_UNDECODED);
		decode_run_clear(&run);
	}
}

/* Each entry of each table leads to the same place: nothing goes round for ever. */
static void
test_circles(void)
{
	static const guint32 values[] = { 0,	      1,	  2,	      3,	 5,
					  0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffa };
	g_autoptr(GByteArray) file = sample_everything();
	for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
		guint32 little = GUINT32_TO_LE(values[i]);
		for (guint sector = 0; sector + 512 <= file->len; sector += 512) {
			g_autofree guint8 *copy = g_memdup2(file->data, file->len);
			DecodeRun run;
			for (guint at = sector == 0 ? 44 : sector; at < sector + 512; at += 4)
				memcpy(copy + at, &little, 4);
			decode_run(&run, &mock, copy, file->len);
			decode_run_clear(&run);
		}
	}
}

/* Entries without number, chained and all of one stream: neither deep nor long. */
static void
test_many_entries(void)
{
	OleSample *sample = ole_sample_new();
	g_autofree char *big = g_strnfill(1 << 20, 'x');
	for (guint i = 0; i < 2000; i++) {
		g_autofree char *name = g_strdup_printf("s%u", i);
		ole_sample_add(sample, name, "x", 1);
	}
	ole_sample_add(sample, "big", big, 1 << 20);
	g_autoptr(GByteArray) file = ole_sample_finish(sample);
	guint32 directory, size = GUINT32_TO_LE(1 << 20), start = 0;
	memcpy(&directory, file->data + 48, 4);
	guint8 *entry = file->data + ((gsize)GUINT32_FROM_LE(directory) + 1) * 512;
	for (guint i = 1; i <= 2000; i++) { /* all begin where the big one does */
		memcpy(entry + (gsize)i * 128 + 116, &start, 4);
		memcpy(entry + (gsize)i * 128 + 120, &size, 4);
	}
	DecodeRun run;
	decode_run(&run, &mock, file->data, file->len);
	g_assert_cmphex(run.decode.marks & AM_PART_UNDECODED, !=, 0);
	g_assert_cmpuint(run.decode.children->len, <, 10);
	g_assert_nonnull(strstr(run.decode.reasons->str, "ole: streams overlap"));
	decode_run_clear(&run);
}

static void
test_bombs(void)
{
	g_autofree guint8 *zeros = g_malloc0(8 << 20);
	uLongf packed_len = compressBound(8 << 20);
	g_autofree guint8 *packed = g_malloc(packed_len);
	g_autoptr(GByteArray) powerpoint = g_byte_array_new(), macro = g_byte_array_new();
	g_autoptr(GByteArray) dir = sample_vba_dir("M", 0);
	g_assert_cmpint(compress(packed, &packed_len, zeros, 8 << 20), ==, Z_OK);
	sample_u32(powerpoint, 0x10110010);
	sample_u32(powerpoint, (guint32)packed_len + 4);
	sample_u32(powerpoint, 8 << 20);
	g_byte_array_append(powerpoint, packed, (guint)packed_len);
	g_byte_array_append(macro, (const guint8 *)"\1", 1);
	for (guint i = 0; i < 2000; i++) /* 4096 bytes from 6 */
		g_byte_array_append(macro, (const guint8 *)"\x03\xb0\x02\x61\xff\x0f", 6);
	const struct {
		const char *stream;
		const GByteArray *bytes;
	} cases[] = { { "PowerPoint Document", powerpoint }, { "VBA/M", macro } };
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		OleSample *sample = ole_sample_new();
		DecodeRun run;
		ole_sample_add_array(sample, cases[i].stream, cases[i].bytes);
		ole_sample_add_array(sample, "VBA/dir", dir);
		g_autoptr(GByteArray) file = ole_sample_finish(sample);
		decode_run_limited(&run, &mock, NULL, file->data, file->len, 100000, NULL);
		g_assert_true(run.decode.was_refused);
		const AmChild *child = g_ptr_array_index(run.decode.children, 0);
		g_assert_cmpuint(child->data->len, >, 30000);
		g_assert_cmpuint(child->data->len, <=, 100000);
		decode_run_clear(&run);
	}
}

int
main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_test_init(&argc, &argv, NULL);
	if (!mock_host_load(&mock, mock_host_open("decoders", "ole"), AM_KIND_DECODER, "", &error))
		g_error("%s", error->message);
	g_test_add_func("/ole/objects", test_objects);
	g_test_add_func("/ole/powerpoint", test_powerpoint);
	g_test_add_func("/ole/installer", test_installer);
	g_test_add_func("/ole/message", test_message);
	g_test_add_func("/ole/message/rtf", test_message_rtf);
	g_test_add_func("/ole/macros", test_macros);
	g_test_add_func("/ole/macros/compression", test_macro_compression);
	g_test_add_func("/ole/macros/broken", test_macro_broken);
	g_test_add_func("/ole/documents", test_documents);
	g_test_add_func("/ole/relations", test_relations);
	g_test_add_func("/ole/flat", test_flat);
	g_test_add_func("/ole/active-mime", test_active_mime);
	g_test_add_func("/ole/bid", test_bid);
	g_test_add_func("/ole/standard", test_standard);
	g_test_add_func("/ole/real-encrypted", test_real_encrypted);
	g_test_add_func("/ole/gsf", test_gsf);
	g_test_add_func("/ole/broken", test_broken);
	g_test_add_func("/ole/broken-tables", test_broken_tables);
	g_test_add_func("/ole/circles", test_circles);
	g_test_add_func("/ole/many-entries", test_many_entries);
	g_test_add_func("/ole/bombs", test_bombs);
	int status = g_test_run();
	mock_host_clear(&mock);
	return status;
}
