/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Parameters of MAIL and RCPT.
 *
 *     params  = *( SP keyword [ "=" value ] )        RFC 5321 4.1.2
 *     keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 *     value   = 1*(%d33-60 / %d62-126, UTF-8)
 *     xtext   = *( %d33-42 / %d44-60 / %d62-126 / "+" 2(DIGIT / "A".."F") )   RFC 3461 4
 *
 * A table for each command names its keywords.  Values are checked and kept as given: the next hop
 * reads them again. */

#include <config.h>

#include "smtp/server-private.h"

#include <string.h>

#define PARAMS_ENVID_MAX 100 /* characters, RFC 3461 4.4 */
#define PARAMS_ORCPT_MAX 500 /* characters, RFC 3461 4.2 */

/* What a parameter sets; which member depends on the table. */
typedef struct {
	AmEnvelope *envelope;
	AmRecipient *recipient;
	gboolean is_utf8; /* the transaction is SMTPUTF8 */
} ParamTarget;

/* value NULL: keyword without "=".  FALSE: bad value. */
typedef gboolean (*ParamFunc)(ParamTarget *target, const char *value);

typedef struct {
	const char *keyword;
	ParamFunc func;
} ParamRow;

static gboolean
params_is_xtext(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < 33 || *text > 126 || *text == '=')
			return FALSE;
		if (*text == '+') {
			if (!g_ascii_isxdigit(text[1]) || !g_ascii_isxdigit(text[2]))
				return FALSE;
			text += 2;
		}
	}
	return TRUE;
}

static gboolean
params_size(ParamTarget *target, const char *value)
{
	guint64 size;
	/* RFC 1870 3: up to 20 digits; one that does not fit is above every limit */
	if (value == NULL || strlen(value) > 20 || strspn(value, "0123456789") != strlen(value))
		return FALSE;
	if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT64, &size, NULL))
		size = G_MAXINT64;
	target->envelope->declared_size = (gint64)size;
	return TRUE;
}

static gboolean
params_body(ParamTarget *target, const char *value)
{
	if (value == NULL)
		return FALSE;
	if (g_ascii_strcasecmp(value, "7BIT") == 0)
		target->envelope->body = AM_BODY_7BIT;
	else if (g_ascii_strcasecmp(value, "8BITMIME") == 0)
		target->envelope->body = AM_BODY_8BITMIME;
	else if (g_ascii_strcasecmp(value, "BINARYMIME") == 0)
		target->envelope->body = AM_BODY_BINARYMIME;
	else
		return FALSE;
	return TRUE;
}

static gboolean
params_smtputf8(ParamTarget *target, const char *value)
{
	target->envelope->smtputf8 = TRUE;
	return value == NULL;
}

static gboolean
params_ret(ParamTarget *target, const char *value)
{
	if (value == NULL ||
	    (g_ascii_strcasecmp(value, "FULL") != 0 && g_ascii_strcasecmp(value, "HDRS") != 0))
		return FALSE;
	g_free(target->envelope->ret);
	target->envelope->ret = g_ascii_strup(value, -1);
	return TRUE;
}

static gboolean
params_envid(ParamTarget *target, const char *value)
{
	if (value == NULL || strlen(value) > PARAMS_ENVID_MAX || !params_is_xtext(value))
		return FALSE;
	g_free(target->envelope->envid);
	target->envelope->envid = g_strdup(value);
	return TRUE;
}

static gboolean
params_auth(ParamTarget *target, const char *value)
{
	if (value == NULL || !params_is_xtext(value))
		return FALSE;
	g_free(target->envelope->auth);
	target->envelope->auth = g_strdup(value);
	return TRUE;
}

static gboolean
params_requiretls(ParamTarget *target, const char *value)
{
	target->envelope->requires_tls = TRUE;
	return value == NULL;
}

static gboolean
params_prdr(ParamTarget *target, const char *value)
{
	target->envelope->is_prdr = TRUE;
	return value == NULL;
}

static gboolean
params_priority(ParamTarget *target, const char *value)
{
	return value != NULL && am_server_param_priority(target->envelope, value);
}

static gboolean
params_by(ParamTarget *target, const char *value)
{
	return value != NULL && am_server_param_by(target->envelope, value);
}

/* NEVER, or a list of the others, each once (RFC 3461 4.1). */
static gboolean
params_notify(ParamTarget *target, const char *value)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	guint seen = 0;
	if (value == NULL)
		return FALSE;
	g_autofree char *upper = g_ascii_strup(value, -1);
	g_auto(GStrv) given = g_strsplit(upper, ",", 5);
	for (guint i = 0; given[i] != NULL; i++) {
		guint word = 0;
		while (word < G_N_ELEMENTS(words) && strcmp(words[word], given[i]) != 0)
			word++;
		if (word == G_N_ELEMENTS(words) || (seen & (1u << word)) != 0)
			return FALSE;
		seen |= 1u << word;
	}
	if (seen == 0 || ((seen & 1u) != 0 && seen != 1u))
		return FALSE;
	g_free(target->recipient->notify);
	target->recipient->notify = g_steal_pointer(&upper);
	return TRUE;
}

