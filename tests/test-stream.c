/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "wire/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MS 1000 /* microseconds */

static gint64
after_ms(guint ms)
{
	return g_get_monotonic_time() + (gint64)ms * MS;
}

/* A stream and the other end of its connection. */
static AmStream *
stream_pair(int *peer)
{
	int fds[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	*peer = fds[1];
	return am_stream_new(fds[0]);
}

static void
say(int fd, const char *data, gsize len)
{
	g_assert_cmpint(send(fd, data, len, MSG_NOSIGNAL), ==, (gssize)len);
}

typedef struct {
	const char *name;
	const char *input;
	gsize max_len;
	const char *expected; /* "C:text|" CRLF line, "L:text|" bare LF, "!|" too long */
} LineCase;

static const LineCase line_cases[] = {
	{ "one", "NOOP\r\n", 10, "C:NOOP|" },
	{ "two", "a\r\nbc\r\n", 10, "C:a|C:bc|" },
	{ "empty", "\r\n\n", 10, "C:|L:|" },
	{ "bare LF", "a\nb\r\n", 10, "L:a|C:b|" },
	{ "CR inside", "a\rb\r\n", 10, "C:a\rb|" },
	{ "CR CR LF", "a\r\r\n", 10, "C:a\r|" },
	{ "just fits", "0123456789\r\nx\r\n", 10, "C:0123456789|C:x|" },
	{ "one too many", "01234567890\r\nx\r\n", 10, "!|C:x|" },
	{ "far too long", "0123456789012345678901234567890\r\nx\r\n\n", 4, "!|C:x|L:|" },
	{ "long and bare", "0123456789\nx\r\n", 4, "!|C:x|" },
	{ "open end", "a\r\nrest", 10, "C:a|" },
	{ "fits, bare", "0123456789\n", 10, "L:0123456789|" },
};

static void
take_lines(AmStream *stream, gsize max_len, GString *out)
{
	const char *line;
	gsize len;
	gboolean is_crlf;
	for (;;) {
		AmReadResult result = am_stream_try_line(stream, max_len, &line, &len, &is_crlf);
		if (result == AM_READ_LONG) {
			g_string_append(out, "!|");
		} else if (result == AM_READ_OK) {
			g_assert_cmpuint(strlen(line), ==, len);
			g_string_append_printf(out, "%c:%s|", is_crlf ? 'C' : 'L', line);
		} else {
			g_assert_cmpint(result, ==, AM_READ_AGAIN);
			return;
		}
	}
}

/* Every case in pieces of every size, parked in between or not. */
static void
test_lines(gconstpointer data)
{
	const LineCase *item = data;
	gsize total = strlen(item->input);
	for (gsize piece = 1; piece <= total; piece++) {
		int peer;
		g_autoptr(AmStream) stream = stream_pair(&peer);
		g_autoptr(GString) out = g_string_new(NULL);
		for (gsize at = 0; at < total; at += piece) {
			say(peer, item->input + at, MIN(piece, total - at));
			take_lines(stream, item->max_len, out);
			if (piece % 2 == 1)
				am_stream_park(stream);
		}
		g_assert_cmpstr(out->str, ==, item->expected);
		(void)close(peer);
	}
}

static void
test_large_line(void)
{
	int peer;
	g_autoptr(AmStream) stream = stream_pair(&peer);
	g_autofree char *text = g_strnfill(100000, 'x');
	const char *line;
	gsize len;
	gboolean is_crlf;
	say(peer, text, 100000);
	/* larger than a buffer usually is */
	g_assert_cmpint(am_stream_try_line(stream, 150000, &line, &len, &is_crlf), ==,
			AM_READ_AGAIN);
	say(peer, "\r\n", 2);
	g_assert_cmpint(am_stream_try_line(stream, 150000, &line, &len, &is_crlf), ==, AM_READ_OK);
	g_assert_cmpuint(len, ==, 100000);
	g_assert_true(is_crlf);
	(void)close(peer);
}

/* A line that is too long is dropped, one without an end ends the connection: whoever sends as fast as
 * it is read would keep us in one call. */
static void
test_endless_line(void)
{
	static const struct {
		guint kib;
		AmReadResult result;
	} cases[] = { { 900, AM_READ_LONG }, { 900, AM_READ_LONG }, { 1200, AM_READ_ERROR } };
	int peer;
	g_autoptr(AmStream) stream = stream_pair(&peer);
	g_autofree char *text = g_strnfill(1024, 'x');
	const char *line;
	gsize len;
	gboolean is_crlf;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		AmReadResult result = AM_READ_AGAIN;
		for (guint n = 0; n < cases[i].kib && result == AM_READ_AGAIN; n++) {
			say(peer, text, 1024);
			result = am_stream_try_line(stream, 100, &line, &len, &is_crlf);
		}
		if (result == AM_READ_AGAIN) {
			say(peer, "\r\n", 2);
			result = am_stream_try_line(stream, 100, &line, &len, &is_crlf);
		}
		g_assert_cmpint(result, ==, cases[i].result);
	}
	g_assert_nonnull(am_stream_error(stream));
	(void)close(peer);
}

