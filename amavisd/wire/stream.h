/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A buffered byte stream over a connected socket (TCP or Unix), with deadlines.  One thread at a
 * time.  The descriptor is non-blocking; the blocking calls wait with poll() until a monotonic
 * deadline.  Buffers are given back when the stream is parked, so an idle connection is small. */

#include <glib.h>

#include "mail/error.h"
#include "wire/tls.h"

typedef struct _AmStream AmStream;

typedef enum {
	AM_READ_OK,
	AM_READ_AGAIN, /* nothing more, as far as known: park and wait for the descriptor */
	AM_READ_EOF,   /* peer closed in order */
	AM_READ_ERROR, /* connection failed; am_stream_error() */
	AM_READ_LONG,  /* line longer than the limit: it was read to its end and dropped; one of more than
			* 1 MiB is an error */
} AmReadResult;

/* Takes the descriptor, makes it non-blocking, sets TCP_NODELAY on TCP. */
AmStream *am_stream_new(int fd);
void am_stream_free(AmStream *stream); /* closes */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmStream, am_stream_free)
int am_stream_fd(const AmStream *stream);

/* -- non-blocking input (server) -- */

/* One line up to LF.  *line is borrowed until the next read, NUL-ended, without its line end;
 * *len without it.  *is_crlf: ended in CRLF (bare LF: FALSE).  max_len without line end. */
AmReadResult am_stream_try_line(AmStream *stream, gsize max_len, const char **line, gsize *len,
				gboolean *is_crlf);
/* Whatever is buffered or can be read at once; am_stream_consume() says how much was used. */
AmReadResult am_stream_try_peek(AmStream *stream, const guint8 **data, gsize *len);
void am_stream_consume(AmStream *stream, gsize len);
gsize am_stream_buffered(const AmStream *stream); /* input read and not consumed */

/* -- blocking input (client) -- */

/* Waits; RESOURCE at the deadline, PROTOCOL at EOF or an over-long line. */
gboolean am_stream_read_line(AmStream *stream, gsize max_len, gint64 deadline_us,
			     const char **line, gsize *len, GError **error);
gssize am_stream_read(AmStream *stream, gpointer buffer, gsize len, gint64 deadline_us,
		      GError **error); /* 0 at EOF */

/* -- output: gathered, sent by flush or when 64 KiB are waiting -- */

gboolean am_stream_write(AmStream *stream, gconstpointer data, gsize len, gint64 deadline_us,
			 GError **error);
gboolean am_stream_flush(AmStream *stream, gint64 deadline_us, GError **error);
/* Gathers only, never sends or waits: for who must not wait.  Watch am_stream_queued(). */
void am_stream_queue(AmStream *stream, gconstpointer data, gsize len);
gsize am_stream_queued(const AmStream *stream); /* output not sent yet */
/* Sends what the socket takes now; TRUE when nothing is left waiting, FALSE with *error unset when
 * the rest must wait for EPOLLOUT. */
gboolean am_stream_try_flush(AmStream *stream, GError **error);

/* -- TLS -- */

/* From now on everything goes through TLS.  Nothing may be buffered in either direction (PROTOCOL:
 * RFC 3207 wants what came in the clear forgotten, and who sends it is up to no good).  peer is for
 * clients; tls must outlive the stream.  The handshake is done by the next reads and writes, or by: */
gboolean am_stream_start_tls(AmStream *stream, const AmTls *tls, const AmTlsPeer *peer,
			     GError **error);
/* Waits for the end of the handshake.  RESOURCE at the deadline, PROTOCOL with the reason. */
gboolean am_stream_handshake(AmStream *stream, gint64 deadline_us, GError **error);
AmTlsLink *am_stream_tls(const AmStream *stream); /* NULL: plain */
/* With TLS a read may have to wait for POLLOUT, and a send for POLLIN: was the last one so? */
gboolean am_stream_reads_on_output(const AmStream *stream);
gboolean am_stream_sends_on_input(const AmStream *stream);

/* TCP acknowledges what has been read now, instead of 40 ms later.  For a peer whose next bytes wait for
 * that: it writes the end of a mail (OpenSMTPD) or each header field (sendmail) by itself, and has not
 * switched Nagle's algorithm off (RFC 896). */
void am_stream_acknowledge(AmStream *stream);

/* Gives back empty buffers, and what is too large of others. */
void am_stream_park(AmStream *stream);
const char *am_stream_error(const AmStream *stream);
/* Is the peer still there, with nothing unexpected to say?  For kept connections. */
gboolean am_stream_is_idle(AmStream *stream);

/* "192.0.2.1" / "2001:db8::1" / "" for Unix sockets. To be freed. */
char *am_stream_peer_address(const AmStream *stream, guint16 *port);
/* Port of our own end; 0 for Unix sockets. */
guint16 am_stream_local_port(const AmStream *stream);

/* Connects a stream socket until the deadline: "host" is an address literal or name, or path for a
 * Unix socket ("unix:/path").  Every address of a name is tried, each with its share of the time
 * left; looking up a name has the resolver's own limit of time.  RESOURCE. */
AmStream *am_stream_connect(const char *host, guint16 port, gint64 deadline_us, GError **error);
/* The same, from the first of our own addresses in `from` (literals, NULL-ended) that is of the other
 * end's family; from any when there is none of it. */
AmStream *am_stream_connect_from(const char *const *from, const char *host, guint16 port,
				 gint64 deadline_us, GError **error);
