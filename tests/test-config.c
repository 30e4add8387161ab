/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Configuration: values by type, every kind of problem with its place, merging of fragments. */

#include <config.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "config/config.h"
#include "config/generation.h"
#include "config/nearest.h"
#include "config/schema.h"

static char *
problems_text(GPtrArray *problems)
{
	GString *out = g_string_new(NULL);
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *line = am_config_problem_to_string(problems->pdata[i]);
		g_string_append_printf(out, "%s%s", i > 0 ? "\n" : "", line);
	}
	return g_string_free(out, FALSE);
}

/* ---- values -------------------------------------------------------------------------------- */

typedef struct {
	AmSettingType type;
	const char *range;
	const char *text;
	gint64 integer; /* -999: must be refused */
	double real;
} ValueCase;

static const ValueCase value_cases[] = {
	{ AM_SETTING_INT, NULL, "0", 0, 0 },
	{ AM_SETTING_INT, NULL, "-5", -5, 0 },
	{ AM_SETTING_INT, NULL, "9223372036854775807", G_MAXINT64, 0 },
	{ AM_SETTING_INT, NULL, "9223372036854775808", -999, 0 },
	{ AM_SETTING_INT, NULL, "99999999999999999999999", -999, 0 },
	{ AM_SETTING_INT, NULL, "", -999, 0 },
	{ AM_SETTING_INT, NULL, "-", -999, 0 },
	{ AM_SETTING_INT, NULL, "1x", -999, 0 },
	{ AM_SETTING_INT, NULL, "0x10", -999, 0 },
	{ AM_SETTING_INT, NULL, " 1", -999, 0 },
	{ AM_SETTING_INT, "1..10", "1", 1, 0 },
	{ AM_SETTING_INT, "1..10", "10", 10, 0 },
	{ AM_SETTING_INT, "1..10", "11", -999, 0 },
	{ AM_SETTING_INT, "1..10", "0", -999, 0 },
	{ AM_SETTING_INT, "..10", "-70", -70, 0 },
	{ AM_SETTING_INT, "5..", "4", -999, 0 },
	{ AM_SETTING_SIZE, NULL, "0", 0, 0 },
	{ AM_SETTING_SIZE, NULL, "10", 10, 0 },
	{ AM_SETTING_SIZE, NULL, "1K", 1024, 0 },
	{ AM_SETTING_SIZE, NULL, "2m", 2 * 1024 * 1024, 0 },
	{ AM_SETTING_SIZE, NULL, "3G", G_GINT64_CONSTANT(3) * 1024 * 1024 * 1024, 0 },
	{ AM_SETTING_SIZE, NULL, "-1", -999, 0 },
	{ AM_SETTING_SIZE, NULL, "1T", -999, 0 },
	{ AM_SETTING_SIZE, NULL, "K", -999, 0 },
	{ AM_SETTING_SIZE, NULL, "9223372036854775807K", -999, 0 },
	{ AM_SETTING_SIZE, "4K..1G", "4096", 4096, 0 },
	{ AM_SETTING_SIZE, "4K..1G", "4095", -999, 0 },
	{ AM_SETTING_SIZE, "4K..1G", "1025M", -999, 0 },
	{ AM_SETTING_DURATION, NULL, "500ms", 500, 0 },
	{ AM_SETTING_DURATION, NULL, "3", 3000, 0 },
	{ AM_SETTING_DURATION, NULL, "10s", 10000, 0 },
	{ AM_SETTING_DURATION, NULL, "5m", 300000, 0 },
	{ AM_SETTING_DURATION, NULL, "2h", 7200000, 0 },
	{ AM_SETTING_DURATION, NULL, "7d", 604800000, 0 },
	{ AM_SETTING_DURATION, NULL, "1w", -999, 0 },
	{ AM_SETTING_DURATION, NULL, "1 s", -999, 0 },
	{ AM_SETTING_DURATION, NULL, "-1s", -999, 0 },
	{ AM_SETTING_DURATION, "10s..1h", "9s", -999, 0 },
	{ AM_SETTING_DURATION, "10s..1h", "61m", -999, 0 },
	{ AM_SETTING_DURATION, "10s..1h", "60m", 3600000, 0 },
	{ AM_SETTING_DOUBLE, NULL, "6.31", 0, 6.31 },
	{ AM_SETTING_DOUBLE, NULL, "-0.5", 0, -0.5 },
	{ AM_SETTING_DOUBLE, NULL, "+3", 0, 3 },
	{ AM_SETTING_DOUBLE, NULL, ".5", -999, 0 },
	{ AM_SETTING_DOUBLE, NULL, "5.", -999, 0 },
	{ AM_SETTING_DOUBLE, NULL, "1e5", -999, 0 },
	{ AM_SETTING_DOUBLE, NULL, "nan", -999, 0 },
	{ AM_SETTING_DOUBLE, NULL, "1,5", -999, 0 },
	{ AM_SETTING_DOUBLE, "1..100", "0.99", -999, 0 },
	{ AM_SETTING_DOUBLE, "1..100", "100.0", 0, 100 },
	{ AM_SETTING_BOOL, NULL, "yes", 1, 0 },
	{ AM_SETTING_BOOL, NULL, "TRUE", 1, 0 },
	{ AM_SETTING_BOOL, NULL, "on", 1, 0 },
	{ AM_SETTING_BOOL, NULL, "1", 1, 0 },
	{ AM_SETTING_BOOL, NULL, "no", 0, 0 },
	{ AM_SETTING_BOOL, NULL, "False", 0, 0 },
	{ AM_SETTING_BOOL, NULL, "off", 0, 0 },
	{ AM_SETTING_BOOL, NULL, "0", 0, 0 },
	{ AM_SETTING_BOOL, NULL, "2", -999, 0 },
	{ AM_SETTING_BOOL, NULL, "", -999, 0 },
	{ AM_SETTING_PATH, NULL, "/x", 0, 0 },
	{ AM_SETTING_PATH, NULL, "x", -999, 0 },
	{ AM_SETTING_PATH, NULL, "", -999, 0 },
	{ AM_SETTING_ENUM, "a|bc", "bc", 0, 0 },
	{ AM_SETTING_ENUM, "a|bc", "b", -999, 0 },
	{ AM_SETTING_ENUM, "a|bc", "a|bc", -999, 0 },
	{ AM_SETTING_ENUM, "a|bc", "", -999, 0 },
	{ AM_SETTING_STRING, NULL, "", 0, 0 },
};

