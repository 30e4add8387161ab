/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A scanner in hostile hands (plugins/hostile.c) in real workers, with the session's own code on the
 * other side: each try is stopped, is seen in the log, and the mail of others goes on. */

#include <config.h>

#include "pipeline/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/sandbox-private.h"
#include "content/scrub.h"
#include "log/log.h"
#include "mail/fd.h"
#include "zygote-rig.h"

#define SECONDS G_USEC_PER_SEC

/* What a mail may leave traces of; the tails are told apart by the finding's name. */
static const char marked[] =
	"Date: x\r\nFrom: marker-of-a-mailFRM <a@b>\r\n"
	"Subject: =?utf-8?Q?marker-of-a-mailSUB?= und marker-of-a-mailSU2\r\n"
	"Message-ID: <marker-of-a-mailMID@x>\r\n"
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
	"boundary=\"marker-of-a-mailBND\"\r\n\r\n"
	"--marker-of-a-mailBND\r\n\r\nmarker-of-a-mailTXT\r\n"
	"--marker-of-a-mailBND\r\nContent-Type: text/html\r\n"
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
	"<html>marker=2Dof-a-mailQPR</html>\r\n"
	"--marker-of-a-mailBND\r\nContent-Type: application/x-y; "
	"name=\"marker-of-a-mailNAM.bin\"\r\n"
	"Content-Disposition: attachment; filename*0=marker-of-a; filename*1=-mailNM2\r\n"
	"Content-Transfer-Encoding: base64\r\n\r\n"
	"ACMhbWFya2VyLW9mLWEtbWFpbEI2NCBtYXJrZXItb2YtYS1tYWlsQjY0\r\n"
	"--marker-of-a-mailBND\r\nContent-Type: message/rfc822\r\n\r\n"
	"Subject: marker-of-a-mailINN\r\n\r\nmarker-of-a-mailIN2\r\n"
	"--marker-of-a-mailBND--\r\n";

static AmReport *
inspect_mail(const ZygoteRig *rig, const char *text, gint64 time_us, GError **error)
{
	g_autoptr(GError) spool_error = NULL;
	AmInspectContext context = {
		.socket_path = rig->socket,
		.queue_us = 10 * SECONDS,
		.time_us = time_us,
	};
	AmEnvelope *envelope = am_envelope_new();
	AmSpool *spool = am_spool_new(rig->directory, 1 << 20);
	envelope->sender = g_strdup("a@example.org");
	(void)am_envelope_add_recipient(envelope, text == marked ? "marker-of-a-mailRCP@example.org"
								 : "b@example.org");
	g_assert_true(am_spool_append(spool, text, strlen(text), &spool_error));
	g_assert_true(am_spool_finish(spool, &spool_error));
	g_autoptr(AmMail) mail = am_mail_new(envelope, spool);
	AmReport *report = am_inspect(&context, mail, g_get_monotonic_time() + 30 * SECONDS, error);
	/* whatever was done: the mail is as it was */
	g_autofree char *after = g_malloc0(strlen(text) + 1);
	g_assert_cmpint(pread(am_spool_fd(mail->spool), after, strlen(text), 0), ==,
			(gssize)strlen(text));
	g_assert_cmpstr(after, ==, text);
	return report;
}

static AmReport *
inspect_try(const ZygoteRig *rig, const char *word, const char *argument, gint64 time_us,
	    GError **error)
{
	g_autofree char *text =
		g_strdup_printf(RIG_HEAD "X-Try: %s%s%s\r\n\r\nHello\r\n", word,
				argument != NULL ? " " : "", argument != NULL ? argument : "");
	/* the field belongs to the header section */
	char *gap = strstr(text, "\r\n\r\nX-Try");
	memmove(gap + 2, gap + 4, strlen(gap + 4) + 1);
	return inspect_mail(rig, text, time_us, error);
}

static const AmFinding *
find(const AmReport *report, const char *kind)
{
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		if (strcmp(finding->kind, kind) == 0)
			return finding;
	}
	return NULL;
}

