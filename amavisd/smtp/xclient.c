/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The attributes of XFORWARD and XCLIENT, read and written.
 *
 *     command   = ( "XFORWARD" / "XCLIENT" ) 1*( SP attribute "=" value )    XFORWARD_README,
 *     value     = xtext of UTF-8 / "[UNAVAILABLE]" / "[TEMPUNAVAIL]"         XCLIENT_README
 *     xtext     = *( %d33-42 / %d44-60 / %d62-126 / "+" 2HEXDIG )            RFC 3461 4
 *
 * Case does not matter in names and in the words in brackets. */

#include <config.h>

#include "smtp/xclient.h"

#include <string.h>

#include "mail/address.h"

#define XCLIENT_VALUE_MAX 255 /* bytes of a value, decoded */
#define XCLIENT_PROTO_MAX 64
#define XCLIENT_LINE_MAX 512 /* bytes of a command, with CRLF */

typedef gboolean (*XclientCheck)(char **value);

/* Decodes xtext; NULL when it is not, or holds no text. */
static char *
xclient_decode(const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);
	for (; *text != '\0'; text++) {
		if (*text < 33 || *text > 126 || *text == '=')
			return NULL;
		if (*text != '+') {
			g_string_append_c(out, *text);
			continue;
		}
		if (!g_ascii_isxdigit(text[1]) || !g_ascii_isxdigit(text[2]))
			return NULL;
		g_string_append_c(out, (char)(g_ascii_xdigit_value(text[1]) << 4 |
					      g_ascii_xdigit_value(text[2])));
		text += 2;
	}
	for (gsize i = 0; i < out->len; i++)
		if ((guchar)out->str[i] < 0x20 || out->str[i] == 0x7f)
			return NULL;
	if (out->len > XCLIENT_VALUE_MAX || !g_utf8_validate(out->str, (gssize)out->len, NULL))
		return NULL;
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- what a value must be ---- */

/* An address literal without brackets; "IPV6:" before one is Postfix's habit. */
static gboolean
xclient_check_address(char **value)
{
	char *plain = am_address_ip(*value);
	if (plain == NULL)
		return FALSE;
	g_free(*value);
	*value = plain;
	return TRUE;
}

static gboolean
xclient_check_port(char **value)
{
	return g_ascii_string_to_unsigned(*value, 10, 0, G_MAXUINT16, NULL, NULL);
}

/* Stands in headers and logs as a word. */
static gboolean
xclient_check_protocol(char **value)
{
	for (const char *at = *value; *at != '\0'; at++)
		if (!g_ascii_isalnum(*at) && *at != '-' && *at != '_')
			return FALSE;
	return strlen(*value) <= XCLIENT_PROTO_MAX;
}

static gboolean
xclient_check_source(char **value)
{
	char *upper = g_ascii_strup(*value, -1);
	g_free(*value);
	*value = upper;
	return strcmp(upper, "LOCAL") == 0 || strcmp(upper, "REMOTE") == 0;
}

static const struct {
	const char *name;
	XclientCheck check; /* NULL: any text */
} attributes_known[AM_N_XCLIENT] = {
	[AM_XCLIENT_NAME] = { "NAME", NULL },
	[AM_XCLIENT_ADDR] = { "ADDR", xclient_check_address },
	[AM_XCLIENT_PORT] = { "PORT", xclient_check_port },
	[AM_XCLIENT_PROTO] = { "PROTO", xclient_check_protocol },
	[AM_XCLIENT_HELO] = { "HELO", NULL },
	[AM_XCLIENT_IDENT] = { "IDENT", NULL },
	[AM_XCLIENT_SOURCE] = { "SOURCE", xclient_check_source },
	[AM_XCLIENT_LOGIN] = { "LOGIN", NULL },
	[AM_XCLIENT_DESTADDR] = { "DESTADDR", xclient_check_address },
	[AM_XCLIENT_DESTPORT] = { "DESTPORT", xclient_check_port },
};

/* AM_N_XCLIENT: unknown, or not in the set. */
static guint
xclient_find(const char *name, gsize len, guint attributes)
{
	for (guint i = 0; i < AM_N_XCLIENT; i++)
		if ((attributes & (1u << i)) != 0 && strlen(attributes_known[i].name) == len &&
		    g_ascii_strncasecmp(attributes_known[i].name, name, len) == 0)
			return i;
	return AM_N_XCLIENT;
}

char *
am_xclient_keywords(guint attributes)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < AM_N_XCLIENT; i++)
		if ((attributes & (1u << i)) != 0)
			g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "",
					       attributes_known[i].name);
	return g_string_free(out, FALSE);
}

guint
am_xclient_parse_keywords(const char *text)
{
	guint attributes = 0;
	while (*text != '\0' && *text != '\n') {
		gsize len = strcspn(text, " \n");
		guint i = xclient_find(text, len, AM_XFORWARD_ATTRIBUTES | AM_XCLIENT_ATTRIBUTES);
		if (i < AM_N_XCLIENT)
			attributes |= 1u << i;
		text += len + strspn(text + len, " ");
	}
	return attributes;
}

