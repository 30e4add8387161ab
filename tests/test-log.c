/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The log: lines whole and safe, as text and as JSON; what is lost is told. */

#include <config.h>

#include "log/log.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char *
make_path(void)
{
	char *path = g_build_filename(g_get_tmp_dir(), "amavisd-log-XXXXXX", NULL);
	int fd = g_mkstemp(path);
	g_assert_cmpint(fd, >=, 0);
	(void)close(fd);
	return path;
}

static void
open_log(const char *path, AmLogFormat format, AmLogLevel level)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *target = g_strconcat("file:", path, NULL);
	g_assert_true(am_log_open(target, format, level, &error));
	g_assert_no_error(error);
}

static char *
read_log(const char *path)
{
	char *text;
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

/* Behind time and process. */
static const char *
message_of(const char *line)
{
	const char *at = strstr(line, "]: ");
	return at != NULL ? at + 3 : "";
}

static void
test_text(void)
{
	g_autofree char *path = make_path();
	open_log(path, AM_LOG_TEXT, AM_LOG_INFO);
	am_log_set_process("session");
	am_info("hello %d", 5);
	am_debug("not this");
	am_log(AM_LOG_WARNING, "abc", "a\nb\x7f\xff\xc3\xbc\\");
	am_error("bad");
	am_log_record(AM_LOG_INFO, "id: record\r\nforged line");
	g_autofree char *text = read_log(path);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	g_assert_cmpuint(g_strv_length(lines), ==, 5);
	g_assert_true(g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}[+-]"
					   "\\d\\d:\\d\\d session\\[\\d+\\]: hello 5$",
					   lines[0], 0, 0));
	g_assert_cmpstr(message_of(lines[1]), ==, "abc: warning: a\\x0ab\\x7f\\xff\xc3\xbc\\");
	g_assert_cmpstr(message_of(lines[2]), ==, "error: bad");
	g_assert_cmpstr(message_of(lines[3]), ==, "id: record\\x0d\\x0aforged line");
	g_assert_true(am_log_is_on(AM_LOG_WARNING));
	g_assert_false(am_log_is_on(AM_LOG_DEBUG));
	g_assert_cmpint(am_log_format(), ==, AM_LOG_TEXT);
	g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
