/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The pool.  Threads wait in one epoll, each for one event at a time; the kernel wakes as many as
 * there are events.  Everything is watched one-shot: whoever is told of a connection has it for
 * itself until it parks it again.
 *
 * Who has a slot is one atomic word, so that threads never wait for each other: its state and a
 * sequence number that is new each time the slot is armed.  epoll tells the number back, and whoever
 * swaps the word of that number for a held one has the connection.  An event may come before
 * epoll_ctl() has returned, but housekeeping must not end a connection that early: hence the state
 * between held and parked.  The lock is for making and ending connections. */

#include <config.h>

#include "session/pool-private.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log/log.h"

#define POOL_ERROR_PAUSE_US 100000 /* epoll_wait() itself failed */

void
am_pool_listener_free(AmPoolListener *listener)
{
	if (listener == NULL)
		return;
	am_clients_free(listener->clients);
	am_clients_free(listener->xforward_clients);
	am_clients_free(listener->xclient_clients);
	am_limits_free(listener->limits);
	am_tls_free(listener->tls);
	g_free(listener->auth_mechanisms);
	g_free(listener->secret);
	g_free(listener);
}

static guint32
pool_word(guint32 sequence, AmSlotState state)
{
	return sequence << AM_SLOT_STATE_BITS | state;
}

