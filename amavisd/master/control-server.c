/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A connection reads one line, then waits for an answer or has it, then writes it and is closed.
 * Each step but the wait for a reload has a few seconds; a reload has an end of its own. */

#include <config.h>

#include "master/control-server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"
#include "master/listeners.h"

#define CONNECTIONS_MAX 16
#define REQUEST_MAX_BYTES 1024
#define STEP_TIME_US (5 * G_USEC_PER_SEC)

typedef enum {
	READING,
	QUEUED,	 /* for the next reload */
	WAITING, /* for the one under way */
	WRITING,
	DONE,
} ConnectionState;

typedef struct {
	int fd;
	ConnectionState state;
	gint64 deadline_us; /* 0 none */
	char request[REQUEST_MAX_BYTES];
	gsize request_len;
	char *answer;
	gsize answer_len, written;
	guint poll_index;
} Connection;

struct _AmControl {
	char *path;
	int fd;
	AmControlFuncs funcs;
	gpointer user_data;
	GPtrArray *connections;
	guint poll_index; /* of fd; G_MAXUINT: not polled */
};

static void
control_connection_free(gpointer data)
{
	Connection *connection = data;
	am_fd_clear(&connection->fd);
	g_free(connection->answer);
	g_free(connection);
}

AmControl *
am_control_new(const char *path, const AmControlFuncs *funcs, gpointer user_data, GError **error)
{
	g_auto(AmFd) fd = am_listen_unix(path, 0600, CONNECTIONS_MAX, NULL, error);
	if (fd < 0)
		return NULL;
	AmControl *control = g_new0(AmControl, 1);
	control->path = g_strdup(path);
	control->fd = g_steal_fd(&fd);
	control->funcs = *funcs;
	control->user_data = user_data;
	control->connections = g_ptr_array_new_with_free_func(control_connection_free);
	return control;
}

void
am_control_free(AmControl *control)
{
	if (control == NULL)
		return;
	if (unlink(control->path) != 0 && errno != ENOENT)
		am_warning("removing %s: %s", control->path, g_strerror(errno));
	am_fd_clear(&control->fd);
	g_ptr_array_unref(control->connections);
	g_free(control->path);
	g_free(control);
}

void
am_control_close_in_child(AmControl *control)
{
	am_fd_clear(&control->fd);
	for (guint i = 0; i < control->connections->len; i++)
		am_fd_clear(&((Connection *)g_ptr_array_index(control->connections, i))->fd);
}

static void
control_write(Connection *connection)
{
	while (connection->written < connection->answer_len) {
		ssize_t n = send(connection->fd, connection->answer + connection->written,
				 connection->answer_len - connection->written,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0)
			break; /* the asker has gone */
		connection->written += (gsize)n;
	}
	/* what was sent beyond the request and not read would reset the answer */
	char rest[REQUEST_MAX_BYTES];
	(void)recv(connection->fd, rest, sizeof(rest), MSG_DONTWAIT);
	connection->state = DONE;
}

static void
control_answer(Connection *connection, const char *text)
{
	connection->answer = g_strconcat(text, "\n", NULL);
	connection->answer_len = strlen(connection->answer);
	connection->state = WRITING;
	connection->deadline_us = g_get_monotonic_time() + STEP_TIME_US;
	control_write(connection);
}

static void
control_request(AmControl *control, Connection *connection)
{
	if (strcmp(connection->request, "status") == 0) {
		g_autofree char *text = control->funcs.status(control->user_data);
		control_answer(connection, text);
	} else if (strcmp(connection->request, "reload") == 0) {
		connection->state = QUEUED;
		connection->deadline_us = 0;
	} else {
		control_answer(connection, "error unknown request; known: status, reload");
	}
}

static void
control_read(AmControl *control, Connection *connection)
{
	char *start = connection->request + connection->request_len;
	gsize room = sizeof(connection->request) - connection->request_len;
	ssize_t n = recv(connection->fd, start, room, MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n <= 0) {
		connection->state = DONE;
		return;
	}
	connection->request_len += (gsize)n;
	char *end = memchr(start, '\n', (gsize)n);
	if (end != NULL) {
		*end = '\0';
		control_request(control, connection);
	} else if (connection->request_len == sizeof(connection->request)) {
		control_answer(connection, "error request too long");
	}
}

