/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Descriptors that go over Unix sockets (SCM_RIGHTS, unix(7)). */

#include <config.h>

#include "mail/fd.h"

#include <errno.h>
#include <string.h>

#define FDS_MAX 4 /* room for more than the one that is expected, to see that there were more */

void
am_fd_attach(struct msghdr *message, gpointer control, gsize control_len, const int *fds,
	     gsize n_fds)
{
	if (n_fds == 0)
		return;
	g_assert(control_len >= CMSG_SPACE(n_fds * sizeof(int)));
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
}

gssize
am_fd_send(int socket, gconstpointer head, gsize head_len, gconstpointer data, gsize len, int fd,
	   int flags)
{
	struct iovec iov[] = { { (void *)head, head_len }, { (void *)data, len } };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = G_N_ELEMENTS(iov) };
	ssize_t n;
	am_fd_attach(&message, control, sizeof control, &fd, fd >= 0 ? 1 : 0);
	do
		n = sendmsg(socket, &message, MSG_NOSIGNAL | flags);
	while (n < 0 && errno == EINTR);
	return n;
}

gssize
am_fd_receive(int socket, gpointer data, gsize len, int *fd)
{
	struct iovec iov = { data, len };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof control };
	int fds[FDS_MAX];
	gsize n_fds = 0;
	ssize_t n;
	*fd = -1;
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h != NULL; h = CMSG_NXTHDR(&message, h)) {
		gsize bytes = h->cmsg_len - CMSG_LEN(0);
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS ||
		    n_fds + bytes / sizeof(int) > FDS_MAX)
			continue;
		memcpy(fds + n_fds, CMSG_DATA(h), bytes);
		n_fds += bytes / sizeof(int);
	}
	gboolean is_cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	if (n_fds == 1 && !is_cut) {
		*fd = fds[0];
		return n;
	}
	for (gsize i = 0; i < n_fds; i++)
		(void)close(fds[i]);
	return n_fds > 0 || is_cut ? -1 : n;
}
