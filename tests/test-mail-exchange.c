/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The exchange: both sides against each other, and each side against a peer that misbehaves. */

#include <config.h>

#include "mail/exchange.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mail/fd.h"
#include "mail/spool.h"

static void
make_pair(int pair[2])
{
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), ==, 0);
}

static void
close_pair(int pair[2])
{
	for (guint i = 0; i < 2; i++)
		if (pair[i] >= 0)
			(void)close(pair[i]);
}

static int
make_mail(gsize size)
{
	g_autofree char *data = g_malloc0(size);
	int fd = memfd_create("test", MFD_CLOEXEC);
	g_assert_true(am_write_all(fd, data, size, NULL));
	return fd;
}

static gint64
deadline_ms(gint64 ms)
{
	return g_get_monotonic_time() + ms * 1000;
}

static AmInspectRequest
sample_request(void)
{
	AmInspectRequest request = { .mail_id = "abcdefghijklmnop",
				     .mail_size = 100,
				     .deadline_us = deadline_ms(5000),
				     .smtputf8 = TRUE };
	request.sender = g_strdup("a@example.org");
	request.recipients = g_strsplit("b@example.org c@example.org", " ", 0);
	request.client_address = g_strdup("192.0.2.1");
	request.helo = g_strdup("host\xff");
	return request;
}

static guint
count_fds(void)
{
	guint n = 0;
	for (int fd = 0; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

/* The worker: takes a request, says hello, reports `size` bytes. */
static void
run_worker(int socket, gsize size)
{
	AmInspectRequest request;
	g_auto(AmFd) fd = -1;
	g_autofree guint8 *data = g_malloc(size);
	for (gsize i = 0; i < size; i++)
		data[i] = (guint8)(i % 251);
	g_autoptr(GBytes) report = g_bytes_new(data, size);
	if (!am_exchange_receive_request(socket, &request, &fd, NULL) || request.mail_size != 100)
		_exit(2);
	am_inspect_request_clear(&request);
	if (!am_exchange_send_hello(socket, NULL) || !am_exchange_send_report(socket, report, NULL))
		_exit(3);
	_exit(0);
}

static void
test_whole(void)
{
	static const gsize sizes[] = { 0,     1,      65524,  65525,
				       65536, 131060, 131061, AM_REPORT_MAX_BYTES };
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GError) error = NULL;
		int pair[2], status;
		g_auto(AmFd) mail = make_mail(100);
		AmInspectRequest request = sample_request();
		pid_t said;
		make_pair(pair);
		pid_t pid = fork();
		if (pid == 0)
			run_worker(pair[1], sizes[i]);
		(void)close(pair[1]);
		pair[1] = -1;
		g_assert_true(am_exchange_send_request(pair[0], &request, mail, &error));
		g_assert_true(am_exchange_receive_hello(pair[0], deadline_ms(5000), &said, &error));
		g_assert_cmpint(said, ==, pid);
		g_autoptr(GBytes) report =
			am_exchange_receive_report(pair[0], deadline_ms(5000), &error);
		g_assert_no_error(error);
		gsize len;
		const guint8 *data = g_bytes_get_data(report, &len);
		g_assert_cmpuint(len, ==, sizes[i]);
		for (gsize k = 0; k < len; k++)
			if (data[k] != k % 251)
				g_error("byte %zu differs", k);
		am_inspect_request_clear(&request);
		g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
		g_assert_cmpint(status, ==, 0);
		close_pair(pair);
	}
}

