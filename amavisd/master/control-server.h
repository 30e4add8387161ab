/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The master's side of the control socket (control.h): a few connections at a time inside its poll
 * loop, none of which can make it wait. */

#include <poll.h>

#include <glib.h>

#include "mail/error.h"

typedef struct {
	char *(*status)(gpointer user_data); /* the answer, to be freed */
} AmControlFuncs;

typedef struct _AmControl AmControl;

/* Binds path, 0600. */
AmControl *am_control_new(const char *path, const AmControlFuncs *funcs, gpointer user_data,
			  GError **error);
void am_control_free(AmControl *control); /* removes the path */
void am_control_close_in_child(AmControl *control);

/* Adds what is waited for; then, after poll(), does what can be done. */
void am_control_add_fds(AmControl *control, GArray *pollfds);
void am_control_dispatch(AmControl *control, const GArray *pollfds);
/* Earliest end of patience, monotonic microseconds, 0 none. */
gint64 am_control_next_us(const AmControl *control);
/* Is a reload asked for?  Those who asked so far get the next answer; who asks later, that of the
 * reload after it, because the files may have changed since they were read. */
gboolean am_control_take_reloads(AmControl *control);
/* Answers those of the last take, "ok" or "error TEXT". */
void am_control_answer_reload(AmControl *control, const char *text);
