/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Mailbox addresses (RFC 5321 4.1.2, 4.1.3, with RFC 6531 3.3):
 *
 *     Path           = "<" [ A-d-l ":" ] Mailbox ">" / "<>"
 *     A-d-l          = "@" Domain *( "," "@" Domain )
 *     Mailbox        = Local-part [ "@" ( Domain / address-literal ) ]
 *     Local-part     = Atom *("." Atom) / DQUOTE *QcontentSMTP DQUOTE
 *     Domain         = sub-domain *("." sub-domain)
 *     sub-domain     = Let-dig [Ldh-str]             ; "_" passes as a letter
 *     address-literal = "[" ( IPv4 / "IPv6:" addr / Ldh-str ":" 1*dcontent ) "]"
 *
 * We stand behind an MTA and refuse no mail it may well take: a mailbox without domain passes, and
 * so does a local part of more than the 64 bytes of RFC 5321 4.5.3.1.1, as many VERP and SRS
 * addresses have. */

#include <config.h>

#include "mail/address.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

/* How a byte may be used. */
static gboolean
address_is_atext(guchar c)
{
	return g_ascii_isalnum((gchar)c) || c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static gboolean
address_is_let_dig(guchar c)
{
	return g_ascii_isalnum((gchar)c) || c >= 0x80 || c == '_';
}

static gboolean
address_fail(GError **error, const char *what)
{
	g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "bad address: %s", what);
	return FALSE;
}

/* Each reader moves *at over what it knows and appends to out; FALSE with *what set. */

static gboolean
address_read_dot_string(const char **at, GString *out, const char **what)
{
	const char *start = *at;
	const char *c = start;
	for (;;) {
		const char *atom = c;
		while (address_is_atext((guchar)*c))
			c++;
		if (c == atom) {
			*what = "empty or bad local part";
			return FALSE;
		}
		if (*c != '.')
			break;
		c++;
	}
	g_string_append_len(out, start, c - start);
	*at = c;
	return TRUE;
}

static gboolean
address_read_quoted_string(const char **at, GString *out, const char **what)
{
	const char *c = *at + 1;
	for (; *c != '"'; c++) {
		if (*c == '\\')
			c++;
		if ((guchar)*c < 0x20 || *c == 0x7f) { /* the end of the text, too */
			*what = "unfinished quoted string or control byte in it";
			return FALSE;
		}
		g_string_append_c(out, *c);
	}
	*at = c + 1;
	return TRUE;
}

/* A domain without literal; out may be NULL. */
static gboolean
address_read_domain(const char **at, GString *out, const char **what)
{
	const char *start = *at;
	const char *c = start;
	for (;;) {
		const char *label = c;
		while (address_is_let_dig((guchar)*c) || *c == '-')
			c++;
		if (c == label || *label == '-' || c[-1] == '-') {
			*what = "bad domain";
			return FALSE;
		}
		if (*c != '.')
			break;
		c++;
	}
	if (c - start > AM_ADDRESS_MAX_DOMAIN) {
		*what = "domain too long";
		return FALSE;
	}
	if (out != NULL)
		g_string_append_len(out, start, c - start);
	*at = c;
	return TRUE;
}

static gboolean
address_is_literal(const char *text)
{
	guint8 binary[16];
	if (inet_pton(AF_INET, text, binary) == 1)
		return TRUE;
	if (g_ascii_strncasecmp(text, "IPv6:", 5) == 0)
		return inet_pton(AF_INET6, text + 5, binary) == 1;
	gsize tag = 0;
	while (g_ascii_isalnum(text[tag]) || text[tag] == '-')
		tag++;
	return tag > 0 && text[tag - 1] != '-' && text[tag] == ':' && text[tag + 1] != '\0';
}

