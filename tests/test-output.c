/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Next hops that are no servers, by way of the client as the pipeline uses it. */

#include <config.h>

#include "output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "log/log.h"
#include "mail/fd.h"
#include "output/lines.h"
#include "smtp-job.h"

#define TEXT "Subject: x\r\n\r\nFrom here\r\n.\r\n>From there\r\nFrom\r\n"
#define TEXT_LF "Subject: x\n\nFrom here\n.\n>From there\nFrom\n"
#define HEAD "Return-Path: <s@x.org>\nX-Envelope-To: <a@x.org>,\n\t<b@x.org>\n"

/* -- lines -- */

static gboolean
gather(gconstpointer data, gsize len, gpointer user_data, GError **error G_GNUC_UNUSED)
{
	g_string_append_len(user_data, data, (gssize)len);
	return TRUE;
}

static void
test_lines(void)
{
	static const struct {
		const char *in, *plain, *mboxrd;
	} cases[] = {
		{ "", "", "" },
		{ "a\r\nb\r\n", "a\nb\n", "a\nb\n" },
		{ "a", "a\n", "a\n" },
		{ "a\rb\r\r\n\n", "a\rb\r\n\n", "a\rb\r\n\n" },
		{ "a\r", "a\r\n", "a\r\n" },
		{ "From x\r\n", "From x\n", ">From x\n" },
		{ "From \r\n", "From \n", ">From \n" },
		{ "From", "From\n", "From\n" },
		{ "From\r\nFro\r\n>\r\n", "From\nFro\n>\n", "From\nFro\n>\n" },
		{ ">From x\r\n>>>From \r\n", ">From x\n>>>From \n", ">>From x\n>>>>From \n" },
		{ "> From x\r\nFFrom y\r\n>F>From z\r\n", "> From x\nFFrom y\n>F>From z\n",
		  "> From x\nFFrom y\n>F>From z\n" },
		{ "a\r\nFrom x\r\n From y\r\nxFrom z", "a\nFrom x\n From y\nxFrom z\n",
		  "a\n>From x\n From y\nxFrom z\n" },
		{ ">>>>>>x\r\nFrom\r", ">>>>>>x\nFrom\r\n", ">>>>>>x\nFrom\r\n" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		gsize len = strlen(cases[i].in);
		for (gsize cut = 0; cut <= 2 * len + 1; cut++) {
			g_autoptr(GString) out = g_string_new(NULL);
			AmLineWriter lines = { .write = gather,
					       .user_data = out,
					       .is_mboxrd = cut > len };
			gsize first = cut > len ? cut - len - 1 : cut;
			g_assert_true(am_line_writer_write(cases[i].in, first, &lines, NULL));
			g_assert_true(am_line_writer_write(cases[i].in + first, len - first, &lines,
							   NULL));
			g_assert_true(am_line_writer_finish(&lines, NULL));
			g_assert_cmpstr(out->str, ==, cut > len ? cases[i].mboxrd : cases[i].plain);
		}
	}
}

/* A line of any number of '>' is no memory. */
static void
test_long_quotes(void)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *quotes = g_strnfill(5000, '>');
	AmLineWriter lines = { .write = gather, .user_data = out, .is_mboxrd = TRUE };
	g_assert_true(am_line_writer_write(quotes, 5000, &lines, NULL));
	g_assert_cmpuint(out->len, ==, 0);
	g_assert_true(am_line_writer_write("From x\r\n", 8, &lines, NULL));
	g_assert_cmpuint(out->len, ==, 5001 + 7);
}

/* -- deliveries -- */

typedef struct {
	char *dir;
	AmConfig *config;
	AmSmtpPool *pool;
	Job job;
} Fixture;

static char *
in_dir(const Fixture *fixture, const char *name)
{
	return g_build_filename(fixture->dir, name, NULL);
}

