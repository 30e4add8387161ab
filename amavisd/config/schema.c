/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The tables of the core's configuration groups: every key, its type, default, range and help.  This
 * is the one place a core key is made; amavisd.conf(5) follows it. */

#include <config.h>

#include "config/schema.h"

#include <string.h>

#ifndef AM_RUN_DIRECTORY
#define AM_RUN_DIRECTORY "/run/amavisd"
#endif
#ifndef AM_SPOOL_DIRECTORY
#define AM_SPOOL_DIRECTORY "/var/spool/amavisd"
#endif

static const AmSettingSpec amavisd_specs[] = {
	{ "user", AM_SETTING_STRING, "amavis", NULL, "user the daemon works as" },
	{ "group", AM_SETTING_STRING, NULL, NULL, "group; default: the user's own" },
	{ "hostname", AM_SETTING_STRING, NULL, NULL, "own name; default: the machine's" },
	{ "run_directory", AM_SETTING_PATH, AM_RUN_DIRECTORY, NULL, "sockets, pid file" },
	{ "spool_directory", AM_SETTING_PATH, AM_SPOOL_DIRECTORY, NULL, "mails too large for memory" },
	{ "spool_memory", AM_SETTING_SIZE, "1M", "4K..1G", "a mail above this goes to the spool directory" },
	{ "log", AM_SETTING_STRING, "syslog", NULL, "syslog, journal, stderr or file:/path" },
	{ "log_format", AM_SETTING_ENUM, "text", "text|json", "one line for each mail, for people or programs" },
	{ "log_level", AM_SETTING_ENUM, "info", "error|warning|info|debug", "least level that is logged" },
	{ "threads", AM_SETTING_INT, "16", "1..1024", "mails processed at the same time" },
	{ "max_connections", AM_SETTING_INT, "2000", "1..100000", "open connections, above: 421 4.3.2" },
	{ "max_mails", AM_SETTING_INT, "1000", "1..100000", "mails in work, above: 421 4.3.2" },
	{ "max_mail_time", AM_SETTING_DURATION, "8m", "10s..1h", "a mail is answered within this time" },
	{ "sasl_directory", AM_SETTING_PATH, NULL, NULL, "where SASL's amavisd.conf is; default: the library's places" },
	{ "drain_time", AM_SETTING_DURATION, "10m", "1s..1h", "SIGTERM and reload wait that long for mails under way" },
	{ NULL },
};

