/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* DATA of the SMTP server: from the stream into the spool, dots removed (RFC 5321 4.5.2).  The text of
 * a BDAT chunk takes the same way; there a dot is a character like others.
 *
 * A mail ends at CRLF "." CRLF and at nothing else, and a line starts behind CRLF only: another
 * reading of a bare LF or CR, here or at the next hop, is how one mail is smuggled inside another.
 * A bare CR or LF is therefore either repaired to CRLF before anything sees it, or the mail is read
 * to its end and refused.
 *
 * Nearly all bytes are in lines that need nothing: they are found by memchr() and go to the spool
 * in runs as long as the chunk allows.  Only the bytes around a CR, a LF or a leading dot that are not
 * plainly in place are looked at one by one. */

#include <config.h>

#include "smtp/server-private.h"

#include <string.h>

#include "log/log.h"

/* The chunk being read.  next_cr and next_lf: the first at or behind `at`, `end` when there is
 * none, stale when NULL or before `at`; so each byte is searched once, whatever the mail looks like. */
typedef struct {
	const guint8 *at, *end;
	const guint8 *next_cr, *next_lf;
	gboolean is_dotted; /* a leading dot means something */
} DataChunk;

void
am_server_data_begin(AmSmtpServer *server)
{
	const AmSmtpServerConfig *config = server->config;
	server->spool = am_spool_new(config->intake.spool_directory, config->intake.spool_memory);
	server->data_state = DATA_LINE_START;
	server->data_failure = DATA_FINE;
	server->phase = SERVER_DATA;
}

void
am_server_data_fail(AmSmtpServer *server, DataFailure failure)
{
	if (server->data_failure != DATA_FINE)
		return;
	server->data_failure = failure;
	g_clear_pointer(&server->spool, am_spool_free);
}

static void
data_fail_spool(AmSmtpServer *server, const GError *error)
{
	am_error("%s", error->message);
	am_server_data_fail(server, am_spool_is_disk_full(server->spool) ? DATA_DISK_FULL : DATA_FAILED);
}

void
am_server_data_append(AmSmtpServer *server, gconstpointer data, gsize len)
{
	g_autoptr(GError) error = NULL;
	if (server->spool == NULL || len == 0)
		return;
	guint64 limit = server->config->intake.size_limit;
	if (limit > 0 && am_spool_size(server->spool) + len > limit)
		am_server_data_fail(server, DATA_TOO_LARGE);
	else if (!am_spool_append(server->spool, data, len, &error))
		data_fail_spool(server, error);
}

/* `count` bare CR or LF. */
static void
data_append_bare(AmSmtpServer *server, guint64 count)
{
	if (!server->config->is_bare_normalised)
		am_server_data_fail(server, DATA_BARE);
	for (; count > 0 && server->spool != NULL; count--)
		am_server_data_append(server, "\r\n", 2);
}

/* The end of the bytes that may be taken as they are: whole lines, and the open one at the end of
 * the chunk.  It stands before a leading dot, a bare CR or LF, or a CR whose LF is not there yet. */
static const guint8 *
data_find_run_end(DataChunk *chunk)
{
	const guint8 *at = chunk->at;
	const guint8 *end = chunk->end;
	while (at < end) {
		if (chunk->next_lf == NULL || chunk->next_lf < at) {
			chunk->next_lf = memchr(at, '\n', end - at);
			chunk->next_lf = chunk->next_lf != NULL ? chunk->next_lf : end;
		}
		if (chunk->next_cr == NULL || chunk->next_cr < at) {
			chunk->next_cr = memchr(at, '\r', end - at);
			chunk->next_cr = chunk->next_cr != NULL ? chunk->next_cr : end;
		}
		if (chunk->next_cr + 1 != chunk->next_lf || chunk->next_lf == end)
			return MIN(chunk->next_cr, chunk->next_lf);
		at = chunk->next_lf + 1;
		if (at < end && *at == '.' && chunk->is_dotted)
			return at;
	}
	return end;
}

