/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The commands of the SMTP and LMTP server, one function each, found by the table at the end.
 * RFC 5321 4.1 and 4.3; RFC 2033 4; XFORWARD as Postfix has it. */

#include <config.h>

#include "smtp/server-private.h"

#include <string.h>

#include "log/log.h"
#include "mail/address.h"

#define COMMAND_LINE_MAX                                                                           \
	510 /* bytes without CRLF (RFC 5321 4.5.3.1.4), where no parameters may come */
#define COMMAND_HELO_MAX 255 /* bytes of the name a client greets with */

typedef void (*CommandFunc)(AmSmtpServer *server, const char *argument);

typedef enum {
	COMMAND_PLAIN = 0,
	COMMAND_LONG = 1 << 0, /* may be as long as AM_SERVER_LINE_MAX */
	COMMAND_NO_ARGUMENT = 1 << 1,
	COMMAND_ARGUMENT = 1 << 2, /* must have one */
	COMMAND_GREETED = 1 << 3,  /* only behind HELO, EHLO, LHLO */
	COMMAND_CLEAR = 1 << 4,	   /* also in the clear where TLS is required (RFC 3207 4) */
} CommandFlags;

/* Both greetings end what transaction there was (RFC 5321 4.1.4). */
static gboolean
command_greet(AmSmtpServer *server, const char *name)
{
	if (strlen(name) > COMMAND_HELO_MAX || strchr(name, ' ') != NULL) {
		am_server_refuse(server, 501, "5.5.4", "Invalid name in greeting");
		return FALSE;
	}
	am_server_abandon(server);
	am_server_forget_xforward(server);
	g_free(server->helo);
	server->helo = g_strdup(name);
	return TRUE;
}

static void
command_extended_greeting(AmSmtpServer *server, const char *name)
{
	if (!command_greet(server, name))
		return;
	server->is_extended = TRUE;
	g_autoptr(GString) text = g_string_new(server->config->hostname);
	g_string_append(text, "\nPIPELINING\nSIZE");
	if (server->config->intake.size_limit > 0)
		g_string_append_printf(text, " %" G_GUINT64_FORMAT, server->config->intake.size_limit);
	g_string_append(text, "\n8BITMIME\nCHUNKING\nENHANCEDSTATUSCODES\nDSN\nSMTPUTF8");
	am_server_announce_extensions(server, text);
	am_server_announce_auth(server, text);
	am_server_announce_xclient(server, text);
	if (am_server_offers_tls(server))
		g_string_append(text, "\nSTARTTLS");
	am_server_hide_extensions(server, text);
	am_server_reply(server, 250, NULL, "%s", text->str);
}

static void
command_helo(AmSmtpServer *server, const char *name)
{
	if (server->config->is_lmtp) {
		am_server_refuse(server, 500, "5.5.1", "This is LMTP, say LHLO");
	} else if (command_greet(server, name)) {
		server->is_extended = FALSE;
		am_server_reply(server, 250, NULL, "%s", server->config->hostname);
	}
}

static void
command_ehlo(AmSmtpServer *server, const char *name)
{
	if (server->config->is_lmtp) /* RFC 2033 4.1 */
		am_server_refuse(server, 500, "5.5.1", "This is LMTP, say LHLO");
	else
		command_extended_greeting(server, name);
}

static void
command_lhlo(AmSmtpServer *server, const char *name)
{
	if (!server->config->is_lmtp)
		am_server_refuse(server, 500, "5.5.1", "This is SMTP, say EHLO");
	else
		command_extended_greeting(server, name);
}

/* "FROM:" or "TO:" in any case, then blanks that the grammar does not have but clients send. */
static const char *
command_skip_word(const char *argument, const char *word)
{
	if (g_ascii_strncasecmp(argument, word, strlen(word)) != 0)
		return NULL;
	argument += strlen(word);
	while (*argument == ' ')
		argument++;
	return argument;
}

/* Reads the path; NULL after a refusal.  *params: what follows it. */
static char *
command_read_path(AmSmtpServer *server, const char *argument, gboolean is_sender,
		  const char **params)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *address = NULL;
	const char *word = is_sender ? "FROM:" : "TO:";
	const char *path = command_skip_word(argument, word);
	if (path == NULL) {
		am_server_refuse(server, 501, "5.5.4", "Syntax: %s %s<address>",
				 is_sender ? "MAIL" : "RCPT", word);
		return NULL;
	}
	if (!am_address_parse_path(path, FALSE, &address, params, &error)) {
		am_server_refuse(server, 501, is_sender ? "5.1.7" : "5.1.3", "Bad %s address: %s",
				 is_sender ? "sender" : "recipient", error->message);
		return NULL;
	}
	if (**params != '\0' && **params != ' ') {
		am_server_refuse(server, 501, "5.5.4", "Bad syntax behind the address");
		return NULL;
	}
	return g_steal_pointer(&address);
}

