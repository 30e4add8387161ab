/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The libclamav scanner: loading with and without a database, what it finds and how that is called,
 * that it scans no bytes twice, and that it needs nothing but its own directory. */

#include <config.h>

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mock-host.h"

/* "X5O!P%@AP[4\PZX54(P^)7CC)7}$" and the rest, in two pieces so that no scanner minds this file */
#define EICAR_1 "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-"
#define EICAR_2 "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

#define HEAD                                                                                       \
	"From: <a@example.org>\r\nTo: <b@example.org>\r\nSubject: test\r\nMIME-Version: 1.0\r\n"

static const AmPlugin *descriptor;

typedef struct {
	MockHost mock;
	AmScan scan;
	char *directory; /* of a database, or "" */
} Fixture;

static void
fixture_load(Fixture *fixture, const char *settings)
{
	g_autoptr(GError) error = NULL;
	*fixture = (Fixture){ 0 };
	gboolean is_good =
		mock_host_load(&fixture->mock, descriptor, AM_KIND_SCANNER, settings, &error);
	g_assert_no_error(error);
	g_assert_true(is_good);
	fixture->scan.findings = g_string_new(NULL);
	fixture->scan.fd = -1;
	fixture->scan.deadline_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
}

static void
fixture_mail(Fixture *fixture, const char *mail, gsize len)
{
	if (fixture->scan.fd >= 0)
		(void)close(fixture->scan.fd);
	fixture->scan.fd = mock_fd_new(mail, len);
	fixture->scan.size = len;
	g_string_truncate(fixture->scan.findings, 0);
}

static gboolean
fixture_scan(Fixture *fixture, GError **error)
{
	return fixture->mock.loaded.plugin.scanner->scan(fixture->mock.self, &fixture->scan, error);
}

static void
fixture_clear(Fixture *fixture)
{
	if (fixture->scan.fd >= 0)
		(void)close(fixture->scan.fd);
	(void)g_string_free(fixture->scan.findings, TRUE);
	mock_host_clear(&fixture->mock);
}

/* A mail with these bytes as a base64 attachment. */
static char *
mail_with(const char *type, const char *name, gconstpointer data, gsize len)
{
	g_autofree char *base64 = g_base64_encode(data, len);
	g_autoptr(GString) body = g_string_new(NULL);
	for (gsize i = 0; i < strlen(base64); i += 76) {
		g_string_append_len(body, base64 + i, (gssize)MIN(76, strlen(base64) - i));
		g_string_append(body, "\r\n");
	}
	return g_strdup_printf(HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
				    "--b\r\n\r\ntext\r\n--b\r\nContent-Type: %s; name=\"%s\"\r\n"
				    "Content-Transfer-Encoding: base64\r\n\r\n%s--b--\r\n",
			       type, name, body->str);
}

/* ---- loading ------------------------------------------------------------------------------- */

static void
assert_load_fails(const char *settings, const char *text, const char *more)
{
	g_autoptr(GError) error = NULL;
	MockHost mock;
	g_assert_false(mock_host_load(&mock, descriptor, AM_KIND_SCANNER, settings, &error));
	if (error == NULL || strstr(error->message, text) == NULL ||
	    strstr(error->message, more) == NULL)
		g_error("not \"%s\" and \"%s\": %s", text, more,
			error != NULL ? error->message : "no error");
	mock_host_clear(&mock);
}

static void
test_load_errors(void)
{
	g_autofree char *directory = g_dir_make_tmp("am-clamav-test-XXXXXX", NULL);
	g_autofree char *empty = g_strdup_printf("database = %s\n", directory);
	g_autofree char *broken = g_build_filename(directory, "broken.ndb", NULL);
	assert_load_fails("database = /nonexistent/clamdb\n", "/nonexistent/clamdb", "freshclam");
	assert_load_fails("database = relative\n", "relative", "absolute");
	assert_load_fails("database = none\nsignatures_embedded = no\n", "no signatures at all",
			  "signatures_embedded");
	assert_load_fails(empty, directory, "it is empty");
	assert_load_fails(empty, "freshclam", "none");
	g_assert_true(g_file_set_contents(broken, "this is no signature\n", -1, NULL));
	assert_load_fails(empty, directory, "cannot be loaded");
	(void)g_unlink(broken);
	(void)g_rmdir(directory);
}

