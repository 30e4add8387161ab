/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Programs in their cage: a helper that tries what it must not, asked for through runner and keeper as
 * a worker does.  Each wall is tried by an access that works without it. */

#include <config.h>

#include "content/program.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amavisd/plugin.h>

#include "content/remove.h"
#include "mail/fd.h"
#include "mail/spool.h"
#include "program-rig.h"

#define PATIENCE_US (15 * G_USEC_PER_SEC)

#define DIES(signal) (1000 + (signal))
#define LIMIT(limit) (2000 + (limit))
#define BYTES LIMIT(AM_PROGRAM_LIMIT_BYTES)
#define FILES LIMIT(AM_PROGRAM_LIMIT_FILES)
#define TIME LIMIT(AM_PROGRAM_LIMIT_TIME)

/* In argument and output, @ stands for the rig's directory. */
static const struct {
	const char *name, *deed, *argument;
	guint32 flags;
	int expected;	    /* exit code, DIES() or LIMIT() */
	const char *output; /* how it begins, NULL any */
	const char *logged; /* NULL nothing */
} cases[] = {
	{ "copies the content", "copy", "{file}", 0, 0, "ok\n", NULL },
	{ "name of the content", "echo", "<{file}>", 0, 0, "[<../content.txt>]\n", NULL },
	{ "no password", "echo", "-p{password}", 0, 0, "[-p]\n", NULL },
	{ "clean state", "state", NULL, 0, 0, "first free 3 PATH LC_ALL HOME TMPDIR\n", NULL },
	{ "exit code", "fail", NULL, 0, 7, "one line\n", NULL },
	{ "reads no file of ours", "read", "@/secret", 0, 0, "EACCES\n", NULL },
	{ "reads no passwd", "read", "/etc/passwd", 0, 0, "EACCES\n", NULL },
	{ "lists no spool", "read", "../..", 0, 0, "EACCES\n", NULL },
	{ "reads libraries", "read", "/usr/lib", 0, 0, "ok\n", NULL },
	{ "writes no file of ours", "write", "@/secret", 0, 0, "EACCES\n", NULL },
	{ "makes no file elsewhere", "write", "/tmp/amavisd-was-here", 0, 0, "EACCES\n", NULL },
	{ "nor beside its folder", "write", "../new", 0, 0, "EACCES\n", NULL },
	{ "leaves the content", "write", "{file}", 0, 0, "EACCES\n", NULL },
	{ "removes nothing", "unlink", "@/secret", 0, 0, "EACCES\n", NULL },
	{ "nor the content", "unlink", "{file}", 0, 0, "EACCES\n", NULL },
	{ "writes its temporary folder", "write", "../tmp/x", 0, 0, "ok\n", NULL },
	{ "modes in vain", "chmod", "@/secret", 0, 0, "ok\n", NULL },
	{ "no network", "inet", NULL, 0, 0, "EPERM\n", NULL },
	{ "no unix sockets", "unix", NULL, 0, 0, "EPERM\n", NULL },
	{ "kills no process of ours", "kill", "%", 0, 0, "EPERM\n", NULL },
	{ "nor its keeper", "kill-parent", NULL, 0, 0, "EPERM\n", NULL },
	{ "stays in its group", "setsid", NULL, 0, 0, "EPERM\n", NULL },
	{ "no processes", "fork", NULL, 0, 0, "EPERM\n", NULL },
	{ "processes when told", "fork", NULL, AM_PROGRAM_FORKS, 0, "ok\n", NULL },
	{ "runs nothing it wrote", "exec-own", NULL, 0, 0, "EACCES\n", NULL },
	{ "ptrace", "ptrace", NULL, 0, DIES(SIGSYS), NULL, "stopped by the sandbox" },
	{ "io_uring", "uring", NULL, 0, DIES(SIGSYS), NULL, "stopped by the sandbox" },
	{ "mount", "mount", NULL, 0, DIES(SIGSYS), NULL, "stopped by the sandbox" },
	{ "unshare", "unshare", NULL, 0, DIES(SIGSYS), NULL, "stopped by the sandbox" },
	{ "crash", "crash", NULL, 0, DIES(SIGSEGV), NULL, "SIGSEGV" },
	{ "abort", "abort", NULL, 0, DIES(SIGABRT), NULL, "SIGABRT" },
	{ "memory", "memory", NULL, 0, 0, "ENOMEM\n", NULL },
	{ "one big file", "fill", NULL, 0, BYTES, NULL, "SIGXFSZ|too many bytes" },
	{ "many files", "fill-many", NULL, 0, BYTES, NULL, "too many bytes" },
	{ "files without end", "empty-files", NULL, 0, FILES, NULL, "too many files" },
	{ "directories without end", "deep", NULL, 0, FILES, NULL, "too many files" },
	{ "prints the result", "print-file", "{file}", AM_PROGRAM_STDOUT, 0, "done\n", NULL },
	{ "prints without end", "flood", NULL, 0, TIME, NULL, "time is over" },
	{ "prints its quota", "flood", NULL, AM_PROGRAM_STDOUT, BYTES, NULL,
	  "SIGXFSZ|too many bytes" },
	{ "spins", "spin", NULL, 0, TIME, NULL, "time is over" },
	{ "sleeps, deaf for SIGTERM", "sleep", NULL, 0, TIME, NULL, "time is over" },
	{ "fork bomb", "bomb", NULL, AM_PROGRAM_FORKS, TIME, NULL, "time is over" },
	{ "leaves a process behind", "leave", NULL, AM_PROGRAM_FORKS, 0, NULL, NULL },
	{ "everything in the folder", "zoo", NULL, 0, 0, "ok\n", NULL },
};