/* Another's mail goes on. */
static void
assert_serves(const ZygoteRig *rig)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmReport) report = inspect_mail(rig, RIG_HEAD "Hello\r\n", 10 * SECONDS, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(report->parts->len, ==, 2);
}

/* ---- refused: the call says no and the scanner goes on -------------------------------------- */

/* {other}: a file of another mail; {dir}: where it lies; {sibling}, {zygote}: process ids */
static const struct {
	const char *word, *argument;
	int expected; /* errno; 0: it works and is harmless, as the test's other assertions show */
} refused[] = {
	{ "open", "/etc/passwd", EACCES },
	{ "open", "{other}", EACCES },
	{ "open", "{dir}", EACCES },
	{ "open", "../", EACCES },
	{ "open", "/proc/self/status", EACCES },
	{ "open", "{siblingwork}", EACCES },
	{ "open", "{siblingspool}", EACCES },
	{ "write", "{dir}/new", EACCES },
	{ "write", "{other}", EACCES },
	{ "write", "/dev/shm/x", EACCES },
	{ "unlink", "{other}", EACCES },
	{ "unlink", "{dir}/content.sock", EACCES },
	{ "link", "{other}", EPERM },
	{ "symlink", "{other}", EPERM },
	{ "rename", "{other}", EACCES },
	{ "parent-fd", NULL, EACCES },
	{ "sibling-memory", "{sibling}", EACCES },
	{ "own-memory", NULL, EACCES },
	{ "chmod", NULL, EPERM },
	{ "chdir", NULL, EPERM },
	{ "xattr", "{other}", EPERM },
	{ "mail-write", NULL, EPERM }, /* a sealed memfd */
	{ "mail-truncate", NULL, EPERM },
	{ "mail-map", NULL, EPERM },
	{ "mail-reopen", NULL, EPERM },
	{ "mail-hole", NULL, EPERM },
	{ "mail-offset", NULL, 0 },
	{ "socketpair", NULL, EPERM },
	{ "prlimit", "{sibling}", EPERM },
	{ "owner", NULL, EPERM },
	{ "code", NULL, EPERM },
	{ "code-file", NULL, EPERM },
	{ "mprotect", NULL, EPERM },
	{ "move-code", NULL, EPERM },
	{ "tiocsti", NULL, EPERM },
	{ "dumpable", NULL, EPERM },
	{ "death-signal", NULL, EPERM },
	{ "raise-limits", NULL, EPERM },
	{ "nonblock", NULL, 0 },
	{ "ready", NULL, 0 },
};

typedef struct {
	ZygoteRig *rig;
	char *other;
	pid_t sibling; /* another worker */
	int held;      /* keeps it busy */
} Scene;

static void
replace(char **text, const char *mark, const char *value)
{
	char *at = *text != NULL ? strstr(*text, mark) : NULL;
	if (at == NULL)
		return;
	char *done =
		g_strdup_printf("%.*s%s%s", (int)(at - *text), *text, value, at + strlen(mark));
	g_free(*text);
	*text = done;
}

static char *
fill_in(const Scene *scene, const char *argument)
{
	char *text = g_strdup(argument);
	g_autofree char *sibling = g_strdup_printf("%d", (int)scene->sibling);
	g_autofree char *zygote = g_strdup_printf("%d", (int)scene->rig->pid);
	g_autofree char *work = g_strdup_printf("%s/work/%s", scene->rig->directory, sibling);
	g_autofree char *spool = g_strdup_printf("%s/work-%s", scene->rig->directory, sibling);
	replace(&text, "{other}", scene->other);
	replace(&text, "{dir}", scene->rig->directory);
	replace(&text, "{siblingwork}", work);
	replace(&text, "{siblingspool}", spool);
	replace(&text, "{sibling}", sibling);
	replace(&text, "{zygote}", zygote);
	return text;
}

