/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Header edits: values made safe, and mails with edits applied. */

#include <config.h>

#include "mail/edits.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mail/error.h"
#include "mail/fd.h"
#include "mail/spool.h"

#define BLANKS20 "                    "
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* A table of the fields of a header with CRLF line ends. */
static AmReport *
report_of(const char *mail)
{
	AmReport *report = am_report_new();
	const char *at = mail;
	while (*at != '\0' && !g_str_has_prefix(at, "\r\n")) {
		const char *end = at;
		do {
			const char *line = strstr(end, "\r\n");
			end = line != NULL ? line + 2 : end + strlen(end);
		} while (*end == ' ' || *end == '\t');
		const char *colon = memchr(at, ':', (gsize)(end - at));
		if (colon == NULL)
			break;
		am_report_add_field(report, at, (guint32)strcspn(at, " :"), (guint64)(at - mail),
				    (guint32)(colon - at + 1), (guint32)(end - at));
		at = end;
	}
	report->header_size = (guint64)(at - mail) + (g_str_has_prefix(at, "\r\n") ? 2 : 0);
	return report;
}

static gboolean
collect(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	(void)error;
	g_string_append_len(user_data, data, (gssize)len);
	return TRUE;
}

static int
mail_fd(const char *mail, gsize len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	g_assert_true(am_write_all(fd, mail, len, NULL));
	return fd;
}

/* "<N v" prepend, ">N v" append, "=N v" replace, "-N" delete; separated by '|' */
static AmEdits *
edits_of(const char *script)
{
	AmEdits *edits = am_edits_new();
	g_auto(GStrv) lines = g_strsplit(script, "|", 0);
	for (char **line = lines; *line != NULL; line++) {
		AmEditOp op = **line == '<'   ? AM_EDIT_PREPEND
			      : **line == '>' ? AM_EDIT_APPEND
			      : **line == '=' ? AM_EDIT_REPLACE
					      : AM_EDIT_DELETE;
		char *value = strchr(*line, ' ');
		if (value != NULL)
			*value++ = '\0';
		g_assert_true(am_edits_add(edits, op, *line + 1, value, NULL));
	}
	return edits;
}

static void
test_values(void)
{
	static const char *const cases[][2] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "a\r\nb", "a  b" },
		{ "a\nBcc: x", "a Bcc: x" },
		{ "a\r\n b", "a\r\n b" },
		{ "a\n\tb", "a\r\n\tb" },
		{ "a\rb", "a b" },
		{ "a\r b", "a\r\n b" },
		{ "a\r\n \r\nb", "a     b" }, /* a line of blanks would end the header for some */
		{ "a\r\n \r\n b", "a   \r\n b" },
		{ "a\r\n", "a" },
		{ "a\r\n ", "a" },
		{ "\n a\n b", "\r\n a\r\n b" },
		{ "a\001\x7f"
		  "b",
		  "a  b" },
		{ "a\xff", "a\xef\xbf\xbd" },
		{ "Gr\xc3\xbc\xc3\x9f"
		  "e",
		  "Gr\xc3\xbc\xc3\x9f"
		  "e" },
		{ A50 " " A50, A50 "\r\n " A50 },
		{ A50 " b c " A50, A50 " b c\r\n " A50 },
		{ A50 "  " A50, A50 "\r\n  " A50 },
		{ A50 A50 " b", A50 A50 "\r\n b" },
		{ " " A50 A50, " " A50 A50 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(AmEdits) edits = am_edits_new();
		g_test_message("%zu", i);
		g_assert_true(am_edits_add(edits, AM_EDIT_APPEND, "X-Y", cases[i][0], NULL));
		g_assert_cmpstr(am_edits_get(edits, 0)->value, ==, cases[i][1]);
	}
}

static void
check_lines(const char *value, gsize name)
{
	g_auto(GStrv) lines = g_strsplit(value, "\r\n", 0);
	for (guint i = 0; lines[i] != NULL; i++) {
		g_assert_cmpuint(strlen(lines[i]) + (i == 0 ? name + 2 : 0), <=, 998);
		g_assert_null(strpbrk(lines[i], "\r\n"));
		if (i > 0) {
			g_assert_true(*lines[i] == ' ' || *lines[i] == '\t');
			g_assert_cmpuint(strspn(lines[i], " \t"), <, strlen(lines[i]));
		}
	}
	g_assert_true(g_utf8_validate(value, -1, NULL));
}

/* Whatever goes in, each line is one that may stand in a header; and time is linear. */
static void
test_values_random(void)
{
	static const char *const pieces[] = { "a",	  " ",
					      "\t",	  "\r",
					      "\n",	  "\r\n",
					      "\xc3\xbc", "\xff",
					      "\001",	  BLANKS20 BLANKS20,
					      A50 A50,	  A50 A50 A50 A50 };
	g_autoptr(GRand) rand = g_rand_new_with_seed(1);
	for (guint i = 0; i < 3000; i++) {
		g_autoptr(GString) value = g_string_new(NULL);
		g_autoptr(AmEdits) edits = am_edits_new();
		guint n = (guint)g_rand_int_range(rand, 0, i % 100 == 0 ? 3000 : 60);
		guint kinds = (guint)g_rand_int_range(rand, 1, G_N_ELEMENTS(pieces) + 1);
		for (guint k = 0; k < n; k++)
			g_string_append(value, pieces[g_rand_int_range(rand, 0, (gint)kinds)]);
		g_assert_true(am_edits_add(edits, AM_EDIT_REPLACE, "Subject", value->str, NULL));
		check_lines(am_edits_get(edits, 0)->value, strlen("Subject"));
	}
}

