/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The state of each generation and child is plain data; am_supervisor_step() compares what there is
 * with what there ought to be and does one thing about it.  So a death, a READY, a STALE or the
 * passing of time all lead to the same few lines, and no order of events is special. */

#include <config.h>

#include "master/supervise.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/fd.h"
#include "master/listeners.h"

const AmMasterTimes am_master_times = {
	.backoff_min = 200 * 1000,
	.backoff_max = 30 * G_USEC_PER_SEC,
	.steady = 60 * G_USEC_PER_SEC,
	.stale = 5 * G_USEC_PER_SEC,
	.start = 300 * G_USEC_PER_SEC, /* a virus database from a cold disk takes its time */
	.grace = 10 * G_USEC_PER_SEC,
};

typedef enum { STARTING, SERVING, RETIRING } SupervisedState;

typedef struct {
	AmGeneration generation;
	SupervisedState state;
	gint64 delay_us[AM_N_ROLES];   /* last wait, 0 none so far */
	gint64 restart_us[AM_N_ROLES]; /* not before */
} Supervised;

struct _AmSupervisor {
	const AmIdentity *identity;
	AmMasterOps ops;
	AmMasterTimes times;
	AmProcessPrepare prepare;
	gpointer user_data;
	guint last_number;
	GPtrArray *generations; /* Supervised, oldest first */
	GPtrArray *children;	/* AmProcess */
	gboolean is_stopping;
	char *failure;		 /* of the last that failed */
	AmSupervisorEvent event; /* not told yet */
	/* for close_in_child: what is being forked */
	const Supervised *forking;
	AmRole forking_role;
};

static void
supervised_free(gpointer data)
{
	Supervised *item = data;
	AmGeneration *generation = &item->generation;
	g_ptr_array_unref(generation->listeners);
	am_config_unref(generation->config);
	g_free(generation->content_socket);
	g_free(item);
}

AmSupervisor *
am_supervisor_new(const AmIdentity *identity, const AmMasterOps *ops, const AmMasterTimes *times,
		  AmProcessPrepare prepare, gpointer user_data)
{
	AmSupervisor *supervisor = g_new0(AmSupervisor, 1);
	supervisor->identity = identity;
	supervisor->ops = *ops;
	supervisor->times = *times;
	supervisor->prepare = prepare;
	supervisor->user_data = user_data;
	supervisor->generations = g_ptr_array_new_with_free_func(supervised_free);
	supervisor->children = g_ptr_array_new_with_free_func((GDestroyNotify)am_process_free);
	return supervisor;
}

void
am_supervisor_free(AmSupervisor *supervisor)
{
	if (supervisor == NULL)
		return;
	g_ptr_array_unref(supervisor->children);
	g_ptr_array_unref(supervisor->generations);
	g_free(supervisor->failure);
	g_free(supervisor);
}

static Supervised *
supervisor_find(const AmSupervisor *supervisor, SupervisedState state)
{
	for (guint i = 0; i < supervisor->generations->len; i++) {
		Supervised *item = g_ptr_array_index(supervisor->generations, i);
		if (item->state == state)
			return item;
	}
	return NULL;
}

static Supervised *
supervisor_generation_of(const AmSupervisor *supervisor, const AmProcess *child)
{
	for (guint i = 0; i < supervisor->generations->len; i++) {
		Supervised *item = g_ptr_array_index(supervisor->generations, i);
		if (item->generation.number == child->generation)
			return item;
	}
	return NULL;
}

/* The youngest child of that role in one of the states (bits 1 << AmProcessState). */
static AmProcess *
supervisor_child(const AmSupervisor *supervisor, const Supervised *item, AmRole role, guint states)
{
	for (guint i = supervisor->children->len; i > 0; i--) {
		AmProcess *child = g_ptr_array_index(supervisor->children, i - 1);
		if (child->generation == item->generation.number && child->role == role &&
		    (states & 1U << child->state) != 0)
			return child;
	}
	return NULL;
}

#define STATE(name) (1U << AM_PROCESS_##name)
#define ANY_STATE (STATE(STARTING) | STATE(READY) | STATE(ENDING))

/* A mail in a worker or session may take as long as the configuration says. */
static gint64
supervisor_patience_us(const AmSupervisor *supervisor, const Supervised *item, AmRole role)
{
	const AmConfig *config = item->generation.config;
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	const AmConfigGroup *content = am_config_group(config, "content", NULL);
	gint64 time_ms = role == AM_ROLE_SESSION ? am_config_int(core, "drain_time")
						 : am_config_int(content, "time_limit");
	if (supervisor->is_stopping && role == AM_ROLE_ZYGOTE)
		time_ms = 0; /* nobody waits for a worker any more */
	return time_ms * 1000 + supervisor->times.grace;
}

