/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Both ends of the exchange; docs/exchange.md describes it.
 *
 * A message is one packet with a head and the start of its payload, and as many packets of payload
 * as the head says.  Either side may meet a hostile peer (the worker has read a mail), so lengths are checked before anything is allocated, and descriptors nobody asked for are closed
 * at once. */

#include <config.h>

#include "mail/exchange.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "mail/fd.h"
#include "mail/pack.h"

#define EXCHANGE_MAGIC 0x31584d41u /* "AMX1" */
#define EXCHANGE_VERSION 1
#define EXCHANGE_PACKET_MAX 65536 /* bytes */
#define EXCHANGE_HEAD 12	  /* bytes: magic, version, type, payload's length */
#define EXCHANGE_REQUEST_MAX (1u << 20)
#define EXCHANGE_REQUEST_TIME_US (10 * G_USEC_PER_SEC)
#define EXCHANGE_ADDRESS_MAX 2048 /* bytes; any text of the envelope */
#define EXCHANGE_NEVER G_MAXINT64 /* as a deadline */

typedef enum {
	EXCHANGE_REQUEST = 1,
	EXCHANGE_HELLO = 2,
	EXCHANGE_REPORT = 3,
} ExchangeType;

/* One side's view: what an error of the other side is called. */
typedef struct {
	int socket;
	gint64 deadline_us;
	AmError fault;
	const char *peer;
} Exchange;

/* What came beside the bytes. */
typedef struct {
	AmFd fd;     /* -1 none */
	guint n_fds; /* that were sent; more than one are closed */
	pid_t pid;   /* 0 none */
} ExchangeAncillary;

static void
exchange_ancillary_clear(ExchangeAncillary *ancillary)
{
	am_fd_clear(&ancillary->fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ExchangeAncillary, exchange_ancillary_clear)

static gboolean
exchange_fail(const Exchange *exchange, const char *what, GError **error)
{
	g_set_error(error, AM_ERROR, exchange->fault, "%s: %s", exchange->peer, what);
	return FALSE;
}

static gboolean
exchange_wait(const Exchange *exchange, short events, GError **error)
{
	for (;;) {
		struct pollfd ready = { .fd = exchange->socket, .events = events };
		int timeout_ms = -1;
		if (exchange->deadline_us != EXCHANGE_NEVER) {
			gint64 left = exchange->deadline_us - g_get_monotonic_time();
			timeout_ms = (int)CLAMP((left + 999) / 1000, 0, G_MAXINT);
		}
		int n = poll(&ready, 1, timeout_ms);
		if (n > 0)
			return TRUE; /* errors are told by the call that follows */
		if (n < 0 && errno != EINTR) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "poll");
			return FALSE;
		}
		if (n == 0 && timeout_ms < G_MAXINT) {
			g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "%s: no answer in time",
				    exchange->peer);
			return FALSE;
		}
	}
}

/* ---- sending */

static gboolean
exchange_send_packet(const Exchange *exchange, struct msghdr *msg, GError **error)
{
	for (;;) {
		if (sendmsg(exchange->socket, msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return TRUE; /* a packet goes whole or not */
		if (errno == EINTR)
			continue;
		if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
			return exchange_fail(exchange, "it went away", error);
		if (errno != EAGAIN) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "sending to %s",
					   exchange->peer);
			return FALSE;
		}
		if (!exchange_wait(exchange, POLLOUT, error))
			return FALSE;
	}
}