static void
test_values(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(value_cases); i++) {
		const ValueCase *c = &value_cases[i];
		const AmSettingSpec spec = { "key", c->type, NULL, c->range, NULL };
		g_autoptr(GError) error = NULL;
		AmValue value;
		gboolean is_good = am_value_parse(&spec, c->text, &value, &error);
		g_test_message("\"%s\" of type %d in %s", c->text, c->type,
			       c->range != NULL ? c->range : "any range");
		if (c->integer == -999) {
			g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
			g_assert_false(is_good);
			g_assert_null(value.text);
			continue;
		}
		g_assert_no_error(error);
		g_assert_true(is_good);
		g_assert_cmpint(value.integer, ==, c->integer);
		g_assert_cmpfloat(value.real, ==, c->real);
		g_assert_cmpstr(value.text, ==, c->text);
		am_value_clear(&value);
	}
}

static void
test_value_list(void)
{
	const AmSettingSpec spec = { "key", AM_SETTING_LIST, NULL, NULL, NULL };
	const char *const expected[] = { "a", "b", "c.d", NULL };
	AmValue value;
	g_assert_true(am_value_parse(&spec, " a,b ,\t c.d,", &value, NULL));
	g_assert_cmpstrv(value.list, expected);
	am_value_clear(&value);
	g_assert_null(value.list);
	g_assert_true(am_value_parse(&spec, "", &value, NULL));
	g_assert_cmpuint(g_strv_length(value.list), ==, 0);
	am_value_clear(&value);
}

static void
test_value_message(void)
{
	const AmSettingSpec spec = { "key", AM_SETTING_ENUM, NULL, "text|json", NULL };
	const AmSettingSpec number = { "key", AM_SETTING_INT, NULL, "1..9", NULL };
	g_autoptr(GError) error = NULL;
	AmValue value;
	g_assert_false(am_value_parse(&spec, "xml", &value, &error));
	g_assert_cmpstr(error->message, ==, "\"xml\" is not allowed; allowed: one of text, json");
	g_clear_error(&error);
	g_assert_false(am_value_parse(&number, "10", &value, &error));
	g_assert_cmpstr(error->message, ==, "\"10\" is not allowed; allowed: a whole number 1..9");
}

