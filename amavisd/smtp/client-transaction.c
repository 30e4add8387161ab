/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* One transaction with a next hop.
 *
 * Commands are numbered: 0 is MAIL, 1..n the recipients, and n + 1 DATA when it is sent along with
 * them.  Without PIPELINING the window is one command; with it MAIL, RCPTs and DATA go out in one
 * write, a long list in windows, so that answers never fill the peer's buffers while we only write
 * (RFC 2920 3.1).  Both are the same loop.
 *
 * DATA that was sent along may be answered by 354 although nobody was accepted: then a lone dot
 * ends it (RFC 2920 3.1).  Where the answers to RCPT may still decide against the whole mail (several
 * recipients and a client that hears one answer only, features O19) DATA waits for them, because
 * behind a 354 the only way out is to drop the connection. */

#include <config.h>

#include "smtp/client-private.h"

#include "mail/address.h"

#define WINDOW_COMMANDS 100u /* sent before their answers are read */
#define RSET_MS 20000u	     /* features O22 */

typedef struct {
	AmSmtpConnection *connection;
	AmSmtpTransaction *transaction;
	AmSmtpCommandContext context;
	GPtrArray *rcpts;	/* AmDelivery, to be said */
	GPtrArray *accepted;	/* AmDelivery, by the next hop */
	AmReply *mail;		/* answer to MAIL */
	AmReply *temporary;	/* borrowed: 4xx that ends the transaction for all */
	AmReply *data;		/* answer to DATA */
	gboolean is_data_along; /* DATA goes with the recipients */
	gboolean is_chunked;	/* BDAT instead of DATA */
} Attempt;

static void
attempt_clear(Attempt *attempt)
{
	g_ptr_array_unref(attempt->rcpts);
	g_ptr_array_unref(attempt->accepted);
	am_reply_free(attempt->mail);
	am_reply_free(attempt->data);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Attempt, attempt_clear)

static void
delivery_answer(AmDelivery *delivery, const AmReply *reply, gboolean is_own)
{
	am_reply_free(delivery->reply);
	delivery->reply = am_reply_copy(reply);
	delivery->is_own = is_own;
}

/* All of the list that have none yet get the reply. */
static void
deliveries_answer(GPtrArray *deliveries, const AmReply *reply, gboolean is_own)
{
	for (guint i = 0; i < deliveries->len; i++) {
		AmDelivery *delivery = deliveries->pdata[i];
		if (delivery->reply == NULL)
			delivery_answer(delivery, reply, is_own);
	}
}

/* The connection is of no more use because of `what` the peer said. */
static AmReply *
attempt_protocol_failure(Attempt *attempt, const char *phase, const AmReply *said)
{
	g_autofree char *text = am_reply_to_string(said);
	attempt->connection->is_dropped = TRUE;
	return am_reply_new(451, "4.4.2", "%s: %s: unexpected answer: %s",
			    attempt->connection->remote, phase, text);
}

static void
attempt_reset(Attempt *attempt)
{
	AmReply *reply = NULL;
	if (attempt->connection->is_dropped)
		return;
	if (!am_smtp_connection_talk(attempt->connection, "RSET\r\n",
				     MIN(attempt->connection->config->command_ms, RSET_MS), "RSET",
				     &reply) ||
	    !am_reply_is_success(reply))
		attempt->connection->is_dropped = TRUE;
	am_reply_free(reply);
}

/* ---- MAIL, RCPT, DATA ---- */

static void
attempt_queue(Attempt *attempt, guint index)
{
	g_autofree char *command = NULL;
	if (index == 0) {
		command = am_smtp_mail_command(&attempt->context, attempt->transaction);
	} else if (index <= attempt->rcpts->len) {
		const AmDelivery *delivery = attempt->rcpts->pdata[index - 1];
		command = am_smtp_rcpt_command(&attempt->context, delivery->recipient);
	} else {
		command = g_strdup("DATA\r\n");
	}
	am_smtp_connection_queue(attempt->connection, command);
}