/* RFC 3848 and, with UTF-8, RFC 6531 3.7.3: the base, "S" under TLS, "A" behind AUTH. */
static char *
command_protocol(const AmSmtpServer *server, const AmEnvelope *envelope)
{
	const char *base = server->config->is_lmtp ? "LMTP" : "SMTP";
	if (!server->is_extended && !envelope->smtputf8)
		return g_strdup(base);
	return g_strconcat(envelope->smtputf8	     ? "UTF8"
			   : server->config->is_lmtp ? ""
						     : "E",
			   base, am_stream_tls(server->stream) != NULL ? "S" : "",
			   *envelope->authenticated != '\0' ? "A" : "", NULL);
}

static AmEnvelope *
command_make_envelope(AmSmtpServer *server, char *sender)
{
	AmEnvelope *envelope = am_envelope_new();
	envelope->sender = sender;
	g_free(envelope->listener);
	envelope->listener = g_strdup(server->config->intake.listener);
	g_free(envelope->own_name);
	envelope->own_name = g_strdup(server->config->hostname);
	g_free(envelope->peer_address);
	envelope->peer_address = g_strdup(server->peer_address);
	envelope->peer_port = server->peer_port;
	envelope->local_port = server->local_port;
	envelope->time_us = g_get_real_time();
	if (server->config->intake.policy_banks != NULL) {
		g_strfreev(envelope->policy_banks);
		envelope->policy_banks = g_strdupv((char **)server->config->intake.policy_banks);
	}
	am_server_set_client(server, envelope);
	return envelope;
}

/* Parameters and size; NULL when all is well. */
static AmReply *
command_check_mail(AmSmtpServer *server, AmEnvelope *envelope, const char *params)
{
	AmReply *reply = am_server_mail_params(envelope, params);
	if (reply != NULL)
		return reply;
	/* RFC 4954 5: whom we do not know cannot say who somebody else is */
	if (envelope->auth != NULL && server->config->auth != AM_SERVER_AUTH_NO &&
	    *envelope->authenticated == '\0') {
		g_free(envelope->auth);
		envelope->auth = g_strdup("<>");
	}
	guint64 limit = server->config->intake.size_limit;
	if (limit > 0 && envelope->declared_size > 0 && (guint64)envelope->declared_size > limit)
		return am_reply_new(552, "5.3.4", "Message is larger than this system takes");
	if (!envelope->smtputf8 && !am_address_is_ascii(envelope->sender))
		return am_reply_new(553, "5.6.7", "Sender address needs SMTPUTF8");
	return am_server_check_extensions(server, envelope);
}

static void
command_mail(AmSmtpServer *server, const char *argument)
{
	const char *params;
	if (server->envelope != NULL) {
		am_server_refuse(server, 503, "5.5.1", "Nested MAIL");
		return;
	}
	if (am_server_needs_auth(server)) {
		am_server_refuse(server, 530, "5.7.0", "Authentication required");
		return;
	}
	char *sender = command_read_path(server, argument, TRUE, &params);
	if (sender == NULL)
		return;
	g_autoptr(AmEnvelope) envelope = command_make_envelope(server, sender);
	g_autoptr(AmReply) bad = command_check_mail(server, envelope, params);
	if (bad != NULL) {
		am_server_refuse(server, bad->code, bad->enhanced, "%s", bad->text);
		return;
	}
	g_autoptr(AmReply) busy = NULL;
	if (server->ops->on_begin != NULL)
		busy = server->ops->on_begin(server->user);
	if (busy != NULL) {
		am_server_queue_reply(server, busy);
		if (busy->code == 421) /* says that we close (RFC 5321 3.8) */
			server->phase = SERVER_CLOSING;
		return;
	}
	g_free(envelope->protocol);
	envelope->protocol = command_protocol(server, envelope);
	server->envelope = g_steal_pointer(&envelope);
	server->is_chunked = FALSE;
	server->start_us = g_get_monotonic_time();
	server->n_bytes = 0;
	am_server_reply(server, 250, "2.1.0", "Sender ok");
}

