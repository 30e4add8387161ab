/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "session-daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATIENCE_MS 8000 /* a reply that takes longer is a failure */

/* -- the pipeline -- */

Fake fake;

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

char *
daemon_told(Daemon *daemon)
{
	char buffer[1000] = "";
	g_assert_cmpint(read(daemon->tell_fd, buffer, sizeof buffer - 1), >, 0);
	return g_strndup(buffer, strcspn(buffer, "\n"));
}

void
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

void
daemon_expect_ready(Daemon *daemon)
{
	g_autofree char *told = daemon_told(daemon);
	g_assert_cmpstr(told, ==, "READY");
}

int
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

void
daemon_end(Daemon *daemon)
{
	g_assert_cmpint(kill(getpid(), SIGTERM), ==, 0);
	g_assert_cmpint(daemon_join(daemon), ==, 0);
}

/* -- clients -- */

int
client_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(fd, >=, 0);
	return fd;
}

void
client_connect(Daemon *daemon, int fd)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET,
				   .sin_port = htons(daemon->port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	g_assert_cmpint(connect(fd, (struct sockaddr *)&in4, sizeof in4), ==, 0);
}

int
client_new(Daemon *daemon)
{
	int fd = client_socket();
	client_connect(daemon, fd);
	return fd;
}

void
client_say(int fd, const char *text)
{
	g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (gssize)strlen(text));
}

void
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

void
client_end(int fd)
{
	client_say(fd, "QUIT\r\n");
	client_expect(fd, "221 ");
	client_expect(fd, "");
	(void)close(fd);
}

void
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

void
fake_reset(void)
{
	memset(&fake, 0, sizeof fake);
	fake.fail_thread = -1;
}

gint64
own_pss_kib(void)
{
	g_autofree char *text = NULL;
	if (!g_file_get_contents("/proc/self/smaps_rollup", &text, NULL, NULL))
		return -1;
	const char *at = strstr(text, "\nPss:");
	return at != NULL ? g_ascii_strtoll(at + strlen("\nPss:"), NULL, 10) : -1;
}

gboolean
may_open(guint n)
{
	struct rlimit limit;
	g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	limit.rlim_cur = limit.rlim_max;
	return limit.rlim_max >= n && setrlimit(RLIMIT_NOFILE, &limit) == 0;
}
