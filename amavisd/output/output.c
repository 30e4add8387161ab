/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Choosing the kind, and what is common to all of them. */

#include <config.h>

#include <string.h>

#include "log/log.h"
#include "mail/address.h"
#include "output/output-private.h"
#include "output/pipe-config.h"

AmOutputs *
am_outputs_new(const AmConfig *config, const char *hostname, GPtrArray *problems)
{
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	AmOutputs *outputs = g_new0(AmOutputs, 1);
	outputs->hostname = g_strdup(hostname);
	outputs->spool_directory = g_strdup(am_config_string(core, "spool_directory"));
	outputs->spool_memory = (guint64)am_config_int(core, "spool_memory");
	outputs->pipes = am_pipes_new(config, problems);
	return outputs;
}

void
am_outputs_free(AmOutputs *outputs)
{
	if (outputs == NULL)
		return;
	g_hash_table_unref(outputs->pipes);
	g_free(outputs->spool_directory);
	g_free(outputs->hostname);
	g_free(outputs);
}

/* -- what the kinds share -- */

const char *
am_output_sender(const AmSmtpTransaction *transaction)
{
	const char *sender =
		transaction->sender != NULL ? transaction->sender : transaction->envelope->sender;
	return sender != NULL ? sender : "";
}

char *
am_output_head(const AmSmtpTransaction *transaction, const GPtrArray *batch)
{
	g_autoptr(GString) out = g_string_new("Return-Path: <");
	g_autofree char *sender = am_address_quote(am_output_sender(transaction));
	g_string_append_printf(out, "%s>\r\n", sender);
	for (guint i = 0; batch != NULL && i < batch->len; i++) {
		const AmDelivery *delivery = batch->pdata[i];
		g_autofree char *address = am_address_quote(delivery->recipient->address);
		g_string_append_printf(out, "%s<%s>", i == 0 ? "X-Envelope-To: " : ",\r\n\t",
				       address);
	}
	if (batch != NULL && batch->len > 0)
		g_string_append(out, "\r\n");
	return g_strdup(out->str);
}

gboolean
am_output_write(const AmSmtpTransaction *transaction, AmWriteFunc write, gpointer user_data,
		GError **error)
{
	return am_edits_write(transaction->edits, transaction->fd, transaction->size,
			      transaction->report, write, user_data, error);
}

void
am_output_answer(GPtrArray *batch, AmReply *reply)
{
	for (guint i = 0; i < batch->len; i++) {
		AmDelivery *delivery = batch->pdata[i];
		delivery->reply = am_reply_copy(reply);
	}
	am_reply_free(reply);
}

AmReply *
am_output_failed(const AmSmtpTransaction *transaction, const AmHop *hop, const GError *error)
{
	am_log(AM_LOG_ERROR, transaction->mail_id, "%s: %s", hop->text, error->message);
	return am_reply_new(451, "4.3.0", "%s: not delivered, the log says why", hop->text);
}

/* -- delivering -- */

gboolean
am_output_deliver(const AmOutputs *outputs, const AmHop *hop, const AmSmtpTransaction *transaction,
		  GPtrArray *batch, AmReply **failure)
{
	g_autoptr(GError) error = NULL;
	gboolean is_done = FALSE;
	AmPipe *pipe;
	switch (hop->kind) {
	case AM_HOP_PIPE:
		pipe = g_hash_table_lookup(outputs->pipes, hop->host);
		if (pipe != NULL)
			is_done = am_output_pipe(outputs, pipe, transaction, batch, &error);
		else
			g_set_error(&error, AM_ERROR, AM_ERROR_CONFIG, "there is no [pipe %s]",
				    hop->host);
		break;
	case AM_HOP_BSMTP:
		is_done = am_output_bsmtp(outputs, transaction, hop->host, batch, &error);
		break;
	case AM_HOP_MBOX:
		is_done = am_output_mbox(transaction, hop->host, batch, &error);
		break;
	case AM_HOP_MAILDIR:
		is_done = am_output_maildir(outputs, transaction, hop->host, batch, &error);
		break;
	case AM_HOP_SMTP:
	case AM_HOP_LMTP:
		g_assert_not_reached();
	}
	if (!is_done)
		*failure = am_output_failed(transaction, hop, error);
	else if (hop->kind != AM_HOP_PIPE)
		am_output_answer(batch, am_reply_new(250, "2.6.0", "delivered"));
	return is_done;
}
