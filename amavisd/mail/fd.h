/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Descriptors: one that closes itself at the end of its scope, `g_auto(AmFd) fd = open(...)`, and ones
 * that are sent over Unix sockets. */

#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int AmFd;

static inline void
am_fd_clear(AmFd *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing was written through it, or it was checked before */
	*fd = -1;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AmFd, am_fd_clear)

/* The message takes n_fds descriptors along, which may be none; control, zeroed and aligned, is room for
 * CMSG_SPACE() of them and lives until the message is sent. */
void am_fd_attach(struct msghdr *message, gpointer control, gsize control_len, const int *fds,
		  gsize n_fds);
/* One record: head, data and, unless it is -1, fd.  As sendmsg(2), without signals; flags are for it. */
gssize am_fd_send(int socket, gconstpointer head, gsize head_len, gconstpointer data, gsize len,
		  int fd, int flags);
/* Receives one record: its bytes, 0 at the end, -1; *fd: the one descriptor that came, -1 none.  More
 * than one, or a record that was cut, is -1. */
gssize am_fd_receive(int socket, gpointer data, gsize len, int *fd);
