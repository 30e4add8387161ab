/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The mail as the MTA hands it over: envelope, header field by field, body in pieces.  Put together
 * again it is the mail the MTA has, byte for byte when the MTA gives the blanks behind the colons. */

#include <config.h>

#include "milter/milter-private.h"

#include <string.h>

#include "log/log.h"
#include "mail/address.h"
#include "smtp/params.h"

#define MACROS_MAX 100u /* of one stage; the rest is forgotten */

/* -- macros -- */

const char *
am_milter_macro(const AmMilterServer *server, const char *name)
{
	const char *value = NULL;
	if (server->mail_macros != NULL)
		value = g_hash_table_lookup(server->mail_macros, name);
	if (value == NULL && server->session_macros != NULL)
		value = g_hash_table_lookup(server->session_macros, name);
	return value != NULL ? value : "";
}

/* "{name}" and "name" are the same. */
static char *
macro_name(const char *text)
{
	gsize len = strlen(text);
	if (len > 2 && text[0] == '{' && text[len - 1] == '}')
		return g_strndup(text + 1, len - 2);
	return g_strdup(text);
}

void
am_milter_keep_macros(AmMilterServer *server, AmMilterReader *reader)
{
	guint8 stage;
	const char *name, *value;
	if (!am_milter_get_byte(reader, &stage))
		return;
	gboolean is_session = stage == AM_MILTER_CONNECT || stage == AM_MILTER_HELO;
	GHashTable **table = is_session ? &server->session_macros : &server->mail_macros;
	if (*table == NULL)
		*table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	while (am_milter_get_text(reader, &name) && am_milter_get_text(reader, &value) &&
	       g_hash_table_size(*table) < MACROS_MAX)
		g_hash_table_replace(*table, macro_name(name), g_utf8_make_valid(value, -1));
}

/* -- envelope -- */

void
am_milter_abandon(AmMilterServer *server)
{
	g_clear_pointer(&server->mail_macros, g_hash_table_unref);
	if (server->envelope == NULL)
		return;
	if (server->phase == MILTER_MAIL)
		server->phase = MILTER_SESSION;
	g_clear_pointer(&server->recipients, g_ptr_array_unref);
	g_clear_pointer(&server->failure, am_reply_free);
	g_clear_pointer(&server->spool, am_spool_free);
	g_clear_pointer(&server->envelope, am_envelope_free);
	if (server->ops->on_abandon != NULL)
		server->ops->on_abandon(server->user);
}

static void
mail_set(char **slot, const char *text)
{
	g_free(*slot);
	*slot = g_strdup(text != NULL ? text : "");
}

/* RFC 3848; the MTA says SMTP or ESMTP, and whether TLS and AUTH were there. */
static const char *
mail_protocol(const AmMilterServer *server)
{
	gboolean is_tls = *am_milter_macro(server, "tls_version") != '\0';
	gboolean is_authenticated = *am_milter_macro(server, "auth_type") != '\0';
	if (is_tls)
		return is_authenticated ? "ESMTPSA" : "ESMTPS";
	return is_authenticated ? "ESMTPA" : "ESMTP";
}

static AmEnvelope *
mail_make_envelope(const AmMilterServer *server, char *sender)
{
	AmEnvelope *envelope = am_envelope_new();
	envelope->sender = sender;
	mail_set(&envelope->listener, server->intake->listener);
	mail_set(&envelope->protocol, mail_protocol(server));
	g_free(envelope->peer_address);
	envelope->peer_address = am_stream_peer_address(server->stream, &envelope->peer_port);
	envelope->local_port = am_stream_local_port(server->stream);
	mail_set(&envelope->client_address, server->client_address);
	mail_set(&envelope->client_name, server->client_name);
	mail_set(&envelope->helo, server->helo);
	mail_set(&envelope->queue_id, am_milter_macro(server, "i"));
	envelope->time_us = g_get_real_time();
	if (server->intake->policy_banks != NULL) {
		g_strfreev(envelope->policy_banks);
		envelope->policy_banks = g_strdupv((char **)server->intake->policy_banks);
	}
	if (*am_milter_macro(server, "auth_authen") != '\0')
		am_envelope_set_authenticated(envelope, am_milter_macro(server, "auth_authen"));
	return envelope;
}

