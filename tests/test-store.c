/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Stage store, with the real quarantine plugin. */

#include <config.h>

#include "pipeline/store.h"

#include <string.h>
#include <sys/stat.h>

#include "pipeline-rig.h"
#include "pipeline/host.h"

#define CONTENT "From: a@example.org\r\nSubject: x\r\n\r\nhello\r\n"
#define CONFIG \
	"[quarantine file]\ndirectory = %DIR%/quarantine\n" \
	"[quarantine archive]\nplugin = file\ndirectory = %DIR%/archive\nlevels = 0\n"

typedef struct {
	Rig rig;
	AmHost host;
	AmRegistry *registry;
	AmMail *mail;
	GPtrArray *dispositions;
	char *location;
	guint n_stored;
	GError *error;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const plugins[] = { "quarantine/file", NULL };
	static const char *const recipients[] = { "b@example.com", "c d@example.com", NULL };
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	rig_open(&fixture->rig, plugins, CONFIG);
	am_pipeline_host_init(&fixture->host);
	fixture->registry = am_registry_new(fixture->rig.config, problems);
	(void)am_registry_load(fixture->registry, AM_CAP_SESSION, &fixture->host, problems);
	rig_assert_no_problems(problems);
	fixture->mail = rig_mail("a@example.org", recipients, CONTENT);
	fixture->dispositions =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_disposition_free);
	for (guint i = 0; i < 2; i++) {
		AmDisposition *one =
			am_disposition_new(fixture->mail->envelope->recipients->pdata[i]);
		one->settings = g_new0(AmSettings, 1);
		am_settings_init(one->settings);
		one->main_category = AM_CATEGORY_CLEAN;
		g_ptr_array_add(fixture->dispositions, one);
	}
}

static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_ptr_array_unref(fixture->dispositions);
	am_mail_free(fixture->mail);
	am_registry_free(fixture->registry);
	rig_close(&fixture->rig);
	g_free(fixture->location);
	g_clear_error(&fixture->error);
}

static AmDisposition *
block(Fixture *fixture, guint index, const char *quarantine)
{
	AmDisposition *one = fixture->dispositions->pdata[index];
	one->destiny = AM_DESTINY_DISCARD;
	one->main_category = one->blocking = AM_CATEGORY_VIRUS;
	g_free(one->reason);
	one->reason = g_strdup("virus: E\r\nicar\x01");
	g_free(one->quarantine);
	one->quarantine = g_strdup(quarantine);
	return one;
}

static AmReply *
store(Fixture *fixture)
{
	return am_store(fixture->registry, fixture->mail, fixture->dispositions,
			&fixture->location, &fixture->n_stored, &fixture->error);
}

static char *
stored(Fixture *fixture, const char *folder)
{
	g_autofree char *path = g_build_filename(fixture->rig.directory, folder, NULL);
	return rig_only_file(path);
}

static void
test_nothing(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_null(store(fixture));
	g_assert_cmpstr(fixture->location, ==, "");
	g_assert_cmpuint(fixture->n_stored, ==, 0);
	g_autofree char *text = stored(fixture, "quarantine");
	g_assert_cmpstr(text, ==, "");
}

/* One copy for two recipients, one of whom gets the mail all the same. */
static void
test_header(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	fixture->mail->arrival_us = G_GINT64_CONSTANT(1000000000) * G_USEC_PER_SEC;
	fixture->mail->report = am_report_new();
	am_report_set_text(&fixture->mail->report->subject, "Gr\xc3\xbc\xc3\x9f" "e\r\nX-Forged: y");
	(void)block(fixture, 0, "file");
	AmDisposition *two = block(fixture, 1, "file");
	two->destiny = AM_DESTINY_PASS;
	g_assert_null(store(fixture));
	g_assert_no_error(fixture->error);
	g_assert_cmpuint(fixture->n_stored, ==, 1);
	g_assert_true(g_str_has_suffix(fixture->location, fixture->mail->id));
	g_autofree char *text = stored(fixture, "quarantine");
	g_autofree char *expected = g_strdup_printf(
		"Return-Path: <a@example.org>\r\nX-Quarantine-ID: <%s>\r\nX-Quarantine-Size: %zu\r\n"
		"X-Quarantine-Secret: %s\r\nX-Quarantine-Time: 2001-09-09T01:46:40Z\r\n"
		"X-Quarantine-Subject: Gr\xc3\xbc\xc3\x9f" "e  X-Forged: y\r\n"
		"X-Amavis-Category: virus\r\nX-Amavis-Alert: virus: E  icar \r\n"
		"X-Envelope-From: <a@example.org>\r\n"
		"X-Envelope-To: <b@example.com>,\r\n\t<\"c d\"@example.com>\r\n"
		"X-Envelope-To-Blocked: <b@example.com>\r\n%s",
		fixture->mail->id, strlen(CONTENT), fixture->mail->secret, CONTENT);
	g_assert_cmpuint(strlen(fixture->mail->secret), ==, AM_MAIL_ID_LEN);
	g_assert_cmpstr(fixture->mail->secret, !=, fixture->mail->id);
	g_assert_cmpstr(text, ==, expected);
}

