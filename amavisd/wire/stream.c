/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A buffered byte stream over a connected socket.  The descriptor never blocks: the try_ functions
 * take what there is, the others wait with poll() until their deadline.  Both buffers are made when
 * they are needed and given back by am_stream_park(), so that an idle connection costs little more
 * than its descriptor.
 *
 * Input is one block, bytes start..end not yet consumed.  A search for the end of a line goes on
 * where the last one stopped, so a line that drips in byte by byte costs linear time. */

#include <config.h>

#include "wire/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STREAM_INPUT_SIZE 65536	 /* bytes, one read of a mail's body */
#define STREAM_OUTPUT_HIGH 65536 /* bytes gathered before am_stream_write() sends */
#define STREAM_PARKED_MIN 64	 /* bytes, least size of a buffer that is kept while parked */

struct _AmStream {
	int fd;
	gboolean is_eof;
	gboolean is_dropping; /* inside a line that is too long */
	gboolean is_drained;  /* the last read took all there was */
	guint8 *in;
	gsize in_size, in_start, in_end;
	gsize in_searched; /* no LF in in_start .. in_start + in_searched */
	guint8 *out;
	gsize out_size, out_start, out_end;
	int error_number; /* errno that broke the connection, 0 none */
	char *error;	  /* its text */
};

static gboolean
stream_is_tcp(int fd)
{
	int domain = 0;
	socklen_t len = sizeof domain;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       (domain == AF_INET || domain == AF_INET6);
}

AmStream *
am_stream_new(int fd)
{
	AmStream *stream = g_new0(AmStream, 1);
	stream->fd = fd;
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && (flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		stream->is_eof = TRUE; /* not a usable descriptor; reading says so */
	int on = 1;
	/* Replies and commands are gathered here, so Nagle could only delay them. */
	if (stream_is_tcp(fd))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return stream;
}

void
am_stream_free(AmStream *stream)
{
	if (stream == NULL)
		return;
	if (stream->fd >= 0)
		(void)close(stream->fd); /* what had to be confirmed was confirmed by the peer */
	g_free(stream->in);
	g_free(stream->out);
	g_free(stream->error);
	g_free(stream);
}

int
am_stream_fd(const AmStream *stream)
{
	return stream->fd;
}

static void
stream_fail(AmStream *stream, int errnum)
{
	stream->error_number = errnum;
	g_free(stream->error);
	stream->error = g_strdup(g_strerror(errnum));
}

const char *
am_stream_error(const AmStream *stream)
{
	return stream->error;
}

/* Waits until the descriptor has one of `events`; RESOURCE at the deadline. */
static gboolean
stream_wait(int fd, short events, gint64 deadline_us, GError **error)
{
	for (;;) {
		gint64 left_us = deadline_us - g_get_monotonic_time();
		if (left_us <= 0) {
			g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "time is up");
			return FALSE;
		}
		struct pollfd item = { .fd = fd, .events = events };
		gint64 left_ms = MIN((left_us + 999) / 1000, G_MAXINT);
		int n = poll(&item, 1, (int)left_ms);
		if (n > 0)
			return TRUE;
		if (n < 0 && errno != EINTR) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "poll");
			return FALSE;
		}
	}
}

/* Room for at least one more byte, and for a line of `want` bytes. */
static void
stream_make_room(AmStream *stream, gsize want)
{
	if (stream->in_start == stream->in_end)
		stream->in_start = stream->in_end = 0;
	if (stream->in_size < want) {
		stream->in_size = MAX(want, STREAM_INPUT_SIZE);
		stream->in = g_realloc(stream->in, stream->in_size);
	}
	if (stream->in_start > 0 && stream->in_end == stream->in_size) {
		memmove(stream->in, stream->in + stream->in_start,
			stream->in_end - stream->in_start);
		stream->in_end -= stream->in_start;
		stream->in_start = 0;
	}
}

/* Reads once, behind what is there.  A read that got less than it had room for has taken all there
 * was: instead of asking for EAGAIN the next one says so by itself, once. */