/* Takes the reply to RCPT. */
static void
attempt_take_rcpt(Attempt *attempt, AmDelivery *delivery, AmReply *reply)
{
	if (am_reply_is_success(reply)) {
		g_ptr_array_add(attempt->accepted, delivery);
		am_reply_free(reply);
	} else if (am_reply_is_too_many(reply) && attempt->accepted->len > 0) {
		am_reply_free(reply); /* without a reply it goes in a further transaction */
	} else {
		am_reply_free(delivery->reply);
		delivery->reply = reply;
		delivery->is_own = FALSE;
		if (am_reply_is_temporary(reply) && attempt->transaction->is_smtp_caller &&
		    attempt->temporary == NULL)
			attempt->temporary = reply;
	}
}

/* Reads and takes the answer to command `index`.  FALSE with *failure: the connection is lost. */
static gboolean
attempt_take(Attempt *attempt, guint index, AmReply **failure)
{
	const AmSmtpClientConfig *config = attempt->connection->config;
	gboolean is_data = index > attempt->rcpts->len;
	const char *phase = index == 0 ? "MAIL" : is_data ? "DATA" : "RCPT";
	AmReply *reply = NULL;
	if (!am_smtp_connection_read(attempt->connection,
				     is_data ? config->data_init_ms : config->command_ms, phase,
				     &reply)) {
		*failure = reply;
		return FALSE;
	}
	if (reply->code / 100 == 3 && !is_data) {
		*failure = attempt_protocol_failure(attempt, phase, reply);
		am_reply_free(reply);
		return FALSE;
	}
	if (index == 0) {
		attempt->mail = reply;
	} else if (is_data) {
		attempt->data = reply;
	} else if (!am_reply_is_success(attempt->mail)) {
		am_reply_free(reply); /* follows from the refused MAIL, which is the reason */
	} else {
		attempt_take_rcpt(attempt, attempt->rcpts->pdata[index - 1], reply);
	}
	return TRUE;
}

/* Answers to come are not here yet: a peer that writes each by itself may keep the next one back until
 * TCP has acknowledged the last, 40 ms later (Nagle). */
static void
attempt_wait_for_more(Attempt *attempt)
{
	AmStream *stream = attempt->connection->stream;
	if (am_stream_buffered(stream) == 0)
		am_stream_acknowledge(stream);
}

/* After this answer nothing more is to be begun. */
static gboolean
attempt_is_decided(const Attempt *attempt)
{
	return attempt->temporary != NULL ||
	       (attempt->mail != NULL && !am_reply_is_success(attempt->mail));
}

/* FALSE with *failure: the connection was lost on the way. */
static gboolean
attempt_commands(Attempt *attempt, AmReply **failure)
{
	AmSmtpConnection *connection = attempt->connection;
	gboolean is_pipelined = (connection->extensions & AM_SMTP_PIPELINING) != 0;
	guint window = is_pipelined ? WINDOW_COMMANDS : 1;
	guint n = 1 + attempt->rcpts->len + (attempt->is_data_along ? 1 : 0);
	guint sent = 0;
	for (guint taken = 0; taken < n && !(taken == sent && attempt_is_decided(attempt));
	     taken++) {
		if (taken == sent) {
			while (sent < n && sent - taken < window)
				attempt_queue(attempt, sent++);
			if (!am_smtp_connection_flush(connection, connection->config->command_ms,
						      "commands", failure))
				return FALSE;
		}
		if (!attempt_take(attempt, taken, failure))
			return FALSE;
		if (connection->is_dropped) /* 421: nothing follows */
			return TRUE;
		if (taken + 1 < sent)
			attempt_wait_for_more(attempt);
	}
	return TRUE;
}

/* ---- the mail ---- */

typedef struct {
	AmSmtpConnection *connection;
	gboolean is_peer_lost;
} Sink;

static gboolean
sink_write(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	Sink *sink = user_data;
	AmSmtpConnection *connection = sink->connection;
	gint64 until = am_smtp_connection_until(connection, connection->config->data_block_ms);
	if (am_stream_write(connection->stream, data, len, until, error))
		return TRUE;
	sink->is_peer_lost = TRUE;
	return FALSE;
}