static void
test_nearest(void)
{
	g_assert_cmpuint(am_word_distance("address", "address"), ==, 0);
	g_assert_cmpuint(am_word_distance("adress", "address"), ==, 1);
	g_assert_cmpuint(am_word_distance("addresss", "address"), ==, 1);
	g_assert_cmpuint(am_word_distance("addrses", "address"), ==, 1);
	g_assert_cmpuint(am_word_distance("", "abc"), ==, 3);
	g_assert_cmpuint(am_word_distance("kitten", "sitting"), ==, 3);
	const AmSettingSpec *specs = am_config_core_specs("listener");
	g_assert_cmpstr(am_nearest_setting(specs, "adress"), ==, "address");
	g_assert_null(am_nearest_setting(specs, "completely_else"));
	g_assert_null(am_nearest_setting(NULL, "address"));
	g_autofree char *long_word = g_strnfill(65, 'a');
	g_assert_cmpuint(am_word_distance(long_word, "a"), ==, G_MAXUINT);
	g_assert_null(am_nearest_setting(specs, long_word));
}

/* Defaults and ranges of the core's tables are themselves valid. */
static void
test_schema(void)
{
	const char *const *kinds = am_config_kinds();
	for (guint i = 0; kinds[i] != NULL; i++) {
		const AmSettingSpec *tables[] = { am_config_core_specs(kinds[i]),
						  am_config_plugin_specs(kinds[i]) };
		for (guint j = 0; j < 2; j++) {
			const AmSettingSpec *spec = tables[j];
			for (; spec != NULL && spec->name != NULL; spec++) {
				g_autoptr(GError) error = NULL;
				AmValue value;
				g_test_message("[%s] %s", kinds[i], spec->name);
				g_assert_nonnull(spec->help);
				if (spec->default_value == NULL)
					continue;
				am_value_parse(spec, spec->default_value, &value, &error);
				g_assert_no_error(error);
				am_value_clear(&value);
			}
		}
	}
	g_assert_null(am_config_core_specs("no such kind"));
	g_assert_null(am_config_core_specs("policy"));
	g_assert_nonnull(am_config_plugin_specs("scanner"));
	g_assert_null(am_config_plugin_specs("policy"));
	g_assert_true(am_config_kind_is_named("scanner"));
	g_assert_false(am_config_kind_is_named("policy"));
}

static void
test_key_problem(void)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config =
		am_config_load_data("f", "[listener x]\n\naddress = y\n", problems);
	const AmConfigGroup *group = am_config_group(config, "listener", "x");
	am_config_add_key_problem(problems, group, "address", "address: %d", 1);
	am_config_add_key_problem(problems, group, "tls", "by default");
	g_autofree char *text = problems_text(problems);
	g_assert_cmpstr(text, ==, "f:3: [listener x]: address: 1\nf:1: [listener x]: by default");
}

/* ---- problems ------------------------------------------------------------------------------ */

typedef struct {
	const char *name;
	const char *data;
	const char *problems; /* joined by newlines, "" none */
} ProblemCase;