static void
supervisor_end_role(AmSupervisor *supervisor, Supervised *item, AmRole role)
{
	for (guint i = 0; i < supervisor->children->len; i++) {
		AmProcess *child = g_ptr_array_index(supervisor->children, i);
		if (child->generation == item->generation.number && child->role == role)
			am_process_end(child, supervisor_patience_us(supervisor, item, role));
	}
}

static void
supervisor_retire(AmSupervisor *supervisor, Supervised *item)
{
	item->state = RETIRING;
	supervisor_end_role(supervisor, item, AM_ROLE_SESSION);
}

static void
supervisor_fail(AmSupervisor *supervisor, Supervised *item, const char *text)
{
	g_free(supervisor->failure);
	supervisor->failure = g_strdup(text);
	supervisor->event = AM_SUPERVISOR_FAILED;
	supervisor_retire(supervisor, item);
}

static void
supervisor_back_off(AmSupervisor *supervisor, Supervised *item, AmRole role, gint64 lived_us)
{
	gint64 *delay_us = &item->delay_us[role];
	*delay_us = lived_us >= supervisor->times.steady || *delay_us == 0
			    ? supervisor->times.backoff_min
			    : MIN(*delay_us * 2, supervisor->times.backoff_max);
	item->restart_us[role] = g_get_monotonic_time() + *delay_us;
}

static void
supervisor_start(AmSupervisor *supervisor, Supervised *item, AmRole role)
{
	g_autoptr(GError) error = NULL;
	supervisor->forking = item;
	supervisor->forking_role = role;
	AmProcess *child = am_process_fork(role, &item->generation, supervisor->identity,
					   role == AM_ROLE_ZYGOTE ? supervisor->ops.run_zygote
								  : supervisor->ops.run_session,
					   supervisor->prepare, supervisor->user_data, &error);
	supervisor->forking = NULL;
	if (child == NULL) {
		g_autofree char *text =
			g_strdup_printf("starting %s: %s", am_role_name(role), error->message);
		am_error("%s", text);
		supervisor_back_off(supervisor, item, role, 0);
		if (item->state == STARTING)
			supervisor_fail(supervisor, item, text);
		return;
	}
	item->restart_us[role] = 0;
	child->kill_us = child->started_us + supervisor->times.start;
	g_ptr_array_add(supervisor->children, child);
	am_info("generation %u: %s started (pid %d)", item->generation.number, am_role_name(role),
		(int)child->pid);
}

/* When a stale child may be replaced: one whose data changes all the time must not keep us loading
 * for ever. */
static gint64
supervisor_replace_us(const AmSupervisor *supervisor, const AmProcess *child)
{
	return child->started_us + supervisor->times.stale;
}

/* Starts the role unless one is there or on its way, or the back-off says not yet. */
static gboolean
supervisor_want(AmSupervisor *supervisor, Supervised *item, AmRole role)
{
	const AmProcess *ready = supervisor_child(supervisor, item, role, STATE(READY));
	gint64 now_us = g_get_monotonic_time();
	if (supervisor_child(supervisor, item, role, STATE(STARTING)) != NULL ||
	    now_us < item->restart_us[role])
		return FALSE;
	if (ready != NULL &&
	    (!ready->is_stale || now_us < supervisor_replace_us(supervisor, ready)))
		return FALSE;
	supervisor_start(supervisor, item, role);
	return TRUE;
}

/* A second zygote is ready beside a stale one: the elder may go. */
static gboolean
supervisor_end_elder(AmSupervisor *supervisor, Supervised *item)
{
	const AmProcess *youngest =
		supervisor_child(supervisor, item, AM_ROLE_ZYGOTE, STATE(READY));
	for (guint i = 0; i < supervisor->children->len; i++) {
		AmProcess *child = g_ptr_array_index(supervisor->children, i);
		if (child == youngest || child->generation != item->generation.number ||
		    child->role != AM_ROLE_ZYGOTE || child->state != AM_PROCESS_READY)
			continue;
		am_process_end(child, supervisor_patience_us(supervisor, item, AM_ROLE_ZYGOTE));
		return TRUE;
	}
	return FALSE;
}

/* The generation takes over from the one that serves. */
static void
supervisor_promote(AmSupervisor *supervisor, Supervised *item)
{
	Supervised *old = supervisor_find(supervisor, SERVING);
	item->state = SERVING;
	supervisor->event = AM_SUPERVISOR_SERVING;
	am_info("generation %u serves", item->generation.number);
	if (old != NULL)
		supervisor_retire(supervisor, old);
}

