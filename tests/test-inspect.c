/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The inspector over whole mails: tree of parts, names, budget, decoders, scanners; cost on hostile
 * input.  Trees are compared as text, a line for each part:
 *
 *     path declared-type type size flags name */

#include <config.h>

#include "content/inspect.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/host.h"
#include "content/names.h"
#include "inspect-run.h"
#include "mail/fd.h"
#include "mail/spool.h"

static AmTypes *test_types;

static AmReport *
inspect(const char *text)
{
	return inspect_run(NULL, &inspect_limits, test_types, text, strlen(text));
}

static char *
describe(const AmReport *report)
{
	static const struct {
		guint32 flag;
		char letter;
	} letters[] = {
		{ AM_PART_ENCRYPTED, 'C' }, { AM_PART_UNDECODED, 'U' }, { AM_PART_LIMIT, 'L' },
		{ AM_PART_AMBIGUOUS, 'A' }, { AM_PART_DIRECTORY, 'D' }, { AM_PART_CONTAINER, '+' },
		{ AM_PART_MEMBER, 'm' },
	};
	GString *out = g_string_new(NULL);
	for (guint i = 1; i < report->parts->len; i++) {
		const AmReportPart *part = report->parts->pdata[i];
		g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, part->size);
		g_string_append_printf(out, "%s %s %s %s ", part->path,
				       *part->declared_type ? part->declared_type : "-",
				       *part->type ? part->type : "-",
				       part->flags & AM_PART_CONTAINER ? "-" : size);
		for (gsize l = 0; l < G_N_ELEMENTS(letters); l++)
			if (part->flags & letters[l].flag)
				g_string_append_c(out, letters[l].letter);
		g_string_append_printf(out, ". %s\n", part->name);
	}
	return g_string_free(out, FALSE);
}

/* Findings and mime defects, "kind:name:part" each. */
static char *
describe_findings(const AmReport *report)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		g_string_append_printf(out, "%s:%s:%d ", finding->kind, finding->name,
				       finding->part);
	}
	for (guint i = 0; i < report->defects->len; i++) {
		const AmHeaderDefect *defect = report->defects->pdata[i];
		if (strcmp(defect->kind, "mime") == 0)
			g_string_append(out, "mime ");
	}
	return g_string_free(out, FALSE);
}

#define HEAD "Date: x\r\nFrom: a@b\r\n"
#define MULTI(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\r\n\r\n"