static const ProblemCase problem_cases[] = {
	{ "empty", "", "" },
	{ "blank and comments", "\n  \n# x = y\n\t# [z\n", "" },
	{ "good", "[amavisd]\nuser = x\n", "" },
	{ "CRLF and no newline at the end", "[amavisd]\r\nuser = x\r\nlog=stderr", "" },
	{ "not a pair", "[amavisd]\nuser\n",
	  "f:2: neither a comment, a group nor \"key = value\": user" },
	{ "no key", "[amavisd]\n= x\n", "f:2: bad key before \"=\": = x" },
	{ "bad key", "[amavisd]\na b = x\n", "f:2: bad key before \"=\": a b = x" },
	{ "key outside a group", "user = x\n[amavisd]\n",
	  "f:1: key \"user\" stands before the first group" },
	{ "duplicate key", "[amavisd]\nuser = x\n\nuser = y\n",
	  "f:4: [amavisd]: key \"user\" stands twice, first on line 2" },
	{ "duplicate key in two pieces of a group",
	  "[amavisd]\nuser = x\n[content]\n[amavisd]\nuser = y\n",
	  "f:5: [amavisd]: key \"user\" stands twice, first on line 2" },
	{ "group in two pieces", "[amavisd]\nuser = x\n[content]\n[amavisd]\nlog = stderr\n", "" },
	{ "unknown group", "[amavis]\nuser = x\nnonsense = 1\n",
	  "f:1: unknown group [amavis]; did you mean [amavisd]?" },
	{ "unknown named group", "[scaner clamav]\n",
	  "f:1: unknown group [scaner clamav]; did you mean [scanner NAME]?" },
	{ "group like no other", "[x]\n",
	  "f:1: unknown group [x]; allowed: [amavisd], [listener NAME], [content], [routes], "
	  "[next_hop], [pipe NAME], [plugins], [policy], [scanner NAME], [decoder NAME], [action NAME], "
	  "[quarantine NAME]" },
	{ "group without name", "[listener]\naddress = x\n",
	  "f:1: group [listener] needs a name: [listener NAME]" },
	{ "plugin group without name", "[scanner]\n",
	  "f:1: group [scanner] needs a name: [scanner NAME]" },
	{ "group with name", "[amavisd two]\nuser = x\n",
	  "f:1: group [amavisd two] takes no name: [amavisd]" },
	{ "policy takes no name", "[policy x]\n", "f:1: group [policy x] takes no name: [policy]" },
	{ "open group", "[amavisd\nuser = x\n", "f:1: group without \"]\" at its end: [amavisd" },
	{ "text behind group", "[amavisd] x\n",
	  "f:1: group without \"]\" at its end: [amavisd] x" },
	{ "empty group", "[]\n",
	  "f:1: bad group []; allowed: [KIND] or [KIND NAME], of letters, digits, \"_-.\"" },
	{ "three words", "[listener a b]\n",
	  "f:1: bad group [listener a b]; allowed: [KIND] or [KIND NAME], of letters, digits, "
	  "\"_-.\"" },
	{ "unknown key", "[listener in]\nadress = x\n",
	  "f:2: [listener in]: unknown key \"adress\"; did you mean \"address\"?" },
	{ "key like no other", "[plugins]\nsomething = x\n",
	  "f:2: [plugins]: unknown key \"something\"; allowed: directory" },
	{ "bad number", "[amavisd]\nthreads = many\n",
	  "f:2: [amavisd]: threads = \"many\" is not allowed; allowed: a whole number 1..1024; "
	  "mails processed at the same time" },
	{ "bad choice", "[listener in]\nprotocol = uucp\n",
	  "f:2: [listener in]: protocol = \"uucp\" is not allowed; allowed: one of smtp, lmtp, milter, am.pdp, http; "
	  "what is spoken" },
	{ "relative path", "[plugins]\ndirectory = lib\n",
	  "f:2: [plugins]: directory = \"lib\" is not allowed; allowed: an absolute path; "
	  "where plugins are; default: compiled in" },
	{ "bad escape", "[amavisd]\nuser = a\\x\n",
	  "f:2: user: bad escape; allowed: \\s \\t \\n \\r \\\\" },
	{ "escape at the end", "[amavisd]\nuser = a\\\n",
	  "f:2: user: bad escape; allowed: \\s \\t \\n \\r \\\\" },
	{ "unset variable", "[amavisd]\nuser = ${AM_TEST_UNSET}\n",
	  "f:2: user: environment variable AM_TEST_UNSET is not set" },
	{ "variable without end", "[amavisd]\nuser = ${AM_TEST_SET\n",
	  "f:2: user: \"${\" without a variable's name and \"}\"; write \"$${\" for the "
	  "characters themselves" },
	{ "variable without name", "[amavisd]\nuser = ${}\n",
	  "f:2: user: \"${\" without a variable's name and \"}\"; write \"$${\" for the "
	  "characters themselves" },
	{ "variable in a bad value", "[amavisd]\nthreads = ${AM_TEST_SET}\n",
	  "f:2: [amavisd]: threads = \"set\" is not allowed; allowed: a whole number 1..1024; "
	  "mails processed at the same time" },
	{ "not UTF-8", "[amavisd]\nuser = \xff\n", "f:2: the line is not UTF-8 text" },
	{ "all of them, in order",
	  "x = 1\n[amavisd]\nthreads = 0\nuzer = x\nwhat\n[foo bar]\n[content]\nworkers = a\n",
	  "f:1: key \"x\" stands before the first group\n"
	  "f:3: [amavisd]: threads = \"0\" is not allowed; allowed: a whole number 1..1024; "
	  "mails processed at the same time\n"
	  "f:4: [amavisd]: unknown key \"uzer\"; did you mean \"user\"?\n"
	  "f:5: neither a comment, a group nor \"key = value\": what\n"
	  "f:6: unknown group [foo bar]; allowed: [amavisd], [listener NAME], [content], [routes], "
	  "[next_hop], [pipe NAME], [plugins], [policy], [scanner NAME], [decoder NAME], [action NAME], "
	  "[quarantine NAME]\n"
	  "f:8: [content]: workers = \"a\" is not allowed; allowed: a whole number 0..256; "
	  "content workers, 0: two for each processor" },
};

static void
test_problems(void)
{
	g_setenv("AM_TEST_SET", "set", TRUE);
	g_unsetenv("AM_TEST_UNSET");
	for (gsize i = 0; i < G_N_ELEMENTS(problem_cases); i++) {
		const ProblemCase *c = &problem_cases[i];
		g_autoptr(GPtrArray) problems = am_config_problems_new();
		g_test_message("%s", c->name);
		g_autoptr(AmConfig) config = am_config_load_data("f", c->data, problems);
		g_assert_nonnull(config);
		g_autofree char *text = problems_text(problems);
		g_assert_cmpstr(text, ==, c->problems);
	}
}