/* Is the command right?  NULL when it is. */
static AmReply *
command_check_rcpt(const AmEnvelope *envelope, AmRecipient *recipient, const char *params)
{
	if (*recipient->address == '\0')
		return am_reply_new(501, "5.1.3", "Bad recipient address: null path");
	AmReply *reply = am_server_rcpt_params(recipient, envelope->smtputf8, params);
	if (reply != NULL)
		return reply;
	if (!envelope->smtputf8 && !am_address_is_ascii(recipient->address))
		return am_reply_new(553, "5.6.7", "Recipient address needs SMTPUTF8");
	return NULL;
}

/* Do we want this one?  A refusal here is not the client's fault. */
static AmReply *
command_judge_recipient(AmSmtpServer *server, const AmRecipient *recipient)
{
	if (server->envelope->recipients->len >= server->config->intake.recipient_limit)
		return am_reply_new(452, "4.5.3", "Too many recipients");
	if (server->ops->on_recipient == NULL)
		return NULL;
	return server->ops->on_recipient(server->user, server->envelope, recipient);
}

static void
command_rcpt(AmSmtpServer *server, const char *argument)
{
	const char *params;
	if (server->envelope == NULL || server->is_chunked) {
		am_server_refuse(server, 503, "5.5.1", "%s",
				 server->envelope == NULL ? "MAIL comes first" : "Not behind BDAT");
		return;
	}
	char *address = command_read_path(server, argument, FALSE, &params);
	if (address == NULL)
		return;
	g_autoptr(AmRecipient) recipient = g_new0(AmRecipient, 1);
	recipient->address = address;
	g_autoptr(AmReply) bad = command_check_rcpt(server->envelope, recipient, params);
	if (bad != NULL) {
		am_server_refuse(server, bad->code, bad->enhanced, "%s", bad->text);
		return;
	}
	g_autoptr(AmReply) refusal = command_judge_recipient(server, recipient);
	if (refusal != NULL) {
		am_server_queue_reply(server, refusal);
		return;
	}
	g_ptr_array_add(server->envelope->recipients, g_steal_pointer(&recipient));
	am_server_reply(server, 250, "2.1.5", "Recipient ok");
}

static void
command_data(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	if (server->envelope == NULL) {
		am_server_refuse(server, 503, "5.5.1", "MAIL comes first");
	} else if (server->is_chunked || server->envelope->body == AM_BODY_BINARYMIME) {
		/* RFC 3030 2 and 3 */
		am_server_refuse(server, 503, "5.5.1", "This mail comes by BDAT");
	} else if (server->envelope->recipients->len == 0) {
		/* RFC 5321 3.3; RFC 2033 4.2 wants 503 */
		am_server_refuse(server, server->config->is_lmtp ? 503 : 554, "5.5.1",
				 "No valid recipients");
	} else {
		am_server_data_begin(server);
		am_server_reply(server, 354, NULL, "End data with <CR><LF>.<CR><LF>");
	}
}

static void
command_rset(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	am_server_abandon(server);
	am_server_forget_xforward(server);
	am_server_reply(server, 250, "2.0.0", "Ok");
}

static void
command_noop(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	am_server_reply(server, 250, "2.0.0", "Ok");
}

static void
command_quit(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	am_server_abandon(server);
	am_server_reply(server, 221, "2.0.0", "%s closing connection", server->config->hostname);
	server->phase = SERVER_CLOSING;
}

static void
command_vrfy(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	am_server_reply(server, 252, "2.0.0", "Cannot verify, but will take mail and try");
}

static void
command_help(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	am_server_reply(server, 214, "2.0.0", "%s MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT XFORWARD",
			server->config->is_lmtp ? "LHLO" : "HELO EHLO");
}

static void
command_starttls(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	am_server_starttls(server);
}

static void
command_not_here(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	am_server_refuse(server, 502, "5.5.1", "Command not implemented");
}

/* A web browser or server was made to talk to us; what follows could be commands in disguise. */
static void
command_http(AmSmtpServer *server, const char *argument G_GNUC_UNUSED)
{
	am_warning("listener %s: client [%s] speaks HTTP, disconnected", server->config->intake.listener,
		   server->peer_address);
	am_server_abandon(server);
	am_server_reply(server, 421, "4.7.0", "%s This is no web server", server->config->hostname);
	server->phase = SERVER_CLOSING;
}