static const struct {
	const char *name;
	const char *mail;
	const char *tree;
	const char *findings;
} mails[] = {
	{ "base64 behind its padding",
	  HEAD "Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\nYmM=Z\r\nGVm\r\n",
	  "1.1 text/plain text/plain - A+. \n1.1.1 text/plain text/plain 1 A. \n"
	  "1.1.2 text/plain application/octet-stream 6 A. \n",
	  "ambiguous:base64-padding:1 " },
	{ "base64 with other bytes",
	  HEAD "Content-Transfer-Encoding: base64\r\n\r\nY-W\r\nJ jZ!GVm\r\nYQ",
	  "1.1 text/plain text/plain - A+. \n1.1.1 text/plain text/plain 17 A. \n",
	  "ambiguous:base64-plain:1 " },
	{ "empty", "", "1.1 text/plain - 0 . \n", "" },
	{ "no body", HEAD, "1.1 text/plain - 0 . \n", "" },
	{ "text", HEAD "\r\nHello\r\n", "1.1 text/plain text/plain 7 . \n", "" },
	{ "type is kept lower case", HEAD "Content-Type: TEXT/HTML; charset=x\r\n\r\n<p>Hello",
	  "1.1 text/html text/html 8 . \n", "" },
	{ "multipart",
	  HEAD MULTI("b") "preamble\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n"
			  "\r\n<html>two\r\n\r\n--b--\r\nepilogue\r\n",
	  "1.1 multipart/mixed - - +. \n1.1.1 text/plain text/plain 3 . \n"
	  "1.1.2 text/html text/html 11 . \n",
	  "" },
	{ "bare LF",
	  "A: b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n--b--\n",
	  "1.1 multipart/mixed - - +. \n1.1.1 text/plain text/plain 3 . \n"
	  "1.1.2 text/plain text/plain 3 . \n",
	  "" },
	{ "base64",
	  HEAD "Content-Transfer-Encoding: BASE64 \r\nContent-Type: application/pdf;\r\n"
	       " name=\"a b.pdf\"\r\n\r\nJVBERi0x\r\nLjQKYWI=\r\n",
	  "1.1 application/pdf application/pdf 11 . a b.pdf\n", "" },
	{ "quoted-printable",
	  HEAD "Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n",
	  "1.1 text/plain text/plain 6 . \n", "" },
	{ "unknown encoding", HEAD "Content-Transfer-Encoding: base46\r\n\r\nabc",
	  "1.1 text/plain text/plain - A+. \n1.1.1 text/plain text/plain 2 A. \n",
	  "ambiguous:unknown-encoding:1 mime " },
	{ "nested",
	  HEAD MULTI("outer") "--outer\r\n" MULTI("inner") "--inner\r\n\r\nx\r\n--inner--\r\n"
							   "--outer\r\n\r\ny\r\n--outer--\r\n",
	  "1.1 multipart/mixed - - +. \n1.1.1 multipart/mixed - - +. \n"
	  "1.1.1.1 text/plain text/plain 1 . \n1.1.2 text/plain text/plain 1 . \n",
	  "" },
	{ "inner not closed",
	  HEAD MULTI("outer") "--outer\r\n" MULTI("inner") "--inner\r\n\r\nx\r\n"
							   "--outer--\r\n",
	  "1.1 multipart/mixed - - +. \n1.1.1 multipart/mixed - - +. \n"
	  "1.1.1.1 text/plain text/plain 1 . \n1.2 multipart/mixed - - A+. \n"
	  "1.2.1 multipart/mixed - - +. \n1.2.1.1 text/plain text/plain 14 . \n",
	  "ambiguous:boundary-overlap:0 mime " },
	{ "mail in a mail",
	  HEAD MULTI("b") "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n"
			  "inner\r\n--b--\r\n",
	  "1.1 multipart/mixed - - +. \n1.1.1 message/rfc822 message/rfc822 - +. \n"
	  "1.1.1.1 text/plain text/plain 5 . \n",
	  "" },
	{ "encoded mail in a mail",
	  HEAD "Content-Type: message/rfc822\r\n"
	       "Content-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA0KDQppbm5lcg==\r\n",
	  "1.1 message/rfc822 text/plain - +. \n1.1.1 text/plain text/plain 5 . \n", "" },
	{ "digest",
	  HEAD
	  "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\ny\r\n"
	  "--b--\r\n",
	  "1.1 multipart/digest - - +. \n1.1.1 message/rfc822 message/rfc822 - +. \n"
	  "1.1.1.1 text/plain text/plain 1 . \n",
	  "" },
	{ "boundary is a line of its own",
	  HEAD MULTI("b") "--b\r\n\r\nx--b\r\n--bb\r\n --b\r\n--b  \r\n\r\ny\r\n--b--\r\n",
	  "1.1 multipart/mixed - - +. \n1.1.1 text/plain text/plain 16 . \n"
	  "1.1.2 text/plain text/plain 1 . \n1.2 multipart/mixed - - A+. \n"
	  "1.2.1 text/plain text/plain 4 . \n1.2.2 text/plain - 0 . \n"
	  "1.2.3 text/plain text/plain 1 . \n1.3 multipart/mixed - - A+. \n"
	  "1.3.1 text/plain text/plain 4 . \n1.3.2 text/plain text/plain - A+. \n"
	  "1.3.2.1 text/plain text/plain 10 A. \n",
	  "ambiguous:boundary-prefix:0 ambiguous:boundary-in-header:0 "
	  "ambiguous:header-line:10 " },
	{ "boundary inside a header", HEAD MULTI("b") "--b\r\nA: b\r\n--b\r\n\r\ny\r\n--b--\r\n",
	  "1.1 multipart/mixed - - +. \n1.1.1 text/plain - 0 . \n"
	  "1.1.2 text/plain text/plain 1 . \n1.2 multipart/mixed - - A+. \n"
	  "1.2.1 text/plain text/plain - A+. \n1.2.1.1 text/plain text/plain 8 A. \n",
	  "ambiguous:boundary-in-header:0 ambiguous:header-line:5 " },
	{ "dashes in the boundary", HEAD MULTI("\"--x--\"") "----x--\r\n\r\ny\r\n----x----\r\n",
	  "1.1 multipart/mixed - - +. \n1.1.1 text/plain text/plain 1 . \n", "" },
	{ "no boundary parameter", HEAD "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx",
	  "1.1 multipart/mixed text/plain - A+. \n1.1.1 multipart/mixed - - A+. \n"
	  "1.1.1.1 text/plain text/plain 1 . \n",
	  "ambiguous:no-boundary:1 mime " },
	{ "two boundaries",
	  HEAD "Content-Type: multipart/mixed; boundary=a; boundary=b\r\n\r\n--a\r\n\r\n"
	       "x\r\n--a--\r\n",
	  "1.1 multipart/mixed - - A+. \n1.1.1 text/plain text/plain 1 . \n"
	  "1.1.2 multipart/mixed - 17 A. \n",
	  "ambiguous:several-boundaries:1 ambiguous:several-parameters:1 " },
	{ "two types",
	  HEAD "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nx",
	  "1.1 text/plain text/plain - A+. \n1.1.1 multipart/mixed - 1 A. \n",
	  "ambiguous:several-types:1 " },
	{ "two encodings",
	  HEAD "Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
	       "YWJj",
	  "1.1 text/plain text/plain - A+. \n1.1.1 text/plain text/plain 4 A. \n",
	  "ambiguous:several-encodings:1 " },
	{ "text behind the end",
	  HEAD MULTI("b") "--b\r\n\r\nx\r\n--b--\r\n--b\r\n\r\ny\r\n--b--\r\n",
	  "1.1 multipart/mixed - - A+. \n1.1.1 text/plain text/plain 1 . \n"
	  "1.1.2 text/plain text/plain 1 . \n",
	  "ambiguous:behind-end:1 " },
	{ "encrypted",
	  HEAD "Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n"
	       "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b--\r\n",
	  "1.1 multipart/encrypted - - C+. \n1.1.1 application/pgp-encrypted text/plain 10 . \n",
	  "encrypted:encrypted:1 " },
	{ "S/MIME", HEAD "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx",
	  "1.1 application/pkcs7-mime text/plain 1 C. \n", "encrypted:encrypted:1 " },
	{ "PGP in the text", HEAD "\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nx",
	  "1.1 text/plain application/pgp-encrypted 32 C. \n", "encrypted:encrypted:1 " },
};