/* Takes the slot from what it was at that arming. */
static gboolean
pool_swap(AmSlot *slot, guint32 sequence, AmSlotState from, AmSlotState to)
{
	guint32 word = pool_word(sequence, from);
	return __atomic_compare_exchange_n(&slot->word, &word, pool_word(sequence, to), FALSE,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* Another thread may have the event, and have closed the descriptor, before this one is back: all
 * there was to do was done by then.  On its own for tests/tsan.supp, which sees a race there. */
static int
pool_control(const AmPool *pool, int operation, int fd, struct epoll_event *event)
{
	return epoll_ctl(pool->epoll_fd, operation, fd, event);
}

/* Watches a connection that the caller has for the events.  FALSE: it still has it. */
static gboolean
pool_arm(AmPool *pool, AmConnection *connection, int operation, guint32 events)
{
	AmSlot *slot = &pool->slots[connection->number];
	int fd = connection->kind->fd(connection->server);
	guint32 word = __atomic_load_n(&slot->word, __ATOMIC_RELAXED);
	guint32 sequence = ((word >> AM_SLOT_STATE_BITS) + 1) & AM_SLOT_SEQUENCE_MASK;
	struct epoll_event event = { .events = events | EPOLLONESHOT,
				     .data.u64 = AM_POOL_CONNECTION | (guint64)sequence << 32 |
						 connection->number };
	gint64 idle_us = am_connection_idle_end(connection);
	__atomic_store_n(&slot->idle_end_us, idle_us, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->drain_end_us, am_connection_drain_end(connection),
			 __ATOMIC_RELAXED);
	__atomic_store_n(&slot->word, pool_word(sequence, AM_SLOT_ARMING), __ATOMIC_RELEASE);
	if (pool_control(pool, operation, fd, &event) == 0) {
		/* or its event was quicker */
		(void)pool_swap(slot, sequence, AM_SLOT_ARMING, AM_SLOT_PARKED);
		return TRUE;
	}
	am_error("watching a connection: %s", g_strerror(errno));
	(void)pool_swap(slot, sequence, AM_SLOT_ARMING, AM_SLOT_HELD);
	return FALSE;
}

/* With the lock held. */
static void
pool_free_slot(AmPool *pool, guint number)
{
	AmSlot *slot = &pool->slots[number];
	slot->connection = NULL; /* and its word stays held */
	slot->next_free = pool->first_free;
	pool->first_free = number;
	pool->n_connections--;
}

gboolean
am_pool_add(AmPool *pool, AmConnection *connection)
{
	g_mutex_lock(&pool->slot_lock);
	guint number = pool->first_free;
	gboolean is_added = number < pool->n_slots;
	if (is_added) {
		AmSlot *slot = &pool->slots[number];
		pool->first_free = slot->next_free;
		pool->n_connections++;
		slot->connection = connection;
		connection->number = number;
	}
	g_mutex_unlock(&pool->slot_lock);
	/* writable at once: the next free thread greets */
	if (!is_added || pool_arm(pool, connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT))
		return is_added;
	g_mutex_lock(&pool->slot_lock);
	pool_free_slot(pool, number);
	g_mutex_unlock(&pool->slot_lock);
	return FALSE;
}

/* The connection an event is about, now the caller's; NULL when it is gone or someone else's. */
static AmConnection *
pool_claim(AmPool *pool, guint64 key)
{
	guint number = key & G_MAXUINT32;
	guint32 sequence = key >> 32 & AM_SLOT_SEQUENCE_MASK;
	if (number >= pool->n_slots)
		return NULL;
	AmSlot *slot = &pool->slots[number];
	if (pool_swap(slot, sequence, AM_SLOT_PARKED, AM_SLOT_HELD) ||
	    pool_swap(slot, sequence, AM_SLOT_ARMING, AM_SLOT_HELD) ||
	    pool_swap(slot, sequence, AM_SLOT_PARKED, AM_SLOT_HELD)) /* armed between the two */
		return slot->connection;
	return NULL;
}

/* Ends a connection that the caller claimed. */
static void
pool_end(AmPool *pool, AmConnection *connection)
{
	guint number = connection->number;
	am_connection_free(connection);
	g_mutex_lock(&pool->slot_lock);
	pool_free_slot(pool, number);
	g_mutex_unlock(&pool->slot_lock);
}

static void
pool_park(AmPool *pool, AmConnection *connection, AmServerStep step)
{
	guint32 events = EPOLLIN;
	if (step == AM_SERVER_WAIT_OUTPUT)
		events = EPOLLOUT;
	else if (step == AM_SERVER_YIELD)
		events = EPOLLIN | EPOLLOUT; /* writable: comes back at once, behind the others */
	/* once armed another thread may have it, or have ended it */
	if (!pool_arm(pool, connection, EPOLL_CTL_MOD, events))
		pool_end(pool, connection);
}

static void
pool_step(AmPool *pool, AmConnection *connection, gpointer thread)
{
	connection->thread = thread;
	AmServerStep step = connection->kind->step(connection->server);
	connection->thread = NULL;
	if (step != AM_SERVER_CLOSE && g_atomic_int_get(&pool->is_draining) &&
	    am_connection_drain_end(connection) <= g_get_monotonic_time()) {
		connection->kind->shut(connection->server, "4.3.2", "Shutting down, try later");
		step = AM_SERVER_CLOSE;
	}
	if (step == AM_SERVER_CLOSE)
		pool_end(pool, connection);
	else
		pool_park(pool, connection, step);
}

/* Waits for one event and serves it; FALSE: the pool stops. */
static gboolean
pool_serve(AmPool *pool, gpointer thread)
{
	struct epoll_event event;
	am_relief_wait_begin(&pool->relief);
	int n = epoll_wait(pool->epoll_fd, &event, 1, -1);
	int errnum = errno;
	am_relief_wait_end(&pool->relief);
	if (n < 0 && errnum != EINTR) {
		am_error("epoll_wait: %s", g_strerror(errnum));
		g_usleep(POOL_ERROR_PAUSE_US);
	}
	if (n <= 0)
		return TRUE;
	guint64 kind = event.data.u64 & AM_POOL_KIND;
	if (kind == AM_POOL_STOP)
		return FALSE;
	if (kind == AM_POOL_LISTENER) {
		am_pool_accept(pool, event.data.u64 & G_MAXUINT32);
		return TRUE;
	}
	AmConnection *connection = pool_claim(pool, event.data.u64);
	if (connection != NULL)
		pool_step(pool, connection, thread);
	return TRUE;
}

void
am_pool_work(AmPool *pool, gpointer thread)
{
	gboolean is_regular = am_relief_join(&pool->relief);
	while (is_regular || am_relief_sleep(&pool->relief, pool->epoll_fd)) {
		do {
			if (!pool_serve(pool, thread))
				return;
		} while (is_regular || am_relief_is_short(&pool->relief));
	}
}

/* Claims parked connections whose time is up, or that may end in a drain. */
static GPtrArray *
pool_claim_ended(AmPool *pool, gboolean is_drain, gint64 now)
{
	GPtrArray *ended = g_ptr_array_new();
	for (guint i = 0; i < pool->n_slots; i++) {
		AmSlot *slot = &pool->slots[i];
		guint32 word = __atomic_load_n(&slot->word, __ATOMIC_ACQUIRE);
		gint64 end_us = __atomic_load_n(is_drain ? &slot->drain_end_us : &slot->idle_end_us,
						__ATOMIC_RELAXED);
		/* when the time was another arming's the word is not the same any more */
		if ((word & AM_SLOT_STATE_MASK) == AM_SLOT_PARKED && end_us <= now &&
		    pool_swap(slot, word >> AM_SLOT_STATE_BITS, AM_SLOT_PARKED, AM_SLOT_HELD))
			g_ptr_array_add(ended, slot->connection);
	}
	return ended;
}

/* What a client is told at the end, without an enhanced code. */
static const char *
pool_say_why(const AmConnection *connection, gboolean is_drain)
{
	if (is_drain)
		return "Shutting down, try later";
	return am_connection_is_slow(connection) ? "Too slow" : "Idle for too long";
}

static void
pool_end_some(AmPool *pool, gboolean is_drain)
{
	g_autoptr(GPtrArray) ended = pool_claim_ended(pool, is_drain, g_get_monotonic_time());
	for (guint i = 0; i < ended->len; i++) {
		AmConnection *connection = g_ptr_array_index(ended, i);
		connection->kind->shut(connection->server, is_drain ? "4.3.2" : "4.4.2",
				       pool_say_why(connection, is_drain));
		pool_end(pool, connection);
	}
}

void
am_pool_sweep(AmPool *pool)
{
	pool_end_some(pool, FALSE);
	if (g_atomic_int_get(&pool->is_draining)) {
		pool_end_some(pool, TRUE);
		return;
	}
	g_mutex_lock(&pool->reserve_lock);
	am_pool_open_reserve(pool);
	g_mutex_unlock(&pool->reserve_lock);
	for (guint i = 0; i < pool->listeners->len; i++) {
		g_autoptr(GError) error = NULL;
		const AmPoolListener *listener = g_ptr_array_index(pool->listeners, i);
		if (listener->limits != NULL)
			am_limits_expire(listener->limits, g_get_monotonic_time());
		if (!g_atomic_int_compare_and_exchange(&pool->is_paused[i], TRUE, FALSE))
			continue;
		if (!am_pool_watch_listener(pool, i, EPOLL_CTL_MOD, &error)) {
			am_error("%s", error->message);
			g_atomic_int_set(&pool->is_paused[i], TRUE);
		}
	}
}

void
am_pool_drain(AmPool *pool)
{
	g_atomic_int_set(&pool->is_draining, TRUE);
	for (guint i = 0; i < pool->listeners->len; i++) {
		const AmPoolListener *listener = g_ptr_array_index(pool->listeners, i);
		if (epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, listener->listener->fd, NULL) < 0)
			am_error("listener %s: %s", listener->listener->name, g_strerror(errno));
	}
	pool_end_some(pool, TRUE);
}

guint
am_pool_count(AmPool *pool)
{
	g_mutex_lock(&pool->slot_lock);
	guint n = pool->n_connections;
	g_mutex_unlock(&pool->slot_lock);
	return n;
}

void
am_pool_stop(AmPool *pool)
{
	/* never read, so it stays readable for every thread */
	if (eventfd_write(pool->stop_fd, 1) < 0)
		am_error("stopping threads: %s", g_strerror(errno));
	am_relief_stop(&pool->relief);
}

static gboolean
pool_open(AmPool *pool, GError **error)
{
	pool->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	pool->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = AM_POOL_STOP };
	if (pool->epoll_fd < 0 || pool->stop_fd < 0 ||
	    epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, pool->stop_fd, &event) < 0) {
		am_error_set_errno(error, AM_ERROR_RESOURCE, errno, "epoll");
		return FALSE;
	}
	for (guint i = 0; i < pool->listeners->len; i++)
		if (!am_pool_watch_listener(pool, i, EPOLL_CTL_ADD, error))
			return FALSE;
	return TRUE;
}

