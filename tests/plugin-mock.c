/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The host side for plugin tests.  Settings are kept as text and parsed when asked for; what is
 * needed here is little, and independent of the core on purpose. */

#include <config.h>

#include "plugin-mock.h"

#include <gmodule.h>
#include <stdlib.h>
#include <string.h>

static const AmSettingSpec *mock_specs;
static GHashTable *mock_settings;
static GHashTable *mock_lists;
static char mock_log_line[1024];

static const char *
mock_setting(const char *name, AmSettingType type)
{
	for (const AmSettingSpec *spec = mock_specs; spec->name != NULL; spec++) {
		if (strcmp(spec->name, name) != 0)
			continue;
		if (type == AM_SETTING_STRING)
			g_assert_true(spec->type == AM_SETTING_STRING ||
				      spec->type == AM_SETTING_PATH ||
				      spec->type == AM_SETTING_ENUM);
		else if (type == AM_SETTING_INT)
			g_assert_true(spec->type == AM_SETTING_INT ||
				      spec->type == AM_SETTING_SIZE ||
				      spec->type == AM_SETTING_DURATION);
		else
			g_assert_cmpint(spec->type, ==, type);
		const char *text = g_hash_table_lookup(mock_settings, name);
		return text != NULL ? text : spec->default_value;
	}
	g_error("the plugin asked for a setting it has not declared: %s", name);
}

static const char *
mock_setting_string(AmInstance *instance G_GNUC_UNUSED, const char *name)
{
	return mock_setting(name, AM_SETTING_STRING);
}

static gboolean
mock_setting_bool(AmInstance *instance G_GNUC_UNUSED, const char *name)
{
	return g_strcmp0(mock_setting(name, AM_SETTING_BOOL), "yes") == 0;
}

/* INT, SIZE with K or M, DURATION in ms (or s, or bare seconds) */
static gint64
mock_setting_int(AmInstance *instance G_GNUC_UNUSED, const char *name)
{
	const char *text = mock_setting(name, AM_SETTING_INT);
	char *end;
	if (text == NULL)
		return 0;
	gint64 value = g_ascii_strtoll(text, &end, 10);
	for (const AmSettingSpec *spec = mock_specs; spec->name != NULL; spec++)
		if (strcmp(spec->name, name) == 0 && spec->type == AM_SETTING_DURATION)
			return strcmp(end, "ms") == 0 ? value : value * 1000;
	return *end == 'K' ? value << 10 : *end == 'M' ? value << 20 : value;
}

static const char *const *
mock_setting_list(AmInstance *instance G_GNUC_UNUSED, const char *name)
{
	const char *text = mock_setting(name, AM_SETTING_LIST);
	if (text == NULL)
		return NULL;
	char **list = g_strsplit_set(text, ", ", -1);
	g_hash_table_replace(mock_lists, g_strdup(name), list);
	return (const char *const *)list;
}

static const char *
mock_instance_name(AmInstance *instance G_GNUC_UNUSED)
{
	return "test";
}

static void G_GNUC_PRINTF(3, 4)
mock_log(AmInstance *instance G_GNUC_UNUSED, AmLogLevel level G_GNUC_UNUSED, const char *format,
	 ...)
{
	va_list args;
	va_start(args, format);
	(void)g_vsnprintf(mock_log_line, sizeof mock_log_line, format, args);
	va_end(args);
}

const char *
mock_last_log(void)
{
	return mock_log_line;
}

/* -- scans -- */

static int
mock_mail_fd(AmScan *scan)
{
	return scan->fd;
}

static guint64
mock_mail_size(AmScan *scan)
{
	return scan->size;
}

static const char *
mock_mail_id(AmScan *scan G_GNUC_UNUSED)
{
	return "mailid";
}

static const char *
mock_mail_sender(AmScan *scan)
{
	return scan->sender;
}

static guint
mock_mail_n_recipients(AmScan *scan)
{
	return g_strv_length((char **)scan->recipients);
}

static const char *
mock_mail_recipient(AmScan *scan, guint index)
{
	return scan->recipients[index];
}

static gint64
mock_deadline_us(AmScan *scan)
{
	return scan->deadline_us;
}

static void
mock_finding(AmScan *scan, AmPart *part G_GNUC_UNUSED, const char *kind, const char *name,
	     const char *detail G_GNUC_UNUSED)
{
	g_string_append_printf(scan->findings, "%s:%s ", kind, name);
}

static void
mock_score(AmScan *scan, double points)
{
	scan->is_scored = TRUE;
	scan->score += points;
}

static void
mock_test(AmScan *scan, const char *name, double points)
{
	g_string_append_printf(scan->tests, "%s=%g ", name, points);
}

/* -- actions -- */

static const char *
mock_action_mail_id(AmAction *action)
{
	return action->mail_id;
}

static const char *
mock_action_recipient(AmAction *action)
{
	return action->recipient;
}

