/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Runs a fuzz target over files, without a fuzzer: every file named, and every file of every folder
 * named.  Input is an exact-size copy, so that an overrun shows under AddressSanitizer. */

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static guint
driver_run(const char *path)
{
	g_autofree char *contents = NULL;
	gsize len;
	guint n = 0;
	if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
		g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
		const char *name;
		while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
			g_autofree char *child = g_build_filename(path, name, NULL);
			n += driver_run(child);
		}
		return n;
	}
	if (!g_file_get_contents(path, &contents, &len, NULL))
		g_error("cannot read %s", path);
	guint8 *exact = g_memdup2(contents, len);
	(void)LLVMFuzzerTestOneInput(exact, len);
	g_free(exact);
	return 1;
}

int
main(int argc, char **argv)
{
	guint n = 0;
	for (int i = 1; i < argc; i++)
		n += driver_run(argv[i]);
	g_print("%u inputs run\n", n);
	return n > 0 ? 0 : 1;
}
