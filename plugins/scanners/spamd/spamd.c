/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The scanner "spamd": asks SpamAssassin's daemon for score and tests by the SPAMC protocol 1.5.
 *
 *     REPORT SPAMC/1.5            command by setting `tests`
 *     User: amavis
 *     Content-length: 1234
 *                                 Return-Path and X-Envelope-To of ours, then the mail
 *
 * REPORT is asked by default since it alone tells the points of each test; see reply.c.  The envelope
 * goes in front as fields, where SpamAssassin looks for it.  Servers are tried in order, all within
 * one time limit; the mail streams from its descriptor, so memory is flat in its size. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <amavisd/plugin.h>

#include "connection.h"
#include "reply.h"

#define SPAMD_CHUNK (64u << 10)
#define SPAMD_MAX_RECIPIENTS 100u /* told to spamd; more add nothing */

typedef struct {
	const AmHost *host;
	AmInstance *instance;
	GPtrArray *addresses; /* Address, order of trial */
	char **address_texts;
	const char *user; /* NULL none */
	guint64 max_size;
	gint64 timeout_us;
	const char *command;
	gboolean is_report;
} SpamdPlugin;

static const AmSettingSpec spamd_settings[] = {
	{ "address", AM_SETTING_LIST, "127.0.0.1:783", NULL,
	  "servers in order of trial: HOST:PORT or unix:/path" },
	{ "user", AM_SETTING_STRING, NULL, NULL, "whose preferences spamd uses; default: its own" },
	{ "max_size", AM_SETTING_SIZE, "400K", NULL, "larger mails are not asked about; 0 no limit" },
	{ "timeout", AM_SETTING_DURATION, "30s", "100ms..1h", "time for all servers together" },
	{ "tests", AM_SETTING_ENUM, "points", "points|names|none",
	  "what is asked for besides the score: tests with points, names alone, nothing" },
	{ NULL },
};

/* Appends "<address>" without what could end the field. */
static void
spamd_append_address(GString *out, const char *address)
{
	g_string_append_c(out, '<');
	for (const char *p = address; *p != '\0'; p++)
		if ((guchar)*p >= ' ' && *p != 0x7f)
			g_string_append_c(out, *p);
	g_string_append_c(out, '>');
}

static GString *
spamd_make_fields(const SpamdPlugin *plugin, AmScan *scan)
{
	const AmHost *host = plugin->host;
	GString *fields = g_string_new("Return-Path: ");
	spamd_append_address(fields, host->mail_sender(scan));
	g_string_append(fields, "\r\n");
	guint n = MIN(host->mail_n_recipients(scan), SPAMD_MAX_RECIPIENTS);
	for (guint i = 0; i < n; i++) {
		g_string_append(fields, i == 0 ? "X-Envelope-To: " : ",\r\n\t");
		spamd_append_address(fields, host->mail_recipient(scan, i));
	}
	if (n > 0)
		g_string_append(fields, "\r\n");
	return fields;
}

static gboolean
spamd_send_mail(const SpamdPlugin *plugin, AmScan *scan, int fd, gint64 deadline_us, GError **error)
{
	g_autofree char *chunk = g_malloc(SPAMD_CHUNK);
	int mail_fd = plugin->host->mail_fd(scan);
	guint64 size = plugin->host->mail_size(scan);
	for (guint64 offset = 0; offset < size;) {
		gssize n = pread(mail_fd, chunk, MIN(SPAMD_CHUNK, size - offset), (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "reading the mail: %s",
				    n < 0 ? g_strerror(errno) : "it ended early");
			return FALSE;
		}
		if (!connection_write(fd, chunk, (gsize)n, deadline_us, error))
			return FALSE;
		offset += (guint64)n;
	}
	return TRUE;
}

static Reply *
spamd_converse(const SpamdPlugin *plugin, AmScan *scan, int fd, gint64 deadline_us, GError **error)
{
	g_autoptr(GString) request = g_string_new(NULL);
	g_autoptr(GString) fields = spamd_make_fields(plugin, scan);
	g_string_printf(request, "%s SPAMC/1.5\r\n", plugin->command);
	if (plugin->user != NULL && *plugin->user != '\0')
		g_string_append_printf(request, "User: %s\r\n", plugin->user);
	g_string_append_printf(request, "Content-length: %" G_GUINT64_FORMAT "\r\n\r\n%s",
			       plugin->host->mail_size(scan) + fields->len, fields->str);
	if (!connection_write(fd, request->str, request->len, deadline_us, error) ||
	    !spamd_send_mail(plugin, scan, fd, deadline_us, error))
		return NULL;
	if (shutdown(fd, SHUT_WR) != 0 && errno != ENOTCONN) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "sending: %s",
			    g_strerror(errno));
		return NULL;
	}
	g_autoptr(GString) answer =
		connection_read_all(fd, REPLY_MAX_BYTES, deadline_us, error);
	return answer != NULL ? reply_parse(answer->str, answer->len, plugin->is_report, error)
			      : NULL;
}