/* "\x{E4}" at text, EmbeddedUnicodeChar of RFC 6533 3: a character that is not printable ASCII but for '+', '='
 * and '\'.  0: it is none, else its length. */
static gsize
params_embedded_char(const char *text)
{
	if (!g_str_has_prefix(text, "\\x{"))
		return 0;
	gsize digits = strspn(text + 3, "0123456789ABCDEF");
	if (digits < 2 || digits > 6 || text[3 + digits] != '}')
		return 0;
	gunichar c = (gunichar)g_ascii_strtoull(text + 3, NULL, 16);
	gboolean is_plain = c > 0x20 && c < 0x7f && strchr("+=\\", (int)c) == NULL;
	return is_plain || !g_unichar_validate(c) ? 0 : digits + 4;
}

/* utf-8-addr-xtext, with is_utf8 utf-8-addr-unitext, of RFC 6533 3 */
static gboolean
params_is_utf8_address(const char *address, gboolean is_utf8)
{
	if (!g_utf8_validate(address, -1, NULL))
		return FALSE;
	for (const guchar *at = (const guchar *)address; *at != '\0'; at++) {
		gsize embedded = *at == '\\' ? params_embedded_char((const char *)at) : 1;
		if (embedded == 0 || *at <= 0x20 || *at == '+' || *at == '=' || *at == 0x7f ||
		    (*at >= 0x80 && !is_utf8))
			return FALSE;
		at += embedded - 1;
	}
	return TRUE;
}

/* addr-type ";" xtext, or one of the forms for UTF-8, kept as they are */
static gboolean
params_orcpt(ParamTarget *target, const char *value)
{
	if (value == NULL || strlen(value) > PARAMS_ORCPT_MAX)
		return FALSE;
	gsize type_len = strcspn(value, ";");
	if (type_len == 0 || value[type_len] != ';' || value[type_len + 1] == '\0')
		return FALSE;
	for (gsize i = 0; i < type_len; i++)
		if (!g_ascii_isalnum(value[i]) && value[i] != '-')
			return FALSE;
	const char *address = value + type_len + 1;
	gboolean is_utf8_type = g_ascii_strncasecmp(value, "utf-8;", 6) == 0;
	if (is_utf8_type ? !params_is_utf8_address(address, target->is_utf8)
			 : !params_is_xtext(address))
		return FALSE;
	g_free(target->recipient->orcpt);
	target->recipient->orcpt = g_strdup(value);
	return TRUE;
}

static const ParamRow mail_rows[] = {
	{ "SIZE", params_size },
	{ "BODY", params_body },
	{ "SMTPUTF8", params_smtputf8 },
	{ "RET", params_ret },
	{ "ENVID", params_envid },
	{ "AUTH", params_auth },
	{ "REQUIRETLS", params_requiretls },
	{ "MT-PRIORITY", params_priority },
	{ "BY", params_by },
	{ "PRDR", params_prdr },
	{ NULL, NULL },
};
static const ParamRow rcpt_rows[] = {
	{ "NOTIFY", params_notify },
	{ "ORCPT", params_orcpt },
	{ NULL, NULL },
};

/* Reads all parameters; `unknown` is the code for a keyword not in the table. */
static AmReply *
params_read(const ParamRow *rows, ParamTarget *target, const char *text, int unknown)
{
	guint seen = 0;
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	for (guint i = 0; words[i] != NULL; i++) {
		if (*words[i] == '\0')
			continue; /* blanks more than needed */
		char *value = strchr(words[i], '=');
		if (value != NULL)
			*value++ = '\0';
		guint row = 0;
		while (rows[row].keyword != NULL &&
		       g_ascii_strcasecmp(rows[row].keyword, words[i]) != 0)
			row++;
		if (rows[row].keyword == NULL)
			return am_reply_new(unknown, "5.5.4", "Unsupported parameter: %.40s",
					    words[i]);
		if ((seen & (1u << row)) != 0)
			return am_reply_new(501, "5.5.4", "Parameter %s given twice",
					    rows[row].keyword);
		seen |= 1u << row;
		if (!rows[row].func(target, value))
			return am_reply_new(501, "5.5.4", "Bad value of parameter %s",
					    rows[row].keyword);
	}
	return NULL;
}

AmReply *
am_server_mail_params(AmEnvelope *envelope, const char *text)
{
	ParamTarget target = { .envelope = envelope };
	return params_read(mail_rows, &target, text, 555);
}

AmReply *
am_server_rcpt_params(AmRecipient *recipient, gboolean is_utf8, const char *text)
{
	ParamTarget target = { .recipient = recipient, .is_utf8 = is_utf8 };
	return params_read(rcpt_rows, &target, text, 555);
}