test_json(void)
{
	g_autofree char *path = make_path();
	open_log(path, AM_LOG_JSON, AM_LOG_DEBUG);
	am_log(AM_LOG_WARNING, "abc", "say \"hi\" \\ \n\xff");
	am_log_record(AM_LOG_INFO, "{\"a\":1}");
	g_autofree char *text = read_log(path);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	g_assert_cmpuint(g_strv_length(lines), ==, 3);
	g_autoptr(JsonParser) parser = json_parser_new();
	g_assert_true(json_parser_load_from_data(parser, lines[0], -1, NULL));
	JsonObject *object = json_node_get_object(json_parser_get_root(parser));
	g_assert_cmpstr(json_object_get_string_member(object, "level"), ==, "warning");
	g_assert_cmpstr(json_object_get_string_member(object, "mail_id"), ==, "abc");
	g_assert_cmpstr(json_object_get_string_member(object, "message"), ==,
			"say \"hi\" \\ \\x0a\\xff");
	g_assert_cmpint(json_object_get_int_member(object, "pid"), ==, getpid());
	g_assert_true(json_object_has_member(object, "time"));
	g_assert_true(json_object_has_member(object, "process"));
	g_assert_cmpstr(lines[1], ==, "{\"a\":1}");
	g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
test_long(void)
{
	g_autofree char *path = make_path();
	g_autofree char *much = g_strnfill(100000, 'x');
	g_autofree char *control = g_strnfill(100000, '\001');
	open_log(path, AM_LOG_TEXT, AM_LOG_INFO);
	am_info("%s", much);
	am_info("%s", control);
	much[60000] = '\0';
	am_log_record(AM_LOG_INFO, much);
	g_autofree char *text = read_log(path);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	g_assert_cmpuint(g_strv_length(lines), ==, 4);
	g_assert_cmpuint(strlen(message_of(lines[0])), ==, 4096);
	g_assert_cmpuint(strlen(message_of(lines[1])), ==, 4096);
	g_assert_cmpuint(strlen(message_of(lines[2])), ==, 60000);
	g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
test_reopen(void)
{
	g_autofree char *path = make_path();
	g_autofree char *old = g_strconcat(path, ".1", NULL);
	struct stat st;
	open_log(path, AM_LOG_TEXT, AM_LOG_INFO);
	am_info("one");
	g_assert_cmpint(g_rename(path, old), ==, 0);
	am_info("two");
	g_assert_true(am_log_reopen(NULL));
	am_info("three");
	g_autofree char *before = read_log(old);
	g_autofree char *after = read_log(path);
	g_assert_true(g_str_has_suffix(before, "two\n"));
	g_assert_true(g_str_has_suffix(after, "three\n"));
	g_assert_null(strstr(after, "two"));
	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0137, ==, 0); /* 0640 at most */
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(g_unlink(old), ==, 0);
}

static void
test_targets(void)
{
	static const char *const bad[] = { "", "file", "file:relative", "stdout",
					   "file:/nonexistent/x" };
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(am_log_open(bad[i], AM_LOG_TEXT, AM_LOG_INFO, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	}
	g_autoptr(GError) error = NULL;
#ifdef HAVE_SYSTEMD
	g_assert_true(am_log_open("journal", AM_LOG_TEXT, AM_LOG_INFO, &error));
	am_log(AM_LOG_DEBUG, "abc", "not sent");
#else
	g_assert_false(am_log_open("journal", AM_LOG_TEXT, AM_LOG_INFO, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
#endif
	g_assert_true(am_log_open("syslog", AM_LOG_TEXT, AM_LOG_ERROR, NULL));
	am_log_set_process("session");
	am_info("not sent");
}

/* Under the journal, standard error carries the level and no time of its own. */
static void
test_stderr(void)
{
	if (!g_test_subprocess()) {
		g_test_trap_subprocess(NULL, 0, 0);
		g_test_trap_assert_passed();
		g_test_trap_assert_stderr("<3>content[*]: error: one\n<6>content[*]: two\n"
					  "20*content[*]: three\n");
		return;
	}
	g_setenv("JOURNAL_STREAM", "8:1", TRUE);
	am_log_set_process("content");
	g_assert_true(am_log_open("stderr", AM_LOG_TEXT, AM_LOG_INFO, NULL));
	am_error("one");
	am_info("two");
	g_unsetenv("JOURNAL_STREAM");
	g_assert_true(am_log_open("stderr", AM_LOG_TEXT, AM_LOG_INFO, NULL));
	am_info("three");
}

/* Lines that do not fit on a full disk are counted and told, and half a line ends. */
static void
test_full(void)
{
	g_autofree char *directory = g_dir_make_tmp("amavisd-log-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(directory, "log", NULL);
	g_autofree char *filler = g_strnfill(3000, 'x');
	if (mount("none", directory, "tmpfs", 0, "size=8k") < 0) {
		g_test_skip("a small file system cannot be mounted");
		g_assert_cmpint(g_rmdir(directory), ==, 0);
		return;
	}
	open_log(path, AM_LOG_TEXT, AM_LOG_INFO);
	for (guint i = 0; i < 6; i++)
		am_info("%s", filler);
	g_assert_cmpint(truncate(path, 5000), ==, 0);
	am_info("again");
	g_autofree char *text = read_log(path);
	g_auto(GStrv) lines = g_strsplit(text + 5000, "\n", 0);
	g_assert_cmpuint(g_strv_length(lines), ==, 4);
	g_assert_cmpstr(lines[0], ==, ""); /* the line torn before */
	g_assert_cmpstr(message_of(lines[1]), ==, "error: 4 log lines could not be written");
	g_assert_cmpstr(message_of(lines[2]), ==, "again");
	g_assert_true(am_log_open("stderr", AM_LOG_TEXT, AM_LOG_INFO, NULL));
	g_assert_cmpint(umount(directory), ==, 0);
	g_assert_cmpint(g_rmdir(directory), ==, 0);
}

static gpointer
write_lines(gpointer data)
{
	for (guint i = 0; i < 500; i++)
		am_log(AM_LOG_INFO, "id", "thread %d line %u of a length that could be torn apart",
		       GPOINTER_TO_INT(data), i);
	return NULL;
}

static void
test_threads(void)
{
	g_autofree char *path = make_path();
	GThread *threads[4];
	open_log(path, AM_LOG_TEXT, AM_LOG_INFO);
	for (gint i = 0; i < 4; i++)
		threads[i] = g_thread_new("log", write_lines, GINT_TO_POINTER(i));
	for (gint i = 0; i < 4; i++)
		g_thread_join(threads[i]);
	g_autofree char *text = read_log(path);
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
	g_assert_cmpuint(g_strv_length(lines), ==, 2001);
	for (guint i = 0; i < 2000; i++)
		g_assert_true(g_str_has_prefix(message_of(lines[i]), "id: thread ") &&
			      g_str_has_suffix(lines[i], "torn apart"));
	g_assert_cmpint(g_unlink(path), ==, 0);
}

static void
test_append_safe(void)
{
	static const struct {
		const char *text;
		gsize max;
		const char *safe;
	} cases[] = {
		{ "plain", 100, "plain" },
		{ "", 100, "\"\"" },
		{ "two words", 100, "\"two words\"" },
		{ "a=b", 100, "\"a=b\"" },
		{ "a\"b", 100, "\"a\\x22b\"" },
		{ "a\\b", 100, "a\\x5cb" },
		{ "a\nb", 100, "a\\x0ab" },
		{ "a\nb", 4, "a" },
		{ "abcdef", 3, "abc" },
		{ "\xc3\xbc\xc3\xbc", 3, "\xc3\xbc" },
		{ "\xff", 100, "\\xff" },
		{ "\xc3", 100, "\\xc3" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) out = g_string_new("k=");
		g_autofree char *exact = g_strdup(cases[i].text);
		am_log_append_safe(out, exact, cases[i].max);
		g_assert_cmpstr(out->str + 2, ==, cases[i].safe);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log/text", test_text);
	g_test_add_func("/log/json", test_json);
	g_test_add_func("/log/long", test_long);
	g_test_add_func("/log/reopen", test_reopen);
	g_test_add_func("/log/targets", test_targets);
	g_test_add_func("/log/stderr", test_stderr);
	g_test_add_func("/log/full", test_full);
	g_test_add_func("/log/threads", test_threads);
	g_test_add_func("/log/append-safe", test_append_safe);
	return g_test_run();
}