static const char *
mock_action_category(AmAction *action)
{
	return action->category;
}

static gboolean
mock_action_has_category(AmAction *action, const char *category)
{
	return g_strv_contains(action->categories, category);
}

static double
mock_action_score(AmAction *action)
{
	return action->score;
}

static gboolean
mock_action_has_score(AmAction *action)
{
	return action->is_scored;
}

static const char *
mock_action_tests(AmAction *action)
{
	return action->tests;
}

static const char *
mock_action_reasons(AmAction *action)
{
	return action->reasons;
}

static const char *
mock_action_subject(AmAction *action)
{
	return action->subject;
}

static const char *
mock_action_setting(AmAction *action, const char *name)
{
	gsize len = strlen(name);
	for (const char *const *s = action->settings; *s != NULL; s++) {
		if (strncmp(*s, name, len) == 0 && (*s)[len] == '=') {
			/* a copy, so that holding on to a freed one would show */
			char *text = g_strdup(*s + len + 1);
			g_ptr_array_add(action->kept, text);
			return text;
		}
	}
	return NULL;
}

static gboolean
mock_edit(AmAction *action, AmEditOp op, const char *name, const char *value)
{
	static const char signs[] = { [AM_EDIT_PREPEND] = '+', [AM_EDIT_APPEND] = '>',
				      [AM_EDIT_REPLACE] = '=', [AM_EDIT_DELETE] = '-' };
	g_ptr_array_add(action->edits, value == NULL
					       ? g_strdup_printf("%c%s", signs[op], name)
					       : g_strdup_printf("%c%s: %s", signs[op], name, value));
	return TRUE;
}

static const char *
mock_action_quarantine_id(AmAction *action)
{
	return action->quarantine_id;
}

static const AmHost mock_host = {
	AM_ABI_HEAD(AmHost),
	.product = "amavisd test",
	.setting_string = mock_setting_string,
	.setting_bool = mock_setting_bool,
	.setting_int = mock_setting_int,
	.setting_list = mock_setting_list,
	.instance_name = mock_instance_name,
	.log = mock_log,
	.mail_fd = mock_mail_fd,
	.mail_size = mock_mail_size,
	.mail_id = mock_mail_id,
	.mail_sender = mock_mail_sender,
	.mail_n_recipients = mock_mail_n_recipients,
	.mail_recipient = mock_mail_recipient,
	.deadline_us = mock_deadline_us,
	.finding = mock_finding,
	.score = mock_score,
	.test = mock_test,
	.action_mail_id = mock_action_mail_id,
	.action_recipient = mock_action_recipient,
	.action_category = mock_action_category,
	.action_has_category = mock_action_has_category,
	.action_score = mock_action_score,
	.action_has_score = mock_action_has_score,
	.action_tests = mock_action_tests,
	.action_reasons = mock_action_reasons,
	.action_subject = mock_action_subject,
	.action_setting = mock_action_setting,
	.edit = mock_edit,
	.action_quarantine_id = mock_action_quarantine_id,
};

void
mock_plugin_open(MockPlugin *mock, const char *family, const char *name)
{
	g_autofree char *path =
		g_strdup_printf("%s/plugins/%s/%s/.libs/am-%s.so", g_getenv("AM_TOP_BUILDDIR"),
				family, name, name);
	GModule *module = g_module_open(path, G_MODULE_BIND_LOCAL);
	gpointer symbol;
	if (module == NULL || !g_module_symbol(module, AM_PLUGIN_SYMBOL, &symbol))
		g_error("%s", g_module_error());
	g_module_make_resident(module);
	mock->plugin = symbol;
	mock->host = mock_host;
	mock->self = NULL;
	g_assert_cmpuint(mock->plugin->struct_size, ==, sizeof(AmPlugin));
	g_assert_cmpstr(mock->plugin->name, ==, name);
}

gboolean
mock_plugin_load(MockPlugin *mock, const char *const *settings, GError **error)
{
	mock_specs = mock->plugin->settings;
	mock_settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	mock_lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					   (GDestroyNotify)g_strfreev);
	for (; settings != NULL && *settings != NULL; settings++) {
		const char *equals = strchr(*settings, '=');
		g_assert_nonnull(equals);
		g_hash_table_insert(mock_settings, g_strndup(*settings, equals - *settings),
				    (gpointer)(equals + 1));
	}
	mock_log_line[0] = '\0';
	mock->self = mock->plugin->load(&mock->host, NULL, error);
	return mock->self != NULL;
}

void
mock_plugin_close(MockPlugin *mock)
{
	if (mock->self != NULL && mock->plugin->unload != NULL)
		mock->plugin->unload(mock->self);
	mock->self = NULL;
	g_clear_pointer(&mock_settings, g_hash_table_unref);
	g_clear_pointer(&mock_lists, g_hash_table_unref);
}
