/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The master with small processes in the place of session and content: what they do is said by
 * [amavisd] hostname, by bytes sent to the session and by signals to the zygote.
 *
 *     session   on a connection reads one byte:
 *               'p' answers "PID GENERATION UID"    'k' kills itself
 *               's' answers that only once it was told to end, after a while
 *     zygote    SIGUSR1: tells STALE */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"
#include "master/check.h"
#include "master/control.h"
#include "master/listeners.h"
#include "master/master.h"
#include "master/pid-file.h"
#include "wire/stream.h"

#define PATIENCE_US (10 * G_USEC_PER_SEC) /* a test that waits that long has failed */

/* ---- the processes ------------------------------------------------------------------------- */

static volatile sig_atomic_t was_ended, was_poked;

static void
on_signal(int number)
{
	if (number == SIGTERM)
		was_ended = 1;
	else
		was_poked = 1;
}

static void
catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal }; /* no SA_RESTART: poll() returns */
	g_assert_cmpint(sigaction(SIGTERM, &action, NULL), ==, 0);
	g_assert_cmpint(sigaction(SIGUSR1, &action, NULL), ==, 0);
}

static const char *
behaviour(const AmGeneration *generation)
{
	return am_config_string(am_config_group(generation->config, "amavisd", NULL), "hostname");
}

static void
session_answer(const AmGeneration *generation, int fd)
{
	g_autofree char *text =
		g_strdup_printf("%d %u %u\n", (int)getpid(), generation->number, (guint)geteuid());
	g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
	g_assert_cmpint(close(fd), ==, 0);
}

static void
session_serve(const AmGeneration *generation, int listener, int *slow)
{
	char command;
	gssize n;
	int fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return; /* the other generation was quicker */
	do {
		n = read(fd, &command, 1);
	} while (n < 0 && errno == EINTR);
	g_assert_cmpint(n, ==, 1);
	if (command == 'k')
		(void)raise(SIGKILL);
	if (command == 's')
		*slow = fd;
	else
		session_answer(generation, fd);
}

static int
run_session(const AmGeneration *generation)
{
	guint n = generation->listeners->len;
	g_autofree struct pollfd *fds = g_new0(struct pollfd, n);
	int slow = -1;
	catch_signals();
	if (strcmp(behaviour(generation), "session-fails") == 0) {
		am_generation_tell(generation, "ERROR no such table");
		return 3;
	}
	if (strcmp(behaviour(generation), "session-dies") == 0)
		(void)raise(SIGKILL);
	for (guint i = 0; i < n; i++) {
		fds[i].fd = ((AmListener *)g_ptr_array_index(generation->listeners, i))->fd;
		fds[i].events = POLLIN;
	}
	__atomic_add_fetch(&generation->statistics->connections, 5, __ATOMIC_RELAXED);
	__atomic_add_fetch(&generation->statistics->mails_total, 1, __ATOMIC_RELAXED);
	am_generation_tell(generation, "READY");
	while (!was_ended || strcmp(behaviour(generation), "session-stays") == 0) {
		/* a signal between the test and poll() waits that long only */
		if (poll(fds, n, 20) <= 0)
			continue;
		for (guint i = 0; i < n; i++)
			if (fds[i].revents != 0)
				session_serve(generation, fds[i].fd, &slow);
	}
	if (slow >= 0) {
		g_usleep(100 * 1000);
		session_answer(generation, slow);
	}
	return 0;
}

static int
run_zygote(const AmGeneration *generation)
{
	catch_signals();
	for (guint i = 0; i < generation->listeners->len; i++) {
		const AmListener *listener = g_ptr_array_index(generation->listeners, i);
		g_assert_cmpint(listener->fd, ==, -1); /* not for the process that sees mail */
	}
	if (strcmp(behaviour(generation), "content-fails") == 0) {
		am_generation_tell(generation, "ERROR no database in /nowhere; run freshclam");
		return 2;
	}
	if (strcmp(behaviour(generation), "content-hangs") == 0)
		g_usleep(PATIENCE_US);
	int fd = open(generation->content_socket, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(close(fd), ==, 0);
	am_generation_tell(generation, "READY");
	while (!was_ended) {
		if (was_poked)
			am_generation_tell(generation, "STALE");
		was_poked = 0;
		g_usleep(10 * 1000);
	}
	return 0;
}

/* ---- the daemon under test ----------------------------------------------------------------- */

typedef struct {
	char *dir, *conf, *run, *log;
	pid_t pid; /* 0: not started */
	int ready_fd;
	AmMasterTimes times;
	char *notify; /* path of a socket, NULL none */
} Daemon;

static const char *
test_user(void)
{
	return geteuid() == 0 ? "nobody" : g_get_user_name();
}

static void
daemon_configure(Daemon *d, const char *hostname, const char *more)
{
	g_autofree char *text =
		g_strdup_printf("[amavisd]\nuser = %s\nrun_directory = %s\n"
				"spool_directory = %s/spool\nlog = file:%s\n"
				"drain_time = 1s\nhostname = %s\n%s",
				test_user(), d->run, d->dir, d->log, hostname, more);
	g_assert_true(g_file_set_contents(d->conf, text, -1, NULL));
}

#define ONE_LISTENER "[listener in]\naddress = 127.0.0.1:0\n"

static Daemon *
daemon_new(void)
{
	Daemon *d = g_new0(Daemon, 1);
	d->dir = g_dir_make_tmp("amavisd-master-XXXXXX", NULL);
	g_assert_cmpint(g_chmod(d->dir, 0755), ==, 0);
	d->conf = g_build_filename(d->dir, "amavisd.conf", NULL);
	d->run = g_build_filename(d->dir, "run", NULL);
	d->log = g_build_filename(d->dir, "log", NULL);
	d->times = am_master_times;
	d->times.backoff_min = 20 * 1000;
	d->times.backoff_max = 160 * 1000;
	d->times.stale = 10 * 1000;
	d->times.grace = 200 * 1000;
	d->ready_fd = -1;
	return d;
}

static void
daemon_is_ready(gpointer user_data)
{
	int fd = *(int *)user_data;
	g_assert_cmpint(write(fd, "R", 1), ==, 1);
}

static void
daemon_in_child(gpointer user_data)
{
	(void)close(*(int *)user_data);
}

static G_GNUC_NORETURN void
daemon_main(Daemon *d, int fd)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GError) error = NULL;
	AmMasterOptions options = { .config_file = d->conf,
				    .ops = { run_zygote, run_session },
				    .times = d->times,
				    .ready = daemon_is_ready,
				    .in_child = daemon_in_child,
				    .user_data = &fd };
	/* a test that fails leaves nobody behind */
	g_assert_cmpint(prctl(PR_SET_PDEATHSIG, SIGKILL), ==, 0);
	if (d->notify != NULL)
		g_setenv("NOTIFY_SOCKET", d->notify, TRUE);
	AmConfig *config = am_config_load(d->conf, problems);
	AmIdentity *identity = am_master_check(config, NULL, problems);
	if (problems->len > 0)
		_exit(78);
	if (!am_master_open_log(config, &error))
		_exit(77);
	gboolean is_good = am_master_run(config, identity, &options, &error);
	if (!is_good) {
		am_error("end: %s", error->message);
		g_assert_cmpint(write(fd, error->message, strlen(error->message)), >, 0);
	}
	am_identity_free(identity);
	am_config_unref(config);
	_exit(is_good ? 0 : 1);
}

