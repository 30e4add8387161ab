/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Streams with TLS: who is let in by which certificate, and bytes both ways in all sizes.  The
 * server side is driven as the daemon drives it, by try_ functions and poll(), in a thread. */

#include <config.h>

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls-certificates.h"
#include "wire/stream.h"

static char *directory;

static const TestCertificate certificates[] = {
	{ "ca.pem", NULL, "Test Authority", NULL, -1, 30, TRUE },
	{ "other-ca.pem", NULL, "Other Authority", NULL, -1, 30, TRUE },
	{ "good.pem", "ca.pem", "mx.example", "DNS:mx.example,IP:127.0.0.1", -1, 30, FALSE },
	{ "expired.pem", "ca.pem", "mx.example", "DNS:mx.example", -30, -1, FALSE },
	{ "wrong-name.pem", "ca.pem", "www.example", "DNS:www.example", -1, 30, FALSE },
	{ "foreign.pem", "other-ca.pem", "mx.example", "DNS:mx.example", -1, 30, FALSE },
	{ "self.pem", NULL, "mx.example", "DNS:mx.example", -1, 30, FALSE },
	{ "client.pem", "ca.pem", "relay.example", NULL, -1, 30, FALSE },
};

static char *
certificate_path(const char *file)
{
	return file != NULL ? g_build_filename(directory, file, NULL) : NULL;
}

static AmTls *
make_tls(gboolean is_server, const char *certificate, AmTlsDemand demand)
{
	g_autofree char *path = certificate_path(certificate);
	g_autofree char *ca = certificate_path("ca.pem");
	const AmTlsConfig config = {
		.is_server = is_server,
		.certificate = path,
		.ca_file = ca,
		.min_version = AM_TLS_1_2,
		.demand = demand,
	};
	g_autoptr(GError) error = NULL;
	AmTls *tls = am_tls_new(&config, &error);
	g_assert_no_error(error);
	return tls;
}

static gint64
soon(void)
{
	return g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
}

/* The server of a test: greets, then says every line again until the connection ends. */
#define HEX32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eFF"

typedef struct {
	AmStream *stream;
	const AmTls *tls;
	gboolean was_verified;
	char *peer_name;
	char *failure;
} Echo;

static void
echo_wait(AmStream *stream, gboolean for_output)
{
	struct pollfd item = { .fd = am_stream_fd(stream),
			       .events = for_output ? POLLOUT : POLLIN };
	g_assert_cmpint(poll(&item, 1, 10000), ==, 1);
}

static AmReadResult
echo_lines(AmStream *stream)
{
	const char *line;
	gsize len;
	gboolean is_crlf;
	AmReadResult result;
	while ((result = am_stream_try_line(stream, 1 << 20, &line, &len, &is_crlf)) ==
	       AM_READ_OK) {
		am_stream_queue(stream, line, len);
		am_stream_queue(stream, "\r\n", 2);
	}
	return result;
}

static gpointer
echo_thread(gpointer data)
{
	Echo *echo = data;
	AmStream *stream = echo->stream;
	g_autoptr(GError) error = NULL;
	g_assert_true(am_stream_start_tls(stream, echo->tls, NULL, &error));
	am_stream_queue(stream, "220 hello\r\n", 11);
	for (;;) {
		if (!am_stream_try_flush(stream, &error)) {
			if (error != NULL)
				break;
			echo_wait(stream, !am_stream_sends_on_input(stream));
			continue;
		}
		AmReadResult result = echo_lines(stream);
		if (am_stream_queued(stream) > 0)
			continue;
		if (result != AM_READ_AGAIN)
			break;
		am_stream_park(stream);
		echo_wait(stream, am_stream_reads_on_output(stream));
	}
	AmTlsLink *link = am_stream_tls(stream);
	echo->was_verified = am_tls_link_is_verified(link);
	echo->peer_name = g_strdup(am_tls_link_peer_name(link));
	echo->failure = g_strdup(am_stream_error(stream));
	g_clear_pointer(&echo->stream, am_stream_free);
	return NULL;
}

static AmStream *
echo_start(Echo *echo, const AmTls *tls, GThread **thread)
{
	int fds[2];
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	*echo = (Echo){ .stream = am_stream_new(fds[0]), .tls = tls };
	*thread = g_thread_new("echo", echo_thread, echo);
	return am_stream_new(fds[1]);
}

