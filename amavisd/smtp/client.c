/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Delivering by a route: which hop, which connection, how many transactions. */

#include <config.h>

#include "smtp/client.h"

#include "output/output.h"
#include "smtp/client-pool.h"

#define RECEIVED_MAX 100u /* RFC 5321 6.3: a mail with more goes in circles (features O21) */

AmDelivery *
am_delivery_new(const AmRecipient *recipient)
{
	AmDelivery *delivery = g_new0(AmDelivery, 1);
	delivery->recipient = recipient;
	return delivery;
}

void
am_delivery_note_dsn(GPtrArray *batch, gboolean takes_dsn)
{
	for (guint i = 0; i < batch->len; i++)
		((AmDelivery *)batch->pdata[i])->takes_dsn = takes_dsn;
}

void
am_delivery_free(AmDelivery *delivery)
{
	if (delivery == NULL)
		return;
	am_reply_free(delivery->reply);
	g_free(delivery);
}

void
am_smtp_transaction_clear(AmSmtpTransaction *transaction)
{
	g_clear_pointer(&transaction->queue_id, g_free);
	g_clear_pointer(&transaction->remote, g_free);
	g_clear_pointer(&transaction->deliveries, g_ptr_array_unref);
}

static void
transaction_set_remote(AmSmtpTransaction *transaction, char *remote)
{
	g_free(transaction->remote);
	transaction->remote = remote;
}

/* Those without reply; borrowed elements. */
static GPtrArray *
transaction_pending(const AmSmtpTransaction *transaction)
{
	GPtrArray *pending = g_ptr_array_new();
	for (guint i = 0; i < transaction->deliveries->len; i++) {
		AmDelivery *delivery = transaction->deliveries->pdata[i];
		if (delivery->reply == NULL)
			g_ptr_array_add(pending, delivery);
	}
	return pending;
}

static void
transaction_answer(AmSmtpTransaction *transaction, const AmReply *reply, gboolean is_own)
{
	for (guint i = 0; i < transaction->deliveries->len; i++) {
		AmDelivery *delivery = transaction->deliveries->pdata[i];
		if (delivery->reply != NULL)
			continue;
		delivery->reply = am_reply_copy(reply);
		delivery->is_own = is_own;
	}
}

/* One transaction with one hop, once more over a new connection when a kept one was dead.  FALSE:
 * the next hop of the route may try; *failure says why, *is_own whether it is ours. */
static gboolean
deliver_by_hop(AmSmtpPool *pool, const AmHop *hop, AmSmtpTransaction *transaction, GPtrArray *batch,
	       AmReply **failure, gboolean *is_own)
{
	g_autofree char *host = NULL;
	guint16 port;
	g_autoptr(GError) error = NULL;
	AmAttempt result = AM_ATTEMPT_STALE;
	if (hop->kind > AM_HOP_LMTP) {
		transaction_set_remote(transaction, g_strdup(hop->text));
		*is_own = TRUE;
		return am_output_deliver(am_smtp_pool_outputs(pool), hop, transaction, batch, failure);
	}
	if (!am_hop_resolve(hop, transaction->envelope, &host, &port, &error)) {
		*failure = am_reply_new(451, "4.3.5", "%s", error->message);
		*is_own = TRUE;
		return FALSE;
	}
	transaction_set_remote(transaction, am_smtp_remote(host, port));
	for (guint i = 0; i < 2 && result == AM_ATTEMPT_STALE; i++) {
		g_clear_pointer(failure, am_reply_free);
		AmSmtpConnection *connection = am_smtp_pool_acquire(
			pool, hop, host, port, i > 0, transaction->deadline_us, failure);
		if (connection == NULL) {
			*is_own = TRUE;
			return FALSE;
		}
		connection->deadline_us = transaction->deadline_us;
		result = am_smtp_attempt(connection, transaction, batch, failure, is_own);
		am_delivery_note_dsn(batch, (connection->extensions & AM_SMTP_DSN) != 0);
		am_smtp_pool_release(pool, connection);
	}
	return result == AM_ATTEMPT_DONE;
}

/* With a client that hears one answer, a 4xx for one is a 4xx for all: nothing more is begun. */
static const AmReply *
deliver_ending_reply(const AmSmtpTransaction *transaction, gboolean *is_own)
{
	if (!transaction->is_smtp_caller)
		return NULL;
	for (guint i = 0; i < transaction->deliveries->len; i++) {
		const AmDelivery *delivery = transaction->deliveries->pdata[i];
		*is_own = delivery->is_own;
		if (delivery->reply != NULL && am_reply_is_temporary(delivery->reply))
			return delivery->reply;
	}
	return NULL;
}

/* A transaction by the first hop that takes it.  FALSE: none did, all are answered. */
static gboolean
deliver_once(AmSmtpPool *pool, const AmRoute *route, AmSmtpTransaction *transaction,
	     GPtrArray *batch)
{
	g_autoptr(AmReply) failure = NULL;
	gboolean is_own = TRUE;
	for (guint i = 0; i < route->hops->len; i++) {
		g_clear_pointer(&failure, am_reply_free);
		if (deliver_by_hop(pool, route->hops->pdata[i], transaction, batch, &failure,
				   &is_own))
			return TRUE;
	}
	transaction_answer(transaction, failure, is_own);
	return FALSE;
}

void
am_smtp_deliver(AmSmtpPool *pool, const AmRoute *route, AmSmtpTransaction *transaction)
{
	gboolean is_own = FALSE;
	if (transaction->queue_id == NULL)
		transaction->queue_id = g_strdup("");
	if (transaction->remote == NULL)
		transaction->remote = g_strdup("");
	if (transaction->report != NULL && transaction->report->n_received > RECEIVED_MAX) {
		g_autoptr(AmReply) loop = am_reply_new(
			554, "5.4.6", "mail loop: more than %u Received fields", RECEIVED_MAX);
		transaction_answer(transaction, loop, TRUE);
		return;
	}
	for (;;) {
		g_autoptr(GPtrArray) batch = transaction_pending(transaction);
		if (batch->len == 0)
			return;
		const AmReply *ending = deliver_ending_reply(transaction, &is_own);
		if (ending != NULL) {
			transaction_answer(transaction, ending, is_own);
			return;
		}
		/* whoever is left was refused as one too many: each round answers at least one */
		if (!deliver_once(pool, route, transaction, batch))
			return;
	}
}