static void
daemon_fork(Daemon *d)
{
	int fds[2];
	g_assert_cmpint(pipe(fds), ==, 0);
	d->pid = fork();
	g_assert_cmpint(d->pid, >=, 0);
	if (d->pid == 0)
		daemon_main(d, fds[1]);
	g_assert_cmpint(close(fds[1]), ==, 0);
	d->ready_fd = fds[0];
}

/* "R" once it serves, else its error. */
static char *
daemon_wait_ready(Daemon *d)
{
	char buf[1024];
	gssize n = read(d->ready_fd, buf, sizeof(buf));
	g_assert_cmpint(n, >=, 0);
	return g_strndup(buf, (gsize)n);
}

static void
daemon_start(Daemon *d)
{
	daemon_fork(d);
	g_autofree char *text = daemon_wait_ready(d);
	g_assert_cmpstr(text, ==, "R");
}

static int
daemon_wait(Daemon *d)
{
	int status;
	g_assert_cmpint(waitpid(d->pid, &status, 0), ==, d->pid);
	d->pid = 0;
	g_assert_cmpint(close(d->ready_fd), ==, 0);
	return status;
}

static void
daemon_stop(Daemon *d)
{
	g_assert_cmpint(kill(d->pid, SIGTERM), ==, 0);
	int status = daemon_wait(d);
	g_assert_true(WIFEXITED(status));
	g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

static void
remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		remove_tree(child);
	}
	g_assert_cmpint(g_remove(path), ==, 0);
}

static void
daemon_free(Daemon *d)
{
	g_assert_cmpint(d->pid, ==, 0);
	remove_tree(d->dir);
	g_free(d->dir);
	g_free(d->conf);
	g_free(d->run);
	g_free(d->log);
	g_free(d->notify);
	g_free(d);
}

static char *
daemon_request(Daemon *d, const char *request)
{
	g_autoptr(GError) error = NULL;
	char *answer =
		am_control_request(d->run, request, g_get_monotonic_time() + PATIENCE_US, &error);
	g_assert_no_error(error);
	return answer;
}

static JsonObject *
daemon_status(Daemon *d)
{
	g_autofree char *text = daemon_request(d, "status");
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) root = json_from_string(text, &error);
	g_assert_no_error(error);
	return json_node_dup_object(root);
}

/* The one pid of that list; waits until there is exactly one and it is not `not`. */
static pid_t
daemon_pid_of(Daemon *d, const char *list, pid_t not )
{
	for (gint64 end = g_get_monotonic_time() + PATIENCE_US; g_get_monotonic_time() < end;) {
		g_autoptr(JsonObject) status = daemon_status(d);
		JsonArray *pids = json_object_get_array_member(status, list);
		if (json_array_get_length(pids) == 1 && json_array_get_int_element(pids, 0) != not )
			return (pid_t)json_array_get_int_element(pids, 0);
		g_usleep(5 * 1000);
	}
	g_assert_not_reached();
}

static char *
daemon_address(Daemon *d, guint index)
{
	g_autoptr(JsonObject) status = daemon_status(d);
	JsonArray *listeners = json_object_get_array_member(status, "listeners");
	JsonObject *listener = json_array_get_object_element(listeners, index);
	return g_strdup(json_object_get_string_member(listener, "address"));
}

/* Connects to "127.0.0.1:PORT", "[::1]:PORT" or "unix:PATH" and sends the command. */
static AmStream *
ask(const char *address, const char *command)
{
	g_autoptr(GError) error = NULL;
	gint64 deadline_us = g_get_monotonic_time() + PATIENCE_US;
	g_autofree char *host = g_strdup(address);
	guint16 port = 0;
	if (!g_str_has_prefix(address, "unix:")) {
		char *colon = strrchr(host, ':');
		*colon = '\0';
		port = (guint16)atoi(colon + 1);
	}
	if (*host == '[') {
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
	}
	AmStream *stream = am_stream_connect(host, port, deadline_us, &error);
	g_assert_no_error(error);
	am_stream_write(stream, command, strlen(command), deadline_us, &error);
	am_stream_flush(stream, deadline_us, &error);
	g_assert_no_error(error);
	return stream;
}

