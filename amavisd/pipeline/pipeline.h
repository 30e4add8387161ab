/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The way of a mail: inspect, scan, judge, store, deliver, reply, record.  pipeline.c reads like
 * that list; each stage has its own file. */

#include <glib.h>

#include "config/generation.h"
#include "mail/handback.h"
#include "mail/mail.h"
#include "mail/release.h"
#include "pipeline/record.h"
#include "plugin/registry.h"
#include "policy/policy.h"

typedef struct _AmPipeline AmPipeline;		   /* one for each session process */
typedef struct _AmPipelineThread AmPipelineThread; /* one for each thread */

/* Builds registry (session side), policy, routes, client pool from the generation's configuration.
 * NULL when there were problems. */
AmPipeline *am_pipeline_new(const AmGeneration *generation, GPtrArray *problems);
void am_pipeline_free(AmPipeline *pipeline);
void am_pipeline_housekeeping(AmPipeline *pipeline); /* every second or so, one thread */

AmPipelineThread *am_pipeline_thread_new(AmPipeline *pipeline, GError **error);
void am_pipeline_thread_free(AmPipelineThread *thread);

/* For SMTP's RCPT: size limit of the recipient against the declared size.  NULL accepts. */
AmReply *am_pipeline_check_recipient(AmPipelineThread *thread, const AmEnvelope *envelope,
				     const AmRecipient *recipient);
/* The whole way.  Takes mail.  Replies as am_disposition_replies(). */
GPtrArray *am_pipeline_run(AmPipelineThread *thread, AmMail *mail, gboolean is_lmtp);
/* For protocols where the client delivers (milter, AM.PDP): everything up to deliver, and what the
 * client is to be told (handback is initialised, and borrows from the record).  Takes mail.  Bounces
 * are sent, and what one copy for all cannot do is delivered by us: a route of its own, and with
 * AM_CONFLICT_SPLIT a header of its own.  am_pipeline_conclude() has to follow. */
AmRecord *am_pipeline_check(AmPipelineThread *thread, AmMail *mail, AmConflict conflict,
			    AmHandback *handback);
/* Copies, notices, counters, the log.  Takes record. */
void am_pipeline_conclude(AmPipelineThread *thread, AmRecord *record);
/* Out of quarantine, on a client's request: a reply (AmReply) for each recipient, at least one. */
GPtrArray *am_pipeline_release(AmPipelineThread *thread, const AmReleaseRequest *request);
/* inspect, scan and judge only: nothing stored, sent or counted (`amavisctl scan`).  Takes mail. */
AmRecord *am_pipeline_try(AmPipelineThread *thread, AmMail *mail);
