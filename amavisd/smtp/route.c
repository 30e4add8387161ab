/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Routes.  The grammar:
 *
 *     route    = hop *( separator hop )        ; separator: commas and blanks
 *     hop      = ( "smtp:" / "lmtp:" / "smtps:" / "lmtps:" ) target / ( "mbox:" / "maildir:" / "bsmtp:" ) path
 *                / "pipe:" name
 *     target   = "unix:" path / host [ ":" port ]
 *     host     = "[" address-or-name "]" / name / IPv4 address / "*"
 *     port     = 1..65535 / "*"
 *
 * An IPv6 address needs its brackets, since its colons would be taken for the port's. */

#include <config.h>

#include "smtp/route.h"

#include <gio/gio.h>
#include <string.h>

#define ROUTE_HOPS_MAX 20u /* an admin's list, and a bound for the time of one delivery */
#define ROUTE_SMTP_PORT 25
#define ROUTE_SMTPS_PORT 465
#define ROUTE_LMTP_PORT 24

/* by AmHopKind */
static const char *const hop_words[] = { "smtp", "lmtp", "pipe", "bsmtp", "mbox", "maildir" };

static void
hop_free(gpointer data)
{
	AmHop *hop = data;
	if (hop == NULL)
		return;
	g_free(hop->host);
	g_free(hop->text);
	g_free(hop);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmHop, hop_free)

static gboolean
hop_bad(GError **error, const char *text, const char *what)
{
	g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
		    "route \"%s\": %s; allowed: smtp:[ADDRESS]:PORT, smtp:NAME:PORT, smtp:*:*, "
		    "smtp:unix:/PATH, the same with lmtp:, smtps: and lmtps:, pipe:NAME, "
		    "mbox:/PATH, maildir:/PATH, "
		    "bsmtp:/PATH",
		    text, what);
	return FALSE;
}

static gboolean
hop_parse_port(AmHop *hop, const char *port, const char *text, GError **error)
{
	guint64 number;
	if (strcmp(port, "*") == 0) {
		hop->is_port_wild = TRUE;
		return TRUE;
	}
	if (!g_ascii_string_to_unsigned(port, 10, 1, G_MAXUINT16, &number, NULL))
		return hop_bad(error, text, "the port is not a number from 1 to 65535 or \"*\"");
	hop->port = (guint16)number;
	return TRUE;
}

static gboolean
hop_is_name(const char *host)
{
	if (*host == '\0' || strlen(host) > 255)
		return FALSE;
	for (const char *at = host; *at != '\0'; at++)
		if (!g_ascii_isalnum(*at) && strchr("-._", *at) == NULL)
			return FALSE;
	return TRUE;
}

/* Splits "host:port"; *port borrowed, NULL when there is none. */
static gboolean
hop_split(AmHop *hop, const char *target, const char **port, const char *text, GError **error)
{
	const char *end;
	if (*target == '[') {
		end = strchr(target, ']');
		if (end == NULL)
			return hop_bad(error, text, "\"]\" is missing");
		hop->host = g_strndup(target + 1, (gsize)(end - target - 1));
		end++;
	} else {
		end = target + strcspn(target, ":");
		hop->host = g_strndup(target, (gsize)(end - target));
	}
	if (*end != '\0' && *end != ':')
		return hop_bad(error, text, "\":\" is missing between host and port");
	*port = *end == ':' ? end + 1 : NULL;
	gboolean is_wild = *target != '[' && strcmp(hop->host, "*") == 0;
	if (!is_wild && !hop_is_name(hop->host) && !g_hostname_is_ip_address(hop->host))
		return hop_bad(error, text, "the host is neither a name nor an address");
	if (*port != NULL && *target != '[' && strchr(*port, ':') != NULL)
		return hop_bad(error, text, "an IPv6 address stands in brackets");
	return TRUE;
}

static char *
hop_to_text(const AmHop *hop)
{
	g_autofree char *protocol =
		g_strconcat(hop_words[hop->kind], hop->is_tls ? "s" : NULL, NULL);
	if (hop->kind > AM_HOP_LMTP || g_str_has_prefix(hop->host, "unix:"))
		return g_strdup_printf("%s:%s", protocol, hop->host);
	gboolean is_address = g_hostname_is_ip_address(hop->host);
	g_autoptr(GString) out = g_string_new(NULL);
	g_string_printf(out, is_address ? "%s:[%s]:" : "%s:%s:", protocol, hop->host);
	if (hop->is_port_wild)
		g_string_append_c(out, '*');
	else
		g_string_append_printf(out, "%u", hop->port);
	return g_strdup(out->str);
}