static void
test_problem_strings(void)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	am_config_add_problem(problems, NULL, 0, "a %d", 1);
	am_config_add_problem(problems, "", 5, "b");
	am_config_add_problem(problems, "f", 0, "c");
	am_config_add_problem(problems, "f", 5, "d");
	g_autofree char *text = problems_text(problems);
	g_assert_cmpstr(text, ==, "a 1\nb\nf: c\nf:5: d");
}

/* ---- what is in force ---------------------------------------------------------------------- */

/* The smallest configuration that filters mail. */
static const char smallest[] = "[amavisd]\n"
			       "user = amavis\n"
			       "run_directory = /run/amavisd\n"
			       "spool_directory = /var/spool/amavisd\n"
			       "# syslog, journal, stderr or file:/path; log_format = text | json\n"
			       "log = stderr\n"
			       "\n"
			       "[listener in]\n"
			       "address = 127.0.0.1:10024\n"
			       "protocol = smtp\n"
			       "\n"
			       "# also notify, resend, release, requeue\n"
			       "[routes]\n"
			       "forward = smtp:[127.0.0.1]:10025\n"
			       "\n"
			       "[quarantine file]\n"
			       "directory = /var/lib/amavisd/quarantine\n"
			       "\n"
			       "[scanner clamav]\n"
			       "database = /var/lib/clamav\n"
			       "\n"
			       "# when spam is to be scored; without the group it is off\n"
			       "[scanner spamd]\n"
			       "address = 127.0.0.1:783\n";

static void
test_smallest(void)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load_data("f", smallest, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	g_assert_cmpstr(am_config_string(core, "run_directory"), ==, "/run/amavisd");
	g_assert_cmpint(am_config_int(core, "drain_time"), ==, 600000);
	g_assert_cmpint(am_config_int(core, "spool_memory"), ==, 1024 * 1024);
	g_assert_false(am_config_has(core, "group"));
	g_assert_null(am_config_string(core, "group"));
	const AmConfigGroup *listener = am_config_group(config, "listener", "in");
	g_assert_cmpstr(am_config_string(listener, "protocol"), ==, "smtp");
	g_assert_null(am_config_list(listener, "policy_banks"));
	g_assert_cmpuint(am_config_group_line(listener), ==, 8);
	g_assert_cmpstr(am_config_group_file(listener), ==, "f");
	const AmConfigGroup *content = am_config_group(config, "content", NULL);
	g_assert_cmpfloat(am_config_double(content, "expansion_factor"), ==, 500);
	g_assert_cmpstr(am_config_group_file(content), ==, "");
	g_assert_null(am_config_group(config, "policy", NULL));
	g_assert_null(am_config_group(config, "listener", "out"));
	g_assert_cmpstr(am_config_file(config), ==, "f");
	g_assert_null(am_config_directory(config));
	g_autoptr(GPtrArray) scanners = am_config_groups(config, "scanner");
	g_assert_cmpuint(scanners->len, ==, 2);
	g_assert_cmpstr(am_config_group_name(scanners->pdata[0]), ==, "clamav");
	g_assert_cmpstr(am_config_group_kind(scanners->pdata[1]), ==, "scanner");
	const char *file;
	guint line;
	g_assert_cmpstr(am_config_raw(scanners->pdata[1], "address", &file, &line), ==,
			"127.0.0.1:783");
	g_assert_cmpuint(line, ==, 24);
}

