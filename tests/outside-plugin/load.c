/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* load DIRECTORY: loads the plugin "words" from there as the daemon does and has it scan two mails. */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mock-host.h"

static char *
load_scan(MockHost *mock, const char *mail)
{
	AmScan scan = { .fd = mock_fd_new(mail, strlen(mail)), .size = strlen(mail) };
	scan.findings = g_string_new(NULL);
	g_assert_true(mock->loaded.plugin.scanner->scan(mock->self, &scan, NULL));
	(void)close(scan.fd);
	return g_string_free(scan.findings, FALSE);
}

int
main(int argc, char **argv)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(GError) error = NULL;
	AmHost host;
	MockHost mock;
	g_assert_cmpint(argc, ==, 2);
	g_autofree char *text =
		g_strdup_printf("[plugins]\ndirectory = %s\n[scanner words]\n", argv[1]);
	g_autoptr(AmConfig) config = am_config_load_data("test", text, problems);
	g_autoptr(AmRegistry) registry = am_registry_new(config, problems);
	am_host_init(&host);
	(void)am_registry_load(registry, AM_CAP_SANDBOX, &host, problems);
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *line = am_config_problem_to_string(g_ptr_array_index(problems, i));
		g_printerr("%s\n", line);
	}
	const AmInstance *words = am_registry_find(registry, AM_KIND_SCANNER, "words");
	if (problems->len > 0 || words == NULL)
		return EXIT_FAILURE;
	g_assert_true(mock_host_load(&mock, &words->plugin->plugin, AM_KIND_SCANNER, "", &error));
	g_autofree char *found = load_scan(&mock, "a: b\r\n\r\nthis is melissa\r\n");
	g_autofree char *clean = load_scan(&mock, "a: b\r\n\r\nthis is not\r\n");
	g_assert_cmpstr(found, ==, "virus:melissa ");
	g_assert_cmpstr(clean, ==, "");
	mock_host_clear(&mock);
	return EXIT_SUCCESS;
}