/* Two workers; one is held by a connection that says nothing (for ten seconds) and is the sibling. */
static void
scene_start(Scene *scene, ZygoteRig *rig, const char *settings)
{
	pid_t at_work;
	g_autoptr(GError) error = NULL;
	g_autofree char *all = g_strconcat("workers = 2\n", settings, NULL);
	zygote_rig_start_ready(rig, "hostile", all);
	scene->rig = rig;
	scene->sibling = 0;
	scene->other = g_build_filename(rig->directory, "other", NULL);
	g_assert_true(g_file_set_contents(scene->other, "another mail", -1, NULL));
	scene->held = zygote_rig_connect(rig);
	g_autoptr(AmReport) report = zygote_rig_ask(rig, RIG_HEAD "Hello\r\n", &at_work);
	g_assert_nonnull(report);
	g_autofree char *work = g_build_filename(rig->directory, "work", NULL);
	g_autoptr(GDir) dir = g_dir_open(work, 0, &error);
	g_assert_no_error(error);
	for (const char *name; (name = g_dir_read_name(dir)) != NULL;)
		if (atoi(name) != at_work)
			scene->sibling = atoi(name);
	g_assert_cmpint(scene->sibling, >, 0);
}

static char *
scene_stop(Scene *scene)
{
	g_autofree char *text = NULL;
	/* untouched */
	g_assert_cmpint(kill(scene->sibling, 0), ==, 0);
	(void)close(scene->held);
	g_assert_true(g_file_get_contents(scene->other, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "another mail");
	g_assert_cmpint(g_unlink(scene->other), ==, 0);
	g_free(scene->other);
	return zygote_rig_stop(scene->rig);
}

static void
test_refused(void)
{
	ZygoteRig rig;
	Scene scene;
	scene_start(&scene, &rig, "");
	for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *argument = fill_in(&scene, refused[i].argument);
		if (AM_SANDBOX_ASAN && strcmp(refused[i].word, "raise-limits") == 0)
			continue;
		g_test_message("%s %s", refused[i].word, argument != NULL ? argument : "");
		g_autoptr(AmReport) report =
			inspect_try(&rig, refused[i].word, argument, 10 * SECONDS, &error);
		g_assert_no_error(error);
		const AmFinding *finding =
			find(report, refused[i].expected != 0 ? "stopped" : "worked");
		g_assert_nonnull(finding);
		if (refused[i].expected != 0)
			g_assert_cmpstr(finding->detail, ==, strerrorname_np(refused[i].expected));
	}
	assert_serves(&rig);
	g_autofree char *log = scene_stop(&scene);
	g_assert_null(strstr(log, "ended"));
}

/* ---- fatal: the worker ends, the log has a line, the mail has no report --------------------- */

