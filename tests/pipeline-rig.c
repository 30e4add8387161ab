/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A folder with the built session plugins, a configuration and mails, for tests of the pipeline. */

#include <config.h>

#include "pipeline-rig.h"

#include <glib/gstdio.h>
#include <string.h>

static void
rig_copy_plugin(const Rig *rig, const char *plugin)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *contents = NULL;
	gsize len;
	const char *name = strrchr(plugin, '/') + 1;
	g_autofree char *from = g_strdup_printf("%s/plugins/%s/.libs/am-%s.so",
						g_getenv("AM_TOP_BUILDDIR"), plugin, name);
	g_autofree char *to = g_strdup_printf("%s/plugins/am-%s.so", rig->directory, name);
	if (!g_file_get_contents(from, &contents, &len, &error) ||
	    !g_file_set_contents_full(to, contents, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0755,
				      &error))
		g_error("%s", error->message);
}

void
rig_assert_no_problems(GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = am_config_problem_to_string(problems->pdata[i]);
		g_printerr("# %s\n", text);
	}
	g_assert_cmpuint(problems->len, ==, 0);
}

void
rig_configure(Rig *rig, const char *text)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GString) all = g_string_new("[plugins]\ndirectory = %DIR%/plugins\n");
	g_string_append(all, text);
	(void)g_string_replace(all, "%DIR%", rig->directory, 0);
	g_clear_pointer(&rig->config, am_config_unref);
	g_autofree char *path = g_build_filename(rig->directory, "amavisd.conf", NULL);
	g_assert_true(g_file_set_contents(path, all->str, -1, NULL));
	rig->config = am_config_load(path, problems);
	rig_assert_no_problems(problems);
}

void
rig_add_script(Rig *rig, const char *text)
{
	g_autofree char *folder = g_build_filename(rig->directory, "conf.d", NULL);
	g_autofree char *path = g_build_filename(folder, "50-test.lua", NULL);
	g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

void
rig_open(Rig *rig, const char *const *plugins, const char *text)
{
	rig->directory = g_dir_make_tmp("amavisd-rig-XXXXXX", NULL);
	g_autofree char *folder = g_build_filename(rig->directory, "plugins", NULL);
	g_assert_cmpint(g_mkdir(folder, 0755), ==, 0);
	for (; *plugins != NULL; plugins++)
		rig_copy_plugin(rig, *plugins);
	rig_configure(rig, text);
}

static void
rig_remove(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		rig_remove(child);
	}
	(void)g_remove(path);
}

void
rig_close(Rig *rig)
{
	g_clear_pointer(&rig->config, am_config_unref);
	rig_remove(rig->directory);
	g_clear_pointer(&rig->directory, g_free);
}

AmMail *
rig_mail(const char *sender, const char *const *recipients, const char *content)
{
	g_autoptr(GError) error = NULL;
	AmEnvelope *envelope = am_envelope_new();
	AmSpool *spool = am_spool_new(g_get_tmp_dir(), 1 << 20);
	envelope->sender = g_strdup(sender);
	for (; *recipients != NULL; recipients++)
		(void)am_envelope_add_recipient(envelope, *recipients);
	g_assert_true(am_spool_append(spool, content, strlen(content), &error));
	g_assert_true(am_spool_finish(spool, &error));
	AmMail *mail = am_mail_new(envelope, spool);
	mail->start_us = mail->received_us = g_get_monotonic_time();
	mail->arrival_us = g_get_real_time();
	mail->deadline_us = mail->start_us + 60 * G_USEC_PER_SEC;
	return mail;
}

char *
rig_only_file(const char *path)
{
	char *contents = NULL;
	if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
		if (!g_file_get_contents(path, &contents, NULL, NULL))
			contents = g_strdup("");
		return contents;
	}
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while ((name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		g_autofree char *found = rig_only_file(child);
		if (*found == '\0')
			continue;
		g_assert_null(contents);
		contents = g_steal_pointer(&found);
	}
	return contents != NULL ? contents : g_strdup("");
}
