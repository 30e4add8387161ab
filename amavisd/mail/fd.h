/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A descriptor that closes itself at the end of its scope: `g_auto(AmFd) fd = open(...)`. */

#include <glib.h>
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
