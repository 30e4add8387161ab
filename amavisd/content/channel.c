/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See channel.h.  A pair of sockets that keep packets apart: one record is one packet, 'R' or 'L' with
 * a level and text.  No datagrams: such a socket would send to any other in the file system, too. */

#include <config.h>

#include "content/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

gboolean
am_channel_open(int fds[2], GError **error)
{
	const int on = 1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot make a socket pair");
		return FALSE;
	}
	if (setsockopt(fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot ask for credentials");
		(void)close(fds[0]);
		(void)close(fds[1]);
		return FALSE;
	}
	return TRUE;
}

gboolean
am_channel_tell_ready(int fd, GError **error)
{
	const char record[] = { AM_CHANNEL_READY, 0 };
	ssize_t n;
	while ((n = send(fd, record, sizeof record, MSG_NOSIGNAL)) < 0 &&
	       (errno == EINTR || errno == EAGAIN)) {
		/* another worker may have made our common end non-blocking */
		struct pollfd wait = { .fd = fd, .events = POLLOUT };
		(void)poll(&wait, 1, 1000);
	}
	if (n < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot tell the zygote");
		return FALSE;
	}
	return TRUE;
}

static void
channel_log(int fd, AmChannelKind kind, AmLogLevel level, const char *text)
{
	char record[2 + AM_CHANNEL_TEXT_BYTES];
	gsize len = strnlen(text, AM_CHANNEL_TEXT_BYTES);
	record[0] = (char)kind;
	record[1] = (char)level;
	memcpy(record + 2, text, len);
	(void)send(fd, record, len + 2,
		   MSG_NOSIGNAL | MSG_DONTWAIT); /* a full channel drops lines */
}

void
am_channel_log(int fd, AmLogLevel level, const char *text)
{
	channel_log(fd, AM_CHANNEL_LOG, level, text);
}

void
am_channel_log_keeper(int fd, AmLogLevel level, const char *text)
{
	channel_log(fd, AM_CHANNEL_KEEPER, level, text);
}

gboolean
am_channel_receive(int fd, AmChannelRecord *record, gboolean *is_there)
{
	char bytes[2 + AM_CHANNEL_TEXT_BYTES];
	char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { bytes, sizeof bytes };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof control };
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	*is_there = n >= 0 || errno == EINTR;
	if (n < 2)
		return FALSE;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_level != SOL_SOCKET ||
	    header->cmsg_type != SCM_CREDENTIALS ||
	    header->cmsg_len < CMSG_LEN(sizeof(struct ucred)))
		return FALSE;
	struct ucred who;
	memcpy(&who, CMSG_DATA(header), sizeof who);
	if ((bytes[0] != AM_CHANNEL_READY && bytes[0] != AM_CHANNEL_LOG &&
	     bytes[0] != AM_CHANNEL_KEEPER) ||
	    bytes[1] < 0 ||
	    bytes[1] > AM_LOG_DEBUG)
		return FALSE;
	record->kind = (AmChannelKind)bytes[0];
	record->level = (AmLogLevel)bytes[1];
	record->pid = who.pid;
	memcpy(record->text, bytes + 2, (gsize)n - 2);
	record->text[n - 2] = '\0';
	return TRUE;
}
