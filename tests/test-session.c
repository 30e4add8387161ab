/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The session with a pipeline of its own: real sockets, real threads, mails that only sleep. */

#include <config.h>

#include "session/serve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log/log.h"
#include "session/clients.h"
#include "session/session.h"

#define PATIENCE_MS 8000 /* a reply that takes longer is a failure */
#define GREET "EHLO client.example\r\n"
#define ENVELOPE "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
#define BODY "Subject: x\r\n\r\nbody\r\n.\r\n"

/* -- the pipeline -- */

typedef struct {
	guint sleep_ms;
	gint mails;	    /* atomic */
	gint busy, busiest; /* atomic: mails at the same time */
	gint threads;	    /* atomic: contexts alive */
	gint housekept;	    /* atomic */
	gint fail_thread;   /* that many threads start, then one fails; -1 never */
	gboolean fail_start;
} Fake;

static Fake fake; /* of the test that runs */

static gpointer
fake_start(const AmGeneration *generation G_GNUC_UNUSED, GPtrArray *problems)
{
	if (!fake.fail_start)
		return &fake;
	am_config_add_problem(problems, "x.conf", 7, "policy is wrong");
	return NULL;
}

static void
fake_stop(gpointer process)
{
	g_assert_true(process == &fake);
	g_assert_cmpint(g_atomic_int_get(&fake.threads), ==, 0);
}

static void
fake_housekeeping(gpointer process G_GNUC_UNUSED)
{
	g_atomic_int_inc(&fake.housekept);
}

static gpointer
fake_thread_start(gpointer process, GError **error)
{
	g_assert_true(process == &fake);
	if (g_atomic_int_add(&fake.threads, 1) == g_atomic_int_get(&fake.fail_thread)) {
		(void)g_atomic_int_add(&fake.threads, -1);
		g_set_error(error, AM_ERROR, AM_ERROR_DATA, "Lua is broken");
		return NULL;
	}
	return g_new0(gint, 1);
}

static void
fake_thread_stop(gpointer thread)
{
	g_free(thread);
	(void)g_atomic_int_add(&fake.threads, -1);
}

static AmReply *
fake_check_recipient(gpointer thread, const AmEnvelope *envelope G_GNUC_UNUSED,
		     const AmRecipient *recipient)
{
	g_assert_nonnull(thread);
	return g_str_has_prefix(recipient->address, "no@") ? am_reply_new(550, "5.1.1", "none")
							   : NULL;
}

static GPtrArray *
fake_run(gpointer thread, AmMail *mail, gboolean is_lmtp)
{
	GPtrArray *replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	gint busy = g_atomic_int_add(&fake.busy, 1) + 1;
	gint busiest = g_atomic_int_get(&fake.busiest);
	while (busy > busiest && !g_atomic_int_compare_and_exchange(&fake.busiest, busiest, busy))
		busiest = g_atomic_int_get(&fake.busiest);
	g_assert_cmpint(mail->deadline_us, >, mail->received_us);
	(*(gint *)thread)++; /* a context is used by one thread at a time */
	if (fake.sleep_ms > 0)
		g_usleep(fake.sleep_ms * 1000);
	for (guint i = 0; i < (is_lmtp ? mail->envelope->recipients->len : 1); i++)
		g_ptr_array_add(replies, am_reply_new(250, "2.6.0", "taken"));
	am_mail_free(mail);
	(void)g_atomic_int_add(&fake.busy, -1);
	g_atomic_int_inc(&fake.mails);
	return replies;
}

static const AmSessionOps ops = {
	.start = fake_start,
	.stop = fake_stop,
	.housekeeping = fake_housekeeping,
	.thread_start = fake_thread_start,
	.thread_stop = fake_thread_stop,
	.check_recipient = fake_check_recipient,
	.run = fake_run,
};

/* -- the daemon around it -- */

typedef struct {
	AmGeneration generation;
	AmStatistics statistics;
	GThread *thread;
	int tell_fd; /* read end */
	guint16 port;
	char *folder;
	struct sockaddr_un path;
} Daemon;

