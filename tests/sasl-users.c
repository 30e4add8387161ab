/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "sasl-users.h"

#include <glib/gstdio.h>

#include "wire/sasl.h"

static gboolean
users_add(const char *database)
{
	g_autofree char *found = g_find_program_in_path("saslpasswd2");
	const char *program = found != NULL ? found : "/usr/sbin/saslpasswd2";
	g_autofree char *command = g_strdup_printf(
		"printf '%%s' '%s' | %s -p -c -f '%s' -u filter.example -a amavisd %s",
		SASL_PASSWORD, program, database, SASL_USER);
	const char *argv[] = { "/bin/sh", "-c", command, NULL };
	int status = 0;
	g_autoptr(GError) error = NULL;
	if (!g_file_test(program, G_FILE_TEST_IS_EXECUTABLE))
		return FALSE;
	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL,
				   NULL, &status, &error));
	g_assert_no_error(error);
	g_assert_cmpint(status, ==, 0);
	return TRUE;
}

char *
sasl_users_new(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *directory = g_dir_make_tmp("amavisd-sasl-XXXXXX", &error);
	g_assert_no_error(error);
	g_autofree char *database = g_build_filename(directory, "users", NULL);
	g_autofree char *path = g_build_filename(directory, "amavisd.conf", NULL);
	g_autofree char *text = g_strdup_printf("pwcheck_method: auxprop\n"
						"auxprop_plugin: sasldb\n"
						"sasldb_path: %s\n",
						database);
	g_assert_true(g_file_set_contents(path, text, -1, &error));
	if (!users_add(database)) {
		sasl_users_free(g_steal_pointer(&directory));
		return NULL;
	}
	g_assert_true(am_sasl_init_server(directory, &error));
	g_assert_no_error(error);
	g_assert_true(am_sasl_init_client(&error));
	g_assert_no_error(error);
	return g_steal_pointer(&directory);
}

void
sasl_users_free(char *directory)
{
	static const char *const names[] = { "users", "amavisd.conf" };
	if (directory == NULL)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(directory, names[i], NULL);
		(void)g_unlink(path); /* may not have been made */
	}
	(void)g_rmdir(directory);
	g_free(directory);
}