static const AmSettingSpec listener_specs[] = {
	{ "address", AM_SETTING_STRING, NULL, NULL, "127.0.0.1:10024, [::1]:10024 or unix:/path" },
	{ "protocol", AM_SETTING_ENUM, "smtp", "smtp|lmtp|milter|am.pdp|http", "what is spoken" },
	{ "policy_banks", AM_SETTING_LIST, NULL, NULL, "policy banks of mail that comes in here" },
	{ "clients", AM_SETTING_LIST, NULL, NULL, "networks that may connect; default: this machine only" },
	{ "mode", AM_SETTING_STRING, "0660", NULL, "permissions of a Unix socket, octal" },
	{ "hostname", AM_SETTING_STRING, NULL, NULL, "own name to clients; default: that of [amavisd]" },
	{ "greeting", AM_SETTING_STRING, NULL, NULL, "text behind the name in the greeting; default: ESMTP amavisd service ready" },
	{ "hide_extensions", AM_SETTING_LIST, NULL, NULL, "keywords that the answers to EHLO and LHLO do not show" },
	{ "backlog", AM_SETTING_INT, "4096", "1..65535", "connections the kernel queues, net.core.somaxconn at most" },
	{ "bare_newline", AM_SETTING_ENUM, NULL, "reject|normalise",
	  "bare CR or LF in a mail; default: normalise from loopback and Unix sockets, else reject" },
	{ "size_limit", AM_SETTING_SIZE, "0", NULL, "largest mail, 0 none; announced as SIZE" },
	{ "binarymime", AM_SETTING_BOOL, "no", NULL,
	  "announce and take BINARYMIME; only when the next hops take it too" },
	{ "recipient_limit", AM_SETTING_INT, "1100", "100..100000", "recipients of a mail, above: 452 4.5.3" },
	{ "idle_time", AM_SETTING_DURATION, "8m", "1s..1h", "a silent client gets 421 after this time" },
	{ "answer_time", AM_SETTING_DURATION, NULL, "1s..1h",
	  "a mail is answered within this time; default: max_mail_time, milter at most 270s" },
	{ "at_deadline", AM_SETTING_ENUM, "policy", "policy|tempfail|unchecked",
	  "checks not done in time; policy: unchecked_on_failure decides" },
	{ "receive_time", AM_SETTING_DURATION, "10m", "1s..24h",
	  "from MAIL to the end of a mail, and a second more for each 500 bytes" },
	{ "client_connections", AM_SETTING_INT, "0", "0..100000", "open connections of one client, above: 421 4.7.0; 0 no limit" },
	{ "client_rate", AM_SETTING_INT, "0", "0..1000000", "connections of one client in a minute; 0 no limit" },
	{ "client_mails", AM_SETTING_INT, "0", "0..1000000", "mails of one client in a minute; 0 no limit" },
	{ "client_prefix_ip4", AM_SETTING_INT, "32", "0..32", "bits of an IPv4 address that make one client" },
	{ "client_prefix_ip6", AM_SETTING_INT, "64", "0..128", "bits of an IPv6 address that make one client" },
	{ "client_exempt", AM_SETTING_LIST, NULL, NULL, "networks that no limit is for" },
	{ "error_limit", AM_SETTING_INT, "20", "1..1000", "errors after which a session ends" },
	{ "conflict", AM_SETTING_ENUM, "split", "split|strictest|mildest",
	  "milter, am.pdp: recipients are to get different headers; split: we deliver to those who differ" },
	{ "mail_directory", AM_SETTING_LIST, NULL, NULL,
	  "am.pdp: directories below which clients' mail files may be; default: nowhere" },
	{ "release", AM_SETTING_ENUM, "secret", "secret|any|no",
	  "am.pdp: quarantined mail is released to who knows its secret, to all clients, not at all" },
	{ "secret_file", AM_SETTING_PATH, NULL, NULL,
	  "http: the token that checks need, one line; not readable by all; default: none is needed" },
	{ "proxy_protocol", AM_SETTING_BOOL, "no", NULL,
	  "clients are proxies: each connection begins with a PROXY header, version 1 or 2" },
	{ "xforward_clients", AM_SETTING_LIST, NULL, NULL, "networks that may use XFORWARD; default: all of clients" },
	{ "xclient_clients", AM_SETTING_LIST, NULL, NULL, "networks that may use XCLIENT; default: none" },
	{ "tls", AM_SETTING_ENUM, "no", "no|starttls|required|implicit",
	  "starttls: offered; required: no mail without; implicit: from the first byte on" },
	{ "tls_certificate", AM_SETTING_PATH, NULL, NULL, "PEM file: certificate, then its chain" },
	{ "tls_key", AM_SETTING_PATH, NULL, NULL, "PEM file; default: in tls_certificate" },
	{ "tls_ca", AM_SETTING_PATH, NULL, NULL, "PEM file: who may sign clients' certificates; default: the system's" },
	{ "tls_client_certificate", AM_SETTING_ENUM, "no", "no|ask|require", "of clients" },
	{ "tls_min_version", AM_SETTING_ENUM, "1.2", "1.0|1.1|1.2|1.3", "older ones are refused" },
	{ "tls_ciphers", AM_SETTING_STRING, NULL, NULL, "of TLS 1.2, in OpenSSL's words" },
	{ "auth", AM_SETTING_ENUM, "no", "no|offered|required", "required: no mail without" },
	{ "auth_mechanisms", AM_SETTING_LIST, "PLAIN, LOGIN, SCRAM-SHA-256, EXTERNAL", NULL,
	  "of SASL that may be used; EXTERNAL: a verified client certificate" },
	{ "auth_without_tls", AM_SETTING_BOOL, "no", NULL, "AUTH in the clear, too" },
	{ "auth_service", AM_SETTING_STRING, "smtp", NULL, "service name for SASL, as for PAM" },
	{ "auth_realm", AM_SETTING_STRING, NULL, NULL, "realm of names without one; default: hostname" },
	{ NULL },
};

