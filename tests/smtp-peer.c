/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#define _GNU_SOURCE
#include <config.h>

#include "smtp-peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PEER_WAIT_S 5	 /* a client that takes longer is stuck */
#define PEER_HOLD_MS 600 /* longer than the short times of tests */

typedef struct {
	Peer *peer;
	int fd;
	GString *in; /* not used yet */
	gboolean is_eof;
} Talk;

static void
talk_fail(Talk *talk, const char *what, const char *detail)
{
	if (talk->peer->failure == NULL)
		talk->peer->failure =
			g_strdup_printf("connection %u: %s \"%s\", have \"%s\"",
					talk->peer->n_connections, what, detail, talk->in->str);
}

static gboolean
talk_fill(Talk *talk)
{
	char buffer[65536];
	ssize_t n;
	do {
		n = recv(talk->fd, buffer, sizeof buffer, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0) {
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			talk_fail(talk, "waited in vain", "");
		talk->is_eof = TRUE;
		return FALSE;
	}
	g_string_append_len(talk->in, buffer, n);
	g_string_append_len(talk->peer->transcript, buffer, n);
	return TRUE;
}

/* A line with its CRLF, to be freed; NULL at the end. */
static char *
talk_line(Talk *talk)
{
	char *end;
	while ((end = strstr(talk->in->str, "\r\n")) == NULL)
		if (!talk_fill(talk))
			return NULL;
	gsize len = (gsize)(end - talk->in->str) + 2;
	char *line = g_strndup(talk->in->str, len);
	g_string_erase(talk->in, 0, (gssize)len);
	return line;
}

static void
talk_say(Talk *talk, const char *text)
{
	g_autofree char *line = g_strconcat(text, "\r\n", NULL);
	gsize len = strlen(line);
	if (send(talk->fd, line, len, MSG_NOSIGNAL) != (gssize)len)
		talk_fail(talk, "could not say", text);
}

static void
talk_expect(Talk *talk, const char *text)
{
	g_autofree char *line = talk_line(talk);
	if (line == NULL || !g_str_has_prefix(line, text)) {
		talk_fail(talk, "expected", text);
		if (line != NULL)
			talk_fail(talk, "got", line);
	}
}

static void
talk_take_data(Talk *talk)
{
	gsize searched = 0; /* no end of mail begins before */
	g_string_truncate(talk->peer->data, 0);
	for (;;) {
		const char *end = g_str_has_prefix(talk->in->str, ".\r\n")
					  ? talk->in->str
					  : strstr(talk->in->str + searched, "\r\n.\r\n");
		if (end != NULL) {
			gsize len = (gsize)(end - talk->in->str) + (*end == '.' ? 0 : 2);
			g_string_append_len(talk->peer->data, talk->in->str, (gssize)len);
			g_string_erase(talk->in, 0, (gssize)len + 3);
			return;
		}
		searched = talk->in->len - MIN(talk->in->len, 4);
		if (!talk_fill(talk)) {
			talk_fail(talk, "no final dot", "");
			return;
		}
	}
}

static void
talk_take_chunk(Talk *talk)
{
	g_autofree char *line = talk_line(talk);
	unsigned long size = 0;
	int used = 0;
	if (line == NULL || sscanf(line, "BDAT %lu LAST\r\n%n", &size, &used) != 1 || used == 0) {
		talk_fail(talk, "expected BDAT, got", line != NULL ? line : "the end");
		return;
	}
	while (talk->in->len < size && talk_fill(talk))
		;
	if (talk->in->len < size) {
		talk_fail(talk, "the chunk is short", line);
		return;
	}
	g_string_truncate(talk->peer->data, 0);
	g_string_append_len(talk->peer->data, talk->in->str, (gssize)size);
	g_string_erase(talk->in, 0, (gssize)size);
}

/* FALSE: the connection is over. */
static gboolean
talk_step(Talk *talk, const char *step)
{
	if (g_str_has_prefix(step, "S:")) {
		talk_say(talk, step + 2);
	} else if (g_str_has_prefix(step, "C:")) {
		talk_expect(talk, step + 2);
	} else if (strcmp(step, "D") == 0) {
		talk_take_data(talk);
	} else if (strcmp(step, "K") == 0) {
		talk_take_chunk(talk);
	} else if (strcmp(step, "B") == 0) {
		while (talk->in->len < 1024 && talk_fill(talk))
			;
		g_string_truncate(talk->in, 0);
	} else if (strcmp(step, "drop") == 0) {
		return FALSE;
	} else if (strcmp(step, "stall") == 0) {
		while (talk_fill(talk))
			;
		return FALSE;
	} else if (strcmp(step, "hold") == 0) {
		g_usleep(PEER_HOLD_MS * 1000);
		while (talk_fill(talk))
			;
		return FALSE;
	} else if (strcmp(step, "end") == 0) {
		if (talk->in->len > 0 || talk_fill(talk))
			talk_fail(talk, "expected the end", "");
		return FALSE;
	} else {
		talk_fail(talk, "no such step", step);
	}
	return talk->peer->failure == NULL;
}

static void
talk_leave(Talk *talk)
{
	for (;;) {
		g_autofree char *line = talk_line(talk);
		if (line == NULL)
			return;
		if (strcmp(line, "QUIT\r\n") == 0) {
			talk_say(talk, "221 2.0.0 Bye");
		} else if (strcmp(line, "RSET\r\n") == 0 || strcmp(line, "NOOP\r\n") == 0) {
			talk_say(talk, "250 2.0.0 Ok");
		} else {
			talk_fail(talk, "expected QUIT, got", line);
			return;
		}
	}
}

static gpointer
peer_run(gpointer data)
{
	Peer *peer = data;
	struct timeval wait = { .tv_sec = PEER_WAIT_S };
	int on = 1;
	for (guint i = 0; peer->scripts[i] != NULL; i++) {
		int fd = accept4(peer->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		Talk talk = { .peer = peer, .fd = fd, .in = g_string_new(NULL) };
		g_auto(GStrv) steps = g_strsplit(peer->scripts[i], "\n", -1);
		gboolean goes_on = TRUE;
		peer->n_connections++;
		g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait), ==, 0);
		g_assert_cmpint(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), ==, 0);
		for (guint k = 0; steps[k] != NULL && goes_on; k++)
			goes_on = *steps[k] == '\0' || talk_step(&talk, steps[k]);
		if (goes_on)
			talk_leave(&talk);
		(void)close(fd);
		g_string_free(talk.in, TRUE);
	}
	return NULL;
}

