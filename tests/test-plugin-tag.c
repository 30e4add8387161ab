/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The action "tag": which edits it makes for whom. */

#include <config.h>

#include "plugin-mock.h"

#define MAX_WORDS 12

typedef struct {
	const char *name;
	const char *category;
	const char *categories[4];
	const char *reasons, *tests, *subject, *quarantine_id;
	gboolean is_scored;
	double score;
	const char *settings[MAX_WORDS];
	const char *load[3];
	const char *edits; /* all of them, one a line */
} TagCase;

#define REMOVED \
	"-X-Spam-Status\n-X-Spam-Level\n-X-Spam-Flag\n-X-Spam-Score\n-X-Spam-Report\n" \
	"-X-Spam-Tests\n-X-Spam-Checker-Version\n"

static const TagCase cases[] = {
	{ .name = "clean-foreign", .category = "clean", .categories = { "clean" },
	  .settings = { "local=no", "x_virus_scanned=amavisd at mx" },
	  .edits = "+X-Virus-Scanned: amavisd at mx\n" },
	{ .name = "clean-local", .category = "clean", .categories = { "clean" },
	  .settings = { "local=yes" }, .edits = REMOVED },
	{ .name = "keep-spam-fields", .category = "clean", .categories = { "clean" },
	  .settings = { "local=yes" }, .load = { "remove_spam_fields=no" }, .edits = "" },
	{ .name = "remove-scanned", .category = "clean", .categories = { "clean" },
	  .settings = { "local=no", "x_virus_scanned=", "remove_existing_x_scanned=yes" },
	  .edits = "-X-Virus-Scanned\n" },
	{ .name = "bypassed", .category = "clean", .categories = { "clean" },
	  .settings = { "local=no", "x_virus_scanned=us", "bypass_virus_checks=yes" },
	  .edits = "" },
	{ .name = "below-tag", .category = "clean", .categories = { "clean" }, .is_scored = TRUE,
	  .score = 1.9, .tests = "A=1.9",
	  .settings = { "local=yes", "add_spam_headers=yes", "tag_level=2", "tag2_level=6.31" },
	  .edits = REMOVED },
	{ .name = "at-tag", .category = "clean", .categories = { "clean" }, .is_scored = TRUE,
	  .score = 2, .tests = "A=1.5,B=0.5",
	  .settings = { "local=yes", "add_spam_headers=yes", "tag_level=2", "tag2_level=6.31",
			"kill_level=6.9", "spammy_subject_tag=***Spam***" },
	  .subject = "hello",
	  .edits = REMOVED "+X-Spam-Status: No, score=2 tag=2 tag2=6.31 kill=6.9 tests=[A=1.5, "
			   "B=0.5]\n+X-Spam-Level: **\n+X-Spam-Score: 2\n+X-Spam-Flag: NO\n" },
	{ .name = "negative", .category = "clean", .categories = { "clean" }, .is_scored = TRUE,
	  .score = -1.25, .tests = "",
	  .settings = { "local=yes", "add_spam_headers=yes", "tag_level=-999", "tag2_level=" },
	  .edits = REMOVED "+X-Spam-Status: No, score=-1.25 tag=-999 tests=[]\n"
			   "+X-Spam-Score: -1.25\n+X-Spam-Flag: NO\n" },
	{ .name = "spammy", .category = "spammy", .categories = { "clean", "spammy" },
	  .is_scored = TRUE, .score = 6.5, .tests = "X=6.5",
	  .settings = { "local=yes", "add_spam_headers=yes", "tag_level=2", "tag2_level=6.31",
			"kill_level=6.9", "spammy_subject_tag=***Spam*** " },
	  .load = { "level_char=+" }, .subject = "hello",
	  .edits = REMOVED "+X-Spam-Status: Yes, score=6.5 tag=2 tag2=6.31 kill=6.9 tests=[X=6.5]\n"
			   "+X-Spam-Level: ++++++\n+X-Spam-Score: 6.5\n+X-Spam-Flag: YES\n"
			   "=Subject: ***Spam*** hello\n" },
	{ .name = "spammy-foreign", .category = "spammy", .categories = { "spammy" },
	  .is_scored = TRUE, .score = 6.5, .tests = "X=6.5",
	  .settings = { "local=no", "add_spam_headers=yes", "tag_level=2", "tag2_level=6.31",
			"spammy_subject_tag=***Spam***" },
	  .subject = "hello", .edits = "" },
	{ .name = "spam-falls-to-spammy-tag", .category = "spam", .categories = { "spam", "spammy" },
	  .is_scored = TRUE, .score = 1000, .tests = "GTUBE=1000",
	  .settings = { "local=yes", "add_spam_headers=no", "tag2_level=6.31",
			"spammy_subject_tag=[_YESNOCAPS_ _SCORE_/_REQD_ _X_]" },
	  .subject = "hi", .edits = REMOVED "=Subject: [YES 1000/6.31 _X_] hi\n" },
	{ .name = "long-level", .category = "spam", .categories = { "spam" }, .is_scored = TRUE,
	  .score = 1e9, .tests = "",
	  .settings = { "local=yes", "add_spam_headers=yes", "tag_level=0" },
	  .load = { "remove_spam_fields=no", "level_char=x" },
	  .edits = "+X-Spam-Status: No, score=1000000000 tag=0 tests=[]\n+X-Spam-Level: "
		   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
		   "+X-Spam-Score: 1000000000\n+X-Spam-Flag: NO\n" },
	{ .name = "tag3", .category = "spammy", .categories = { "spammy" }, .is_scored = TRUE,
	  .score = 9, .subject = "",
	  .settings = { "local=yes", "tag2_level=5", "tag3_level=9", "tag3_subject=[three]",
			"tag2_subject=[two]", "spammy_subject_tag=[one]" },
	  .load = { "remove_spam_fields=no" }, .edits = "=Subject: [three]\n" },
	{ .name = "tag2", .category = "spammy", .categories = { "spammy" }, .is_scored = TRUE,
	  .score = 8.9, .subject = "s",
	  .settings = { "local=yes", "tag2_level=5", "tag3_level=9", "tag3_subject=[three]",
			"tag2_subject=[two]", "spammy_subject_tag=[one]" },
	  .load = { "remove_spam_fields=no" }, .edits = "=Subject: [two] s\n" },
	{ .name = "highest-with-a-tag", .category = "virus",
	  .categories = { "virus", "bad-header" }, .reasons = "",
	  .subject = "s", .settings = { "local=yes", "virus_subject_tag=",
					"bad_header_subject_tag=[bad]" },
	  .load = { "remove_spam_fields=no", "alert=no" }, .edits = "=Subject: [bad] s\n" },
	{ .name = "alert", .category = "virus", .categories = { "virus", "banned" },
	  .reasons = "virus: Eicar", .settings = { "local=no" },
	  .edits = "+X-Amavis-Alert: INFECTED, virus: Eicar\n" },
	{ .name = "alert-unchecked", .category = "unchecked", .categories = { "unchecked" },
	  .reasons = "", .settings = { "local=no" },
	  .edits = "+X-Amavis-Alert: UNCHECKED\n" },
	{ .name = "alert-bad-header", .category = "bad-header", .categories = { "bad-header" },
	  .reasons = "bad-header: missing Date", .settings = { "local=no" },
	  .edits = "+X-Amavis-Alert: BAD HEADER SECTION, bad-header: missing Date\n" },
	{ .name = "hold", .category = "unchecked",
	  .categories = { "unchecked", "unchecked,over-limits" },
	  .reasons = "unchecked: over limits depth", .settings = { "local=no" },
	  .edits = "+X-Amavis-Alert: UNCHECKED, unchecked: over limits depth\n"
		   "+X-Amavis-Hold: unchecked: over limits depth\n" },
	{ .name = "hold-off", .category = "unchecked",
	  .categories = { "unchecked", "unchecked,over-limits" }, .reasons = "",
	  .settings = { "local=no" }, .load = { "alert=no", "hold=no" }, .edits = "" },
	{ .name = "quarantined", .category = "clean", .categories = { "clean" },
	  .quarantine_id = "AbCd", .settings = { "local=no" },
	  .edits = "+X-Quarantine-ID: <AbCd>\n" },
	{ .name = "quarantine-off", .category = "clean", .categories = { "clean" },
	  .quarantine_id = "AbCd", .settings = { "local=no" }, .load = { "quarantine_id=no" },
	  .edits = "" },
};