static const struct {
	const char *verb;
	CommandFunc func;
	CommandFlags flags;
} commands[] = {
	{ "MAIL", command_mail, COMMAND_LONG | COMMAND_ARGUMENT | COMMAND_GREETED },
	{ "RCPT", command_rcpt, COMMAND_LONG | COMMAND_ARGUMENT | COMMAND_GREETED },
	{ "DATA", command_data, COMMAND_NO_ARGUMENT | COMMAND_GREETED },
	/* checks all itself, since the chunk comes in any case */
	{ "BDAT", am_server_bdat, COMMAND_LONG | COMMAND_CLEAR },
	{ "XFORWARD", am_server_xforward, COMMAND_LONG | COMMAND_ARGUMENT | COMMAND_GREETED },
	{ "XCLIENT", am_server_xclient, COMMAND_LONG | COMMAND_ARGUMENT },
	{ "RSET", command_rset, COMMAND_NO_ARGUMENT },
	{ "QUIT", command_quit, COMMAND_NO_ARGUMENT | COMMAND_CLEAR },
	{ "EHLO", command_ehlo, COMMAND_ARGUMENT | COMMAND_CLEAR },
	{ "HELO", command_helo, COMMAND_ARGUMENT | COMMAND_CLEAR },
	{ "LHLO", command_lhlo, COMMAND_ARGUMENT | COMMAND_CLEAR },
	{ "NOOP", command_noop, COMMAND_CLEAR },
	{ "VRFY", command_vrfy, COMMAND_ARGUMENT },
	{ "HELP", command_help, COMMAND_PLAIN },
	{ "EXPN", command_not_here, COMMAND_PLAIN },
	{ "TURN", command_not_here, COMMAND_PLAIN },
	{ "ETRN", command_not_here, COMMAND_PLAIN },
	{ "SEND", command_not_here, COMMAND_PLAIN },
	{ "SOML", command_not_here, COMMAND_PLAIN },
	{ "SAML", command_not_here, COMMAND_PLAIN },
	{ "AUTH", am_server_auth, COMMAND_LONG | COMMAND_ARGUMENT },
	{ "STARTTLS", command_starttls, COMMAND_NO_ARGUMENT | COMMAND_CLEAR },
	{ "GET", command_http, COMMAND_LONG },
	{ "POST", command_http, COMMAND_LONG },
	{ "CONNECT", command_http, COMMAND_LONG },
};

/* Checks what all commands have in common and runs one. */
static void
command_run(AmSmtpServer *server, gsize i, const char *argument, gsize line_len)
{
	CommandFlags flags = commands[i].flags;
	if (line_len > COMMAND_LINE_MAX && (flags & COMMAND_LONG) == 0)
		am_server_refuse(server, 500, "5.5.2", "Line too long");
	else if ((flags & COMMAND_CLEAR) == 0 && am_server_needs_tls(server))
		am_server_refuse(server, 530, "5.7.0", "Must issue a STARTTLS command first");
	else if ((flags & COMMAND_ARGUMENT) != 0 && *argument == '\0')
		am_server_refuse(server, 501, "5.5.4", "%s needs an argument", commands[i].verb);
	else if ((flags & COMMAND_NO_ARGUMENT) != 0 && *argument != '\0')
		am_server_refuse(server, 501, "5.5.4", "%s takes no argument", commands[i].verb);
	else if ((flags & COMMAND_GREETED) != 0 && server->helo == NULL)
		am_server_refuse(server, 503, "5.5.1", "%s comes first",
				 server->config->is_lmtp ? "LHLO" : "EHLO or HELO");
	else
		commands[i].func(server, argument);
}

static gboolean
command_has_control(const char *line, gsize len)
{
	for (gsize i = 0; i < len; i++)
		if ((guchar)line[i] < 0x20 || line[i] == 0x7f)
			return TRUE;
	return FALSE;
}

void
am_server_command(AmSmtpServer *server, const char *line, gsize len)
{
	if (command_has_control(line, len) || !g_utf8_validate(line, (gssize)len, NULL)) {
		am_server_refuse(server, 500, "5.5.2", "Command has bytes that are no text");
		return;
	}
	gsize used = len;
	while (used > 0 && line[used - 1] == ' ')
		used--; /* RFC 5321 4.1.1: blanks at the end are tolerated */
	g_autofree char *text = g_strndup(line, used);
	gsize verb_len = strcspn(text, " ");
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		const char *verb = commands[i].verb;
		if (strlen(verb) == verb_len && g_ascii_strncasecmp(text, verb, verb_len) == 0) {
			command_run(server, i, text + verb_len + strspn(text + verb_len, " "), len);
			return;
		}
	}
	am_server_refuse(server, 500, "5.5.1", "Command not recognised");
}
