/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* BDAT of the SMTP and LMTP server (RFC 3030, RFC 2033 4.3):
 *
 *     bdat = "BDAT" SP 1*20DIGIT [ SP "LAST" ] CRLF size*OCTET
 *
 * The chunk follows the command whatever we think of it, so it is always read to its end and
 * answered then; bytes of a mail are never taken for commands.  Only a command whose size cannot be
 * read ends the connection, since nobody knows where its chunk ends.
 *
 * A mail of text (BODY=7BIT, 8BITMIME or not said) is held to the same rules for CR and LF as one
 * that comes by DATA, and its last line is completed.  With BODY=BINARYMIME all bytes are the mail's
 * own and go to the spool as they are.
 *
 * A chunk that fails fails the mail: it and those behind it get the same answer, until LAST or RSET
 * (RFC 3030 2). */

#include <config.h>

#include "smtp/server-private.h"

#include <string.h>

/* FALSE: this says nothing about a chunk. */
static gboolean
bdat_parse(const char *argument, guint64 *size, gboolean *is_last)
{
	gsize digits = strspn(argument, "0123456789");
	if (digits == 0 || digits > 20 || (argument[digits] != '\0' && argument[digits] != ' '))
		return FALSE;
	g_autofree char *number = g_strndup(argument, digits);
	if (!g_ascii_string_to_unsigned(number, 10, 0, G_MAXINT64, size, NULL))
		return FALSE;
	const char *rest = argument + digits;
	rest += strspn(rest, " ");
	*is_last = g_ascii_strcasecmp(rest, "LAST") == 0;
	return *is_last || *rest == '\0';
}

/* What is wrong with the command itself; NULL nothing. */
static AmReply *
bdat_check(const AmSmtpServer *server)
{
	if (am_server_needs_tls(server))
		return am_reply_new(530, "5.7.0", "Must issue a STARTTLS command first");
	if (server->envelope == NULL)
		return am_reply_new(503, "5.5.1", "MAIL comes first");
	if (server->envelope->recipients->len == 0) /* as DATA */
		return am_reply_new(server->config->is_lmtp ? 503 : 554, "5.5.1",
				    "No valid recipients");
	return NULL;
}

/* The first chunk opens the spool; each may already be too large by what it says. */
static void
bdat_begin(AmSmtpServer *server)
{
	if (!server->is_chunked)
		am_server_data_begin(server);
	server->is_chunked = TRUE;
	guint64 limit = server->config->intake.size_limit;
	if (server->spool == NULL || limit == 0)
		return;
	guint64 size = am_spool_size(server->spool);
	if (size > limit || server->chunk_left > limit - size)
		am_server_data_fail(server, DATA_TOO_LARGE);
}

void
am_server_bdat(AmSmtpServer *server, const char *argument)
{
	if (!bdat_parse(argument, &server->chunk_left, &server->is_last)) {
		am_server_abandon(server);
		am_server_reply(server, 521, "5.5.4", "Syntax: BDAT size [LAST]; closing");
		server->phase = SERVER_CLOSING;
		return;
	}
	server->chunk_reply = bdat_check(server);
	if (server->chunk_reply == NULL)
		bdat_begin(server);
	server->phase = SERVER_BDAT;
}

static void
bdat_take(AmSmtpServer *server, const guint8 *data, gsize len)
{
	if (server->chunk_reply != NULL || server->spool == NULL)
		return;
	if (server->envelope->body == AM_BODY_BINARYMIME)
		am_server_data_append(server, data, len);
	else
		am_server_data_text(server, data, len);
}

/* The chunk is not part of any mail. */
static void
bdat_refuse(AmSmtpServer *server)
{
	g_autoptr(AmReply) reply = g_steal_pointer(&server->chunk_reply);
	/* RFC 2033 4.3: as many answers as recipients */
	gboolean is_silent =
		server->config->is_lmtp && server->is_last && server->envelope != NULL;
	server->phase = SERVER_COMMAND;
	if (server->is_last)
		am_server_abandon(server);
	if (!is_silent)
		am_server_refuse(server, reply->code, reply->enhanced, "%s", reply->text);
}

static void
bdat_finish(AmSmtpServer *server, guint64 size)
{
	if (server->is_last) {
		if (server->envelope->body != AM_BODY_BINARYMIME)
			am_server_data_end_text(server);
		am_server_data_finish(server);
		return;
	}
	server->phase = SERVER_COMMAND;
	if (server->data_failure == DATA_FINE) {
		am_server_reply(server, 250, "2.0.0", "%" G_GUINT64_FORMAT " bytes so far", size);
	} else {
		g_autoptr(AmReply) reply = am_server_data_failure(server->data_failure);
		am_server_queue_reply(server, reply);
	}
}

AmReadResult
am_server_bdat_feed(AmSmtpServer *server, gsize *budget)
{
	const guint8 *data;
	gsize len;
	while (server->chunk_left > 0) {
		if (*budget == 0)
			return AM_READ_AGAIN;
		AmReadResult result = am_stream_try_peek(server->stream, &data, &len);
		if (result != AM_READ_OK)
			return result;
		len = MIN(len, *budget);
		len = (gsize)MIN((guint64)len, server->chunk_left);
		bdat_take(server, data, len);
		am_stream_consume(server->stream, len);
		*budget -= len;
		server->chunk_left -= len;
	}
	if (server->chunk_reply != NULL)
		bdat_refuse(server);
	else
		bdat_finish(server, server->spool != NULL ? am_spool_size(server->spool) : 0);
	return AM_READ_OK;
}