static void
test_escapes(void)
{
	static const char data[] = "[amavisd]\n"
				   "user =  a\\s\\\\b\\tc\\n\\r  \n"
				   "  group\t= $${x} $x ${AM_TEST_SET}!\n"
				   "hostname = a = b # c\n"
				   "log =\n";
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_setenv("AM_TEST_SET", "set", TRUE);
	g_autoptr(AmConfig) config = am_config_load_data("f", data, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	g_assert_cmpstr(am_config_string(core, "user"), ==, "a \\b\tc\n\r");
	g_assert_cmpstr(am_config_raw(core, "user", NULL, NULL), ==, "a\\s\\\\b\\tc\\n\\r");
	g_assert_cmpstr(am_config_string(core, "group"), ==, "${x} $x set!");
	g_assert_cmpstr(am_config_string(core, "hostname"), ==, "a = b # c");
	g_assert_cmpstr(am_config_string(core, "log"), ==, "");
	g_assert_true(am_config_has(core, "log"));
}

static const AmSettingSpec plugin_specs[] = {
	{ "database", AM_SETTING_PATH, "/var/lib/clamav", NULL, "signatures" },
	{ "limit", AM_SETTING_INT, "7", "1..9", "a limit" },
	{ "order", AM_SETTING_INT, "20", "0..1000", "this plugin runs early" },
	{ NULL },
};

static void
test_plugin_groups(void)
{
	static const char data[] = "[scanner a]\n"
				   "limit = 10\n"
				   "enabled = no\n"
				   "databse = /x\n"
				   "[scanner b]\n"
				   "plugin = a\n"
				   "required = no\n";
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load_data("f", data, problems);
	g_assert_cmpuint(problems->len, ==, 0);
	const AmConfigGroup *a =
		am_config_check_group(config, "scanner", "a", plugin_specs, problems);
	g_autofree char *text = problems_text(problems);
	g_assert_cmpstr(text, ==,
			"f:2: [scanner a]: limit = \"10\" is not allowed; allowed: a whole "
			"number 1..9; a limit\n"
			"f:4: [scanner a]: unknown key \"databse\"; did you mean \"database\"?");
	g_assert_false(am_config_bool(a, "enabled"));
	g_assert_cmpint(am_config_int(a, "limit"), ==, 7);
	/* a group that was wrong is looked at again for those who ask next */
	g_ptr_array_set_size(problems, 0);
	g_assert_true(a == am_config_check_group(config, "scanner", "a", plugin_specs, problems));
	g_assert_cmpuint(problems->len, ==, 2);
	g_ptr_array_set_size(problems, 0);

	const AmConfigGroup *b =
		am_config_check_group(config, "scanner", "b", plugin_specs, problems);
	const char *database = am_config_string(b, "database");
	g_assert_cmpstr(am_config_string(b, "plugin"), ==, "a");
	g_assert_false(am_config_bool(b, "required"));
	g_assert_true(am_config_bool(b, "enabled"));
	g_assert_cmpint(am_config_int(b, "order"), ==, 20); /* the plugin's own table goes first */
	(void)am_config_check_group(config, "scanner", "b", plugin_specs, problems);
	g_assert_true(database == am_config_string(b, "database"));

	/* a group that is in no file */
	const AmConfigGroup *c =
		am_config_check_group(config, "decoder", "c", plugin_specs, problems);
	g_assert_true(c == am_config_group(config, "decoder", "c"));
	g_assert_cmpint(am_config_int(c, "limit"), ==, 7);
	g_assert_cmpuint(am_config_group_line(c), ==, 0);
	/* no table at all: the core's keys are left */
	const AmConfigGroup *d = am_config_check_group(config, "action", "d", NULL, problems);
	g_assert_cmpint(am_config_int(d, "order"), ==, 50);
	g_assert_cmpuint(problems->len, ==, 0);
}

/* [policy] has no keys of plugins. */
static void
test_policy_group(void)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config =
		am_config_load_data("f", "[policy]\nlimit = 3\nenabled = no\n", problems);
	g_assert_nonnull(am_config_group(config, "policy", NULL));
	const AmConfigGroup *group =
		am_config_check_group(config, "policy", NULL, plugin_specs, problems);
	g_assert_cmpint(am_config_int(group, "limit"), ==, 3);
	g_autofree char *text = problems_text(problems);
	g_assert_cmpstr(text, ==,
			"f:3: [policy]: unknown key \"enabled\"; allowed: database, limit, order");
}

static void
test_broken_default(void)
{
	static const AmSettingSpec specs[] = {
		{ "limit", AM_SETTING_INT, "70", "1..9", "a limit" },
		{ NULL },
	};
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load_data("f", "\n[scanner a]\n", problems);
	const AmConfigGroup *group = am_config_check_group(config, "scanner", "a", specs, problems);
	g_autofree char *text = problems_text(problems);
	g_assert_cmpstr(text, ==,
			"f:2: [scanner a]: the built-in default is broken: limit = \"70\" is not "
			"allowed; allowed: a whole number 1..9");
	g_assert_false(am_config_has(group, "limit"));
}

static void
collect_foreach(const AmConfigGroup *group, const AmSettingSpec *spec, const char *value,
		const char *file, guint line, gpointer user_data)
{
	if (value != NULL)
		g_string_append_printf(user_data, "%s.%s.%s=%s@%s:%u\n",
				       am_config_group_kind(group), am_config_group_name(group),
				       spec->name, value, file, line);
}