Peer *
peer_new(const char *const *scripts)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof address;
	Peer *peer = g_new0(Peer, 1);
	peer->scripts = scripts;
	peer->transcript = g_string_new(NULL);
	peer->data = g_string_new(NULL);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	peer->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(peer->listen_fd, >=, 0);
	g_assert_cmpint(bind(peer->listen_fd, (struct sockaddr *)&address, len), ==, 0);
	g_assert_cmpint(listen(peer->listen_fd, 10), ==, 0);
	g_assert_cmpint(getsockname(peer->listen_fd, (struct sockaddr *)&address, &len), ==, 0);
	peer->port = ntohs(address.sin_port);
	peer->thread = g_thread_new("peer", peer_run, peer);
	return peer;
}

char *
peer_route(const Peer *peer, const char *protocol)
{
	return g_strdup_printf("%s:[127.0.0.1]:%u", protocol, peer->port);
}

void
peer_join(Peer *peer)
{
	if (peer->thread == NULL)
		return;
	(void)shutdown(peer->listen_fd, SHUT_RDWR); /* ends an accept() for which nobody came */
	g_thread_join(g_steal_pointer(&peer->thread));
}

void
peer_free(Peer *peer)
{
	peer_join(peer);
	g_assert_cmpstr(peer->failure, ==, NULL);
	(void)close(peer->listen_fd);
	g_string_free(peer->transcript, TRUE);
	g_string_free(peer->data, TRUE);
	g_free(peer->failure);
	g_free(peer);
}

int
peer_make_mail(const char *data, gsize len)
{
	int fd = memfd_create("mail", MFD_CLOEXEC);
	g_assert_cmpint(fd, >=, 0);
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		g_assert_cmpint(n, >, 0);
		data += n;
		len -= (gsize)n;
	}
	return fd;
}

guint16
peer_closed_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof address;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&address, len), ==, 0);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &len), ==, 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

AmSmtpClientConfig
peer_client_config(guint ms)
{
	return (AmSmtpClientConfig){
		.connect_ms = LONG_MS,
		.command_ms = ms,
		.data_init_ms = ms,
		.data_block_ms = ms,
		.data_final_ms = ms,
		.quit_ms = LONG_MS,
		.keep_idle_ms = 60000,
		.keep_age_ms = 60000,
		.probe_ms = 60000,
		.keep_max = 2,
		.has_dsn = TRUE,
		.hostname = "me.example",
	};
}