static void
data_take_run(AmSmtpServer *server, DataChunk *chunk)
{
	const guint8 *stop = data_find_run_end(chunk);
	if (stop == chunk->at)
		return;
	am_server_data_append(server, chunk->at, stop - chunk->at);
	/* each LF in a run has its CR before it */
	server->data_state = stop[-1] == '\n' ? DATA_LINE_START : DATA_MIDDLE;
	chunk->at = stop;
}

/* Behind CR: was it the first half of CRLF? */
static void
data_step_cr(AmSmtpServer *server, DataChunk *chunk)
{
	if (*chunk->at == '\r') {
		server->cr_count++;
		chunk->at++;
	} else if (*chunk->at == '\n') {
		/* more than one CR before LF is one line end for Postfix and for us, so that it
		 * cannot make an empty line that ends the header */
		if (server->cr_count > 1)
			data_append_bare(server, 0);
		am_server_data_append(server, "\r\n", 2);
		server->data_state = DATA_LINE_START;
		chunk->at++;
	} else {
		data_append_bare(server, server->cr_count);
		server->data_state = DATA_MIDDLE;
	}
}

/* Behind CRLF "." CR; TRUE at the end of the mail. */
static gboolean
data_step_dot_cr(AmSmtpServer *server, DataChunk *chunk)
{
	if (*chunk->at == '\n') {
		chunk->at++;
		return TRUE;
	}
	server->data_state = DATA_CR;
	server->cr_count = 1;
	return FALSE;
}

/* Behind CRLF ".": the dot is dropped, whatever follows (RFC 5321 4.5.2). */
static void
data_step_dot(AmSmtpServer *server, DataChunk *chunk)
{
	if (*chunk->at == '\r') {
		server->data_state = DATA_DOT_CR;
		chunk->at++;
	} else {
		server->data_state = DATA_MIDDLE;
	}
}

/* In a line or at its start, before a byte that no run could take. */
static void
data_step_line(AmSmtpServer *server, DataChunk *chunk)
{
	switch (*chunk->at++) {
	case '.':
		server->data_state = DATA_DOT;
		break;
	case '\r':
		server->data_state = DATA_CR;
		server->cr_count = 1;
		break;
	default: /* LF without CR; no start of a line */
		data_append_bare(server, 1);
		server->data_state = DATA_MIDDLE;
		break;
	}
}

/* TRUE at the end of the mail; chunk->at stands behind what was used. */
static gboolean
data_read_chunk(AmSmtpServer *server, DataChunk *chunk)
{
	while (chunk->at < chunk->end) {
		switch (server->data_state) {
		case DATA_LINE_START:
			if (*chunk->at == '.' && chunk->is_dotted) {
				data_step_line(server, chunk);
				break;
			}
			/* fall through */
		case DATA_MIDDLE:
			data_take_run(server, chunk);
			if (chunk->at < chunk->end && (*chunk->at == '\r' || *chunk->at == '\n'))
				data_step_line(server, chunk);
			break;
		case DATA_CR:
			data_step_cr(server, chunk);
			break;
		case DATA_DOT:
			data_step_dot(server, chunk);
			break;
		case DATA_DOT_CR:
			if (data_step_dot_cr(server, chunk))
				return TRUE;
			break;
		}
	}
	return FALSE;
}

AmReply *
am_server_data_failure(DataFailure failure)
{
	switch (failure) {
	case DATA_BARE:
		return am_reply_new(550, "5.6.11", "bare CR or LF in mail");
	case DATA_TOO_LARGE:
		return am_reply_new(552, "5.3.4", "Message is larger than this system takes");
	case DATA_DISK_FULL:
		return am_reply_new(452, "4.3.1", "Insufficient system storage, try later");
	case DATA_FINE:
	case DATA_FAILED:
		break;
	}
	return am_reply_new(451, "4.3.0", "Temporary failure, try later");
}