static void
test_peek(void)
{
	int peer;
	g_autoptr(AmStream) stream = stream_pair(&peer);
	const guint8 *data;
	const char *line;
	gsize len;
	gboolean is_crlf;
	g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_AGAIN);
	say(peer, "DATA\r\nbody", 10);
	g_assert_cmpint(am_stream_try_line(stream, 512, &line, &len, &is_crlf), ==, AM_READ_OK);
	g_assert_cmpuint(am_stream_buffered(stream), ==, 4);
	am_stream_park(stream);
	g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_OK);
	g_assert_cmpmem(data, len, "body", 4);
	am_stream_consume(stream, 1);
	g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_OK);
	g_assert_cmpmem(data, len, "ody", 3);
	am_stream_consume(stream, 3);
	g_assert_cmpuint(am_stream_buffered(stream), ==, 0);
	for (guint i = 0; i < 2; i++) {
		/* a read that took all there was: the next one is not even tried, once */
		say(peer, "more", 4);
		if (i > 0)
			g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_AGAIN);
		g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_OK);
		g_assert_cmpmem(data, len, "more", 4);
		am_stream_consume(stream, 4);
	}
	am_stream_park(stream); /* who was told that there is more reads at once */
	(void)close(peer);
	g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_EOF);
	g_assert_null(am_stream_error(stream));
}

