/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A host for tests of session plugins: it loads the built object as the daemon does and answers the
 * plugin from plain tables. */

#include <glib.h>

#include <amavisd/plugin.h>

typedef struct {
	const AmPlugin *plugin;
	AmHost host;
	gpointer self; /* what load() returned */
} MockPlugin;

/* Opens plugins/FAMILY/NAME/am-NAME.so of the build tree; aborts the test when that fails. */
void mock_plugin_open(MockPlugin *mock, const char *family, const char *name);
/* Calls load() with settings "key=value", NULL-ended, over the defaults of the plugin's table; FALSE
 * with *error as load() set it. */
gboolean mock_plugin_load(MockPlugin *mock, const char *const *settings, GError **error);
void mock_plugin_close(MockPlugin *mock);

/* What the plugin sees of an action and what it did. */
struct _AmAction {
	const char *mail_id, *recipient, *category, *tests, *reasons, *subject, *quarantine_id;
	const char *const *categories; /* NULL-ended */
	const char *const *settings;   /* "name=value", NULL-ended */
	gboolean is_scored;
	double score;
	GPtrArray *edits; /* of char *: "+Name: value" prepend, "=Name: value" replace, "-Name" */
	GPtrArray *kept;  /* strings handed out */
};

/* What the plugin sees of a scan and what it said. */
struct _AmScan {
	int fd;
	guint64 size;
	const char *sender;
	const char *const *recipients;
	gint64 deadline_us;
	gboolean is_scored;
	double score;
	GString *tests;    /* "NAME=points " each */
	GString *findings; /* "kind:name " each */
};

/* Last line the plugin logged, "" none; of this process. */
const char *mock_last_log(void);
