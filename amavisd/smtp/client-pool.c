/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Kept connections.  Each is in the hands of one thread or in a list of the pool; the lock is for
 * the lists alone, nothing is sent or closed while it is held.  The newest is used first, so that
 * those a burst opened grow old and are closed. */

#include <config.h>

#include "smtp/client-pool.h"

#include <string.h>

#include "output/output.h"

#define PROBE_ANSWER_MS 10000u /* a kept connection that takes longer for NOOP is not worth it */

struct _AmSmtpPool {
	AmSmtpClientConfig config;
	GMutex kept_lock;
	GHashTable *kept; /* key to GQueue of AmSmtpConnection, newest first */
	gint64 begun_us;  /* when the last transaction began; under kept_lock as well */
	gboolean is_busy;
};

static void
kept_free(gpointer data)
{
	g_queue_free_full(data, (GDestroyNotify)am_smtp_connection_free);
}

AmSmtpPool *
am_smtp_pool_new(const AmSmtpClientConfig *config)
{
	AmSmtpPool *pool = g_new0(AmSmtpPool, 1);
	pool->config = *config;
	pool->config.hostname = g_strdup(config->hostname);
	pool->config.bind_addresses =
		(const char *const *)g_strdupv((char **)config->bind_addresses);
	pool->config.auth_user = g_strdup(config->auth_user);
	pool->config.auth_password = g_strdup(config->auth_password);
	pool->config.auth_mechanisms = g_strdup(config->auth_mechanisms);
	g_mutex_init(&pool->kept_lock);
	pool->kept = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, kept_free);
	return pool;
}

/* Says QUIT to all at once and waits for the answers together.  Frees them. */
static void
pool_quit(const AmSmtpPool *pool, GPtrArray *connections)
{
	gint64 until = g_get_monotonic_time() + (gint64)pool->config.quit_ms * 1000;
	for (guint i = 0; i < connections->len; i++) {
		AmSmtpConnection *connection = connections->pdata[i];
		AmReply *failure = NULL;
		connection->deadline_us = until;
		if (connection->is_dropped || !am_stream_is_idle(connection->stream)) {
			connection->is_dropped = TRUE;
			continue;
		}
		am_smtp_connection_queue(connection, "QUIT\r\n");
		(void)am_smtp_connection_flush(connection, pool->config.quit_ms, "QUIT", &failure);
		am_reply_free(failure); /* it is over either way */
	}
	for (guint i = 0; i < connections->len; i++) {
		AmSmtpConnection *connection = connections->pdata[i];
		AmReply *reply = NULL;
		if (!connection->is_dropped)
			(void)am_smtp_connection_read(connection, pool->config.quit_ms, "QUIT",
						      &reply);
		am_reply_free(reply);
		am_smtp_connection_free(connection);
	}
	g_ptr_array_set_size(connections, 0);
}

static gboolean
pool_is_old(const AmSmtpPool *pool, const AmSmtpConnection *connection, gint64 now)
{
	guint mails = connection->limits.mails;
	if (mails > 0 && connection->n_mails >= mails)
		return TRUE; /* RFC 9422: the peer would refuse one more */
	return now - connection->born_us >= (gint64)pool->config.keep_age_ms * 1000 ||
	       now - connection->used_us >= (gint64)pool->config.keep_idle_ms * 1000;
}

/* Moves to `old` what is too old at `now`, or everything when now is G_MAXINT64. */
static void
pool_take_old(AmSmtpPool *pool, gint64 now, GPtrArray *old)
{
	GHashTableIter iter;
	gpointer value;
	g_mutex_lock(&pool->kept_lock);
	g_hash_table_iter_init(&iter, pool->kept);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		GQueue *queue = value;
		for (GList *link = queue->head; link != NULL;) {
			GList *next = link->next;
			if (now == G_MAXINT64 || pool_is_old(pool, link->data, now)) {
				g_ptr_array_add(old, link->data);
				g_queue_delete_link(queue, link);
			}
			link = next;
		}
		/* routes may come from policy in any number: no list stays behind empty */
		if (queue->length == 0)
			g_hash_table_iter_remove(&iter);
	}
	g_mutex_unlock(&pool->kept_lock);
}

void
am_smtp_pool_expire(AmSmtpPool *pool)
{
	g_autoptr(GPtrArray) old = g_ptr_array_new();
	pool_take_old(pool, g_get_monotonic_time(), old);
	pool_quit(pool, old);
}

void
am_smtp_pool_free(AmSmtpPool *pool)
{
	if (pool == NULL)
		return;
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	pool_take_old(pool, G_MAXINT64, all);
	pool_quit(pool, all);
	g_hash_table_unref(pool->kept);
	g_mutex_clear(&pool->kept_lock);
	am_tls_free(pool->config.tls);
	g_clear_pointer(&pool->config.tlsa, g_ptr_array_unref);
	am_outputs_free(pool->config.outputs);
	if (pool->config.auth_password != NULL)
		explicit_bzero((char *)pool->config.auth_password,
			       strlen(pool->config.auth_password));
	g_free((char *)pool->config.auth_password);
	g_free((char *)pool->config.auth_user);
	g_free((char *)pool->config.auth_mechanisms);
	g_free((char *)pool->config.hostname);
	g_strfreev((char **)pool->config.bind_addresses);
	g_free(pool);
}

