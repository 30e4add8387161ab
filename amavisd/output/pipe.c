/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* pipe:NAME, a program that takes the mail on its standard input.
 *
 * The mail is written to a spool of its own first, as the program shall see it: so a program that reads
 * slowly or not at all holds nothing but itself, and one that ends early is no error of ours. */

#include <config.h>

#include <string.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/spool.h"
#include "output/lines.h"
#include "output/output-private.h"

static gboolean
pipe_append(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	return am_spool_append(user_data, data, len, error);
}

static gboolean
pipe_write(const AmPipe *pipe, const AmSmtpTransaction *transaction, AmSpool *spool, GError **error)
{
	AmLineWriter lines = { .write = pipe_append, .user_data = spool };
	AmWriteFunc write = pipe->is_crlf ? pipe_append : am_line_writer_write;
	gpointer to = pipe->is_crlf ? (gpointer)spool : (gpointer)&lines;
	g_autofree char *head = pipe->has_return_path ? am_output_head(transaction, NULL) : NULL;
	return (head == NULL || write(head, strlen(head), to, error)) &&
	       am_output_write(transaction, write, to, error) &&
	       am_line_writer_finish(&lines, error) && am_spool_finish(spool, error);
}

/* One run for those recipients.  FALSE: it could not be started. */
static gboolean
pipe_run(const AmPipe *pipe, const AmSmtpTransaction *transaction, const AmSpool *spool,
	 GPtrArray *recipients, GError **error)
{
	AmReply *refusal = NULL;
	AmPipeResult result;
	g_auto(GStrv) argv = am_pipe_arguments(pipe, transaction, recipients, &refusal);
	if (argv == NULL) {
		am_output_answer(recipients, refusal);
		return TRUE;
	}
	int fd = am_spool_fd(spool);
	gint64 until_us = MIN(transaction->deadline_us, g_get_monotonic_time() + pipe->time_us);
	if (lseek(fd, 0, SEEK_SET) < 0)
		return am_file_error("spool for", pipe->name, error);
	if (!am_pipe_run(argv, pipe->directory, fd, until_us, &result, error))
		return FALSE;
	am_output_answer(recipients, am_pipe_reply(pipe, &result));
	am_delivery_note_dsn(recipients, pipe->has_dsn);
	g_free(result.said);
	return TRUE;
}

/* A run for each; whoever comes after one that could not be started is told the same. */
static gboolean
pipe_run_each(const AmPipe *pipe, const AmSmtpTransaction *transaction, const AmSpool *spool,
	      GPtrArray *batch, GError **error)
{
	for (guint i = 0; i < batch->len; i++) {
		g_autoptr(GPtrArray) one = g_ptr_array_new();
		g_autoptr(GError) reason = NULL;
		g_ptr_array_add(one, batch->pdata[i]);
		if (pipe_run(pipe, transaction, spool, one, &reason))
			continue;
		if (i == 0) {
			g_propagate_error(error, g_steal_pointer(&reason));
			return FALSE;
		}
		am_output_answer(one,
				 am_reply_new(451, "4.3.0", "%s could not be run", pipe->name));
	}
	return TRUE;
}

/* Those of batch whose addresses may stand on the command line; the others are refused, each for itself, so
 * that one recipient does not take the mail from the rest. */
static GPtrArray *
pipe_fit_recipients(const AmPipe *pipe, const AmSmtpTransaction *transaction,
		    const GPtrArray *batch)
{
	GPtrArray *fit = g_ptr_array_new();
	for (guint i = 0; i < batch->len; i++) {
		g_autoptr(GPtrArray) one = g_ptr_array_new();
		AmReply *refusal = NULL;
		g_ptr_array_add(one, batch->pdata[i]);
		g_auto(GStrv) argv = am_pipe_arguments(pipe, transaction, one, &refusal);
		if (argv == NULL)
			am_output_answer(one, refusal);
		else
			g_ptr_array_add(fit, batch->pdata[i]);
	}
	return fit;
}

/* One run for all. */
static gboolean
pipe_run_once(const AmPipe *pipe, const AmSmtpTransaction *transaction, const AmSpool *spool,
	      const GPtrArray *batch, GError **error)
{
	g_autoptr(GPtrArray) fit = pipe_fit_recipients(pipe, transaction, batch);
	g_autoptr(GError) reason = NULL;
	if (fit->len == 0 || pipe_run(pipe, transaction, spool, fit, &reason))
		return TRUE;
	if (fit->len == batch->len) {
		g_propagate_error(error, g_steal_pointer(&reason));
		return FALSE;
	}
	am_log(AM_LOG_ERROR, transaction->mail_id, "pipe:%s: %s", pipe->name, reason->message);
	am_output_answer(fit, am_reply_new(451, "4.3.0", "%s could not be run", pipe->name));
	return TRUE;
}

gboolean
am_output_pipe(const AmOutputs *outputs, const AmPipe *pipe, const AmSmtpTransaction *transaction,
	       GPtrArray *batch, GError **error)
{
	g_autoptr(AmSpool) spool = am_spool_new(outputs->spool_directory, outputs->spool_memory);
	if (!pipe_write(pipe, transaction, spool, error))
		return FALSE;
	if (pipe->is_single)
		return pipe_run_each(pipe, transaction, spool, batch, error);
	return pipe_run_once(pipe, transaction, spool, batch, error);
}