typedef struct {
	int pid;
	guint generation, uid;
} Answer;

static Answer
answer_of(AmStream *stream)
{
	g_autoptr(GError) error = NULL;
	const char *line;
	gsize len;
	Answer answer;
	am_stream_read_line(stream, 100, g_get_monotonic_time() + PATIENCE_US, &line, &len, &error);
	g_assert_no_error(error);
	g_assert_cmpint(sscanf(line, "%d %u %u", &answer.pid, &answer.generation, &answer.uid), ==,
			3);
	am_stream_free(stream);
	return answer;
}

static Answer
ping(const char *address)
{
	return answer_of(ask(address, "p"));
}

static void
wait_gone(const char *path)
{
	for (guint i = 0; i < 2000 && g_file_test(path, G_FILE_TEST_EXISTS); i++)
		g_usleep(5 * 1000);
	g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void
wait_dead(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (int)pid);
	for (guint i = 0; i < 2000; i++) {
		g_autofree char *text = NULL;
		/* one nobody has waited for is dead, too */
		if (!g_file_get_contents(path, &text, NULL, NULL) || *text == '\0')
			return;
		g_usleep(5 * 1000);
	}
	g_assert_not_reached();
}

static gboolean
log_has(Daemon *d, const char *text)
{
	g_autofree char *log = NULL;
	g_assert_true(g_file_get_contents(d->log, &log, NULL, NULL));
	return strstr(log, text) != NULL;
}

/* ---- serving ------------------------------------------------------------------------------- */

static guint64
proc_status(pid_t pid, const char *key, int base)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
	g_autofree char *text = NULL;
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	const char *line = strstr(text, key);
	g_assert_nonnull(line);
	return g_ascii_strtoull(line + strlen(key), NULL, (guint)base);
}

static void
check_privileges(Daemon *d, pid_t session)
{
	g_assert_cmpuint(proc_status(d->pid, "NoNewPrivs:\t", 10), ==, 1);
	g_assert_cmpuint(proc_status(session, "NoNewPrivs:\t", 10), ==, 1);
	if (geteuid() != 0)
		return;
	/* CHOWN DAC_OVERRIDE KILL SETGID SETUID NET_BIND_SERVICE at most */
	const guint64 most = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10;
	g_assert_cmphex(proc_status(d->pid, "CapEff:\t", 16) & ~most, ==, 0);
	g_assert_cmphex(proc_status(d->pid, "CapPrm:\t", 16) & ~most, ==, 0);
	g_assert_cmphex(proc_status(session, "CapPrm:\t", 16), ==, 0);
	g_assert_cmphex(proc_status(session, "CapEff:\t", 16), ==, 0);
	g_assert_cmpuint(proc_status(session, "Uid:\t", 10), ==, getpwnam("nobody")->pw_uid);
}

static void
test_serve(void)
{
	Daemon *d = daemon_new();
	struct stat info;
	g_autofree char *more = g_strdup_printf(ONE_LISTENER "[listener two]\naddress = [::1]:0\n"
							     "[listener local]\nmode = 0640\n"
							     "address = unix:%s/run/in.sock\n"
							     "protocol = lmtp\n",
						d->dir);
	daemon_configure(d, "ok", more);
	daemon_start(d);
	g_autoptr(JsonObject) status = daemon_status(d);
	g_assert_cmpstr(json_object_get_string_member(status, "version"), ==, PACKAGE_VERSION);
	g_assert_cmpint(json_object_get_int_member(status, "pid"), ==, d->pid);
	g_assert_cmpint(json_object_get_int_member(status, "generation"), ==, 1);
	g_assert_cmpint(json_object_get_int_member(status, "uptime_s"), <=, 10);
	JsonObject *statistics = json_object_get_object_member(status, "statistics");
	g_assert_cmpint(json_object_get_int_member(statistics, "mails_total"), ==, 1);
	g_assert_cmpint(json_object_get_int_member(statistics, "inspect_failures"), ==, 0);
	pid_t session = daemon_pid_of(d, "session_pids", 0);
	pid_t zygote = daemon_pid_of(d, "content_pids", 0);
	for (guint i = 0; i < 3; i++) {
		g_autofree char *address = daemon_address(d, i);
		Answer answer = ping(address);
		g_assert_cmpint(answer.pid, ==, session);
		g_assert_true(geteuid() != 0 || answer.uid != 0);
	}
	check_privileges(d, session);
	check_privileges(d, zygote);

	g_autofree char *socket_path = g_build_filename(d->run, "in.sock", NULL);
	g_assert_cmpint(stat(socket_path, &info), ==, 0);
	g_assert_cmpuint(info.st_mode & 07777, ==, 0640);
	g_assert_cmpuint(info.st_uid, ==, getpwnam(test_user())->pw_uid);
	g_autofree char *control = g_build_filename(d->run, AM_CONTROL_SOCKET, NULL);
	g_assert_cmpint(stat(control, &info), ==, 0);
	g_assert_cmpuint(info.st_mode & 07777, ==, 0600);
	g_assert_cmpint(stat(d->run, &info), ==, 0);
	g_assert_cmpuint(info.st_mode & 07777, ==, 0750);
	g_assert_cmpuint(info.st_uid, ==, getpwnam(test_user())->pw_uid);
	g_autofree char *pid_path = g_build_filename(d->run, AM_PID_FILE, NULL);
	g_autofree char *pid_text = NULL;
	g_assert_true(g_file_get_contents(pid_path, &pid_text, NULL, NULL));
	g_assert_cmpint(atoi(pid_text), ==, d->pid);

	daemon_stop(d);
	g_autofree char *content = g_build_filename(d->run, "content-1.sock", NULL);
	const char *const gone[] = { socket_path, control, pid_path, content };
	for (guint i = 0; i < G_N_ELEMENTS(gone); i++)
		g_assert_false(g_file_test(gone[i], G_FILE_TEST_EXISTS));
	wait_dead(session);
	wait_dead(zygote);
	daemon_free(d);
}

