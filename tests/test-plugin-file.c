/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The quarantine "file": storing, finding, listing, removing, and what is left when it fails. */

#include <config.h>

#include "plugin-mock.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAIL "From: a@example.org\r\nSubject: x\r\nX-Quarantine-ID: <forged>\r\n\r\nhello\r\n"
#define HEADER \
	"Return-Path: <a@example.org>\r\nX-Quarantine-ID: <ID>\r\nX-Quarantine-Size: 72\r\n" \
	"X-Quarantine-Subject: Gr\xc3\xbc\xc3\x9f" "e\r\nX-Amavis-Category: virus\r\n" \
	"X-Envelope-From: <a@example.org>\r\n" \
	"X-Envelope-To: <\"x>, <y\"@example.org>,\r\n\t<c@example.org>\r\n" \
	"X-Envelope-To-Blocked: <c@example.org>\r\n"

typedef struct {
	MockPlugin mock;
	char *top;
	char *directory;
	int fd;
} Fixture;

static void
remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		if (g_file_test(child, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
			remove_tree(child);
		else
			(void)g_unlink(child);
	}
	(void)g_rmdir(path);
}

static void
fixture_load(Fixture *fixture, const char *levels)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *directory = g_strconcat("directory=", fixture->directory, NULL);
	const char *settings[] = { directory, levels, NULL };
	mock_plugin_open(&fixture->mock, "quarantine", "file");
	g_assert_true(mock_plugin_load(&fixture->mock, settings, &error));
	/* the plugin borrows its settings; here they live in this function only */
	fixture->mock.plugin->unload(fixture->mock.self);
	fixture->mock.self = NULL;
	mock_plugin_close(&fixture->mock);
	const char *const kept[] = { g_intern_string(directory), levels, NULL };
	g_assert_true(mock_plugin_load(&fixture->mock, kept, &error));
}

static void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	fixture->top = g_dir_make_tmp("amavisd-file-XXXXXX", &error);
	g_assert_no_error(error);
	fixture->directory = g_build_filename(fixture->top, "a", "quarantine", NULL);
	fixture->fd = memfd_create("mail", MFD_CLOEXEC);
	g_assert_cmpint(write(fixture->fd, MAIL, strlen(MAIL)), ==, strlen(MAIL));
	fixture_load(fixture, data);
}

static void
fixture_tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	mock_plugin_close(&fixture->mock);
	(void)close(fixture->fd);
	remove_tree(fixture->top);
	g_free(fixture->top);
	g_free(fixture->directory);
}

static const char *const recipients[] = { "<c@example.org>", NULL };

static gboolean
store(Fixture *fixture, const char *id, gint64 time, char **location, GError **error)
{
	const AmQuarantineItem item = { .struct_size = sizeof item, .id = id, .category = "virus",
					.header = HEADER, .fd = fixture->fd, .size = strlen(MAIL),
					.time = time, .sender = "<a@example.org>",
					.recipients = recipients, .subject = "x" };
	return fixture->mock.plugin->quarantine->store(fixture->mock.self, &item, location, error);
}

static void
assert_opens(Fixture *fixture, const char *id)
{
	g_autoptr(GError) error = NULL;
	char buf[1024];
	int fd = fixture->mock.plugin->quarantine->open(fixture->mock.self, id, &error);
	g_assert_no_error(error);
	gssize n = read(fd, buf, sizeof buf);
	g_assert_cmpmem(buf, n, HEADER MAIL, strlen(HEADER MAIL));
	(void)close(fd);
}

static gboolean
list_to_string(const AmQuarantineItem *item, gpointer user_data)
{
	GString *out = user_data;
	g_autofree char *to = g_strjoinv("|", (char **)item->recipients);
	g_assert_cmpint(item->fd, ==, -1);
	g_assert_cmpstr(item->blocked[0], ==, "<c@example.org>");
	g_assert_null(item->blocked[1]);
	g_string_append_printf(out, "%s %" G_GINT64_FORMAT " %s %" G_GUINT64_FORMAT " %s %s %s\n",
			       item->id, item->time, item->category, item->size, item->sender, to,
			       item->subject);
	return out->len < 1000;
}

static char *
list(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	GString *out = g_string_new(NULL);
	g_assert_true(fixture->mock.plugin->quarantine->list(fixture->mock.self, list_to_string,
							     out, &error));
	g_assert_no_error(error);
	return g_string_free(out, FALSE);
}

/* Files and links below `path`. */
static guint
count_files(const char *path)
{
	guint n = 0;
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		n += g_file_test(child, G_FILE_TEST_IS_DIR) &&
				     !g_file_test(child, G_FILE_TEST_IS_SYMLINK)
			     ? count_files(child)
			     : 1;
	}
	return n;
}

