/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The pool.  Threads wait in one epoll, each for one event at a time; the kernel wakes as many as
 * there are events.  Everything is watched one-shot: whoever is told of a connection has it for
 * itself until it parks it again.  The one lock is held for a few instructions and one epoll_ctl(),
 * never across I/O on a connection. */

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
	g_free(listener);
}

static guint64
pool_key(const AmPool *pool, guint number)
{
	return AM_POOL_CONNECTION | (guint64)pool->slots[number].generation << 32 | number;
}

/* With the lock held: watches for the events and says until when. */
static gboolean
pool_arm(AmPool *pool, AmConnection *connection, int operation, guint32 events)
{
	AmSlot *slot = &pool->slots[connection->number];
	struct epoll_event event = { .events = events | EPOLLONESHOT,
				     .data.u64 = pool_key(pool, connection->number) };
	slot->deadline_us = g_get_monotonic_time() + connection->listener->idle_us;
	slot->is_parked = TRUE;
	if (epoll_ctl(pool->epoll_fd, operation, am_smtp_server_fd(connection->server), &event) ==
	    0)
		return TRUE;
	am_error("watching a connection: %s", g_strerror(errno));
	slot->is_parked = FALSE;
	return FALSE;
}

/* With the lock held. */
static void
pool_free_slot(AmPool *pool, guint number)
{
	AmSlot *slot = &pool->slots[number];
	slot->connection = NULL;
	slot->is_parked = FALSE;
	slot->generation = (slot->generation + 1) & AM_POOL_GENERATION_MASK;
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
		/* writable at once: the next free thread greets */
		is_added = pool_arm(pool, connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
		if (!is_added)
			pool_free_slot(pool, number);
	}
	g_mutex_unlock(&pool->slot_lock);
	return is_added;
}

/* The connection an event is about, now the caller's; NULL when it is gone or someone else's. */
static AmConnection *
pool_claim(AmPool *pool, guint64 key)
{
	guint number = key & G_MAXUINT32;
	AmConnection *connection = NULL;
	g_mutex_lock(&pool->slot_lock);
	if (number < pool->n_slots && pool_key(pool, number) == key &&
	    pool->slots[number].is_parked) {
		connection = pool->slots[number].connection;
		pool->slots[number].is_parked = FALSE;
	}
	g_mutex_unlock(&pool->slot_lock);
	return connection;
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
	g_mutex_lock(&pool->slot_lock);
	gboolean is_armed = pool_arm(pool, connection, EPOLL_CTL_MOD, events);
	g_mutex_unlock(&pool->slot_lock);
	/* once armed another thread may have it, or have ended it */
	if (!is_armed)
		pool_end(pool, connection);
}

static void
pool_step(AmPool *pool, AmConnection *connection, gpointer thread)
{
	connection->thread = thread;
	AmServerStep step = am_smtp_server_step(connection->server);
	connection->thread = NULL;
	if (step != AM_SERVER_CLOSE && g_atomic_int_get(&pool->is_draining) &&
	    am_connection_may_end(connection)) {
		am_smtp_server_shut(connection->server, "4.3.2", "Shutting down, try later");
		step = AM_SERVER_CLOSE;
	}
	if (step == AM_SERVER_CLOSE)
		pool_end(pool, connection);
	else
		pool_park(pool, connection, step);
}

void
am_pool_work(AmPool *pool, gpointer thread)
{
	for (;;) {
		struct epoll_event event;
		int n = epoll_wait(pool->epoll_fd, &event, 1, -1);
		if (n < 0 && errno != EINTR) {
			am_error("epoll_wait: %s", g_strerror(errno));
			g_usleep(POOL_ERROR_PAUSE_US);
		}
		if (n <= 0)
			continue;
		guint64 kind = event.data.u64 & AM_POOL_KIND;
		if (kind == AM_POOL_STOP)
			return;
		if (kind == AM_POOL_LISTENER) {
			am_pool_accept(pool, event.data.u64 & G_MAXUINT32);
			continue;
		}
		AmConnection *connection = pool_claim(pool, event.data.u64);
		if (connection != NULL)
			pool_step(pool, connection, thread);
	}
}

/* Claims parked connections whose time is up, or that may end in a drain. */
static GPtrArray *
pool_claim_ended(AmPool *pool, gboolean is_drain, gint64 now)
{
	GPtrArray *ended = g_ptr_array_new();
	g_mutex_lock(&pool->slot_lock);
	for (guint i = 0; i < pool->n_slots; i++) {
		AmSlot *slot = &pool->slots[i];
		if (!slot->is_parked)
			continue;
		if (is_drain ? !am_connection_may_end(slot->connection) : slot->deadline_us > now)
			continue;
		slot->is_parked = FALSE;
		g_ptr_array_add(ended, slot->connection);
	}
	g_mutex_unlock(&pool->slot_lock);
	return ended;
}

static void
pool_end_some(AmPool *pool, gboolean is_drain)
{
	g_autoptr(GPtrArray) ended = pool_claim_ended(pool, is_drain, g_get_monotonic_time());
	for (guint i = 0; i < ended->len; i++) {
		AmConnection *connection = g_ptr_array_index(ended, i);
		am_smtp_server_shut(connection->server, is_drain ? "4.3.2" : "4.4.2",
				    is_drain ? "Shutting down, try later" : "Idle for too long");
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
	pool->mail_time_us = am_config_int(group, "max_mail_time") * 1000;
	pool->n_slots = (guint)am_config_int(group, "max_connections");
	pool->slots = g_new0(AmSlot, pool->n_slots);
	for (guint i = 0; i < pool->n_slots; i++)
		pool->slots[i].next_free = i + 1;
	g_mutex_init(&pool->slot_lock);
	g_mutex_init(&pool->reserve_lock);
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
	g_free(pool->is_paused);
	g_free(pool->slots);
	g_free(pool);
}
