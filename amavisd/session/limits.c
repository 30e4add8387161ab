/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A client is known while it has a connection or its rate is not forgotten.  The table is cut into
 * shards, each with a lock of its own that is held for a look-up and a few additions, so threads
 * hardly ever meet.
 *
 * A rate is one number: the time up to which what came is paid for (the generic cell rate algorithm,
 * ITU-T I.371).  Each event pays for a minute divided by the limit, and no one may be more than a minute
 * ahead.  So after silence the whole limit may come at once, and then one after the other.
 *
 * The table is bounded.  When a shard is full of clients that must be known, a new one is not
 * counted: max_connections still holds, and an attacker with that many networks is not stopped by
 * counting them. */

#include <config.h>

#include "session/limits.h"

#include <arpa/inet.h>
#include <string.h>

#define LIMITS_SHARDS 16u
#define LIMITS_MINUTE_US (60 * G_USEC_PER_SEC)
#define LIMITS_COMPLAIN_US (10 * G_USEC_PER_SEC)

typedef struct {
	guint8 key[16]; /* first: an entry is found by it */
	guint64 seed;
	guint n_open;
	gint64 connections_paid_us, mails_paid_us; /* monotonic */
} LimitsEntry;

typedef struct {
	GMutex lock;
	GHashTable *entries; /* LimitsEntry, keys alone */
	gint64 swept_us;     /* when it was full and nobody could go */
} LimitsShard;

struct _AmLimits {
	AmLimitsConfig config;
	guint64 seed; /* so that nobody can choose addresses that collide */
	LimitsShard shards[LIMITS_SHARDS];
	guint next_shard; /* to be expired; housekeeping's own */
	GMutex complain_lock;
	gint64 complained_us;
	guint n_silent;
};

static guint64
limits_mix(const guint8 *key, guint64 seed)
{
	guint64 words[2];
	memcpy(words, key, sizeof words);
	guint64 value = seed;
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		value = (value ^ words[i]) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
		value ^= value >> 29;
		value *= G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
		value ^= value >> 32;
	}
	return value;
}

static guint
limits_hash(gconstpointer data)
{
	const LimitsEntry *entry = data;
	return (guint)limits_mix(entry->key, entry->seed);
}

static gboolean
limits_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof((LimitsEntry *)NULL)->key) == 0;
}

AmLimits *
am_limits_new(const AmLimitsConfig *config)
{
	if (config->connections == 0 && config->connection_rate == 0 && config->mail_rate == 0) {
		am_clients_free(config->exempt);
		return NULL;
	}
	AmLimits *limits = g_new0(AmLimits, 1);
	limits->config = *config;
	limits->seed = (guint64)g_random_int() << 32 | g_random_int();
	for (guint i = 0; i < LIMITS_SHARDS; i++) {
		g_mutex_init(&limits->shards[i].lock);
		limits->shards[i].entries =
			g_hash_table_new_full(limits_hash, limits_equal, g_free, NULL);
	}
	g_mutex_init(&limits->complain_lock);
	return limits;
}

void
am_limits_free(AmLimits *limits)
{
	if (limits == NULL)
		return;
	for (guint i = 0; i < LIMITS_SHARDS; i++) {
		g_hash_table_unref(limits->shards[i].entries);
		g_mutex_clear(&limits->shards[i].lock);
	}
	g_mutex_clear(&limits->complain_lock);
	am_clients_free(limits->config.exempt);
	g_free(limits);
}

/* ---- one client ------------------------------------------------------------------------------ */

static void
limits_mask(guint8 *bytes, guint n_bytes, guint prefix)
{
	for (guint i = 0; i < n_bytes; i++) {
		guint bits = prefix > i * 8 ? MIN(prefix - i * 8, 8) : 0;
		bytes[i] &= (guint8)(0xff00u >> bits);
	}
}

/* The network of the address; FALSE: nobody to be counted. */
static gboolean
limits_key(const AmLimits *limits, const char *address, guint8 *key)
{
	static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff }; /* ::ffff:0:0/96 */
	if (limits->config.exempt != NULL && am_clients_may(limits->config.exempt, address))
		return FALSE;
	memcpy(key, mapped, sizeof mapped);
	if (inet_pton(AF_INET, address, key + sizeof mapped) == 1) {
		limits_mask(key + sizeof mapped, 4, limits->config.prefix_ip4);
		return TRUE;
	}
	if (inet_pton(AF_INET6, address, key) != 1)
		return FALSE; /* a Unix socket */
	if (memcmp(key, mapped, sizeof mapped) == 0)
		limits_mask(key + sizeof mapped, 4, limits->config.prefix_ip4);
	else
		limits_mask(key, 16, limits->config.prefix_ip6);
	return TRUE;
}

static LimitsShard *
limits_shard(AmLimits *limits, const guint8 *key)
{
	return &limits->shards[(limits_mix(key, limits->seed) >> 32) % LIMITS_SHARDS];
}

static gboolean
limits_is_over(gpointer key, gpointer value G_GNUC_UNUSED, gpointer now_us)
{
	const LimitsEntry *entry = key;
	return entry->n_open == 0 && entry->connections_paid_us <= *(gint64 *)now_us &&
	       entry->mails_paid_us <= *(gint64 *)now_us;
}