/* One reply to the final dot, or in LMTP the same for each recipient (RFC 2033 4.2). */
static void
data_reply_all(AmSmtpServer *server, guint n_recipients, const AmReply *reply)
{
	guint n = server->config->is_lmtp ? n_recipients : 1;
	for (guint i = 0; i < n; i++)
		am_server_queue_reply(server, reply);
}

/* Hands the mail over and passes the replies on. */
static void
data_deliver(AmSmtpServer *server)
{
	guint n_recipients = server->envelope->recipients->len;
	gboolean is_prdr = server->envelope->is_prdr;
	AmMail *mail =
		am_mail_new(g_steal_pointer(&server->envelope), g_steal_pointer(&server->spool));
	mail->arrival_us = mail->envelope->time_us;
	mail->start_us = server->start_us;
	mail->received_us = g_get_monotonic_time();
	g_autoptr(GPtrArray) replies = server->ops->on_mail(server->user, mail);
	guint n = server->config->is_lmtp || is_prdr ? n_recipients : 1;
	if (replies == NULL || replies->len != n) {
		am_error("mail ended with %u replies instead of %u",
			 replies != NULL ? replies->len : 0, n);
		g_autoptr(AmReply) reply = am_server_data_failure(DATA_FAILED);
		data_reply_all(server, n_recipients, reply);
		return;
	}
	/* PRDR: the replies stand between these two, and each is the last word on its recipient.  A
	 * mail that fails as a whole has but one reply, as without. */
	if (is_prdr)
		am_server_reply(server, 353, NULL, "A reply for each recipient follows");
	for (guint i = 0; i < n; i++)
		am_server_queue_reply(server, g_ptr_array_index(replies, i));
	if (is_prdr)
		am_server_reply(server, 250, "2.0.0", "The replies above stand");
}

void
am_server_data_finish(AmSmtpServer *server)
{
	g_autoptr(GError) error = NULL;
	server->phase = SERVER_COMMAND;
	if (server->spool != NULL && !am_spool_finish(server->spool, &error))
		data_fail_spool(server, error);
	if (server->data_failure == DATA_FINE) {
		data_deliver(server);
	} else {
		g_autoptr(AmReply) reply = am_server_data_failure(server->data_failure);
		data_reply_all(server, server->envelope->recipients->len, reply);
		am_server_abandon(server);
	}
	am_server_forget_xforward(server);
}

void
am_server_data_text(AmSmtpServer *server, const guint8 *data, gsize len)
{
	DataChunk chunk = { .at = data, .end = data + len };
	(void)data_read_chunk(server, &chunk); /* without dots there is no end */
}

void
am_server_data_end_text(AmSmtpServer *server)
{
	if (server->data_state == DATA_CR) {
		data_append_bare(server, server->cr_count);
		server->data_state = DATA_LINE_START;
	} else if (server->data_state == DATA_MIDDLE) {
		am_server_data_append(server, "\r\n", 2);
	}
}

AmReadResult
am_server_data_feed(AmSmtpServer *server, gsize *budget)
{
	const guint8 *data;
	gsize len;
	gboolean is_begun = FALSE;
	while (*budget > 0) {
		AmReadResult result = am_stream_try_peek(server->stream, &data, &len);
		if (result == AM_READ_AGAIN && is_begun)
			am_stream_acknowledge(server->stream); /* OpenSMTPD sends the final dot then */
		if (result != AM_READ_OK)
			return result;
		is_begun = TRUE;
		len = MIN(len, *budget);
		DataChunk chunk = { .at = data, .end = data + len, .is_dotted = TRUE };
		gboolean is_end = data_read_chunk(server, &chunk);
		*budget -= chunk.at - data;
		am_stream_consume(server->stream, chunk.at - data);
		if (is_end) {
			am_server_data_finish(server);
			return AM_READ_OK;
		}
	}
	return AM_READ_AGAIN;
}