static int
listen_at(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(fd, address, len), ==, 0);
	g_assert_cmpint(listen(fd, 1024), ==, 0);
	return fd;
}

static void
daemon_add_listener(Daemon *daemon, const char *name, int fd)
{
	AmListener *listener = g_new0(AmListener, 1);
	listener->group = am_config_group(daemon->generation.config, "listener", name);
	g_assert_nonnull(listener->group);
	listener->name = g_strdup(name);
	listener->address = g_strdup(am_config_string(listener->group, "address"));
	listener->protocol = g_strdup(am_config_string(listener->group, "protocol"));
	listener->fd = fd;
	g_ptr_array_add(daemon->generation.listeners, listener);
}

static gpointer
daemon_run(gpointer data)
{
	Daemon *daemon = data;
	return GINT_TO_POINTER(am_session_serve(&daemon->generation, &ops));
}

/* What the session tells the master next. */
static char *
daemon_told(Daemon *daemon)
{
	char buffer[1000] = "";
	g_assert_cmpint(read(daemon->tell_fd, buffer, sizeof buffer - 1), >, 0);
	return g_strndup(buffer, strcspn(buffer, "\n"));
}

/* core and listener: settings of [amavisd] and of [listener in], on TCP; [listener local] speaks LMTP
 * on a Unix socket. */
static void
daemon_start(Daemon *daemon, const char *core, const char *listener)
{
	int fds[2];
	struct sockaddr_in in4 = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in4;
	memset(daemon, 0, sizeof *daemon);
	daemon->folder = g_dir_make_tmp("amavisd-test-XXXXXX", NULL);
	daemon->path.sun_family = AF_UNIX;
	g_snprintf(daemon->path.sun_path, sizeof daemon->path.sun_path, "%s/socket",
		   daemon->folder);
	g_autofree char *text = g_strdup_printf(
		"[amavisd]\nthreads = 4\nhostname = filter.example\nspool_directory = %s\n%s\n"
		"[listener in]\naddress = 127.0.0.1:10024\n%s\n"
		"[listener local]\naddress = unix:%s\nprotocol = lmtp\n",
		daemon->folder, core, listener, daemon->path.sun_path);
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	daemon->generation.config = am_config_load_data("test.conf", text, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	daemon->generation.listeners =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_listener_free);
	daemon->generation.statistics = &daemon->statistics;
	g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
	daemon->tell_fd = fds[0];
	daemon->generation.tell_fd = fds[1];
	int fd = listen_at((struct sockaddr *)&in4, sizeof in4);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&in4, &len), ==, 0);
	daemon->port = ntohs(in4.sin_port);
	daemon_add_listener(daemon, "in", fd);
	daemon_add_listener(daemon, "local",
			    listen_at((struct sockaddr *)&daemon->path, sizeof daemon->path));
	daemon->thread = g_thread_new("session", daemon_run, daemon);
}

static void
daemon_expect_ready(Daemon *daemon)
{
	g_autofree char *told = daemon_told(daemon);
	g_assert_cmpstr(told, ==, "READY");
}

/* Waits for its end and returns its status. */
static int
daemon_join(Daemon *daemon)
{
	int status = GPOINTER_TO_INT(g_thread_join(daemon->thread));
	g_assert_cmpint(daemon->statistics.connections, ==, 0);
	g_assert_cmpint(daemon->statistics.mails_in_work, ==, 0);
	g_ptr_array_unref(daemon->generation.listeners);
	am_config_unref(daemon->generation.config);
	(void)close(daemon->tell_fd);
	(void)close(daemon->generation.tell_fd);
	(void)unlink(daemon->path.sun_path);
	(void)rmdir(daemon->folder);
	g_free(daemon->folder);
	return status;
}

static void
daemon_end(Daemon *daemon)
{
	g_assert_cmpint(kill(getpid(), SIGTERM), ==, 0);
	g_assert_cmpint(daemon_join(daemon), ==, 0);
}

/* -- clients -- */