static char *
read_file(const Fixture *fixture, const char *name)
{
	g_autofree char *path = in_dir(fixture, name);
	char *text = NULL;
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

static void
write_program(const Fixture *fixture, const char *name, const char *text)
{
	g_autofree char *path = in_dir(fixture, name);
	g_autofree char *script =
		g_strdup_printf("#!/bin/sh\ncd '%s' || exit 75\n%s\n", fixture->dir, text);
	g_assert_true(g_file_set_contents(path, script, -1, NULL));
	g_assert_cmpint(g_chmod(path, 0755), ==, 0);
}

static void
set_up(Fixture *fixture, gconstpointer recipients)
{
	g_autoptr(GError) error = NULL;
	fixture->dir = g_dir_make_tmp("amavisd-output-XXXXXX", &error);
	g_assert_no_error(error);
	fixture->config = NULL;
	fixture->pool = NULL;
	job_init(&fixture->job, recipients != NULL ? recipients : "a@x.org,b@x.org", TEXT);
	fixture->job.transaction.mail_id = "abcdefghijklmnop";
	fixture->job.transaction.deadline_us = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
}

/* settings: of the groups [pipe]; PATH is the directory. */
static void
configure(Fixture *fixture, const char *settings)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autofree char *spool =
		g_strdup_printf("[amavisd]\nspool_directory = %s\n%s", fixture->dir, settings);
	g_autoptr(GString) text = g_string_new(spool);
	g_string_replace(text, "PATH", fixture->dir, 0);
	AmSmtpClientConfig client = peer_client_config(1000);
	fixture->config = am_config_load_data("test", text->str, problems);
	client.outputs = am_outputs_new(fixture->config, "me.example", problems);
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *problem = am_config_problem_to_string(problems->pdata[i]);
		g_error("%s", problem);
	}
	fixture->pool = am_smtp_pool_new(&client);
}

static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	const char *argv[] = { "rm", "-rf", fixture->dir, NULL };
	job_clear(&fixture->job);
	am_smtp_pool_free(fixture->pool);
	am_config_unref(fixture->config);
	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
				   NULL, NULL, NULL));
	g_free(fixture->dir);
}

/* route: PATH is the directory. */
static void
assert_delivery(Fixture *fixture, const char *route, const char *replies)
{
	g_autoptr(GString) text = g_string_new(route);
	AmSmtpTransaction *transaction = &fixture->job.transaction;
	g_string_replace(text, "PATH", fixture->dir, 0);
	for (guint i = 0; i < transaction->deliveries->len; i++) {
		AmDelivery *delivery = transaction->deliveries->pdata[i];
		g_clear_pointer(&delivery->reply, am_reply_free);
	}
	job_deliver(&fixture->job, fixture->pool, text->str);
	g_autofree char *said = job_replies(&fixture->job);
	g_assert_cmpstr(said, ==, replies);
}

static const char *
reply_text(const Fixture *fixture)
{
	const AmDelivery *delivery = fixture->job.transaction.deliveries->pdata[0];
	return delivery->reply->text;
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a directory, sorted, those of hidden files too; to be freed. */
static char *
list(const Fixture *fixture, const char *name)
{
	g_autofree char *path = in_dir(fixture, name);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *one;
	g_assert_nonnull(dir);
	while ((one = g_dir_read_name(dir)) != NULL)
		g_ptr_array_add(names, g_strdup(one));
	g_ptr_array_sort(names, compare_names);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(" ", (char **)names->pdata);
}

/* -- mbox -- */

#define MBOX_MAIL HEAD "Subject: x\n\n>From here\n.\n>>From there\nFrom\n\n"

static void
test_mbox(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	configure(fixture, "");
	for (guint n = 1; n <= 2; n++) {
		assert_delivery(fixture, "mbox:PATH/box", "250 2.6.0,250 2.6.0");
		g_autofree char *text = read_file(fixture, "box");
		g_autoptr(GRegex) from =
			g_regex_new("^From s@x\\.org [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} "
				    "[0-9:]{8} [0-9]{4}\n",
				    G_REGEX_MULTILINE, 0, NULL);
		g_autofree char *bare = g_regex_replace(from, text, -1, 0, "-\n", 0, NULL);
		g_assert_cmpstr(bare, ==,
				n == 1 ? "-\n" MBOX_MAIL : "-\n" MBOX_MAIL "-\n" MBOX_MAIL);
	}
	g_autofree char *left = list(fixture, ".");
	g_assert_cmpstr(left, ==, "box"); /* and no lock */
}

/* What another has left unfinished does not swallow our mail. */
static void
test_mbox_unfinished(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "From x\n\nhalf", "From x\n\nhalf\n\n" },
		{ "From x\n\nline\n", "From x\n\nline\n\n" },
		{ "From x\n\nwhole\n\n", "From x\n\nwhole\n\n" },
		{ "x", "x\n\n" },
		{ "\n", "\n\n" },
	};
	g_autofree char *box = in_dir(fixture, "box");
	configure(fixture, "");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_assert_true(g_file_set_contents(box, cases[i][0], -1, NULL));
		g_assert_cmpint(g_chmod(box, 0600), ==, 0);
		assert_delivery(fixture, "mbox:PATH/box", "250 2.6.0,250 2.6.0");
		g_autofree char *text = read_file(fixture, "box");
		g_autofree char *start = g_strconcat(cases[i][1], "From s@x.org ", NULL);
		g_assert_true(g_str_has_prefix(text, start));
	}
}