static void
test_second_instance(void)
{
	Daemon *d = daemon_new();
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	Daemon second = *d;
	daemon_fork(&second);
	g_autofree char *text = daemon_wait_ready(&second);
	g_autofree char *expected = g_strdup_printf("amavisd runs already (%s/%s: pid %d)", d->run,
						    AM_PID_FILE, (int)d->pid);
	g_assert_cmpstr(text, ==, expected);
	int status = daemon_wait(&second);
	g_assert_cmpint(WEXITSTATUS(status), ==, 1);
	g_autofree char *address = daemon_address(d, 0); /* the first is not disturbed */
	g_assert_cmpuint(ping(address).generation, ==, 1);
	daemon_stop(d);
	daemon_free(d);
}

static void
test_start_failures(void)
{
	static const struct {
		const char *hostname, *text;
	} cases[] = {
		{ "content-fails", "ended with status 2: no database in /nowhere; run freshclam" },
		{ "session-fails", "ended with status 3: no such table" },
		{ "session-dies", "died by signal 9 (Killed)" },
		{ "content-hangs", "died by signal 9 (Killed)" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		Daemon *d = daemon_new();
		d->times.start = 200 * 1000;
		g_test_message("%s", cases[i].hostname);
		daemon_configure(d, cases[i].hostname, ONE_LISTENER);
		daemon_fork(d);
		g_autofree char *text = daemon_wait_ready(d);
		g_assert_nonnull(strstr(text, cases[i].text));
		int status = daemon_wait(d);
		g_assert_cmpint(WEXITSTATUS(status), ==, 1);
		daemon_free(d);
	}
}

static void
test_address_in_use(void)
{
	Daemon *d = daemon_new();
	g_autofree char *path = g_build_filename(d->dir, "taken.sock", NULL);
	g_autofree char *more = g_strdup_printf("[listener in]\naddress = unix:%s\n", path);
	g_auto(AmFd) fd = am_listen_unix(path, 0600, 5, NULL, NULL);
	g_assert_cmpint(fd, >=, 0);
	daemon_configure(d, "ok", more);
	daemon_fork(d);
	g_autofree char *text = daemon_wait_ready(d);
	g_autofree char *expected =
		g_strdup_printf("[listener in]: unix:%s: another program listens there", path);
	g_assert_cmpstr(text, ==, expected);
	(void)daemon_wait(d);
	daemon_free(d);
}

/* ---- deaths -------------------------------------------------------------------------------- */

static void
test_session_crash(void)
{
	Daemon *d = daemon_new();
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	g_autofree char *address = daemon_address(d, 0);
	pid_t session = daemon_pid_of(d, "session_pids", 0);
	pid_t zygote = daemon_pid_of(d, "content_pids", 0);
	for (guint i = 0; i < 3; i++) {
		am_stream_free(ask(address, "k"));
		session = daemon_pid_of(d, "session_pids", session);
		/* the listener was never closed, so this waits for the new one and is served */
		g_assert_cmpint(ping(address).pid, ==, session);
	}
	g_assert_cmpint(daemon_pid_of(d, "content_pids", 0), ==, zygote);
	/* gauges of the dead are taken back, counters stay */
	g_autoptr(JsonObject) status = daemon_status(d);
	JsonObject *statistics = json_object_get_object_member(status, "statistics");
	g_assert_cmpint(json_object_get_int_member(statistics, "connections"), ==, 5);
	g_assert_cmpint(json_object_get_int_member(statistics, "mails_total"), ==, 4);
	g_assert_true(log_has(d, "died by signal 9 (Killed)"));
	g_assert_true(log_has(d, "session is started again in 20 ms"));
	g_assert_true(log_has(d, "session is started again in 40 ms"));
	g_assert_true(log_has(d, "session is started again in 80 ms"));
	daemon_stop(d);
	daemon_free(d);
}

static void
test_back_off_ends(void)
{
	Daemon *d = daemon_new();
	d->times.steady = 0; /* every child has lived long enough */
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	pid_t zygote = daemon_pid_of(d, "content_pids", 0);
	pid_t session = daemon_pid_of(d, "session_pids", 0);
	for (guint i = 0; i < 3; i++) {
		g_assert_cmpint(kill(zygote, SIGKILL), ==, 0);
		zygote = daemon_pid_of(d, "content_pids", zygote);
	}
	g_assert_cmpint(daemon_pid_of(d, "session_pids", 0), ==, session);
	g_assert_true(log_has(d, "content is started again in 20 ms"));
	g_assert_false(log_has(d, "in 40 ms"));
	daemon_stop(d);
	daemon_free(d);
}

static void
test_stale(void)
{
	Daemon *d = daemon_new();
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	pid_t session = daemon_pid_of(d, "session_pids", 0);
	pid_t zygote = daemon_pid_of(d, "content_pids", 0);
	for (guint i = 0; i < 2; i++) {
		pid_t old = zygote;
		g_assert_cmpint(kill(old, SIGUSR1), ==, 0);
		zygote = daemon_pid_of(d, "content_pids", old);
		wait_dead(old);
	}
	g_assert_true(log_has(d, "ended with status 0")); /* not killed */
	g_assert_cmpint(daemon_pid_of(d, "session_pids", 0), ==, session);
	g_autofree char *address = daemon_address(d, 0);
	g_assert_cmpuint(ping(address).generation, ==, 1);
	daemon_stop(d);
	daemon_free(d);
}

/* SIGKILL of the master: nobody is left behind, and the next one can start at once. */
static void
test_master_killed(void)
{
	Daemon *d = daemon_new();
	g_autofree char *more =
		g_strdup_printf("[listener in]\naddress = unix:%s/run/in.sock\n", d->dir);
	daemon_configure(d, "ok", more);
	daemon_start(d);
	pid_t session = daemon_pid_of(d, "session_pids", 0);
	pid_t zygote = daemon_pid_of(d, "content_pids", 0);
	g_assert_cmpint(kill(d->pid, SIGKILL), ==, 0);
	(void)daemon_wait(d);
	wait_dead(session);
	wait_dead(zygote);
	daemon_start(d); /* over the old pid file and sockets */
	g_autofree char *address = daemon_address(d, 0);
	g_assert_cmpuint(ping(address).generation, ==, 1);
	daemon_stop(d);
	daemon_free(d);
}

/* ---- stopping ------------------------------------------------------------------------------ */

static void
test_drain(void)
{
	Daemon *d = daemon_new();
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	g_autofree char *address = daemon_address(d, 0);
	AmStream *slow = ask(address, "s");
	pid_t session = ping(address).pid; /* it has taken the slow one, too */
	g_assert_cmpint(kill(d->pid, SIGTERM), ==, 0);
	g_assert_cmpint(answer_of(slow).pid, ==, session);
	int status = daemon_wait(d);
	g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	daemon_free(d);
}

static void
test_drain_time(void)
{
	Daemon *d = daemon_new();
	daemon_configure(d, "session-stays", ONE_LISTENER);
	daemon_start(d);
	gint64 start_us = g_get_monotonic_time();
	daemon_stop(d);
	gint64 took_us = g_get_monotonic_time() - start_us;
	g_assert_cmpint(took_us, >=, 1200 * 1000); /* drain_time and the grace */
	g_assert_cmpint(took_us, <, 5 * G_USEC_PER_SEC);
	g_assert_true(log_has(d, "did not end in time and is killed"));
	daemon_free(d);
}

/* ---- reload -------------------------------------------------------------------------------- */

static void
test_reload(void)
{
	Daemon *d = daemon_new();
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	g_autofree char *address = daemon_address(d, 0);
	g_autofree char *content = g_build_filename(d->run, "content-1.sock", NULL);
	g_autofree char *path = g_build_filename(d->run, "more.sock", NULL);
	g_autofree char *more =
		g_strdup_printf(ONE_LISTENER "[listener more]\naddress = unix:%s\n", path);
	AmStream *slow = ask(address, "s");
	pid_t old = ping(address).pid;
	g_assert_true(g_file_test(content, G_FILE_TEST_EXISTS));

	daemon_configure(d, "ok", more);
	g_autofree char *answer = daemon_request(d, "reload");
	g_assert_cmpstr(answer, ==, "ok");
	g_assert_cmpint(answer_of(slow).pid, ==, old); /* what was under way is finished */
	pid_t session = daemon_pid_of(d, "session_pids", old);
	g_autofree char *same = daemon_address(d, 0);
	g_assert_cmpstr(same, ==, address);
	Answer now = ping(address);
	g_assert_cmpuint(now.generation, ==, 2);
	g_assert_cmpint(now.pid, ==, session);
	g_autofree char *more_address = g_strconcat("unix:", path, NULL);
	g_assert_cmpuint(ping(more_address).generation, ==, 2);
	(void)daemon_pid_of(d, "content_pids", 0); /* one again */
	wait_gone(content);

	/* by signal, and a listener goes */
	daemon_configure(d, "ok", ONE_LISTENER);
	g_assert_cmpint(kill(d->pid, SIGHUP), ==, 0);
	(void)daemon_pid_of(d, "session_pids", session);
	g_assert_cmpuint(ping(address).generation, ==, 3);
	wait_gone(path);
	daemon_stop(d);
	daemon_free(d);
}

/* Connections are made all the time while generations change; none is refused or dropped. */
static void
test_reload_under_load(void)
{
	Daemon *d = daemon_new();
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	g_autofree char *address = daemon_address(d, 0);
	guint highest = 0;
	for (guint i = 0; i < 3; i++) {
		g_assert_cmpint(kill(d->pid, SIGHUP), ==, 0);
		while (highest < i + 2)
			highest = MAX(highest, ping(address).generation);
		for (guint j = 0; j < 20; j++)
			(void)ping(address);
	}
	daemon_stop(d);
	daemon_free(d);
}

static void
test_reload_refused(void)
{
	Daemon *d = daemon_new();
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	g_autofree char *address = daemon_address(d, 0);
	pid_t session = daemon_pid_of(d, "session_pids", 0);

	daemon_configure(d, "ok", "threads = 0\nfoo = 1\n" ONE_LISTENER);
	g_autofree char *broken = daemon_request(d, "reload");
	g_autofree char *expected = g_strdup_printf(
		"error %s:8: [amavisd]: threads = \"0\" is not allowed; allowed: a whole number "
		"1..1024; mails processed at the same time\n"
		"%s:9: [amavisd]: unknown key \"foo\"; ",
		d->conf, d->conf);
	g_assert_true(g_str_has_prefix(broken, expected));
	g_assert_true(log_has(d, ":9: [amavisd]: unknown key"));

	daemon_configure(d, "session-fails", ONE_LISTENER);
	g_autofree char *failing = daemon_request(d, "reload");
	g_assert_true(g_str_has_prefix(failing, "error session of generation 2 (pid "));
	g_assert_true(g_str_has_suffix(failing, "ended with status 3: no such table"));

	g_autofree char *other = g_strdup(d->run);
	g_free(d->run);
	d->run = g_strconcat(other, "2", NULL);
	daemon_configure(d, "ok", ONE_LISTENER);
	g_free(d->run);
	d->run = g_steal_pointer(&other);
	g_autofree char *fixed = daemon_request(d, "reload");
	g_assert_cmpstr(fixed, ==, "error [amavisd] run_directory has changed: restart amavisd");

	g_assert_true(g_file_set_contents(d->conf, "", -1, NULL));
	g_autofree char *empty = daemon_request(d, "reload");
	g_assert_nonnull(strstr(empty, "no listener"));

	g_assert_cmpint(g_unlink(d->conf), ==, 0);
	g_autofree char *missing = daemon_request(d, "reload");
	g_assert_nonnull(strstr(missing, "No such file"));

	g_assert_cmpint(daemon_pid_of(d, "session_pids", 0), ==, session);
	g_assert_cmpuint(ping(address).generation, ==, 1);
	daemon_configure(d, "ok", ONE_LISTENER);
	g_autofree char *good = daemon_request(d, "reload");
	g_assert_cmpstr(good, ==, "ok");
	daemon_stop(d);
	daemon_free(d);
}

/* ---- control ------------------------------------------------------------------------------- */

static void
test_control(void)
{
	Daemon *d = daemon_new();
	g_autoptr(GError) error = NULL;
	gint64 deadline_us = g_get_monotonic_time() + PATIENCE_US;
	daemon_configure(d, "ok", ONE_LISTENER);
	g_assert_null(am_control_request(d->run, "status", deadline_us, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_true(g_str_has_prefix(error->message, "is amavisd running? "));
	g_clear_error(&error);
	daemon_start(d);
	g_autofree char *unknown = daemon_request(d, "explode");
	g_assert_cmpstr(unknown, ==, "error unknown request; known: status, reload");
	/* silent ones hold nobody up */
	AmStream *silent[8];
	g_autofree char *path = g_strdup_printf("unix:%s/%s", d->run, AM_CONTROL_SOCKET);
	for (guint i = 0; i < G_N_ELEMENTS(silent); i++)
		silent[i] = ask(path, "sta");
	g_autofree char *text = daemon_request(d, "status");
	g_assert_true(g_str_has_prefix(text, "{"));
	for (guint i = 0; i < G_N_ELEMENTS(silent); i++)
		am_stream_free(silent[i]);
	g_autofree char *large = g_strnfill(1024, 'x');
	g_autofree char *refused = daemon_request(d, large);
	g_assert_cmpstr(refused, ==, "error request too long");
	/* one that goes away while it waits */
	am_stream_free(ask(path, "reload\n"));
	g_autofree char *good = daemon_request(d, "reload");
	g_assert_cmpstr(good, ==, "ok");
	daemon_stop(d);
	daemon_free(d);
}

static void
test_notify(void)
{
	Daemon *d = daemon_new();
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char buf[256];
	d->notify = g_build_filename(d->dir, "notify", NULL);
	g_assert_cmpuint(strlen(d->notify), <, sizeof(address.sun_path));
	memcpy(address.sun_path, d->notify, strlen(d->notify));
	g_auto(AmFd) fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	daemon_configure(d, "ok", ONE_LISTENER);
	daemon_start(d);
	g_autofree char *answer = daemon_request(d, "reload");
	g_assert_cmpstr(answer, ==, "ok");
	daemon_stop(d);
	static const char *const states[] = { "READY=1", "RELOADING=1\nMONOTONIC_USEC=", "READY=1",
					      "STOPPING=1" };
	for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
		gssize n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
		g_assert_cmpint(n, >, 0);
		buf[n] = '\0';
		g_assert_true(g_str_has_prefix(buf, states[i]));
	}
	daemon_free(d);
}

/* ---- checks -------------------------------------------------------------------------------- */

static char *
problems_text(GPtrArray *problems)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *line = am_config_problem_to_string(problems->pdata[i]);
		g_string_append_printf(out, "%s%s", i > 0 ? "\n" : "", line);
	}
	return g_string_free(out, FALSE);
}

