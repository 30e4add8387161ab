/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Inspection of one mail inside a worker: MIME tree, decoders, types, header checks, scanners. */

#include <glib.h>

#include "config/config.h"
#include "content/types.h"
#include "mail/exchange.h"
#include "mail/report.h"
#include "plugin/registry.h"

/* One budget for the whole mail over all nesting (features D30). */
typedef struct {
	guint max_depth;       /* levels of parts */
	guint max_parts;       /* parts altogether */
	guint64 min_expansion_bytes, max_expansion_bytes; /* quota = max(min, size * factor) capped */
	double expansion_factor;
	guint64 part_memory_bytes; /* a part's content above this goes to a file */
	guint password_tries;	   /* for each encrypted part, 0 none */
	const char *const *passwords; /* the administrator's; borrowed, NULL none */
} AmContentLimits;

void am_content_limits_from_config(const AmConfig *config, AmContentLimits *limits);

/* Starts the libraries that inspection uses.  Once in a process, before it forks or has threads. */
void am_content_init(void);

typedef struct _AmInspector AmInspector; /* one for each worker */

/* All borrowed for the inspector's life.  registry NULL: no decoders, no scanners.  work_directory:
 * for contents too big for memory; NULL: nothing goes to a file. */
AmInspector *am_inspector_new(AmRegistry *registry, const AmContentLimits *limits, AmTypes *types,
			      const char *work_directory);
/* The worker's socket to its keeper (content/keeper.h), for decoders that run programs; borrowed, -1
 * (as without this call): none are run. */
void am_inspector_set_programs(AmInspector *inspector, int fd);
void am_inspector_free(AmInspector *inspector);
/* Never fails: what could not be done is in the report.  mail_fd is borrowed. */
AmReport *am_inspector_run(AmInspector *inspector, const AmInspectRequest *request, int mail_fd);
/* Overwrites what it and its libraries keep of the last mail. */
void am_inspector_forget(AmInspector *inspector);
/* The functions a decoder or sandbox scanner sees; static, to be put in front of load(). */
const AmHost *am_content_host(void);