static void
test_store(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *location = NULL;
	struct stat st;
	g_assert_true(store(fixture, "AbC-_9", 1000, &location, &error));
	g_assert_no_error(error);
	static const char *const folders[] = { "AbC-_9", "A/AbC-_9", "A/b/AbC-_9" };
	g_autofree char *expected = g_build_filename(
		fixture->directory, folders[strcmp(data, "levels=0") == 0   ? 0
					    : strcmp(data, "levels=1") == 0 ? 1
									    : 2],
		NULL);
	g_assert_cmpstr(location, ==, expected);
	g_assert_cmpint(stat(location, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 0777, ==, 0640);
	g_assert_cmpint(st.st_mtime, ==, 1000);
	g_assert_cmpint(stat(fixture->directory, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 0777, ==, 0750);
	assert_opens(fixture, "AbC-_9");
	g_assert_cmpuint(count_files(fixture->directory), ==, 1);
}

static void
test_list(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *empty = list(fixture);
	g_assert_cmpstr(empty, ==, "");
	g_assert_true(store(fixture, "B2", 2000, NULL, &error));
	g_assert_true(store(fixture, "A3", 3000, NULL, &error));
	g_assert_true(store(fixture, "B1", 1000, NULL, &error));
	/* not ours: a stranger's file, a leftover, a link, a deep folder */
	g_autofree char *stranger = g_build_filename(fixture->directory, "README.txt", NULL);
	g_autofree char *leftover = g_build_filename(fixture->directory, "B", ".tmp-B7", NULL);
	g_autofree char *link_path = g_build_filename(fixture->directory, "B", "B8", NULL);
	g_assert_true(g_file_set_contents(stranger, "x", -1, NULL));
	g_assert_true(g_file_set_contents(leftover, "x", -1, NULL));
	g_assert_cmpint(symlink("/etc/passwd", link_path), ==, 0);
	g_autofree char *all = list(fixture);
#define REST " virus 72 <a@example.org> <\"x>|<y\"@example.org>|<c@example.org> Gr\xc3\xbc\xc3\x9f" "e\n"
	g_assert_cmpstr(all, ==, "B1 1000" REST "B2 2000" REST "A3 3000" REST);
}

static void
test_remove_and_expire(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	const AmQuarantineOps *ops = fixture->mock.plugin->quarantine;
	g_autoptr(GError) error = NULL;
	guint n = 77;
	g_assert_true(ops->expire(fixture->mock.self, 5000, &n, &error));
	g_assert_cmpuint(n, ==, 0);
	g_assert_true(store(fixture, "a1", 1000, NULL, &error));
	g_assert_true(store(fixture, "b2", 2000, NULL, &error));
	g_assert_true(store(fixture, "c3", 3000, NULL, &error));
	g_assert_true(ops->remove(fixture->mock.self, "b2", &error));
	g_assert_false(ops->remove(fixture->mock.self, "b2", &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
	g_clear_error(&error);
	g_assert_true(ops->expire(fixture->mock.self, 3000, &n, &error));
	g_assert_cmpuint(n, ==, 1);
	assert_opens(fixture, "c3");
	/* a leftover goes when it is old, and is not counted */
	g_autofree char *leftover = g_build_filename(fixture->directory, ".tmp-x", NULL);
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	g_assert_true(g_file_set_contents(leftover, "x", -1, NULL));
	g_assert_true(ops->expire(fixture->mock.self, 0, &n, &error));
	g_assert_true(g_file_test(leftover, G_FILE_TEST_EXISTS));
	g_assert_cmpint(utimensat(AT_FDCWD, leftover, old, 0), ==, 0);
	g_assert_true(ops->expire(fixture->mock.self, 0, &n, &error));
	g_assert_cmpuint(n, ==, 0);
	g_assert_false(g_file_test(leftover, G_FILE_TEST_EXISTS));
}

static void
test_ids(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const bad[] = {
		"", ".", "..", "../../etc/passwd", "a/b", "/etc/passwd", "-rf", "_a", ".tmp-a",
		"a b", "a\n", "\xc3\xa4", "a.b",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	const AmQuarantineOps *ops = fixture->mock.plugin->quarantine;
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_assert_false(store(fixture, bad[i], 1, NULL, &error));
		g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
		g_clear_error(&error);
		g_assert_cmpint(ops->open(fixture->mock.self, bad[i], &error), ==, -1);
		g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
		g_clear_error(&error);
		g_assert_false(ops->remove(fixture->mock.self, bad[i], &error));
		g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
	}
	g_assert_cmpuint(count_files(fixture->top), ==, 0);
}

/* An id that is taken is not overwritten; a folder that is a link is not followed. */
static void
test_collisions(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_assert_true(store(fixture, "a1", 1000, NULL, &error));
	g_assert_false(store(fixture, "a1", 1000, NULL, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST);
	g_clear_error(&error);
	assert_opens(fixture, "a1");
	g_autofree char *link_path = g_build_filename(fixture->directory, "z", NULL);
	g_assert_cmpint(symlink(fixture->top, link_path), ==, 0);
	g_assert_false(store(fixture, "z1", 1000, NULL, &error));
	g_assert_nonnull(error);
	g_clear_error(&error);
	g_assert_cmpint(fixture->mock.plugin->quarantine->open(fixture->mock.self, "z1", &error), ==,
			-1);
	g_assert_nonnull(error);
	g_assert_cmpuint(count_files(fixture->directory), ==, 2); /* a1 and the link */
}

static void
test_short_mail(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_assert_cmpint(ftruncate(fixture->fd, 10), ==, 0);
	g_assert_false(store(fixture, "a1", 1000, NULL, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_IO);
	g_assert_cmpuint(count_files(fixture->directory), ==, 0);
}

/* Mails stored with another number of levels are still found. */
static void
test_levels_changed(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const levels[] = { "levels=0", "levels=1", "levels=2" };
	static const char *const ids[] = { "Aa0", "Aa1", "Aa2" };
	for (gsize i = 0; i < G_N_ELEMENTS(levels); i++) {
		g_autoptr(GError) error = NULL;
		mock_plugin_close(&fixture->mock);
		fixture_load(fixture, levels[i]);
		g_assert_true(store(fixture, ids[i], 1000, NULL, &error));
		for (gsize j = 0; j <= i; j++)
			assert_opens(fixture, ids[j]);
	}
	g_autofree char *all = list(fixture);
	g_assert_nonnull(strstr(all, "Aa0 "));
	g_assert_nonnull(strstr(all, "Aa1 "));
	g_assert_nonnull(strstr(all, "Aa2 "));
}

/* A directory that cannot be used is told at load and does not stop it; storing fails. */
static void
test_no_directory(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *file = g_build_filename(fixture->top, "file", NULL);
	g_assert_true(g_file_set_contents(file, "x", -1, NULL));
	g_free(fixture->directory);
	fixture->directory = g_build_filename(file, "below", NULL);
	mock_plugin_close(&fixture->mock);
	fixture_load(fixture, "levels=1");
	g_assert_nonnull(strstr(mock_last_log(), fixture->directory));
	g_assert_false(store(fixture, "a1", 1000, NULL, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR);
	g_clear_error(&error);
	g_assert_false(fixture->mock.plugin->quarantine->list(fixture->mock.self, list_to_string,
							      NULL, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR);
}

/* A full disk: the error says so and nothing is left, so that smaller mails still fit. */
static void
test_disk_full(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		g_test_skip("may not mount");
		return;
	}
	g_assert_cmpint(g_mkdir_with_parents(fixture->directory, 0750), ==, 0);
	g_assert_cmpint(mount("none", fixture->directory, "tmpfs", 0, "size=64k"), ==, 0);
	g_assert_cmpint(ftruncate(fixture->fd, 100 << 10), ==, 0);
	const AmQuarantineItem item = { .struct_size = sizeof item, .id = "big", .header = HEADER,
					.fd = fixture->fd, .size = 100 << 10, .time = 1000,
					.recipients = recipients };
	g_assert_false(fixture->mock.plugin->quarantine->store(fixture->mock.self, &item, NULL,
							       &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
	g_clear_error(&error);
	g_assert_cmpuint(count_files(fixture->directory), ==, 0);
	g_assert_true(store(fixture, "small", 1000, NULL, &error));
	g_assert_cmpuint(count_files(fixture->directory), ==, 1);
	g_assert_cmpint(umount(fixture->directory), ==, 0);
}

#define ADD(path, levels, func) \
	g_test_add(path, Fixture, levels, fixture_set_up, func, fixture_tear_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/file/store/0", "levels=0", test_store);
	ADD("/file/store/1", "levels=1", test_store);
	ADD("/file/store/2", "levels=2", test_store);
	ADD("/file/list", "levels=1", test_list);
	ADD("/file/remove-and-expire", "levels=1", test_remove_and_expire);
	ADD("/file/ids", "levels=1", test_ids);
	ADD("/file/collisions", "levels=1", test_collisions);
	ADD("/file/short-mail", "levels=1", test_short_mail);
	ADD("/file/levels-changed", "levels=0", test_levels_changed);
	ADD("/file/no-directory", "levels=1", test_no_directory);
	ADD("/file/disk-full", "levels=1", test_disk_full);
	return g_test_run();
}