/* A server's address. */
static gboolean
hop_parse_server(AmHop *hop, const char *target, const char *text, GError **error)
{
	const char *port = NULL;
	if (g_str_has_prefix(target, "unix:")) {
		if (target[5] != '/')
			return hop_bad(error, text, "the path of a socket is absolute");
		hop->host = g_strdup(target);
		return TRUE;
	}
	if (!hop_split(hop, target, &port, text, error))
		return FALSE;
	if (port != NULL)
		return hop_parse_port(hop, port, text, error);
	hop->port = hop->kind == AM_HOP_LMTP ? ROUTE_LMTP_PORT
		    : hop->is_tls	     ? ROUTE_SMTPS_PORT
					     : ROUTE_SMTP_PORT;
	return TRUE;
}

static gboolean
hop_parse_output(AmHop *hop, const char *target, const char *text, GError **error)
{
	if (hop->kind == AM_HOP_PIPE && !hop_is_name(target))
		return hop_bad(error, text, "that is no name of a group");
	if (hop->kind != AM_HOP_PIPE && (*target != '/' || g_str_has_suffix(target, "/")))
		return hop_bad(error, text, "the path is not absolute, or ends in /");
	hop->host = g_strdup(target);
	return TRUE;
}

static AmHop *
hop_parse(const char *text, GError **error)
{
	g_autoptr(AmHop) hop = g_new0(AmHop, 1);
	gsize whole = strcspn(text, ":"), kind = 0;
	hop->is_tls = whole == 5 && g_ascii_strncasecmp(text + 1, "mtps", 4) == 0;
	gsize word = whole - (hop->is_tls ? 1 : 0);
	while (kind < G_N_ELEMENTS(hop_words) &&
	       (strlen(hop_words[kind]) != word ||
		g_ascii_strncasecmp(text, hop_words[kind], word) != 0))
		kind++;
	if (text[whole] != ':' || kind == G_N_ELEMENTS(hop_words)) {
		(void)hop_bad(error, text, "it starts with no known protocol");
		return NULL;
	}
	hop->kind = (AmHopKind)kind;
	const char *target = text + whole + 1;
	if (!(hop->kind <= AM_HOP_LMTP ? hop_parse_server(hop, target, text, error)
				       : hop_parse_output(hop, target, text, error)))
		return NULL;
	hop->text = hop_to_text(hop);
	return g_steal_pointer(&hop);
}

AmRoute *
am_route_parse(const char *text, GError **error)
{
	g_autoptr(AmRoute) route = g_new0(AmRoute, 1);
	g_autoptr(GString) canonical = g_string_new(NULL);
	g_auto(GStrv) words = g_strsplit_set(text, ", \t\r\n", -1);
	route->hops = g_ptr_array_new_with_free_func(hop_free);
	for (char **word = words; *word != NULL; word++) {
		if (**word == '\0')
			continue;
		AmHop *hop = hop_parse(*word, error);
		if (hop == NULL)
			return NULL;
		g_ptr_array_add(route->hops, hop);
		g_string_append_printf(canonical, "%s%s", canonical->len > 0 ? "," : "", hop->text);
	}
	if (route->hops->len == 0 || route->hops->len > ROUTE_HOPS_MAX) {
		(void)hop_bad(error, text,
			      route->hops->len == 0 ? "it names no next hop"
						    : "it names more than 20 next hops");
		return NULL;
	}
	route->text = g_strdup(canonical->str);
	return g_steal_pointer(&route);
}

void
am_route_free(AmRoute *route)
{
	if (route == NULL)
		return;
	g_ptr_array_unref(route->hops);
	g_free(route->text);
	g_free(route);
}

gboolean
am_hop_resolve(const AmHop *hop, const AmEnvelope *envelope, char **host, guint16 *port,
	       GError **error)
{
	gboolean is_host_wild = strcmp(hop->host, "*") == 0;
	gboolean is_peer_known = envelope->peer_address != NULL && *envelope->peer_address != '\0';
	if ((is_host_wild && !is_peer_known) ||
	    (hop->is_port_wild &&
	     (envelope->local_port == 0 || envelope->local_port == G_MAXUINT16))) {
		g_set_error(error, AM_ERROR, AM_ERROR_CONFIG,
			    "route %s: the mail did not come over TCP, so there is no way back",
			    hop->text);
		return FALSE;
	}
	*host = g_strdup(is_host_wild ? envelope->peer_address : hop->host);
	*port = hop->is_port_wild ? envelope->local_port + 1 : hop->port;
	return TRUE;
}
