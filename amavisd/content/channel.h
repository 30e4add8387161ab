/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The way from workers to their zygote: "ready", and lines for the log.  A worker has no log of its
 * own; what it says is bounded, and checked by the zygote. */

#include <glib.h>
#include <sys/types.h>

#include <amavisd/plugin.h>

#include "mail/error.h"

#define AM_CHANNEL_TEXT_BYTES 1000

typedef enum {
	AM_CHANNEL_READY = 'R',
	AM_CHANNEL_LOG = 'L',
	AM_CHANNEL_KEEPER = 'K', /* a line of a worker's keeper, or of the runner */
} AmChannelKind;

typedef struct {
	AmChannelKind kind;
	AmLogLevel level; /* LOG, KEEPER */
	pid_t pid;        /* vouched for by the kernel */
	char text[AM_CHANNEL_TEXT_BYTES + 1];
} AmChannelRecord;

/* fds[0] is read by the zygote, fds[1] written by workers. */
gboolean am_channel_open(int fds[2], GError **error);
/* Waits until the zygote has room. */
gboolean am_channel_tell_ready(int fd, GError **error);
/* Dropped when the zygote has no room. */
void am_channel_log(int fd, AmLogLevel level, const char *text);
void am_channel_log_keeper(int fd, AmLogLevel level, const char *text);
/* FALSE: nothing there, or nothing of sense (*is_there then says TRUE). */
gboolean am_channel_receive(int fd, AmChannelRecord *record, gboolean *is_there);
