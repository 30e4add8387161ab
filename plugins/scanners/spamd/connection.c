/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A connection whose every wait ends at a deadline: non-blocking descriptors and poll(). */

#include "connection.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTION_DEFAULT_PORT "783"
#define CONNECTION_CHUNK (16u << 10)

void
address_free(gpointer data)
{
	Address *address = data;
	if (address == NULL)
		return;
	g_free(address->host);
	g_free(address->port);
	g_free(address);
}

static gboolean
connection_fail(GError **error, int errnum, const char *what)
{
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errnum), "%s: %s", what,
		    g_strerror(errnum));
	return FALSE;
}

static Address *
address_new(const char *host, gsize host_len, const char *port)
{
	Address *address = g_new0(Address, 1);
	address->host = g_strndup(host, host_len);
	address->port = g_strdup(port);
	return address;
}

static gboolean
address_port_is_valid(const char *port)
{
	guint64 value;
	return g_ascii_string_to_unsigned(port, 10, 1, 65535, &value, NULL);
}

Address *
address_parse(const char *text, GError **error)
{
	if (g_str_has_prefix(text, "unix:/") &&
	    strlen(text + 5) < sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return address_new(text + 5, strlen(text + 5), NULL);
	const char *host = text;
	const char *end = text + strcspn(text, ":");
	if (*text == '[') {
		host = text + 1;
		end = host + strcspn(host, "]");
	}
	const char *port = *end == ']' ? end + 1 : end;
	if (*port == '\0')
		port = ":" CONNECTION_DEFAULT_PORT;
	if (end > host && (*text != '[' || *end == ']') && *port == ':' &&
	    !g_str_has_prefix(text, "unix:") && address_port_is_valid(port + 1))
		return address_new(host, end - host, port + 1);
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
		    "address \"%s\": 127.0.0.1:783, [::1]:783, host:783 or unix:/path is allowed",
		    text);
	return NULL;
}

/* Waits for `events`; FALSE with TIMEDOUT at the deadline. */
static gboolean
connection_wait(int fd, short events, gint64 deadline_us, const char *what, GError **error)
{
	for (;;) {
		gint64 left_us = deadline_us - g_get_monotonic_time();
		if (left_us <= 0)
			return connection_fail(error, ETIMEDOUT, what);
		struct pollfd pfd = { .fd = fd, .events = events };
		int n = poll(&pfd, 1, (int)MIN((left_us + 999) / 1000, G_MAXINT));
		if (n > 0)
			return TRUE; /* an error state shows in the call that follows */
		if (n < 0 && errno != EINTR)
			return connection_fail(error, errno, what);
	}
}

static int
connection_open_one(int family, const struct sockaddr *sa, socklen_t len, gint64 deadline_us,
		    GError **error)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		(void)connection_fail(error, errno, "making a socket");
		return -1;
	}
	int errnum = connect(fd, sa, len) == 0 ? 0 : errno;
	if (errnum == EINPROGRESS &&
	    connection_wait(fd, POLLOUT, deadline_us, "connecting", error)) {
		socklen_t errlen = sizeof errnum;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &errlen) != 0)
			errnum = errno;
	}
	if (errnum == 0)
		return fd;
	if (errnum != EINPROGRESS) /* else the wait has set *error */
		(void)connection_fail(error, errnum, "connecting");
	(void)close(fd);
	return -1;
}

static int
connection_open_unix(const Address *address, gint64 deadline_us, GError **error)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	(void)g_strlcpy(sun.sun_path, address->host, sizeof sun.sun_path); /* length was checked */
	return connection_open_one(AF_UNIX, (struct sockaddr *)&sun, sizeof sun, deadline_us, error);
}

int
connection_open(const Address *address, gint64 deadline_us, GError **error)
{
	if (address->port == NULL)
		return connection_open_unix(address, deadline_us, error);
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(address->host, address->port, &hints, &list);
	if (rc != 0) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "looking up the name: %s",
			    gai_strerror(rc));
		return -1;
	}
	int fd = -1;
	for (const struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next) {
		g_clear_error(error);
		fd = connection_open_one(ai->ai_family, ai->ai_addr, ai->ai_addrlen, deadline_us,
					 error);
	}
	freeaddrinfo(list);
	return fd;
}

gboolean
connection_write(int fd, const void *data, gsize len, gint64 deadline_us, GError **error)
{
	for (const char *p = data; len > 0;) {
		gssize n = send(fd, p, len, MSG_NOSIGNAL);
		if (n >= 0) {
			p += n;
			len -= (gsize)n;
		} else if (errno == EAGAIN) {
			if (!connection_wait(fd, POLLOUT, deadline_us, "sending", error))
				return FALSE;
		} else if (errno != EINTR) {
			return connection_fail(error, errno, "sending");
		}
	}
	return TRUE;
}

GString *
connection_read_all(int fd, gsize max, gint64 deadline_us, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	for (;;) {
		char chunk[CONNECTION_CHUNK];
		gssize n = recv(fd, chunk, sizeof chunk, 0);
		if (n == 0)
			return g_steal_pointer(&text);
		if (n > 0) {
			if (text->len + (gsize)n > max) {
				(void)connection_fail(error, EMSGSIZE, "reading the answer");
				return NULL;
			}
			g_string_append_len(text, chunk, n);
		} else if (errno == EAGAIN) {
			if (!connection_wait(fd, POLLIN, deadline_us, "reading the answer", error))
				return NULL;
		} else if (errno != EINTR) {
			(void)connection_fail(error, errno, "reading the answer");
			return NULL;
		}
	}
}