static gboolean
list_one(const AmQuarantineItem *item, gpointer user_data)
{
	char **out = user_data;
	g_autofree char *to = g_strjoinv(" ", (char **)item->recipients);
	*out = g_strdup_printf("%s %s %s %s %" G_GUINT64_FORMAT " %s", item->id, item->category,
			       item->sender, to, item->size, item->subject);
	return TRUE;
}

/* What was stored is listed as it was. */
static void
test_listed(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *out = NULL;
	AmInstance *instance = am_registry_find(fixture->registry, AM_KIND_QUARANTINE, "file");
	(void)block(fixture, 1, "file");
	g_assert_null(store(fixture));
	g_assert_true(instance->plugin->plugin.quarantine->list(instance->data, list_one, &out,
								&fixture->error));
	g_autofree char *expected =
		g_strdup_printf("%s virus <a@example.org> <\"c d\"@example.com> %zu ",
				fixture->mail->id, strlen(CONTENT));
	g_assert_cmpstr(out, ==, expected);
}

static void
test_archive(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	AmDisposition *one = block(fixture, 0, "file");
	AmDisposition *two = fixture->dispositions->pdata[1];
	one->settings->archive_quarantine = two->settings->archive_quarantine = "archive";
	g_assert_null(store(fixture));
	g_assert_cmpuint(fixture->n_stored, ==, 2);
	g_autofree char *text = stored(fixture, "quarantine");
	g_autofree char *copy = stored(fixture, "archive");
	g_assert_nonnull(strstr(text, "X-Amavis-Category: virus\r\n"));
	g_assert_nonnull(strstr(copy, "X-Amavis-Category: archive\r\n"));
	g_assert_nonnull(strstr(copy, "X-Envelope-To: <b@example.com>,\r\n\t<"));
	g_assert_null(strstr(text, "c d"));
}

/* What policy puts off is not kept yet. */
static void
test_archive_later(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	AmDisposition *one = fixture->dispositions->pdata[0];
	AmDisposition *two = fixture->dispositions->pdata[1];
	one->settings->archive_quarantine = two->settings->archive_quarantine = "archive";
	one->destiny = AM_DESTINY_TEMPFAIL;
	g_assert_null(store(fixture));
	g_assert_cmpuint(fixture->n_stored, ==, 1);
	g_autofree char *copy = stored(fixture, "archive");
	g_assert_null(strstr(copy, "<b@example.com>"));
	g_assert_nonnull(strstr(copy, "X-Envelope-To: <\"c d\"@example.com>\r\n"));
}

/* Archive and quarantine in one place: one copy. */
static void
test_same_place(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	AmDisposition *one = block(fixture, 0, "file");
	one->settings->archive_quarantine = "file";
	g_assert_null(store(fixture));
	g_assert_cmpuint(fixture->n_stored, ==, 1);
	g_autofree char *text = stored(fixture, "quarantine");
	g_assert_nonnull(strstr(text, "X-Envelope-To: <b@example.com>\r\n"));
}

static void
assert_refused(Fixture *fixture, int code)
{
	g_autoptr(AmReply) refusal = store(fixture);
	g_assert_nonnull(refusal);
	g_assert_cmpint(refusal->code, ==, code);
	g_assert_nonnull(fixture->error);
}

static void
test_unknown(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	(void)block(fixture, 0, "nowhere");
	assert_refused(fixture, 451);
	g_assert_nonnull(strstr(fixture->error->message, "nowhere"));
}

/* The id is taken: no second copy under it, no overwriting. */
static void
test_taken(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	(void)block(fixture, 0, "file");
	g_assert_null(store(fixture));
	g_clear_pointer(&fixture->location, g_free);
	assert_refused(fixture, 451);
}

static gboolean
store_no_space(gpointer self G_GNUC_UNUSED, const AmQuarantineItem *item G_GNUC_UNUSED,
	       char **location G_GNUC_UNUSED, GError **error)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "full");
	return FALSE;
}

static gboolean
store_silent(gpointer self G_GNUC_UNUSED, const AmQuarantineItem *item G_GNUC_UNUSED,
	     char **location G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	return FALSE;
}

/* Puts another store function into the loaded plugin. */
static void
fake_store(Fixture *fixture, gboolean (*func)(gpointer, const AmQuarantineItem *, char **, GError **))
{
	AmInstance *instance = am_registry_find(fixture->registry, AM_KIND_QUARANTINE, "file");
	((AmLoadedPlugin *)instance->plugin)->quarantine_ops.store = func;
	((AmLoadedPlugin *)instance->plugin)->plugin.quarantine =
		&((AmLoadedPlugin *)instance->plugin)->quarantine_ops;
	(void)block(fixture, 0, "file");
}

static void
test_disk_full(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	fake_store(fixture, store_no_space);
	assert_refused(fixture, 452);
}

static void
test_silent(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	fake_store(fixture, store_silent);
	assert_refused(fixture, 451);
}

#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/store/nothing", test_nothing);
	ADD("/store/header", test_header);
	ADD("/store/listed", test_listed);
	ADD("/store/archive", test_archive);
	ADD("/store/archive-later", test_archive_later);
	ADD("/store/same-place", test_same_place);
	ADD("/store/unknown", test_unknown);
	ADD("/store/taken", test_taken);
	ADD("/store/disk-full", test_disk_full);
	ADD("/store/silent", test_silent);
	return g_test_run();
}