static gboolean
attempt_write(Attempt *attempt, Sink *sink, GError **error)
{
	const AmSmtpTransaction *transaction = attempt->transaction;
	AmDotWriter writer = { .write = sink_write, .user_data = sink };
	if (attempt->is_chunked)
		return am_smtp_write_chunk(transaction, attempt->context.is_binary, sink_write,
					   sink, error);
	return am_edits_write(transaction->edits, transaction->fd, transaction->size,
			      transaction->report, am_dot_writer_write, &writer, error) &&
	       am_dot_writer_finish(&writer, error);
}

/* Sends the mail and its end.  FALSE: no final dot was sent, nor will be, and no chunk is whole. */
static gboolean
attempt_send(Attempt *attempt, AmReply **failure)
{
	AmSmtpConnection *connection = attempt->connection;
	Sink sink = { .connection = connection };
	g_autoptr(GError) error = NULL;
	if (attempt_write(attempt, &sink, &error))
		/* a flush that fails did not hand the last byte to the kernel, so the dot is not
		 * whole either */
		return am_smtp_connection_flush(connection, connection->config->data_block_ms,
						"sending the mail", failure);
	connection->is_dropped = TRUE;
	*failure = sink.is_peer_lost
			   ? am_reply_new(451, "4.4.2", "%s: sending the mail: %s",
					  connection->remote, error->message)
			   : am_reply_new(451, "4.3.0", "%s: sending the mail was given up: %s",
					  connection->remote, error->message);
	return FALSE;
}

/* The answer to the final dot, for one recipient (LMTP) or for all.  Is never NULL. */
static AmReply *
attempt_final_reply(Attempt *attempt, gboolean *is_own)
{
	AmReply *reply = NULL;
	*is_own = TRUE;
	if (am_smtp_connection_read(attempt->connection, attempt->connection->config->data_final_ms,
				    "final dot", &reply)) {
		if (reply->code / 100 != 3) {
			*is_own = FALSE;
			return reply;
		}
		AmReply *said = reply;
		reply = attempt_protocol_failure(attempt, "final dot", said);
		am_reply_free(said);
	}
	/* Whether the next hop has it nobody knows; the client keeps it, so it may come twice but
	 * is not lost (RFC 1047). */
	attempt->transaction->is_in_doubt = TRUE;
	AmReply *failure =
		am_reply_new(451, "4.4.2", "%s; the mail may have been delivered", reply->text);
	am_reply_free(reply);
	return failure;
}

static void
attempt_finish(Attempt *attempt)
{
	AmSmtpTransaction *transaction = attempt->transaction;
	g_autoptr(AmReply) reply = NULL;
	gboolean is_own = FALSE;
	for (guint i = 0; i < attempt->accepted->len; i++) {
		/* RFC 2033 4.2: LMTP has an answer for each recipient */
		gboolean is_next = attempt->connection->is_lmtp && !is_own;
		if (reply == NULL || is_next) {
			am_reply_free(reply);
			if (i > 0)
				attempt_wait_for_more(attempt);
			reply = attempt_final_reply(attempt, &is_own);
			if (am_reply_is_success(reply) && *transaction->queue_id == '\0') {
				g_free(transaction->queue_id);
				transaction->queue_id = am_smtp_queue_id(reply->text);
			}
		}
		delivery_answer(attempt->accepted->pdata[i], reply, is_own);
	}
}

/* 354 to a DATA that nobody wants any more. */
static void
attempt_abandon_data(Attempt *attempt)
{
	AmSmtpConnection *connection = attempt->connection;
	AmReply *reply = NULL;
	/* A lone dot is safe only when nobody could get that empty mail. In LMTP a 354 without a
	 * recipient is an error, and how many answers would follow unknown (RFC 2033 4.2). */
	if (attempt->accepted->len > 0 || connection->is_lmtp) {
		connection->is_dropped = TRUE;
		return;
	}
	(void)am_smtp_connection_talk(connection, ".\r\n", connection->config->command_ms,
				      "empty mail", &reply); /* whatever it says, nobody gets it */
	am_reply_free(reply);
}

