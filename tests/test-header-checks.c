/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The header section: defects by kind, field and position; the table; facts; cost. */

#include <config.h>

#include "content/header-checks.h"

#include <gmime/gmime.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mail/fd.h"
#include "mail/spool.h"

#define GOOD "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nFrom: a@example.org\r\n" /* 60 bytes */
#define GOOD_LEN 60
#define BYTES(text) text, sizeof(text) - 1

static AmReport *
check(const char *bytes, gsize len)
{
	g_auto(AmFd) fd = memfd_create("mail", MFD_CLOEXEC);
	g_autoptr(GError) error = NULL;
	g_assert_true(am_write_all(fd, bytes, len, &error));
	AmReport *report = am_report_new();
	g_assert_true(am_header_check(report, fd, len, 0));
	return report;
}

static const struct {
	const char *name;
	const char *bytes;
	gsize len;
	const char *kind; /* NULL: nothing wrong */
	const char *field;
	guint64 position;
} cases[] = {
	{ "good", BYTES(GOOD "\r\nbody: \x01"), NULL, NULL, 0 },
	{ "no body", BYTES(GOOD), NULL, NULL, 0 },
	{ "folded", BYTES(GOOD "Subject: a\r\n\tb\r\n c\r\n\r\n"), NULL, NULL, 0 },
	{ "blank before colon", BYTES(GOOD "Subject : a\r\n\r\n"), NULL, NULL, 0 },
	{ "utf8 value",
	  BYTES(GOOD "Subject: Gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\r\n\r\n"), "utf8",
	  "Subject", GOOD_LEN + 11 },
	{ "utf8 after a control", BYTES(GOOD "X: \xc3\xbc\0\r\n\r\n"), "control", "X",
	  GOOD_LEN + 5 },
	{ "no colon", BYTES(GOOD "nonsense\r\n\r\n"), "syntax", "", GOOD_LEN },
	{ "no name", BYTES(GOOD ": x\r\n\r\n"), "syntax", "", GOOD_LEN },
	{ "blank in name", BYTES(GOOD "a b: x\r\n\r\n"), "syntax", "", GOOD_LEN + 1 },
	{ "8bit in name", BYTES(GOOD "a\xc3\xbc: x\r\n\r\n"), "syntax", "", GOOD_LEN + 1 },
	{ "boundary", BYTES(GOOD "--x: y\r\n\r\n"), "syntax", "--x", GOOD_LEN },
	{ "blank line of blanks", BYTES(GOOD "X: a\r\n  \r\n b\r\n\r\n"), "empty", "X",
	  GOOD_LEN + 6 },
	{ "nul", BYTES(GOOD "X: a\0b\r\n\r\n"), "control", "X", GOOD_LEN + 4 },
	{ "bare cr", BYTES(GOOD "X: a\rb\r\n\r\n"), "control", "X", GOOD_LEN + 4 },
	{ "c0", BYTES(GOOD "X: a\x07\r\n\r\n"), "8bit", "X", GOOD_LEN + 4 },
	{ "c1", BYTES(GOOD "X: a\xc2\x85\r\n\r\n"), "8bit", "X", GOOD_LEN + 5 },
	{ "latin1", BYTES(GOOD "X: \xfc\r\n\r\n"), "8bit", "X", GOOD_LEN + 3 },
	{ "overlong utf8", BYTES(GOOD "X: \xe0\x80\xaf\r\n\r\n"), "8bit", "X", GOOD_LEN + 4 },
	{ "surrogate", BYTES(GOOD "X: \xed\xa0\x80\r\n\r\n"), "8bit", "X", GOOD_LEN + 4 },
	{ "cut utf8", BYTES(GOOD "X: \xe2\x82\r\n\r\n"), "8bit", "X", GOOD_LEN + 5 },
	{ "cut utf8 at the end", BYTES(GOOD "X: \xe2\x82"), "8bit", "X", GOOD_LEN + 4 },
	{ "first hit of a field counts", BYTES(GOOD "X: \xfc\0\r\n\r\n"), "control", "X",
	  GOOD_LEN + 4 },
	{ "missing date", BYTES("From: a@b\r\n\r\n"), "missing", "Date", 0 },
	{ "missing from", BYTES("Date: x\r\n\r\n"), "missing", "From", 0 },
	{ "twice", BYTES(GOOD "To: a\r\nTO: b\r\nto: c\r\n\r\n"), "multiple", "To", GOOD_LEN + 7 },
	{ "may stand twice", BYTES(GOOD "Received: a\r\nReceived: b\r\n\r\n"), NULL, NULL, 0 },
	{ "bare lf", BYTES("Date: x\nFrom: y\n\nbody"), NULL, NULL, 0 },
};

static void
test_defects(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(AmReport) report = check(cases[i].bytes, cases[i].len);
		g_test_message("%s", cases[i].name);
		g_assert_cmpuint(report->defects->len, ==, cases[i].kind != NULL);
		if (cases[i].kind == NULL)
			continue;
		const AmHeaderDefect *defect = report->defects->pdata[0];
		g_assert_cmpstr(defect->kind, ==, cases[i].kind);
		g_assert_cmpstr(defect->field, ==, cases[i].field);
		g_assert_cmpuint(defect->position, ==, cases[i].position);
		g_assert_true(g_str_has_prefix(defect->section, "RFC "));
	}
}