#define ALLOWED "allowed: 127.0.0.1:10024, [::1]:10024 or unix:/path"

static void
test_listener_checks(void)
{
	static const struct {
		const char *data, *problems;
	} cases[] = {
		{ "", "f: no listener: nothing would be served; add [listener NAME] with address "
		      "= 127.0.0.1:10024" },
		{ "[listener a]\naddress = 127.0.0.1:10024\n", "" },
		{ "[listener a]\naddress = [2001:db8::1]:1\n", "" },
		{ "[listener a]\naddress = [fe80::1%lo]:1\n", "" },
		{ "[listener a]\naddress = unix:/x\nmode = 0777\n", "" },
		{ "\n[listener a]\n", "f:2: [listener a]: address is not set; " ALLOWED },
		{ "[listener a]\naddress = 10024\n",
		  "f:2: [listener a]: address = \"10024\" is not allowed; " ALLOWED },
		{ "[listener a]\naddress = localhost:10024\n",
		  "f:2: [listener a]: address = \"localhost:10024\" is not allowed; " ALLOWED },
		{ "[listener a]\naddress = 127.0.0.1:65536\n",
		  "f:2: [listener a]: address = \"127.0.0.1:65536\" is not allowed; " ALLOWED },
		{ "[listener a]\naddress = 127.0.0.1:\n",
		  "f:2: [listener a]: address = \"127.0.0.1:\" is not allowed; " ALLOWED },
		{ "[listener a]\naddress = ::1:25\n",
		  "f:2: [listener a]: address = \"::1:25\" is not allowed; " ALLOWED },
		{ "[listener a]\naddress = [::1]\n",
		  "f:2: [listener a]: address = \"[::1]\" is not allowed; " ALLOWED },
		{ "[listener a]\naddress = unix:x\n",
		  "f:2: [listener a]: address = \"unix:x\" is not allowed; " ALLOWED },
		{ "[listener a]\naddress = 127.0.0.1:1\nmode = 888\n",
		  "f:3: [listener a]: mode = \"888\" is not allowed; allowed: permissions in "
		  "octal such as 0660" },
		{ "[listener a]\naddress = 127.0.0.1:1\nmode = 4777\n",
		  "f:3: [listener a]: mode = \"4777\" is not allowed; allowed: permissions in "
		  "octal such as 0660" },
		{ "[listener a]\naddress = [::1]:1\n[listener b]\naddress = [0:0::1]:1\n",
		  "f:4: [listener b]: address = \"[0:0::1]:1\" is that of [listener a], too" },
		{ "[listener a]\naddress = [::1]:0\n[listener b]\naddress = [::1]:0\n", "" },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) problems = am_config_problems_new();
		g_autoptr(AmConfig) config = am_config_load_data("f", cases[i].data, problems);
		am_listeners_check(config, problems);
		g_autofree char *text = problems_text(problems);
		g_assert_cmpstr(text, ==, cases[i].problems);
	}
}

