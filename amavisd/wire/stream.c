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

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAM_INPUT_SIZE 65536	 /* bytes, one read of a mail's body */
#define STREAM_OUTPUT_HIGH 65536 /* bytes gathered before am_stream_write() sends */
#define STREAM_DROP_MAX (1 << 20) /* bytes of a line that is too long, then the connection is given up */
#define STREAM_PARKED_MIN 64	 /* bytes, least size of a buffer that is kept while parked */

struct _AmStream {
	int fd;
	gboolean is_eof;
	gboolean is_dropping; /* inside a line that is too long */
	gsize n_dropped;      /* of it */
	gboolean is_drained;  /* the last read took all there was */
	guint8 *in;
	gsize in_size, in_start, in_end;
	gsize in_searched; /* no LF in in_start .. in_start + in_searched */
	guint8 *out;
	gsize out_size, out_start, out_end;
	int error_number;	  /* errno that broke the connection, 0 none */
	char *error;		  /* its text */
	AmTlsLink *tls;		  /* NULL: plain */
	gboolean reads_on_output; /* TLS: the last read waits until the socket takes something */
	gboolean sends_on_input;  /* TLS: the last send waits until something arrives */
};

AmStream *
am_stream_new(int fd)
{
	AmStream *stream = g_new0(AmStream, 1);
	stream->fd = fd;
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && (flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		stream->is_eof = TRUE; /* not a usable descriptor; reading says so */
	int on = 1;
	/* Replies and commands are gathered here, so Nagle could only delay them.  A Unix socket refuses. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return stream;
}

void
am_stream_free(AmStream *stream)
{
	if (stream == NULL)
		return;
	am_tls_link_free(stream->tls);
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

static void
stream_fail_tls(AmStream *stream)
{
	stream->error_number = EPROTO;
	g_free(stream->error);
	stream->error = g_strdup_printf("TLS: %s", am_tls_link_error(stream->tls));
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

static AmReadResult
stream_fill_tls(AmStream *stream)
{
	gsize n = 0;
	stream->reads_on_output = FALSE;
	switch (am_tls_link_read(stream->tls, stream->in + stream->in_end,
				 stream->in_size - stream->in_end, &n)) {
	case AM_TLS_OK:
		stream->in_end += n;
		return AM_READ_OK;
	case AM_TLS_WANT_WRITE:
		stream->reads_on_output = TRUE;
		return AM_READ_AGAIN;
	case AM_TLS_WANT_READ:
		return AM_READ_AGAIN;
	case AM_TLS_EOF:
		stream->is_eof = TRUE;
		return AM_READ_EOF;
	case AM_TLS_FAILED:
		break;
	}
	stream_fail_tls(stream);
	return AM_READ_ERROR;
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
	if (stream->tls != NULL)
		return stream_fill_tls(stream);
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
			stream->n_dropped = stream->is_dropping ? stream->n_dropped : 0;
			stream->n_dropped += stream->in_end - stream->in_start;
			stream->is_dropping = TRUE;
			/* one who sends without an end as fast as we read would keep the thread */
			if (stream->n_dropped > STREAM_DROP_MAX) {
				stream_fail(stream, EMSGSIZE);
				return AM_READ_ERROR;
			}
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
	if (stream->error_number != 0 && stream->tls != NULL)
		g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "connection failed: %s",
			    stream->error);
	else if (stream->error_number != 0)
		am_error_set_errno(error, AM_ERROR_PROTOCOL, stream->error_number,
				   "connection failed");
	else
		g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "connection closed by the peer");
	return FALSE;
}

static gboolean
stream_wait_to_read(AmStream *stream, gint64 deadline_us, GError **error)
{
	return stream_wait(stream->fd, stream->reads_on_output ? POLLOUT : POLLIN, deadline_us,
			   error);
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
			if (!stream_wait_to_read(stream, deadline_us, error))
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
			if (!stream_wait_to_read(stream, deadline_us, error))
				return -1;
			break;
		case AM_READ_LONG:
		case AM_READ_ERROR:
			(void)stream_set_broken(stream, error);
			return -1;
		}
	}
}

static gssize
stream_send_tls(AmStream *stream, gconstpointer data, gsize len, GError **error)
{
	gsize n = 0;
	stream->sends_on_input = FALSE;
	switch (am_tls_link_write(stream->tls, data, len, &n)) {
	case AM_TLS_OK:
		return (gssize)n;
	case AM_TLS_WANT_READ:
		stream->sends_on_input = TRUE;
		return 0;
	case AM_TLS_WANT_WRITE:
		return 0;
	case AM_TLS_EOF:
		stream_fail(stream, EPIPE);
		break;
	case AM_TLS_FAILED:
		stream_fail_tls(stream);
		break;
	}
	(void)stream_set_broken(stream, error);
	return -1;
}

/* Sends once.  Bytes sent, 0 when the socket is full, -1 with *error. */
static gssize
stream_send(AmStream *stream, gconstpointer data, gsize len, GError **error)
{
	if (stream->error_number != 0) {
		(void)stream_set_broken(stream, error);
		return -1;
	}
	if (stream->tls != NULL)
		return stream_send_tls(stream, data, len, error);
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
		short events = stream->sends_on_input ? POLLIN : POLLOUT;
		if (n == 0 && !stream_wait(stream->fd, events, deadline_us, error)) {
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
am_stream_acknowledge(AmStream *stream)
{
	int on = 1;
	(void)setsockopt(stream->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on); /* as above */
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
	if (stream->tls != NULL)
		return am_tls_link_is_idle(stream->tls);
	char byte;
	ssize_t n;
	do {
		n = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

gboolean
am_stream_start_tls(AmStream *stream, const AmTls *tls, const AmTlsPeer *peer, GError **error)
{
	/* What was sent in the clear behind STARTTLS must not be taken for what is said inside. */
	if (stream->tls != NULL || am_stream_buffered(stream) > 0 || am_stream_queued(stream) > 0) {
		g_set_error_literal(error, AM_ERROR, AM_ERROR_PROTOCOL,
				    "TLS: the connection is not at rest");
		return FALSE;
	}
	stream->is_drained = FALSE;
	stream->tls = am_tls_link_new(tls, stream->fd, peer, error);
	return stream->tls != NULL;
}

gboolean
am_stream_handshake(AmStream *stream, gint64 deadline_us, GError **error)
{
	for (;;) {
		short events = POLLIN;
		switch (am_tls_link_handshake(stream->tls)) {
		case AM_TLS_OK:
			return TRUE;
		case AM_TLS_WANT_WRITE:
			events = POLLOUT;
			break;
		case AM_TLS_WANT_READ:
			break;
		case AM_TLS_EOF:
		case AM_TLS_FAILED:
			stream_fail_tls(stream);
			g_set_error_literal(error, AM_ERROR, AM_ERROR_PROTOCOL, stream->error);
			return FALSE;
		}
		if (!stream_wait(stream->fd, events, deadline_us, error)) {
			stream_fail(stream, ETIMEDOUT);
			return FALSE;
		}
	}
}

AmTlsLink *
am_stream_tls(const AmStream *stream)
{
	return stream->tls;
}

gboolean
am_stream_reads_on_output(const AmStream *stream)
{
	return stream->reads_on_output;
}

gboolean
am_stream_sends_on_input(const AmStream *stream)
{
	return stream->sends_on_input;
}