static Reply *
spamd_ask(const SpamdPlugin *plugin, guint index, AmScan *scan, gint64 deadline_us, GError **error)
{
	int fd = connection_open(plugin->addresses->pdata[index], deadline_us, error);
	g_autoptr(Reply) reply = NULL;
	if (fd >= 0) {
		reply = spamd_converse(plugin, scan, fd, deadline_us, error);
		(void)close(fd); /* the answer is read or the failure known */
	}
	if (reply == NULL)
		g_prefix_error(error, "%s: ", plugin->address_texts[index]);
	return g_steal_pointer(&reply);
}

/* Tries each server with a fair share of the time that is left, so that a silent one leaves some for
 * the next. */
static Reply *
spamd_ask_all(const SpamdPlugin *plugin, AmScan *scan, GError **error)
{
	gint64 deadline_us = MIN(plugin->host->deadline_us(scan),
				 g_get_monotonic_time() + plugin->timeout_us);
	for (guint i = 0; i < plugin->addresses->len; i++) {
		g_autoptr(GError) local = NULL;
		gint64 now_us = g_get_monotonic_time();
		gint64 share_us = (deadline_us - now_us) / (plugin->addresses->len - i);
		Reply *reply = spamd_ask(plugin, i, scan, now_us + MAX(share_us, 0), &local);
		if (reply != NULL)
			return reply;
		if (i + 1 == plugin->addresses->len)
			g_propagate_error(error, g_steal_pointer(&local));
		else
			plugin->host->log(plugin->instance, AM_LOG_WARNING, "%s: %s, trying the next",
					  plugin->host->mail_id(scan), local->message);
	}
	return NULL;
}

static gboolean
spamd_scan(gpointer self, AmScan *scan, GError **error)
{
	const SpamdPlugin *plugin = self;
	const AmHost *host = plugin->host;
	if (plugin->max_size > 0 && host->mail_size(scan) > plugin->max_size) {
		/* said in the report, so that an unscored mail explains itself */
		host->test(scan, "AM.NOT_SCORED_SIZE", 0);
		return TRUE;
	}
	g_autoptr(Reply) reply = spamd_ask_all(plugin, scan, error);
	if (reply == NULL)
		return FALSE;
	for (guint i = 0; i < reply->tests->len; i++) {
		const ReplyTest *test = reply->tests->pdata[i];
		host->test(scan, test->name, test->points);
	}
	host->score(scan, reply->score);
	return TRUE;
}

static void
spamd_unload(gpointer self)
{
	SpamdPlugin *plugin = self;
	g_ptr_array_unref(plugin->addresses);
	g_strfreev(plugin->address_texts);
	g_free(plugin);
}

static gboolean
spamd_check_user(const char *user, GError **error)
{
	for (const char *p = user; p != NULL && *p != '\0'; p++) {
		if ((guchar)*p <= ' ' || *p == 0x7f) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
				    "user: blanks and control characters are not allowed");
			return FALSE;
		}
	}
	return TRUE;
}

static gpointer
spamd_load(const AmHost *host, AmInstance *instance, GError **error)
{
	SpamdPlugin *plugin = g_new0(SpamdPlugin, 1);
	const char *const *list = host->setting_list(instance, "address");
	const char *tests = host->setting_string(instance, "tests");
	plugin->host = host;
	plugin->instance = instance;
	plugin->addresses = g_ptr_array_new_with_free_func(address_free);
	plugin->address_texts = g_strdupv((char **)list);
	plugin->user = host->setting_string(instance, "user");
	plugin->max_size = (guint64)host->setting_int(instance, "max_size");
	plugin->timeout_us = host->setting_int(instance, "timeout") * 1000;
	plugin->is_report = strcmp(tests, "points") == 0;
	plugin->command = plugin->is_report ? "REPORT" : strcmp(tests, "names") == 0 ? "SYMBOLS" : "CHECK";
	gboolean ok = spamd_check_user(plugin->user, error);
	for (guint i = 0; ok && list != NULL && list[i] != NULL; i++) {
		Address *address = address_parse(list[i], error);
		ok = address != NULL;
		if (ok)
			g_ptr_array_add(plugin->addresses, address);
	}
	if (ok && plugin->addresses->len == 0) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "address: at least one is needed");
		ok = FALSE;
	}
	if (!ok)
		g_clear_pointer(&plugin, spamd_unload);
	return plugin;
}

static const AmScannerOps spamd_ops = {
	AM_ABI_HEAD(AmScannerOps),
	.scan = spamd_scan,
};

AM_PLUGIN_EXPORT const AmPlugin am_plugin = {
	AM_ABI_HEAD(AmPlugin),
	.kinds = AM_KIND_SCANNER,
	.caps = AM_CAP_SESSION | AM_CAP_NETWORK | AM_CAP_REENTRANT | AM_CAP_SCORES,
	.name = "spamd",
	.version = "1.0",
	.licence = "GPL-2.0-or-later",
	.summary = "spam score and tests from SpamAssassin's spamd",
	.settings = spamd_settings,
	.load = spamd_load,
	.unload = spamd_unload,
	.scanner = &spamd_ops,
};
