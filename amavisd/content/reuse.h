/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Whether a worker may take another mail: it must be as it was before its first. */

#include <glib.h>

#include "mail/error.h"
#include "plugin/registry.h"

typedef struct _AmReuse AmReuse;

/* Before the sandbox, when all is loaded and open.  registry may be NULL; directories as in worker.h.
 * growth_bytes: of resident memory, that a mail may leave behind. */
AmReuse *am_reuse_new(AmRegistry *registry, const char *work_directory, const char *spool_directory,
		      guint64 growth_bytes, GError **error);
/* The state that counts as "before": inside the sandbox, before the first mail. */
gboolean am_reuse_start(AmReuse *reuse, GError **error);
/* After a mail.  NULL: nothing is left of it; else what is, in words for the log, to be freed. */
char *am_reuse_check(AmReuse *reuse);
void am_reuse_free(AmReuse *reuse);
