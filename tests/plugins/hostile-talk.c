/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Sockets, and lies told through them. */

#define _GNU_SOURCE

#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NUMBERS 64 /* of descriptors looked at */

/* ---- network ------------------------------------------------------------------------------- */

static int
try_tcp(const Try *try)
{
	(void)try;
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int
try_udp(const Try *try)
{
	(void)try;
	return result(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int
try_unix(const Try *try)
{
	(void)try;
	return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int
try_netlink(const Try *try)
{
	(void)try;
	return result(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int
try_socketpair(const Try *try)
{
	int fds[2];
	(void)try;
	return result(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
}

/* The n-th connected socket: first the channel to the zygote, last the session. */
static int
find_socket(int n)
{
	int found = -1;
	for (int fd = 3; fd < NUMBERS && n > 0; fd++) {
		int listens = 0, type = 0;
		socklen_t len = sizeof listens;
		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && !listens &&
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		    type == SOCK_SEQPACKET) {
			found = fd;
			n--;
		}
	}
	return found;
}

static int
each_descriptor(int (*func)(int fd, const struct sockaddr_un *address), const Try *try)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int worst = EBADF;
	if (try->argument != NULL)
		(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", try->argument);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	for (int fd = 0; fd < NUMBERS; fd++)
		if (func(fd, &address) == 0)
			worst = 0;
	return worst;
}

static int
connect_by(int fd, const struct sockaddr_un *address)
{
	return connect(fd, (const struct sockaddr *)address, sizeof *address);
}

static int
bind_by(int fd, const struct sockaddr_un *address)
{
	return bind(fd, (const struct sockaddr *)address, sizeof *address);
}

static int
listen_by(int fd, const struct sockaddr_un *address)
{
	(void)address;
	return listen(fd, 1);
}

static int
shutdown_by(int fd, const struct sockaddr_un *address)
{
	(void)address;
	return shutdown(fd, SHUT_RDWR);
}

static int
setsockopt_by(int fd, const struct sockaddr_un *address)
{
	const int on = 1;
	(void)address;
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &on, sizeof on);
}

static int
nonblock_by(int fd, const struct sockaddr_un *address)
{
	(void)address;
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int
close_by(int fd, const struct sockaddr_un *address)
{
	(void)address;
	return close(fd);
}

/* A socket of the datagram kind could send to any other; the reader knows by what arrives. */
static int
sendto_by(int fd, const struct sockaddr_un *address)
{
	return (int)sendto(fd, "READY=0\n", 8, MSG_NOSIGNAL | MSG_DONTWAIT,
			   (const struct sockaddr *)address, sizeof *address);
}

static int
write_by(int fd, const struct sockaddr_un *address)
{
	static const char lines[] = "\nREADY\nSTALE\nERROR forged\n{\"forged\":1}\n";
	(void)address;
	return write(fd, lines, sizeof lines - 1) >= 0 ? 0 : -1;
}

static int
try_connect(const Try *try)
{
	return each_descriptor(connect_by, try);
}

static int
try_bind(const Try *try)
{
	return each_descriptor(bind_by, try);
}

static int
try_listen(const Try *try)
{
	return each_descriptor(listen_by, try);
}

static int
try_shutdown(const Try *try)
{
	return each_descriptor(shutdown_by, try);
}

static int
try_setsockopt(const Try *try)
{
	return each_descriptor(setsockopt_by, try);
}

static int
try_nonblock(const Try *try)
{
	return each_descriptor(nonblock_by, try);
}

static int
try_sendto(const Try *try)
{
	return each_descriptor(sendto_by, try);
}

/* And waits for what comes of it. */
static int
try_write_all(const Try *try)
{
	int rc = each_descriptor(write_by, try);
	(void)sleep(10);
	return rc;
}

static int
try_ready(const Try *try)
{
	(void)try;
	for (int i = 0; i < 100; i++)
		(void)send(find_socket(1), "R", 2, MSG_NOSIGNAL | MSG_DONTWAIT);
	return 0;
}

static int
try_close_all(const Try *try)
{
	return each_descriptor(close_by, try);
}

/* ---- the exchange with the session --------------------------------------------------------- */

static int
send_message(guint32 type, guint32 announced, const void *data, size_t len)
{
	char packet[65536];
	const guint32 head[] = { GUINT32_TO_LE(0x31584d41u), GUINT32_TO_LE(1 | type << 16),
				 GUINT32_TO_LE(announced) };
	memcpy(packet, head, sizeof head);
	if (len > 0)
		memcpy(packet + sizeof head, data, len);
	return result(send(find_socket(NUMBERS), packet, sizeof head + len, MSG_NOSIGNAL));
}

/* A report that the worker gave for a clean mail, in the argument as base64. */
static int
try_forge(const Try *try)
{
	gsize len;
	g_autofree guchar *bytes = g_base64_decode(try->argument, &len);
	return send_message(3, (guint32)len, bytes, len);
}

static int
try_oversized(const Try *try)
{
	(void)try;
	return send_message(3, 0x7fffffff, "x", 1);
}

static int
try_garbage(const Try *try)
{
	char bytes[1000];
	(void)try;
	memset(bytes, 0xa5, sizeof bytes);
	return send_message(3, sizeof bytes, bytes, sizeof bytes);
}

static int
try_noise(const Try *try)
{
	(void)try;
	return result(send(find_socket(NUMBERS), "noise", 5, MSG_NOSIGNAL));
}

static int
try_second_hello(const Try *try)
{
	(void)try;
	return send_message(2, 0, NULL, 0);
}

/* More than was asked for, and with a descriptor. */
static int
try_send_fd(const Try *try)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)"x", 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = try->self->host->mail_fd(try->scan);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	return result(sendmsg(find_socket(NUMBERS), &message, MSG_NOSIGNAL));
}

static int
try_flood(const Try *try)
{
	for (int i = 0; i < 200000; i++)
		try->self->host->log(try->self->instance, AM_LOG_ERROR, "flood\n%d", i);
	return 0;
}

/* ---- the words */

const HostileWord hostile_talk[] = {
	{ "tcp", try_tcp },
	{ "udp", try_udp },
	{ "unix", try_unix },
	{ "netlink", try_netlink },
	{ "socketpair", try_socketpair },
	{ "connect", try_connect },
	{ "bind", try_bind },
	{ "listen", try_listen },
	{ "shutdown", try_shutdown },
	{ "setsockopt", try_setsockopt },
	{ "nonblock", try_nonblock },
	{ "sendto", try_sendto },
	{ "write-all", try_write_all },
	{ "ready", try_ready },
	{ "close-all", try_close_all },
	{ "forge", try_forge },
	{ "oversized", try_oversized },
	{ "garbage", try_garbage },
	{ "noise", try_noise },
	{ "second-hello", try_second_hello },
	{ "send-fd", try_send_fd },
	{ "flood", try_flood },
	{ NULL, NULL },
};
