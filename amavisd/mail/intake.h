/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What a listener takes, whatever it speaks. */

#include <glib.h>

typedef struct {
	const char *spool_directory;
	guint64 spool_memory;  /* bytes before a spool goes to disk */
	guint64 size_limit;    /* bytes of a mail, 0 none */
	guint recipient_limit; /* of a mail */
	const char *listener;  /* its name */
	const char *const *policy_banks; /* NULL none */
} AmIntake; /* borrowed, outlives the servers; one for each listener */
