/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The settings of listeners, as the SMTP server and the pool want them. */

#include <config.h>

#include "session/listeners.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/setup-auth.h"
#include "session/session.h"
#include "wire/address.h"
#include "wire/sasl.h"

#define LISTENERS_KNOWN_CLIENTS 65536u /* beside those that are connected */
#define LISTENERS_MILTER_ANSWER_MS (270 * 1000)
#define LISTENERS_TEXT_MAX 255u

/* Is the socket bound to this machine alone? */
static gboolean
listeners_is_local(int fd)
{
	AmSocketAddress address;
	return am_socket_address_own(fd, &address) && am_socket_address_is_local(&address);
}

/* The list of networks at that key of a group; a bad one is a problem. */
static AmClients *
listeners_networks(const AmConfigGroup *group, const char *key, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	AmClients *clients = am_clients_new(am_config_list(group, key), &error);
	if (clients == NULL)
		am_config_add_key_problem(problems, group, key, "%s: %s", key, error->message);
	return clients;
}

/* The same; NULL when the key is not there. */
static AmClients *
listeners_trusted(const AmConfigGroup *group, const char *key, GPtrArray *problems)
{
	const char *const *networks = am_config_list(group, key);
	if (networks == NULL || *networks == NULL)
		return NULL;
	return listeners_networks(group, key, problems);
}

/* NULL: there are none. */
static AmLimits *
listeners_limits(const AmConfigGroup *group, const AmConfigGroup *core, GPtrArray *problems)
{
	const AmLimitsConfig config = {
		.connections = (guint)am_config_int(group, "client_connections"),
		.connection_rate = (guint)am_config_int(group, "client_rate"),
		.mail_rate = (guint)am_config_int(group, "client_mails"),
		.prefix_ip4 = (guint)am_config_int(group, "client_prefix_ip4"),
		.prefix_ip6 = (guint)am_config_int(group, "client_prefix_ip6"),
		.max_clients =
			(guint)am_config_int(core, "max_connections") + LISTENERS_KNOWN_CLIENTS,
		.exempt = listeners_trusted(group, "client_exempt", problems),
	};
	return am_limits_new(&config);
}

/* What the group says of TLS; NULL when plain, or with a problem. */
static AmTls *
listeners_tls(const AmConfigGroup *group, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	if (am_config_choice(group, "tls") == AM_SERVER_PLAIN) {
		if (am_config_has(group, "tls_certificate")) /* who sets one wants it used */
			am_config_add_key_problem(problems, group, "tls_certificate",
						  "tls_certificate: is not used while tls = no; "
						  "allowed: tls = starttls, required or implicit");
		return NULL;
	}
	const AmTlsConfig config = {
		.is_server = TRUE,
		.certificate = am_config_string(group, "tls_certificate"),
		.key = am_config_string(group, "tls_key"),
		.ca_file = am_config_string(group, "tls_ca"),
		.ciphers = am_config_string(group, "tls_ciphers"),
		.min_version = am_config_choice(group, "tls_min_version"),
		.demand = am_config_choice(group, "tls_client_certificate"),
	};
	AmTls *tls = am_tls_new(&config, &error);
	if (tls == NULL)
		am_config_add_key_problem(problems, group, "tls", "%s", error->message);
	return tls;
}

/* An answer that comes when the MTA has given up is none.  Of SMTP clients we do not know when that is;
 * a milter's MTA usually waits for five minutes (Postfix: milter_content_timeout). */
static gint64
listeners_answer_ms(const AmConfigGroup *group, const AmConfigGroup *core,
		    AmListenerProtocol protocol)
{
	gint64 most_ms = am_config_int(core, "max_mail_time");
	if (am_config_has(group, "answer_time"))
		return MIN(am_config_int(group, "answer_time"), most_ms);
	/* behind AM.PDP there is a milter, too */
	gboolean is_milter = protocol == AM_PROTOCOL_MILTER || protocol == AM_PROTOCOL_AM_PDP;
	return is_milter ? MIN(LISTENERS_MILTER_ANSWER_MS, most_ms) : most_ms;
}

