/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Four kinds in one object, which writes down what is done to it: for tests of the registry.  Its
 * data begins with the GString that says what was called. */

#ifdef PLUGIN_HEADER
#include PLUGIN_HEADER
#else
#include <amavisd/plugin.h>
#endif

#include <string.h>

#ifndef PLUGIN_NAME
#define PLUGIN_NAME "several"
#endif

typedef struct {
	GString *calls;
	const AmHost *host;
	AmInstance *instance;
} Several;

static const AmSettingSpec several_settings[] = {
	{ "fail", AM_SETTING_ENUM, "nothing", "nothing|load|silently|after_fork|thread_init",
	  "what goes wrong" },
	{ "text", AM_SETTING_STRING, "a text", NULL, "a text" },
	{ "count", AM_SETTING_INT, "3", "1..9", "a number" },
	{ "share", AM_SETTING_DOUBLE, "0.5", "0..1", "a fraction" },
	{ "wait", AM_SETTING_DURATION, "2s", NULL, "a time" },
	{ "size", AM_SETTING_SIZE, "4K", NULL, "a size" },
	{ "flag", AM_SETTING_BOOL, "yes", NULL, "a switch" },
	{ "list", AM_SETTING_LIST, "one, two", NULL, "some words" },
	{ "unset", AM_SETTING_STRING, NULL, NULL, "has no default" },
	{ NULL },
};

static gboolean
several_fails(const Several *self, const char *step, GError **error)
{
	if (strcmp(self->host->setting_string(self->instance, "fail"), step) != 0)
		return FALSE;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "told to fail in %s", step);
	return TRUE;
}

static gpointer
several_load(const AmHost *host, AmInstance *instance, GError **error)
{
	Several one = { .host = host, .instance = instance };
	if (several_fails(&one, "load", error) || several_fails(&one, "silently", NULL))
		return NULL;
	Several *self = g_new0(Several, 1);
	*self = one;
	self->calls = g_string_new("load");
	return self;
}

static gboolean
several_after_fork(gpointer data, GError **error)
{
	Several *self = data;
	g_string_append(self->calls, " after_fork");
	return !several_fails(self, "after_fork", error);
}

static gboolean
several_thread_init(gpointer data, GError **error)
{
	Several *self = data;
	g_string_append(self->calls, " thread_init");
	return !several_fails(self, "thread_init", error);
}

static void
several_thread_end(gpointer data)
{
	Several *self = data;
	g_string_append(self->calls, " thread_end");
}

static void
several_unload(gpointer data)
{
	Several *self = data;
	self->host->log(self->instance, AM_LOG_DEBUG, "unloaded after: %s", self->calls->str);
	g_string_free(self->calls, TRUE);
	g_free(self);
}

static gboolean
several_scan(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED AmScan *scan, G_GNUC_UNUSED GError **error)
{
	return TRUE;
}

static int
several_bid(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const AmPartInfo *info,
	    G_GNUC_UNUSED const guint8 *head, G_GNUC_UNUSED gsize len)
{
	return 0;
}

static gboolean
several_decode(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED AmDecode *decode,
	       G_GNUC_UNUSED GError **error)
{
	return TRUE;
}

static gboolean
several_apply(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED AmAction *action,
	      G_GNUC_UNUSED GError **error)
{
	return TRUE;
}

static gboolean
several_store(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const AmQuarantineItem *item,
	      char **location, G_GNUC_UNUSED GError **error)
{
	*location = g_strdup("nowhere");
	return TRUE;
}

static int
several_open(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const char *id,
	     G_GNUC_UNUSED GError **error)
{
	return -1;
}

static gboolean
several_remove(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED const char *id,
	       G_GNUC_UNUSED GError **error)
{
	return FALSE;
}

static gboolean
several_list(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED AmQuarantineFunc func,
	     G_GNUC_UNUSED gpointer user_data, G_GNUC_UNUSED GError **error)
{
	return TRUE;
}

static gboolean
several_expire(G_GNUC_UNUSED gpointer data, G_GNUC_UNUSED gint64 before,
	       G_GNUC_UNUSED guint *n_removed, G_GNUC_UNUSED GError **error)
{
	return TRUE;
}

static const AmScannerOps scanner_ops = { AM_ABI_HEAD(AmScannerOps), .scan = several_scan };
static const AmDecoderOps decoder_ops = { AM_ABI_HEAD(AmDecoderOps), .bid = several_bid,
					  .decode = several_decode };
static const AmActionOps action_ops = { AM_ABI_HEAD(AmActionOps), .apply = several_apply };
static const AmQuarantineOps quarantine_ops = {
	AM_ABI_HEAD(AmQuarantineOps), .store = several_store, .open = several_open,
	.remove = several_remove,     .list = several_list,   .expire = several_expire
};

AM_PLUGIN_EXPORT const AmPlugin am_plugin = {
#ifdef PLUGIN_FROM_THE_FUTURE
	.struct_size = sizeof(AmPlugin),
	.abi_major = AM_ABI_MAJOR,
	.abi_minor = AM_ABI_MINOR + 1,
#else
	AM_ABI_HEAD(AmPlugin),
#endif
	.kinds = AM_KIND_SCANNER | AM_KIND_DECODER | AM_KIND_ACTION | AM_KIND_QUARANTINE,
	.caps = AM_CAP_SANDBOX | AM_CAP_SESSION,
	.name = PLUGIN_NAME,
	.version = "1",
	.licence = "GPL-2.0-or-later",
	.summary = "four kinds that do nothing",
	.settings = several_settings,
	.load = several_load,
	.after_fork = several_after_fork,
	.thread_init = several_thread_init,
	.thread_end = several_thread_end,
	.unload = several_unload,
	.scanner = &scanner_ops,
	.decoder = &decoder_ops,
	.action = &action_ops,
	.quarantine = &quarantine_ops,
};