static void
test_bad_edits(void)
{
	static const char *const names[] = { "", "a b", "a:", "a\n", "\xc3\xbc", "\x7f", NULL };
	g_autoptr(AmEdits) edits = am_edits_new();
	for (guint i = 0; names[i] != NULL; i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(am_edits_add(edits, AM_EDIT_DELETE, names[i], NULL, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_SOFTWARE);
	}
	g_assert_false(am_edits_add(edits, AM_EDIT_APPEND, "A", NULL, NULL));
	g_assert_false(am_edits_add(edits, AM_EDIT_APPEND, NULL, "v", NULL));
	g_assert_false(am_edits_add(edits, AM_EDIT_APPEND, A50 A50 "a", "v", NULL));
	g_assert_cmpuint(am_edits_count(edits), ==, 0);
}

static void
test_equal(void)
{
	g_autoptr(AmEdits) empty = am_edits_new();
	g_autoptr(AmEdits) a = edits_of("<A 1|-B");
	g_autoptr(AmEdits) b = edits_of("<A 1|-B");
	g_assert_true(am_edits_equal(a, b));
	g_assert_cmpuint(am_edits_hash(a), ==, am_edits_hash(b));
	g_assert_true(am_edits_equal(NULL, empty));
	g_assert_cmpuint(am_edits_hash(NULL), ==, am_edits_hash(empty));
	g_assert_false(am_edits_equal(a, NULL));
	static const char *const others[] = { "<A 2|-B", "<A 1", "-B|<A 1", ">A 1|-B", "<C 1|-B" };
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
		g_autoptr(AmEdits) other = edits_of(others[i]);
		g_assert_false(am_edits_equal(a, other));
	}
}

#define HEADER "From: a\r\nSubject: hello\r\n world\r\nX-Spam: 1\r\nx-spam : 2\r\nTo: b\r\n"
#define BODY "\r\nSubject: not me\r\nbody\r\n"

static const struct {
	const char *script;
	const char *mail;
	const char *expected;
	gboolean has_no_report;
} writes[] = {
	{ "<A 1|<B 2", HEADER BODY, "B: 2\r\nA: 1\r\n" HEADER BODY },
	{ ">A 1|>B 2", HEADER BODY, HEADER "A: 1\r\nB: 2\r\n" BODY },
	{ "=Subject new", HEADER BODY,
	  "From: a\r\nSubject: new\r\nX-Spam: 1\r\nx-spam : 2\r\nTo: b\r\n" BODY },
	{ "=subject new|=Subject newer", HEADER BODY,
	  "From: a\r\nSubject: newer\r\nX-Spam: 1\r\nx-spam : 2\r\nTo: b\r\n" BODY },
	{ "=X-Spam 3", HEADER BODY,
	  "From: a\r\nSubject: hello\r\n world\r\nX-Spam: 3\r\nx-spam : 2\r\nTo: b\r\n" BODY },
	{ "-X-SPAM", HEADER BODY, "From: a\r\nSubject: hello\r\n world\r\nTo: b\r\n" BODY },
	{ "-X-Spam|>X-Spam 5", HEADER BODY,
	  "From: a\r\nSubject: hello\r\n world\r\nTo: b\r\nX-Spam: 5\r\n" BODY },
	{ "-X-Spam|=X-Spam 5", HEADER BODY,
	  "From: a\r\nSubject: hello\r\n world\r\nX-Spam: 5\r\nTo: b\r\n" BODY },
	{ "=X-Spam 5|-X-Spam", HEADER BODY,
	  "From: a\r\nSubject: hello\r\n world\r\nTo: b\r\n" BODY },
	{ "=New 5", HEADER BODY, HEADER "New: 5\r\n" BODY },
	{ "-None", HEADER BODY, HEADER BODY },
	{ "-From|-Subject|-X-Spam|-To", HEADER BODY, BODY },
	{ "<A 1|-From|=Subject x|-To|>Z 9", HEADER BODY,
	  "A: 1\r\nSubject: x\r\nX-Spam: 1\r\nx-spam : 2\r\nZ: 9\r\n" BODY },
	/* no body, no empty line, no line end, nothing at all */
	{ ">A 1", HEADER, HEADER "A: 1\r\n" },
	{ ">A 1", "To: b", "To: b\r\nA: 1\r\n" },
	{ "-To|>A 1", "To: b", "A: 1\r\n" },
	{ "=To c", "To: b", "To: c\r\n" },
	{ "-To", "To: b", "" },
	{ "<A 1|>B 2|=C 3", "\r\nbody\r\n", "A: 1\r\nB: 2\r\nC: 3\r\n\r\nbody\r\n" },
	{ "<A 1", "no header here\r\n", "A: 1\r\n\r\nno header here\r\n" },
	{ "-A", "no header here\r\n", "no header here\r\n" },
	{ "<A 1", "", "A: 1\r\n\r\n" },
	{ "-A", "", "" },
	/* lines that are no field inside the header stay */
	{ "-X|>Y 1", "From: a\r\nnonsense\r\nX: 1\r\n\r\nb\r\n",
	  "From: a\r\nY: 1\r\nnonsense\r\nX: 1\r\n\r\nb\r\n" },
	/* not inspected */
	{ "<A 1|>B 2|=Subject x|-From", HEADER BODY, "A: 1\r\nB: 2\r\n" HEADER BODY, TRUE },
	{ "<A 1", "no header here\r\n", "A: 1\r\n\r\nno header here\r\n", TRUE },
	{ "<A 1", " : x\r\n", "A: 1\r\n\r\n : x\r\n", TRUE },
	{ "<A 1", "X \t: x\r\n", "A: 1\r\nX \t: x\r\n", TRUE },
};