static int
client_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static void
client_connect(Daemon *daemon, int fd)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET,
				   .sin_port = htons(daemon->port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	g_assert_cmpint(connect(fd, (struct sockaddr *)&in4, sizeof in4), ==, 0);
}

static int
client_new(Daemon *daemon)
{
	int fd = client_socket();
	client_connect(daemon, fd);
	return fd;
}

static void
client_say(int fd, const char *text)
{
	g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (gssize)strlen(text));
}

/* Reads until a last line that starts with `text`; "" until the end of the connection. */
static void
client_expect(int fd, const char *text)
{
	g_autoptr(GString) all = g_string_new("\n");
	g_autofree char *wanted = g_strconcat("\n", text, NULL);
	char buffer[2048];
	for (;;) {
		struct pollfd item = { .fd = fd, .events = POLLIN };
		if (*text != '\0' && strstr(all->str, wanted) != NULL &&
		    g_str_has_suffix(all->str, "\n"))
			return;
		if (poll(&item, 1, PATIENCE_MS) != 1)
			g_error("no '%s' came, only: %s", text, all->str);
		ssize_t n = recv(fd, buffer, sizeof buffer, 0);
		if (n <= 0 && *text == '\0')
			return;
		if (n <= 0)
			g_error("closed before '%s' came, only: %s", text, all->str);
		g_string_append_len(all, buffer, n);
	}
}

static void
client_end(int fd)
{
	client_say(fd, "QUIT\r\n");
	client_expect(fd, "221 ");
	client_expect(fd, "");
	(void)close(fd);
}

/* A client that does all there is to do and looks at each reply. */
static void
client_send_mail(int fd)
{
	client_say(fd, "MAIL FROM:<a@example.org>\r\n");
	client_expect(fd, "250 2.1.0");
	client_say(fd, "RCPT TO:<no@example.net>\r\n");
	client_expect(fd, "550 5.1.1");
	client_say(fd, "RCPT TO:<b@example.net>\r\n");
	client_expect(fd, "250 2.1.5");
	client_say(fd, "DATA\r\n");
	client_expect(fd, "354 ");
	client_say(fd, BODY);
	client_expect(fd, "250 2.6.0");
}

/* -- tests -- */

static void
reset_fake(void)
{
	memset(&fake, 0, sizeof fake);
	fake.fail_thread = -1;
}

static void
test_one(void)
{
	Daemon daemon;
	reset_fake();
	daemon_start(&daemon, "", "");
	daemon_expect_ready(&daemon);
	int fd = client_new(&daemon);
	client_expect(fd, "220 filter.example ESMTP");
	client_say(fd, GREET);
	client_expect(fd, "250 XFORWARD");
	for (guint i = 0; i < 20; i++)
		client_send_mail(fd);
	client_end(fd);

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&daemon.path, sizeof daemon.path), ==, 0);
	client_expect(fd, "220 filter.example LMTP");
	client_say(fd, "LHLO client.example\r\n");
	client_expect(fd, "250 XFORWARD");
	client_send_mail(fd);
	client_say(fd, ENVELOPE "bare\nnewline\r\n.\r\n"); /* trusted here: repaired */
	client_expect(fd, "250 2.6.0");
	client_end(fd);
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 22);
	g_assert_cmpint(daemon.statistics.connections_total, ==, 2);
}

static void
test_parallel(void)
{
	Daemon daemon;
	int fds[300];
	reset_fake();
	fake.sleep_ms = 2;
	daemon_start(&daemon, "max_mails = 1000", "");
	daemon_expect_ready(&daemon);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		fds[i] = client_new(&daemon);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		client_say(fds[i], GREET ENVELOPE BODY ENVELOPE BODY);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		client_say(fds[i], "QUIT\r\n");
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		client_expect(fds[i], "221 ");
		(void)close(fds[i]);
	}
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 600);
	g_assert_cmpint(fake.busiest, >, 1);
	g_assert_cmpint(fake.busiest, <=, 4);
}