/* 998 bytes are allowed, CRLF not counted; a line in many pieces is still one line. */
static void
test_long_lines(void)
{
	static const struct {
		gsize len;
		const char *end;
		gboolean is_long;
	} lines[] = {
		{ 998, "\r\n", FALSE }, { 998, "\n", FALSE }, { 999, "\r\n", TRUE },
		{ 999, "\n", TRUE },	{ 999, "", TRUE },    { 200000, "\r\n", TRUE },
		{ 998, "", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(GString) mail = g_string_new(GOOD "X: ");
		while (mail->len < GOOD_LEN + lines[i].len)
			g_string_append_c(mail, 'a');
		g_string_append(mail, lines[i].end);
		g_autoptr(AmReport) report = check(mail->str, mail->len);
		g_assert_cmpuint(report->defects->len, ==, lines[i].is_long);
		if (lines[i].is_long)
			g_assert_cmpstr(((AmHeaderDefect *)report->defects->pdata[0])->kind, ==,
					"long");
		g_assert_cmpuint(report->header_size, ==, mail->len);
	}
}

static void
test_table(void)
{
	const char mail[] = GOOD "Subject: a\r\n\tb\r\njunk\r\nX-Y :z\r\n\r\nTo: body\r\n";
	g_autoptr(AmReport) report = check(mail, sizeof mail - 1);
	g_assert_cmpuint(report->fields->len, ==, 4);
	g_assert_cmpuint(report->header_size, ==, strstr(mail, "\r\n\r\n") + 4 - mail);
	const AmHeaderField *subject = am_report_field(report, "subject");
	g_assert_cmpstr(subject->name, ==, "Subject");
	g_assert_cmpuint(subject->offset, ==, GOOD_LEN);
	g_assert_cmpuint(subject->name_len, ==, 7);
	g_assert_cmpuint(subject->value, ==, 8);
	g_assert_cmpuint(subject->len, ==, 16);
	const AmHeaderField *last = am_report_field(report, "X-Y");
	g_assert_cmpuint(last->name_len, ==, 3);
	g_assert_cmpuint(last->value, ==, 5);
	g_assert_cmpuint(last->len, ==, 8);
	g_assert_null(am_report_field(report, "To"));
}

static void
test_facts(void)
{
	const char mail[] = "Received: a\r\nReceived: b\r\nDate: x\r\n"
			    "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>, <k@example.org>\r\n"
			    "Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n =?utf-8?b?IGFuIGFsbGU=?=\r\n"
			    "Message-ID:\r\n <1@example.org>\r\nList-Id: <l.example.org>\r\n"
			    "X-Virus-Scanned: yes\r\n\r\n";
	g_autoptr(AmReport) report = check(mail, sizeof mail - 1);
	g_assert_cmpstr(report->subject, ==,
			"Gr\xc3\xbc\xc3\x9f"
			"e an alle");
	g_assert_cmpstr(report->from, ==, "j@example.org");
	g_assert_cmpstr(report->message_id, ==, "1@example.org");
	g_assert_cmpuint(report->n_received, ==, 2);
	g_assert_true(report->is_bulk);
	g_assert_true(report->has_scanned_field);
}

static void
test_bulk(void)
{
	static const struct {
		const char *field;
		gboolean is_bulk;
	} fields[] = {
		{ "Precedence: bulk", TRUE },		{ "Precedence: List ", TRUE },
		{ "Precedence: first-class", FALSE },	{ "Auto-Submitted: no", FALSE },
		{ "Auto-Submitted: no; x=y", FALSE },	{ "Auto-Submitted: auto-replied", TRUE },
		{ "Auto-Submitted: none", TRUE },	{ "List-Unsubscribe: <x>", TRUE },
		{ "Subject: Precedence: bulk", FALSE },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_autofree char *mail = g_strdup_printf(GOOD "%s\r\n\r\n", fields[i].field);
		g_autoptr(AmReport) report = check(mail, strlen(mail));
		g_test_message("%s", fields[i].field);
		g_assert_cmpint(report->is_bulk, ==, fields[i].is_bulk);
	}
}

/* Millions of fields and defects: time is linear, the tables are capped. */
static void
test_huge(void)
{
	g_autoptr(GString) mail = g_string_new(GOOD);
	for (guint i = 0; i < 200000; i++)
		g_string_append(mail, "To: \xff\r\njunk\r\n");
	gint64 start = g_get_monotonic_time();
	g_autoptr(AmReport) report = check(mail->str, mail->len);
	g_assert_cmpint(g_get_monotonic_time() - start, <, 20 * G_USEC_PER_SEC);
	g_assert_cmpuint(report->fields->len, ==, AM_REPORT_MAX_FIELDS);
	g_assert_cmpuint(report->defects->len, <=, AM_REPORT_MAX_DEFECTS + 10);
	g_assert_cmpuint(report->header_size, ==, mail->len);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_mime_init();
	g_test_add_func("/header-checks/defects", test_defects);
	g_test_add_func("/header-checks/long-lines", test_long_lines);
	g_test_add_func("/header-checks/table", test_table);
	g_test_add_func("/header-checks/facts", test_facts);
	g_test_add_func("/header-checks/bulk", test_bulk);
	g_test_add_func("/header-checks/huge", test_huge);
	return g_test_run();
}