static void
test_foreach(void)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load_data(
		"f", "[scanner a]\nx = ${A\\s\n[routes]\nnotify = n\n", problems);
	g_autoptr(GString) out = g_string_new(NULL);
	am_config_foreach(config, collect_foreach, out);
	g_assert_nonnull(strstr(out->str, "scanner.a.x=${A\\s@f:2\n"));
	g_assert_nonnull(strstr(out->str, "routes..notify=n@f:4\n"));
	g_assert_nonnull(strstr(out->str, "routes..forward=smtp:[127.0.0.1]:10025@:0\n"));
	g_assert_null(strstr(out->str, "routes..release")); /* unset */
}

static void
test_wrong_type(void)
{
	if (g_test_subprocess()) {
		g_autoptr(GPtrArray) problems = am_config_problems_new();
		g_autoptr(AmConfig) config = am_config_load_data("f", "", problems);
		(void)am_config_int(am_config_group(config, "amavisd", NULL), "user");
		return;
	}
	g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
	g_test_trap_assert_failed();
	g_test_trap_assert_stderr("*no key \"user\" of the type asked for*");
}

/* ---- files --------------------------------------------------------------------------------- */

static void
write_file(const char *dir, const char *name, const char *data)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_assert_true(g_file_set_contents(path, data, -1, NULL));
}

static void
remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *child = g_build_filename(path, name, NULL);
		remove_tree(child);
	}
	g_assert_cmpint(g_remove(path), ==, 0);
}

