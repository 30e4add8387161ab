/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A mail by BDAT (RFC 3030).  The whole mail is one chunk, the last: its size is found by writing it
 * once to nowhere, which costs another read of bytes that are in memory anyhow, but no buffer and no
 * round trip for each chunk.  A mail that cannot be written to its end leaves the chunk short, and
 * the connection is dropped, so nobody can take it for whole.
 *
 * Text goes through the same cleaning as with DATA, without the dots.  A mail that is BINARYMIME goes
 * as it is; to a peer that does not know that, it goes only if it is text after all. */

#include <config.h>

#include "smtp/client-private.h"

#include <string.h>

#include "mail/spool.h"

#define BDAT_LINE_MAX 998u /* bytes without CRLF, RFC 5321 4.5.3.1.6 */

/* ---- is it text? ---- */

/* What is known of the line at hand. */
typedef struct {
	guint64 line_len;
	gboolean is_cr_last;
} TextState;

/* TRUE: no mail of lines has these bytes. */
static gboolean
text_is_broken(const guint8 *data, gsize len, gpointer user_data)
{
	TextState *state = user_data;
	for (gsize i = 0; i < len; i++) {
		if ((data[i] == '\n') != state->is_cr_last || data[i] == '\0')
			return TRUE; /* CR and LF come together only */
		state->is_cr_last = data[i] == '\r';
		if (data[i] == '\n')
			state->line_len = 0;
		else if (data[i] != '\r' && ++state->line_len > BDAT_LINE_MAX)
			return TRUE;
	}
	return FALSE;
}

/* Only lines of CR LF, none too long, no NUL; the last may be open. */
static gboolean
text_is_all(int fd, guint64 size, gboolean *is_text, GError **error)
{
	TextState state = { 0 };
	gboolean is_broken;
	if (!am_smtp_search(fd, size, text_is_broken, &state, &is_broken, error))
		return FALSE;
	*is_text = !is_broken && !state.is_cr_last;
	return TRUE;
}

AmReply *
am_smtp_check_binary(AmSmtpCommandContext *context, const AmSmtpTransaction *transaction)
{
	const guint both = AM_SMTP_CHUNKING | AM_SMTP_BINARYMIME;
	g_autoptr(GError) error = NULL;
	gboolean is_text;
	context->is_binary = FALSE;
	if (transaction->envelope->body != AM_BODY_BINARYMIME)
		return NULL;
	context->is_binary = (context->extensions & both) == both;
	if (context->is_binary)
		return NULL;
	if (!text_is_all(transaction->fd, transaction->size, &is_text, &error))
		return am_reply_new(451, "4.3.0", "the mail cannot be read: %s", error->message);
	if (is_text)
		return NULL;
	/* RFC 3030 3: convert, or return as undeliverable */
	return am_reply_new(554, "5.6.1",
			    "the mail is binary and the next hop does not offer BINARYMIME");
}

/* ---- writing ---- */

static gboolean
chunk_count(gconstpointer data G_GNUC_UNUSED, gsize len, gpointer user_data,
	    GError **error G_GNUC_UNUSED)
{
	guint64 *size = user_data;
	*size += len;
	return TRUE;
}

static gboolean
chunk_write_mail(const AmSmtpTransaction *transaction, gboolean is_binary, AmWriteFunc write,
		 gpointer user_data, GError **error)
{
	AmDotWriter writer = { .write = write, .user_data = user_data, .is_undotted = TRUE };
	if (is_binary)
		return am_edits_write(transaction->edits, transaction->fd, transaction->size,
				      transaction->report, write, user_data, error);
	return am_edits_write(transaction->edits, transaction->fd, transaction->size,
			      transaction->report, am_dot_writer_write, &writer, error) &&
	       am_dot_writer_finish(&writer, error);
}

gboolean
am_smtp_write_chunk(const AmSmtpTransaction *transaction, gboolean is_binary, AmWriteFunc write,
		    gpointer user_data, GError **error)
{
	guint64 size = 0;
	if (!chunk_write_mail(transaction, is_binary, chunk_count, &size, error))
		return FALSE;
	g_autofree char *command = g_strdup_printf("BDAT %" G_GUINT64_FORMAT " LAST\r\n", size);
	return write(command, strlen(command), user_data, error) &&
	       chunk_write_mail(transaction, is_binary, write, user_data, error);
}