static char *
expand(const ProgramRig *rig, const char *text)
{
	if (text == NULL)
		return NULL;
	if (strcmp(text, "%") == 0)
		return g_strdup_printf("%d", (int)getpid());
	return *text == '@' ? g_strconcat(rig->directory, text + 1, NULL) : g_strdup(text);
}

static void
check_case(guint i, const AmProgramReply *reply, const char *log)
{
	int end = WIFSIGNALED(reply->status) ? DIES(WTERMSIG(reply->status))
					     : WEXITSTATUS(reply->status);
	if (reply->limit != AM_PROGRAM_LIMIT_NONE)
		end = LIMIT((int)reply->limit);
	g_test_message("%s: %d %.60s", cases[i].name, end, reply->text->str);
	g_assert_true(reply->was_run);
	g_assert_cmpint(reply->result_fd, >=, 0);
	g_assert_cmpint(end, ==, cases[i].expected);
	if (cases[i].output != NULL)
		g_assert_true(g_str_has_prefix(reply->text->str, cases[i].output));
	g_assert_cmpuint(reply->text->len, <=, AM_PROGRAM_OUTPUT_BYTES);
	if (cases[i].logged == NULL) {
		g_assert_cmpstr(log, ==, "");
		return;
	}
	g_auto(GStrv) texts = g_strsplit(cases[i].logged, "|", -1);
	gboolean is_logged = FALSE;
	for (char **text = texts; *text != NULL; text++)
		is_logged = is_logged || strstr(log, *text) != NULL;
	g_assert_true(is_logged);
}

static void
test_cage(void)
{
	ProgramRig rig;
	struct stat st;
	program_rig_init(&rig);
	g_autofree char *secret = g_build_filename(rig.directory, "secret", NULL);
	g_assert_true(g_file_set_contents_full(secret, "s", 1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *argument = expand(&rig, cases[i].argument);
		(void)program_rig_add(&rig, cases[i].deed, argument, cases[i].flags);
	}
	program_rig_start(&rig);
	int worker = program_rig_worker(&rig, 77);
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		AmProgramReply reply;
		program_rig_ask(worker, i, NULL, cases[i].expected == TIME ? 300 : 10000, &reply);
		g_autofree char *log = program_rig_log(&rig);
		check_case(i, &reply, log);
		am_program_reply_clear(&reply);
	}
	program_rig_done(worker);
	g_autofree char *left = program_rig_log(&rig);
	g_assert_cmpstr(left, ==, "");
	g_assert_cmpint(g_stat(secret, &st), ==, 0);
	g_assert_cmpuint(st.st_mode & 0777, ==, 0600);
	g_assert_cmpint(g_unlink(secret), ==, 0);
	(void)close(worker);
	program_rig_clear(&rig); /* finds nothing left behind */
}