static void
test_write(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(writes); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) out = g_string_new(NULL);
		g_autoptr(AmEdits) edits = edits_of(writes[i].script);
		g_autoptr(AmReport) report =
			writes[i].has_no_report ? NULL : report_of(writes[i].mail);
		gsize len = strlen(writes[i].mail);
		g_auto(AmFd) fd = mail_fd(writes[i].mail, len);
		g_test_message("%zu: %s", i, writes[i].script);
		g_assert_true(am_edits_write(edits, fd, len, report, collect, out, &error));
		g_assert_no_error(error);
		g_assert_cmpstr(out->str, ==, writes[i].expected);
	}
}

/* A header and a body of many chunks, and no edits at all. */
static void
test_write_large(void)
{
	g_autoptr(GString) mail = g_string_new(NULL), expected = g_string_new(NULL);
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	for (guint i = 0; i < 9000; i++) {
		gboolean is_kept = i % 3 != 0;
		gsize before = mail->len;
		g_string_append_printf(mail, "%s: %u\r\n", is_kept ? "Received" : "X-Del", i);
		if (is_kept)
			g_string_append(expected, mail->str + before);
	}
	gsize header = mail->len, kept = expected->len;
	g_string_append(mail, "\r\n");
	for (guint i = 0; i < 30000; i++)
		g_string_append_printf(mail, "line %u\r\n", i);
	g_string_append(expected, mail->str + header);
	g_autoptr(AmReport) report = report_of(mail->str);
	g_auto(AmFd) fd = mail_fd(mail->str, mail->len);
	g_autoptr(AmEdits) edits = edits_of("-x-del|>Last 1");
	g_assert_true(am_edits_write(edits, fd, mail->len, report, collect, out, &error));
	g_assert_no_error(error);
	g_string_insert(expected, (gssize)kept, "Last: 1\r\n");
	g_assert_cmpuint(out->len, ==, expected->len);
	g_assert_true(g_string_equal(out, expected));
	g_string_truncate(out, 0);
	g_assert_true(am_edits_write(NULL, fd, mail->len, NULL, collect, out, &error));
	g_assert_true(g_string_equal(out, mail));
}

static gboolean
refuse(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	(void)data, (void)len, (void)user_data;
	g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "gone");
	return FALSE;
}

static void
test_write_fails(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(AmReport) report = report_of(HEADER BODY);
	g_autoptr(AmEdits) edits = edits_of("-To");
	gsize len = strlen(HEADER BODY);
	g_auto(AmFd) fd = mail_fd(HEADER BODY, len);
	AmHeaderField *last = report->fields->pdata[report->fields->len - 1];

	g_assert_false(am_edits_write(edits, fd, len, report, refuse, NULL, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
	g_clear_error(&error);
	g_assert_false(am_edits_write(edits, fd, len + 1, report, collect, out, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE); /* the file is shorter */
	g_clear_error(&error);
	last->len--; /* not a whole line */
	g_assert_false(am_edits_write(edits, fd, len, report, collect, out, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	g_clear_error(&error);
	last->offset--, last->len++;
	g_assert_false(am_edits_write(edits, fd, len, report, collect, out, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SOFTWARE); /* overlaps the field before */
	g_clear_error(&error);
	last->offset++, last->len = 0xffffffff;
	g_assert_false(am_edits_write(edits, fd, len, report, collect, out, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SOFTWARE);
	g_clear_error(&error);
	report->header_size = len + 1;
	g_assert_false(am_edits_write(edits, fd, len, report, collect, out, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SOFTWARE);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/edits/values", test_values);
	g_test_add_func("/edits/values-random", test_values_random);
	g_test_add_func("/edits/bad", test_bad_edits);
	g_test_add_func("/edits/equal", test_equal);
	g_test_add_func("/edits/write", test_write);
	g_test_add_func("/edits/write-large", test_write_large);
	g_test_add_func("/edits/write-fails", test_write_fails);
	return g_test_run();
}
