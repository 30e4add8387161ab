/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Extensions of MAIL whose promise a filter can only pass on to the next hop: REQUIRETLS (RFC 8689),
 * MT-PRIORITY (RFC 6710), DELIVERBY (RFC 2852), and LIMITS (RFC 9422).  And PRDR (draft-hall-prdr), which is our own: a reply for each
 * recipient, see server-data.c.
 *
 *     priority = "-" %x31-39 / DIGIT                          RFC 6710 4.1, -9 to 9
 *     by       = ["-" / "+"] 1*9DIGIT ";" ("R" / "N") ["T"]   RFC 2852 4
 *
 * They are announced whatever the next hop offers, which is not known before the recipients are: the
 * parameter is kept with the envelope, and where the next hop lacks the extension the RFC says whether
 * the mail goes without it or is refused (see client-extensions.c). */

#include <config.h>

#include "smtp/server-private.h"

#include <string.h>

#define BY_DIGITS_MAX 9

/* Is it to be hidden?  What stands on a hidden one goes with it: RFC 6531 3.1 wants 8BITMIME with
 * SMTPUTF8, RFC 3030 3 CHUNKING with BINARYMIME. */
static gboolean
extensions_is_hidden(const char *const *hidden, const char *keyword)
{
	static const char *const needs[][2] = { { "SMTPUTF8", "8BITMIME" },
						{ "BINARYMIME", "CHUNKING" } };
	for (guint i = 0; hidden[i] != NULL; i++) {
		if (g_ascii_strcasecmp(hidden[i], keyword) == 0)
			return TRUE;
		for (guint n = 0; n < G_N_ELEMENTS(needs); n++)
			if (g_ascii_strcasecmp(needs[n][0], keyword) == 0 &&
			    g_ascii_strcasecmp(needs[n][1], hidden[i]) == 0)
				return TRUE;
	}
	return FALSE;
}

void
am_server_hide_extensions(const AmSmtpServer *server, GString *text)
{
	if (server->config->hidden == NULL)
		return;
	g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
	g_string_assign(text, lines[0]); /* our name */
	for (guint i = 1; lines[i] != NULL; i++) {
		g_autofree char *keyword = g_strndup(lines[i], strcspn(lines[i], " "));
		if (!extensions_is_hidden(server->config->hidden, keyword))
			g_string_append_printf(text, "\n%s", lines[i]);
	}
}

void
am_server_announce_extensions(const AmSmtpServer *server, GString *text)
{
	g_string_append_printf(text, "\nMT-PRIORITY\nDELIVERBY\nLIMITS RCPTMAX=%u",
			       server->config->intake.recipient_limit);
	if (!server->config->is_lmtp) /* which has it by itself */
		g_string_append(text, "\nPRDR");
	if (server->config->is_binary)
		g_string_append(text, "\nBINARYMIME");
	if (am_stream_tls(server->stream) != NULL) /* RFC 8689 2: only inside TLS */
		g_string_append(text, "\nREQUIRETLS");
}

AmReply *
am_server_check_extensions(const AmSmtpServer *server, const AmEnvelope *envelope)
{
	if (envelope->body == AM_BODY_BINARYMIME && !server->config->is_binary)
		return am_reply_new(501, "5.5.4", "Bad value of parameter BODY");
	if (envelope->is_prdr && server->config->is_lmtp)
		return am_reply_new(555, "5.5.4", "Unsupported parameter: PRDR");
	if (envelope->requires_tls && am_stream_tls(server->stream) == NULL)
		return am_reply_new(530, "5.7.0", "REQUIRETLS needs a connection with TLS");
	return NULL;
}

gboolean
am_server_param_priority(AmEnvelope *envelope, const char *value)
{
	gboolean is_negative = *value == '-';
	const char *digit = value + (is_negative ? 1 : 0);
	if (!g_ascii_isdigit(digit[0]) || digit[1] != '\0' || (is_negative && *digit == '0'))
		return FALSE;
	envelope->has_priority = TRUE;
	envelope->priority = (is_negative ? -1 : 1) * g_ascii_digit_value(*digit);
	return TRUE;
}

gboolean
am_server_param_by(AmEnvelope *envelope, const char *value)
{
	gboolean is_negative = *value == '-';
	const char *digits = value + (is_negative || *value == '+' ? 1 : 0);
	gsize len = strspn(digits, "0123456789");
	if (len == 0 || len > BY_DIGITS_MAX || digits[len] != ';')
		return FALSE;
	gint64 seconds = g_ascii_strtoll(digits, NULL, 10) * (is_negative ? -1 : 1);
	const char *mode = digits + len + 1;
	char letter = g_ascii_toupper(*mode);
	if (letter != 'R' && letter != 'N')
		return FALSE;
	gboolean is_traced = g_ascii_toupper(mode[1]) == 'T';
	if (mode[is_traced ? 2 : 1] != '\0' || (letter == 'R' && seconds <= 0))
		return FALSE; /* nothing can be delivered in the past, RFC 2852 4 */
	envelope->by_mode = letter;
	envelope->by_trace = is_traced;
	envelope->by_us = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	return TRUE;
}