/* fd: -1 none */
static gboolean
exchange_send(const Exchange *exchange, ExchangeType type, const guint8 *data, gsize len, int fd,
	      GError **error)
{
	guint32 head[3] = { GUINT32_TO_LE(EXCHANGE_MAGIC),
			    GUINT32_TO_LE(EXCHANGE_VERSION | (guint32)type << 16),
			    GUINT32_TO_LE((guint32)len) };
	gsize first = MIN(len, EXCHANGE_PACKET_MAX - EXCHANGE_HEAD);
	struct iovec iov[2] = { { head, sizeof head }, { (gpointer)data, first } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = { 0 };
	am_fd_attach(&msg, control, sizeof control, &fd, fd >= 0 ? 1 : 0);
	if (!exchange_send_packet(exchange, &msg, error))
		return FALSE;
	for (gsize done = first; done < len;) {
		iov[0] = (struct iovec){ (gpointer)(data + done),
					 MIN(len - done, EXCHANGE_PACKET_MAX) };
		msg = (struct msghdr){ .msg_iov = iov, .msg_iovlen = 1 };
		if (!exchange_send_packet(exchange, &msg, error))
			return FALSE;
		done += iov[0].iov_len;
	}
	return TRUE;
}

/* ---- receiving */

static void
exchange_take_fds(const struct cmsghdr *cmsg, ExchangeAncillary *ancillary)
{
	gsize n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (gsize i = 0; i < n; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof fd, sizeof fd);
		if (ancillary->n_fds++ == 0)
			ancillary->fd = fd;
		else
			(void)close(fd); /* not ours, never used */
	}
}

static void
exchange_take_ancillary(struct msghdr *msg, ExchangeAncillary *ancillary)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		struct ucred ucred;
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_RIGHTS)
			exchange_take_fds(cmsg, ancillary);
		if (cmsg->cmsg_type == SCM_CREDENTIALS &&
		    cmsg->cmsg_len >= CMSG_LEN(sizeof ucred)) {
			memcpy(&ucred, CMSG_DATA(cmsg), sizeof ucred);
			ancillary->pid = ucred.pid;
		}
	}
}

/* One packet of at most `max` bytes; its length, or -1. */
static gssize
exchange_receive_packet(const Exchange *exchange, gpointer buffer, gsize max,
			ExchangeAncillary *ancillary, GError **error)
{
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(4 * sizeof(int))];
	struct iovec iov = { buffer, max };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;
	for (;;) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof control;
		n = recvmsg(exchange->socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n >= 0)
			break;
		if (errno == EAGAIN && !exchange_wait(exchange, POLLIN, error))
			return -1;
		if (errno == EAGAIN || errno == EINTR)
			continue;
		if (errno == ECONNRESET)
			break;
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "receiving from %s",
				   exchange->peer);
		return -1;
	}
	if (n >= 0)
		exchange_take_ancillary(&msg, ancillary);
	if (n <= 0)
		(void)exchange_fail(exchange, "it went away", error);
	else if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		(void)exchange_fail(exchange, "more than was announced", error);
	else
		return n;
	return -1;
}

/* Reads the head; *len is the payload's. */
static gboolean
exchange_check_head(const Exchange *exchange, const guint8 *packet, gsize packet_len,
		    ExchangeType type, gsize max, gsize *len, GError **error)
{
	AmUnpack in = am_unpack_start(packet, packet_len);
	guint32 magic = am_unpack_u32(&in);
	guint32 kind = am_unpack_u32(&in);
	*len = am_unpack_u32(&in);
	if (in.is_bad != NULL || magic != EXCHANGE_MAGIC)
		return exchange_fail(exchange, "not the exchange protocol", error);
	if (kind != (EXCHANGE_VERSION | (guint32)type << 16))
		return exchange_fail(exchange, "unexpected version or message", error);
	if (*len > max)
		return exchange_fail(exchange, "message over the limit", error);
	if (packet_len - EXCHANGE_HEAD != MIN(*len, EXCHANGE_PACKET_MAX - EXCHANGE_HEAD))
		return exchange_fail(exchange, "packet of a wrong length", error);
	return TRUE;
}