AmPool *
am_pool_new(const AmGeneration *generation, const AmSessionOps *ops, const char *hostname,
	    GPtrArray *listeners, GError **error)
{
	const AmConfigGroup *group = am_config_group(generation->config, "amavisd", NULL);
	AmPool *pool = g_new0(AmPool, 1);
	pool->generation = generation;
	pool->ops = ops;
	pool->hostname = hostname;
	pool->listeners = listeners;
	pool->is_paused = g_new0(gint, MAX(listeners->len, 1));
	pool->max_mails = (gint)am_config_int(group, "max_mails");
	pool->n_slots = (guint)am_config_int(group, "max_connections");
	pool->slots = g_new0(AmSlot, pool->n_slots);
	for (guint i = 0; i < pool->n_slots; i++)
		pool->slots[i].next_free = i + 1;
	g_mutex_init(&pool->slot_lock);
	g_mutex_init(&pool->reserve_lock);
	am_relief_init(&pool->relief, (guint)am_config_int(group, "threads"));
	pool->reserve_fd = -1;
	am_pool_open_reserve(pool);
	if (!pool_open(pool, error)) {
		am_pool_free(pool);
		return NULL;
	}
	return pool;
}

void
am_pool_free(AmPool *pool)
{
	if (pool == NULL)
		return;
	for (guint i = 0; i < pool->n_slots; i++)
		if (pool->slots[i].connection != NULL)
			am_connection_free(pool->slots[i].connection);
	g_ptr_array_unref(pool->listeners);
	int fds[] = { pool->epoll_fd, pool->stop_fd, pool->reserve_fd };
	for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]); /* nothing was written to them */
	g_mutex_clear(&pool->slot_lock);
	g_mutex_clear(&pool->reserve_lock);
	am_relief_clear(&pool->relief);
	g_free(pool->is_paused);
	g_free(pool->slots);
	g_free(pool);
}
