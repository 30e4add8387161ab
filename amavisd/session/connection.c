/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A connection: the state of its protocol's server, and what the server asks of the session, answered from the
 * pipeline context of the thread that happens to step it. */

#include <config.h>

#include "session/pool-private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "log/log.h"
#include "session/readiness.h"

#define CONNECTION_GRACE_US                                                                        \
	G_USEC_PER_SEC /* a client that just connected may still send its mail */

static AmReply *
connection_on_recipient(gpointer user, const AmEnvelope *envelope, const AmRecipient *recipient)
{
	AmConnection *connection = user;
	const AmSessionOps *ops = connection->pool->ops;
	if (ops->check_recipient == NULL)
		return NULL;
	return ops->check_recipient(connection->thread, envelope, recipient);
}

/* ---- limits of a client ---------------------------------------------------------------------- */

static void
connection_complain(const AmConnection *connection, const char *address, AmLimitsVerdict verdict)
{
	const AmPoolListener *listener = connection->listener;
	guint n_silent;
	if (!am_limits_complains(listener->limits, g_get_monotonic_time(), &n_silent))
		return;
	am_warning("listener %s: client [%s] refused: %s (%u more refusals since the last line)",
		   listener->listener->name, address, am_limits_text(verdict), n_silent);
}

const char *
am_connection_meet(AmConnection *connection, const char *address)
{
	AmLimits *limits = connection->listener->limits;
	if (limits == NULL)
		return NULL;
	AmLimitsVerdict verdict = am_limits_enter(limits, address, g_get_monotonic_time(),
						  &connection->client);
	if (verdict == AM_LIMITS_FINE) {
		connection->address = g_strdup(address);
		return NULL;
	}
	connection_complain(connection, address, verdict);
	return am_limits_text(verdict);
}

/* Behind a proxy the client is known only now. */
static AmReply *
connection_on_client(gpointer user, const char *address)
{
	AmConnection *connection = user;
	const char *refusal = am_connection_meet(connection, address);
	return refusal != NULL ? am_reply_new(421, "4.7.0", "%s %s", connection->listener->server.hostname,
					      refusal)
			       : NULL;
}

/* ---- mails ----------------------------------------------------------------------------------- */

