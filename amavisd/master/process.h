/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* One process under supervision: how it is forked, what it tells, how it is ended. */

#include <sys/types.h>

#include <glib.h>

#include "config/generation.h"
#include "master/privileges.h"

typedef enum { AM_ROLE_ZYGOTE, AM_ROLE_SESSION, AM_N_ROLES } AmRole;

typedef enum {
	AM_PROCESS_STARTING,
	AM_PROCESS_READY,
	AM_PROCESS_ENDING, /* was told to go */
} AmProcessState;

#define AM_TELL_MAX_BYTES 1024

typedef struct {
	AmRole role;
	AmProcessState state;
	guint generation; /* number */
	pid_t pid;
	int tell_fd; /* -1 once the child has closed it */
	gint64 started_us;
	gint64 kill_us; /* SIGKILL at that time, 0 never */
	gboolean is_stale;
	char *last_error; /* text of its last "ERROR text", NULL none */
	char line[AM_TELL_MAX_BYTES];
	gsize line_len;
} AmProcess;

const char *am_role_name(AmRole role); /* "content", "session" */

/* In the child, before anything else: closes what is the master's alone. */
typedef void (*AmProcessPrepare)(gpointer user_data);

/* Forks a child that becomes the user, lives no longer than the master, and runs `run`, whose
 * result is its exit status.  generation->tell_fd is set for the child only.  NULL: RESOURCE. */
AmProcess *am_process_fork(AmRole role, AmGeneration *generation, const AmIdentity *identity,
			   int (*run)(const AmGeneration *generation), AmProcessPrepare prepare,
			   gpointer user_data, GError **error);
void am_process_free(AmProcess *child); /* the process is left alone */

/* Reads what the child tells and follows: READY makes it ready, STALE sets is_stale, ERROR is
 * logged and kept.  Does not wait. */
void am_process_read(AmProcess *child);
/* SIGTERM once, and SIGKILL after patience_us more. */
void am_process_end(AmProcess *child, gint64 patience_us);
/* SIGKILL when its time is over. */
void am_process_check_time(AmProcess *child, gint64 now_us);
/* "session of generation 2 (pid 77) died by signal 11 (Segmentation fault)"; to be freed. */
char *am_process_describe_end(const AmProcess *child, int status);