static void
test_embedded_only(void)
{
	static const char *const settings[] = {
		"database = none\n",
		"database = \n",
		"allow_embedded_only = yes\ndatabase = /nonexistent/clamdb\n",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(settings); i++) {
		Fixture fixture;
		const char *mail = HEAD "\r\n" EICAR_1 EICAR_2 "\r\n";
		fixture_load(&fixture, settings[i]);
		fixture_mail(&fixture, mail, strlen(mail));
		g_assert_true(fixture_scan(&fixture, NULL));
		g_assert_nonnull(strstr(fixture.scan.findings->str, "virus:Eicar-Test-Signature"));
		g_assert_false(fixture.mock.loaded.plugin.scanner->is_stale(fixture.mock.self));
		fixture_clear(&fixture);
	}
}

/* ---- finding ------------------------------------------------------------------------------- */

static void
test_clean(void)
{
	static const char *const mails[] = {
		"",
		"\r\n",
		HEAD "\r\nnothing here\r\n",
		HEAD "Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\n\r\n",
		"\377\376\000",
	};
	Fixture fixture;
	fixture_load(&fixture, "database = none\n");
	for (gsize i = 0; i < G_N_ELEMENTS(mails); i++) {
		g_autoptr(GError) error = NULL;
		fixture_mail(&fixture, mails[i], strlen(mails[i]));
		gboolean is_good = fixture_scan(&fixture, &error);
		g_assert_no_error(error);
		g_assert_true(is_good);
		g_assert_cmpstr(fixture.scan.findings->str, ==, "");
		/* the descriptor is shared: its offset stays */
		g_assert_cmpint(lseek(fixture.scan.fd, 0, SEEK_CUR), ==, 0);
	}
	fixture_clear(&fixture);
}

static void
test_found_once(void)
{
	static const char eicar[] = EICAR_1 EICAR_2;
	g_autofree char *mail = mail_with("application/octet-stream", "a.com", eicar, 68);
	Fixture fixture;
	fixture_load(&fixture, "database = none\n");
	for (guint i = 0; i < 3; i++) {
		fixture_mail(&fixture, mail, strlen(mail));
		g_assert_true(fixture_scan(&fixture, NULL));
		g_assert_cmpstr(fixture.scan.findings->str, ==,
				"virus:Eicar-Test-Signature.UNOFFICIAL ");
	}
	fixture_clear(&fixture);
}

/* The sender chooses how a mail begins, and libclamav goes by that. */
static void
test_odd_heads(void)
{
	static const char *const heads[] = {
		"Received: x\r\n",	 "X-Mailer: none\r\n", "x-a: b\r\n",
		"mime-version: 1.0\r\n", " folded\r\n",	       "no field\r\n",
		"PK\003\004: x\r\n",	 "<html>\r\n",
	};
	g_autofree char *eicar = g_base64_encode((const guchar *)EICAR_1 EICAR_2, 68);
	Fixture fixture;
	fixture_load(&fixture, "database = none\n");
	for (gsize i = 0; i < G_N_ELEMENTS(heads); i++) {
		g_autofree char *mail = g_strdup_printf(
			"%sX-Number: %u\r\ncontent-type: multipart/mixed; boundary=b\r\n\r\n"
			"--b\r\ncontent-type: application/x-dosexec\r\n"
			"content-transfer-encoding: base64\r\n\r\n%s\r\n--b--\r\n",
			heads[i], (guint)i, eicar);
		fixture_mail(&fixture, mail, strlen(mail));
		g_assert_true(fixture_scan(&fixture, NULL));
		if (strstr(fixture.scan.findings->str, "virus:Eicar") == NULL)
			g_error("not found behind: %s", heads[i]);
	}
	fixture_clear(&fixture);
}

