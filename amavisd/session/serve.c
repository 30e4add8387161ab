/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Start, waiting and end of the session process.  The calling thread only waits for SIGTERM; a
 * thread for housekeeping looks after the pool every second; all others serve.
 *
 * The end is a drain: listeners are given up, the next generation or a restarted daemon has them.
 * Connections end where no mail is in danger.  What is not over when the time for it is up is left
 * without a final reply, so the client still has the mail. */

#include <config.h>

#include "session/serve.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"
#include "session/listeners.h"
#include "session/pool.h"

#define SERVE_STACK_SIZE (1 << 20) /* bytes; address space, used as far as it is touched */
#define SERVE_ARENAS 2		   /* of malloc: more of them keep more memory for nobody */
#define SERVE_SWEEP_US G_USEC_PER_SEC
#define SERVE_DRAIN_POLL_MS 20

typedef struct {
	const AmGeneration *generation;
	const AmSessionOps *ops;
	gpointer process; /* of ops->start() */
	AmPool *pool;
	guint n_threads;
	pthread_t *threads;
	pthread_t housekeeper;

	GMutex lock; /* what follows */
	GCond cond;
	guint n_ready;
	gboolean is_go;	      /* threads may serve, or end when failure is set */
	gboolean is_stopping; /* housekeeping ends */
	char *failure;	      /* why a thread could not start */
} Serve;

/* Starts a thread with a small stack; 0 or errno. */
static int
serve_start_thread(pthread_t *thread, gpointer (*func)(gpointer), gpointer data)
{
	pthread_attr_t attributes;
	int result = pthread_attr_init(&attributes);
	if (result != 0)
		return result;
	result = pthread_attr_setstacksize(&attributes, SERVE_STACK_SIZE);
	if (result == 0)
		result = pthread_create(thread, &attributes, func, data);
	(void)pthread_attr_destroy(&attributes);
	return result;
}

/* Tells that this thread is there, then waits until all are; FALSE: it is off. */
static gboolean
serve_meet(Serve *serve, const char *failure)
{
	g_mutex_lock(&serve->lock);
	serve->n_ready++;
	if (failure != NULL && serve->failure == NULL)
		serve->failure = g_strdup(failure);
	g_cond_broadcast(&serve->cond);
	while (!serve->is_go)
		g_cond_wait(&serve->cond, &serve->lock);
	gboolean is_well = serve->failure == NULL;
	g_mutex_unlock(&serve->lock);
	return is_well;
}

static gpointer
serve_thread(gpointer data)
{
	Serve *serve = data;
	g_autoptr(GError) error = NULL;
	const char *failure = NULL;
	gpointer thread = serve->ops->thread_start(serve->process, &error);
	if (thread == NULL)
		failure = error != NULL ? error->message : "a thread could not start";
	if (serve_meet(serve, failure))
		am_pool_work(serve->pool, thread);
	if (thread != NULL)
		serve->ops->thread_stop(thread);
	return NULL;
}

static gpointer
serve_housekeeper(gpointer data)
{
	Serve *serve = data;
	g_mutex_lock(&serve->lock);
	while (!serve->is_stopping) {
		gint64 until = g_get_monotonic_time() + SERVE_SWEEP_US;
		if (g_cond_wait_until(&serve->cond, &serve->lock, until))
			continue;
		g_mutex_unlock(&serve->lock);
		am_pool_sweep(serve->pool);
		serve->ops->housekeeping(serve->process);
		g_mutex_lock(&serve->lock);
	}
	g_mutex_unlock(&serve->lock);
	return NULL;
}

/* Lets the threads that were started go their way, or end, and waits for those that end. */
static void
serve_release(Serve *serve, guint n_started)
{
	g_mutex_lock(&serve->lock);
	while (serve->n_ready < n_started)
		g_cond_wait(&serve->cond, &serve->lock);
	serve->is_go = TRUE;
	gboolean is_well = serve->failure == NULL;
	g_cond_broadcast(&serve->cond);
	g_mutex_unlock(&serve->lock);
	for (guint i = 0; i < n_started && !is_well; i++)
		(void)pthread_join(serve->threads[i], NULL);
}

static gboolean
serve_start_threads(Serve *serve, GError **error)
{
	guint n = 0;
	int result = 0;
	serve->threads = g_new0(pthread_t, serve->n_threads);
	for (; n < serve->n_threads && result == 0; n++)
		result = serve_start_thread(&serve->threads[n], serve_thread, serve);
	if (result != 0) {
		n--;
		g_mutex_lock(&serve->lock);
		serve->failure = g_strdup_printf("starting thread %u: %s", n, g_strerror(result));
		g_mutex_unlock(&serve->lock);
	}
	serve_release(serve, n);
	if (serve->failure == NULL) {
		result = serve_start_thread(&serve->housekeeper, serve_housekeeper, serve);
		if (result == 0)
			return TRUE;
		serve->failure = g_strdup_printf("starting a thread: %s", g_strerror(result));
		am_pool_stop(serve->pool);
		for (guint i = 0; i < n; i++)
			(void)pthread_join(serve->threads[i], NULL);
	}
	g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "%s", serve->failure);
	return FALSE;
}