static gboolean
address_read_literal(const char **at, GString *out, const char **what)
{
	const char *c = *at + 1;
	/* dcontent; not '@' either, as the last one is where the domain starts */
	while (*c > 0x20 && *c < 0x7f && strchr("[\\]@", *c) == NULL)
		c++;
	gsize len = (gsize)(c - *at) - 1;
	g_autofree char *text = len <= AM_ADDRESS_MAX_DOMAIN ? g_strndup(*at + 1, len) : NULL;
	if (*c != ']' || text == NULL || !address_is_literal(text)) {
		*what = "bad address literal";
		return FALSE;
	}
	g_string_append_printf(out, "[%s]", text);
	*at = c + 1;
	return TRUE;
}

static gboolean
address_read_mailbox(const char **at, GString *out, const char **what)
{
	gboolean is_quoted = **at == '"';
	if (!(is_quoted ? address_read_quoted_string(at, out, what)
			: address_read_dot_string(at, out, what)))
		return FALSE;
	if (out->len > AM_ADDRESS_MAX_LOCAL) {
		*what = "local part too long";
		return FALSE;
	}
	if (**at != '@') {
		/* in the internal form "" is the null path, and a domain follows the last '@' */
		*what = "quoted local part without a domain";
		return out->len > 0 && strchr(out->str, '@') == NULL;
	}
	(*at)++;
	g_string_append_c(out, '@');
	return **at == '[' ? address_read_literal(at, out, what)
			   : address_read_domain(at, out, what);
}

/* Reads over a source route (RFC 5321 appendix C). */
static gboolean
address_skip_route(const char **at, const char **what)
{
	while (**at == '@') {
		(*at)++;
		if (!address_read_domain(at, NULL, what))
			return FALSE;
		char next = **at;
		if (next != ',' && next != ':') {
			*what = "bad source route";
			return FALSE;
		}
		(*at)++;
		if (next == ':')
			return TRUE;
	}
	*what = "bad source route";
	return FALSE;
}

gboolean
am_address_parse_path(const char *text, gboolean lax, char **internal, const char **end,
		      GError **error)
{
	g_autoptr(GString) out = g_string_sized_new(64);
	const char *at = text;
	const char *what = "syntax";
	gboolean has_brackets = *at == '<';
	if (!has_brackets && !lax)
		return address_fail(error, "no '<'");
	if (has_brackets)
		at++;
	gboolean is_null = has_brackets && *at == '>';
	if (!is_null && *at == '@' && !address_skip_route(&at, &what))
		return address_fail(error, what);
	if (!is_null && !address_read_mailbox(&at, out, &what))
		return address_fail(error, what);
	if (has_brackets && *at != '>')
		return address_fail(error, "no '>' at its end");
	if (has_brackets)
		at++;
	else if (*at != '\0' && *at != ' ')
		return address_fail(error, "unexpected byte");
	if (!g_utf8_validate(out->str, (gssize)out->len, NULL))
		return address_fail(error, "not UTF-8");
	if (end != NULL)
		*end = at;
	*internal = g_string_free(g_steal_pointer(&out), FALSE);
	return TRUE;
}

const char *
am_address_domain(const char *internal)
{
	const char *at = strrchr(internal, '@');
	return at != NULL ? at + 1 : "";
}

char *
am_address_local(const char *internal)
{
	const char *at = strrchr(internal, '@');
	return at != NULL ? g_strndup(internal, (gsize)(at - internal)) : g_strdup(internal);
}

static gboolean
address_is_dot_string(const char *local)
{
	gboolean is_atom = FALSE; /* at least one byte since the start or the last dot? */
	for (; *local != '\0'; local++) {
		if (!address_is_atext((guchar)*local) && (*local != '.' || !is_atom))
			return FALSE;
		is_atom = *local != '.';
	}
	return is_atom;
}