static void
listeners_check_auth(const AmConfigGroup *group, GPtrArray *problems)
{
	if (am_config_choice(group, "auth") != AM_SERVER_AUTH_NO &&
	    am_config_choice(group, "tls") == AM_SERVER_PLAIN &&
	    !am_config_bool(group, "auth_without_tls"))
		am_config_add_key_problem(problems, group, "auth",
					  "auth: needs tls, or auth_without_tls = yes");
}

/* Can anybody authenticate at all?  The library is ready. */
static void
listeners_check_mechanisms(const AmConfigGroup *group, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *allowed =
		g_strjoinv(" ", (char **)am_config_list(group, "auth_mechanisms"));
	const AmSaslServerConfig config = {
		.service = am_config_string(group, "auth_service"),
		.hostname = "localhost",
		.mechanisms = allowed,
		.external = "somebody",
		.bits = 256,
	};
	g_autoptr(AmSasl) sasl = am_sasl_server_new(&config, &error);
	if (sasl == NULL) {
		am_config_add_key_problem(problems, group, "auth", "%s", error->message);
		return;
	}
	g_autofree char *there = am_sasl_server_mechanisms(sasl);
	if (*there == '\0')
		am_config_add_key_problem(
			problems, group, "auth_mechanisms",
			"auth_mechanisms: libsasl2 has none of \"%s\"; PLAIN, LOGIN "
			"and SCRAM come with libsasl2-modules",
			allowed);
}

/* Where libsasl2 is told about passwords, when that is set. */
static void
listeners_check_sasl_directory(const AmConfigGroup *core, GPtrArray *problems)
{
	const char *directory = am_config_string(core, "sasl_directory");
	if (directory == NULL)
		return;
	g_autofree char *path = g_build_filename(directory, "amavisd.conf", NULL);
	if (access(path, R_OK) != 0)
		am_config_add_key_problem(problems, core, "sasl_directory",
					  "sasl_directory: %s: %s", path, g_strerror(errno));
}

static void
listeners_check_sasl(const AmConfig *config, GPtrArray *groups, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	gboolean is_ready = FALSE;
	for (guint i = 0; i < groups->len; i++) {
		const AmConfigGroup *group = g_ptr_array_index(groups, i);
		if (am_config_choice(group, "auth") == AM_SERVER_AUTH_NO)
			continue;
		if (!is_ready) {
			listeners_check_sasl_directory(core, problems);
			is_ready = am_sasl_init_server(am_config_string(core, "sasl_directory"),
						       &error);
		}
		if (!is_ready) {
			am_config_add_key_problem(problems, group, "auth", "%s", error->message);
			return;
		}
		listeners_check_mechanisms(group, problems);
	}
}

static void
listeners_check_directories(const AmConfigGroup *group, GPtrArray *problems)
{
	const char *const *list = am_config_list(group, "mail_directory");
	for (; list != NULL && *list != NULL; list++)
		if (**list != '/')
			am_config_add_key_problem(problems, group, "mail_directory",
						  "mail_directory: \"%s\" is no absolute path",
						  *list);
}

/* The library's part, when a listener wants it. */
static void
listeners_init_sasl(const AmConfig *config, GPtrArray *listeners, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	gboolean is_wanted = FALSE;
	for (guint i = 0; i < listeners->len; i++) {
		const AmPoolListener *listener = g_ptr_array_index(listeners, i);
		is_wanted |= listener->server.auth != AM_SERVER_AUTH_NO;
	}
	if (is_wanted && !am_sasl_init_server(am_config_string(core, "sasl_directory"), &error))
		am_config_add_problem(problems, "", 0, "%s", error->message);
}

/* The token of a listener for HTTP, NULL none. */
static char *
listeners_secret(const AmConfigGroup *group, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	const char *path = am_config_string(group, "secret_file");
	char *secret = path != NULL ? am_setup_secret(path, &error) : NULL;
	if (error != NULL)
		am_config_add_key_problem(problems, group, "secret_file", "secret_file: %s: %s",
					  path, error->message);
	return secret;
}