/* Waits for SIGTERM. */
static void
serve_wait(int signal_fd)
{
	for (;;) {
		struct pollfd item = { .fd = signal_fd, .events = POLLIN };
		struct signalfd_siginfo info;
		if (poll(&item, 1, -1) < 0 && errno != EINTR) {
			am_error("session: poll: %s", g_strerror(errno));
			return;
		}
		if (read(signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
			return;
	}
}

/* TRUE when every connection is over. */
static gboolean
serve_drain(Serve *serve, gint64 drain_us)
{
	gint64 deadline = g_get_monotonic_time() + drain_us;
	am_info("session: draining, %u connections", am_pool_count(serve->pool));
	am_pool_drain(serve->pool);
	while (am_pool_count(serve->pool) > 0) {
		if (g_get_monotonic_time() > deadline)
			return FALSE;
		g_usleep(SERVE_DRAIN_POLL_MS * 1000);
	}
	return TRUE;
}

static void
serve_stop_threads(Serve *serve)
{
	am_pool_stop(serve->pool);
	g_mutex_lock(&serve->lock);
	serve->is_stopping = TRUE;
	g_cond_broadcast(&serve->cond);
	g_mutex_unlock(&serve->lock);
	for (guint i = 0; i < serve->n_threads; i++)
		(void)pthread_join(serve->threads[i], NULL);
	(void)pthread_join(serve->housekeeper, NULL);
}

static void
serve_complain(const AmGeneration *generation, const char *text)
{
	g_autofree char *line = g_strdup_printf("ERROR %s", text);
	am_error("session: %s", text);
	am_generation_tell(generation, line);
}

/* Pool, threads, the time between, the end.  FALSE with *error: it could not start. */
static gboolean
serve_run(Serve *serve, GPtrArray *listeners, const char *hostname, GError **error)
{
	const AmConfigGroup *group = am_config_group(serve->generation->config, "amavisd", NULL);
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	g_auto(AmFd) signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (signal_fd < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "signalfd");
		g_ptr_array_unref(listeners);
		return FALSE;
	}
	serve->pool = am_pool_new(serve->generation, serve->ops, hostname, listeners, error);
	if (serve->pool == NULL)
		return FALSE;
	serve->n_threads = (guint)am_config_int(group, "threads");
	if (!serve_start_threads(serve, error))
		return FALSE;
	am_info("session: serving with %u threads", serve->n_threads);
	am_generation_tell(serve->generation, "READY");
	serve_wait(signal_fd);
	if (!serve_drain(serve, am_config_int(group, "drain_time") * 1000)) {
		/* Threads are still in the middle of mails: nothing of theirs may be freed. */
		am_warning("session: %u connections not over in time, left to their clients",
			   am_pool_count(serve->pool));
		_exit(0);
	}
	serve_stop_threads(serve);
	am_info("session: ended");
	return TRUE;
}

static const char *
serve_hostname(const AmGeneration *generation)
{
	const char *name =
		am_config_string(am_config_group(generation->config, "amavisd", NULL), "hostname");
	return name != NULL && *name != '\0' ? name : g_get_host_name();
}

int
am_session_serve(const AmGeneration *generation, const AmSessionOps *ops)
{
	Serve serve = { .generation = generation, .ops = ops };
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GError) error = NULL;
	const char *hostname = serve_hostname(generation);
	(void)mallopt(M_ARENA_MAX, SERVE_ARENAS); /* merely saves memory */
	GPtrArray *listeners = am_session_listeners(generation, hostname, problems);
	serve.process = ops->start(generation, problems);
	if (problems->len == 0 && serve.process == NULL)
		am_config_add_problem(problems, "", 0, "the pipeline could not be made");
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = am_config_problem_to_string(g_ptr_array_index(problems, i));
		serve_complain(generation, text);
	}
	gboolean is_well = problems->len == 0;
	g_mutex_init(&serve.lock);
	g_cond_init(&serve.cond);
	if (!is_well)
		g_ptr_array_unref(listeners);
	else
		is_well = serve_run(&serve, listeners, hostname, &error);
	if (error != NULL)
		serve_complain(generation, error->message);
	am_pool_free(serve.pool);
	if (serve.process != NULL)
		ops->stop(serve.process);
	g_mutex_clear(&serve.lock);
	g_cond_clear(&serve.cond);
	g_free(serve.threads);
	g_free(serve.failure);
	return is_well ? 0 : 1;
}