/* The last child is gone. */
static void
supervisor_remove(AmSupervisor *supervisor, Supervised *item)
{
	g_autoptr(GPtrArray) others = g_ptr_array_new();
	for (guint i = 0; i < supervisor->generations->len; i++) {
		Supervised *other = g_ptr_array_index(supervisor->generations, i);
		if (other != item)
			g_ptr_array_add(others, other->generation.listeners);
	}
	am_listeners_unlink(item->generation.listeners, others);
	if (unlink(item->generation.content_socket) != 0 && errno != ENOENT)
		am_warning("removing %s: %s", item->generation.content_socket, g_strerror(errno));
	am_info("generation %u is gone", item->generation.number);
	(void)g_ptr_array_remove(supervisor->generations, item);
}

static gboolean
supervisor_step_starting(AmSupervisor *supervisor, Supervised *item)
{
	if (supervisor_child(supervisor, item, AM_ROLE_ZYGOTE, STATE(READY)) == NULL)
		return supervisor_want(supervisor, item, AM_ROLE_ZYGOTE);
	if (supervisor_child(supervisor, item, AM_ROLE_SESSION, STATE(READY)) == NULL)
		return supervisor_want(supervisor, item, AM_ROLE_SESSION);
	supervisor_promote(supervisor, item);
	return TRUE;
}

static gboolean
supervisor_step_retiring(AmSupervisor *supervisor, Supervised *item)
{
	/* a mail under way still needs its workers */
	if (supervisor_child(supervisor, item, AM_ROLE_SESSION, ANY_STATE) != NULL)
		return supervisor_want(supervisor, item, AM_ROLE_ZYGOTE) ||
		       supervisor_end_elder(supervisor, item);
	supervisor_end_role(supervisor, item, AM_ROLE_ZYGOTE);
	if (supervisor_child(supervisor, item, AM_ROLE_ZYGOTE, ANY_STATE) != NULL)
		return FALSE;
	supervisor_remove(supervisor, item);
	return TRUE;
}

/* Does one thing if there is something to do. */
static gboolean
supervisor_step_one(AmSupervisor *supervisor, Supervised *item)
{
	switch (item->state) {
	case STARTING:
		return supervisor_step_starting(supervisor, item);
	case SERVING:
		return supervisor_want(supervisor, item, AM_ROLE_ZYGOTE) ||
		       supervisor_want(supervisor, item, AM_ROLE_SESSION) ||
		       supervisor_end_elder(supervisor, item);
	case RETIRING:
		return supervisor_step_retiring(supervisor, item);
	}
	return FALSE;
}

/* Does one thing for the first generation that needs one. */
static gboolean
supervisor_step_any(AmSupervisor *supervisor)
{
	for (guint i = 0; i < supervisor->generations->len; i++)
		if (supervisor_step_one(supervisor, g_ptr_array_index(supervisor->generations, i)))
			return TRUE;
	return FALSE;
}

static void
supervisor_check_times(AmSupervisor *supervisor)
{
	gint64 now_us = g_get_monotonic_time();
	for (guint i = 0; i < supervisor->children->len; i++) {
		AmProcess *child = g_ptr_array_index(supervisor->children, i);
		if (child->state == AM_PROCESS_READY)
			child->kill_us = 0;
		am_process_check_time(child, now_us);
	}
}

AmSupervisorEvent
am_supervisor_step(AmSupervisor *supervisor)
{
	supervisor_check_times(supervisor);
	do {
		AmSupervisorEvent event = supervisor->event;
		supervisor->event = AM_SUPERVISOR_NOTHING;
		if (event != AM_SUPERVISOR_NOTHING)
			return event;
	} while (supervisor_step_any(supervisor));
	return supervisor->is_stopping && supervisor->generations->len == 0 ? AM_SUPERVISOR_STOPPED
									    : AM_SUPERVISOR_NOTHING;
}

void
am_supervisor_add(AmSupervisor *supervisor, AmConfig *config, GPtrArray *listeners,
		  const char *run_directory, AmStatistics *statistics)
{
	Supervised *item = g_new0(Supervised, 1);
	AmGeneration *generation = &item->generation;
	generation->number = ++supervisor->last_number;
	generation->config = config;
	generation->listeners = listeners;
	generation->content_socket =
		g_strdup_printf("%s/content-%u.sock", run_directory, generation->number);
	generation->statistics = statistics;
	generation->tell_fd = -1;
	g_ptr_array_add(supervisor->generations, item);
}

void
am_supervisor_stop(AmSupervisor *supervisor)
{
	supervisor->is_stopping = TRUE;
	for (guint i = 0; i < supervisor->generations->len; i++)
		supervisor_retire(supervisor, g_ptr_array_index(supervisor->generations, i));
}

/* Counters of what is open now end with the session that counted it. */
static void
supervisor_reset_gauges(AmSupervisor *supervisor, AmStatistics *statistics)
{
	for (guint i = 0; i < supervisor->children->len; i++) {
		const AmProcess *child = g_ptr_array_index(supervisor->children, i);
		if (child->role == AM_ROLE_SESSION)
			return;
	}
	__atomic_store_n(&statistics->connections, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&statistics->mails_in_work, 0, __ATOMIC_RELAXED);
}