static void
test_mbox_refused(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *box = in_dir(fixture, "box");
	g_autofree char *other = in_dir(fixture, "other");
	configure(fixture, "");
	assert_delivery(fixture, "mbox:PATH/none/box", "451 4.3.0,451 4.3.0");
	g_assert_true(g_file_set_contents(box, "x", -1, NULL));
	g_assert_cmpint(g_chmod(box, 0700), ==, 0);
	assert_delivery(fixture, "mbox:PATH/box", "451 4.3.0,451 4.3.0"); /* executable */
	g_assert_cmpint(g_chmod(box, 0600), ==, 0);
	g_assert_cmpint(link(box, other), ==, 0);
	assert_delivery(fixture, "mbox:PATH/box", "451 4.3.0,451 4.3.0"); /* a second name */
	g_assert_cmpint(g_unlink(other), ==, 0);
	g_assert_cmpint(symlink(box, other), ==, 0);
	assert_delivery(fixture, "mbox:PATH/other", "451 4.3.0,451 4.3.0");
	g_assert_cmpint(g_unlink(other), ==, 0);
	g_assert_cmpint(mkfifo(other, 0600), ==, 0);
	assert_delivery(fixture, "mbox:PATH/other", "451 4.3.0,451 4.3.0");
	g_autofree char *text = read_file(fixture, "box");
	g_assert_cmpstr(text, ==, "x");
	assert_delivery(fixture, "mbox:PATH", "451 4.3.0,451 4.3.0"); /* a directory */
	assert_delivery(fixture, "mbox:PATH/box", "250 2.6.0,250 2.6.0");
}

