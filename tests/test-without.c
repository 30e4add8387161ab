/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* `amavisctl sandbox` on this kernel, and on ones that know less. */

#include <config.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "content/sandbox-private.h"

static const struct {
	const char *without; /* NULL: the kernel as it is */
	const char *setting;
	int status;
	const char *says[3];
} cases[] = {
	{ NULL, "required", 0, { "the kernel lacks  nothing", "ended (SIGSYS)", "workers start" } },
	{ "landlock",
	  "required",
	  1,
	  { "Landlock          not there", "CONFIG_SECURITY_LANDLOCK",
	    "sandbox = required: sandbox: the kernel has no Landlock" } },
	{ "landlock",
	  "best-effort",
	  1,
	  { "FAILED  read /etc/passwd", "works", "sandbox = best-effort: workers start" } },
	{ "abi=1",
	  "required",
	  0,
	  { "Landlock for TCP (Linux 6.7; seccomp has it)", "Linux 6.12", "workers start" } },
	{ "abi=3", "required", 0, { "Linux 6.7", "a TCP socket", "workers start" } },
	{ "abi=6", "required", 0, { "the kernel lacks  nothing", "ABI 6: ", "workers start" } },
};

static char *
write_config(const char *directory, const char *setting)
{
	char *path = g_build_filename(directory, "amavisd.conf", NULL);
	g_autofree char *text =
		g_strdup_printf("[amavisd]\nuser = %s\n[content]\nsandbox = %s\n",
				geteuid() == 0 ? "nobody" : g_get_user_name(), setting);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	g_assert_cmpint(chmod(path, 0644), ==, 0);
	return path;
}

static char *
run(const char *without, const char *config, int *status)
{
	const char *build = g_getenv("AM_TOP_BUILDDIR");
	g_autofree char *launcher = g_build_filename(build, "tests", "launch-without", NULL);
	g_autofree char *program = g_build_filename(build, "amavisctl", NULL);
	const char *argv[] = { launcher, without, program, "sandbox", "--config", config, NULL };
	char *out = NULL;
	g_autofree char *errors = NULL;
	g_autoptr(GError) error = NULL;
	g_assert_true(g_spawn_sync(NULL, (char **)(without != NULL ? argv : argv + 2), NULL, 0,
				   NULL, NULL, &out, &errors, status, &error));
	g_test_message("%s%s", out, errors);
	return out;
}

static void
test_without(void)
{
	g_autofree char *directory = g_dir_make_tmp("without-XXXXXX", NULL);
	if (AM_SANDBOX_ASAN || am_sandbox_landlock_abi() < 6) {
		g_test_skip("sanitizers, or a kernel that knows less itself");
		g_assert_cmpint(g_rmdir(directory), ==, 0);
		return;
	}
	g_assert_cmpint(chmod(directory, 0755), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		int status;
		g_autofree char *config = write_config(directory, cases[i].setting);
		g_autofree char *out = run(cases[i].without, config, &status);
		g_assert_true(WIFEXITED(status));
		g_assert_cmpint(WEXITSTATUS(status), ==, cases[i].status);
		for (gsize k = 0; k < G_N_ELEMENTS(cases[i].says); k++)
			g_assert_nonnull(strstr(out, cases[i].says[k]));
		g_assert_cmpint(g_unlink(config), ==, 0);
	}
	g_assert_cmpint(g_rmdir(directory), ==, 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sandbox/without", test_without);
	return g_test_run();
}