/* Address and parameters of MAIL and RCPT.  *path: as the MTA wrote it, borrowed. */
static gboolean
mail_read_path(AmMilterReader *reader, const char **path, char **address, char **params)
{
	const char *rest, *word;
	g_autoptr(GError) error = NULL;
	if (!am_milter_get_text(reader, path))
		return FALSE;
	/* Postfix always writes <>, sendmail may leave them away */
	g_autofree char *bracketed =
		**path == '<' ? g_strdup(*path) : g_strdup_printf("<%s>", *path);
	if (!am_address_parse_path(bracketed, FALSE, address, &rest, &error)) {
		am_debug("milter: %s: %s", *path, error->message);
		*address = NULL;
	}
	g_autoptr(GString) text = g_string_new(NULL);
	while (am_milter_get_text(reader, &word))
		g_string_append_printf(text, " %s", word);
	*params = g_strdup(text->str);
	return TRUE;
}

gboolean
am_milter_take_mail(AmMilterServer *server, AmMilterReader *reader)
{
	const char *path;
	g_autofree char *params = NULL;
	g_autofree char *address = NULL;
	if (server->phase != MILTER_SESSION || !mail_read_path(reader, &path, &address, &params))
		return FALSE;
	if (address == NULL) {
		g_autoptr(AmReply) bad = am_reply_new(501, "5.1.7", "Bad sender address");
		am_milter_say_reply(server, bad);
		return TRUE;
	}
	g_autoptr(AmReply) busy =
		server->ops->on_begin != NULL ? server->ops->on_begin(server->user) : NULL;
	if (busy != NULL) {
		/* 421 would end the client's session */
		g_autoptr(AmReply) later = am_reply_new(451, busy->enhanced, "%s", busy->text);
		am_milter_say_reply(server, later);
		return TRUE;
	}
	server->envelope = mail_make_envelope(server, g_steal_pointer(&address));
	/* the MTA has taken them: what we do not know is its own affair */
	am_reply_free(am_server_mail_params(server->envelope, params));
	server->recipients = g_ptr_array_new_with_free_func(g_free);
	server->spool = am_spool_new(server->intake->spool_directory, server->intake->spool_memory);
	server->is_in_body = FALSE;
	server->start_us = g_get_monotonic_time();
	server->phase = MILTER_MAIL;
	am_milter_say(server, AM_MILTER_CONTINUE, NULL, 0);
	return TRUE;
}

static AmReply *
mail_judge_recipient(AmMilterServer *server, const AmRecipient *recipient)
{
	if (recipient->address == NULL || *recipient->address == '\0')
		return am_reply_new(501, "5.1.3", "Bad recipient address");
	if (server->envelope->recipients->len >= server->intake->recipient_limit)
		return am_reply_new(452, "4.5.3", "Too many recipients");
	if (server->ops->on_recipient == NULL)
		return NULL;
	return server->ops->on_recipient(server->user, server->envelope, recipient);
}

gboolean
am_milter_take_rcpt(AmMilterServer *server, AmMilterReader *reader)
{
	const char *path;
	g_autofree char *params = NULL;
	g_autoptr(AmRecipient) recipient = g_new0(AmRecipient, 1);
	if (server->phase != MILTER_MAIL ||
	    !mail_read_path(reader, &path, &recipient->address, &params))
		return FALSE;
	am_reply_free(am_server_rcpt_params(recipient, server->envelope->smtputf8, params));
	g_autoptr(AmReply) refusal = mail_judge_recipient(server, recipient);
	if (refusal != NULL) {
		am_milter_say_reply(server, refusal);
		return TRUE;
	}
	g_ptr_array_add(server->envelope->recipients, g_steal_pointer(&recipient));
	g_ptr_array_add(server->recipients, g_strdup(path));
	am_milter_say(server, AM_MILTER_CONTINUE, NULL, 0);
	return TRUE;
}