static AmReadResult
stream_fill(AmStream *stream, gsize want)
{
	if (stream->error_number != 0)
		return AM_READ_ERROR;
	if (stream->is_eof)
		return AM_READ_EOF;
	if (stream->is_drained) {
		stream->is_drained = FALSE;
		return AM_READ_AGAIN;
	}
	stream_make_room(stream, want);
	for (;;) {
		gsize room = stream->in_size - stream->in_end;
		ssize_t n = read(stream->fd, stream->in + stream->in_end, room);
		if (n > 0) {
			stream->in_end += n;
			stream->is_drained = (gsize)n < room;
			return AM_READ_OK;
		}
		if (n == 0) {
			stream->is_eof = TRUE;
			return AM_READ_EOF;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return AM_READ_AGAIN;
		if (errno == EINTR)
			continue;
		stream_fail(stream, errno);
		return AM_READ_ERROR;
	}
}

/* Is there a whole line in the buffer?  Takes it. */
static gboolean
stream_take_line(AmStream *stream, const char **line, gsize *len, gboolean *is_crlf)
{
	gsize have = stream->in_end - stream->in_start;
	if (have == 0) { /* a parked stream has no buffer to point into */
		stream->in_searched = 0;
		return FALSE;
	}
	guint8 *start = stream->in + stream->in_start;
	guint8 *newline = NULL;
	if (have > stream->in_searched)
		newline = memchr(start + stream->in_searched, '\n', have - stream->in_searched);
	if (newline == NULL) {
		stream->in_searched = have;
		return FALSE;
	}
	gsize length = newline - start;
	stream->in_start += length + 1;
	stream->in_searched = 0;
	*is_crlf = length > 0 && start[length - 1] == '\r';
	if (*is_crlf)
		length--;
	start[length] = '\0';
	*line = (const char *)start;
	*len = length;
	return TRUE;
}

AmReadResult
am_stream_try_line(AmStream *stream, gsize max_len, const char **line, gsize *len,
		   gboolean *is_crlf)
{
	for (;;) {
		if (stream_take_line(stream, line, len, is_crlf)) {
			gboolean is_long = stream->is_dropping || *len > max_len;
			stream->is_dropping = FALSE;
			return is_long ? AM_READ_LONG : AM_READ_OK;
		}
		if (stream->in_end - stream->in_start > max_len + 1) {
			/* the last byte stays: it may be the CR of the line's end */
			stream->is_dropping = TRUE;
			stream->in_start = stream->in_end - 1;
			stream->in_searched = 1;
		}
		AmReadResult result = stream_fill(stream, max_len + 2);
		if (result != AM_READ_OK)
			return result;
	}
}

AmReadResult
am_stream_try_peek(AmStream *stream, const guint8 **data, gsize *len)
{
	if (stream->in_start == stream->in_end) {
		AmReadResult result = stream_fill(stream, STREAM_INPUT_SIZE);
		if (result != AM_READ_OK)
			return result;
	}
	*data = stream->in + stream->in_start;
	*len = stream->in_end - stream->in_start;
	return AM_READ_OK;
}

void
am_stream_consume(AmStream *stream, gsize len)
{
	g_assert(len <= stream->in_end - stream->in_start);
	stream->in_start += len;
	stream->in_searched = 0;
}

gsize
am_stream_buffered(const AmStream *stream)
{
	return stream->in_end - stream->in_start;
}

static gboolean
stream_set_broken(const AmStream *stream, GError **error)
{
	if (stream->error_number != 0)
		am_error_set_errno(error, AM_ERROR_PROTOCOL, stream->error_number,
				   "connection failed");
	else
		g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "connection closed by the peer");
	return FALSE;
}

gboolean
am_stream_read_line(AmStream *stream, gsize max_len, gint64 deadline_us, const char **line,
		    gsize *len, GError **error)
{
	gboolean is_crlf;
	for (;;) {
		switch (am_stream_try_line(stream, max_len, line, len, &is_crlf)) {
		case AM_READ_OK:
			return TRUE;
		case AM_READ_AGAIN:
			if (!stream_wait(stream->fd, POLLIN, deadline_us, error))
				return FALSE;
			break;
		case AM_READ_LONG:
			g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL,
				    "line of more than %" G_GSIZE_FORMAT " bytes", max_len);
			return FALSE;
		case AM_READ_EOF:
		case AM_READ_ERROR:
			return stream_set_broken(stream, error);
		}
	}
}

gssize
am_stream_read(AmStream *stream, gpointer buffer, gsize len, gint64 deadline_us, GError **error)
{
	const guint8 *data;
	gsize have;
	for (;;) {
		switch (am_stream_try_peek(stream, &data, &have)) {
		case AM_READ_OK:
			have = MIN(have, len);
			memcpy(buffer, data, have);
			am_stream_consume(stream, have);
			return (gssize)have;
		case AM_READ_EOF:
			return 0;
		case AM_READ_AGAIN:
			if (!stream_wait(stream->fd, POLLIN, deadline_us, error))
				return -1;
			break;
		case AM_READ_LONG:
		case AM_READ_ERROR:
			(void)stream_set_broken(stream, error);
			return -1;
		}
	}
}