static const struct {
	const char *server;
	AmTlsDemand demand; /* of the client */
	const char *name;
	const char *refusal; /* what the client says, NULL: it goes on */
	gboolean is_verified;
} server_cases[] = {
	{ "good.pem", AM_TLS_NAME, "mx.example", NULL, TRUE },
	{ "good.pem", AM_TLS_NAME, "127.0.0.1", NULL, TRUE },
	{ "good.pem", AM_TLS_NAME, "127.0.0.2", "IP address mismatch", FALSE },
	{ "good.pem", AM_TLS_CHAIN, NULL, NULL, TRUE },
	{ "good.pem", AM_TLS_NONE, "any.example", NULL, FALSE },
	{ "wrong-name.pem", AM_TLS_NAME, "mx.example", "hostname mismatch", FALSE },
	{ "wrong-name.pem", AM_TLS_CHAIN, "mx.example", NULL, TRUE },
	{ "expired.pem", AM_TLS_NAME, "mx.example", "certificate has expired", FALSE },
	{ "expired.pem", AM_TLS_NONE, "mx.example", NULL, FALSE },
	{ "foreign.pem", AM_TLS_NAME, "mx.example", "unable to get local issuer", FALSE },
	{ "self.pem", AM_TLS_NAME, "mx.example", "self-signed certificate", FALSE },
	{ "self.pem", AM_TLS_NONE, "mx.example", NULL, FALSE },
};

static void
test_server_certificates(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(server_cases); i++) {
		const char *line;
		gsize len;
		GThread *thread;
		Echo echo;
		g_autoptr(GError) error = NULL;
		g_autoptr(AmTls) server = make_tls(TRUE, server_cases[i].server, AM_TLS_NONE);
		g_autoptr(AmTls) client = make_tls(FALSE, NULL, server_cases[i].demand);
		const AmTlsPeer peer = { .name = server_cases[i].name };
		AmStream *stream = echo_start(&echo, server, &thread);
		g_test_message("%s for %s", server_cases[i].server, server_cases[i].name);
		g_assert_true(am_stream_start_tls(stream, client, &peer, &error));
		gboolean ok = am_stream_handshake(stream, soon(), &error);
		g_assert_true(ok == (server_cases[i].refusal == NULL));
		if (!ok) {
			g_assert_nonnull(strstr(error->message, server_cases[i].refusal));
		} else {
			AmTlsLink *link = am_stream_tls(stream);
			g_assert_true(am_tls_link_is_verified(link) == server_cases[i].is_verified);
			g_assert_cmpstr(am_tls_link_version(link), ==, "TLSv1.3");
			g_assert_true(
				am_stream_read_line(stream, 100, soon(), &line, &len, &error));
			g_assert_cmpstr(line, ==, "220 hello");
			g_assert_true(am_stream_is_idle(stream)); /* whatever tickets came */
		}
		am_stream_free(stream);
		(void)g_thread_join(thread);
		g_free(echo.peer_name);
		g_free(echo.failure);
	}
}

static const struct {
	AmTlsDemand demand; /* of the server */
	const char *client; /* certificate */
	gboolean is_served;
	gboolean is_verified;
	const char *name;
} client_cases[] = {
	{ AM_TLS_NONE, "client.pem", TRUE, FALSE, "" },
	{ AM_TLS_ASK, NULL, TRUE, FALSE, "" },
	{ AM_TLS_ASK, "client.pem", TRUE, TRUE, "relay.example" },
	{ AM_TLS_ASK, "foreign.pem", TRUE, FALSE, "mx.example" },
	{ AM_TLS_CHAIN, "client.pem", TRUE, TRUE, "relay.example" },
	{ AM_TLS_CHAIN, NULL, FALSE, FALSE, "" },
	{ AM_TLS_CHAIN, "foreign.pem", FALSE, FALSE, NULL },
	{ AM_TLS_CHAIN, "expired.pem", FALSE, FALSE, NULL },
};