static void
test_mails(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(mails); i++) {
		g_test_message("%s", mails[i].name);
		g_autoptr(AmReport) report = inspect(mails[i].mail);
		g_autofree char *tree = describe(report);
		g_autofree char *findings = describe_findings(report);
		g_assert_cmpstr(tree, ==, mails[i].tree);
		g_assert_cmpstr(findings, ==, mails[i].findings);
		const AmReportPart *root = report->parts->pdata[0];
		g_autofree char *digest =
			g_compute_checksum_for_string(G_CHECKSUM_SHA256, mails[i].mail, -1);
		g_assert_cmpstr(root->path, ==, "1");
		g_assert_cmpstr(root->declared_type, ==, "message/rfc822");
		g_assert_cmpuint(root->size, ==, strlen(mails[i].mail));
		g_assert_cmpstr(report->digest, ==, digest);
	}
}

/* The same tree however the bytes fall into the window. */
static void
test_windows(void)
{
	for (gsize pad = 65400; pad < 65560; pad++) {
		g_autoptr(GString) mail = g_string_new(HEAD MULTI("boundary") "--boundary\r\n\r\n");
		while (mail->len < pad)
			g_string_append_c(mail, mail->len % 70 == 69 ? '\n' : '-');
		gsize body = mail->len - strlen(HEAD MULTI("boundary") "--boundary\r\n\r\n");
		g_string_append(mail, "\r\n--boundary\r\n\r\n\r\n--boundary--\r\n");
		g_autoptr(AmReport) report = inspect(mail->str);
		g_assert_cmpuint(report->parts->len, ==, 4);
		g_assert_cmpuint(((AmReportPart *)report->parts->pdata[2])->size, ==, body);
		g_assert_cmpuint(((AmReportPart *)report->parts->pdata[3])->size, ==, 0);
		g_autofree char *findings = describe_findings(report);
		g_assert_cmpstr(findings, ==, "");
	}
}

