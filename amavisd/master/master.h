/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The master process: opens what needs rights, supervises, reloads, stops.  Single-threaded; it
 * never sees a byte of mail. */

#include <glib.h>

#include "config/config.h"
#include "master/check.h"
#include "master/supervise.h"

typedef struct {
	const char *config_file; /* read again by a reload; NULL the compiled-in default */
	AmMasterOps ops;
	AmCheckFunc check; /* see am_master_check(); may be NULL */
	AmMasterTimes times;
	/* Called once, when the first generation serves; may be NULL. */
	void (*ready)(gpointer user_data);
	/* Called first in each child; may be NULL. */
	void (*in_child)(gpointer user_data);
	gpointer user_data;
} AmMasterOptions;

/* Opens the log as [amavisd] says. */
gboolean am_master_open_log(const AmConfig *config, GError **error);

/* Serves until SIGTERM or SIGINT: TRUE.  FALSE: it could not start.  config has no problems and
 * identity is am_master_check()'s for it. */
gboolean am_master_run(AmConfig *config, const AmIdentity *identity, const AmMasterOptions *options,
		       GError **error);