static void
attempt_deliver_chunk(Attempt *attempt)
{
	g_autoptr(AmReply) failure = NULL;
	gboolean is_taken = TRUE;
	if (attempt_send(attempt, &failure))
		attempt_finish(attempt);
	else
		deliveries_answer(attempt->accepted, failure, TRUE);
	for (guint i = 0; i < attempt->accepted->len; i++) {
		const AmDelivery *delivery = attempt->accepted->pdata[i];
		is_taken = is_taken && am_reply_is_success(delivery->reply);
	}
	if (!is_taken) /* unlike DATA, a chunk refused does not end the transaction */
		attempt_reset(attempt);
}

static void
attempt_deliver_data(Attempt *attempt)
{
	AmReply *failure = NULL;
	if (attempt->is_chunked) {
		attempt_deliver_chunk(attempt);
		return;
	}
	if (attempt->data == NULL &&
	    !am_smtp_connection_talk(attempt->connection, "DATA\r\n",
				     attempt->connection->config->data_init_ms, "DATA",
				     &attempt->data)) {
		deliveries_answer(attempt->accepted, attempt->data, TRUE);
		return;
	}
	if (attempt->data->code == 354) {
		if (attempt_send(attempt, &failure))
			attempt_finish(attempt);
		else
			deliveries_answer(attempt->accepted, failure, TRUE);
	} else if (attempt->data->code >= 400) {
		deliveries_answer(attempt->accepted, attempt->data, FALSE);
		attempt_reset(attempt);
	} else {
		failure = attempt_protocol_failure(attempt, "DATA", attempt->data);
		deliveries_answer(attempt->accepted, failure, TRUE);
	}
	am_reply_free(failure);
}

/* ---- the whole ---- */

/* Nobody, or not all, may get it: ends the transaction before the mail is sent. */
static void
attempt_abandon(Attempt *attempt)
{
	if (attempt->data != NULL && attempt->data->code / 100 == 3)
		attempt_abandon_data(attempt);
	attempt_reset(attempt);
}

/* Which recipients can be said to this peer; the others are answered. */
static void
attempt_choose(Attempt *attempt, GPtrArray *batch)
{
	const AmSmtpLimits *limits = &attempt->connection->limits;
	g_autoptr(GHashTable) domains =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < batch->len; i++) {
		AmDelivery *delivery = batch->pdata[i];
		g_autofree char *command =
			am_smtp_rcpt_command(&attempt->context, delivery->recipient);
		if (command != NULL) {
			/* without a reply it goes in a further transaction */
			if (am_smtp_limits_allow(limits, attempt->rcpts->len, domains,
						 delivery->recipient))
				g_ptr_array_add(attempt->rcpts, delivery);
			continue;
		}
		delivery->is_own = TRUE;
		delivery->reply = am_address_is_ascii(delivery->recipient->address)
					  ? am_reply_new(553, "5.1.3", "not a recipient's address")
					  : am_reply_new(553, "5.6.7",
							 "the next hop does not offer SMTPUTF8,"
							 " which the recipient's address needs");
	}
}

/* Nothing was decided here.  Takes reason. */
static AmAttempt
attempt_elsewhere(const Attempt *attempt, GPtrArray *batch, AmReply *reason, AmReply **failure)
{
	for (guint i = 0; i < batch->len; i++) {
		AmDelivery *delivery = batch->pdata[i]; /* another hop may offer more than this */
		g_clear_pointer(&delivery->reply, am_reply_free);
	}
	*failure = reason;
	return attempt->connection->is_reused && attempt->connection->is_dropped
		       ? AM_ATTEMPT_STALE
		       : AM_ATTEMPT_NEXT_HOP;
}