/* A transaction begins: is it so soon after the last one that keeping pays? */
static void
pool_feel_load(AmSmtpPool *pool)
{
	gint64 now = g_get_monotonic_time();
	g_mutex_lock(&pool->kept_lock);
	gint64 gap_us = pool->begun_us != 0 ? now - pool->begun_us : G_MAXINT64;
	if (gap_us < (gint64)pool->config.busy_ms * 1000)
		pool->is_busy = TRUE;
	else if (gap_us >= (gint64)pool->config.calm_ms * 1000)
		pool->is_busy = FALSE;
	pool->begun_us = now;
	g_mutex_unlock(&pool->kept_lock);
}

static AmSmtpConnection *
pool_pop(AmSmtpPool *pool, const char *key)
{
	g_mutex_lock(&pool->kept_lock);
	GQueue *queue = g_hash_table_lookup(pool->kept, key);
	AmSmtpConnection *connection = queue != NULL ? g_queue_pop_head(queue) : NULL;
	g_mutex_unlock(&pool->kept_lock);
	return connection;
}

/* Is the kept connection fit for another transaction? */
static gboolean
pool_probe(const AmSmtpPool *pool, AmSmtpConnection *connection)
{
	gint64 now = g_get_monotonic_time();
	AmReply *reply = NULL;
	/* readable means closed by the peer, or 421: neither is any use */
	if (!am_stream_is_idle(connection->stream))
		return FALSE;
	if (now - connection->used_us < (gint64)pool->config.probe_ms * 1000)
		return TRUE;
	gboolean is_alive = am_smtp_connection_talk(connection, "NOOP\r\n",
						    MIN(pool->config.command_ms, PROBE_ANSWER_MS),
						    "NOOP", &reply) &&
			    am_reply_is_success(reply);
	am_reply_free(reply);
	return is_alive;
}

static AmSmtpConnection *
pool_take_kept(AmSmtpPool *pool, const char *key, gint64 deadline_us)
{
	AmSmtpConnection *connection;
	g_autoptr(GPtrArray) old = g_ptr_array_new();
	while ((connection = pool_pop(pool, key)) != NULL) {
		connection->deadline_us = deadline_us;
		if (pool_is_old(pool, connection, g_get_monotonic_time())) {
			g_ptr_array_add(old, connection);
			continue;
		}
		if (pool_probe(pool, connection)) {
			connection->is_reused = TRUE;
			break;
		}
		am_smtp_connection_free(connection);
	}
	pool_quit(pool, old);
	return connection;
}

const AmOutputs *
am_smtp_pool_outputs(const AmSmtpPool *pool)
{
	return pool->config.outputs;
}

AmSmtpConnection *
am_smtp_pool_acquire(AmSmtpPool *pool, const AmHop *hop, const char *host, guint16 port,
		     gboolean is_fresh, gint64 deadline_us, AmReply **failure)
{
	if (!is_fresh) /* that is the same transaction once more */
		pool_feel_load(pool);
	g_autofree char *key =
		g_strdup_printf("%s%s %u %s", hop->kind == AM_HOP_LMTP ? "lmtp" : "smtp",
				hop->is_tls ? "s" : "", port, host);
	AmSmtpConnection *connection = is_fresh ? NULL : pool_take_kept(pool, key, deadline_us);
	if (connection != NULL)
		return connection;
	connection = am_smtp_connection_open(&pool->config, hop, host, port, deadline_us, failure);
	if (connection != NULL)
		connection->key = g_steal_pointer(&key);
	return connection;
}

/* Puts it into its list; FALSE when there are enough, or none is kept for now. */
static gboolean
pool_push(AmSmtpPool *pool, AmSmtpConnection *connection)
{
	gboolean is_kept = FALSE;
	g_mutex_lock(&pool->kept_lock);
	if (pool->config.busy_ms > 0 && !pool->is_busy) {
		g_mutex_unlock(&pool->kept_lock);
		return FALSE;
	}
	GQueue *queue = g_hash_table_lookup(pool->kept, connection->key);
	if (queue == NULL) {
		queue = g_queue_new();
		g_hash_table_insert(pool->kept, g_strdup(connection->key), queue);
	}
	if (queue->length < pool->config.keep_max) {
		g_queue_push_head(queue, connection);
		is_kept = TRUE;
	}
	g_mutex_unlock(&pool->kept_lock);
	return is_kept;
}

void
am_smtp_pool_release(AmSmtpPool *pool, AmSmtpConnection *connection)
{
	if (connection == NULL)
		return;
	if (connection->is_dropped) {
		am_smtp_connection_free(connection);
		return;
	}
	gint64 now = g_get_monotonic_time();
	connection->used_us = now;
	am_stream_park(connection->stream);
	if (!pool_is_old(pool, connection, now) && pool_push(pool, connection))
		return;
	g_autoptr(GPtrArray) one = g_ptr_array_new();
	g_ptr_array_add(one, connection);
	pool_quit(pool, one);
}