static const AmSettingSpec content_specs[] = {
	{ "workers", AM_SETTING_INT, "0", "0..256", "content workers, 0: two for each processor" },
	{ "mails_per_worker", AM_SETTING_INT, "500", "1..1000000", "a worker ends after that many" },
	{ "time_limit", AM_SETTING_DURATION, "60s", "1s..1h", "wall clock for one mail in a worker" },
	{ "queue_time", AM_SETTING_DURATION, "60s", "1s..1h", "wait for a free worker" },
	{ "memory_limit", AM_SETTING_SIZE, "1G", "64M..64G", "a worker may grow by that much" },
	{ "max_depth", AM_SETTING_INT, "20", "2..200", "levels of parts in parts" },
	{ "max_parts", AM_SETTING_INT, "3000", "10..100000", "parts of a mail" },
	{ "expansion_factor", AM_SETTING_DOUBLE, "500", "1..100000", "decoded bytes against the mail's size" },
	{ "min_expansion", AM_SETTING_SIZE, "1M", NULL, "decoded bytes always allowed" },
	{ "max_expansion", AM_SETTING_SIZE, "300M", NULL, "decoded bytes never exceeded by archive members" },
	{ "part_memory", AM_SETTING_SIZE, "512K", "4K..64M", "a decoded part above this goes to a file" },
	{ "password_file", AM_SETTING_PATH, NULL, NULL, "passwords to try on what is encrypted, one to a line" },
	{ "password_tries", AM_SETTING_INT, "100", "0..10000", "passwords tried on an encrypted part, 0 none" },
	{ "sandbox", AM_SETTING_ENUM, "required", "required|best-effort", "when the kernel lacks a part of the sandbox" },
	{ NULL },
};

static const AmSettingSpec routes_specs[] = {
	{ "forward", AM_SETTING_STRING, "smtp:[127.0.0.1]:10025", NULL, "mail that passes" },
	{ "notify", AM_SETTING_STRING, NULL, NULL, "bounces and notices; default: forward" },
	{ "resend", AM_SETTING_STRING, NULL, NULL, "mail whose body was changed (by no plugin as shipped); default: forward" },
	{ "release", AM_SETTING_STRING, NULL, NULL, "mail out of quarantine; default: notify" },
	{ "requeue", AM_SETTING_STRING, NULL, NULL, "quarantined mail to be checked again; default: release" },
	{ NULL },
};

/* features O22 has Amavis' times */
static const AmSettingSpec next_hop_specs[] = {
	{ "connect_time", AM_SETTING_DURATION, "35s", "1s..1h", "until a connection stands" },
	{ "command_time", AM_SETTING_DURATION, "300s", "1s..1h", "greeting, EHLO, MAIL, RCPT" },
	{ "data_init_time", AM_SETTING_DURATION, "120s", "1s..1h", "answer to DATA" },
	{ "data_block_time", AM_SETTING_DURATION, "180s", "1s..1h", "next hop takes a block of the mail" },
	{ "data_final_time", AM_SETTING_DURATION, "600s", "1s..1h", "answer to the final dot" },
	{ "quit_time", AM_SETTING_DURATION, "10s", "0..1h", "answer to QUIT" },
	{ "keep_idle", AM_SETTING_DURATION, "30s", "0..1h", "an idle connection is kept; 0 never" },
	{ "keep_age", AM_SETTING_DURATION, "60s", "0..24h", "a connection is used; 0 once" },
	{ "probe", AM_SETTING_DURATION, "18s", "0..1h", "idle longer: NOOP before use" },
	{ "keep", AM_SETTING_INT, "20", "0..1000", "kept connections for each next hop" },
	{ "keep_when", AM_SETTING_ENUM, "always", "always|busy",
	  "busy: from a mail within 5 s of another until none comes for 15 s" },
	{ "bind_address", AM_SETTING_LIST, NULL, NULL, "own address to connect from, one for IPv4, one for IPv6" },
	{ "auth_user", AM_SETTING_STRING, NULL, NULL, "name for AUTH; default: no AUTH" },
	{ "auth_password_file", AM_SETTING_PATH, NULL, NULL, "its password, one line; not readable by all" },
	{ "auth_mechanisms", AM_SETTING_LIST, "SCRAM-SHA-256, PLAIN, LOGIN", NULL, "of SASL that may be used" },
	{ "auth_required", AM_SETTING_BOOL, "yes", NULL, "no: goes on without where AUTH cannot be used" },
	{ "auth_without_tls", AM_SETTING_BOOL, "no", NULL, "AUTH in the clear, too" },
	{ "dsn", AM_SETTING_BOOL, "yes", NULL,
	  "pass DSN parameters on; no: reports of success are ours" },
	{ "xforward", AM_SETTING_BOOL, "yes", NULL, "tell next hops that announce XFORWARD of the client" },
	{ "chunking", AM_SETTING_ENUM, "auto", "auto|always|no",
	  "BDAT: auto for binary mail alone, always wherever it is announced" },
	{ "tls", AM_SETTING_ENUM, "opportunistic", "no|opportunistic|required|verify|dane",
	  "opportunistic: when offered, not on this machine; verify: name and chain; dane: tlsa" },
	{ "tlsa", AM_SETTING_STRING, NULL, NULL,
	  "records that certificates of next hops must match, 3 1 1 HEX, several with commas" },
	{ "tls_certificate", AM_SETTING_PATH, NULL, NULL, "PEM file with our certificate, for next hops that ask" },
	{ "tls_key", AM_SETTING_PATH, NULL, NULL, "PEM file; default: in tls_certificate" },
	{ "tls_ca", AM_SETTING_PATH, NULL, NULL, "PEM file: whom we trust; default: the system's" },
	{ "tls_min_version", AM_SETTING_ENUM, "1.2", "1.0|1.1|1.2|1.3", "older ones are not spoken" },
	{ "tls_ciphers", AM_SETTING_STRING, NULL, NULL, "of TLS 1.2, in OpenSSL's words" },
	{ NULL },
};