static void
test_fragments(void)
{
	g_autofree char *dir = g_dir_make_tmp("amavisd-test-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(dir, "amavisd.conf", NULL);
	g_autofree char *fragments = g_build_filename(dir, "conf.d", NULL);
	g_assert_cmpint(g_mkdir(fragments, 0700), ==, 0);
	write_file(dir, "amavisd.conf", "[amavisd]\nthreads = 1\nuser = a\nhostname = h\n");
	write_file(fragments, "20-b.conf", "[amavisd]\nthreads = 3\n[listener x]\naddress = y\n");
	write_file(fragments, "10-a.conf", "\n[amavisd]\nthreads = 2\nuser = b\nnope\n");
	write_file(fragments, ".30-hidden.conf", "[amavisd]\nthreads = 4\n");
	write_file(fragments, "40-old.conf~", "[amavisd]\nthreads = 5\n");
	write_file(fragments, "50-policy.lua", "return 1\n");
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load(file, problems);
	const AmConfigGroup *core = am_config_group(config, "amavisd", NULL);
	const char *from;
	guint line;
	g_assert_cmpint(am_config_int(core, "threads"), ==, 3);
	g_assert_cmpstr(am_config_raw(core, "threads", &from, &line), ==, "3");
	g_assert_true(g_str_has_suffix(from, "/conf.d/20-b.conf"));
	g_assert_cmpuint(line, ==, 2);
	g_assert_cmpstr(am_config_string(core, "user"), ==, "b");
	(void)am_config_raw(core, "user", &from, &line);
	g_assert_true(g_str_has_suffix(from, "/conf.d/10-a.conf"));
	g_assert_cmpuint(line, ==, 4);
	g_assert_cmpstr(am_config_string(core, "hostname"), ==, "h");
	g_assert_cmpstr(am_config_group_file(core), ==, file);
	g_assert_cmpstr(am_config_directory(config), ==, fragments);
	g_autofree char *text = problems_text(problems);
	g_autofree char *expected = g_strconcat(
		fragments, "/10-a.conf:5: neither a comment, a group nor \"key = value\": nope",
		NULL);
	g_assert_cmpstr(text, ==, expected);
	remove_tree(dir);
}

/* Every key has its entry in amavisd.conf(5). */
static void
test_manual(void)
{
	g_autofree char *path =
		g_build_filename(g_getenv("AM_TOP_SRCDIR"), "docs", "amavisd.conf.5", NULL);
	g_autofree char *text = NULL;
	const char *const *kinds = am_config_kinds();
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	for (guint i = 0; kinds[i] != NULL; i++) {
		const AmSettingSpec *spec = am_config_core_specs(kinds[i]);
		g_autofree char *title = g_strdup_printf("[%s", kinds[i]);
		const char *section = strstr(text, title);
		if (spec == NULL)
			spec = am_config_plugin_specs(kinds[i]);
		g_assert_nonnull(section);
		for (; spec != NULL && spec->name != NULL; spec++) {
			g_autofree char *entry = g_strdup_printf("\n.It Cm %s\n", spec->name);
			g_test_message("[%s] %s", kinds[i], spec->name);
			g_assert_nonnull(strstr(text, entry));
		}
	}
}

/* The configuration as shipped, and its example with the comment signs taken off. */
static void
test_shipped(void)
{
	static const char *const files[] = { "amavisd.conf", "10-example.conf" };
	g_autoptr(GRegex) comment = g_regex_new("^#(?=\\S)", G_REGEX_MULTILINE, 0, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path =
			g_build_filename(g_getenv("AM_TOP_SRCDIR"), "conf.d", files[i], NULL);
		g_autofree char *text = NULL;
		g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
		g_autofree char *open = g_regex_replace_literal(comment, text, -1, 0, "", 0, NULL);
		const char *const versions[] = { text, open };
		for (guint j = 0; j < G_N_ELEMENTS(versions); j++) {
			g_autoptr(GPtrArray) problems = am_config_problems_new();
			g_autoptr(AmConfig) config G_GNUC_UNUSED =
				am_config_load_data(files[i], versions[j], problems);
			g_autofree char *found = problems_text(problems);
			g_assert_cmpstr(found, ==, "");
		}
	}
}

static void
test_unreadable(void)
{
	g_autofree char *dir = g_dir_make_tmp("amavisd-test-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(dir, "none.conf", NULL);
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_assert_null(am_config_load(file, problems));
	g_assert_cmpuint(problems->len, ==, 1);
	g_autofree char *text = problems_text(problems);
	g_assert_nonnull(strstr(text, file));
	g_assert_nonnull(strstr(text, "No such file"));
	/* a directory in the place of a fragment, and a file that is too large */
	g_ptr_array_set_size(problems, 0);
	g_autofree char *fragment = g_build_filename(dir, "conf.d", "10-x.conf", NULL);
	g_assert_cmpint(g_mkdir_with_parents(fragment, 0700), ==, 0);
	g_autofree char *large = g_strnfill(1024 * 1024 + 1, '#');
	g_assert_true(g_file_set_contents(file, large, -1, NULL));
	g_autoptr(AmConfig) config = am_config_load(file, problems);
	g_assert_nonnull(config);
	g_assert_cmpuint(problems->len, ==, 2);
	const AmConfigProblem *problem = problems->pdata[0];
	g_assert_cmpstr(problem->text, ==, "larger than 1048576 bytes");
	problem = problems->pdata[1];
	g_assert_nonnull(strstr(problem->text, "10-x.conf"));
	remove_tree(dir);
}

static void
test_tell(void)
{
	int fds[2];
	char buf[2048];
	g_assert_cmpint(pipe(fds), ==, 0);
	AmGeneration generation = { .tell_fd = fds[1] };
	am_generation_tell(&generation, "READY");
	am_generation_tell(&generation, "ERROR a\nREADY");
	g_autofree char *large = g_strnfill(5000, 'x');
	am_generation_tell(&generation, large);
	gssize n = read(fds[0], buf, sizeof(buf));
	g_assert_cmpint(n, ==, 6 + 14 + 1024);
	g_assert_true(memcmp(buf, "READY\nERROR a READY\nxx", 22) == 0);
	g_assert_cmpint(buf[n - 1], ==, '\n');
	g_assert_cmpint(close(fds[0]), ==, 0);
	g_assert_cmpint(close(fds[1]), ==, 0);
	am_generation_tell(&(AmGeneration){ .tell_fd = -1 }, "READY");
	am_listener_free(NULL);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/config/values", test_values);
	g_test_add_func("/config/value-list", test_value_list);
	g_test_add_func("/config/value-message", test_value_message);
	g_test_add_func("/config/nearest", test_nearest);
	g_test_add_func("/config/schema", test_schema);
	g_test_add_func("/config/key-problem", test_key_problem);
	g_test_add_func("/config/problems", test_problems);
	g_test_add_func("/config/problem-strings", test_problem_strings);
	g_test_add_func("/config/smallest", test_smallest);
	g_test_add_func("/config/escapes", test_escapes);
	g_test_add_func("/config/plugin-groups", test_plugin_groups);
	g_test_add_func("/config/policy-group", test_policy_group);
	g_test_add_func("/config/broken-default", test_broken_default);
	g_test_add_func("/config/foreach", test_foreach);
	g_test_add_func("/config/wrong-type", test_wrong_type);
	g_test_add_func("/config/fragments", test_fragments);
	g_test_add_func("/config/unreadable", test_unreadable);
	g_test_add_func("/config/tell", test_tell);
	g_test_add_func("/config/manual", test_manual);
	g_test_add_func("/config/shipped", test_shipped);
	return g_test_run();
}
