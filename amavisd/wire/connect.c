/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Connecting a stream, to a path or to a host and port.  Every address of a name gets its share of
 * the time that is left, so that one that does not answer does not keep us from the others.  The
 * resolver has no deadline of ours: it keeps its own, of /etc/resolv.conf. */

#include <config.h>

#include "wire/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mail/fd.h"

#define CONNECT_RETRY_US 5000 /* a Unix listener whose queue is full is asked again */

/* Waits until a connect() under way is over; 0 or the errno of its end. */
static int
connect_finish(int fd, gint64 deadline_us)
{
	for (;;) {
		gint64 left_us = deadline_us - g_get_monotonic_time();
		if (left_us <= 0)
			return ETIMEDOUT;
		struct pollfd item = { .fd = fd, .events = POLLOUT };
		int n = poll(&item, 1, (int)MIN((left_us + 999) / 1000, G_MAXINT));
		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0)
			break;
	}
	int result = 0;
	socklen_t len = sizeof result;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &len) < 0)
		return errno;
	return result;
}

/* Connects; 0 or errno. */
static int
connect_address(int fd, const struct sockaddr *address, socklen_t len, gint64 deadline_us)
{
	for (;;) {
		if (connect(fd, address, len) == 0 || errno == EISCONN)
			return 0;
		if (errno == EINPROGRESS || errno == EALREADY || errno == EINTR)
			return connect_finish(fd, deadline_us);
		if (errno != EAGAIN)
			return errno;
		/* only Unix sockets say EAGAIN: the listener's queue is full, and poll() could not
		 * tell us when that changes */
		if (g_get_monotonic_time() + CONNECT_RETRY_US > deadline_us)
			return ETIMEDOUT;
		g_usleep(CONNECT_RETRY_US);
	}
}

/* Binds to the first of the addresses that is of that family, to a port the kernel chooses when it
 * connects; 0 or errno.  *used stays as it is when there is none. */
static int
connect_bind(int fd, int family, const char *const *from, const char **used)
{
	struct sockaddr_in in4 = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	gboolean is_ip4 = family == AF_INET;
	void *target = is_ip4 ? (void *)&in4.sin_addr : (void *)&in6.sin6_addr;
	const struct sockaddr *address = is_ip4 ? (const void *)&in4 : (const void *)&in6;
	socklen_t len = is_ip4 ? sizeof in4 : sizeof in6;
	int on = 1;
	while (*from != NULL && inet_pton(family, *from, target) != 1)
		from++;
	if (*from == NULL)
		return 0;
	*used = *from;
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
	    bind(fd, address, len) < 0)
		return errno;
	return 0;
}

static int
connect_socket(const struct sockaddr *address, socklen_t len, const char *const *from,
	       const char **used, gint64 deadline_us, int *errnum)
{
	int family = address->sa_family;
	g_auto(AmFd) fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		*errnum = errno;
		return -1;
	}
	*errnum = from != NULL ? connect_bind(fd, family, from, used) : 0;
	if (*errnum == 0)
		*errnum = connect_address(fd, address, len, deadline_us);
	return *errnum == 0 ? g_steal_fd(&fd) : -1;
}

static AmStream *
connect_path(const char *path, gint64 deadline_us, GError **error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG, "unix:%s: path is too long", path);
		return NULL;
	}
	memcpy(address.sun_path, path, strlen(path));
	int errnum;
	int fd = connect_socket((const struct sockaddr *)&address, sizeof address, NULL, NULL,
				deadline_us, &errnum);
	if (fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errnum, "connect to unix:%s", path);
		return NULL;
	}
	return am_stream_new(fd);
}

AmStream *
am_stream_connect_from(const char *const *from, const char *host, guint16 port,
		       gint64 deadline_us, GError **error)
{
	if (g_str_has_prefix(host, "unix:"))
		return connect_path(host + strlen("unix:"), deadline_us, error);

	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICSERV };
	struct addrinfo *list = NULL;
	char service[8];
	g_snprintf(service, sizeof service, "%u", port);
	int result = getaddrinfo(host, service, &hints, &list);
	if (result != 0) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "%s: %s", host,
			    gai_strerror(result));
		return NULL;
	}
	guint left = 0;
	for (struct addrinfo *item = list; item != NULL; item = item->ai_next)
		left++;
	int fd = -1;
	int errnum = EADDRNOTAVAIL;
	const char *used = NULL;
	for (struct addrinfo *item = list; item != NULL && fd < 0; item = item->ai_next) {
		gint64 now = g_get_monotonic_time();
		gint64 until = now + (deadline_us - now) / left--;
		fd = connect_socket(item->ai_addr, item->ai_addrlen, from, &used, until,
				    &errnum);
	}
	freeaddrinfo(list);
	if (fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errnum, "connect to [%s]:%u%s%s", host,
				   port, used != NULL ? " from " : "", used != NULL ? used : "");
		return NULL;
	}
	return am_stream_new(fd);
}

AmStream *
am_stream_connect(const char *host, guint16 port, gint64 deadline_us, GError **error)
{
	return am_stream_connect_from(NULL, host, port, deadline_us, error);
}
