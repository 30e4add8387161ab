/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "policy/settings.h"

#include <math.h>
#include <string.h>

static void
test_defaults(void)
{
	/* name, value: features C3 and Debian's Amavis */
	static const char *const expected[][2] = {
		{ "virus_destiny", "discard" },
		{ "banned_destiny", "discard" },
		{ "unchecked_destiny", "pass" },
		{ "spam_destiny", "pass" },
		{ "spammy_destiny", "pass" },
		{ "bad_header_destiny", "pass" },
		{ "oversized_destiny", "bounce" },
		{ "mta_error_admin", "" },
		{ "fake_sender_viruses", "*" },
		{ "clean_destiny", "pass" },
		{ "tag_level", "2" },
		{ "tag2_level", "6.31" },
		{ "tag3_level", "never" },
		{ "kill_level", "6.31" },
		{ "dsn_cutoff_level", "10" },
		{ "quarantine_cutoff_level", "25" },
		{ "virus_quarantine", "blocked:file" },
		{ "clean_quarantine", "" },
		{ "virus_lover", "no" },
		{ "bypass_virus_checks", "no" },
		{ "local", "yes" },
		{ "message_size_limit", "0" },
		{ "banned_rules", "default" },
		{ "unchecked_on_failure", "tempfail" },
		{ "add_spam_headers", "yes" },
		{ "forward_route", "" },
		{ "score_add", "0" },
	};
	AmSettings settings;
	am_settings_init(&settings);
	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_autofree char *value = am_settings_get(&settings, expected[i][0]);
		g_test_message("%s", expected[i][0]);
		g_assert_cmpstr(value, ==, expected[i][1]);
	}
	g_assert_cmpint(settings.destiny[AM_CATEGORY_OVERSIZED], ==, AM_DESTINY_BOUNCE);
	g_assert_true(settings.tag3_level == HUGE_VAL);
	g_assert_cmpfloat(settings.kill_level, ==, 6.31);
	g_assert_true(settings.is_local);
	g_assert_null(settings.texts);
	am_settings_clear(&settings);
}

/* Every setting can be set to its default again, and no name stands twice. */
static void
test_table(void)
{
	const AmSettingSpec *specs = am_settings_specs();
	AmSettings settings;
	am_settings_init(&settings);
	for (int i = 0; specs[i].name != NULL; i++) {
		g_autoptr(GError) error = NULL;
		g_assert_cmpint(am_settings_find(specs[i].name), ==, i);
		g_assert_nonnull(specs[i].help);
		g_assert_nonnull(specs[i].default_value);
		am_settings_set(&settings, specs[i].name, specs[i].default_value, &error);
		g_assert_no_error(error);
	}
	am_settings_clear(&settings);
}

static void
test_set(void)
{
	/* name, text, what get says */
	static const char *const good[][3] = {
		{ "virus_destiny", "reject", "reject" },
		{ "spam_destiny", "tempfail", "tempfail" },
		{ "virus_lover", "yes", "yes" },
		{ "bypass_spam_checks", "true", "yes" },
		{ "kill_level", "4.5", "4.5" },
		{ "kill_level", "never", "never" },
		{ "tag_level", "-999", "-999" },
		{ "score_add", "-1.5", "-1.5" },
		{ "message_size_limit", "10M", "10485760" },
		{ "local", "no", "no" },
		{ "header_tests", "mime missing", "mime missing" },
		{ "header_tests", "", "" },
		{ "header_tests", "all, -utf8 -long", "all, -utf8 -long" },
		{ "minor_destinies", "encrypted=reject, 8bit=pass", "encrypted=reject, 8bit=pass" },
		{ "minor_destinies", "", "" },
		{ "finding_categories", "macro=banned", "macro=banned" },
		{ "banned_rules", "a, b", "a, b" },
		{ "unchecked_on_failure", "pass", "pass" },
		{ "spam_subject_tag", "[SPÄM] ", "[SPÄM] " },
		{ "spammy_route", "mbox:/x", "mbox:/x" },
		{ "spammy_route", "", "" },
	};
	AmSettings settings;
	am_settings_init(&settings);
	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s = %s", good[i][0], good[i][1]);
		am_settings_set(&settings, good[i][0], good[i][1], &error);
		g_assert_no_error(error);
		g_autofree char *value = am_settings_get(&settings, good[i][0]);
		g_assert_cmpstr(value, ==, good[i][2]);
	}
	g_assert_false(settings.is_local);
	g_assert_cmpint(settings.unchecked_on_failure, ==, AM_ON_FAILURE_PASS);
	g_assert_null(am_settings_get(&settings, "nonsense"));
	am_settings_clear(&settings);
}