static void
supervisor_bury(AmSupervisor *supervisor, AmProcess *child, int status)
{
	am_process_read(child); /* its last words */
	g_autofree char *text = am_process_describe_end(child, status);
	Supervised *item = supervisor_generation_of(supervisor, child);
	gboolean was_told = child->state == AM_PROCESS_ENDING;
	gboolean is_session = child->role == AM_ROLE_SESSION;
	if (was_told && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		am_info("%s", text);
	else
		am_error("%s", text);
	if (item != NULL && !was_told) {
		supervisor_back_off(supervisor, item, child->role,
				    g_get_monotonic_time() - child->started_us);
		if (item->state == STARTING)
			supervisor_fail(supervisor, item, text);
		else if (item->state == SERVING)
			am_info("generation %u: %s is started again in %" G_GINT64_FORMAT " ms",
				item->generation.number, am_role_name(child->role),
				item->delay_us[child->role] / 1000);
	}
	(void)g_ptr_array_remove(supervisor->children, child);
	if (is_session && item != NULL)
		supervisor_reset_gauges(supervisor, item->generation.statistics);
}

void
am_supervisor_reap(AmSupervisor *supervisor)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid <= 0)
			return; /* ECHILD, or the others live */
		for (guint i = 0; i < supervisor->children->len; i++) {
			AmProcess *child = g_ptr_array_index(supervisor->children, i);
			if (child->pid == pid) {
				supervisor_bury(supervisor, child, status);
				break;
			}
		}
	}
}

void
am_supervisor_add_fds(AmSupervisor *supervisor, GArray *pollfds)
{
	for (guint i = 0; i < supervisor->children->len; i++) {
		const AmProcess *child = g_ptr_array_index(supervisor->children, i);
		struct pollfd item = { .fd = child->tell_fd, .events = POLLIN };
		if (child->tell_fd >= 0)
			g_array_append_val(pollfds, item);
	}
}

void
am_supervisor_read(AmSupervisor *supervisor)
{
	for (guint i = 0; i < supervisor->children->len; i++)
		am_process_read(g_ptr_array_index(supervisor->children, i));
}

/* The earlier of two times, 0 none; what has passed was looked at by the last step. */
static gint64
supervisor_earlier(gint64 next_us, gint64 time_us, gint64 now_us)
{
	return time_us > now_us && (next_us == 0 || time_us < next_us) ? time_us : next_us;
}

gint64
am_supervisor_next_us(const AmSupervisor *supervisor)
{
	gint64 next_us = 0, now_us = g_get_monotonic_time();
	for (guint i = 0; i < supervisor->children->len; i++) {
		const AmProcess *child = g_ptr_array_index(supervisor->children, i);
		next_us = supervisor_earlier(next_us, child->kill_us, now_us);
		if (child->is_stale)
			next_us = supervisor_earlier(
				next_us, supervisor_replace_us(supervisor, child), now_us);
	}
	for (guint i = 0; i < supervisor->generations->len; i++) {
		const Supervised *item = g_ptr_array_index(supervisor->generations, i);
		for (guint role = 0; role < AM_N_ROLES; role++)
			next_us = supervisor_earlier(next_us, item->restart_us[role], now_us);
	}
	return next_us;
}

const AmGeneration *
am_supervisor_current(const AmSupervisor *supervisor)
{
	Supervised *item = supervisor_find(supervisor, SERVING);
	if (item == NULL)
		item = supervisor_find(supervisor, STARTING);
	return item != NULL ? &item->generation : NULL;
}

gboolean
am_supervisor_is_starting(const AmSupervisor *supervisor)
{
	return supervisor_find(supervisor, STARTING) != NULL;
}

const char *
am_supervisor_failure(const AmSupervisor *supervisor)
{
	return supervisor->failure;
}

GPtrArray *
am_supervisor_children(const AmSupervisor *supervisor)
{
	return supervisor->children;
}

static void
supervisor_close_listeners(GPtrArray *listeners)
{
	for (guint i = 0; i < listeners->len; i++)
		am_fd_clear(&((AmListener *)g_ptr_array_index(listeners, i))->fd);
}

void
am_supervisor_close_in_child(AmSupervisor *supervisor)
{
	for (guint i = 0; i < supervisor->children->len; i++)
		am_fd_clear(&((AmProcess *)g_ptr_array_index(supervisor->children, i))->tell_fd);
	for (guint i = 0; i < supervisor->generations->len; i++) {
		Supervised *item = g_ptr_array_index(supervisor->generations, i);
		if (item != supervisor->forking || supervisor->forking_role != AM_ROLE_SESSION)
			supervisor_close_listeners(item->generation.listeners);
	}
}
