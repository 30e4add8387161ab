/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The commands MAIL and RCPT, with the parameters the peer knows, and what is to be done when it
 * lacks one that the mail needs: nothing is converted, so a mail in 8 bits that must not become
 * corrupt is refused (features O16), and one that needs SMTPUTF8 too, unless writing the domains in
 * ASCII (RFC 5890) is enough (O15). */

#include <config.h>

#include "smtp/client-private.h"

#include <idn2.h>
#include <string.h>

#include "mail/address.h"

/* When the mail was not inspected nobody knows where its header ends; look at that much of it. */
#define HEADER_GUESS_BYTES 65536u

/* A text fit to stand in a command line: no blanks, no control bytes. */
static gboolean
command_is_word(const char *text, gboolean is_utf8_allowed)
{
	if (text == NULL || *text == '\0')
		return FALSE;
	for (const guchar *at = (const guchar *)text; *at != '\0'; at++)
		if (*at <= 0x20 || *at == 0x7f || (*at >= 0x80 && !is_utf8_allowed))
			return FALSE;
	return TRUE;
}

/* The address as it stands between the brackets; NULL when this peer cannot be told it. */
static char *
command_address(const AmSmtpCommandContext *context, const char *address)
{
	for (const guchar *at = (const guchar *)address; *at != '\0'; at++)
		if (*at < 0x20 || *at == 0x7f) /* out of a policy script: no command may end here */
			return NULL;
	if (am_address_is_ascii(address) || (context->extensions & AM_SMTP_SMTPUTF8) != 0)
		return am_address_quote(address);
	const char *domain = am_address_domain(address);
	g_autofree char *local = am_address_local(address);
	if (!am_address_is_ascii(local))
		return NULL;
	char *ace = NULL;
	if (idn2_to_ascii_8z(domain, &ace, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return NULL;
	g_autofree char *ascii = g_strdup_printf("%s@%s", local, ace);
	idn2_free(ace);
	return am_address_quote(ascii);
}

static const char *
command_sender(const AmSmtpTransaction *transaction)
{
	if (transaction->sender != NULL)
		return transaction->sender;
	return transaction->envelope->sender != NULL ? transaction->envelope->sender : "";
}

/* RFC 1870 5: an estimate will do; dots that are doubled do not count. */
static guint64
command_size(const AmSmtpTransaction *transaction)
{
	guint64 size = transaction->size;
	guint n = transaction->edits != NULL ? am_edits_count(transaction->edits) : 0;
	for (guint i = 0; i < n; i++) {
		const AmEdit *edit = am_edits_get(transaction->edits, i);
		if (edit->op != AM_EDIT_DELETE && edit->value != NULL)
			size += strlen(edit->name) + strlen(edit->value) + strlen(": \r\n");
	}
	return size;
}

char *
am_smtp_mail_command(const AmSmtpCommandContext *context, const AmSmtpTransaction *transaction)
{
	const AmEnvelope *envelope = transaction->envelope;
	g_autofree char *address = command_address(context, command_sender(transaction));
	if (address == NULL)
		return NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	g_string_printf(out, "MAIL FROM:<%s>", address);
	if ((context->extensions & AM_SMTP_SIZE) != 0)
		g_string_append_printf(out, " SIZE=%" G_GUINT64_FORMAT, command_size(transaction));
	if (context->is_binary)
		g_string_append(out, " BODY=BINARYMIME");
	else if (envelope->body >= AM_BODY_8BITMIME &&
		 (context->extensions & AM_SMTP_8BITMIME) != 0)
		g_string_append(out, " BODY=8BITMIME");
	if (context->needs_smtputf8)
		g_string_append(out, " SMTPUTF8");
	if ((context->extensions & AM_SMTP_DSN) != 0) {
		if (command_is_word(envelope->ret, FALSE))
			g_string_append_printf(out, " RET=%s", envelope->ret);
		if (command_is_word(envelope->envid, FALSE))
			g_string_append_printf(out, " ENVID=%s", envelope->envid);
	}
	am_smtp_append_promises(context, envelope, out);
	if ((context->extensions & AM_SMTP_AUTH) != 0 && command_is_word(envelope->auth, FALSE))
		g_string_append_printf(out, " AUTH=%s", envelope->auth); /* RFC 4954 5 */
	g_string_append(out, "\r\n");
	return g_strdup(out->str);
}

/* ORCPT as this peer can be told it; NULL: not at all.  To be freed.  utf-8-addr-unitext needs SMTPUTF8, else
 * it becomes utf-8-addr-xtext, which says the same (RFC 6533 3). */
static char *
command_orcpt(const AmSmtpCommandContext *context, const char *orcpt)
{
	if (command_is_word(orcpt, context->needs_smtputf8))
		return g_strdup(orcpt);
	const char *address = orcpt != NULL ? strchr(orcpt, ';') : NULL;
	if (address == NULL || !command_is_word(orcpt, TRUE) || !g_utf8_validate(orcpt, -1, NULL) ||
	    g_ascii_strncasecmp(orcpt, "utf-8;", 6) != 0)
		return NULL;
	g_autoptr(GString) out = g_string_new("utf-8;");
	/* what is written as "\x{...}" already stays */
	for (const char *at = address + 1; *at != '\0'; at = g_utf8_next_char(at))
		if (g_utf8_get_char(at) < 0x80)
			g_string_append_c(out, *at);
		else
			g_string_append_printf(out, "\\x{%X}", g_utf8_get_char(at));
	return g_strdup(out->str);
}

char *
am_smtp_rcpt_command(const AmSmtpCommandContext *context, const AmRecipient *recipient)
{
	g_autofree char *address = command_address(context, recipient->address);
	if (address == NULL || *address == '\0')
		return NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	g_string_printf(out, "RCPT TO:<%s>", address);
	if ((context->extensions & AM_SMTP_DSN) != 0) {
		if (command_is_word(recipient->notify, FALSE))
			g_string_append_printf(out, " NOTIFY=%s", recipient->notify);
		g_autofree char *orcpt = command_orcpt(context, recipient->orcpt);
		if (orcpt != NULL)
			g_string_append_printf(out, " ORCPT=%s", orcpt);
	}
	g_string_append(out, "\r\n");
	return g_strdup(out->str);
}

static gboolean
extensions_has_utf8_address(const AmSmtpTransaction *transaction)
{
	if (!am_address_is_ascii(command_sender(transaction)))
		return TRUE;
	for (guint i = 0; i < transaction->deliveries->len; i++) {
		const AmDelivery *delivery = transaction->deliveries->pdata[i];
		if (!am_address_is_ascii(delivery->recipient->address))
			return TRUE;
	}
	return FALSE;
}

static AmReply *
extensions_unreadable(GError *error)
{
	AmReply *reply = am_reply_new(451, "4.3.0", "the mail cannot be read: %s", error->message);
	g_error_free(error);
	return reply;
}

static AmReply *
extensions_check_utf8(AmSmtpCommandContext *context, const AmSmtpTransaction *transaction)
{
	GError *error = NULL;
	gboolean has_utf8_header = FALSE;
	guint64 header =
		transaction->report != NULL ? transaction->report->header_size : HEADER_GUESS_BYTES;
	/* without the client's SMTPUTF8 raw bytes in the header are its own fault, and go on as
	 * they always did */
	if (transaction->envelope->smtputf8 &&
	    !am_smtp_has_8bit(transaction->fd, MIN(header, transaction->size), &has_utf8_header,
			      &error))
		return extensions_unreadable(error);
	gboolean is_needed = has_utf8_header || extensions_has_utf8_address(transaction);
	context->needs_smtputf8 = is_needed && (context->extensions & AM_SMTP_SMTPUTF8) != 0;
	if (!is_needed || context->needs_smtputf8)
		return NULL;
	g_autofree char *sender = command_address(context, command_sender(transaction));
	if (!has_utf8_header && sender != NULL)
		return NULL; /* recipients are looked at one by one */
	return am_reply_new(550, "5.6.7", "the next hop does not offer SMTPUTF8, which %s needs",
			    has_utf8_header ? "the header" : "the sender's address");
}

AmReply *
am_smtp_check_extensions(AmSmtpCommandContext *context, const AmSmtpTransaction *transaction)
{
	GError *error = NULL;
	gboolean has_8bit = FALSE;
	AmReply *reply = am_smtp_check_promises(context, transaction->envelope);
	if (reply != NULL)
		return reply;
	reply = extensions_check_utf8(context, transaction);
	if (reply != NULL)
		return reply;
	g_autofree char *sender = command_address(context, command_sender(transaction));
	if (sender == NULL)
		return am_reply_new(553, "5.1.7", "not a sender's address");
	reply = am_smtp_check_binary(context, transaction);
	if (reply != NULL)
		return reply;
	if (context->is_binary || transaction->envelope->body < AM_BODY_8BITMIME ||
	    (context->extensions & AM_SMTP_8BITMIME) != 0)
		return NULL;
	/* many a mail is declared 8BITMIME and does not need it */
	if (!am_smtp_has_8bit(transaction->fd, transaction->size, &has_8bit, &error))
		return extensions_unreadable(error);
	if (!has_8bit)
		return NULL;
	return am_reply_new(550, "5.6.3",
			    "the mail has 8-bit data and the next hop does not offer "
			    "8BITMIME");
}