static const struct {
	const char *word, *argument;
	const char *log; /* behind "worker N" */
} fatal[] = {
	{ "tcp", NULL, "SIGSYS (stopped by the sandbox: socket), in plugin hostile" },
	{ "udp", NULL, "SIGSYS (stopped by the sandbox: socket), in plugin hostile" },
	{ "unix", NULL, "SIGSYS (stopped by the sandbox: socket), in plugin hostile" },
	{ "netlink", NULL, "SIGSYS (stopped by the sandbox: socket), in plugin hostile" },
	{ "blocked-socket", NULL, "SIGSYS (stopped by the sandbox" },
	{ "connect", "/run/systemd/notify", "stopped by the sandbox: connect" },
	{ "connect", "@abstract", "stopped by the sandbox: connect" },
	{ "bind", "@abstract", "stopped by the sandbox: bind" },
	{ "listen", NULL, "stopped by the sandbox: listen" },
	{ "shutdown", NULL, "stopped by the sandbox: shutdown" },
	{ "setsockopt", NULL, "stopped by the sandbox: setsockopt" },
	{ "exec", NULL, "stopped by the sandbox: execve" },
	{ "fork", NULL, "stopped by the sandbox: clone" },
	{ "fork-bomb", NULL, "stopped by the sandbox: clone" },
	{ "thread", NULL, "stopped by the sandbox: clone" },
	{ "ptrace", "{sibling}", "stopped by the sandbox: ptrace" },
	{ "vm-read", "{sibling}", "stopped by the sandbox: process_vm_readv" },
	{ "kill", "{sibling}", "stopped by the sandbox: kill" },
	{ "kill", "{zygote}", "stopped by the sandbox: kill" },
	{ "kill-all", NULL, "stopped by the sandbox: kill" },
	{ "tgkill", "{sibling}", "stopped by the sandbox: tgkill" },
	{ "sigqueue", "{sibling}", "stopped by the sandbox: rt_sigqueueinfo" },
	{ "pidfd", "{sibling}", "stopped by the sandbox: pidfd_open" },
	{ "setuid", NULL, "stopped by the sandbox: setuid" },
	{ "unshare", NULL, "stopped by the sandbox: unshare" },
	{ "mount", NULL, "stopped by the sandbox: mount" },
	{ "chroot", NULL, "stopped by the sandbox: chroot" },
	{ "mknod", NULL, "stopped by the sandbox: mknod" },
	{ "uring", NULL, "stopped by the sandbox: io_uring_setup" },
	{ "bpf", NULL, "stopped by the sandbox: bpf" },
	{ "userfault", NULL, "stopped by the sandbox: userfaultfd" },
	{ "perf", NULL, "stopped by the sandbox: perf_event_open" },
	{ "keyctl", NULL, "stopped by the sandbox: keyctl" },
	{ "catch-sigsys", NULL, "stopped by the sandbox: rt_sigaction" },
	{ "ignore-cpu", NULL, "stopped by the sandbox: rt_sigaction" },
	{ "segv", NULL, "SIGSEGV, in plugin hostile, with mail" },
	{ "abort", NULL, "SIGABRT, in plugin hostile, with mail" },
	{ "stack", NULL, "SIGSEGV, in plugin hostile, with mail" },
	{ "double-free", NULL, "SIGABRT, in plugin hostile, with mail" },
	{ "exit", NULL, "ended with status 0, in plugin hostile, with mail" },
	{ "write-all", NULL, "SIGKILL" },
	{ "close-all", NULL, NULL },
	{ "oversized", NULL, NULL },
	{ "garbage", NULL, NULL },
	{ "noise", NULL, NULL },
	{ "second-hello", NULL, NULL },
	{ "send-fd", NULL, NULL },
};

/* AddressSanitizer ends these in its own way. */
static gboolean
fatal_is_sanitizers(const char *word)
{
	static const char *const words[] = { "segv", "stack", "double-free", NULL };
	return AM_SANDBOX_ASAN && g_strv_contains(words, word);
}

static void
test_fatal(void)
{
	ZygoteRig rig;
	Scene scene;
	scene_start(&scene, &rig, "");
	for (gsize i = 0; i < G_N_ELEMENTS(fatal); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *argument = fill_in(&scene, fatal[i].argument);
		if (fatal_is_sanitizers(fatal[i].word) || (AM_SANDBOX_ASAN && fatal[i].log == NULL))
			continue;
		g_test_message("%s %s", fatal[i].word, argument != NULL ? argument : "");
		g_autoptr(AmReport) report =
			inspect_try(&rig, fatal[i].word, argument, 10 * SECONDS, &error);
		g_assert_null(report);
		g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
		assert_serves(&rig);
	}
	g_autofree char *log = scene_stop(&scene);
	const char *at = log;
	for (gsize i = 0; i < G_N_ELEMENTS(fatal); i++) {
		if (fatal[i].log == NULL || fatal_is_sanitizers(fatal[i].word))
			continue;
		g_test_message("%s", fatal[i].word);
		at = strstr(at, fatal[i].log);
		g_assert_nonnull(at);
	}
	g_assert_null(strstr(log, "forged"));
}

/* ---- state: the report is good, the worker goes ----------------------------------------------- */