static const char *
text_or_empty(const char *text)
{
	return text != NULL ? text : "";
}

static char *
tag_run(const TagCase *test)
{
	MockPlugin mock;
	g_autoptr(GError) error = NULL;
	mock_plugin_open(&mock, "actions", "tag");
	g_assert_true(mock_plugin_load(&mock, test->load, &error));
	AmAction action = {
		.mail_id = "mailid",
		.recipient = "a@example.org",
		.category = test->category,
		.categories = test->categories,
		.tests = text_or_empty(test->tests),
		.reasons = text_or_empty(test->reasons),
		.subject = text_or_empty(test->subject),
		.quarantine_id = text_or_empty(test->quarantine_id),
		.settings = test->settings,
		.is_scored = test->is_scored,
		.score = test->score,
		.edits = g_ptr_array_new_with_free_func(g_free),
		.kept = g_ptr_array_new_with_free_func(g_free),
	};
	g_assert_true(mock.plugin->action->apply(mock.self, &action, &error));
	g_assert_no_error(error);
	GString *edits = g_string_new(NULL);
	for (guint i = 0; i < action.edits->len; i++)
		g_string_append_printf(edits, "%s\n", (char *)action.edits->pdata[i]);
	g_ptr_array_unref(action.edits);
	g_ptr_array_unref(action.kept);
	mock_plugin_close(&mock);
	return g_string_free(edits, FALSE);
}