static void
test_digest(void)
{
	g_autoptr(AmReport) report =
		inspect(HEAD "Content-Transfer-Encoding: base64\r\n\r\nYWJj\r\n");
	const AmReportPart *part = report->parts->pdata[1];
	g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "abc", 3);
	g_assert_cmpstr(part->digest, ==, digest);
	g_assert_cmpstr(part->short_type, ==, "asc,txt");
}

static const struct {
	const char *fields;
	const char *names; /* readings, separated by '|', the first one first; for all see test-names */
} names[] = {
	{ "Content-Type: text/plain", "" },
	{ "Content-Type: text/plain; name=a.txt", "a.txt" },
	{ "Content-Disposition: attachment; filename=a.txt\r\nContent-Type: x/y; name=b.txt",
	  "a.txt|b.txt" },
	{ "Content-Disposition: attachment; filename=\"a \\\"b\\\".txt\"", "a \"b\".txt" },
	{ "Content-Disposition: attachment; filename=a b.txt ; x=y", "a b.txt" },
	{ "Content-Disposition: attachment; filename=a.exe (comment)", "a.exe" },
	{ "Content-Disposition: attachment; filename=\"=?iso-8859-1?q?=FCber.exe?=\"",
	  "\xc3\xbc"
	  "ber.exe|=?iso-8859-1?q?=FCber.exe?=" },
	{ "Content-Disposition: attachment; filename*=utf-8'de'%c3%bcber.exe",
	  "\xc3\xbc"
	  "ber.exe|utf-8'de'%c3%bcber.exe" },
	{ "Content-Disposition: attachment; filename*=iso-8859-1''%fcber.exe",
	  "\xc3\xbc"
	  "ber.exe|iso-8859-1''%fcber.exe" },
	{ "Content-Disposition: attachment;\r\n filename*0*=utf-8''%c3;\r\n filename*1*=%bcber;\r\n"
	  " filename*2=.exe",
	  "\xc3\xbc"
	  "ber.exe|utf-8''%c3|%bcber|.exe" },
	{ "Content-Disposition: attachment; filename*1=.exe; filename*0=a", "a.exe|.exe|a" },
	{ "Content-Disposition: attachment; filename=a.txt; filename=b.exe", "a.txt|b.exe" },
	{ "Content-Disposition: attachment; filename=a%2eexe", "a%2eexe|a.exe" },
	{ "Content-Disposition: attachment; filename=\"a.exe", "a.exe" },
	{ "Content-Disposition: attachment; filename=\"a.\r\n exe\"", "a. exe" },
	{ "Content-Type: x/y; name=\"\xff.exe\"", "\xc3\xbf.exe|\xef\xbf\xbd.exe" },
};

static void
test_names(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *mail = g_strdup_printf(HEAD "%s\r\n\r\nx", names[i].fields);
		g_autoptr(AmReport) report = inspect(mail);
		const AmReportPart *part = report->parts->pdata[1];
		g_auto(GStrv) wanted = g_strsplit(names[i].names, "|", -1);
		g_test_message("%s", names[i].fields);
		g_assert_cmpstr(part->names[0], ==, wanted[0]);
		for (char **name = wanted; *name != NULL; name++)
			g_assert_true(g_strv_contains((const char *const *)part->names, *name));
		g_assert_cmpstr(part->name, ==, part->names[0] != NULL ? part->names[0] : "");
	}
}

/* ---- budget -------------------------------------------------------------------------------- */

static void
test_depth(void)
{
	g_autoptr(GString) mail = g_string_new(HEAD);
	for (guint i = 0; i < 5000; i++)
		g_string_append_printf(
			mail, "Content-Type: multipart/mixed; boundary=b%05u\r\n\r\n--b%05u\r\n", i,
			i);
	g_autoptr(AmReport) report = inspect(mail->str);
	g_assert_cmpuint(report->parts->len, ==, inspect_limits.max_depth + 1);
	const AmReportPart *last = report->parts->pdata[inspect_limits.max_depth];
	g_assert_cmpuint(last->flags & (AM_PART_LIMIT | AM_PART_UNDECODED), ==,
			 AM_PART_LIMIT | AM_PART_UNDECODED);
	g_assert_true(am_report_has_finding(report, "limit"));
	g_assert_cmpuint(report->findings->len, ==, 1);
}