/* Names are what signatures call themselves, so a database can ask for each kind. */
static void
test_kinds(void)
{
	static const struct {
		const char *name, *finding;
	} cases[] = {
		{ "Win.Trojan.Test-1", "virus:" },
		{ "Heuristics.Phishing.Email.SpoofedDomain", "phishing:" },
		{ "Phishing.Test", "phishing:" },
		{ "Email.Phishing.Bank-1", "phishing:" },
		{ "Html.Phishing.Bank-1", "phishing:" },
		{ "Heuristics.Encrypted.Zip", "encrypted:" },
		{ "Heuristics.Limits.Exceeded.MaxFiles", "limit:" },
		{ "Heuristics.OLE2.ContainsMacros.VBA", "macro:" },
		{ "Heuristics.Broken.Executable", "broken:" },
		{ "Heuristics.Exploit.Test", "virus:" },
		{ "Phishingish.Test", "virus:" },
	};
	g_autofree char *directory = g_dir_make_tmp("am-clamav-test-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(directory, "kinds.ndb", NULL);
	g_autofree char *settings = g_strdup_printf("database = %s\n", directory);
	g_autoptr(GString) text = g_string_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		/* "a mark of kind XX" */
		g_string_append_printf(text, "%s:0:*:61206d61726b206f66206b696e6420%02x%02x\n",
				       cases[i].name, (guint)('a' + i), (guint)('a' + i));
	g_assert_true(g_file_set_contents(file, text->str, -1, NULL));
	Fixture fixture;
	fixture_load(&fixture, settings);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *mail = g_strdup_printf(HEAD "\r\na mark of kind %c%c\r\n",
							(char)('a' + i), (char)('a' + i));
		g_autofree char *finding =
			g_strconcat(cases[i].finding, cases[i].name, ".UNOFFICIAL ", NULL);
		fixture_mail(&fixture, mail, strlen(mail));
		g_assert_true(fixture_scan(&fixture, NULL));
		g_assert_cmpstr(fixture.scan.findings->str, ==, finding);
	}
	fixture_clear(&fixture);
	(void)g_unlink(file);
	(void)g_rmdir(directory);
}

/* One stored member "a", marked as encrypted. */
static const guint8 encrypted_zip[] =
	"PK\003\004\024\000\001\000\000\000\000\000\000\000\001\002\003\004\020\000\000\000\004\000"
	"\000\000\001\000\000\000a0123456789abcdef"
	"PK\001\002\024\000\024\000\001\000\000\000\000\000\000\000\001\002\003\004\020\000\000\000"
	"\004\000\000\000\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000a"
	"PK\005\006\000\000\000\000\001\000\001\000\057\000\000\000\057\000\000\000\000\000";

static void
test_encrypted(void)
{
	g_autofree char *mail =
		mail_with("application/zip", "a.zip", encrypted_zip, sizeof encrypted_zip - 1);
	Fixture fixture;
	fixture_load(&fixture, "database = none\n");
	fixture_mail(&fixture, mail, strlen(mail));
	g_assert_true(fixture_scan(&fixture, NULL));
	g_assert_cmpstr(fixture.scan.findings->str, ==, "encrypted:Heuristics.Encrypted.Zip ");
	fixture_clear(&fixture);
	fixture_load(&fixture, "database = none\nalert_encrypted = no\n");
	fixture_mail(&fixture, mail, strlen(mail));
	g_assert_true(fixture_scan(&fixture, NULL));
	g_assert_cmpstr(fixture.scan.findings->str, ==, "");
	fixture_clear(&fixture);
}

static void
test_limits(void)
{
	g_autofree char *mail = g_strconcat(HEAD "\r\n", NULL);
	g_autoptr(GString) large = g_string_new(mail);
	for (guint i = 0; i < 2000; i++)
		g_string_append(large, "a line that is there to make the mail large\r\n");
	Fixture fixture;
	fixture_load(&fixture, "database = none\nmax_file_size = 50K\n");
	fixture_mail(&fixture, large->str, large->len);
	g_assert_true(fixture_scan(&fixture, NULL));
	g_assert_nonnull(strstr(fixture.scan.findings->str, "limit:Heuristics.Limits.Exceeded."));
	/* more than libclamav has numbers for */
	fixture_mail(&fixture, "x", 1);
	fixture.scan.size = G_GUINT64_CONSTANT(1) << 31;
	g_assert_true(fixture_scan(&fixture, NULL));
	g_assert_cmpstr(fixture.scan.findings->str, ==,
			"limit:Heuristics.Limits.Exceeded.MaxFileSize ");
	fixture_clear(&fixture);
}

static void
test_no_time(void)
{
	g_autoptr(GError) error = NULL;
	Fixture fixture;
	fixture_load(&fixture, "database = none\n");
	fixture_mail(&fixture, "a: b\r\n\r\nc\r\n", 11);
	fixture.scan.deadline_us = g_get_monotonic_time();
	g_assert_false(fixture_scan(&fixture, &error));
	g_assert_nonnull(error);
	g_assert_cmpstr(fixture.scan.findings->str, ==, "");
	fixture_clear(&fixture);
}

