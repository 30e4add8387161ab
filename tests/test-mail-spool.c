/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The spool: whole whatever the sizes, read-only once finished, a full disk known as such. */

#include <config.h>

#include "mail/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static guint8
byte_at(gsize i)
{
	return (guint8)(i * 7 + i / 251);
}

static void
check_content(const AmSpool *spool, gsize size)
{
	g_autofree guint8 *back = g_malloc(size + 1);
	g_assert_cmpuint(am_spool_size(spool), ==, size);
	g_assert_cmpint(am_read_at(am_spool_fd(spool), back, size + 1, 0, NULL), ==, size);
	for (gsize i = 0; i < size; i++)
		if (back[i] != byte_at(i))
			g_error("byte %zu of %zu differs", i, size);
}

static void
fill(AmSpool *spool, gsize size, gsize step)
{
	g_autoptr(GError) error = NULL;
	g_autofree guint8 *data = g_malloc(size);
	for (gsize i = 0; i < size; i++)
		data[i] = byte_at(i);
	for (gsize done = 0; done < size; done += step)
		g_assert_true(am_spool_append(spool, data + done, MIN(step, size - done), &error));
	g_assert_no_error(error);
	g_assert_cmpint(am_spool_fd(spool), ==, -1);
	g_assert_true(am_spool_finish(spool, &error));
	g_assert_no_error(error);
}

static void
test_sizes(void)
{
	static const gsize sizes[] = { 0, 1, 4095, 4097, 65535, 65536, 65537, 200000, 1000000 };
	static const gsize steps[] = { 77, 4096, 65536, 1000000 };
	static const guint64 limits[] = { 0, 5000, 65536, 100000, G_MAXUINT32 };
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
		for (gsize k = 0; k < G_N_ELEMENTS(steps); k++)
			for (gsize n = 0; n < G_N_ELEMENTS(limits); n++) {
				g_autoptr(AmSpool) spool = am_spool_new(g_get_tmp_dir(), limits[n]);
				fill(spool, sizes[i], steps[k]);
				check_content(spool, sizes[i]);
			}
}

/* Whoever gets the descriptor can change nothing, in memory and on disk. */
static void
test_read_only(void)
{
	for (guint i = 0; i < 2; i++) {
		g_autoptr(AmSpool) spool = am_spool_new(g_get_tmp_dir(), i == 0 ? 1 << 20 : 0);
		fill(spool, 9000, 9000);
		int fd = am_spool_fd(spool);
		struct stat st;
		g_assert_cmpint(pwrite(fd, "x", 1, 0), ==, -1);
		g_assert_cmpint(ftruncate(fd, 5), ==, -1);
		g_assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
			      MAP_FAILED);
		g_assert_cmpint(fstat(fd, &st), ==, 0);
		g_assert_cmpuint(st.st_nlink, ==, 0);
		g_assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
		int seals = fcntl(fd, F_GET_SEALS);
		g_assert_true(i == 0 ? seals > 0 : (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
		check_content(spool, 9000);
	}
}

static void
test_no_directory(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmSpool) spool = am_spool_new("/nonexistent/directory", 100);
	char data[200] = { 0 };
	g_assert_true(am_spool_append(spool, data, sizeof data, NULL)); /* gathered */
	g_assert_false(am_spool_finish(spool, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_nonnull(strstr(error->message, "/nonexistent/directory"));
	g_assert_false(am_spool_is_disk_full(spool));
	g_clear_error(&error);
	g_assert_false(am_spool_append(spool, data, 1, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
}

static void
test_disk_full(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *directory = g_dir_make_tmp("amavisd-spool-XXXXXX", NULL);
	g_autofree guint8 *data = g_malloc0(100000);
	if (mount("none", directory, "tmpfs", 0, "size=256k") < 0) {
		g_test_skip("a small file system cannot be mounted");
		g_assert_cmpint(g_rmdir(directory), ==, 0);
		return;
	}
	AmSpool *spool = am_spool_new(directory, 4096);
	gboolean ok = TRUE;
	for (guint i = 0; i < 5 && ok; i++)
		ok = am_spool_append(spool, data, 100000, &error);
	g_assert_false(ok);
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_assert_true(am_spool_is_disk_full(spool));
	g_assert_false(am_spool_finish(spool, NULL));
	am_spool_free(spool);

	/* with the spool gone there is room again */
	spool = am_spool_new(directory, 4096);
	fill(spool, 200000, 10000);
	check_content(spool, 200000);
	am_spool_free(spool);
	g_assert_cmpint(umount(directory), ==, 0);
	g_assert_cmpint(g_rmdir(directory), ==, 0);
}

static void
test_io(void)
{
	g_autoptr(GError) error = NULL;
	char buffer[4];
	g_assert_cmpint(am_read_at(-1, buffer, 4, 0, &error), ==, -1);
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	g_clear_error(&error);
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	g_assert_false(am_write_all(full, "abcd", 4, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
	(void)close(full);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/spool/sizes", test_sizes);
	g_test_add_func("/spool/read-only", test_read_only);
	g_test_add_func("/spool/no-directory", test_no_directory);
	g_test_add_func("/spool/disk-full", test_disk_full);
	g_test_add_func("/spool/io", test_io);
	return g_test_run();
}