static void
test_number(void)
{
	g_autoptr(GString) mail = g_string_new(HEAD MULTI("b"));
	for (guint i = 0; i < 100000; i++)
		g_string_append(mail, "--b\r\n\r\nx\r\n");
	g_autoptr(AmReport) report = inspect(mail->str);
	g_assert_cmpuint(report->parts->len, ==, inspect_limits.max_parts);
	g_assert_cmpuint(report->findings->len, ==, 1);
	const AmFinding *finding = report->findings->pdata[0];
	g_assert_cmpstr(finding->kind, ==, "limit");
	g_assert_cmpstr(finding->name, ==, "parts");
}

static void
test_no_time(void)
{
	g_auto(AmFd) fd = memfd_create("mail", MFD_CLOEXEC);
	const char text[] = HEAD "\r\nx";
	g_assert_true(am_write_all(fd, text, sizeof text - 1, NULL));
	AmInspectRequest request = { .mail_size = sizeof text - 1, .deadline_us = 1 };
	AmInspector *inspector = am_inspector_new(NULL, &inspect_limits, test_types, NULL);
	g_autoptr(AmReport) report = am_inspector_run(inspector, &request, fd);
	g_autofree char *findings = describe_findings(report);
	g_assert_cmpstr(findings, ==, "limit:time:1 ");
	g_assert_cmpstr(report->digest, ==, "");
	am_inspector_free(inspector);
}

/* The file is shorter than the session said: no digest of half a mail. */
static void
test_short_file(void)
{
	g_auto(AmFd) fd = memfd_create("mail", MFD_CLOEXEC);
	g_assert_true(am_write_all(fd, HEAD, strlen(HEAD), NULL));
	AmInspectRequest request = { .mail_size = 100000 };
	AmInspector *inspector = am_inspector_new(NULL, &inspect_limits, test_types, NULL);
	g_autoptr(AmReport) report = am_inspector_run(inspector, &request, fd);
	const AmReportPart *root = report->parts->pdata[0];
	g_assert_true((root->flags & AM_PART_UNDECODED) != 0);
	g_assert_cmpstr(report->digest, ==, "");
	am_inspector_free(inspector);
}

/* Mails that are made to cost more than their size explains. */
static void
test_hostile(void)
{
	static const struct {
		const char *name, *head, *unit;
		guint n;
	} cases[] = {
		{ "lines with dashes", HEAD MULTI("b") "--b\r\n\r\n", "--zz\r\n", 300000 },
		{ "only dashes", HEAD MULTI("b") "--b\r\n\r\n", "--", 1000000 },
		{ "line ends", HEAD MULTI("b") "--b\r\n\r\n", "\r\n", 500000 },
		{ "carriage returns", HEAD MULTI("b") "--b\r\n\r\n", "\r\r\n-", 300000 },
		{ "comments", HEAD "Content-Type: text/plain", "(", 500000 },
		{ "parameters", HEAD "Content-Type: text/plain", "; a=b", 300000 },
		{ "pieces of names", HEAD "Content-Disposition: a", "; filename*1=x", 200000 },
		{ "words", HEAD "Subject: ", "=?utf-8?q?a?= ", 100000 },
		{ "addresses", HEAD "From: ", "(((a@b,:;", 200000 },
		{ "fields", HEAD, "Content-Type: a/b\r\n", 100000 },
		{ "mails in mails", HEAD, "Content-Type: message/rfc822\r\n\r\n", 50000 },
		{ "one line", HEAD, "aaaaaaaaaa", 300000 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) mail = g_string_new(cases[i].head);
		for (guint n = 0; n < cases[i].n; n++)
			g_string_append(mail, cases[i].unit);
		gint64 start = g_get_monotonic_time();
		g_autoptr(AmReport) report = inspect(mail->str);
		gint64 used = g_get_monotonic_time() - start;
		g_test_message("%s: %" G_GSIZE_FORMAT " bytes, %" G_GINT64_FORMAT " us",
			       cases[i].name, mail->len, used);
		g_assert_cmpint(used, <, 10 * G_USEC_PER_SEC);
		g_assert_cmpuint(report->parts->len, >, 1);
	}
}

/* ---- plugins ------------------------------------------------------------------------------- */

static AmConfig *box_config;