/* A hundred clients in the middle of DATA hold no thread. */
static void
test_slow(void)
{
	Daemon daemon;
	int fds[100];
	reset_fake();
	daemon_start(&daemon, "max_mails = 200", "");
	daemon_expect_ready(&daemon);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_new(&daemon);
		client_say(fds[i], GREET ENVELOPE "A");
		client_expect(fds[i], "354 ");
	}
	int fast = client_new(&daemon);
	client_say(fast, GREET);
	for (const char *at = ": b\r\n\r\ntext"; *at != '\0'; at++) {
		char byte[2] = { *at, '\0' };
		for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
			client_say(fds[i], byte);
		gint64 start = g_get_monotonic_time();
		client_say(fast, ENVELOPE BODY);
		client_expect(fast, "250 2.6.0");
		g_assert_cmpint(g_get_monotonic_time() - start, <, G_USEC_PER_SEC);
	}
	client_end(fast);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		client_say(fds[i], "\r\n.\r\n");
		client_expect(fds[i], "250 2.6.0");
		(void)close(fds[i]); /* without QUIT */
	}
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 111);
}

static void
test_idle(void)
{
	Daemon daemon;
	reset_fake();
	daemon_start(&daemon, "", "idle_time = 1s");
	daemon_expect_ready(&daemon);
	int idle = client_new(&daemon);
	int in_data = client_new(&daemon);
	client_say(in_data, GREET ENVELOPE "half");
	client_expect(in_data, "354 ");
	client_expect(idle, "220 ");
	client_expect(idle, "421 4.4.2 filter.example");
	client_expect(idle, "");
	client_expect(in_data, "421 4.4.2 filter.example");
	client_expect(in_data, "");
	(void)close(idle);
	(void)close(in_data);
	g_assert_cmpint(g_atomic_int_get(&fake.housekept), >, 0);
	daemon_end(&daemon);
	g_assert_cmpint(fake.mails, ==, 0);
}

static void
test_limits(void)
{
	Daemon daemon;
	int fds[3];
	reset_fake();
	daemon_start(&daemon, "max_connections = 3\nmax_mails = 1", "");
	daemon_expect_ready(&daemon);
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_new(&daemon);
		client_expect(fds[i], "220 ");
		client_say(fds[i], GREET);
		client_expect(fds[i], "250 XFORWARD");
	}
	int more = client_new(&daemon);
	client_expect(more, "421 4.3.2 filter.example Too many connections");
	client_expect(more, "");
	(void)close(more);

	client_say(fds[0], ENVELOPE);
	client_expect(fds[0], "354 ");
	client_say(fds[1], "MAIL FROM:<>\r\n");
	client_expect(fds[1], "421 4.3.2 filter.example Too many mails");
	client_expect(fds[1], "");
	client_say(fds[0], BODY);
	client_expect(fds[0], "250 2.6.0");
	client_say(fds[2], ENVELOPE BODY); /* there is room again */
	client_expect(fds[2], "250 2.6.0");
	client_end(fds[0]);
	client_end(fds[2]);
	(void)close(fds[1]);
	more = client_new(&daemon);
	client_expect(more, "220 ");
	client_end(more);
	daemon_end(&daemon);
}

static void
test_acl(void)
{
	Daemon daemon;
	reset_fake();
	daemon_start(&daemon, "", "clients = 192.0.2.0/24, 2001:db8::/32");
	daemon_expect_ready(&daemon);
	int fd = client_new(&daemon);
	client_expect(fd, "554 5.7.1 filter.example Access denied");
	client_expect(fd, "");
	(void)close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&daemon.path, sizeof daemon.path), ==, 0);
	client_expect(fd, "220 ");
	client_end(fd);
	daemon_end(&daemon);
}

static void
test_bare_newline_set(void)
{
	Daemon daemon;
	reset_fake();
	daemon_start(&daemon, "", "bare_newline = reject");
	daemon_expect_ready(&daemon);
	int fd = client_new(&daemon);
	client_say(fd, GREET ENVELOPE "bare\nnewline\r\n.\r\n");
	client_expect(fd, "550 5.6.11");
	client_end(fd);
	daemon_end(&daemon);
}