static void
test_all_matches(void)
{
	static const struct {
		const char *settings;
		guint n;
	} cases[] = { { "", 1 }, { "all_matches = yes\n", 2 } };
	g_autofree char *directory = g_dir_make_tmp("am-clamav-test-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(directory, "two.ndb", NULL);
	const char *text = "First:0:*:6f6e65206d61726b\nSecond:0:*:6f74686572206d61726b\n";
	const char *mail = HEAD "\r\none mark and another mark\r\n";
	g_assert_true(g_file_set_contents(file, text, -1, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *settings =
			g_strdup_printf("database = %s\n%s", file, cases[i].settings);
		Fixture fixture;
		guint n = 0;
		fixture_load(&fixture, settings);
		fixture_mail(&fixture, mail, strlen(mail));
		g_assert_true(fixture_scan(&fixture, NULL));
		n += strstr(fixture.scan.findings->str, "virus:First") != NULL;
		n += strstr(fixture.scan.findings->str, "virus:Second") != NULL;
		g_assert_cmpuint(n, ==, cases[i].n);
		fixture_clear(&fixture);
	}
	(void)g_unlink(file);
	(void)g_rmdir(directory);
}

/* ---- parts --------------------------------------------------------------------------------- */

/* Members of what libclamav opens are not scanned again; those of the rest are. */
static void
test_parts(void)
{
	static const struct {
		const char *type, *short_type;
		const char *findings;
	} cases[] = {
		{ "application/zip", "zip", "" },
		{ "application/x-tar", "tar", "" },
		{ "application/zstd", "", "virus:Eicar-Test-Signature.UNOFFICIAL@1.1 " },
		{ "application/octet-stream", "lz4", "virus:Eicar-Test-Signature.UNOFFICIAL@1.1 " },
		{ "application/x-rpm", "rpm", "virus:Eicar-Test-Signature.UNOFFICIAL@1.1 " },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Fixture fixture;
		fixture_load(&fixture, "database = none\n");
		fixture_mail(&fixture, HEAD "\r\nx\r\n", strlen(HEAD) + 5);
		fixture.scan.parts = g_ptr_array_new_with_free_func((GDestroyNotify)mock_part_free);
		AmPart *parent =
			mock_part_new("1", cases[i].type, cases[i].short_type, "a", "x", 1);
		AmPart *child = mock_part_new("1.1", "text/plain", "asc", "b", EICAR_1 EICAR_2, 68);
		child->info.flags = AM_PART_MEMBER;
		child->info.parent = 0;
		AmPart *without = mock_part_new("1.2", "", "", "c", "y", 1);
		(void)close(without->fd);
		without->fd = -1;
		without->info.flags = AM_PART_MEMBER | AM_PART_ENCRYPTED;
		without->info.parent = 0;
		g_ptr_array_add(fixture.scan.parts, parent);
		g_ptr_array_add(fixture.scan.parts, child);
		g_ptr_array_add(fixture.scan.parts, without);
		g_assert_true(fixture_scan(&fixture, NULL));
		g_assert_cmpstr(fixture.scan.findings->str, ==, cases[i].findings);
		g_ptr_array_unref(fixture.scan.parts);
		fixture_clear(&fixture);
	}
}

/* ---- the database changes ------------------------------------------------------------------ */

static void
assert_stale_after(const char *database, const char *file)
{
	g_autofree char *settings = g_strdup_printf("database = %s\n", database);
	Fixture fixture;
	g_assert_true(g_file_set_contents(file, "One:0:*:6f6e65206d61726b\n", -1, NULL));
	fixture_load(&fixture, settings);
	const AmScannerOps *ops = fixture.mock.loaded.plugin.scanner;
	g_assert_false(ops->is_stale(fixture.mock.self));
	g_assert_false(ops->is_stale(fixture.mock.self));
	g_assert_true(g_file_set_contents(
		file, "One:0:*:6f6e65206d61726b\nTwo:0:*:74776f206d61726b\n", -1, NULL));
	g_assert_true(ops->is_stale(fixture.mock.self));
	fixture_clear(&fixture);
}

static void
test_stale(void)
{
	g_autofree char *directory = g_dir_make_tmp("am-clamav-test-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(directory, "a.ndb", NULL);
	g_autofree char *other = g_build_filename(directory, "b.ndb", NULL);
	g_autofree char *settings = g_strdup_printf("database = %s\n", directory);
	assert_stale_after(file, file);
	/* times of a directory's files count by the second: another file shows at once */
	Fixture fixture;
	fixture_load(&fixture, settings);
	const AmScannerOps *ops = fixture.mock.loaded.plugin.scanner;
	g_assert_false(ops->is_stale(fixture.mock.self));
	g_assert_true(g_file_set_contents(other, "Two:0:*:74776f206d61726b\n", -1, NULL));
	g_assert_true(ops->is_stale(fixture.mock.self));
	fixture_clear(&fixture);
	(void)g_unlink(file);
	(void)g_unlink(other);
	(void)g_rmdir(directory);
}

/* ---- confinement --------------------------------------------------------------------------- */

/* In a child: its temporary directory is the only place, and it is empty again afterwards. */
static void
test_work_directory(void)
{
	static const char eicar[] = EICAR_1 EICAR_2;
	g_autofree char *directory = g_dir_make_tmp("am-clamav-test-XXXXXX", NULL);
	g_autofree char *mail = mail_with("application/octet-stream", "a.com", eicar, 68);
	Fixture fixture;
	fixture_load(&fixture, "database = none\n");
	const AmPlugin *plugin = &fixture.mock.loaded.plugin;
	fixture_mail(&fixture, mail, strlen(mail));
	pid_t pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		g_setenv("TMPDIR", directory, TRUE);
		if (!plugin->after_fork(fixture.mock.self, NULL))
			_exit(2);
		plugin->scanner->warm_up(fixture.mock.self);
		if (!fixture_scan(&fixture, NULL))
			_exit(3);
		_exit(fixture.scan.findings->len > 0 && g_rmdir(directory) == 0 ? 0 : 4);
	}
	int status;
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	/* no directory: it says so and does not call the mail clean */
	g_autoptr(GError) error = NULL;
	g_setenv("TMPDIR", directory, TRUE);
	g_assert_true(plugin->after_fork(fixture.mock.self, NULL));
	g_unsetenv("TMPDIR");
	g_assert_false(fixture_scan(&fixture, &error));
	g_assert_nonnull(strstr(error->message, "temporary directory"));
	fixture_clear(&fixture);
}

/* A file that could not be written was not looked at: not clean. */
static void
test_no_space(void)
{
	gsize len = 200000;
	g_autofree guint8 *noise = g_malloc(len);
	for (gsize i = 0; i < len; i++)
		noise[i] = (guint8)((i * 2654435761U) >> 13);
	g_autofree char *mail = mail_with("application/octet-stream", "a.bin", noise, len);
	Fixture fixture;
	fixture_load(&fixture, "database = none\n");
	fixture_mail(&fixture, mail, strlen(mail));
	g_assert_true(fixture_scan(&fixture, NULL));
	fixture_mail(&fixture, mail, strlen(mail) - 1); /* so that it is not known already */
	pid_t pid = fork();
	g_assert_cmpint(pid, >=, 0);
	if (pid == 0) {
		const struct rlimit limit = { 10000, 10000 };
		(void)signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(2);
		_exit(fixture_scan(&fixture, NULL) ? 3 : 0);
	}
	int status;
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	g_assert_cmpint(status, ==, 0);
	fixture_clear(&fixture);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	descriptor = mock_host_open("scanners", "clamav");
	g_test_add_func("/clamav/load-errors", test_load_errors);
	g_test_add_func("/clamav/embedded-only", test_embedded_only);
	g_test_add_func("/clamav/clean", test_clean);
	g_test_add_func("/clamav/found-once", test_found_once);
	g_test_add_func("/clamav/odd-heads", test_odd_heads);
	g_test_add_func("/clamav/kinds", test_kinds);
	g_test_add_func("/clamav/encrypted", test_encrypted);
	g_test_add_func("/clamav/limits", test_limits);
	g_test_add_func("/clamav/no-time", test_no_time);
	g_test_add_func("/clamav/all-matches", test_all_matches);
	g_test_add_func("/clamav/parts", test_parts);
	g_test_add_func("/clamav/stale", test_stale);
	g_test_add_func("/clamav/work-directory", test_work_directory);
	g_test_add_func("/clamav/no-space", test_no_space);
	return g_test_run();
}