/* Sends once.  Bytes sent, 0 when the socket is full, -1 with *error. */
static gssize
stream_send(AmStream *stream, gconstpointer data, gsize len, GError **error)
{
	if (stream->error_number != 0) {
		(void)stream_set_broken(stream, error);
		return -1;
	}
	for (;;) {
		ssize_t n = send(stream->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			return n;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		if (errno == EINTR)
			continue;
		stream_fail(stream, errno);
		(void)stream_set_broken(stream, error);
		return -1;
	}
}

static gboolean
stream_send_all(AmStream *stream, const guint8 *data, gsize len, gint64 deadline_us, GError **error)
{
	while (len > 0) {
		gssize n = stream_send(stream, data, len, error);
		if (n < 0)
			return FALSE;
		if (n == 0 && !stream_wait(stream->fd, POLLOUT, deadline_us, error)) {
			/* how much of it arrived nobody knows: nothing may follow */
			stream_fail(stream, ETIMEDOUT);
			return FALSE;
		}
		data += n;
		len -= n;
	}
	return TRUE;
}

gsize
am_stream_queued(const AmStream *stream)
{
	return stream->out_end - stream->out_start;
}

void
am_stream_queue(AmStream *stream, gconstpointer data, gsize len)
{
	if (stream->out_start == stream->out_end)
		stream->out_start = stream->out_end = 0;
	if (stream->out_size - stream->out_end < len) {
		gsize have = am_stream_queued(stream);
		if (stream->out_start > 0) /* out is NULL before the first byte */
			memmove(stream->out, stream->out + stream->out_start, have);
		stream->out_start = 0;
		stream->out_end = have;
		if (stream->out_size - have < len) {
			stream->out_size = MAX(have + len, MAX(stream->out_size * 2, 512));
			stream->out = g_realloc(stream->out, stream->out_size);
		}
	}
	if (len > 0)
		memcpy(stream->out + stream->out_end, data, len);
	stream->out_end += len;
}

gboolean
am_stream_write(AmStream *stream, gconstpointer data, gsize len, gint64 deadline_us, GError **error)
{
	if (am_stream_queued(stream) + len < STREAM_OUTPUT_HIGH) {
		am_stream_queue(stream, data, len);
		return TRUE;
	}
	return am_stream_flush(stream, deadline_us, error) &&
	       stream_send_all(stream, data, len, deadline_us, error);
}

gboolean
am_stream_flush(AmStream *stream, gint64 deadline_us, GError **error)
{
	gsize start = stream->out_start;
	gsize len = am_stream_queued(stream);
	stream->out_start = stream->out_end = 0; /* sent, or lost with the connection */
	return len == 0 || stream_send_all(stream, stream->out + start, len, deadline_us, error);
}

gboolean
am_stream_try_flush(AmStream *stream, GError **error)
{
	while (stream->out_start < stream->out_end) {
		gssize n = stream_send(stream, stream->out + stream->out_start,
				       am_stream_queued(stream), error);
		if (n <= 0)
			return FALSE;
		stream->out_start += n;
	}
	return TRUE;
}

void
am_stream_park(AmStream *stream)
{
	stream->is_drained = FALSE; /* whoever waited knows of more */
	gsize have = stream->in_end - stream->in_start;
	if (have == 0) {
		g_clear_pointer(&stream->in, g_free);
		stream->in_size = stream->in_start = stream->in_end = 0;
	} else if (stream->in_size > 2 * have + STREAM_PARKED_MIN) {
		memmove(stream->in, stream->in + stream->in_start, have);
		stream->in_start = 0;
		stream->in_end = have;
		stream->in_size = MAX(have, STREAM_PARKED_MIN);
		stream->in = g_realloc(stream->in, stream->in_size);
	}
	if (am_stream_queued(stream) == 0) {
		g_clear_pointer(&stream->out, g_free);
		stream->out_size = stream->out_start = stream->out_end = 0;
	}
}

gboolean
am_stream_is_idle(AmStream *stream)
{
	if (stream->is_eof || stream->error_number != 0 || am_stream_buffered(stream) > 0 ||
	    am_stream_queued(stream) > 0)
		return FALSE;
	char byte;
	ssize_t n;
	do {
		n = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

char *
am_stream_peer_address(const AmStream *stream, guint16 *port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	} peer = { 0 };
	socklen_t len = sizeof peer;
	char text[INET6_ADDRSTRLEN] = "";
	*port = 0;
	if (getpeername(stream->fd, &peer.any, &len) < 0)
		return g_strdup("");
	if (peer.any.sa_family == AF_INET) {
		*port = ntohs(peer.in4.sin_port);
		(void)inet_ntop(AF_INET, &peer.in4.sin_addr, text, sizeof text);
	} else if (peer.any.sa_family == AF_INET6) {
		*port = ntohs(peer.in6.sin6_port);
		/* an IPv4 client of a dual-stack socket is an IPv4 client */
		if (IN6_IS_ADDR_V4MAPPED(&peer.in6.sin6_addr))
			(void)inet_ntop(AF_INET, &peer.in6.sin6_addr.s6_addr[12], text,
					sizeof text);
		else
			(void)inet_ntop(AF_INET6, &peer.in6.sin6_addr, text, sizeof text);
	}
	return g_strdup(text);
}

guint16
am_stream_local_port(const AmStream *stream)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_storage storage;
	} own = { 0 };
	socklen_t len = sizeof own;
	if (getsockname(stream->fd, &own.any, &len) < 0)
		return 0;
	if (own.any.sa_family == AF_INET)
		return ntohs(own.in4.sin_port);
	return own.any.sa_family == AF_INET6 ? ntohs(own.in6.sin6_port) : 0;
}
