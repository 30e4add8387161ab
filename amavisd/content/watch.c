/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* See watch.h. */

#include <config.h>

#include "content/watch.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "content/sandbox.h"
#include "log/log.h"

#define LINES_PER_SECOND 50	     /* of one worker in the log */
#define LINES_TOO_MANY 20000	     /* in a second: it is ended */
#define LATE_US (5 * G_USEC_PER_SEC) /* behind the session, which ends it at time_limit */

/* ", in plugin X, with mail Y": as far as the worker said so. */
static char *
watch_describe(const AmStage *stage)
{
	GString *text = g_string_new(NULL);
	if (stage->since_us == 0)
		return g_string_free(text, FALSE);
	if (stage->plugin[0] != '\0')
		g_string_append_printf(text, ", in plugin %s", stage->plugin);
	g_string_append_printf(text, ", with mail %s", stage->mail_id);
	return g_string_free(text, FALSE);
}

static void
watch_log_lost(const AmWatched *worker)
{
	if (worker->n_lines > LINES_PER_SECOND)
		am_warning("content: %u lines of worker %d left out",
			   worker->n_lines - LINES_PER_SECOND, (int)worker->pid);
}

void
am_watch_log_end(const AmWatched *worker, int status)
{
	AmStage stage;
	watch_log_lost(worker);
	am_stage_read(worker->stage, &stage);
	g_autofree char *at = watch_describe(&stage);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
		g_autofree char *call = stage.call >= 0 ? am_sandbox_call_name(stage.call) : NULL;
		am_warning(
			"content: worker %d ended by signal SIGSYS (stopped by the sandbox%s%s)%s",
			(int)worker->pid, call != NULL ? ": " : "", call != NULL ? call : "", at);
	} else if (WIFSIGNALED(status)) {
		const char *name = sigabbrev_np(WTERMSIG(status));
		am_warning("content: worker %d ended by signal SIG%s%s", (int)worker->pid,
			   name != NULL ? name : "?", at);
	} else if (WEXITSTATUS(status) != 0 || stage.since_us != 0) {
		am_warning("content: worker %d ended with status %d%s", (int)worker->pid,
			   WEXITSTATUS(status), at);
	}
}

static void
watch_kill(const AmWatched *worker, const char *why)
{
	AmStage stage;
	am_stage_read(worker->stage, &stage);
	g_autofree char *at = watch_describe(&stage);
	am_warning("content: worker %d %s%s: killed", (int)worker->pid, why, at);
	(void)kill(worker->pid, SIGKILL); /* our child, not yet waited for */
}

static gint64
watch_cpu_us(pid_t pid)
{
	clockid_t clock;
	struct timespec used;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0; /* about to be waited for */
	return used.tv_sec * G_USEC_PER_SEC + used.tv_nsec / 1000;
}

void
am_watch_log_line(AmWatched *worker, const AmChannelRecord *record)
{
	gint64 second = g_get_monotonic_time() / G_USEC_PER_SEC;
	if (second != worker->second) {
		watch_log_lost(worker);
		worker->second = second;
		worker->n_lines = 0;
	}
	if (worker->n_lines++ < LINES_PER_SECOND)
		am_log(record->level, NULL, "content: %s %d: %s",
		       record->kind == AM_CHANNEL_KEEPER ? "keeper" : "worker", (int)record->pid,
		       record->text);
	if (worker->n_lines == LINES_TOO_MANY && worker->pid > 0)
		watch_kill(worker, "floods the log");
}

void
am_watch_check(AmWatched *worker, guint max_mails, guint time_s)
{
	AmStage stage;
	gint64 time_us = time_s * G_USEC_PER_SEC + LATE_US;
	gint64 cpu_us = watch_cpu_us(worker->pid);
	am_stage_read(worker->stage, &stage);
	if (!worker->is_ready || stage.mails != worker->mails) {
		worker->mails = stage.mails;
		worker->cpu_us = cpu_us;
	}
	if (!worker->is_ready)
		return;
	if (stage.since_us != 0 && g_get_monotonic_time() - stage.since_us > time_us)
		watch_kill(worker, "is over its time");
	else if (cpu_us - worker->cpu_us > time_us)
		watch_kill(worker, "computes without a mail");
	else if (stage.mails > max_mails)
		watch_kill(worker, "takes too many mails");
}
