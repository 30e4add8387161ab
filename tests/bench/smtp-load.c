/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What TLS costs: sends one mail again and again by SMTP, in the clear or encrypted.
 *
 *     smtp-load -a PORT [-x implicit|starttls] [-s SESSIONS] [-t SECONDS] [-k MAILS] FILE
 *
 * Each session is a thread with blocking I/O; it opens a connection (to 127.0.0.1), sends MAILS
 * (20) mails on it and opens the next.  Commands are pipelined: one write and one answer for the
 * envelope, one for the mail.  Prints mails a second, mails, failures and its own CPU time, so that
 * the client's share in encryption is known.  FILE has lines that end in CRLF or LF. */

#include <config.h>

#include <arpa/inet.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
	int port;
	const char *crypt; /* "implicit", "starttls" or NULL */
	int sessions, seconds, mails;
	GString *mail; /* dot-stuffed, with its end */
	SSL_CTX *tls;
	gint64 end_us;
	gint sent, failed; /* atomic */
} Load;

typedef struct {
	int fd;
	SSL *ssl; /* NULL in the clear */
	char buffer[8192];
	int used;
} Peer;

static gboolean
peer_write(Peer *peer, const char *text, gsize size)
{
	while (size > 0) {
		int n = peer->ssl != NULL ? SSL_write(peer->ssl, text, (int)size)
					  : (int)send(peer->fd, text, size, MSG_NOSIGNAL);
		if (n <= 0)
			return FALSE;
		text += n;
		size -= (gsize)n;
	}
	return TRUE;
}

/* Reads n replies; FALSE when one is not 2xx or 3xx, or the connection ends. */
static gboolean
peer_expect(Peer *peer, int n)
{
	while (n > 0) {
		char *end = memchr(peer->buffer, '\n', (gsize)peer->used);
		if (end != NULL) {
			if (end - peer->buffer < 4 || peer->buffer[0] > '3')
				return FALSE;
			n -= peer->buffer[3] == ' ';
			peer->used -= (int)(end + 1 - peer->buffer);
			memmove(peer->buffer, end + 1, (gsize)peer->used);
			continue;
		}
		int room = (int)sizeof peer->buffer - peer->used, got;
		char *to = peer->buffer + peer->used;
		got = peer->ssl != NULL ? SSL_read(peer->ssl, to, room)
					: (int)recv(peer->fd, to, (gsize)room, 0);
		if (got <= 0)
			return FALSE;
		peer->used += got;
	}
	return TRUE;
}

static gboolean
peer_say(Peer *peer, const char *text, int replies)
{
	return peer_write(peer, text, strlen(text)) && peer_expect(peer, replies);
}

static gboolean
peer_encrypt(Peer *peer, const Load *load)
{
	peer->ssl = SSL_new(load->tls);
	return peer->ssl != NULL && SSL_set_fd(peer->ssl, peer->fd) == 1 &&
	       SSL_connect(peer->ssl) == 1;
}

static gboolean
peer_open(Peer *peer, const Load *load)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((guint16)load->port) };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int on = 1;
	*peer = (Peer){ .fd = socket(AF_INET, SOCK_STREAM, 0) };
	if (peer->fd < 0 || setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
	    connect(peer->fd, (struct sockaddr *)&to, sizeof to) != 0)
		return FALSE;
	if (g_strcmp0(load->crypt, "implicit") == 0 && !peer_encrypt(peer, load))
		return FALSE;
	if (!peer_expect(peer, 1) || !peer_say(peer, "EHLO load.example\r\n", 1))
		return FALSE;
	if (g_strcmp0(load->crypt, "starttls") != 0)
		return TRUE;
	return peer_say(peer, "STARTTLS\r\n", 1) && peer_encrypt(peer, load) &&
	       peer_say(peer, "EHLO load.example\r\n", 1);
}

static void
peer_close(Peer *peer)
{
	SSL_free(peer->ssl);
	if (peer->fd >= 0)
		(void)close(peer->fd);
}

static gpointer
session(gpointer data)
{
	Load *load = data;
	while (g_get_monotonic_time() < load->end_us) {
		Peer peer;
		gboolean is_good = peer_open(&peer, load);
		for (int i = 0; is_good && i < load->mails && g_get_monotonic_time() < load->end_us;
		     i++) {
			is_good = peer_say(&peer,
					   "MAIL FROM:<s@load.example>\r\n"
					   "RCPT TO:<r@load.example>\r\nDATA\r\n",
					   3) &&
				  peer_write(&peer, load->mail->str, load->mail->len) &&
				  peer_expect(&peer, 1);
			if (is_good)
				g_atomic_int_inc(&load->sent);
		}
		if (!is_good)
			g_atomic_int_inc(&load->failed);
		peer_close(&peer);
	}
	return NULL;
}

/* The file as it goes over the wire (RFC 5321, 4.5.2). */
static GString *
mail_read(const char *path)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	if (!g_file_get_contents(path, &text, NULL, &error)) {
		g_printerr("%s\n", error->message);
		exit(1);
	}
	GString *mail = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line != NULL && (line[1] != NULL || **line != '\0'); line++) {
		gsize length = strlen(*line);
		if (length > 0 && (*line)[length - 1] == '\r')
			length--;
		if (**line == '.')
			g_string_append_c(mail, '.');
		g_string_append_len(mail, *line, (gssize)length);
		g_string_append(mail, "\r\n");
	}
	return g_string_append(mail, ".\r\n");
}

static void
run(Load *load)
{
	g_autofree GThread **threads = g_new(GThread *, load->sessions);
	gint64 start_us = g_get_monotonic_time();
	load->end_us = start_us + load->seconds * G_USEC_PER_SEC;
	for (int i = 0; i < load->sessions; i++)
		threads[i] = g_thread_new("session", session, load);
	for (int i = 0; i < load->sessions; i++)
		g_thread_join(threads[i]);
	double seconds = (double)(g_get_monotonic_time() - start_us) / G_USEC_PER_SEC;
	struct rusage used;
	if (getrusage(RUSAGE_SELF, &used) != 0)
		g_error("no times");
	g_print("%s: %.0f mails/s, %d mails, %d failures, own CPU %.3f ms a mail\n",
		load->crypt != NULL ? load->crypt : "clear", load->sent / seconds, load->sent,
		load->failed,
		((double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 +
		 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3) /
			MAX(1, load->sent));
}

int
main(int argc, char **argv)
{
	Load load = { .sessions = 4, .seconds = 5, .mails = 20 };
	int option;
	while ((option = getopt(argc, argv, "a:x:s:t:k:")) != -1) {
		switch (option) {
		case 'a':
			load.port = atoi(optarg);
			break;
		case 'x':
			load.crypt = optarg;
			break;
		case 's':
			load.sessions = atoi(optarg);
			break;
		case 't':
			load.seconds = atoi(optarg);
			break;
		case 'k':
			load.mails = atoi(optarg);
			break;
		default:
			load.port = 0;
		}
	}
	if (load.port == 0 || optind + 1 != argc) {
		g_printerr("usage: smtp-load -a PORT [-x implicit|starttls] [-s SESSIONS] "
			   "[-t SECONDS] [-k MAILS] FILE\n");
		return 2;
	}
	load.mail = mail_read(argv[optind]);
	load.tls = SSL_CTX_new(TLS_client_method());
	if (load.tls == NULL)
		g_error("no TLS");
	run(&load);
	SSL_CTX_free(load.tls);
	g_string_free(load.mail, TRUE);
	return load.sent == 0;
}