/* SIGTERM: idle connections end, mails under way are finished. */
static void
test_drain(void)
{
	Daemon daemon;
	reset_fake();
	fake.sleep_ms = 200;
	daemon_start(&daemon, "", "");
	daemon_expect_ready(&daemon);
	int fresh = client_new(&daemon);
	int used = client_new(&daemon);
	int in_data = client_new(&daemon);
	int in_work = client_new(&daemon);
	client_expect(fresh, "220 ");
	client_say(used, GREET ENVELOPE BODY);
	client_expect(used, "250 2.6.0");
	client_say(in_data, GREET ENVELOPE "half");
	client_expect(in_data, "354 ");
	client_say(in_work, GREET ENVELOPE BODY);
	while (g_atomic_int_get(&fake.busy) == 0)
		g_usleep(1000);

	g_assert_cmpint(kill(getpid(), SIGTERM), ==, 0);
	client_expect(used, "421 4.3.2 filter.example");
	client_expect(used, "");
	int late = client_new(&daemon);		/* stays in the queue, for the next generation */
	client_say(fresh, GREET ENVELOPE BODY); /* just came, may do what it came for */
	client_expect(fresh, "250 2.6.0");
	client_expect(fresh, "");
	client_expect(in_work, "250 2.6.0");
	client_expect(in_work, "");
	client_say(in_data, " mail\r\n.\r\n");
	client_expect(in_data, "250 2.6.0");
	client_expect(in_data, "");
	g_assert_cmpint(daemon_join(&daemon), ==, 0);
	g_assert_cmpint(fake.mails, ==, 4);
	int fds[] = { fresh, used, in_data, in_work, late };
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		(void)close(fds[i]);
}

static void
test_start_fails(void)
{
	static const struct {
		const char *listener;
		gboolean fail_start;
		gint fail_thread;
		const char *told;
	} cases[] = {
		{ "", TRUE, -1, "ERROR x.conf:7: policy is wrong" },
		{ "", FALSE, 2, "ERROR Lua is broken" },
		{ "clients = 127.0.0.1/8", FALSE, -1, "ERROR test.conf:" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Daemon daemon;
		reset_fake();
		fake.fail_start = cases[i].fail_start;
		fake.fail_thread = cases[i].fail_thread;
		daemon_start(&daemon, "", cases[i].listener);
		g_autofree char *told = daemon_told(&daemon);
		g_assert_true(g_str_has_prefix(told, cases[i].told));
		g_assert_cmpint(daemon_join(&daemon), ==, 1);
	}
}

/* No descriptors left: the client is told, and all is well again when there are some. */
static void
test_descriptors(void)
{
	Daemon daemon;
	struct rlimit old;
	g_autoptr(GArray) fillers = g_array_new(FALSE, FALSE, sizeof(int));
	reset_fake();
	daemon_start(&daemon, "", "");
	daemon_expect_ready(&daemon);
	int first = client_socket();
	int second = client_socket();
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
	struct rlimit tight = { .rlim_cur = 200, .rlim_max = old.rlim_max };
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &tight), ==, 0);
	int filler;
	while ((filler = dup(first)) >= 0)
		g_array_append_val(fillers, filler);
	g_assert_cmpint(errno, ==, EMFILE);
	client_connect(&daemon, first);
	client_expect(first, "421 4.3.2 filter.example Out of descriptors");
	for (guint i = 0; i < fillers->len; i++)
		(void)close(g_array_index(fillers, int, i));
	client_connect(&daemon, second);
	client_expect(second, "220 ");
	client_end(second);
	(void)close(first);
	g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);
	daemon_end(&daemon);
}

static gint64
own_pss_kib(void)
{
	g_autofree char *text = NULL;
	if (!g_file_get_contents("/proc/self/smaps_rollup", &text, NULL, NULL))
		return -1;
	const char *at = strstr(text, "\nPss:");
	return at != NULL ? g_ascii_strtoll(at + strlen("\nPss:"), NULL, 10) : -1;
}