static AmReply *
connection_on_begin(gpointer user)
{
	AmConnection *connection = user;
	AmPool *pool = connection->pool;
	AmLimits *limits = connection->listener->limits;
	if (limits != NULL) {
		gint64 now_us = g_get_monotonic_time();
		AmLimitsVerdict verdict = am_limits_mail(limits, &connection->client, now_us);
		if (verdict != AM_LIMITS_FINE) {
			connection_complain(connection, connection->address, verdict);
			return am_reply_new(421, "4.7.0", "%s %s", connection->listener->server.hostname,
					    am_limits_text(verdict));
		}
	}
	if (g_atomic_int_add(&pool->n_mails, 1) >= pool->max_mails) {
		(void)g_atomic_int_add(&pool->n_mails, -1);
		am_pool_complain(pool, connection->listener->listener->name,
				 "max_mails are in work, refusing with 421");
		return am_reply_new(421, "4.3.2", "%s Too many mails in work, try later",
				    connection->listener->server.hostname);
	}
	__atomic_add_fetch(&pool->generation->statistics->mails_in_work, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void
connection_on_abandon(gpointer user)
{
	AmConnection *connection = user;
	AmPool *pool = connection->pool;
	connection->has_ended_mail = TRUE;
	(void)g_atomic_int_add(&pool->n_mails, -1);
	__atomic_sub_fetch(&pool->generation->statistics->mails_in_work, 1, __ATOMIC_RELAXED);
}

/* How long the last bytes of the client have been waiting for a free thread, as far as the kernel
 * can tell. */
static gint64
connection_waited_us(const AmConnection *connection)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;
	int fd = connection->kind->fd(connection->server);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0; /* no TCP */
	return (gint64)info.tcpi_last_data_recv * 1000;
}

/* The client's patience began when it had sent the end of the mail. */
static void
connection_set_deadline(const AmConnection *connection, AmMail *mail)
{
	const AmPoolListener *listener = connection->listener;
	mail->deadline_us =
		mail->received_us - connection_waited_us(connection) + listener->answer_us;
	mail->when_late = listener->when_late;
}

static GPtrArray *
connection_on_mail(gpointer user, AmMail *mail)
{
	AmConnection *connection = user;
	AmPool *pool = connection->pool;
	connection_set_deadline(connection, mail);
	am_relief_call(&pool->relief);
	GPtrArray *replies =
		pool->ops->run(connection->thread, mail,
			       connection->listener->server.is_lmtp || mail->envelope->is_prdr);
	connection_on_abandon(connection); /* no longer in work */
	return replies;
}

static gboolean
connection_may_xforward(gpointer user, const char *address)
{
	const AmClients *clients = ((AmConnection *)user)->listener->xforward_clients;
	return clients == NULL || am_clients_may(clients, address);
}

static gboolean
connection_may_xclient(gpointer user, const char *address)
{
	const AmClients *clients = ((AmConnection *)user)->listener->xclient_clients;
	return clients != NULL && am_clients_may(clients, address);
}

static const AmSmtpServerOps connection_ops = {
	.on_client = connection_on_client,
	.on_recipient = connection_on_recipient,
	.on_begin = connection_on_begin,
	.on_abandon = connection_on_abandon,
	.on_mail = connection_on_mail,
	.may_xforward = connection_may_xforward,
	.may_xclient = connection_may_xclient,
};

/* ---- where the client delivers ------------------------------------------------------------- */

static void
connection_on_checked_mail(gpointer user, AmMail *mail, AmHandback *handback)
{
	AmConnection *connection = user;
	AmPool *pool = connection->pool;
	connection_set_deadline(connection, mail);
	am_relief_call(&pool->relief);
	connection->record = pool->ops->check(connection->thread, mail,
					      connection->listener->conflict, handback);
}

static void
connection_on_checked_done(gpointer user)
{
	AmConnection *connection = user;
	connection->pool->ops->conclude(connection->thread, g_steal_pointer(&connection->record));
	connection_on_abandon(connection); /* no longer in work */
}

static const AmHandbackOps connection_check_ops = {
	.on_recipient = connection_on_recipient,
	.on_begin = connection_on_begin,
	.on_abandon = connection_on_abandon,
	.on_mail = connection_on_checked_mail,
	.on_done = connection_on_checked_done,
};

static GPtrArray *
connection_on_release(gpointer user, const AmReleaseRequest *request)
{
	AmConnection *connection = user;
	am_relief_call(&connection->pool->relief);
	return connection->pool->ops->release(connection->thread, request);
}

static const AmPdpOps connection_pdp_ops = {
	.check = &connection_check_ops,
	.on_deliver = connection_on_mail,
	.on_release = connection_on_release,
};

/* ---- checks over HTTP ----------------------------------------------------------------------- */

static char *
connection_on_http_mail(gpointer user, AmMail *mail, gboolean is_trial, gboolean *is_tempfail)
{
	AmConnection *connection = user;
	AmPool *pool = connection->pool;
	char *json;
	connection_set_deadline(connection, mail);
	am_relief_call(&pool->relief);
	if (is_trial) {
		g_autoptr(AmRecord) record = pool->ops->trial(connection->thread, mail);
		*is_tempfail = record->dispositions == NULL;
		json = am_record_to_json(record, FALSE);
	} else {
		g_auto(AmHandback) handback = { 0 };
		am_handback_init(&handback);
		AmRecord *record = pool->ops->check(connection->thread, mail,
						    connection->listener->conflict, &handback);
		*is_tempfail = handback.reply != NULL && am_reply_is_temporary(handback.reply);
		json = am_record_to_answer(record, &handback);
		pool->ops->conclude(connection->thread, record);
	}
	connection_on_abandon(connection); /* no longer in work */
	return json;
}

static guint
connection_on_ready(gpointer user, AmHttpState *states)
{
	return am_readiness(((AmConnection *)user)->pool, states);
}

static const AmHttpOps connection_http_ops = {
	.on_client = connection_on_client,
	.on_begin = connection_on_begin,
	.on_abandon = connection_on_abandon,
	.on_mail = connection_on_http_mail,
	.on_ready = connection_on_ready,
};

/* ---- the connection ------------------------------------------------------------------------ */

static void
connection_start_server(AmConnection *connection, AmStream *stream)
{
	const AmPoolListener *listener = connection->listener;
	switch (listener->protocol) {
	case AM_PROTOCOL_SMTP:
	case AM_PROTOCOL_LMTP:
		connection->kind = &am_smtp_server_kind;
		connection->server =
			am_smtp_server_new(stream, &listener->server, &connection_ops, connection);
		break;
	case AM_PROTOCOL_MILTER:
		connection->kind = &am_milter_server_kind;
		connection->server = am_milter_server_new(stream, &listener->server.intake,
							  &connection_check_ops, connection);
		break;
	case AM_PROTOCOL_AM_PDP:
		connection->kind = &am_pdp_server_kind;
		connection->server = am_pdp_server_new(stream, &listener->am_pdp,
						       &connection_pdp_ops, connection);
		break;
	case AM_PROTOCOL_HTTP:
		connection->kind = &am_http_server_kind;
		connection->server =
			am_http_server_new(stream, &listener->http, &connection_http_ops, connection);
		break;
	}
}

AmConnection *
am_connection_new(AmPool *pool, const AmPoolListener *listener, AmStream *stream)
{
	AmConnection *connection = g_new0(AmConnection, 1);
	AmStatistics *statistics = pool->generation->statistics;
	connection->pool = pool;
	connection->listener = listener;
	connection->start_us = g_get_monotonic_time();
	connection_start_server(connection, stream);
	__atomic_add_fetch(&statistics->connections, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&statistics->connections_total, 1, __ATOMIC_RELAXED);
	return connection;
}

void
am_connection_free(AmConnection *connection)
{
	connection->kind->free(connection->server);
	if (connection->listener->limits != NULL)
		am_limits_leave(connection->listener->limits, &connection->client);
	g_free(connection->address);
	__atomic_sub_fetch(&connection->pool->generation->statistics->connections, 1,
			   __ATOMIC_RELAXED);
	g_free(connection);
}

static gint64
connection_slow_end(const AmConnection *connection)
{
	return connection->kind->end_us != NULL ? connection->kind->end_us(connection->server)
						: G_MAXINT64;
}

gint64
am_connection_idle_end(const AmConnection *connection)
{
	return MIN(g_get_monotonic_time() + connection->listener->idle_us,
		   connection_slow_end(connection));
}

gboolean
am_connection_is_slow(const AmConnection *connection)
{
	return connection_slow_end(connection) <= g_get_monotonic_time();
}

gint64
am_connection_drain_end(const AmConnection *connection)
{
	if (!connection->kind->is_idle(connection->server))
		return G_MAXINT64;
	return connection->has_ended_mail ? 0 : connection->start_us + CONNECTION_GRACE_US;
}