/* What cannot be with protocol = http. */
static void
listeners_check_http(const AmConfigGroup *group, GPtrArray *problems)
{
	if (am_config_choice(group, "protocol") != AM_PROTOCOL_HTTP)
		return;
#ifndef HAVE_HTTP
	am_config_add_key_problem(problems, group, "protocol",
				  "protocol: http is not in this build (configure --enable-http)");
#endif
	AmServerTls tls = am_config_choice(group, "tls");
	if (tls != AM_SERVER_PLAIN && tls != AM_SERVER_IMPLICIT)
		am_config_add_key_problem(problems, group, "tls",
					  "tls: with protocol = http it is no or implicit");
}

/* With HTTP the client delivers to each with a header of his own, or to all with one. */
static AmConflict
listeners_conflict(const AmConfigGroup *group)
{
	if (am_config_choice(group, "protocol") == AM_PROTOCOL_HTTP &&
	    !am_config_has(group, "conflict"))
		return AM_CONFLICT_MILDEST;
	return am_config_choice(group, "conflict");
}

static AmSmtpServerConfig
listeners_smtp(const AmPoolListener *listener, const AmConfigGroup *group, const AmIntake *intake,
	       const char *hostname)
{
	const char *bare = am_config_string(group, "bare_newline");
	return (AmSmtpServerConfig){
		.intake = *intake,
		.is_lmtp = listener->protocol == AM_PROTOCOL_LMTP,
		.hostname = am_config_has(group, "hostname") ? am_config_string(group, "hostname")
							     : hostname,
		.greeting = am_config_string(group, "greeting"),
		.hidden = am_config_list(group, "hide_extensions"),
		.idle_us = listener->idle_us,
		.receive_us = am_config_int(group, "receive_time") * 1000,
		.error_limit = (guint)am_config_int(group, "error_limit"),
		.is_bare_normalised = bare != NULL ? strcmp(bare, "normalise") == 0
						   : listeners_is_local(listener->listener->fd),
		.is_binary = am_config_bool(group, "binarymime"),
		.is_proxied = am_config_bool(group, "proxy_protocol"),
		.tls_mode = am_config_choice(group, "tls"),
		.tls = listener->tls,
		.auth = am_config_choice(group, "auth"),
		.is_auth_clear = am_config_bool(group, "auth_without_tls"),
		.auth_mechanisms = listener->auth_mechanisms,
		.auth_service = am_config_string(group, "auth_service"),
		.auth_realm = am_config_string(group, "auth_realm"),
	};
}

/* What each protocol's server is told; only the listener's own is used. */
static void
listeners_configure(AmPoolListener *listener, const AmConfigGroup *group, const AmConfigGroup *core,
		    const char *hostname)
{
	const AmIntake intake = {
		.spool_directory = am_config_string(core, "spool_directory"),
		.spool_memory = (guint64)am_config_int(core, "spool_memory"),
		.size_limit = (guint64)am_config_int(group, "size_limit"),
		.recipient_limit = (guint)am_config_int(group, "recipient_limit"),
		.listener = listener->listener->name,
		.policy_banks = am_config_list(group, "policy_banks"),
	};
	listener->server = listeners_smtp(listener, group, &intake, hostname);
	listener->am_pdp = (AmPdpConfig){
		.intake = intake,
		.mail_directories = am_config_list(group, "mail_directory"),
		.release = am_config_choice(group, "release"),
	};
	listener->http = (AmHttpConfig){
		.intake = intake,
		.receive_us = listener->server.receive_us,
		.secret = listener->secret,
		.is_proxied = listener->server.is_proxied,
		.tls = listener->tls,
	};
}