static void
test_blocking_read(void)
{
	int peer;
	g_autoptr(AmStream) stream = stream_pair(&peer);
	g_autoptr(GError) error = NULL;
	const char *line;
	gsize len;
	char buffer[4];
	say(peer, "220 hello\r\n12345", 16);
	g_assert_true(am_stream_read_line(stream, 512, after_ms(500), &line, &len, &error));
	g_assert_cmpstr(line, ==, "220 hello");
	g_assert_cmpint(am_stream_read(stream, buffer, 4, after_ms(500), &error), ==, 4);
	g_assert_cmpint(am_stream_read(stream, buffer, 4, after_ms(500), &error), ==, 1);
	g_assert_no_error(error);

	gint64 start = g_get_monotonic_time();
	g_assert_false(am_stream_read_line(stream, 512, after_ms(30), &line, &len, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_cmpint(g_get_monotonic_time() - start, >=, 30 * MS);
	g_clear_error(&error);
	g_assert_cmpint(am_stream_read(stream, buffer, 4, after_ms(0), &error), ==, -1);
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_clear_error(&error);

	say(peer, "0123456789\r\nnext\r\n", 18);
	g_assert_false(am_stream_read_line(stream, 4, after_ms(500), &line, &len, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
	g_clear_error(&error);
	g_assert_true(am_stream_read_line(stream, 4, after_ms(500), &line, &len, &error));
	g_assert_cmpstr(line, ==, "next");

	(void)close(peer);
	g_assert_false(am_stream_read_line(stream, 512, after_ms(500), &line, &len, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
	g_clear_error(&error);
	g_assert_cmpint(am_stream_read(stream, buffer, 4, after_ms(500), &error), ==, 0);
	g_assert_no_error(error);
}

static gpointer
drain_thread(gpointer data)
{
	int fd = GPOINTER_TO_INT(data);
	GByteArray *all = g_byte_array_new();
	guint8 buffer[4096];
	ssize_t n;
	while ((n = read(fd, buffer, sizeof buffer)) > 0)
		g_byte_array_append(all, buffer, n);
	return all;
}

static void
test_write(void)
{
	int peer;
	AmStream *stream = stream_pair(&peer);
	g_autoptr(GError) error = NULL;
	char byte;
	g_assert_true(am_stream_write(stream, "EHLO ", 5, after_ms(500), &error));
	g_assert_cmpint(recv(peer, &byte, 1, MSG_DONTWAIT), ==, -1); /* gathered */
	g_assert_cmpuint(am_stream_queued(stream), ==, 5);
	GThread *thread = g_thread_new("drain", drain_thread, GINT_TO_POINTER(peer));
	g_autoptr(GByteArray) expected = g_byte_array_new();
	g_byte_array_append(expected, (const guint8 *)"EHLO ", 5);
	guint8 block[7000];
	for (guint i = 0; i < 300; i++) { /* far more than the socket holds */
		memset(block, i, sizeof block);
		g_byte_array_append(expected, block, sizeof block);
		g_assert_true(am_stream_write(stream, block, sizeof block, after_ms(5000), &error));
	}
	g_assert_true(am_stream_flush(stream, after_ms(5000), &error));
	g_assert_true(am_stream_try_flush(stream, &error));
	g_assert_no_error(error);
	am_stream_free(stream);
	g_autoptr(GByteArray) all = g_thread_join(thread);
	g_assert_cmpmem(all->data, all->len, expected->data, expected->len);
	(void)close(peer);
}

static void
test_write_full(void)
{
	int peer;
	g_autoptr(AmStream) stream = stream_pair(&peer);
	g_autoptr(GError) error = NULL;
	g_autofree char *block = g_strnfill(8 << 20, 'x');
	am_stream_queue(stream, block, 8 << 20);
	g_assert_false(am_stream_try_flush(stream, &error));
	g_assert_no_error(error); /* the rest must wait */
	g_assert_cmpuint(am_stream_queued(stream), >, 0);
	am_stream_park(stream);
	gsize got = 0;
	while (am_stream_queued(stream) > 0) {
		g_autofree char *buffer = g_malloc(1 << 20);
		ssize_t n = recv(peer, buffer, 1 << 20, MSG_DONTWAIT);
		g_assert_cmpint(n, >, 0);
		got += n;
		(void)am_stream_try_flush(stream, &error);
		g_assert_no_error(error);
	}
	g_assert_cmpuint(got, >, 4 << 20);

	/* nobody reads: the deadline ends it, and nothing may follow */
	g_assert_false(am_stream_write(stream, block, 8 << 20, after_ms(30), &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_clear_error(&error);
	g_assert_false(am_stream_write(stream, block, 1 << 20, after_ms(30), &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
	g_assert_nonnull(am_stream_error(stream));
	(void)close(peer);
}

static void
test_write_closed(void)
{
	int peer;
	g_autoptr(AmStream) stream = stream_pair(&peer);
	g_autoptr(GError) error = NULL;
	(void)close(peer);
	am_stream_queue(stream, "x", 1);
	g_assert_false(am_stream_try_flush(stream, &error)); /* and no SIGPIPE */
	g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
	const guint8 *data;
	gsize len;
	g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_ERROR);
	g_assert_false(am_stream_is_idle(stream));
}

static void
test_idle(void)
{
	int peer;
	g_autoptr(AmStream) stream = stream_pair(&peer);
	g_assert_true(am_stream_is_idle(stream));
	say(peer, "421 bye\r\n", 9);
	g_assert_false(am_stream_is_idle(stream));
	const guint8 *data;
	gsize len;
	g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_OK);
	am_stream_consume(stream, len);
	g_assert_true(am_stream_is_idle(stream));
	(void)close(peer);
	g_assert_false(am_stream_is_idle(stream));
}

static int
listen_tcp(const char *address, guint16 *port)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in *in4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	socklen_t len = family == AF_INET6 ? sizeof *in6 : sizeof *in4;
	storage.ss_family = family;
	g_assert_cmpint(inet_pton(family, address,
				  family == AF_INET6 ? (void *)&in6->sin6_addr : &in4->sin_addr),
			==, 1);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&storage, len) < 0) {
		(void)close(fd);
		return -1;
	}
	g_assert_cmpint(listen(fd, 4), ==, 0);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&storage, &len), ==, 0);
	*port = ntohs(family == AF_INET6 ? in6->sin6_port : in4->sin_port);
	return fd;
}

static void
check_tcp(const char *address)
{
	g_autoptr(GError) error = NULL;
	guint16 port;
	guint16 peer_port;
	int listener = listen_tcp(address, &port);
	if (listener < 0) {
		g_test_skip("address family is not there");
		return;
	}
	g_autoptr(AmStream) client = am_stream_connect(address, port, after_ms(2000), &error);
	g_assert_no_error(error);
	g_autofree char *peer = am_stream_peer_address(client, &peer_port);
	g_assert_cmpstr(peer, ==, address);
	g_assert_cmpuint(peer_port, ==, port);
	g_autoptr(AmStream) server = am_stream_new(accept(listener, NULL, NULL));
	g_assert_cmpuint(am_stream_local_port(server), ==, port);
	am_stream_queue(client, "hi\r\n", 4);
	g_assert_true(am_stream_flush(client, after_ms(500), &error));
	const char *line;
	gsize len;
	g_assert_true(am_stream_read_line(server, 10, after_ms(500), &line, &len, &error));
	g_assert_cmpstr(line, ==, "hi");
	(void)close(listener);
	g_assert_null(am_stream_connect(address, port, after_ms(500), &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
}

static void
test_connect_ipv4(void)
{
	check_tcp("127.0.0.1");
}

static void
test_connect_ipv6(void)
{
	check_tcp("::1");
}

static void
test_connect_from(void)
{
	static const struct {
		const char *from[3];
		const char *expected; /* NULL: it fails */
	} cases[] = {
		{ { "127.0.0.2" }, "127.0.0.2" },
		{ { "::1", "127.0.0.3" }, "127.0.0.3" }, /* the one of the family */
		{ { "::1" }, "127.0.0.1" },		 /* none of it: the kernel's choice */
		{ { NULL }, "127.0.0.1" },
		{ { "192.0.2.1" }, NULL }, /* not ours */
	};
	guint16 port, peer_port;
	int listener = listen_tcp("127.0.0.1", &port);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(AmStream) client G_GNUC_UNUSED = am_stream_connect_from(
			cases[i].from, "127.0.0.1", port, after_ms(2000), &error);
		if (cases[i].expected == NULL) {
			g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
			continue;
		}
		g_assert_no_error(error);
		g_autoptr(AmStream) server = am_stream_new(accept(listener, NULL, NULL));
		g_autofree char *peer = am_stream_peer_address(server, &peer_port);
		g_assert_cmpstr(peer, ==, cases[i].expected);
	}
	(void)close(listener);
}

static void
test_connect_unix(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *folder = g_dir_make_tmp("amavisd-test-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "socket", NULL);
	g_autofree char *host = g_strconcat("unix:", path, NULL);
	g_assert_null(am_stream_connect(host, 0, after_ms(500), &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_clear_error(&error);

	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_strlcpy(address.sun_path, path, sizeof address.sun_path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof address), ==, 0);
	g_assert_cmpint(listen(listener, 0), ==, 0);
	g_autoptr(AmStream) client = am_stream_connect(host, 0, after_ms(500), &error);
	g_assert_no_error(error);
	guint16 port = 1;
	g_autofree char *peer = am_stream_peer_address(client, &port);
	g_assert_cmpstr(peer, ==, "");
	g_assert_cmpuint(port, ==, 0);
	g_assert_cmpuint(am_stream_local_port(client), ==, 0);
	/* the queue is full now: a further one waits, until its deadline */
	g_assert_null(am_stream_connect(host, 0, after_ms(30), &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_clear_error(&error);

	g_autofree char *long_host = g_strdup_printf("unix:/%0200d", 1);
	g_assert_null(am_stream_connect(long_host, 0, after_ms(500), &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	(void)close(listener);
	(void)unlink(path);
	(void)rmdir(folder);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(line_cases); i++) {
		g_autofree char *path = g_strconcat("/stream/lines/", line_cases[i].name, NULL);
		g_test_add_data_func(path, &line_cases[i], test_lines);
	}
	g_test_add_func("/stream/large-line", test_large_line);
	g_test_add_func("/stream/endless-line", test_endless_line);
	g_test_add_func("/stream/peek", test_peek);
	g_test_add_func("/stream/blocking-read", test_blocking_read);
	g_test_add_func("/stream/write", test_write);
	g_test_add_func("/stream/write-full", test_write_full);
	g_test_add_func("/stream/write-closed", test_write_closed);
	g_test_add_func("/stream/idle", test_idle);
	g_test_add_func("/stream/connect/ipv4", test_connect_ipv4);
	g_test_add_func("/stream/connect/ipv6", test_connect_ipv6);
	g_test_add_func("/stream/connect/from", test_connect_from);
	g_test_add_func("/stream/connect/unix", test_connect_unix);
	return g_test_run();
}