/* With the shard's lock held.  NULL: there is no room. */
static LimitsEntry *
limits_find(AmLimits *limits, LimitsShard *shard, const guint8 *key, gint64 now_us)
{
	LimitsEntry wanted = { .seed = limits->seed };
	memcpy(wanted.key, key, sizeof wanted.key);
	LimitsEntry *entry = g_hash_table_lookup(shard->entries, &wanted);
	if (entry != NULL)
		return entry;
	guint most = MAX(limits->config.max_clients / LIMITS_SHARDS, 1);
	if (g_hash_table_size(shard->entries) >= most) {
		if (now_us - shard->swept_us < G_USEC_PER_SEC)
			return NULL;
		shard->swept_us = now_us;
		if (g_hash_table_foreach_remove(shard->entries, limits_is_over, &now_us) == 0)
			return NULL;
	}
	entry = g_memdup2(&wanted, sizeof wanted);
	g_hash_table_add(shard->entries, entry);
	return entry;
}

/* Pays for one event; FALSE: too many of them. */
static gboolean
limits_pay(gint64 *paid_us, guint rate, gint64 now_us)
{
	if (rate == 0)
		return TRUE;
	gint64 until_us = MAX(*paid_us, now_us) + LIMITS_MINUTE_US / rate;
	if (until_us > now_us + LIMITS_MINUTE_US)
		return FALSE;
	*paid_us = until_us;
	return TRUE;
}

AmLimitsVerdict
am_limits_enter(AmLimits *limits, const char *address, gint64 now_us, AmLimitsClient *client)
{
	const AmLimitsConfig *config = &limits->config;
	client->is_counted = FALSE;
	if (!limits_key(limits, address, client->key))
		return AM_LIMITS_FINE;
	AmLimitsVerdict verdict = AM_LIMITS_FINE;
	LimitsShard *shard = limits_shard(limits, client->key);
	g_mutex_lock(&shard->lock);
	LimitsEntry *entry = limits_find(limits, shard, client->key, now_us);
	if (entry != NULL) {
		if (config->connections > 0 && entry->n_open >= config->connections)
			verdict = AM_LIMITS_CONNECTIONS;
		else if (!limits_pay(&entry->connections_paid_us, config->connection_rate, now_us))
			verdict = AM_LIMITS_CONNECTION_RATE;
		client->is_counted = verdict == AM_LIMITS_FINE;
		entry->n_open += client->is_counted;
	}
	g_mutex_unlock(&shard->lock);
	return verdict;
}

void
am_limits_leave(AmLimits *limits, AmLimitsClient *client)
{
	if (!client->is_counted)
		return;
	client->is_counted = FALSE;
	LimitsShard *shard = limits_shard(limits, client->key);
	g_mutex_lock(&shard->lock);
	/* it is there: nobody forgets one with a connection */
	LimitsEntry *entry = limits_find(limits, shard, client->key, 0);
	g_assert(entry != NULL && entry->n_open > 0);
	entry->n_open--;
	g_mutex_unlock(&shard->lock);
}

AmLimitsVerdict
am_limits_mail(AmLimits *limits, const AmLimitsClient *client, gint64 now_us)
{
	if (!client->is_counted || limits->config.mail_rate == 0)
		return AM_LIMITS_FINE;
	LimitsShard *shard = limits_shard(limits, client->key);
	g_mutex_lock(&shard->lock);
	LimitsEntry *entry = limits_find(limits, shard, client->key, now_us);
	gboolean is_fine = limits_pay(&entry->mails_paid_us, limits->config.mail_rate, now_us);
	g_mutex_unlock(&shard->lock);
	return is_fine ? AM_LIMITS_FINE : AM_LIMITS_MAIL_RATE;
}

/* ---- all of them ----------------------------------------------------------------------------- */

void
am_limits_expire(AmLimits *limits, gint64 now_us)
{
	LimitsShard *shard = &limits->shards[limits->next_shard];
	limits->next_shard = (limits->next_shard + 1) % LIMITS_SHARDS;
	g_mutex_lock(&shard->lock);
	(void)g_hash_table_foreach_remove(shard->entries, limits_is_over, &now_us);
	g_mutex_unlock(&shard->lock);
}

const char *
am_limits_text(AmLimitsVerdict verdict)
{
	switch (verdict) {
	case AM_LIMITS_CONNECTIONS:
		return "Too many connections from your network";
	case AM_LIMITS_CONNECTION_RATE:
		return "Too many connections in a minute from your network";
	case AM_LIMITS_MAIL_RATE:
		return "Too many mails in a minute from your network";
	case AM_LIMITS_FINE:
		break;
	}
	return "";
}

gboolean
am_limits_complains(AmLimits *limits, gint64 now_us, guint *n_silent)
{
	g_mutex_lock(&limits->complain_lock);
	gboolean is_due =
		limits->complained_us == 0 || now_us - limits->complained_us > LIMITS_COMPLAIN_US;
	*n_silent = limits->n_silent;
	limits->n_silent = is_due ? 0 : limits->n_silent + 1;
	if (is_due)
		limits->complained_us = now_us;
	g_mutex_unlock(&limits->complain_lock);
	return is_due;
}

guint
am_limits_count(AmLimits *limits)
{
	guint n = 0;
	for (guint i = 0; i < LIMITS_SHARDS; i++) {
		g_mutex_lock(&limits->shards[i].lock);
		n += g_hash_table_size(limits->shards[i].entries);
		g_mutex_unlock(&limits->shards[i].lock);
	}
	return n;
}