static void
test_thousand_idle(void)
{
	Daemon daemon;
	struct rlimit limit;
	int fds[1000];
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max < 2100 || setrlimit(RLIMIT_NOFILE, &limit) < 0 || own_pss_kib() < 0) {
		g_test_skip("not enough descriptors, or no smaps_rollup");
		return;
	}
	reset_fake();
	daemon_start(&daemon, "", "");
	daemon_expect_ready(&daemon);
	gint64 before = own_pss_kib();
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = client_new(&daemon);
		client_say(fds[i], GREET ENVELOPE BODY);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		client_expect(fds[i], "250 2.6.0");
	gint64 used = own_pss_kib() - before;
	g_test_message("1000 idle connections: %" G_GINT64_FORMAT " KiB", used);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	g_assert_cmpint(used, <, 8 * 1024);
#endif
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		(void)close(fds[i]);
	daemon_end(&daemon);
}

static const struct {
	const char *networks; /* blank between; NULL the default */
	const char *address;
	gboolean may;
} client_cases[] = {
	{ NULL, "127.0.0.1", TRUE },
	{ NULL, "127.3.2.1", TRUE },
	{ NULL, "::1", TRUE },
	{ NULL, "192.0.2.1", FALSE },
	{ NULL, "::2", FALSE },
	{ NULL, "", TRUE },
	{ "192.0.2.0/24", "192.0.2.255", TRUE },
	{ "192.0.2.0/24", "192.0.3.0", FALSE },
	{ "192.0.2.0/24", "127.0.0.1", FALSE },
	{ "192.0.2.0/24", "", TRUE },
	{ "192.0.2.0/24", "nonsense", FALSE },
	{ "192.0.2.7 2001:db8::/32", "192.0.2.7", TRUE },
	{ "192.0.2.7 2001:db8::/32", "2001:db8:1::9", TRUE },
	{ "192.0.2.7 2001:db8::/32", "2001:db9::9", FALSE },
	{ "0.0.0.0/0", "203.0.113.9", TRUE },
	{ "0.0.0.0/0", "2001:db8::1", FALSE },
	{ "*", "2001:db8::1", TRUE },
};

static void
test_clients(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(client_cases); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) networks = client_cases[i].networks != NULL
						 ? g_strsplit(client_cases[i].networks, " ", -1)
						 : NULL;
		g_autoptr(AmClients) clients =
			am_clients_new((const char *const *)networks, &error);
		g_assert_no_error(error);
		g_test_message("%s %s", client_cases[i].networks, client_cases[i].address);
		g_assert_true(am_clients_may(clients, client_cases[i].address) ==
			      client_cases[i].may);
	}
	static const char *const bad[] = { "192.0.2.0/33", "192.0.2.1/24", "localhost", "", "/8" };
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		const char *const networks[] = { "127.0.0.1", bad[i], NULL };
		g_assert_null(am_clients_new(networks, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	}
}

int
main(int argc, char **argv)
{
	sigset_t set;
	g_test_init(&argc, &argv, NULL);
	/* SIGTERM is read from a descriptor: no thread may take it */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	g_assert_cmpint(sigprocmask(SIG_BLOCK, &set, NULL), ==, 0);
	g_test_add_func("/session/clients", test_clients);
	g_test_add_func("/session/one", test_one);
	g_test_add_func("/session/parallel", test_parallel);
	g_test_add_func("/session/slow", test_slow);
	g_test_add_func("/session/idle", test_idle);
	g_test_add_func("/session/limits", test_limits);
	g_test_add_func("/session/acl", test_acl);
	g_test_add_func("/session/bare-newline", test_bare_newline_set);
	g_test_add_func("/session/drain", test_drain);
	g_test_add_func("/session/start-fails", test_start_fails);
	g_test_add_func("/session/descriptors", test_descriptors);
	g_test_add_func("/session/thousand-idle", test_thousand_idle);
	return g_test_run();
}