/* Whoever else has the mailbox locked is waited for, but not for ever. */
static void
test_mbox_locked(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *box = in_dir(fixture, "box");
	g_autofree char *dot = in_dir(fixture, "box.lock");
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct utimbuf long_ago = { .actime = 1000, .modtime = 1000 };
	configure(fixture, "");
	g_auto(AmFd) fd = open(box, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	g_assert_cmpint(fcntl(fd, F_OFD_SETLK, &lock), ==, 0);
	fixture->job.transaction.deadline_us = g_get_monotonic_time() + 200000;
	assert_delivery(fixture, "mbox:PATH/box", "451 4.3.0,451 4.3.0");
	am_fd_clear(&fd);
	g_assert_true(g_file_set_contents(dot, "", -1, NULL));
	fixture->job.transaction.deadline_us = g_get_monotonic_time() + 200000;
	assert_delivery(fixture, "mbox:PATH/box", "451 4.3.0,451 4.3.0");
	g_assert_true(g_file_test(dot, G_FILE_TEST_EXISTS)); /* it is another's */
	g_assert_cmpint(g_utime(dot, &long_ago), ==, 0);
	fixture->job.transaction.deadline_us = g_get_monotonic_time() + 5 * G_USEC_PER_SEC;
	assert_delivery(fixture, "mbox:PATH/box", "250 2.6.0,250 2.6.0");
	g_assert_false(g_file_test(dot, G_FILE_TEST_EXISTS));
}

/* -- a disk that is full -- */

static void
limit_files(rlim_t size)
{
	struct rlimit limit;
	(void)signal(SIGXFSZ, SIG_IGN);
	g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
	limit.rlim_cur = size;
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
}

/* Nothing half written is left by any of them. */
static void
test_full(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *box = in_dir(fixture, "box");
	configure(fixture, "");
	g_assert_true(g_file_set_contents(box, "before\n", -1, NULL));
	g_assert_cmpint(g_chmod(box, 0600), ==, 0);
	limit_files(40);
	assert_delivery(fixture, "mbox:PATH/box", "451 4.3.0,451 4.3.0");
	assert_delivery(fixture, "maildir:PATH/dir", "451 4.3.0,451 4.3.0");
	assert_delivery(fixture, "bsmtp:PATH/%m", "451 4.3.0,451 4.3.0");
	limit_files(RLIM_INFINITY);
	g_autofree char *text = read_file(fixture, "box");
	g_autofree char *left = list(fixture, ".");
	g_autofree char *tmp = list(fixture, "dir/tmp");
	g_autofree char *new = list(fixture, "dir/new");
	g_assert_cmpstr(text, ==, "before\n");
	g_assert_cmpstr(left, ==, "box dir");
	g_assert_cmpstr(tmp, ==, "");
	g_assert_cmpstr(new, ==, "");
}

/* -- maildir -- */

static void
test_maildir(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	configure(fixture, "");
	assert_delivery(fixture, "maildir:PATH/dir", "250 2.6.0,250 2.6.0");
	g_autofree char *tmp = list(fixture, "dir/tmp");
	g_autofree char *name = list(fixture, "dir/new");
	g_autofree char *inside = g_build_filename("dir/new", name, NULL);
	g_autofree char *text = read_file(fixture, inside);
	g_assert_cmpstr(tmp, ==, "");
	g_assert_true(g_regex_match_simple("^[0-9]+\\.M[0-9]+P[0-9]+R[0-9a-f]{16}\\.me\\.example$",
					   name, 0, 0));
	g_assert_cmpstr(text, ==, HEAD TEXT_LF);
	assert_delivery(fixture, "maildir:PATH/dir", "250 2.6.0,250 2.6.0");
	g_autofree char *both = list(fixture, "dir/new");
	g_assert_cmpuint(strlen(both), >, strlen(name) + 10);
	assert_delivery(fixture, "maildir:PATH/none/dir", "451 4.3.0,451 4.3.0");
}

static void
test_maildir_links(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *real = in_dir(fixture, "real");
	g_autofree char *other = in_dir(fixture, "other");
	g_autofree char *new = in_dir(fixture, "dir/new");
	configure(fixture, "");
	g_assert_cmpint(g_mkdir(real, 0700), ==, 0);
	g_assert_cmpint(symlink(real, other), ==, 0);
	assert_delivery(fixture, "maildir:PATH/other", "451 4.3.0,451 4.3.0");
	assert_delivery(fixture, "bsmtp:PATH/other/x", "451 4.3.0,451 4.3.0");
	assert_delivery(fixture, "maildir:PATH/dir", "250 2.6.0,250 2.6.0");
	g_autofree char *name = list(fixture, "dir/new");
	g_autofree char *mail = g_build_filename(new, name, NULL);
	g_assert_cmpint(g_unlink(mail), ==, 0);
	g_assert_cmpint(g_rmdir(new), ==, 0);
	g_assert_cmpint(symlink(real, new), ==, 0);
	assert_delivery(fixture, "maildir:PATH/dir", "451 4.3.0,451 4.3.0");
	g_autofree char *empty = list(fixture, "real");
	g_assert_cmpstr(empty, ==, "");
}

/* -- batch SMTP -- */

static void
test_bsmtp(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	configure(fixture, "");
	assert_delivery(fixture, "bsmtp:PATH/%%-%s-%n%b.bsmtp", "250 2.6.0,250 2.6.0");
	g_autofree char *text = read_file(fixture, "%-s@x.org-abcdefghijklmnop.bsmtp");
	g_assert_true(g_str_has_prefix(text, "EHLO me.example\r\nMAIL FROM:<s@x.org> SIZE="));
	g_assert_true(g_str_has_suffix(
		text, "\r\nRCPT TO:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n"
		      "Subject: x\r\n\r\nFrom here\r\n..\r\n>From there\r\nFrom\r\n"
		      ".\r\nQUIT\r\n"));
	/* what is there stays: a mail whose recipients get different headers comes as several */
	assert_delivery(fixture, "bsmtp:PATH/%%-%s-%n.bsmtp", "250 2.6.0,250 2.6.0");
	g_autofree char *again = read_file(fixture, "%-s@x.org-abcdefghijklmnop.bsmtp.1");
	g_assert_cmpstr(again, ==, text);
	g_free(fixture->job.envelope->sender);
	fixture->job.envelope->sender = g_strdup("../../e t@x");
	assert_delivery(fixture, "bsmtp:PATH/%s", "250 2.6.0,250 2.6.0");
	g_autofree char *left = list(fixture, ".");
	g_assert_cmpstr(left, ==,
			"%-s@x.org-abcdefghijklmnop.bsmtp %-s@x.org-abcdefghijklmnop.bsmtp.1 "
			"..=..=e=t@x");
}

/* No sender makes a name that no file can have, or none at all. */
static void
test_bsmtp_senders(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *start = g_strnfill(100, 'l');
	configure(fixture, "");
	g_free(fixture->job.envelope->sender);
	fixture->job.envelope->sender = g_strdup_printf("%s%s%s@x", start, start, start);
	assert_delivery(fixture, "bsmtp:PATH/%s", "250 2.6.0,250 2.6.0");
	g_free(fixture->job.envelope->sender);
	fixture->job.envelope->sender = g_strdup("");
	assert_delivery(fixture, "bsmtp:PATH/%s", "250 2.6.0,250 2.6.0");
	g_autofree char *left = list(fixture, ".");
	g_autofree char *expected = g_strconcat("MAILER-DAEMON ", start, NULL);
	g_assert_cmpstr(left, ==, expected);
}

/* -- programs -- */

static void
test_pipe(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	write_program(fixture, "take",
		      "printf '%s|' \"$@\" >args; cat >mail; env | sort >env; pwd >pwd");
	configure(fixture, "[pipe one]\ncommand = PATH/take -f %{sender} 'a b' -r=%{recipient}; "
			   "-- %{recipient} %{mail_id}\nreturn_path = yes\n");
	assert_delivery(fixture, "pipe:one", "250 2.6.0,250 2.6.0");
	g_autofree char *args = read_file(fixture, "args");
	g_autofree char *mail = read_file(fixture, "mail");
	g_autofree char *env = read_file(fixture, "env");
	g_assert_cmpstr(
		args, ==,
		"-f|s@x.org|a b|-r=a@x.org;|-r=b@x.org;|--|a@x.org|b@x.org|abcdefghijklmnop|");
	g_assert_cmpstr(mail, ==, "Return-Path: <s@x.org>\n" TEXT_LF);
	g_assert_null(strstr(env, "G_TEST"));
	g_assert_nonnull(strstr(env, "PATH=/usr/sbin:"));
}

static void
test_pipe_single(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	write_program(fixture, "take",
		      "echo \"$*\" >>args; cat >>mail; [ \"$1\" != b@x.org ] || exit 67");
	configure(fixture, "[pipe one]\ncommand = PATH/take %{recipient} %{sender}\nsingle = yes\n"
			   "line_end = crlf\nnull_sender = nobody\n");
	g_free(fixture->job.envelope->sender);
	fixture->job.envelope->sender = g_strdup("");
	assert_delivery(fixture, "pipe:one", "250 2.6.0,554 5.1.1");
	g_autofree char *args = read_file(fixture, "args");
	g_autofree char *mail = read_file(fixture, "mail");
	g_assert_cmpstr(args, ==, "a@x.org nobody\nb@x.org nobody\n");
	g_assert_cmpstr(mail, ==, TEXT TEXT);
}

static void
test_pipe_dsn(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	AmRecipient *first = fixture->job.envelope->recipients->pdata[0];
	write_program(fixture, "take", "echo \"$*\" >>args");
	configure(fixture,
		  "[pipe one]\ncommand = PATH/take -f %{sender} -- %{recipient}\ndsn = yes\n");
	g_free(first->notify);
	first->notify = g_strdup("SUCCESS,DELAY");
	g_free(fixture->job.envelope->ret);
	fixture->job.envelope->ret = g_strdup("HDRS");
	g_free(fixture->job.envelope->envid);
	fixture->job.envelope->envid = g_strdup("Id+2B");
	assert_delivery(fixture, "pipe:one", "250 2.6.0,250 2.6.0");
	g_autofree char *args = read_file(fixture, "args");
	g_assert_cmpstr(args, ==,
			"-N success,delay -R hdrs -V Id+2B -f s@x.org -- a@x.org\n"
			"-R hdrs -V Id+2B -f s@x.org -- b@x.org\n");
}

/* An address never becomes an option or two arguments. */
static void
test_pipe_arguments(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	write_program(fixture, "take", "printf '%s|' \"$@\" >args");
	configure(fixture, "[pipe bare]\ncommand = PATH/take %{recipient}\n"
			   "[pipe option]\ncommand = PATH/take -r%{recipient}\n");
	assert_delivery(fixture, "pipe:bare", "553 5.1.0");
	g_autofree char *args = in_dir(fixture, "args");
	g_assert_false(g_file_test(args, G_FILE_TEST_EXISTS));
	assert_delivery(fixture, "pipe:option", "250 2.6.0");
	g_autofree char *text = read_file(fixture, "args");
	g_assert_cmpstr(text, ==, "-r-oX/tmp/x@x.org|");
}

/* A recipient that is refused so takes nothing from the others. */
static void
test_pipe_one_bad(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *take = in_dir(fixture, "take");
	write_program(fixture, "take", "printf '%s|' \"$@\" >>args");
	configure(fixture, "[pipe bare]\ncommand = PATH/take %{recipient}\n");
	assert_delivery(fixture, "pipe:bare", "250 2.6.0,553 5.1.0,250 2.6.0");
	g_autofree char *args = read_file(fixture, "args");
	g_assert_cmpstr(args, ==, "a@x.org|b@x.org|");
	g_assert_cmpint(g_unlink(take), ==, 0);
	assert_delivery(fixture, "pipe:bare", "451 4.3.0,553 5.1.0,451 4.3.0");
}

static void
test_pipe_ends(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *script, *reply, *text;
	} cases[] = {
		{ "exit 0", "250 2.6.0", "delivered" },
		{ "echo kept in the box; exit 0", "250 2.6.0", "kept in the box" },
		{ "exit 65", "554 5.6.0", "the mail's format is wrong" },
		{ "exit 67", "554 5.1.1", "no such user" },
		{ "exit 68", "554 5.1.2", "no such host" },
		{ "exit 69", "554 5.5.0", "refused" },
		{ "exit 73", "554 5.2.0", "cannot be delivered" },
		{ "echo 5.2.2 mailbox is full >&2; exit 69", "554 5.2.2", "mailbox is full" },
		{ "echo 4.2.2 not that class; exit 69", "554 5.5.0", "4.2.2 not that class" },
		{ "echo 5.2.2000 no code; exit 69", "554 5.5.0", "5.2.2000 no code" },
		{ "exit 75", "450 4.2.0", "try again later" },
		{ "printf '4.2.2 over\\nquota\\r\\n'; exit 75", "450 4.2.2", "over quota" },
		{ "exit 77", "554 5.7.1", "not permitted" },
		{ "exit 1", "451 4.3.0", "one ended with status 1" },
		{ "echo what; exit 127", "451 4.3.0", "one ended with status 127: what" },
		{ "kill -9 $$", "451 4.3.0", "one was ended by signal 9" },
		{ "printf '\\377\\001'; exit 69", "554 5.5.0", NULL },
		/* reads nothing, says much, or leaves a child that holds on to the pipe */
		{ "yes | head -c 300000; exit 67", "554 5.1.1", NULL },
		{ "sleep 20 & exit 0", "250 2.6.0", "delivered" },
	};
	configure(fixture, "[pipe one]\ncommand = /bin/sh PATH/run\n");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *expected =
			g_strdup_printf("%s,%s", cases[i].reply, cases[i].reply);
		g_test_message("%s", cases[i].script);
		write_program(fixture, "run", cases[i].script);
		assert_delivery(fixture, "pipe:one", expected);
		if (cases[i].text != NULL)
			g_assert_cmpstr(reply_text(fixture), ==, cases[i].text);
		g_assert_cmpuint(strlen(reply_text(fixture)), <, 600);
	}
}

