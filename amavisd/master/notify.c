/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The protocol of sd_notify(3): lines of NAME=VALUE in one datagram to the Unix socket that
 * NOTIFY_SOCKET names, abstract when it begins with '@'. */

#include <config.h>

#include "master/notify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"

void
am_notify(const char *state)
{
	const char *path = g_getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (path == NULL || (*path != '/' && *path != '@') ||
	    strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	if (*path == '@')
		address.sun_path[0] = '\0';
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	g_auto(AmFd) fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 ||
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, len) < 0)
		am_warning("telling the service manager: %s", g_strerror(errno));
}

gint64
am_notify_watchdog_us(void)
{
	const char *usec = g_getenv("WATCHDOG_USEC"), *pid = g_getenv("WATCHDOG_PID");
	gint64 period_us = 0, pid_number = getpid();
	if (usec == NULL || !g_ascii_string_to_signed(usec, 10, 2, G_MAXINT64, &period_us, NULL))
		return 0;
	if (pid != NULL && !g_ascii_string_to_signed(pid, 10, 1, G_MAXINT, &pid_number, NULL))
		return 0;
	return pid_number == getpid() ? period_us / 2 : 0;
}