/* A whole message; its payload of at most `max` bytes, or NULL. */
static GBytes *
exchange_receive(const Exchange *exchange, ExchangeType type, gsize max,
		 ExchangeAncillary *ancillary, GError **error)
{
	g_autofree guint8 *packet = g_malloc(EXCHANGE_PACKET_MAX);
	gsize len;
	gssize n = exchange_receive_packet(exchange, packet, EXCHANGE_PACKET_MAX, ancillary, error);
	if (n < 0 || !exchange_check_head(exchange, packet, (gsize)n, type, max, &len, error))
		return NULL;
	gsize done = (gsize)n - EXCHANGE_HEAD;
	if (done == len)
		return g_bytes_new(packet + EXCHANGE_HEAD, len);
	g_autofree guint8 *payload = g_malloc(len);
	memcpy(payload, packet + EXCHANGE_HEAD, done);
	while (done < len) {
		gsize want = MIN(len - done, EXCHANGE_PACKET_MAX);
		n = exchange_receive_packet(exchange, payload + done, want, ancillary, error);
		if (n < 0)
			return NULL;
		if ((gsize)n != want) {
			(void)exchange_fail(exchange, "packet of a wrong length", error);
			return NULL;
		}
		done += want;
	}
	return g_bytes_new_take(g_steal_pointer(&payload), len);
}

/* ---- the session's side */

static Exchange
exchange_of_session(int socket, gint64 deadline_us)
{
	return (Exchange){ .socket = socket,
			   .deadline_us = deadline_us,
			   .fault = AM_ERROR_SCANNER,
			   .peer = "content worker" };
}

void
am_inspect_request_clear(AmInspectRequest *request)
{
	g_clear_pointer(&request->sender, g_free);
	g_clear_pointer(&request->recipients, g_strfreev);
	g_clear_pointer(&request->client_address, g_free);
	g_clear_pointer(&request->helo, g_free);
	memset(request, 0, sizeof *request);
}

static GByteArray *
exchange_pack_request(const AmInspectRequest *request)
{
	GByteArray *out = g_byte_array_sized_new(1024);
	am_pack_text(out, request->mail_id, sizeof request->mail_id - 1);
	am_pack_u64(out, request->mail_size);
	am_pack_u64(out, (guint64)request->deadline_us);
	am_pack_text(out, request->sender, EXCHANGE_ADDRESS_MAX);
	am_pack_text(out, request->client_address, EXCHANGE_ADDRESS_MAX);
	am_pack_text(out, request->helo, EXCHANGE_ADDRESS_MAX);
	am_pack_u8(out, request->smtputf8 ? 1 : 0);
	guint position = out->len, n = 0;
	am_pack_u32(out, 0);
	while (request->recipients != NULL && request->recipients[n] != NULL &&
	       out->len + 2 + EXCHANGE_ADDRESS_MAX <= EXCHANGE_REQUEST_MAX)
		am_pack_text(out, request->recipients[n++], EXCHANGE_ADDRESS_MAX);
	am_pack_u32_at(out, position, n);
	return out;
}

gboolean
am_exchange_send_request(int socket, const AmInspectRequest *request, int mail_fd, GError **error)
{
	Exchange exchange = exchange_of_session(socket, request->deadline_us);
	g_autoptr(GByteArray) payload = exchange_pack_request(request);
	int on = 1;
	/* before the worker can answer, so that the kernel says who it is */
	if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "SO_PASSCRED");
		return FALSE;
	}
	return exchange_send(&exchange, EXCHANGE_REQUEST, payload->data, payload->len, mail_fd,
			     error);
}

gboolean
am_exchange_receive_hello(int socket, gint64 deadline_us, pid_t *pid, GError **error)
{
	Exchange exchange = exchange_of_session(socket, deadline_us);
	g_auto(ExchangeAncillary) ancillary = { .fd = -1 };
	g_autoptr(GBytes) payload =
		exchange_receive(&exchange, EXCHANGE_HELLO, 0, &ancillary, error);
	if (payload == NULL)
		return FALSE;
	if (ancillary.pid <= 0 || ancillary.n_fds != 0)
		return exchange_fail(&exchange, "hello without a process or with a descriptor",
				     error);
	*pid = ancillary.pid;
	return TRUE;
}

GBytes *
am_exchange_receive_report(int socket, gint64 deadline_us, GError **error)
{
	Exchange exchange = exchange_of_session(socket, deadline_us);
	g_auto(ExchangeAncillary) ancillary = { .fd = -1 };
	g_autoptr(GBytes) payload = exchange_receive(&exchange, EXCHANGE_REPORT,
						     AM_REPORT_MAX_BYTES, &ancillary, error);
	if (payload != NULL && ancillary.n_fds != 0) {
		(void)exchange_fail(&exchange, "report with a descriptor", error);
		return NULL;
	}
	return g_steal_pointer(&payload);
}