/* One that takes too long ends with all it started. */
static void
test_pipe_time(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	write_program(fixture, "run", "sleep 50 & echo $! >child; wait");
	configure(fixture, "[pipe one]\ncommand = PATH/run\ntime_limit = 1s\n");
	assert_delivery(fixture, "pipe:one", "451 4.3.0,451 4.3.0");
	g_assert_cmpstr(reply_text(fixture), ==, "one took too long");
	g_autofree char *child = read_file(fixture, "child");
	pid_t pid = (pid_t)atoi(child);
	g_assert_cmpint(pid, >, 1);
	for (guint i = 0; i < 100 && kill(pid, 0) == 0; i++) {
		/* where nobody reaps orphans it stays, but as a zombie */
		g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
		g_autofree char *stat = NULL;
		if (!g_file_get_contents(path, &stat, NULL, NULL) || strstr(stat, ") Z ") != NULL)
			return;
		g_usleep(20000);
	}
	g_assert_cmpint(kill(pid, 0), <, 0);
}

static void
test_failover(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *gone = in_dir(fixture, "gone");
	write_program(fixture, "gone", "exit 0");
	write_program(fixture, "later", "exit 75");
	configure(fixture,
		  "[pipe gone]\ncommand = PATH/gone\n[pipe later]\ncommand = PATH/later\n");
	g_assert_cmpint(g_unlink(gone), ==, 0);
	/* in order, until one takes it */
	assert_delivery(
		fixture,
		"pipe:gone,smtp:[127.0.0.1]:1,mbox:PATH/none/x,maildir:PATH/dir,mbox:PATH/y",
		"250 2.6.0,250 2.6.0");
	g_autofree char *left = list(fixture, ".");
	g_assert_cmpstr(left, ==, "dir later");
	g_assert_true(g_str_has_suffix(fixture->job.transaction.remote, "/dir"));
	/* a program that ran has had the mail */
	assert_delivery(fixture, "pipe:later,maildir:PATH/dir2", "450 4.2.0,450 4.2.0");
	assert_delivery(fixture, "pipe:unknown", "451 4.3.0,451 4.3.0");
}