static void
test_identity_checks(void)
{
	static const char base[] = "[listener a]\naddress = 127.0.0.1:0\n[amavisd]\n";
	struct {
		const char *data, *problem;
		gboolean is_for_root;
	} cases[] = {
		{ "user = root\n",
		  "f:4: [amavisd]: user = \"root\" is root; mail is never served "
		  "as root",
		  FALSE },
		{ "user = nobody\ngroup = root\n",
		  "f:5: [amavisd]: group = \"root\" is root's; mail is never served as root",
		  FALSE },
		{ "user = no-such-user-here\n",
		  "f:4: [amavisd]: user = \"no-such-user-here\" is not known to this system; "
		  "create the user or name another",
		  TRUE },
		{ "user = nobody\ngroup = no-such-group\n",
		  "f:5: [amavisd]: group = \"no-such-group\" is not known to this system", TRUE },
		{ "user = nobody\nlog = printer\n",
		  "f:5: [amavisd]: log = \"printer\" is not allowed; allowed: syslog, journal, "
		  "stderr or file:/path",
		  FALSE },
	};
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *data = g_strconcat(base, cases[i].data, NULL);
		g_autoptr(GPtrArray) problems = am_config_problems_new();
		g_autoptr(AmConfig) config = am_config_load_data("f", data, problems);
		g_autoptr(AmIdentity) identity G_GNUC_UNUSED =
			am_master_check(config, NULL, problems);
		g_autofree char *text = problems_text(problems);
		g_assert_cmpstr(text, ==,
				geteuid() == 0 || !cases[i].is_for_root ? cases[i].problem : "");
	}
}