gboolean
am_exchange_receive_end(int socket, gint64 deadline_us, GError **error)
{
	Exchange exchange = exchange_of_session(socket, deadline_us);
	guint8 byte;
	for (;;) {
		/* of a longer packet the rest is dropped */
		ssize_t n = recv(socket, &byte, sizeof byte, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return TRUE;
		if (n > 0)
			return exchange_fail(&exchange, "more than one report", error);
		if (errno == EAGAIN && !exchange_wait(&exchange, POLLIN, error))
			return FALSE;
		if (errno != EAGAIN && errno != EINTR) {
			am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "receiving from %s",
					   exchange.peer);
			return FALSE;
		}
	}
}

/* ---- the worker's side */

static Exchange
exchange_of_worker(int socket, gint64 deadline_us)
{
	return (Exchange){ .socket = socket,
			   .deadline_us = deadline_us,
			   .fault = AM_ERROR_PROTOCOL,
			   .peer = "session" };
}

gboolean
am_exchange_send_hello(int socket, GError **error)
{
	Exchange exchange = exchange_of_worker(socket, EXCHANGE_NEVER);
	return exchange_send(&exchange, EXCHANGE_HELLO, NULL, 0, -1, error);
}

static gboolean
exchange_unpack_request(GBytes *payload, AmInspectRequest *request)
{
	gsize len;
	gconstpointer data = g_bytes_get_data(payload, &len);
	AmUnpack in = am_unpack_start(data, len);
	g_autofree char *mail_id = am_unpack_text(&in, sizeof request->mail_id - 1);
	g_strlcpy(request->mail_id, mail_id, sizeof request->mail_id);
	request->mail_size = am_unpack_u64(&in);
	request->deadline_us = (gint64)am_unpack_u64(&in);
	request->sender = am_unpack_text(&in, EXCHANGE_ADDRESS_MAX);
	request->client_address = am_unpack_text(&in, EXCHANGE_ADDRESS_MAX);
	request->helo = am_unpack_text(&in, EXCHANGE_ADDRESS_MAX);
	request->smtputf8 = am_unpack_bool(&in);
	guint n = am_unpack_count(&in, EXCHANGE_REQUEST_MAX, 2);
	request->recipients = g_new0(char *, n + 1);
	for (guint i = 0; i < n; i++)
		request->recipients[i] = am_unpack_text(&in, EXCHANGE_ADDRESS_MAX);
	return am_unpack_is_done(&in);
}

gboolean
am_exchange_receive_request(int socket, AmInspectRequest *request, int *mail_fd, GError **error)
{
	Exchange exchange =
		exchange_of_worker(socket, g_get_monotonic_time() + EXCHANGE_REQUEST_TIME_US);
	g_auto(ExchangeAncillary) ancillary = { .fd = -1 };
	struct stat st;
	memset(request, 0, sizeof *request);
	g_autoptr(GBytes) payload = exchange_receive(&exchange, EXCHANGE_REQUEST,
						     EXCHANGE_REQUEST_MAX, &ancillary, error);
	if (payload == NULL)
		return FALSE;
	if (ancillary.n_fds != 1)
		return exchange_fail(&exchange, "request without one descriptor", error);
	gboolean ok = exchange_unpack_request(payload, request);
	if (!ok || fstat(ancillary.fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0 ||
	    (guint64)st.st_size < request->mail_size) {
		am_inspect_request_clear(request);
		return exchange_fail(&exchange, ok ? "descriptor is not the mail" : "bad request",
				     error);
	}
	*mail_fd = g_steal_fd(&ancillary.fd);
	return TRUE;
}

gboolean
am_exchange_send_report(int socket, GBytes *report, GError **error)
{
	Exchange exchange = exchange_of_worker(socket, EXCHANGE_NEVER);
	gsize len;
	const guint8 *data = g_bytes_get_data(report, &len);
	return exchange_send(&exchange, EXCHANGE_REPORT, data, len, -1, error);
}