static void
test_passwords(void)
{
	ProgramRig rig;
	AmProgramReply reply;
	program_rig_init(&rig);
	guint inside = program_rig_add(&rig, "echo", "-p{password}", 0);
	guint alone = program_rig_add(&rig, "echo", "{password}", 0);
	program_rig_start(&rig);
	int worker = program_rig_worker(&rig, 77);
	static const struct {
		gboolean is_alone;
		const char *password, *output; /* NULL: it is not run */
	} tries[] = {
		{ FALSE, "secret", "[-psecret]\n" },
		{ FALSE, "-o/tmp", "[-p-o/tmp]\n" },
		{ FALSE, "{file} $(id) 'x", "[-p{file} $(id) 'x]\n" },
		{ TRUE, "secret", "[secret]\n" },
		{ TRUE, "-o/tmp", NULL },
		{ TRUE, "@list", NULL },
	};
	for (guint i = 0; i < G_N_ELEMENTS(tries); i++) {
		program_rig_ask(worker, tries[i].is_alone ? alone : inside, tries[i].password, 5000,
				&reply);
		g_assert_true(reply.was_run == (tries[i].output != NULL));
		if (tries[i].output != NULL)
			g_assert_cmpstr(reply.text->str, ==, tries[i].output);
		am_program_reply_clear(&reply);
	}
	(void)close(worker);
	program_rig_clear(&rig);
}

/* ---- whose end ends a program -------------------------------------------------------------- */

/* Asks for a program that sleeps; returns its process id once it does. */
static pid_t
start_sleeper(const ProgramRig *rig, int worker, pid_t number)
{
	g_auto(AmFd) content = program_rig_content("x");
	AmProgramRequest request = { .deadline_us = g_get_monotonic_time() + PATIENCE_US,
				     .quota = RIG_QUOTA };
	g_autofree char *path =
		g_strdup_printf("%s/work-%d/run-0/out/pid", rig->spool, (int)number);
	g_autofree char *text = NULL;
	g_assert_true(am_program_send_request(worker, &request, content, NULL));
	gint64 end = g_get_monotonic_time() + PATIENCE_US;
	while (!g_file_get_contents(path, &text, NULL, NULL)) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(2000);
	}
	pid_t pid = (pid_t)g_ascii_strtoll(text, NULL, 10);
	g_assert_cmpint(kill(pid, 0), ==, 0);
	return pid;
}

static void
wait_end(pid_t pid)
{
	gint64 end = g_get_monotonic_time() + PATIENCE_US;
	while (kill(pid, 0) == 0) {
		g_assert_cmpint(g_get_monotonic_time(), <, end);
		g_usleep(2000);
	}
	g_assert_cmpint(errno, ==, ESRCH);
}

typedef enum { END_WORKER, END_ZYGOTE, END_RUNNER } EndOf;

static void
test_end(gconstpointer data)
{
	EndOf who = (EndOf)GPOINTER_TO_INT(data);
	ProgramRig rig;
	program_rig_init(&rig);
	(void)program_rig_add(&rig, "sleep", NULL, 0);
	program_rig_start(&rig);
	int worker = program_rig_worker(&rig, 77);
	pid_t pid = start_sleeper(&rig, worker, 77);
	if (who == END_WORKER)
		(void)close(worker);
	else if (who == END_ZYGOTE)
		(void)close(g_steal_fd(&rig.runner.fd));
	else
		g_assert_cmpint(kill(rig.runner.pid, SIGKILL), ==, 0);
	wait_end(pid);
	g_autofree char *folder = g_build_filename(rig.spool, "work-77", "run-0", NULL);
	g_assert_true(program_rig_is_gone(folder));
	g_autofree char *log = program_rig_log(&rig);
	g_assert_nonnull(strstr(log, "killed: the worker is gone"));
	if (who != END_WORKER)
		(void)close(worker);
	program_rig_clear(&rig);
}

