/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Serving connections, whatever is done with their mails: am_session_run() puts the pipeline into
 * the table, tests a pipeline of their own. */

#include <glib.h>

#include "config/generation.h"
#include "mail/handback.h"
#include "mail/mail.h"
#include "mail/release.h"
#include "mail/reply.h"
#include "pipeline/record.h"

typedef struct {
	/* Once for the process; NULL after adding problems. */
	gpointer (*start)(const AmGeneration *generation, GPtrArray *problems);
	void (*stop)(gpointer process);
	void (*housekeeping)(gpointer process); /* every second, never two at a time */
	/* Once in each thread, before it serves. */
	gpointer (*thread_start)(gpointer process, GError **error);
	void (*thread_stop)(gpointer thread);
	AmReply *(*check_recipient)(gpointer thread, const AmEnvelope *envelope,
				    const AmRecipient *recipient); /* may be NULL */
	/* Takes mail, may block; replies as for AmSmtpServerOps.on_mail. */
	GPtrArray *(*run)(gpointer thread, AmMail *mail, gboolean is_lmtp);
	/* For protocols where the client delivers; as am_pipeline_check() and _conclude(). */
	AmRecord *(*check)(gpointer thread, AmMail *mail, AmConflict conflict,
			   AmHandback *handback);
	void (*conclude)(gpointer thread, AmRecord *record);
	/* As am_pipeline_try(); the record is the caller's. */
	AmRecord *(*trial)(gpointer thread, AmMail *mail);
	/* As am_pipeline_release(). */
	GPtrArray *(*release)(gpointer thread, const AmReleaseRequest *request);
} AmSessionOps;

/* SIGTERM must be blocked in the calling thread and in all others there are; it is read from a
 * descriptor.  Returns the exit status. */
int am_session_serve(const AmGeneration *generation, const AmSessionOps *ops);