static void
check_reports(AmConfig *config, GPtrArray *problems)
{
	am_config_add_problem(problems, "g", 7, "two\nlines as uid %s",
			      geteuid() == 0 ? "0" : "user");
	am_config_add_problem(problems, "", 0, "%s", am_config_file(config));
}

static void
check_dies(AmConfig *config, GPtrArray *problems)
{
	am_config_add_problem(problems, am_config_file(config), 1, "is lost");
	(void)raise(SIGKILL);
}

static void
test_check_in_child(void)
{
	g_autofree char *data = g_strdup_printf(
		"[listener a]\naddress = 127.0.0.1:0\n[amavisd]\nuser = %s\n", test_user());
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load_data("f", data, problems);
	AmIdentity *identity = am_master_check(config, check_reports, problems);
	am_identity_free(identity);
	g_autofree char *text = problems_text(problems);
	g_assert_cmpstr(text, ==, "g:7: two\nlines as uid user\nf");
	g_ptr_array_set_size(problems, 0);
	identity = am_master_check(config, check_dies, problems);
	am_identity_free(identity);
	g_autofree char *died = problems_text(problems);
	g_assert_cmpstr(died, ==, "checking plugins and policy died by signal 9 (Killed)");
}

/* ---- sockets ------------------------------------------------------------------------------- */

