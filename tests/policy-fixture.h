/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A policy made of texts, and mails with a report, for the tests of policy. */

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "policy/policy-private.h"

typedef struct {
	char *directory;
	GPtrArray *problems;
	AmConfig *config;
	AmPolicy *policy;
	AmPolicyThread *thread;
} Fixture;

static inline char *
fixture_write(const Fixture *f, const char *name, const char *text)
{
	g_autoptr(GError) error = NULL;
	char *path = g_build_filename(f->directory, name, NULL);
	g_file_set_contents(path, text, -1, &error);
	g_assert_no_error(error);
	return path;
}

/* A folder with conf.d/ and conf.d/lua/; fixture_build() makes the policy of what is in it. */
static inline void
fixture_init(Fixture *f)
{
	g_autoptr(GError) error = NULL;
	memset(f, 0, sizeof *f);
	f->directory = g_dir_make_tmp("am-policy-XXXXXX", &error);
	g_assert_no_error(error);
	g_autofree char *lua = g_build_filename(f->directory, "conf.d", "lua", NULL);
	g_assert_cmpint(g_mkdir_with_parents(lua, 0700), ==, 0);
	f->problems = am_config_problems_new();
}

static inline void
fixture_build(Fixture *f)
{
	const char *top = g_getenv("AM_TOP_SRCDIR");
	g_autofree char *modules = g_build_filename(top != NULL ? top : ".", "lua", NULL);
	g_autofree char *path = g_build_filename(f->directory, "amavisd.conf", NULL);
	f->config = am_config_load(path, f->problems);
	g_assert_nonnull(f->config);
	f->policy = am_policy_new_with_modules(f->config, modules, f->problems);
	for (guint i = 0; i < f->problems->len; i++) {
		g_autofree char *text = am_config_problem_to_string(f->problems->pdata[i]);
		g_test_message("problem: %s", text);
	}
}

/* conf: more of the configuration, lua: 50-policy.lua; NULL none.  No problem is expected. */
static inline void
fixture_open(Fixture *f, const char *conf, const char *lua)
{
	g_autoptr(GError) error = NULL;
	fixture_init(f);
	g_free(fixture_write(f, "amavisd.conf", conf != NULL ? conf : ""));
	if (lua != NULL)
		g_free(fixture_write(f, "conf.d/50-policy.lua", lua));
	fixture_build(f);
	g_assert_cmpuint(f->problems->len, ==, 0);
	f->thread = am_policy_thread_new(f->policy, &error);
	g_assert_no_error(error);
}

static inline void
fixture_remove(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		fixture_remove(child);
	}
	(void)g_remove(path);
}

static inline void
fixture_close(Fixture *f)
{
	am_policy_thread_free(f->thread);
	am_policy_unref(f->policy);
	am_config_unref(f->config);
	g_ptr_array_unref(f->problems);
	fixture_remove(f->directory);
	g_free(f->directory);
}

/* recipients: addresses separated by blanks.  The report has one part. */
static inline AmMail *
fixture_mail(const char *sender, const char *recipients, const char *text)
{
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) addresses = g_strsplit(recipients, " ", -1);
	AmEnvelope *envelope = am_envelope_new();
	AmSpool *spool = am_spool_new(g_get_tmp_dir(), 1 << 20);
	g_free(envelope->sender);
	envelope->sender = g_strdup(sender);
	for (char **address = addresses; *address != NULL; address++)
		(void)am_envelope_add_recipient(envelope, *address);
	g_assert_true(am_spool_append(spool, text, strlen(text), &error));
	g_assert_true(am_spool_finish(spool, &error));
	AmMail *mail = am_mail_new(envelope, spool);
	mail->report = am_report_new();
	(void)am_report_add_part(mail->report, -1);
	return mail;
}

static inline void
fixture_set(char **field, const char *text)
{
	g_free(*field);
	*field = g_strdup(text);
}

static inline AmReportPart *
fixture_part(AmReport *report, gint32 parent, const char *name, const char *declared_type,
	     const char *type, const char *short_type)
{
	AmReportPart *part = am_report_add_part(report, parent);
	fixture_set(&part->name, name);
	fixture_set(&part->declared_type, declared_type);
	fixture_set(&part->type, type);
	fixture_set(&part->short_type, short_type);
	return part;
}