static void
test_client_certificates(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(client_cases); i++) {
		const char *line;
		gsize len;
		GThread *thread;
		Echo echo;
		g_autoptr(GError) error = NULL;
		g_autoptr(AmTls) server = make_tls(TRUE, "good.pem", client_cases[i].demand);
		g_autoptr(AmTls) client = make_tls(FALSE, client_cases[i].client, AM_TLS_NONE);
		AmStream *stream = echo_start(&echo, server, &thread);
		g_test_message("%u %s", client_cases[i].demand, client_cases[i].client);
		g_assert_true(am_stream_start_tls(stream, client, NULL, &error));
		/* in TLS 1.3 the client hears of a refusal with its first read */
		gboolean ok = am_stream_handshake(stream, soon(), &error) &&
			      am_stream_read_line(stream, 100, soon(), &line, &len, &error);
		g_assert_true(ok == client_cases[i].is_served);
		am_stream_free(stream);
		(void)g_thread_join(thread);
		g_assert_true(echo.was_verified == client_cases[i].is_verified);
		if (client_cases[i].name != NULL)
			g_assert_cmpstr(echo.peer_name, ==, client_cases[i].name);
		if (!ok)
			g_assert_nonnull(echo.failure);
		g_free(echo.peer_name);
		g_free(echo.failure);
	}
}

/* Lines of all sizes, more than any buffer of TLS or the socket holds, both ways at once. */
static void
test_traffic(void)
{
	static const gsize sizes[] = { 0, 1, 2, 100, 4096, 16383, 16384, 16385, 70000, 900000 };
	GThread *thread;
	Echo echo;
	g_autoptr(GError) error = NULL;
	g_autoptr(AmTls) server = make_tls(TRUE, "good.pem", AM_TLS_NONE);
	g_autoptr(AmTls) client = make_tls(FALSE, NULL, AM_TLS_NONE);
	AmStream *stream = echo_start(&echo, server, &thread);
	const char *line;
	gsize len;
	g_assert_true(am_stream_start_tls(stream, client, NULL, &error));
	g_assert_true(am_stream_read_line(stream, 100, soon(), &line, &len, &error));
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *text = g_strnfill(sizes[i], 'a' + (char)i);
		g_autofree char *wire = g_strconcat(text, "\r\n", NULL);
		g_assert_true(am_stream_write(stream, wire, sizes[i] + 2, soon(), &error));
		g_assert_true(am_stream_flush(stream, soon(), &error));
		g_assert_true(am_stream_read_line(stream, 1 << 20, soon(), &line, &len, &error));
		g_assert_cmpuint(len, ==, sizes[i]);
		g_assert_cmpstr(line, ==, text);
		am_stream_park(stream);
	}
	am_stream_free(stream);
	(void)g_thread_join(thread);
	g_assert_null(echo.failure);
	g_free(echo.peer_name);
}