static void
test_unix_paths(void)
{
	g_autofree char *dir = g_dir_make_tmp("amavisd-test-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(dir, "x.sock", NULL);
	g_autoptr(GError) error = NULL;
	struct stat info;
	int fd = am_listen_unix(path, 0604, 1, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpint(stat(path, &info), ==, 0);
	g_assert_cmpuint(info.st_mode & 07777, ==, 0604);
	g_assert_cmpint(am_listen_unix(path, 0600, 1, NULL, &error), ==, -1);
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_nonnull(strstr(error->message, "another program listens there"));
	g_clear_error(&error);
	g_assert_cmpint(close(fd), ==, 0); /* its owner has died */
	fd = am_listen_unix(path, 0600, 1, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpint(close(fd), ==, 0);
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_true(g_file_set_contents(path, "precious", -1, NULL));
	g_assert_cmpint(am_listen_unix(path, 0600, 1, NULL, &error), ==, -1);
	g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	g_assert_true(g_file_test(path, G_FILE_TEST_IS_REGULAR));
	remove_tree(dir);
}

/* As the service manager hands them over: listening, named by LISTEN_FDS. */
static void
test_inherited(void)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GError) error = NULL;
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, len), ==, 0);
	g_assert_cmpint(listen(fd, 5), ==, 0);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
	int other = socket(AF_UNIX, SOCK_DGRAM, 0); /* not for us */
	g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
	g_array_append_val(fds, other);
	g_array_append_val(fds, fd);
	g_autofree char *data =
		g_strdup_printf("[listener a]\naddress = 127.0.0.1:%u\n[amavisd]\nuser = %s\n",
				ntohs(address.sin_port), test_user());
	g_autoptr(AmConfig) config = am_config_load_data("f", data, problems);
	g_autoptr(AmIdentity) identity = am_master_check(config, NULL, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	g_autoptr(GPtrArray) listeners = am_listeners_open(config, identity, NULL, fds, &error);
	g_assert_no_error(error);
	const AmListener *listener = listeners->pdata[0];
	g_assert_cmpint(listener->fd, ==, fd);
	g_assert_true(listener->is_inherited);
	g_assert_cmpint(fcntl(fd, F_GETFL) & O_NONBLOCK, !=, 0);
	g_assert_cmpint(g_array_index(fds, int, 0), ==, other);
	g_assert_cmpint(g_array_index(fds, int, 1), ==, -1);
	g_assert_cmpint(close(other), ==, 0);
	/* a second generation shares it */
	g_autoptr(GPtrArray) next = am_listeners_open(config, identity, listeners, NULL, &error);
	g_assert_no_error(error);
	listener = next->pdata[0];
	g_assert_cmpint(listener->fd, !=, fd);
	g_assert_true(listener->is_inherited);
}

static void
test_inherited_environment(void)
{
	if (g_test_subprocess()) {
		g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
		g_setenv("LISTEN_FDS", "2", TRUE);
		g_setenv("LISTEN_PID", "1", TRUE); /* somebody else's */
		g_autoptr(GArray) none = am_listeners_inherited();
		g_assert_cmpuint(none->len, ==, 0);
		g_assert_null(g_getenv("LISTEN_FDS"));
		g_setenv("LISTEN_FDS", "2", TRUE);
		g_setenv("LISTEN_PID", pid, TRUE);
		int fd = open("/dev/null", O_RDONLY);
		g_assert_cmpint(fd, >=, 0);
		g_assert_cmpint(dup2(fd, 3), ==, 3);
		g_assert_cmpint(dup2(fd, 4), ==, 4);
		g_autoptr(GArray) fds = am_listeners_inherited();
		g_assert_cmpuint(fds->len, ==, 2);
		g_assert_cmpint(g_array_index(fds, int, 0), ==, 3);
		g_assert_cmpint(fcntl(4, F_GETFD) & FD_CLOEXEC, !=, 0);
		_exit(0);
	}
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
	g_test_trap_assert_passed();
}

static void
test_directories(void)
{
	g_autofree char *dir = g_dir_make_tmp("amavisd-test-XXXXXX", NULL);
	g_autofree char *data = g_strdup_printf("[amavisd]\nuser = %s\n", test_user());
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load_data("f", data, problems);
	g_autoptr(AmIdentity) identity = am_identity_new(config, problems);
	g_autoptr(GError) error = NULL;
	g_autofree char *made = g_build_filename(dir, "a", "b", NULL);
	g_assert_true(am_identity_own_directory(identity, "run_directory", made, &error));
	g_assert_no_error(error);
	g_assert_true(am_identity_own_directory(identity, "run_directory", made, &error));
	g_assert_cmpint(g_chmod(made, 0777), ==, 0);
	g_assert_false(am_identity_own_directory(identity, "run_directory", made, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	g_assert_nonnull(strstr(error->message, "everybody may write there"));
	g_clear_error(&error);
	g_assert_cmpint(g_chmod(made, 0555), ==, 0);
	g_assert_false(am_identity_own_directory(identity, "run_directory", made, &error));
	g_assert_nonnull(strstr(error->message, "may not write there"));
	g_clear_error(&error);
	g_autofree char *file = g_build_filename(dir, "file", NULL);
	g_assert_true(g_file_set_contents(file, "", -1, NULL));
	g_assert_false(am_identity_own_directory(identity, "spool_directory", file, &error));
	g_assert_nonnull(strstr(error->message, "not a directory"));
	remove_tree(dir);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	if (geteuid() == 0 && getpwnam("nobody") == NULL)
		return 77;
	g_test_add_func("/master/listener-checks", test_listener_checks);
	g_test_add_func("/master/identity-checks", test_identity_checks);
	g_test_add_func("/master/check-in-child", test_check_in_child);
	g_test_add_func("/master/unix-paths", test_unix_paths);
	g_test_add_func("/master/inherited", test_inherited);
	g_test_add_func("/master/inherited-environment", test_inherited_environment);
	g_test_add_func("/master/directories", test_directories);
	g_test_add_func("/master/serve", test_serve);
	g_test_add_func("/master/second-instance", test_second_instance);
	g_test_add_func("/master/start-failures", test_start_failures);
	g_test_add_func("/master/address-in-use", test_address_in_use);
	g_test_add_func("/master/session-crash", test_session_crash);
	g_test_add_func("/master/back-off-ends", test_back_off_ends);
	g_test_add_func("/master/stale", test_stale);
	g_test_add_func("/master/master-killed", test_master_killed);
	g_test_add_func("/master/drain", test_drain);
	g_test_add_func("/master/drain-time", test_drain_time);
	g_test_add_func("/master/reload", test_reload);
	g_test_add_func("/master/reload-under-load", test_reload_under_load);
	g_test_add_func("/master/reload-refused", test_reload_refused);
	g_test_add_func("/master/control", test_control);
	g_test_add_func("/master/notify", test_notify);
	return g_test_run();
}
