/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The two things every process does with a generation; the master makes it, see
 * master/supervise.c. */

#include <config.h>

#include "config/generation.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A pipe takes up to this in one piece, so lines of a zygote and a session never mix (PIPE_BUF). */
#define TELL_MAX_BYTES 1024

void
am_listener_free(AmListener *listener)
{
	if (listener == NULL)
		return;
	if (listener->fd >= 0)
		(void)close(listener->fd); /* a listening socket: nothing is lost */
	g_free(listener->name);
	g_free(listener->address);
	g_free(listener->protocol);
	g_free(listener);
}

void
am_generation_tell(const AmGeneration *generation, const char *line)
{
	char buf[TELL_MAX_BYTES];
	gsize len = MIN(strlen(line), sizeof(buf) - 1);
	ssize_t n;
	if (generation->tell_fd < 0)
		return;
	for (gsize i = 0; i < len; i++)
		buf[i] = g_ascii_iscntrl(line[i]) ? ' ' : line[i];
	buf[len++] = '\n';
	do {
		n = write(generation->tell_fd, buf, len);
	} while (n < 0 && errno == EINTR);
	(void)n; /* best effort: the master sees a child's death anyway */
}
