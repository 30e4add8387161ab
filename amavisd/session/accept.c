/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Accepting connections.  A listener is watched once at a time: the thread that is told accepts
 * what waits, then watches again, so others are not woken for nothing.  Nobody is left hanging in
 * the kernel's queue: who may not come, or for whom there is no room, is told so, even when
 * descriptors are used up: one is kept in reserve for that. */

#include <config.h>

#include "session/pool-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"

#define ACCEPT_BATCH 64 /* connections before other events get their turn */
#define ACCEPT_COMPLAIN_US (10 * G_USEC_PER_SEC)

typedef enum {
	ACCEPT_GO_ON,
	ACCEPT_EMPTY, /* nobody waits */
	ACCEPT_PAUSE, /* short of something: try again at the next sweep */
} AcceptResult;

gboolean
am_pool_watch_listener(AmPool *pool, guint number, int operation, GError **error)
{
	const AmPoolListener *listener = g_ptr_array_index(pool->listeners, number);
	struct epoll_event event = { .events = EPOLLIN | EPOLLONESHOT,
				     .data.u64 = AM_POOL_LISTENER | number };
	if (epoll_ctl(pool->epoll_fd, operation, listener->listener->fd, &event) == 0)
		return TRUE;
	if (errno == ENOENT && g_atomic_int_get(&pool->is_draining))
		return TRUE; /* taken out meanwhile */
	am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "watching listener %s",
			   listener->listener->name);
	return FALSE;
}

void
am_pool_open_reserve(AmPool *pool)
{
	if (pool->reserve_fd < 0)
		pool->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Says why.  The socket's buffer is empty, so one send takes it all or the client is gone. */
static void
accept_refuse(const AmPoolListener *listener, int fd, const char *code, const char *text)
{
	if (listener->protocol == AM_PROTOCOL_MILTER || listener->protocol == AM_PROTOCOL_AM_PDP ||
	    listener->server.tls_mode == AM_SERVER_IMPLICIT)
		return; /* nothing can be said unasked */
	g_autofree char *line = NULL;
	if (listener->protocol != AM_PROTOCOL_HTTP)
		line = g_strdup_printf("%s %s %s\r\n", code, listener->server.hostname, text);
	else
		line = am_http_refusal(*code == '4' ? 503 : 403, text);
	(void)send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
}

void
am_pool_complain(AmPool *pool, const char *name, const char *what)
{
	gint64 now = g_get_monotonic_time();
	g_mutex_lock(&pool->reserve_lock);
	gboolean is_due =
		pool->complained_us == 0 || now - pool->complained_us > ACCEPT_COMPLAIN_US;
	if (is_due)
		pool->complained_us = now;
	g_mutex_unlock(&pool->reserve_lock);
	if (is_due)
		am_error("listener %s: %s", name, what);
}

/* Takes one connection with the reserve descriptor and refuses it. */
static AcceptResult
accept_with_reserve(AmPool *pool, const AmPoolListener *listener)
{
	AcceptResult result = ACCEPT_PAUSE;
	g_mutex_lock(&pool->reserve_lock);
	if (pool->reserve_fd >= 0) {
		(void)close(pool->reserve_fd);
		pool->reserve_fd = -1;
		int fd = accept4(listener->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			accept_refuse(listener, fd, "421 4.3.2",
				      "Out of descriptors, try later");
			(void)close(fd);
			result = ACCEPT_GO_ON;
		} else if (errno == EAGAIN) {
			result = ACCEPT_EMPTY; /* with a descriptor to spare it can tell */
		}
	}
	am_pool_open_reserve(pool);
	g_mutex_unlock(&pool->reserve_lock);
	return result;
}

/* Takes fd. */
static void
accept_admit(AmPool *pool, const AmPoolListener *listener, int fd)
{
	guint16 port;
	const char *name = listener->listener->name;
	AmStream *stream = am_stream_new(fd);
	g_autofree char *peer = am_stream_peer_address(stream, &port);
	if (!am_clients_may(listener->clients, peer)) {
		am_warning("listener %s: client [%s] is not allowed to connect", name, peer);
		accept_refuse(listener, fd, "554 5.7.1", "Access denied");
		am_stream_free(stream);
		return;
	}
	am_debug("listener %s: client [%s]:%u connected", name, peer, port);
	AmConnection *connection = am_connection_new(pool, listener, stream);
	const char *refusal =
		listener->server.is_proxied ? NULL : am_connection_meet(connection, peer);
	if (refusal != NULL) {
		accept_refuse(listener, fd, "421 4.7.0", refusal);
		am_connection_free(connection);
		return;
	}
	if (am_pool_add(pool, connection))
		return;
	am_pool_complain(pool, name, "too many connections, refusing with 421");
	accept_refuse(listener, fd, "421 4.3.2", "Too many connections, try later");
	am_connection_free(connection);
}

static AcceptResult
accept_failed(AmPool *pool, const AmPoolListener *listener, int errnum)
{
	const char *name = listener->listener->name;
	switch (errnum) {
	case EAGAIN:
		return ACCEPT_EMPTY;
	case EMFILE:
	case ENFILE:
		am_pool_complain(pool, name, g_strerror(errnum));
		return accept_with_reserve(pool, listener);
	case ENOBUFS:
	case ENOMEM:
	case EBADF:
	case EINVAL:
	case ENOTSOCK:
		am_pool_complain(pool, name, g_strerror(errnum));
		return ACCEPT_PAUSE;
	default: /* EINTR, and errors of a connection that broke before we took it: accept(2) */
		return ACCEPT_GO_ON;
	}
}

void
am_pool_accept(AmPool *pool, guint number)
{
	const AmPoolListener *listener = g_ptr_array_index(pool->listeners, number);
	g_autoptr(GError) error = NULL;
	AcceptResult result = ACCEPT_GO_ON;
	for (guint i = 0; i < ACCEPT_BATCH && result == ACCEPT_GO_ON; i++) {
		if (g_atomic_int_get(&pool->is_draining))
			return;
		int fd = accept4(listener->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			accept_admit(pool, listener, fd);
		else
			result = accept_failed(pool, listener, errno);
	}
	if (result == ACCEPT_PAUSE) {
		g_atomic_int_set(&pool->is_paused[number], TRUE);
	} else if (!am_pool_watch_listener(pool, number, EPOLL_CTL_MOD, &error)) {
		am_error("%s", error->message);
		g_atomic_int_set(&pool->is_paused[number], TRUE);
	}
}