/* -- configuration -- */

static void
test_problems(void)
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
		{ "[pipe p]\n", "f:1: [pipe p]: command: is not set" },
		{ "[pipe p]\ncommand = /bin/true 'x\n",
		  "f:2: [pipe p]: command: Text ended before matching quote" },
		{ "[pipe p]\ncommand = true\n", "f:2: [pipe p]: command: true is no program; "
						"allowed: /PATH/PROGRAM and its arguments" },
		{ "[pipe p]\ncommand = /nonexistent\n",
		  "f:2: [pipe p]: command: /nonexistent is no program; allowed: /PATH/PROGRAM and "
		  "its "
		  "arguments" },
		{ "[pipe p]\ncommand = /bin/true %{user}\n",
		  "f:2: [pipe p]: command: %{user} is not known; allowed: %{sender}, %{recipient}, "
		  "%{mail_id}, %{queue_id}, %{client_address}, %{client_name}, %{helo}" },
		{ "[pipe p]\ncommand = /bin/true %{sender\n",
		  "f:2: [pipe p]: command: %{sender is not known; allowed: %{sender}, "
		  "%{recipient}, "
		  "%{mail_id}, %{queue_id}, %{client_address}, %{client_name}, %{helo}" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) problems = am_config_problems_new();
		g_autoptr(AmConfig) config = am_config_load_data("f", cases[i].text, problems);
		g_assert_cmpuint(problems->len, ==, 0);
		am_outputs_free(am_outputs_new(config, "me.example", problems));
		g_test_message("%s", cases[i].text);
		g_assert_cmpuint(problems->len, ==, 1);
		g_autofree char *text = am_config_problem_to_string(problems->pdata[0]);
		g_assert_true(g_str_has_prefix(text, cases[i].problem)); /* GLib adds to its own */
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_true(am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_ERROR, NULL));
	g_test_add_func("/output/lines", test_lines);
	g_test_add_func("/output/long-quotes", test_long_quotes);
	g_test_add_func("/output/problems", test_problems);