static AmPoolListener *
listeners_make(const AmGeneration *generation, const AmListener *item, const char *hostname,
	       GPtrArray *problems)
{
	const AmConfigGroup *group = item->group;
	const AmConfigGroup *core = am_config_group(generation->config, "amavisd", NULL);
	AmPoolListener *listener = g_new0(AmPoolListener, 1);
	listener->listener = item;
	listener->clients = listeners_networks(group, "clients", problems);
	listener->xforward_clients = listeners_trusted(group, "xforward_clients", problems);
	listener->xclient_clients = listeners_trusted(group, "xclient_clients", problems);
	listener->limits = listeners_limits(group, core, problems);
	listener->tls = listeners_tls(group, problems);
	listener->auth_mechanisms =
		g_strjoinv(" ", (char **)am_config_list(group, "auth_mechanisms"));
	listeners_check_auth(group, problems);
	listener->idle_us = am_config_int(group, "idle_time") * 1000;
	listener->protocol = am_config_choice(group, "protocol");
	listener->answer_us = listeners_answer_ms(group, core, listener->protocol) * 1000;
	listener->when_late = am_config_choice(group, "at_deadline");
	listener->conflict = listeners_conflict(group);
	listener->secret = listeners_secret(group, problems);
	listeners_check_http(group, problems);
	listeners_configure(listener, group, core, hostname);
	return listener;
}

GPtrArray *
am_session_listeners(const AmGeneration *generation, const char *hostname, GPtrArray *problems)
{
	GPtrArray *listeners =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_pool_listener_free);
	for (guint i = 0; i < generation->listeners->len; i++)
		g_ptr_array_add(listeners,
				listeners_make(generation,
					       g_ptr_array_index(generation->listeners, i),
					       hostname, problems));
	listeners_init_sasl(generation->config, listeners, problems);
	return listeners;
}

/* Printable ASCII, with blanks only where has_blanks. */
static void
listeners_check_text(const AmConfigGroup *group, const char *key, gboolean has_blanks,
		     GPtrArray *problems)
{
	const char *text = am_config_string(group, key);
	gsize len = text != NULL ? strlen(text) : 0;
	gboolean is_good = text == NULL || (len > 0 && len <= LISTENERS_TEXT_MAX);
	for (gsize i = 0; i < len; i++)
		is_good &= g_ascii_isgraph(text[i]) || (has_blanks && text[i] == ' ');
	if (!is_good)
		am_config_add_key_problem(problems, group, key,
					  "%s = \"%s\" is not allowed; allowed: up to %u printable "
					  "ASCII characters%s",
					  key, text, LISTENERS_TEXT_MAX,
					  has_blanks ? "" : " without blanks");
}

static void
listeners_check_hidden(const AmConfigGroup *group, GPtrArray *problems)
{
	static const char *const known[] = {
		"PIPELINING", "SIZE",	    "8BITMIME",	   "CHUNKING",	"ENHANCEDSTATUSCODES",
		"DSN",	      "SMTPUTF8",   "MT-PRIORITY", "DELIVERBY", "LIMITS",
		"PRDR",	      "BINARYMIME", "REQUIRETLS",  "AUTH",	"XFORWARD",
		"XCLIENT",    "STARTTLS",   NULL
	};
	const char *const *hidden = am_config_list(group, "hide_extensions");
	for (guint i = 0; hidden != NULL && hidden[i] != NULL; i++) {
		g_autofree char *upper = g_ascii_strup(hidden[i], -1);
		if (g_strv_contains(known, upper))
			continue;
		g_autofree char *all = g_strjoinv(", ", (char **)known);
		am_config_add_key_problem(
			problems, group, "hide_extensions",
			"hide_extensions: \"%s\" is no extension of ours; allowed: %s", hidden[i],
			all);
	}
}

void
am_session_check(const AmConfig *config, GPtrArray *problems)
{
	g_autoptr(GPtrArray) groups = am_config_groups(config, "listener");
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	for (guint i = 0; i < groups->len; i++) {
		const AmConfigGroup *group = g_ptr_array_index(groups, i);
		am_clients_free(listeners_networks(group, "clients", problems));
		am_clients_free(listeners_trusted(group, "xforward_clients", problems));
		am_clients_free(listeners_trusted(group, "xclient_clients", problems));
		am_limits_free(listeners_limits(group, core, problems));
		am_tls_free(listeners_tls(group, problems));
		listeners_check_auth(group, problems);
		listeners_check_text(group, "hostname", FALSE, problems);
		listeners_check_text(group, "greeting", TRUE, problems);
		listeners_check_hidden(group, problems);
		listeners_check_directories(group, problems);
		listeners_check_http(group, problems);
	}
	listeners_check_sasl(config, groups, problems);
	listeners_check_text(core, "hostname", FALSE, problems);
}