/* One worker's program sleeps; the other's answer does not wait for it. */
static void
test_side_by_side(void)
{
	ProgramRig rig;
	AmProgramReply reply;
	program_rig_init(&rig);
	(void)program_rig_add(&rig, "sleep", NULL, 0);
	guint echo = program_rig_add(&rig, "echo", "x", 0);
	program_rig_start(&rig);
	int first = program_rig_worker(&rig, 77), second = program_rig_worker(&rig, 78);
	pid_t pid = start_sleeper(&rig, first, 77);
	program_rig_ask(second, echo, NULL, 5000, &reply);
	g_assert_cmpstr(reply.text->str, ==, "[x]\n");
	am_program_reply_clear(&reply);
	g_assert_cmpint(kill(pid, 0), ==, 0);
	(void)close(first);
	(void)close(second);
	program_rig_clear(&rig);
}

/* ---- hostile requests ---------------------------------------------------------------------- */

/* One descriptor for each of fds, -1 ends them. */
static void
send_raw(int worker, gconstpointer data, gsize len, const int *fds)
{
	struct iovec iov = { (void *)data, len };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(3 * sizeof(int))] = { 0 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	gsize n = 0;
	while (fds[n] >= 0)
		n++;
	am_fd_attach(&message, control, sizeof control, fds, n);
	g_assert_cmpint(sendmsg(worker, &message, MSG_NOSIGNAL), >=, 0);
}

/* As the record looks: kind, has password, its length, program, deadline, quota. */
typedef struct {
	guint8 kind, has_password;
	guint16 password_len;
	guint32 program;
	gint64 deadline_us;
	guint64 quota;
	char text[600];
} Raw;

#define HEAD 24

static const struct {
	const char *name;
	Raw raw;
	gsize len;
	AmProgramKind expected;
} requests[] = {
	{ "run", { .kind = 'R' }, HEAD, AM_PROGRAM_RUN },
	{ "password", { 'R', 1, 3, .text = "abc" }, HEAD + 3, AM_PROGRAM_RUN },
	{ "empty password", { 'R', 1, 0, .text = "" }, HEAD, AM_PROGRAM_RUN },
	{ "done", { .kind = 'D' }, HEAD, AM_PROGRAM_DONE },
	{ "nothing", { .kind = 'R' }, 0, AM_PROGRAM_BAD },
	{ "short", { .kind = 'R' }, HEAD - 1, AM_PROGRAM_BAD },
	{ "unknown kind", { .kind = 'X' }, HEAD, AM_PROGRAM_BAD },
	{ "done and more", { .kind = 'D' }, HEAD + 1, AM_PROGRAM_BAD },
	{ "no such program", { 'R', .program = 1 }, HEAD, AM_PROGRAM_BAD },
	{ "far program", { 'R', .program = G_MAXUINT32 }, HEAD, AM_PROGRAM_BAD },
	{ "password not said", { 'R', 0, 3, .text = "abc" }, HEAD + 3, AM_PROGRAM_BAD },
	{ "password half said", { 'R', 2, 3, .text = "abc" }, HEAD + 3, AM_PROGRAM_BAD },
	{ "password longer", { 'R', 1, 4, .text = "abc" }, HEAD + 3, AM_PROGRAM_BAD },
	{ "password shorter", { 'R', 1, 2, .text = "abc" }, HEAD + 3, AM_PROGRAM_BAD },
	{ "NUL in the password", { 'R', 1, 3, .text = "a" }, HEAD + 3, AM_PROGRAM_BAD },
	{ "password too long", { 'R', 1, 513, .text = "a" }, HEAD + 513, AM_PROGRAM_BAD },
};