char *
am_address_quote(const char *internal)
{
	g_autofree char *local = am_address_local(internal);
	if (*internal == '\0' || address_is_dot_string(local))
		return g_strdup(internal);
	GString *out = g_string_sized_new(strlen(internal) + 8);
	g_string_append_c(out, '"');
	for (const char *at = local; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\')
			g_string_append_c(out, '\\');
		/* cannot come from am_address_parse_path(), but must never reach the wire */
		g_string_append_c(out, (guchar)*at < 0x20 || *at == 0x7f ? ' ' : *at);
	}
	g_string_append_c(out, '"');
	g_string_append(out, internal + strlen(local));
	return g_string_free(out, FALSE);
}

static char *
address_lower(const char *text)
{
	return g_utf8_validate(text, -1, NULL) ? g_utf8_strdown(text, -1)
					       : g_ascii_strdown(text, -1);
}

/* Lower case and ACE, so that rules are written in one form; what IDNA refuses stays as it is. */
static char *
address_domain_key(const char *domain)
{
	char *ace = NULL;
	if (g_str_is_ascii(domain))
		return g_ascii_strdown(domain, -1);
	if (idn2_to_ascii_8z(domain, &ace, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT) != IDN2_OK)
		return address_lower(domain);
	char *key = g_ascii_strdown(ace, -1);
	idn2_free(ace);
	return key;
}

static void
address_add_key(GPtrArray *keys, const char *local, gsize local_len, const char *domain)
{
	g_ptr_array_add(keys, g_strdup_printf("%.*s@%s", (int)local_len, local, domain));
}

/* .sub.dom.tld, .dom.tld, .tld, "."; a domain has at most 128 labels, more keys than that would
 * only come from an address that was not parsed. */
static void
address_add_parent_keys(GPtrArray *keys, const char *domain)
{
	for (guint n = 0; *domain != '\0' && n < 128; n++) {
		g_ptr_array_add(keys, g_strconcat(".", domain, NULL));
		const char *dot = strchr(domain, '.');
		if (dot == NULL || *domain == '[')
			break;
		domain = dot + 1;
	}
	g_ptr_array_add(keys, g_strdup("."));
}

char **
am_address_lookup_keys(const char *internal, const char *delimiters)
{
	GPtrArray *keys = g_ptr_array_new();
	g_autofree char *raw = am_address_local(internal);
	g_autofree char *local = address_lower(raw);
	g_autofree char *domain = address_domain_key(am_address_domain(internal));
	gsize len = strlen(local), user = len;
	if (len == 0 && *domain == '\0') {
		g_ptr_array_add(keys, g_strdup(""));
		g_ptr_array_add(keys, g_strdup("@"));
	}
	/* a delimiter in front is part of the name */
	if (delimiters != NULL && len > 1)
		user = 1 + strcspn(local + 1, delimiters);
	gboolean is_extended = user < len;
	if (*domain != '\0') {
		address_add_key(keys, local, len, domain);
		if (is_extended)
			address_add_key(keys, local, user, domain);
	}
	if (len > 0)
		address_add_key(keys, local, len, "");
	if (len > 0 && is_extended)
		address_add_key(keys, local, user, "");
	if (*domain != '\0')
		g_ptr_array_add(keys, g_strdup(domain));
	address_add_parent_keys(keys, domain);
	g_ptr_array_add(keys, NULL);
	return (char **)g_ptr_array_free(keys, FALSE);
}

gboolean
am_address_is_ascii(const char *internal)
{
	return g_str_is_ascii(internal);
}

char *
am_address_ip(const char *text)
{
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	struct in_addr in4;
	if (g_ascii_strncasecmp(text, "IPv6:", 5) == 0)
		text += 5;
	if (inet_pton(AF_INET, text, &in4) == 1)
		return g_strdup(inet_ntop(AF_INET, &in4, plain, sizeof plain));
	if (inet_pton(AF_INET6, text, &in6) != 1)
		return NULL;
	if (IN6_IS_ADDR_V4MAPPED(&in6))
		return g_strdup(inet_ntop(AF_INET, in6.s6_addr + 12, plain, sizeof plain));
	return g_strdup(inet_ntop(AF_INET6, &in6, plain, sizeof plain));
}