static AmRegistry *
load_box(gboolean with_scanner)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autofree char *directory =
		g_test_build_filename(G_TEST_BUILT, "plugins", "box", ".libs", NULL);
	g_autofree char *text = g_strdup_printf("[plugins]\ndirectory = %s\n%s", directory,
						with_scanner ? "[scanner box]\n" : "");
	box_config = am_config_load_data("test", text, problems);
	AmRegistry *registry = am_registry_new(box_config, problems);
	(void)am_registry_load(registry, AM_CAP_SANDBOX, am_content_host(), problems);
	for (guint i = 0; i < problems->len; i++)
		g_test_message("%s", ((AmConfigProblem *)problems->pdata[i])->text);
	g_assert_cmpuint(problems->len, ==, 0);
	return registry;
}

static void
unload_box(AmRegistry *registry)
{
	am_registry_free(registry);
	g_clear_pointer(&box_config, am_config_unref);
}

static const struct {
	const char *name;
	const char *box;
	const char *tree;
	const char *findings;
} boxes[] = {
	{ "members", "BOX\nfile a.txt 5\nHellodir d\n",
	  "1.1 text/plain text/plain - +. \n1.1.1 - text/plain 5 m. a.txt\n1.1.2 - - 0 Dm. d\n",
	  "" },
	{ "empty member", "BOX\nmany 2\n",
	  "1.1 text/plain text/plain - +. \n1.1.1 - - 0 m. one-of-many\n1.1.2 - - 0 m. "
	  "one-of-many\n",
	  "" },
	{ "box in a box", "BOX\nfile in 20\nBOX\nfile a.txt 3\nabc",
	  "1.1 text/plain text/plain - +. \n1.1.1 - text/plain - +m. in\n1.1.1.1 - text/plain 3 m. "
	  "a.txt\n",
	  "" },
	{ "mail in a box",
	  "BOX\nfile m.eml 43\nReceived: x\r\nSubject: y\r\nDate: z\r\n\r\nEVIL.\r\n",
	  "1.1 text/plain text/plain - +. \n1.1.1 - message/rfc822 - +m. m.eml\n"
	  "1.1.1.1 text/plain text/plain 7 . \n",
	  "virus:Test.Evil:0 " },
	{ "encrypted", "BOX\nencrypted\nsecret s.txt\n",
	  "1.1 text/plain text/plain - C+. \n1.1.1 - - 0 Cm. s.txt\n",
	  "encrypted:encrypted:2 encrypted:encrypted:1 " },
	{ "corrupt", "BOX\ncorrupt checksum\n", "1.1 text/plain text/plain 21 U. \n",
	  "undecoded:undecoded:1 " },
	{ "decoder fails", "BOX\nfile a 1\nxfail\n",
	  "1.1 text/plain text/plain - U+. \n1.1.1 - text/plain 1 m. a\n",
	  "undecoded:undecoded:1 " },
	{ "bytes", "BOX\nfill a 90000\nfill b 90000\nfill c 1\n",
	  "1.1 text/plain text/plain - +. \n1.1.1 - text/plain 90000 m. a\n1.1.2 - text/plain 8192 "
	  "ULm. b\n",
	  "limit:bytes:3 " },
};

static void
test_boxes(void)
{
	const AmContentLimits limits = { 20, 50, 100000, 100000, 1, 65536 * 2 };
	AmRegistry *registry = load_box(FALSE);
	for (gsize i = 0; i < G_N_ELEMENTS(boxes); i++) {
		g_autofree char *mail = g_strconcat(HEAD "\r\n", boxes[i].box, NULL);
		g_test_message("%s", boxes[i].name);
		g_autoptr(AmReport) report =
			inspect_run(registry, &limits, test_types, mail, strlen(mail));
		g_autofree char *tree = describe(report);
		g_autofree char *findings = describe_findings(report);
		g_assert_cmpstr(tree, ==, boxes[i].tree);
		if (strstr(boxes[i].findings, "virus") == NULL) /* no scanner here */
			g_assert_cmpstr(findings, ==, boxes[i].findings);
	}
	unload_box(registry);
}

/* A box that holds itself: depth and number hold it. */
static void
test_box_bombs(void)
{
	const AmContentLimits limits = { 10, 100, 1000000, 1000000, 1, 65536 * 2 };
	static const char *const bombs[] = { "BOX\nself a\n", "BOX\nself a\nself b\nself c\n",
					     "BOX\nmany 1000\n" };
	AmRegistry *registry = load_box(TRUE);
	for (gsize i = 0; i < G_N_ELEMENTS(bombs); i++) {
		g_autofree char *mail = g_strconcat(HEAD "\r\n", bombs[i], NULL);
		g_autoptr(AmReport) report =
			inspect_run(registry, &limits, test_types, mail, strlen(mail));
		g_assert_true(am_report_has_finding(report, "limit"));
		g_assert_cmpuint(report->parts->len, <=, 100);
		g_assert_cmpuint(report->parts->len, >, 9);
	}
	unload_box(registry);
}