static void
test_parse(void)
{
	g_assert_cmpuint(G_STRUCT_OFFSET(Raw, text), ==, HEAD);
	for (guint i = 0; i < G_N_ELEMENTS(requests); i++) {
		AmProgramRequest request;
		g_autofree guint8 *exact = g_memdup2(&requests[i].raw, requests[i].len);
		g_test_message("%s", requests[i].name);
		g_assert_cmpint(am_program_parse_request(exact, requests[i].len, 1, &request), ==,
				requests[i].expected);
	}
}

/* Who sends nonsense is told nothing more. */
static void
expect_end(int worker)
{
	char byte;
	g_assert_cmpint(recv(worker, &byte, 1, 0), <=, 0);
	(void)close(worker);
}

static void
test_hostile(void)
{
	ProgramRig rig;
	AmProgramReply reply;
	Raw raw = { .kind = 'R', .deadline_us = G_MAXINT64, .quota = G_MAXUINT64 };
	int ends[2];
	program_rig_init(&rig);
	(void)program_rig_add(&rig, "echo", "{file}", 0);
	program_rig_start(&rig);
	g_assert_cmpint(pipe(ends), ==, 0);
	g_auto(AmFd) one = program_rig_content("x");
	g_auto(AmFd) directory = open("/", O_RDONLY | O_DIRECTORY);
	const int none[] = { -1 }, two[] = { one, one, -1 }, three[] = { one, one, one, -1 };
	const int *const wrong[] = { none, two, three };
	int number = 100;
	for (guint i = 0; i < G_N_ELEMENTS(requests); i++) {
		if (requests[i].expected != AM_PROGRAM_BAD || requests[i].len == 0)
			continue;
		int worker = program_rig_worker(&rig, number++);
		send_raw(worker, &requests[i].raw, requests[i].len, (const int[]){ one, -1 });
		expect_end(worker);
	}
	for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
		int worker = program_rig_worker(&rig, number++);
		send_raw(worker, &raw, HEAD, wrong[i]);
		expect_end(worker);
	}
	/* what is no file is refused, and the worker served on */
	int worker = program_rig_worker(&rig, number++);
	const int odd[] = { ends[0], directory, rig.channel[0] };
	for (guint i = 0; i < G_N_ELEMENTS(odd); i++) {
		send_raw(worker, &raw, HEAD, (const int[]){ odd[i], -1 });
		g_assert_true(am_program_receive_reply(
			worker, g_get_monotonic_time() + PATIENCE_US, &reply, NULL));
		g_assert_false(reply.was_run);
		am_program_reply_clear(&reply);
	}
	/* limits beyond all sense are those of the configuration */
	send_raw(worker, &raw, HEAD, (const int[]){ one, -1 });
	g_assert_true(am_program_receive_reply(worker, g_get_monotonic_time() + PATIENCE_US, &reply,
					       NULL));
	g_assert_true(reply.was_run);
	am_program_reply_clear(&reply);
	(void)close(worker);
	(void)close(ends[0]);
	(void)close(ends[1]);
	program_rig_clear(&rig);
}

/* tests/test-programs -m perf: what a run costs. */
static void
test_cost(void)
{
	static const char *const names[] = { "/bin/true", "/usr/bin/7z" };
	if (!g_test_perf())
		return;
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		const char *const argv[] = { names[i], "x", "-y", "-bd", "-o.", "--", "{file}", NULL };
		ProgramRig rig;
		AmProgramReply reply;
		program_rig_init(&rig);
		AmProgram *program = am_program_new(argv, "", 0, NULL);
		if (program == NULL)
			return;
		g_ptr_array_add(rig.programs, program);
		program_rig_start(&rig);
		int worker = program_rig_worker(&rig, 77);
		gint64 start = g_get_monotonic_time();
		for (guint n = 0; n < 100; n++) {
			program_rig_ask(worker, 0, NULL, 10000, &reply);
			am_program_reply_clear(&reply);
			program_rig_done(worker);
		}
		g_test_minimized_result((double)(g_get_monotonic_time() - start) / 100000,
					"%s: %.2f ms", names[i],
					(double)(g_get_monotonic_time() - start) / 100000);
		(void)close(worker);
		program_rig_clear(&rig);
	}
}