/* -- header and body -- */

static void
mail_append(AmMilterServer *server, gconstpointer data, gsize len)
{
	g_autoptr(GError) error = NULL;
	guint64 limit = server->intake->size_limit;
	if (server->failure != NULL || len == 0)
		return;
	if (limit > 0 && am_spool_size(server->spool) + len > limit) {
		server->failure =
			am_reply_new(552, "5.3.4", "Message is larger than this system takes");
	} else if (!am_spool_append(server->spool, data, len, &error)) {
		am_error("listener %s: spool: %s", server->intake->listener, error->message);
		server->failure = am_spool_is_disk_full(server->spool) ? am_reply_disk_full()
								       : am_reply_from_error(error);
	}
}

/* Lines of a field end in LF for a milter. */
static void
mail_append_lines(AmMilterServer *server, const char *text)
{
	for (;;) {
		gsize len = strcspn(text, "\n");
		gboolean has_cr = len > 0 && text[len - 1] == '\r';
		mail_append(server, text, len);
		if (text[len] == '\0')
			return;
		mail_append(server, has_cr ? "\n" : "\r\n", has_cr ? 1 : 2);
		text += len + 1;
	}
}

gboolean
am_milter_take_header(AmMilterServer *server, AmMilterReader *reader)
{
	const char *name, *value;
	if (server->phase != MILTER_MAIL || server->is_in_body ||
	    !am_milter_get_text(reader, &name) || !am_milter_get_text(reader, &value))
		return FALSE;
	mail_append_lines(server, name);
	/* without the agreement the MTA has taken one blank away */
	gboolean has_blanks = (server->protocol & AM_MILTER_LEADING_SPACE) != 0;
	mail_append(server, ": ", has_blanks ? 1 : 2);
	mail_append_lines(server, value);
	mail_append(server, "\r\n", 2);
	return TRUE;
}

void
am_milter_end_header(AmMilterServer *server)
{
	if (server->is_in_body)
		return;
	server->is_in_body = TRUE;
	mail_append(server, "\r\n", 2);
}

void
am_milter_take_body(AmMilterServer *server, const guint8 *data, gsize len)
{
	am_milter_end_header(server);
	mail_append(server, data, len);
}

/* -- the end -- */

static AmMail *
mail_finish(AmMilterServer *server)
{
	AmMail *mail =
		am_mail_new(g_steal_pointer(&server->envelope), g_steal_pointer(&server->spool));
	/* sendmail names the queue id only now */
	if (*mail->envelope->queue_id == '\0')
		mail_set(&mail->envelope->queue_id, am_milter_macro(server, "i"));
	mail->arrival_us = mail->envelope->time_us;
	mail->start_us = server->start_us;
	mail->received_us = g_get_monotonic_time();
	return mail;
}

void
am_milter_end_mail(AmMilterServer *server)
{
	g_autoptr(GError) error = NULL;
	am_milter_end_header(server);
	if (server->failure == NULL && server->envelope->recipients->len == 0)
		server->failure = am_reply_new(554, "5.5.1", "No valid recipients");
	if (server->failure == NULL && !am_spool_finish(server->spool, &error)) {
		am_error("listener %s: spool: %s", server->intake->listener, error->message);
		server->failure = am_spool_is_disk_full(server->spool) ? am_reply_disk_full()
								       : am_reply_from_error(error);
	}
	if (server->failure != NULL) {
		am_milter_say_reply(server, server->failure);
		am_milter_abandon(server);
		return;
	}
	g_auto(AmHandback) handback;
	am_handback_init(&handback);
	AmMail *mail = mail_finish(server);
	server->ops->on_mail(server->user, mail, &handback);
	am_milter_say_verdict(server, mail, &handback);
	server->ops->on_done(server->user);
	g_clear_pointer(&server->recipients, g_ptr_array_unref);
	g_clear_pointer(&server->mail_macros, g_hash_table_unref);
	server->phase = MILTER_SESSION;
}