/* The connection failed among the commands.  Takes lost. */
static AmAttempt
attempt_lost(Attempt *attempt, GPtrArray *batch, AmReply *lost, AmReply **failure)
{
	if (attempt->mail == NULL || am_reply_is_temporary(attempt->mail))
		return attempt_elsewhere(attempt, batch, lost, failure);
	/* a 5xx to MAIL stands, whatever happened afterwards */
	gboolean is_refused = am_reply_is_permanent(attempt->mail);
	deliveries_answer(batch, is_refused ? attempt->mail : lost, !is_refused);
	am_reply_free(lost);
	return AM_ATTEMPT_DONE;
}

/* 421 in answer to RCPT or DATA: one reply for all who have none. */
static AmAttempt
attempt_shut(Attempt *attempt, GPtrArray *batch)
{
	g_autoptr(AmReply) said = am_reply_copy(attempt->data);
	for (guint i = 0; i < batch->len && said == NULL; i++) {
		const AmDelivery *delivery = batch->pdata[i];
		if (delivery->reply != NULL && delivery->reply->code == 421)
			said = am_reply_copy(delivery->reply);
	}
	deliveries_answer(batch, said, FALSE);
	return AM_ATTEMPT_DONE;
}

/* What the answers to the commands mean. */
static AmAttempt
attempt_conclude(Attempt *attempt, GPtrArray *batch, AmReply **failure)
{
	if (am_reply_is_temporary(attempt->mail)) {
		attempt_abandon(attempt);
		return attempt_elsewhere(attempt, batch, am_reply_copy(attempt->mail), failure);
	}
	if (am_reply_is_permanent(attempt->mail)) {
		deliveries_answer(batch, attempt->mail, FALSE);
		attempt_abandon(attempt);
	} else if (attempt->connection->is_dropped) {
		return attempt_shut(attempt, batch);
	} else if (attempt->temporary != NULL) {
		g_autoptr(AmReply) all = am_reply_copy(attempt->temporary);
		for (guint i = 0; i < batch->len; i++)
			delivery_answer(batch->pdata[i], all, FALSE);
		attempt_abandon(attempt);
	} else if (attempt->accepted->len == 0) {
		attempt_abandon(attempt);
	} else {
		attempt_deliver_data(attempt);
	}
	return AM_ATTEMPT_DONE;
}

AmAttempt
am_smtp_attempt(AmSmtpConnection *connection, AmSmtpTransaction *transaction, GPtrArray *batch,
		AmReply **failure, gboolean *is_own)
{
	g_auto(Attempt) attempt = {
		.connection = connection,
		.transaction = transaction,
		.context = { .extensions = connection->extensions },
		.rcpts = g_ptr_array_new(),
		.accepted = g_ptr_array_new(),
	};
	AmReply *lost = NULL;
	AmChunking chunking = connection->config->chunking;
	const AmTlsLink *link = am_stream_tls(connection->stream);
	attempt.context.is_tls_verified = link != NULL && am_tls_link_is_verified(link);
	if (chunking == AM_CHUNKING_NO)
		attempt.context.extensions &= ~(guint)AM_SMTP_CHUNKING;
	*is_own = TRUE;
	g_autoptr(AmReply) refusal = am_smtp_check_extensions(&attempt.context, transaction);
	if (refusal != NULL) {
		deliveries_answer(batch, refusal, TRUE);
		return AM_ATTEMPT_DONE;
	}
	attempt_choose(&attempt, batch);
	if (attempt.rcpts->len == 0)
		return AM_ATTEMPT_DONE;
	connection->n_mails++;
	attempt.is_chunked = attempt.context.is_binary ||
			     (chunking == AM_CHUNKING_ALWAYS &&
			      (connection->extensions & AM_SMTP_CHUNKING) != 0);
	attempt.is_data_along = !attempt.is_chunked &&
				(connection->extensions & AM_SMTP_PIPELINING) != 0 &&
				(attempt.rcpts->len == 1 || !transaction->is_smtp_caller);
	if (!am_smtp_forward_client(connection, transaction->envelope, &lost))
		return attempt_elsewhere(&attempt, batch, lost, failure);
	if (!attempt_commands(&attempt, &lost))
		return attempt_lost(&attempt, batch, lost, failure);
	*is_own = FALSE;
	return attempt_conclude(&attempt, batch, failure);
}
