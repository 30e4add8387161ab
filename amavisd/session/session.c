/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The session process as it runs: connections are served by serve.c, their mails go the way of the
 * pipeline. */

#include <config.h>

#include "session/session.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "log/log.h"
#include "pipeline/pipeline.h"
#include "session/serve.h"

static gpointer
session_start(const AmGeneration *generation, GPtrArray *problems)
{
	return am_pipeline_new(generation, problems);
}

static void
session_stop(gpointer process)
{
	am_pipeline_free(process);
}

static void
session_housekeeping(gpointer process)
{
	am_pipeline_housekeeping(process);
}

static gpointer
session_thread_start(gpointer process, GError **error)
{
	return am_pipeline_thread_new(process, error);
}

static void
session_thread_stop(gpointer thread)
{
	am_pipeline_thread_free(thread);
}

static AmReply *
session_check_recipient(gpointer thread, const AmEnvelope *envelope, const AmRecipient *recipient)
{
	return am_pipeline_check_recipient(thread, envelope, recipient);
}

static GPtrArray *
session_run_mail(gpointer thread, AmMail *mail, gboolean is_lmtp)
{
	return am_pipeline_run(thread, mail, is_lmtp);
}

static AmRecord *
session_check_mail(gpointer thread, AmMail *mail, AmConflict conflict, AmHandback *handback)
{
	return am_pipeline_check(thread, mail, conflict, handback);
}

static void
session_conclude(gpointer thread, AmRecord *record)
{
	am_pipeline_conclude(thread, record);
}

static AmRecord *
session_try_mail(gpointer thread, AmMail *mail)
{
	return am_pipeline_try(thread, mail);
}

static GPtrArray *
session_release(gpointer thread, const AmReleaseRequest *request)
{
	return am_pipeline_release(thread, request);
}

static const AmSessionOps session_ops = {
	.start = session_start,
	.stop = session_stop,
	.housekeeping = session_housekeeping,
	.thread_start = session_thread_start,
	.thread_stop = session_thread_stop,
	.check_recipient = session_check_recipient,
	.run = session_run_mail,
	.check = session_check_mail,
	.conclude = session_conclude,
	.trial = session_try_mail,
	.release = session_release,
};

/* A next hop that goes away is an error of a write, not a reason to die; what a terminal or an
 * admin sends to the whole group is for the master, who then tells us what to do. */
static gboolean
session_set_signals(void)
{
	static const int ignored[] = { SIGPIPE, SIGINT, SIGHUP };
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	for (gsize i = 0; i < G_N_ELEMENTS(ignored); i++)
		if (signal(ignored[i], SIG_IGN) == SIG_ERR) {
			am_error("session: ignoring a signal: %s", g_strerror(errno));
			return FALSE;
		}
	int result = pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (result != 0)
		am_error("session: blocking signals: %s", g_strerror(result));
	return result == 0;
}

int
am_session_run(const AmGeneration *generation)
{
	if (!session_set_signals())
		return 1;
	return am_session_serve(generation, &session_ops);
}