/* Scanners see every content, however it was kept: decoded again, in the arena, in own files. */
static void
test_scanner(void)
{
	AmRegistry *registry = load_box(TRUE);
	g_autofree char *directory = g_dir_make_tmp("inspect-XXXXXX", NULL);
	g_autoptr(GString) mail = g_string_new(
		HEAD MULTI("b") "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
				"RVZJTA==\r\n--b\r\n\r\nBOX\nfile a 4\nEVILfile b 300000\n");
	for (guint i = 0; i < 299990; i++)
		g_string_append_c(mail, 'y');
	g_string_append(mail, "EVIL......\r\n--b--\r\n");
	g_autoptr(AmReport) report =
		inspect_run(registry, &inspect_limits, test_types, mail->str, mail->len);
	g_autofree char *findings = describe_findings(report);
	g_assert_cmpstr(findings, ==,
			"virus:Test.Evil:2 virus:Test.Evil:3 virus:Test.Evil:4 virus:Test.Evil:5 ");
	g_assert_true(report->is_scored);
	g_assert_cmpfloat(report->score, ==, 1.5);
	g_assert_cmpuint(report->tests->len, ==, 1);
	g_assert_cmpuint(report->scanners->len, ==, 1);
	g_assert_cmpuint(report->failures->len, ==, 0);
	g_assert_cmpint(g_rmdir(directory), ==, 0);

	const char failing[] = HEAD "\r\nFAIL-ME";
	g_autoptr(AmReport) failed =
		inspect_run(registry, &inspect_limits, test_types, failing, sizeof failing - 1);
	g_assert_cmpuint(failed->failures->len, ==, 1);
	g_assert_cmpstr(((AmScanFailure *)failed->failures->pdata[0])->text, ==, "told to fail");
	unload_box(registry);
}

/* Names are held by the budget too: the first parts have theirs, the rest none, and that is said. */
static void
test_long_names(void)
{
	g_autofree char *name = g_strnfill(2000, 'n');
	g_autoptr(GString) mail = g_string_new(HEAD MULTI("b"));
	for (guint i = 0; i < 2500; i++)
		g_string_append_printf(mail,
				       "--b\r\nContent-Type: text/plain; name=\"%s%u.exe\"\r\n\r\n",
				       name, i);
	g_string_append(mail, "--b--\r\n");
	g_autoptr(AmReport) report = inspect(mail->str);
	const AmReportPart *first = report->parts->pdata[2];
	const AmReportPart *last = report->parts->pdata[report->parts->len - 1];
	g_assert_true(am_report_has_finding(report, "limit"));
	g_assert_cmpuint(strlen(first->name), ==, 1024);
	g_assert_true(g_str_has_suffix(first->name, "n0.exe"));
	g_assert_cmpuint(first->flags & AM_PART_LIMIT, ==, 0);
	g_assert_cmpstr(last->name, ==, "");
	g_assert_cmpuint(last->flags & AM_PART_LIMIT, !=, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	am_content_init();
	am_names_preload();
	test_types = am_types_new(NULL);
	g_assert_nonnull(test_types);
	g_test_add_func("/inspect/mails", test_mails);
	g_test_add_func("/inspect/windows", test_windows);
	g_test_add_func("/inspect/digest", test_digest);
	g_test_add_func("/inspect/names", test_names);
	g_test_add_func("/inspect/depth", test_depth);
	g_test_add_func("/inspect/number", test_number);
	g_test_add_func("/inspect/no-time", test_no_time);
	g_test_add_func("/inspect/short-file", test_short_file);
	g_test_add_func("/inspect/hostile", test_hostile);
	g_test_add_func("/inspect/long-names", test_long_names);
	g_test_add_func("/inspect/boxes", test_boxes);
	g_test_add_func("/inspect/box-bombs", test_box_bombs);
	g_test_add_func("/inspect/scanner", test_scanner);
	int status = g_test_run();
	am_types_free(test_types);
	return status;
}