/* ---- reading ---- */

static gboolean
xclient_set(AmXclientAttribute attribute, const char *xtext, char **values)
{
	g_autofree char *text = xtext != NULL ? xclient_decode(xtext) : NULL;
	if (text == NULL)
		return FALSE;
	if (g_ascii_strcasecmp(text, "[UNAVAILABLE]") == 0 ||
	    g_ascii_strcasecmp(text, "[TEMPUNAVAIL]") == 0)
		*text = '\0';
	if (*text != '\0' && attributes_known[attribute].check != NULL &&
	    !attributes_known[attribute].check(&text))
		return FALSE;
	g_free(values[attribute]);
	values[attribute] = g_steal_pointer(&text);
	return TRUE;
}

AmReply *
am_xclient_parse(const char *text, guint attributes, char **values)
{
	guint seen = 0;
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	for (guint i = 0; words[i] != NULL; i++) {
		if (*words[i] == '\0')
			continue; /* blanks more than needed */
		gsize len = strcspn(words[i], "=");
		const char *value = words[i][len] == '=' ? words[i] + len + 1 : NULL;
		guint found = xclient_find(words[i], len, attributes);
		if (found == AM_N_XCLIENT)
			return am_reply_new(501, "5.5.4", "Unsupported parameter: %.*s",
					    (int)MIN(len, 40), words[i]);
		if ((seen & (1u << found)) != 0)
			return am_reply_new(501, "5.5.4", "Parameter %s given twice",
					    attributes_known[found].name);
		seen |= 1u << found;
		if (!xclient_set(found, value, values))
			return am_reply_new(501, "5.5.4", "Bad value of parameter %s",
					    attributes_known[found].name);
	}
	return NULL;
}

void
am_xclient_clear(char **values)
{
	for (guint i = 0; i < AM_N_XCLIENT; i++)
		g_clear_pointer(&values[i], g_free);
}

/* ---- writing ---- */

/* " NAME=value"; of a value that is too long the beginning. */
static char *
xclient_encode(AmXclientAttribute attribute, const char *value)
{
	GString *out = g_string_new(" ");
	gboolean is_literal = *value == '\0';
	g_string_append_printf(out, "%s=", attributes_known[attribute].name);
	if (is_literal)
		g_string_append(out, "[UNAVAILABLE]");
	else if (attribute == AM_XCLIENT_ADDR && strchr(value, ':') != NULL)
		g_string_append(out, "IPV6:");
	gsize max = attribute == AM_XCLIENT_PROTO ? XCLIENT_PROTO_MAX : 128;
	for (gsize i = 0; value[i] != '\0' && i < max; i++) {
		guchar c = (guchar)value[i];
		if (c > 32 && c < 127 && c != '+' && c != '=')
			g_string_append_c(out, (char)c);
		else
			g_string_append_printf(out, "+%02X", c);
	}
	return g_string_free(out, FALSE);
}

static void
xclient_append(GPtrArray *commands, GString *line, const char *word)
{
	if (line->len + strlen(word) + strlen("\r\n") > XCLIENT_LINE_MAX) {
		g_ptr_array_add(commands, g_strdup_printf("%s\r\n", line->str));
		g_string_assign(line, "XFORWARD");
	}
	g_string_append(line, word);
}

GPtrArray *
am_xclient_forward_commands(guint attributes, const AmEnvelope *envelope)
{
	g_autofree char *port = envelope->client_port != 0
					? g_strdup_printf("%u", envelope->client_port)
					: g_strdup("");
	const char *const values[AM_N_XCLIENT] = {
		[AM_XCLIENT_NAME] = envelope->client_name,
		[AM_XCLIENT_ADDR] = envelope->client_address,
		[AM_XCLIENT_PORT] = port,
		[AM_XCLIENT_PROTO] = envelope->client_protocol,
		[AM_XCLIENT_HELO] = envelope->helo,
		[AM_XCLIENT_IDENT] = envelope->queue_id,
		[AM_XCLIENT_SOURCE] = envelope->client_source,
	};
	GPtrArray *commands = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) line = g_string_new("XFORWARD");
	if (*envelope->client_address == '\0' && *envelope->client_source == '\0')
		return commands; /* a notice of ours, or a client at a Unix socket */
	for (guint i = 0; i < AM_N_XCLIENT; i++) {
		if (values[i] == NULL || (attributes & (1u << i)) == 0 ||
		    (i == AM_XCLIENT_SOURCE && *values[i] == '\0'))
			continue;
		g_autofree char *word = xclient_encode(i, values[i]);
		xclient_append(commands, line, word);
	}
	if (line->len > strlen("XFORWARD"))
		g_ptr_array_add(commands, g_strdup_printf("%s\r\n", line->str));
	return commands;
}