static void
test_set_bad(void)
{
	/* name, text, a piece of the message */
	static const char *const bad[][3] = {
		{ "virus_destny", "pass", "did you mean \"virus_destiny\"" },
		{ "xyzzy", "pass", "unknown setting \"xyzzy\"" },
		{ "", "pass", "unknown setting" },
		{ "virus_destiny", "drop", "virus_destiny" },
		{ "virus_destiny", "", "virus_destiny" },
		{ "virus_lover", "maybe", "virus_lover" },
		{ "kill_level", "much", "neither a number nor" },
		{ "kill_level", "", "neither a number nor" },
		{ "kill_level", "nan", "neither a number nor" },
		{ "kill_level", "5x", "neither a number nor" },
		{ "score_add", "x", "score_add" },
		{ "message_size_limit", "-1", "message_size_limit" },
		{ "minor_destinies", "encrypted", "is not a pair" },
		{ "minor_destinies", "nonsense=pass", "is not a pair" },
		{ "minor_destinies", "encrypted=perhaps", "is not a pair" },
		{ "header_tests", "--mime", "is not one of" },
		{ "header_tests", "mime, foo", "\"foo\" is not one of" },
		{ "finding_categories", "virus", "\"virus\" is not a pair" },
		{ "finding_categories", "virus=bad", "\"virus=bad\" is not a pair" },
		{ "finding_categories", "=virus", "\"=virus\" is not a pair" },
		{ "spam_subject_tag", "a\r\nBcc: x", "one line" },
		{ "spam_subject_tag", "\xff", "one line" },
		{ "virus_admin", "a@x.org, b@x.org", "is not an address" },
		{ "mta_error_destiny", "pass", "unknown setting" },
	};
	AmSettings settings, before;
	am_settings_init(&settings);
	am_settings_init(&before);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_test_message("%s = %s", bad[i][0], bad[i][1]);
		g_assert_false(am_settings_set(&settings, bad[i][0], bad[i][1], &error));
		g_assert_error(error, AM_ERROR, AM_ERROR_DATA);
		g_assert_nonnull(strstr(error->message, bad[i][2]));
	}
	/* nothing was changed by what failed */
	am_settings_clear(&settings);
	g_assert_cmpmem(&settings, sizeof settings, &before, sizeof before);
}

static void
test_copy(void)
{
	AmSettings *settings = g_new(AmSettings, 1);
	g_autoptr(GError) error = NULL;
	am_settings_init(settings);
	g_autoptr(AmSettings) plain = am_settings_copy(settings);
	g_assert_null(plain->texts);
	char *text = g_strdup("admin@example.org");
	am_settings_set(settings, "virus_admin", text, &error);
	g_assert_no_error(error);
	memset(text, 'x', strlen(text));
	g_free(text);
	g_autoptr(AmSettings) copy = am_settings_copy(settings);
	am_settings_free(settings);
	g_assert_cmpstr(copy->admin[AM_CATEGORY_VIRUS], ==, "admin@example.org");
	g_assert_cmpstr(copy->banned_rules, ==, "default");
	g_assert_cmpstr(plain->admin[AM_CATEGORY_VIRUS], ==, "");
}

static void
test_take(void)
{
	g_autoptr(GStringChunk) texts = g_string_chunk_new(64);
	g_autoptr(GError) error = NULL;
	AmSettings from, to;
	am_settings_init(&from);
	am_settings_init(&to);
	g_assert_true(am_settings_set_shared(&from, texts, "virus_destiny", "reject", &error));
	g_assert_true(am_settings_set_shared(&from, texts, "redirect", "a@b", &error));
	g_assert_true(am_settings_set_shared(&from, texts, "kill_level", "3", &error));
	am_settings_take(&to, &from, am_settings_find("virus_destiny"));
	am_settings_take(&to, &from, am_settings_find("redirect"));
	g_assert_cmpint(to.destiny[AM_CATEGORY_VIRUS], ==, AM_DESTINY_REJECT);
	g_assert_cmpstr(to.redirect, ==, "a@b");
	g_assert_cmpfloat(to.kill_level, ==, 6.31);
	am_settings_take(&to, &from, am_settings_find("kill_level"));
	g_assert_cmpfloat(to.kill_level, ==, 3);
	g_assert_null(to.texts);
	g_assert_cmpint(am_settings_find("nonsense"), ==, -1);
}

static gboolean
collect(const char *word, gsize len, gpointer user_data)
{
	g_string_append_len(user_data, word, (gssize)len);
	g_string_append_c(user_data, '|');
	return len != 4 || strncmp(word, "stop", 4) != 0;
}

static void
test_words(void)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ " , ", "" },
		{ "a", "a|" },
		{ "a,b", "a|b|" },
		{ " a , b\tc,", "a|b|c|" },
		{ "a stop b", "a|stop|" },
		{ ",,a b,,", "a|b|" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GString) out = g_string_new(NULL);
		am_settings_each_word(cases[i][0], collect, out);
		g_assert_cmpstr(out->str, ==, cases[i][1]);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/settings/defaults", test_defaults);
	g_test_add_func("/settings/table", test_table);
	g_test_add_func("/settings/set", test_set);
	g_test_add_func("/settings/set-bad", test_set_bad);
	g_test_add_func("/settings/copy", test_copy);
	g_test_add_func("/settings/take", test_take);
	g_test_add_func("/settings/words", test_words);
	return g_test_run();
}