static void
test_request(void)
{
	g_autoptr(GError) error = NULL;
	int pair[2];
	g_auto(AmFd) mail = make_mail(100), got = -1;
	AmInspectRequest request = sample_request(), read;
	struct stat one, other;
	make_pair(pair);
	g_assert_true(am_exchange_send_request(pair[0], &request, mail, &error));
	g_assert_true(am_exchange_receive_request(pair[1], &read, &got, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(read.mail_id, ==, request.mail_id);
	g_assert_cmpuint(read.mail_size, ==, 100);
	g_assert_cmpint(read.deadline_us, ==, request.deadline_us);
	g_assert_cmpstr(read.sender, ==, "a@example.org");
	g_assert_cmpstr(read.helo, ==, "host\xef\xbf\xbd");
	g_assert_true(g_strv_equal((const char *const *)read.recipients,
				   (const char *const *)request.recipients));
	g_assert_true(read.smtputf8);
	g_assert_cmpint(fstat(mail, &one), ==, 0);
	g_assert_cmpint(fstat(got, &other), ==, 0);
	g_assert_cmpuint(one.st_ino, ==, other.st_ino);
	g_assert_true((fcntl(got, F_GETFD) & FD_CLOEXEC) != 0);
	am_inspect_request_clear(&request);
	am_inspect_request_clear(&read);
	close_pair(pair);
}

static gpointer
receive_request_thread(gpointer data)
{
	AmInspectRequest read;
	g_auto(AmFd) got = -1;
	if (!am_exchange_receive_request(GPOINTER_TO_INT(data), &read, &got, NULL))
		return NULL;
	guint n = g_strv_length(read.recipients);
	am_inspect_request_clear(&read);
	return GUINT_TO_POINTER(n);
}

/* More recipients than are sent: the rest is left out. */
static void
test_many_recipients(void)
{
	int pair[2];
	g_auto(AmFd) mail = make_mail(100);
	AmInspectRequest request = sample_request();
	g_strfreev(request.recipients);
	request.recipients = g_new0(char *, 60001);
	for (guint i = 0; i < 60000; i++)
		request.recipients[i] = g_strdup_printf("recipient%u@some.example.org", i);
	make_pair(pair);
	GThread *thread = g_thread_new("worker", receive_request_thread, GINT_TO_POINTER(pair[1]));
	g_assert_true(am_exchange_send_request(pair[0], &request, mail, NULL));
	guint n = GPOINTER_TO_UINT(g_thread_join(thread));
	g_assert_cmpuint(n, >, 10000);
	g_assert_cmpuint(n, <, 60000);
	am_inspect_request_clear(&request);
	close_pair(pair);
}

/* A worker that takes nothing must not hold the session beyond its deadline. */
static void
test_send_deadline(void)
{
	g_autoptr(GError) error = NULL;
	int pair[2];
	g_auto(AmFd) mail = make_mail(100);
	AmInspectRequest request = sample_request();
	g_strfreev(request.recipients);
	request.recipients = g_new0(char *, 60001);
	for (guint i = 0; i < 60000; i++)
		request.recipients[i] = g_strdup("recipient@some.example.org");
	request.deadline_us = deadline_ms(50);
	make_pair(pair);
	g_assert_false(am_exchange_send_request(pair[0], &request, mail, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	am_inspect_request_clear(&request);
	close_pair(pair);
}

static void
test_deadline(void)
{
	g_autoptr(GError) error = NULL;
	int pair[2];
	pid_t pid;
	make_pair(pair);
	gint64 start = g_get_monotonic_time();
	g_assert_false(am_exchange_receive_hello(pair[0], deadline_ms(30), &pid, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_cmpint(g_get_monotonic_time() - start, >=, 30000);
	g_clear_error(&error);
	g_assert_null(am_exchange_receive_report(pair[0], deadline_ms(-30), &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	close_pair(pair);
}

static void
test_peer_gone(void)
{
	g_autoptr(GError) error = NULL;
	int pair[2];
	pid_t pid;
	g_auto(AmFd) mail = make_mail(100), got = -1;
	AmInspectRequest request = sample_request(), read;
	make_pair(pair);
	(void)close(pair[1]);
	pair[1] = -1;
	g_assert_false(am_exchange_send_request(pair[0], &request, mail, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	g_clear_error(&error);
	g_assert_false(am_exchange_receive_hello(pair[0], deadline_ms(500), &pid, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	g_clear_error(&error);
	g_assert_null(am_exchange_receive_report(pair[0], deadline_ms(500), &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	g_clear_error(&error);
	g_assert_false(am_exchange_receive_request(pair[0], &read, &got, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
	am_inspect_request_clear(&request);
	close_pair(pair);
}

static void
send_raw(int socket, const guint8 *data, gsize len, const int *fds, gsize n_fds)
{
	char control[256] __attribute__((aligned(16))) = { 0 };
	struct iovec iov = { (gpointer)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	am_fd_attach(&msg, control, sizeof control, fds, n_fds);
	g_assert_cmpint(sendmsg(socket, &msg, MSG_NOSIGNAL), ==, len);
}

#define HEAD(type, len)                                                                            \
	'A', 'M', 'X', '1', 1, 0, type, 0, (len)&0xff, (len) >> 8 & 0xff, (len) >> 16 & 0xff,      \
		(len) >> 24

static const struct {
	const char *name;
	guint8 bytes[20];
	gsize len;
	guint n_fds;
} bad_reports[] = {
	{ "short head", { HEAD(3, 0) }, 11, 0 },
	{ "magic", { 'X', 'M', 'X', '1', 1, 0, 3, 0 }, 12, 0 },
	{ "version", { 'A', 'M', 'X', '1', 2, 0, 3, 0 }, 12, 0 },
	{ "type", { HEAD(2, 0) }, 12, 0 },
	{ "more than announced", { HEAD(3, 1) }, 14, 0 },
	{ "less than announced", { HEAD(3, 5) }, 14, 0 },
	{ "over the limit", { HEAD(3, 0x7fffffff) }, 12, 0 },
	{ "descriptor", { HEAD(3, 2) }, 14, 1 },
	{ "descriptors", { HEAD(3, 2) }, 14, 3 },
	{ "too many descriptors", { HEAD(3, 2) }, 14, 9 },
};

static void
test_bad_reports(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(bad_reports); i++) {
		g_autoptr(GError) error = NULL;
		int pair[2], fds[9] = { 0 };
		make_pair(pair);
		guint before = count_fds();
		g_test_message("%s", bad_reports[i].name);
		send_raw(pair[1], bad_reports[i].bytes, bad_reports[i].len, fds,
			 bad_reports[i].n_fds);
		g_assert_null(am_exchange_receive_report(pair[0], deadline_ms(500), &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
		g_assert_cmpuint(count_fds(), ==, before);
		close_pair(pair);
	}
}

/* A report that ends in the middle, and one whose second packet is larger than what is left. */
static void
test_bad_chunks(void)
{
	g_autofree guint8 *packet = g_malloc0(65536);
	const guint8 head[] = { HEAD(3, 70000) };
	memcpy(packet, head, sizeof head);
	for (guint i = 0; i < 3; i++) {
		g_autoptr(GError) error = NULL;
		int pair[2];
		make_pair(pair);
		send_raw(pair[1], packet, 65536, NULL, 0);
		if (i > 0)
			send_raw(pair[1], packet, i == 1 ? 70000 - 65524 + 1 : 10, NULL, 0);
		(void)close(pair[1]);
		pair[1] = -1;
		g_assert_null(am_exchange_receive_report(pair[0], deadline_ms(500), &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
		close_pair(pair);
	}
}

static void
test_hello_without_credentials(void)
{
	g_autoptr(GError) error = NULL;
	int pair[2];
	pid_t pid;
	make_pair(pair);
	g_assert_true(am_exchange_send_hello(pair[1], NULL)); /* nobody asked the kernel */
	g_assert_false(am_exchange_receive_hello(pair[0], deadline_ms(500), &pid, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_SCANNER);
	close_pair(pair);
}

/* Requests a worker must not believe. */
static void
test_bad_requests(void)
{
	for (guint i = 0; i < 5; i++) {
		g_autoptr(GError) error = NULL;
		int pair[2], got = -1;
		const int fds[2] = { 0, 1 };
		const guint8 garbage[] = { HEAD(1, 2), 1, 2 };
		g_auto(AmFd) mail = make_mail(99); /* one byte less than the request says */
		AmInspectRequest request = sample_request(), read;
		make_pair(pair);
		guint before = count_fds();
		if (i == 0)
			g_assert_true(am_exchange_send_request(pair[0], &request, mail, NULL));
		else if (i == 1)
			g_assert_true(am_exchange_send_request(pair[0], &request, pair[0], NULL));
		else if (i == 2)
			g_assert_true(am_exchange_send_request(pair[0], &request, -1, NULL));
		else
			send_raw(pair[0], garbage, sizeof garbage, fds, i == 3 ? 1 : 2);
		g_assert_false(am_exchange_receive_request(pair[1], &read, &got, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
		g_assert_cmpint(got, ==, -1);
		g_assert_cmpuint(count_fds(), ==, before);
		am_inspect_request_clear(&request);
		am_inspect_request_clear(&read);
		close_pair(pair);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/exchange/whole", test_whole);
	g_test_add_func("/exchange/request", test_request);
	g_test_add_func("/exchange/many-recipients", test_many_recipients);
	g_test_add_func("/exchange/send-deadline", test_send_deadline);
	g_test_add_func("/exchange/deadline", test_deadline);
	g_test_add_func("/exchange/peer-gone", test_peer_gone);
	g_test_add_func("/exchange/bad-reports", test_bad_reports);
	g_test_add_func("/exchange/bad-chunks", test_bad_chunks);
	g_test_add_func("/exchange/hello-without-credentials", test_hello_without_credentials);
	g_test_add_func("/exchange/bad-requests", test_bad_requests);
	return g_test_run();
}