#define DELIVERY(name, recipients, func)                                                           \
	g_test_add("/output/" name, Fixture, recipients, set_up, func, tear_down)
	DELIVERY("mbox", NULL, test_mbox);
	DELIVERY("mbox/unfinished", NULL, test_mbox_unfinished);
	DELIVERY("mbox/refused", NULL, test_mbox_refused);
	DELIVERY("mbox/locked", NULL, test_mbox_locked);
	DELIVERY("full", NULL, test_full);
	DELIVERY("maildir", NULL, test_maildir);
	DELIVERY("maildir/links", NULL, test_maildir_links);
	DELIVERY("bsmtp", NULL, test_bsmtp);
	DELIVERY("bsmtp/senders", NULL, test_bsmtp_senders);
	DELIVERY("pipe", NULL, test_pipe);
	DELIVERY("pipe/single", NULL, test_pipe_single);
	DELIVERY("pipe/dsn", NULL, test_pipe_dsn);
	DELIVERY("pipe/arguments", "-oX/tmp/x@x.org", test_pipe_arguments);
	DELIVERY("pipe/one-bad", "a@x.org,-oX/tmp/x@x.org,b@x.org", test_pipe_one_bad);
	DELIVERY("pipe/ends", NULL, test_pipe_ends);
	DELIVERY("pipe/time", NULL, test_pipe_time);
	DELIVERY("failover", NULL, test_failover);
	return g_test_run();
}