static const struct {
	const char *word, *argument, *log;
} states[] = {
	{ "keep-data", NULL, "plugin hostile keeps state in static data" },
	{ "change-host", NULL, "the host's functions were exchanged" },
	{ "leak-descriptor", NULL, "1 descriptors were left open" },
	{ "leave-file", NULL, "files were left in its directory" },
	{ "leave-deep", NULL, "files were left in its directory" },
	{ "grow", "45", "memory grew by 4" },
};

static void
test_states(void)
{
	ZygoteRig rig;
	zygote_rig_start_ready(&rig, "hostile", "workers = 1\nmemory_limit = 128M\n");
	for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", states[i].word);
		g_autoptr(AmReport) report G_GNUC_UNUSED =
			inspect_try(&rig, states[i].word, states[i].argument, 10 * SECONDS, &error);
		g_assert_no_error(error);
		assert_serves(&rig);
	}
	g_autofree char *log = zygote_rig_stop(&rig);
	const char *at = log;
	for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
		if (AM_SANDBOX_ASAN && strcmp(states[i].word, "grow") == 0)
			continue;
		g_test_message("%s", states[i].word);
		at = strstr(at, states[i].log);
		g_assert_nonnull(at);
	}
	g_assert_null(strstr(log, "ended"));
}

/* ---- resources and time ------------------------------------------------------------------------ */

static void
test_resources(void)
{
	static const struct {
		const char *word;
		int expected;
	} cases[] = {
		{ "memory", ENOMEM },
		{ "descriptors", EMFILE },
	};
	ZygoteRig rig;
	zygote_rig_start_ready(&rig, "hostile", "workers = 1\nmemory_limit = 64M\n");
	for (gsize i = 0; i < G_N_ELEMENTS(cases) && !AM_SANDBOX_ASAN; i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s", cases[i].word);
		g_autoptr(AmReport) report =
			inspect_try(&rig, cases[i].word, NULL, 10 * SECONDS, &error);
		g_assert_no_error(error);
		const AmFinding *finding = find(report, "stopped");
		g_assert_nonnull(finding);
		g_assert_cmpstr(finding->detail, ==, strerrorname_np(cases[i].expected));
		assert_serves(&rig);
	}
	g_autofree char *log = zygote_rig_stop(&rig);
	g_assert_null(strstr(log, "ended"));
}

/* Neither computing nor waiting goes on when the session has had enough, whatever is blocked. */
static void
test_time(void)
{
	static const char *const tries[] = { "spin-blocked", "sleep" };
	ZygoteRig rig;
	zygote_rig_start_ready(&rig, "hostile", "workers = 1\n");
	for (gsize i = 0; i < G_N_ELEMENTS(tries); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(AmReport) report = inspect_try(&rig, tries[i], NULL, SECONDS / 5, &error);
		g_assert_null(report);
		g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
		assert_serves(&rig);
	}
	g_autofree char *log = zygote_rig_stop(&rig);
	g_assert_nonnull(strstr(log, "SIGKILL, in plugin hostile"));
}

/* Without a session the zygote has had enough, some time later. */
static void
test_deserted(void)
{
	ZygoteRig rig;
	pid_t pid;
	if (!g_test_slow())
		return;
	zygote_rig_start_ready(&rig, "hostile", "workers = 1\ntime_limit = 1s\n");
	int socket = zygote_rig_connect(&rig);
	zygote_rig_send(socket, "X-Try: spin-blocked\r\n\r\n");
	g_autoptr(AmReport) report = zygote_rig_receive(socket, &pid, 100);
	g_assert_null(report);
	(void)close(socket);
	assert_serves(&rig);
	g_autofree char *log = zygote_rig_stop(&rig);
	g_assert_nonnull(
		strstr(log, "is over its time, in plugin hostile, with mail test: killed"));
}

/* ---- lies ------------------------------------------------------------------------------------- */

