/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A worker's life: own directories, plugins told of the fork, warmed up, the sandbox, "ready", mails.
 *
 * Between two mails memory is overwritten (scrub.h) and compared with what it was (reuse.h); a worker
 * that is not as before, or whose mail went wrong, ends.  The last mail of a worker finds it without the
 * listening socket: with `mails_per_worker = 1`, who takes over a worker gets no mail but his own.
 *
 * Idle workers block in accept(), so that the kernel hands each connection to exactly one of them.
 * SIGTERM makes the listening socket non-blocking and sets a flag: workers then take what is queued
 * until there is nothing, and end.  The signal is only let in around accept(); inspection of a mail
 * is never interrupted.  The wall clock is kept by the session, which kills a worker that overruns;
 * the CPU limit here is for a session that has died. */

#include <config.h>

#include "content/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content/channel.h"
#include "content/host.h"
#include "content/reuse.h"
#include "content/scrub.h"
#include "mail/exchange.h"
#include "mail/fd.h"

#define LAST_MOMENT_US (2 * G_USEC_PER_SEC) /* of a mail's time are kept for the report */
#define TRIM_BYTES (8u << 20)		    /* after a mail of this size memory is given back */
#define GROWTH_PART 4			    /* of memory_limit may stay in use after a mail */
#define EXTRA_DESCRIPTORS 8192		    /* contents above 64 KiB have one each */

/* What the signal handler and the host's log need; set once before they are used. */
static volatile sig_atomic_t worker_is_ending;
static int worker_listen_fd = -1;
static int worker_channel_fd = -1;

static void
worker_on_sigterm(int number)
{
	(void)number;
	int saved = errno;
	int flags = fcntl(worker_listen_fd, F_GETFL);
	if (flags >= 0)
		(void)fcntl(worker_listen_fd, F_SETFL, flags | O_NONBLOCK);
	worker_is_ending = 1;
	errno = saved;
}

static void
worker_log(AmLogLevel level, const char *text)
{
	am_channel_log(worker_channel_fd, level, text);
}

static int
worker_fail(const char *what, const GError *error)
{
	g_autofree char *text = g_strdup_printf("worker cannot start: %s: %s", what,
						error != NULL ? error->message : "?");
	worker_log(AM_LOG_ERROR, text);
	return 1;
}

char *
am_worker_work_directory(const AmWorkerSetup *setup, pid_t pid)
{
	return g_strdup_printf("%s/%d", setup->work_root, (int)pid);
}

char *
am_worker_spool_directory(const AmWorkerSetup *setup, pid_t pid)
{
	return g_strdup_printf("%s/work-%d", setup->spool_directory, (int)pid);
}

/* SIGTERM stays blocked but in accept(). */
static void
worker_set_signals(void)
{
	struct sigaction action = { .sa_handler = worker_on_sigterm };
	sigset_t mask;
	sigemptyset(&action.sa_mask);
	(void)sigaction(SIGTERM, &action, NULL); /* fails only for wrong numbers */
	action.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &action, NULL);
	(void)sigaction(SIGXFSZ, &action, NULL); /* a write fails with EFBIG instead */
	(void)sigaction(SIGHUP, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL); /* from a terminal: the master decides */
	action.sa_handler = SIG_DFL;
	(void)sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
}

static gboolean
worker_make_directory(const char *path, GError **error)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "cannot make %s", path);
		return FALSE;
	}
	return TRUE;
}

static gboolean
worker_prepare_plugins(AmRegistry *registry, GError **error)
{
	if (!am_registry_after_fork(registry, error) || !am_registry_thread_init(registry, error))
		return FALSE;
	GPtrArray *scanners = am_registry_instances(registry, AM_KIND_SCANNER);
	for (guint i = 0; i < scanners->len; i++) {
		AmInstance *instance = scanners->pdata[i];
		if (instance->plugin->plugin.scanner->warm_up == NULL)
			continue;
		am_instance_lock(instance);
		instance->plugin->plugin.scanner->warm_up(instance->data);
		am_instance_unlock(instance);
	}
	return TRUE;
}

void
am_worker_limits(const AmWorkerSetup *setup, AmSandboxLimits *limits)
{
	*limits = (AmSandboxLimits){
		.memory_bytes = setup->memory_bytes,
		.file_bytes = MAX(setup->limits.max_expansion_bytes, (guint64)1 << 32),
		.cpu_seconds = setup->time_s,
		.descriptors = EXTRA_DESCRIPTORS,
		.is_best_effort = setup->is_best_effort,
	};
}

/* What the kernel lacks was said by the zygote. */
static gboolean
worker_enter_sandbox(const AmWorkerSetup *setup, const char *work, const char *spool,
		     GError **error)
{
	AmSandboxLimits limits;
	am_worker_limits(setup, &limits);
	limits.work_directory = work;
	limits.spool_directory = spool;
	return am_sandbox_enter(&limits, NULL, error);
}

/* The next connection; -1 when there is none any more. */
static int
worker_accept(const AmWorkerSetup *setup)
{
	sigset_t mask, blocked;
	int fd = -1;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	(void)sigprocmask(SIG_UNBLOCK, &mask, &blocked);
	for (;;) {
		fd = accept4(setup->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 || (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED))
			break;
		if (errno != EAGAIN)
			continue;
		if (worker_is_ending)
			break;
		/* another worker alone was told to end; the socket is shared */
		struct pollfd wait = { .fd = setup->listen_fd, .events = POLLIN };
		(void)poll(&wait, 1, 1000);
	}
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL);
	return fd;
}

/* A little before the session would kill us: a report that says what there was no time for is
 * better than none. */