/* RFC 3207 4.2: what came behind STARTTLS in the clear is not taken into TLS. */
static void
test_injection(void)
{
	int fds[2];
	const guint8 *data;
	gsize len;
	g_autoptr(GError) error = NULL;
	g_autoptr(AmTls) server = make_tls(TRUE, "good.pem", AM_TLS_NONE);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	g_autoptr(AmStream) stream = am_stream_new(fds[0]);
	g_assert_cmpint(send(fds[1], "RSET\r\n", 6, 0), ==, 6);
	g_assert_cmpint(am_stream_try_peek(stream, &data, &len), ==, AM_READ_OK);
	g_assert_false(am_stream_start_tls(stream, server, NULL, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
	am_stream_consume(stream, len);
	g_clear_error(&error);
	g_assert_true(am_stream_start_tls(stream, server, NULL, &error));
	(void)close(fds[1]);
}

/* Garbage, silence and a peer that goes away end the handshake, each in its way. */
static void
test_bad_peers(void)
{
	static const struct {
		const char *says;
		gboolean goes;
		AmError class;
	} peers[] = { { "GET / HTTP/1.0\r\n\r\n", FALSE, AM_ERROR_PROTOCOL },
		      { "\x16\x03\x01\xff\xff\x01", TRUE, AM_ERROR_PROTOCOL },
		      { "", TRUE, AM_ERROR_PROTOCOL },
		      { "", FALSE, AM_ERROR_RESOURCE } };
	g_autoptr(AmTls) server = make_tls(TRUE, "good.pem", AM_TLS_NONE);
	for (gsize i = 0; i < G_N_ELEMENTS(peers); i++) {
		int fds[2];
		g_autoptr(GError) error = NULL;
		g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
		g_autoptr(AmStream) stream = am_stream_new(fds[0]);
		gsize len = strlen(peers[i].says);
		g_assert_cmpint(send(fds[1], peers[i].says, len, 0), ==, (gssize)len);
		if (peers[i].goes)
			(void)close(fds[1]);
		g_assert_true(am_stream_start_tls(stream, server, NULL, &error));
		g_assert_false(am_stream_handshake(stream, g_get_monotonic_time() + 50000, &error));
		g_assert_error(error, AM_ERROR, (int)peers[i].class);
		g_test_message("%s", error->message);
		if (!peers[i].goes)
			(void)close(fds[1]);
	}
}

static void
test_bad_files(void)
{
	static const struct {
		const char *certificate, *key, *ca;
		const char *text;
	} files[] = {
		{ NULL, NULL, NULL, "needs a certificate" },
		{ "none.pem", NULL, NULL, "none.pem: No such file" },
		{ "good.pem", "client.pem", NULL, "client.pem: key values mismatch" },
		{ "good.pem", "none.pem", NULL, "private key" },
		{ "good.pem", NULL, "none.pem", "authorities" },
		{ "text.pem", NULL, NULL, "text.pem: no start line" },
	};
	g_autofree char *text = certificate_path("text.pem");
	g_assert_true(g_file_set_contents(text, "not a certificate", -1, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *certificate = certificate_path(files[i].certificate);
		g_autofree char *key = certificate_path(files[i].key);
		g_autofree char *ca = certificate_path(files[i].ca);
		const AmTlsConfig config = { .is_server = TRUE,
					     .certificate = certificate,
					     .key = key,
					     .ca_file = ca,
					     .min_version = AM_TLS_1_2 };
		g_autoptr(GError) error = NULL;
		g_assert_null(am_tls_new(&config, &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, files[i].text));
	}
	g_assert_cmpint(g_unlink(text), ==, 0);
}

/* TLSA records as people write them. */
static void
test_tlsa(void)
{
	static const struct {
		const char *text;
		int n; /* -1: refused */
	} cases[] = {
		{ "3 1 1 " HEX32, 1 },
		{ " 3  1\t1 " HEX32 " ,2 0 2 " HEX32 HEX32, 2 },
		{ "3 0 0 abcd", 1 },
		{ "", -1 },
		{ "3 1 1 " HEX32 ",", -1 },
		{ "1 1 1 " HEX32, -1 },
		{ "4 1 1 " HEX32, -1 },
		{ "3 2 1 " HEX32, -1 },
		{ "3 1 3 " HEX32, -1 },
		{ "3 1 1 " HEX32 "00", -1 },
		{ "3 1 2 " HEX32, -1 },
		{ "3 1 1 " HEX32 " 1", -1 },
		{ "3 1 1", -1 },
		{ "3 0 0 abc", -1 },
		{ "3 0 0 ag", -1 },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) list = am_tlsa_parse(cases[i].text, &error);
		g_test_message("%s", cases[i].text);
		g_assert_cmpint(list != NULL ? (int)list->len : -1, ==, cases[i].n);
		if (list == NULL)
			g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
	}
	g_autoptr(GPtrArray) one = am_tlsa_parse("2 1 0 00ff", NULL);
	const AmTlsa *tlsa = one->pdata[0];
	gsize len;
	const guint8 *data = g_bytes_get_data(tlsa->data, &len);
	g_assert_cmpint(tlsa->usage * 100 + tlsa->selector * 10 + tlsa->matching, ==, 210);
	g_assert_cmpmem(data, len, "\x00\xff", 2);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	(void)signal(SIGPIPE, SIG_IGN); /* as in the daemon */
	directory = g_dir_make_tmp("tls-XXXXXX", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(certificates); i++)
		test_certificate_make(directory, &certificates[i]);
	g_test_add_func("/tls/server-certificates", test_server_certificates);
	g_test_add_func("/tls/client-certificates", test_client_certificates);
	g_test_add_func("/tls/traffic", test_traffic);
	g_test_add_func("/tls/injection", test_injection);
	g_test_add_func("/tls/bad-peers", test_bad_peers);
	g_test_add_func("/tls/bad-files", test_bad_files);
	g_test_add_func("/tls/tlsa", test_tlsa);
	int status = g_test_run();
	for (gsize i = 0; i < G_N_ELEMENTS(certificates); i++) {
		g_autofree char *path = certificate_path(certificates[i].file);
		(void)g_unlink(path);
	}
	(void)g_rmdir(directory);
	g_free(directory);
	return status;
}