static const AmSettingSpec pipe_specs[] = {
	{ "command", AM_SETTING_STRING, NULL, NULL,
	  "program and arguments, no shell; %{sender}, %{recipient}, %{mail_id}, ..." },
	{ "directory", AM_SETTING_PATH, "/", NULL, "it runs there" },
	{ "time_limit", AM_SETTING_DURATION, "300s", "1s..1h", "after which it is killed, 4xx" },
	{ "single", AM_SETTING_BOOL, "no", NULL, "a run for each recipient" },
	{ "null_sender", AM_SETTING_STRING, "<>", NULL, "%{sender} of a bounce" },
	{ "dsn", AM_SETTING_BOOL, "no", NULL, "options -N, -R, -V of sendmail; a run for each recipient" },
	{ "return_path", AM_SETTING_BOOL, "no", NULL, "a field Return-Path on top" },
	{ "line_end", AM_SETTING_ENUM, "lf", "lf|crlf", "of the mail's lines" },
	{ NULL },
};

static const AmSettingSpec plugins_specs[] = {
	{ "directory", AM_SETTING_PATH, NULL, NULL, "where plugins are; default: compiled in" },
	{ NULL },
};

static const AmSettingSpec plugin_group_specs[] = {
	{ "enabled", AM_SETTING_BOOL, "yes", NULL, "no: as if the group were not there" },
	{ "plugin", AM_SETTING_STRING, NULL, NULL, "the plugin; default: the group's name" },
	{ "order", AM_SETTING_INT, "50", "0..1000", "groups of a kind run in this order" },
	{ "required", AM_SETTING_BOOL, "yes", NULL,
	  "its failure makes a mail unchecked; no: is only logged" },
	{ NULL },
};

static const struct {
	const char *kind;
	gboolean is_named, is_plugin;
	const AmSettingSpec *specs; /* NULL: somebody else's table */
} groups[] = {
	{ "amavisd", FALSE, FALSE, amavisd_specs },
	{ "listener", TRUE, FALSE, listener_specs },
	{ "content", FALSE, FALSE, content_specs },
	{ "routes", FALSE, FALSE, routes_specs },
	{ "next_hop", FALSE, FALSE, next_hop_specs },
	{ "pipe", TRUE, FALSE, pipe_specs },
	{ "plugins", FALSE, FALSE, plugins_specs },
	{ "policy", FALSE, FALSE, NULL },
	{ "scanner", TRUE, TRUE, NULL },
	{ "decoder", TRUE, TRUE, NULL },
	{ "action", TRUE, TRUE, NULL },
	{ "quarantine", TRUE, TRUE, NULL },
};

static const char *const kinds[] = {
	"amavisd", "listener", "content", "routes",  "next_hop",   "pipe", "plugins",
	"policy",  "scanner",  "decoder", "action", "quarantine", NULL,
};

const char *const *
am_config_kinds(void)
{
	G_STATIC_ASSERT(G_N_ELEMENTS(kinds) == G_N_ELEMENTS(groups) + 1);
	return kinds;
}

/* G_N_ELEMENTS(groups) for an unknown kind. */
static gsize
schema_find(const char *kind)
{
	gsize i = 0;
	while (i < G_N_ELEMENTS(groups) && strcmp(groups[i].kind, kind) != 0)
		i++;
	return i;
}

gboolean
am_config_kind_is_known(const char *kind)
{
	return schema_find(kind) < G_N_ELEMENTS(groups);
}

gboolean
am_config_kind_is_named(const char *kind)
{
	gsize i = schema_find(kind);
	return i < G_N_ELEMENTS(groups) && groups[i].is_named;
}

const AmSettingSpec *
am_config_core_specs(const char *kind)
{
	gsize i = schema_find(kind);
	return i < G_N_ELEMENTS(groups) ? groups[i].specs : NULL;
}

const AmSettingSpec *
am_config_plugin_specs(const char *kind)
{
	gsize i = schema_find(kind);
	return i < G_N_ELEMENTS(groups) && groups[i].is_plugin ? plugin_group_specs : NULL;
}