static void
control_accept(AmControl *control)
{
	int fd = accept4(control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR &&
		    errno != ECONNABORTED)
			am_warning("control socket: %s", g_strerror(errno));
		return;
	}
	Connection *connection = g_new0(Connection, 1);
	connection->fd = fd;
	connection->deadline_us = g_get_monotonic_time() + STEP_TIME_US;
	connection->poll_index = G_MAXUINT;
	g_ptr_array_add(control->connections, connection);
}

void
am_control_add_fds(AmControl *control, GArray *pollfds)
{
	struct pollfd item = { .fd = control->fd, .events = POLLIN };
	control->poll_index = G_MAXUINT;
	if (control->connections->len < CONNECTIONS_MAX) {
		control->poll_index = pollfds->len;
		g_array_append_val(pollfds, item);
	}
	for (guint i = 0; i < control->connections->len; i++) {
		Connection *connection = g_ptr_array_index(control->connections, i);
		/* one that waits is polled for its end alone */
		item.fd = connection->fd;
		item.events = connection->state == READING   ? POLLIN
			      : connection->state == WRITING ? POLLOUT
							     : 0;
		connection->poll_index = pollfds->len;
		g_array_append_val(pollfds, item);
	}
}

static short
control_events(const GArray *pollfds, guint index)
{
	return index < pollfds->len ? g_array_index(pollfds, struct pollfd, index).revents : 0;
}

static void
control_dispatch_one(AmControl *control, Connection *connection, short events, gint64 now_us)
{
	if (events != 0 && connection->state == READING)
		control_read(control, connection);
	else if (events != 0 && connection->state == WRITING)
		control_write(connection);
	else if ((events & (POLLHUP | POLLERR | POLLNVAL)) != 0)
		connection->state = DONE;
	if (connection->deadline_us != 0 && now_us >= connection->deadline_us)
		connection->state = DONE;
}

static void
control_sweep(AmControl *control)
{
	for (guint i = control->connections->len; i > 0; i--) {
		const Connection *connection = g_ptr_array_index(control->connections, i - 1);
		if (connection->state == DONE)
			g_ptr_array_remove_index(control->connections, i - 1);
	}
}

void
am_control_dispatch(AmControl *control, const GArray *pollfds)
{
	gint64 now_us = g_get_monotonic_time();
	for (guint i = 0; i < control->connections->len; i++) {
		Connection *connection = g_ptr_array_index(control->connections, i);
		control_dispatch_one(control, connection,
				     control_events(pollfds, connection->poll_index), now_us);
	}
	if (control_events(pollfds, control->poll_index) != 0)
		control_accept(control);
	control_sweep(control);
}

gint64
am_control_next_us(const AmControl *control)
{
	gint64 next_us = 0;
	for (guint i = 0; i < control->connections->len; i++) {
		const Connection *connection = g_ptr_array_index(control->connections, i);
		if (connection->deadline_us != 0 &&
		    (next_us == 0 || connection->deadline_us < next_us))
			next_us = connection->deadline_us;
	}
	return next_us;
}

gboolean
am_control_take_reloads(AmControl *control)
{
	gboolean is_wanted = FALSE;
	for (guint i = 0; i < control->connections->len; i++) {
		Connection *connection = g_ptr_array_index(control->connections, i);
		if (connection->state == QUEUED) {
			connection->state = WAITING;
			is_wanted = TRUE;
		}
	}
	return is_wanted;
}

void
am_control_answer_reload(AmControl *control, const char *text)
{
	for (guint i = 0; i < control->connections->len; i++) {
		Connection *connection = g_ptr_array_index(control->connections, i);
		if (connection->state == WAITING)
			control_answer(connection, text);
	}
	control_sweep(control); /* who has all of it waits for the end */
}