static void
test_case(gconstpointer data)
{
	const TagCase *test = data;
	g_autofree char *edits = tag_run(test);
	g_assert_cmpstr(edits, ==, test->edits);
}

/* tag, subject, what becomes of it; NULL: no edit */
static const char *const subjects[][3] = {
	{ "***Spam***", "hello", "***Spam*** hello" },
	{ "***Spam***", " \t hello", "***Spam*** hello" },
	{ "***Spam***", "", "***Spam***" },
	{ "***Spam***", "***Spam*** hello", NULL },
	{ "***Spam***", "Re: ***Spam*** hello", NULL },
	{ "***Spam***", "=?UTF-8?Q?h=C3=A9?= x", "***Spam*** =?UTF-8?Q?h=C3=A9?= x" },
	{ "[Verdächtig]", "hello", "=?UTF-8?Q?=5BVerd=C3=A4chtig=5D_?= hello" },
	{ "[Verdächtig]", "=?UTF-8?Q?=5BVerd=C3=A4chtig=5D_?= hello", NULL },
	{ "a=?b", "x", "=?UTF-8?Q?a=3D=3Fb_?= x" },
	{ "T", "h\xe9llo", "T =?unknown-8bit?Q?h=E9llo?=" },
	{ "T", "héllo", "T héllo" },
	{ "  ", "x", NULL },
	/* nothing of a long tag is cut through a character */
	{ "ääääääääää", "x",
	  "=?UTF-8?Q?=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4=C3=A4?= =?UTF-8?Q?=C3=A4=C3=A4=C3=A4_?= x" },
};

static void
test_subject(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(subjects); i++) {
		g_autofree char *setting = g_strconcat("clean_subject_tag=", subjects[i][0], NULL);
		const TagCase test = { .category = "clean", .categories = { "clean" },
				       .settings = { "local=yes", setting },
				       .load = { "remove_spam_fields=no" },
				       .subject = subjects[i][1] };
		g_autofree char *expected =
			subjects[i][2] != NULL ? g_strdup_printf("=Subject: %s\n", subjects[i][2])
					       : g_strdup("");
		g_autofree char *edits = tag_run(&test);
		g_assert_cmpstr(edits, ==, expected);
	}
}

static void
test_bad_settings(void)
{
	static const char *const bad[] = { "level_char=", "level_char=**", "level_char=\n" };
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		const char *settings[] = { bad[i], NULL };
		MockPlugin mock;
		g_autoptr(GError) error = NULL;
		mock_plugin_open(&mock, "actions", "tag");
		g_assert_false(mock_plugin_load(&mock, settings, &error));
		g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
		mock_plugin_close(&mock);
	}
}

static gboolean
refuse_edit(AmAction *action G_GNUC_UNUSED, AmEditOp op G_GNUC_UNUSED,
	    const char *name G_GNUC_UNUSED, const char *value G_GNUC_UNUSED)
{
	return FALSE;
}

/* An edit that the core refuses is told, not swallowed; an older core's table ends before
 * action_quarantine_id. */
static void
test_host(void)
{
	static const char *const settings[] = { "local=no", NULL };
	static const char *const categories[] = { "clean", NULL };
	MockPlugin mock;
	g_autoptr(GError) error = NULL;
	AmAction action = { .category = "clean", .categories = categories, .settings = settings,
			    .quarantine_id = "X", .reasons = "", .tests = "", .subject = "",
			    .edits = g_ptr_array_new_with_free_func(g_free),
			    .kept = g_ptr_array_new_with_free_func(g_free) };
	mock_plugin_open(&mock, "actions", "tag");
	g_assert_true(mock_plugin_load(&mock, NULL, &error));
	mock.host.struct_size = G_STRUCT_OFFSET(AmHost, action_quarantine_id);
	g_assert_true(mock.plugin->action->apply(mock.self, &action, &error));
	g_assert_cmpuint(action.edits->len, ==, 0);
	mock.host.struct_size = sizeof(AmHost);
	mock.host.edit = refuse_edit;
	g_assert_false(mock.plugin->action->apply(mock.self, &action, &error));
	g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED);
	g_ptr_array_unref(action.edits);
	g_ptr_array_unref(action.kept);
	mock_plugin_close(&mock);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strconcat("/tag/edits/", cases[i].name, NULL);
		g_test_add_data_func(path, &cases[i], test_case);
	}
	g_test_add_func("/tag/subject", test_subject);
	g_test_add_func("/tag/bad-settings", test_bad_settings);
	g_test_add_func("/tag/host", test_host);
	return g_test_run();
}