static gint64
worker_deadline(const AmWorkerSetup *setup, const AmInspectRequest *request)
{
	gint64 time_us = (gint64)setup->time_s * G_USEC_PER_SEC;
	gint64 own = g_get_monotonic_time() + time_us - MIN(time_us / 10, LAST_MOMENT_US);
	return request->deadline_us > 0 ? MIN(request->deadline_us, own) : own;
}

/* What was not as it should be; NULL nothing. To be freed. */
static char *
worker_judge(const AmReport *report)
{
	if (report->failures->len > 0) {
		const AmScanFailure *failure = report->failures->pdata[0];
		return g_strdup_printf("%s failed", failure->scanner);
	}
	for (guint i = 0; i < report->findings->len; i++) {
		const AmFinding *finding = report->findings->pdata[i];
		if (strcmp(finding->kind, "limit") == 0 &&
		    (g_strcmp0(finding->name, "time") == 0 ||
		     g_strcmp0(finding->name, "storage") == 0))
			return g_strdup_printf("limit %s was reached", finding->name);
	}
	return NULL;
}

/* A session that went away is no concern of ours; it has its own log.  What is returned is as for
 * worker_judge(). */
static char *
worker_serve(const AmWorkerSetup *setup, AmInspector *inspector, int socket)
{
	AmInspectRequest request = { .mail_size = 0 };
	g_auto(AmFd) mail_fd = -1;
	g_autoptr(GError) error = NULL;

	/* the request first: before it, the session's socket may not yet ask for our process id */
	if (!am_sandbox_allow_cpu(setup->time_s, &error) ||
	    !am_exchange_receive_request(socket, &request, &mail_fd, &error) ||
	    !am_exchange_send_hello(socket, &error)) {
		worker_log(AM_LOG_DEBUG, error->message);
		am_inspect_request_clear(&request);
		return NULL;
	}
	am_stage_begin(request.mail_id);
	request.deadline_us = worker_deadline(setup, &request);
	g_autoptr(AmReport) report = am_inspector_run(inspector, &request, mail_fd);
	g_autoptr(GBytes) bytes = am_report_serialize(report);
	if (!am_exchange_send_report(socket, bytes, &error))
		worker_log(AM_LOG_DEBUG, error->message);
	if (request.mail_size >= TRIM_BYTES)
		(void)malloc_trim(0);
	am_inspect_request_clear(&request);
	return worker_judge(report);
}

/* FALSE: this was the last mail.  The session has its answer and waits no longer. */
static gboolean
worker_is_fit(AmInspector *inspector, AmReuse *reuse, char *why)
{
	AmLogLevel level = AM_LOG_INFO;
	am_inspector_forget(inspector);
	am_scrub_stack();
	g_autofree char *left = am_reuse_check(reuse);
	if (left != NULL)
		level = AM_LOG_WARNING;
	const char *reason = left != NULL ? left : why;
	if (reason != NULL) {
		g_autofree char *text =
			g_strdup_printf("ends after mail %s: %s", am_stage_mail(), reason);
		worker_log(level, text);
	}
	g_free(why);
	return reason == NULL;
}

static void
worker_take_mails(const AmWorkerSetup *setup, AmInspector *inspector, AmReuse *reuse)
{
	gboolean is_fit = TRUE;
	for (guint n = 1; n <= setup->mails && is_fit; n++) {
		g_auto(AmFd) socket = worker_accept(setup);
		if (socket < 0)
			break;
		if (n == setup->mails)
			(void)close(setup->listen_fd); /* others have it */
		char *why = worker_serve(setup, inspector, socket);
		am_fd_clear(&socket);
		is_fit = n == setup->mails || worker_is_fit(inspector, reuse, why);
		if (n == setup->mails)
			g_free(why);
		am_stage_end();
	}
}

int
am_worker_run(const AmWorkerSetup *setup, AmStage *stage, pid_t zygote_pid)
{
	g_autofree char *work = am_worker_work_directory(setup, getpid());
	g_autofree char *spool = am_worker_spool_directory(setup, getpid());
	g_autoptr(GError) error = NULL;

	am_stage_use(stage);
	worker_listen_fd = setup->listen_fd;
	worker_channel_fd = setup->channel_fd;
	worker_set_signals();
	am_content_host_set_log(worker_log);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0 || getppid() != zygote_pid)
		return 1; /* the zygote has gone already */
	if (!worker_make_directory(work, &error) || !worker_make_directory(spool, &error))
		return worker_fail("directories", error);
	/* where libraries look for a place for temporary files */
	if (!g_setenv("TMPDIR", work, TRUE) || chdir(work) != 0)
		return worker_fail("chdir", NULL);
	if (!am_inherited_drop(setup->inherited, &error))
		return worker_fail("descriptors", error);
	if (!worker_prepare_plugins(setup->registry, &error))
		return worker_fail("plugins", error);
	AmInspector *inspector =
		am_inspector_new(setup->registry, &setup->limits, setup->types, spool);
	am_inspector_set_programs(inspector, setup->program_fd);
	AmReuse *reuse = am_reuse_new(setup->registry, work, spool,
				      setup->memory_bytes / GROWTH_PART, &error);
	if (reuse == NULL)
		return worker_fail("state", error);
	if (!worker_enter_sandbox(setup, work, spool, &error))
		return worker_fail("sandbox", error);
	if (setup->mails > 1)
		am_scrub_start();
	if (!am_reuse_start(reuse, &error))
		return worker_fail("state", error);
	if (!am_channel_tell_ready(setup->channel_fd, &error))
		return 1;

	worker_take_mails(setup, inspector, reuse);
	am_reuse_free(reuse);
	am_inspector_free(inspector);
	return 0;
}
