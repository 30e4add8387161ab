/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Looked at when asked, so that the answer is never an old one; nothing here waits. */

#include <config.h>

#include "session/readiness.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "mail/fd.h"
#include "session/pool-private.h"

#define READINESS_SPOOL_BYTES (64u << 20) /* free; or the largest mail of a listener */

/* Does a zygote have the workers' socket?  It is asked for with the wrong type: where there is a socket
 * the kernel names that as the reason, and no worker is woken.  0 or errno. */
static int
readiness_probe(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	g_auto(AmFd) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
		return ENAMETOOLONG;
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return EPROTO; /* somebody, but no zygote of ours */
	return errno == EPROTOTYPE ? 0 : errno;
}

static void
readiness_of_content(const AmPool *pool, AmHttpState *state)
{
	int errnum = readiness_probe(pool->generation->content_socket);
	state->name = "content";
	state->is_well = errnum == 0;
	if (errnum != 0)
		state->detail = g_strdup_printf("content workers: %s", g_strerror(errnum));
}

/* Policy is loaded before anything is served, and never changes in a generation. */
static void
readiness_of_policy(AmPool *pool, AmHttpState *state)
{
	state->name = "policy";
	state->is_well = !g_atomic_int_get(&pool->is_draining);
	state->detail = state->is_well ? g_strdup_printf("generation %u", pool->generation->number)
				       : g_strdup("shutting down");
}

static void
readiness_of_spool(const AmPool *pool, AmHttpState *state)
{
	const AmConfigGroup *core = am_config_group(pool->generation->config, "amavisd", NULL);
	const char *path = am_config_string(core, "spool_directory");
	guint64 wanted = READINESS_SPOOL_BYTES;
	struct statvfs info;
	for (guint i = 0; i < pool->listeners->len; i++) {
		const AmPoolListener *listener = g_ptr_array_index(pool->listeners, i);
		wanted = MAX(wanted, listener->server.intake.size_limit);
	}
	state->name = "spool";
	if (statvfs(path, &info) < 0) {
		state->detail = g_strdup_printf("%s: %s", path, g_strerror(errno));
		return;
	}
	guint64 n_free = (guint64)info.f_bavail * info.f_frsize;
	if (access(path, W_OK | X_OK) < 0)
		state->detail = g_strdup_printf("%s: %s", path, g_strerror(errno));
	else if (n_free < wanted)
		state->detail = g_strdup_printf("%" G_GUINT64_FORMAT
						" bytes free, %" G_GUINT64_FORMAT " wanted",
						n_free, wanted);
	state->is_well = state->detail == NULL;
}

static void
readiness_of_room(AmPool *pool, AmHttpState *state)
{
	gint n = g_atomic_int_get(&pool->n_mails);
	state->name = "mails";
	state->is_well = n < pool->max_mails;
	state->detail = g_strdup_printf("%d of %d in work", n, pool->max_mails);
}

guint
am_readiness(AmPool *pool, AmHttpState *states)
{
	G_STATIC_ASSERT(AM_HTTP_MAX_STATES >= 4);
	readiness_of_content(pool, &states[0]);
	readiness_of_policy(pool, &states[1]);
	readiness_of_spool(pool, &states[2]);
	readiness_of_room(pool, &states[3]);
	return 4;
}
