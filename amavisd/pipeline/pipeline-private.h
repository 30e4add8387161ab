/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What setup.c makes and pipeline.c uses. */

#include "pipeline/deliver.h"
#include "pipeline/inspect.h"
#include "pipeline/pipeline.h"
#include "pipeline/scan.h"

struct _AmPipeline {
	const AmGeneration *generation; /* borrowed */
	AmHost host;                    /* the plugins point to it */
	AmRegistry *registry;
	AmPolicy *policy;
	AmSmtpPool *pool;
	AmRoute *forward, *notify;
	char *hostname;
	AmDeliverContext deliver;
	gint64 max_mail_us;
	gint64 next_expire_us; /* monotonic; housekeeping's own */
};

struct _AmPipelineThread {
	AmPipeline *pipeline; /* borrowed */
	AmPolicyThread *policy;
	AmScanCrew *crew;
	AmInspectContext inspect;
};

static inline void
am_pipeline_count(gint64 *counter, gint64 n)
{
	(void)__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}