/* A second report behind a good one: neither counts. */
static void
test_forged(void)
{
	ZygoteRig rig;
	g_autoptr(GError) error = NULL;
	zygote_rig_start_ready(&rig, "hostile", "workers = 1\n");
	g_autoptr(AmReport) clean = zygote_rig_ask(&rig, RIG_HEAD "Hello\r\n", NULL);
	g_assert_nonnull(clean);
	g_autoptr(GBytes) bytes = am_report_serialize(clean);
	g_autofree char *text =
		g_base64_encode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	g_autoptr(AmReport) report = inspect_try(&rig, "forge", text, 10 * SECONDS, &error);
	g_assert_null(report);
	g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	assert_serves(&rig);
	g_autofree char *log G_GNUC_UNUSED = zygote_rig_stop(&rig);
}

static void
test_flood(void)
{
	ZygoteRig rig;
	g_autoptr(GError) error = NULL;
	zygote_rig_start_ready(&rig, "hostile", "workers = 2\n");
	g_autoptr(AmReport) report G_GNUC_UNUSED =
		inspect_try(&rig, "flood", NULL, 10 * SECONDS, &error);
	assert_serves(&rig);
	g_autofree char *log = zygote_rig_stop(&rig);
	g_assert_cmpuint(strlen(log), <, 200000);
	g_assert_null(strstr(log, "flood\n"));
	g_assert_nonnull(strstr(log, "left out"));
}

/* No descriptor of a worker is a socket that could send to another one. */
static void
test_sendto(void)
{
	ZygoteRig rig;
	g_autoptr(GError) error = NULL;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char bytes[100];
	zygote_rig_start_ready(&rig, "hostile", "workers = 1\n");
	g_autofree char *path = g_build_filename(rig.directory, "notify", NULL);
	(void)g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	g_auto(AmFd) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
	g_autoptr(AmReport) report = inspect_try(&rig, "sendto", path, 10 * SECONDS, &error);
	g_assert_null(report); /* its own session got it */
	g_assert_cmpint(recv(fd, bytes, sizeof bytes, 0), <, 0);
	g_assert_cmpint(errno, ==, EAGAIN);
	assert_serves(&rig);
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_autofree char *log G_GNUC_UNUSED = zygote_rig_stop(&rig);
}

/* ---- memory ----------------------------------------------------------------------------------- */

/* What the next mail's scanner finds of the one before. */
static guint
count_remembered(void)
{
	ZygoteRig rig;
	g_autoptr(GError) error = NULL;
	guint n = 0;
	zygote_rig_start_ready(&rig, "hostile", "workers = 1\n");
	for (guint i = 0; i < 3; i++) {
		g_autoptr(AmReport) first G_GNUC_UNUSED =
			inspect_mail(&rig, marked, 10 * SECONDS, &error);
		g_assert_no_error(error);
	}
	g_autoptr(AmReport) report = inspect_try(&rig, "search", NULL, 10 * SECONDS, &error);
	g_assert_no_error(error);
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		if (strcmp(finding->kind, "remembered") != 0)
			continue;
		g_test_message("%s", finding->name);
		n++;
	}
	g_assert_nonnull(find(report, n > 0 ? "worked" : "stopped"));
	g_autofree char *log G_GNUC_UNUSED = zygote_rig_stop(&rig);
	return n;
}

/* The last of the tests: what is forbidden stays so. */
static void
test_memory(void)
{
	if (!AM_SCRUB_WORKS) {
		g_test_skip("this build cannot overwrite memory");
		return;
	}
	g_assert_cmpuint(count_remembered(), ==, 0);
	am_scrub_forbid();
	g_assert_cmpuint(count_remembered(), >, 3); /* the search does find */
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	(void)am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_DEBUG, NULL);
	g_test_add_func("/hostile/refused", test_refused);
	g_test_add_func("/hostile/fatal", test_fatal);
	g_test_add_func("/hostile/states", test_states);
	g_test_add_func("/hostile/resources", test_resources);
	g_test_add_func("/hostile/time", test_time);
	g_test_add_func("/hostile/deserted", test_deserted);
	g_test_add_func("/hostile/forged", test_forged);
	g_test_add_func("/hostile/flood", test_flood);
	g_test_add_func("/hostile/sendto", test_sendto);
	g_test_add_func("/hostile/memory", test_memory);
	return g_test_run();
}