/* ---- the table, and removal ---------------------------------------------------------------- */

static void
test_table(void)
{
	const char *const good[] = { "/bin/sh", "-c", "", "{file}", NULL };
	const char *const relative[] = { "sh", NULL };
	const char *const missing[] = { "/nonexistent/program", NULL };
	const char *const nothing[] = { NULL };
	const char *const *const bad[] = { relative, missing, nothing };
	g_autoptr(GError) error = NULL;
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_assert_null(am_program_new(bad[i], "", 0, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
		g_clear_error(&error);
	}
	g_assert_null(am_program_new(good, "/../x", 0, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	g_clear_error(&error);
	g_autoptr(AmProgram) program = am_program_new(good, ".zoo", AM_PROGRAM_STDOUT, &error);
	g_assert_no_error(error);
	g_autoptr(GBytes) bytes = am_program_pack(program);
	gsize len;
	const char *data = g_bytes_get_data(bytes, &len);
	g_autoptr(AmProgram) copy = am_program_unpack(data, len, &error);
	g_assert_no_error(error);
	g_assert_true(g_strv_equal((const char *const *)copy->argv, good));
	g_assert_cmpstr(copy->ending, ==, ".zoo");
	g_assert_cmpuint(copy->flags, ==, AM_PROGRAM_STDOUT);
	for (gsize i = 0; i < len; i++) {
		g_autofree char *exact = g_memdup2(data, i);
		g_autoptr(AmProgram) cut = am_program_unpack(exact, i, NULL);
		(void)cut; /* whole words may be left; nothing is read beyond the end */
	}
}

/* Deeper than descriptors and paths reach, and closed to its owner. */
static void
test_remove(void)
{
	g_autofree char *top = g_dir_make_tmp("remove-XXXXXX", NULL);
	g_autoptr(GError) error = NULL;
	g_auto(AmFd) fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	g_assert_cmpint(symlinkat("/", fd, "root"), ==, 0);
	for (guint i = 0; i < 3000; i++) {
		g_assert_cmpint(mkdirat(fd, "d", 0700), ==, 0);
		g_assert_cmpint(symlinkat("..", fd, "up"), ==, 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		g_assert_cmpint(next, >=, 0);
		if (i % 3 == 0)
			g_assert_cmpint(fchmod(fd, 0), ==, 0);
		(void)close(fd);
		fd = next;
	}
	g_assert_true(am_remove_tree(top, &error));
	g_assert_no_error(error);
	g_assert_false(g_file_test(top, G_FILE_TEST_EXISTS));
	g_assert_true(am_remove_tree(top, &error)); /* it is gone */
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	program_rig_drop_root();
	g_test_add_func("/programs/table", test_table);
	g_test_add_func("/programs/parse", test_parse);
	g_test_add_func("/programs/remove", test_remove);
	g_test_add_func("/programs/cage", test_cage);
	g_test_add_func("/programs/passwords", test_passwords);
	g_test_add_func("/programs/side-by-side", test_side_by_side);
	g_test_add_func("/programs/hostile", test_hostile);
	g_test_add_data_func("/programs/end/worker", GINT_TO_POINTER(END_WORKER), test_end);
	g_test_add_data_func("/programs/end/zygote", GINT_TO_POINTER(END_ZYGOTE), test_end);
	g_test_add_data_func("/programs/end/runner", GINT_TO_POINTER(END_RUNNER), test_end);
	g_test_add_func("/programs/cost", test_cost);
	return g_test_run();
}
