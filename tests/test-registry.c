/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Loading of plugins: descriptors good and bad, files that may not be trusted, groups, life. */

#include <config.h>

#include "plugin/registry.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "log/log.h"

/* ---- descriptors --------------------------------------------------------------------------- */

static gpointer
good_load(G_GNUC_UNUSED const AmHost *host, G_GNUC_UNUSED AmInstance *instance,
	  G_GNUC_UNUSED GError **error)
{
	return NULL;
}

static gboolean
good_scan(G_GNUC_UNUSED gpointer self, G_GNUC_UNUSED AmScan *scan, G_GNUC_UNUSED GError **error)
{
	return TRUE;
}

static const AmScannerOps good_scanner = { AM_ABI_HEAD(AmScannerOps), .scan = good_scan };
static const AmScannerOps empty_scanner = { AM_ABI_HEAD(AmScannerOps) };
static const AmScannerOps short_scanner = { .struct_size = 12,
					    .abi_major = AM_ABI_MAJOR,
					    .scan = good_scan };
static const AmScannerOps foreign_scanner = { .struct_size = sizeof(AmScannerOps),
					      .abi_major = AM_ABI_MAJOR + 1,
					      .scan = good_scan };
static const AmDecoderOps empty_decoder = { AM_ABI_HEAD(AmDecoderOps) };
static const AmActionOps empty_action = { AM_ABI_HEAD(AmActionOps) };
static const AmQuarantineOps empty_quarantine = { AM_ABI_HEAD(AmQuarantineOps) };

static const AmPlugin good = {
	AM_ABI_HEAD(AmPlugin), .kinds = AM_KIND_SCANNER, .caps = AM_CAP_SANDBOX,
	.name = "good-1",      .version = "1",		 .licence = "MIT",
	.summary = "is good",  .load = good_load,	 .scanner = &good_scanner,
};

static const AmSettingSpec bad_default[] = { { "n", AM_SETTING_INT, "x", NULL, NULL }, { NULL } };
static const AmSettingSpec bad_range[] = { { "n", AM_SETTING_INT, "7", "1..5", NULL }, { NULL } };
static const AmSettingSpec bad_name[] = { { "A b", AM_SETTING_INT, "1", NULL, NULL }, { NULL } };
static const AmSettingSpec core_name[] = { { "order", AM_SETTING_INT, "1", NULL, NULL }, { NULL } };
static const AmSettingSpec bad_type[] = { { "n", (AmSettingType)99, NULL, NULL, NULL }, { NULL } };
static const AmSettingSpec twice[] = { { "n", AM_SETTING_INT, NULL, NULL, NULL },
				       { "n", AM_SETTING_INT, NULL, NULL, NULL },
				       { NULL } };

#define CHANGE(name, statement)                                                                    \
	static void change_##name(AmPlugin *p)                                                     \
	{                                                                                          \
		statement;                                                                         \
	}
CHANGE(nothing, (void)p)
CHANGE(longer, p->struct_size = sizeof *p + 8) /* a later minor of ours, same major */
CHANGE(size, p->struct_size = 8)
CHANGE(major, p->abi_major = AM_ABI_MAJOR + 1)
CHANGE(minor, p->abi_minor = AM_ABI_MINOR + 1)
CHANGE(name, p->name = "Upper")
CHANGE(no_name, p->name = NULL)
CHANGE(empty_name, p->name = "")
CHANGE(version, p->version = NULL)
CHANGE(no_kind, p->kinds = 0)
CHANGE(unknown_kind, p->kinds = 1 << 9)
CHANGE(no_table, p->scanner = NULL)
CHANGE(no_scan, p->scanner = &empty_scanner)
CHANGE(short_table, p->scanner = &short_scanner)
CHANGE(foreign_table, p->scanner = &foreign_scanner)
CHANGE(decoder_table, p->kinds = AM_KIND_DECODER)
CHANGE(decoder_empty, p->kinds = AM_KIND_DECODER; p->decoder = &empty_decoder)
CHANGE(action_table, p->kinds = AM_KIND_ACTION)
CHANGE(action_empty, p->kinds = AM_KIND_ACTION; p->action = &empty_action)
CHANGE(quarantine_table, p->kinds = AM_KIND_QUARANTINE)
CHANGE(quarantine_empty, p->kinds = AM_KIND_QUARANTINE; p->quarantine = &empty_quarantine)
CHANGE(no_process, p->caps = AM_CAP_REENTRANT)
CHANGE(unknown_cap, p->caps |= 1 << 20)
CHANGE(network, p->caps = AM_CAP_SANDBOX | AM_CAP_NETWORK)
CHANGE(load, p->load = NULL)
CHANGE(bad_default, p->settings = bad_default)
CHANGE(bad_range, p->settings = bad_range)
CHANGE(bad_name, p->settings = bad_name)
CHANGE(core_name, p->settings = core_name)
CHANGE(bad_type, p->settings = bad_type)
CHANGE(twice, p->settings = twice)

static void
test_check(void)
{
	static const struct {
		void (*change)(AmPlugin *plugin);
		const char *text; /* in the message; NULL: is accepted */
	} cases[] = {
		{ change_nothing, NULL },
		{ change_longer, NULL },
		{ change_size, "has 8 bytes" },
		{ change_major, "built for plugin ABI 2.2" },
		{ change_minor, "built for plugin ABI 1.3" },
		{ change_name, "a-z 0-9" },
		{ change_no_name, "a-z 0-9" },
		{ change_empty_name, "a-z 0-9" },
		{ change_version, "version, licence or summary" },
		{ change_no_kind, "at least one" },
		{ change_unknown_kind, "known ones" },
		{ change_no_table, "scanner without its table" },
		{ change_no_scan, "without scan()" },
		{ change_short_table, "table scanner has 12 bytes" },
		{ change_foreign_table, "table scanner is built for plugin ABI 2.0" },
		{ change_decoder_table, "decoder without its table" },
		{ change_decoder_empty, "without bid()" },
		{ change_action_table, "action without its table" },
		{ change_action_empty, "without apply()" },
		{ change_quarantine_table, "quarantine without its table" },
		{ change_quarantine_empty, "without store()" },
		{ change_no_process, "neither AM_CAP_SANDBOX nor AM_CAP_SESSION" },
		{ change_unknown_cap, "unknown ones" },
		{ change_network, "AM_CAP_SESSION is missing" },
		{ change_load, "load() is missing" },
		{ change_bad_default, "default of setting \"n\"" },
		{ change_bad_range, "default of setting \"n\"" },
		{ change_bad_name, "setting \"A b\"" },
		{ change_core_name, "the core's own" },
		{ change_bad_type, "unknown type 99" },
		{ change_twice, "is there twice" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		AmPlugin copy, plugin = good;
		cases[i].change(&plugin);
		/* behind the descriptor there is nothing: an overrun shows */
		gsize size = MAX(plugin.struct_size, sizeof plugin);
		AmPlugin *exact = g_malloc0(size);
		memcpy(exact, &plugin, sizeof plugin);
		gboolean is_good = am_plugin_check(exact, &copy, &error);
		g_free(exact);
		if (cases[i].text == NULL) {
			g_assert_no_error(error);
			g_assert_true(is_good);
			g_assert_cmpstr(copy.name, ==, "good-1");
			continue;
		}
		g_assert_false(is_good);
		g_assert_error(error, AM_ERROR, AM_ERROR_CONFIG);
		if (strstr(error->message, cases[i].text) == NULL)
			g_error("%s: not in: %s", cases[i].text, error->message);
	}
}

/* What is compiled into other people's plugins: a failure here means a new ABI number, not a new
 * expectation. */
static void
test_layout(void)
{
	if (sizeof(gpointer) != 8) {
		g_test_skip("offsets are those of 64 bit");
		return;
	}
	g_assert_cmpint(G_STRUCT_OFFSET(AmPlugin, struct_size), ==, 0);
	g_assert_cmpint(G_STRUCT_OFFSET(AmPlugin, abi_major), ==, 4);
	g_assert_cmpint(G_STRUCT_OFFSET(AmPlugin, abi_minor), ==, 6);
	g_assert_cmpint(G_STRUCT_OFFSET(AmPlugin, kinds), ==, 8);
	g_assert_cmpint(G_STRUCT_OFFSET(AmPlugin, caps), ==, 12);
	g_assert_cmpint(G_STRUCT_OFFSET(AmPlugin, name), ==, 16);
	g_assert_cmpint(G_STRUCT_OFFSET(AmPlugin, load), ==, 56);
	g_assert_cmpint(G_STRUCT_OFFSET(AmPlugin, quarantine), ==, 120);
	g_assert_cmpint(G_STRUCT_OFFSET(AmScannerOps, warm_up), ==, 24);
	g_assert_cmpint(G_STRUCT_OFFSET(AmDecoderOps, decode), ==, 16);
	g_assert_cmpint(G_STRUCT_OFFSET(AmActionOps, apply), ==, 8);
	g_assert_cmpint(G_STRUCT_OFFSET(AmQuarantineOps, expire), ==, 40);
	g_assert_cmpint(G_STRUCT_OFFSET(AmQuarantineItem, subject), ==, 72);
	g_assert_cmpint(G_STRUCT_OFFSET(AmPartInfo, parent), ==, 52);
	g_assert_cmpint(G_STRUCT_OFFSET(AmHost, product), ==, 8);
	g_assert_cmpint(G_STRUCT_OFFSET(AmHost, log), ==, 64);
	g_assert_cmpint(G_STRUCT_OFFSET(AmHost, mail_fd), ==, 72);
	g_assert_cmpint(G_STRUCT_OFFSET(AmHost, part_fd), ==, 168);
	g_assert_cmpint(G_STRUCT_OFFSET(AmHost, decode_mark), ==, 232);
	g_assert_cmpint(G_STRUCT_OFFSET(AmHost, edit), ==, 320);
}

/* ---- a folder with objects and a configuration --------------------------------------------- */

typedef struct {
	char *directory, *plugins, *fragments, *file;
	AmConfig *config;
	GPtrArray *problems;
	AmRegistry *registry;
} House;

static void
house_write(const char *path, const char *contents, gsize len)
{
	g_autoptr(GError) error = NULL;
	(void)g_file_set_contents(path, contents, (gssize)len, &error);
	g_assert_no_error(error);
	g_assert_cmpint(g_chmod(path, 0644), ==, 0);
}

/* A fresh copy each time: another path is another object to the loader. */
static void
house_copy(const char *object, const char *directory, const char *name)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *from = g_strdup_printf("%s/tests/plugins/.libs/%s.so",
						g_getenv("AM_TOP_BUILDDIR"), object);
	g_autofree char *to = g_build_filename(directory, name, NULL);
	g_autofree char *contents = NULL;
	gsize len;
	(void)g_file_get_contents(from, &contents, &len, &error);
	g_assert_no_error(error);
	house_write(to, contents, len);
}

static void
house_init(House *house)
{
	g_autoptr(GError) error = NULL;
	*house = (House){ 0 };
	house->directory = g_dir_make_tmp("am-registry-XXXXXX", &error);
	g_assert_no_error(error);
	house->plugins = g_build_filename(house->directory, "plugins", NULL);
	house->fragments = g_build_filename(house->directory, "conf.d", NULL);
	house->file = g_build_filename(house->directory, "amavisd.conf", NULL);
	g_assert_cmpint(g_mkdir(house->plugins, 0755), ==, 0);
	g_assert_cmpint(g_mkdir(house->fragments, 0755), ==, 0);
}

static void
house_open(House *house, const char *config)
{
	g_autofree char *text =
		g_strdup_printf("[plugins]\ndirectory = %s\n%s", house->plugins, config);
	house_write(house->file, text, strlen(text));
	house->problems = am_config_problems_new();
	house->config = am_config_load(house->file, house->problems);
	g_assert_nonnull(house->config);
	house->registry = am_registry_new(house->config, house->problems);
	g_assert_nonnull(house->registry);
}

static void
house_remove(const char *directory)
{
	g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *path = g_build_filename(directory, name, NULL);
		if (g_file_test(path, G_FILE_TEST_IS_DIR))
			house_remove(path);
		else
			(void)g_unlink(path);
	}
	(void)g_rmdir(directory);
}

static void
house_clear(House *house)
{
	am_registry_free(house->registry);
	am_config_unref(house->config);
	g_ptr_array_unref(house->problems);
	house_remove(house->directory);
	g_free(house->directory);
	g_free(house->plugins);
	g_free(house->fragments);
	g_free(house->file);
}

/* Exactly one problem, holding these texts. */
static void
house_assert_problem(const House *house, const char *text, const char *more)
{
	if (house->problems->len != 1)
		g_error("%u problems instead of one", house->problems->len);
	g_autofree char *line = am_config_problem_to_string(g_ptr_array_index(house->problems, 0));
	if (strstr(line, text) == NULL || strstr(line, more) == NULL)
		g_error("not \"%s\" and \"%s\": %s", text, more, line);
}

static void
house_assert_no_problem(const House *house)
{
	for (guint i = 0; i < house->problems->len; i++) {
		g_autofree char *line =
			am_config_problem_to_string(g_ptr_array_index(house->problems, i));
		g_error("%s", line);
	}
}

/* ---- finding ------------------------------------------------------------------------------- */

static void
test_defaults(void)
{
	House house;
	house_init(&house);
	house_copy("am-words", house.plugins, "am-words.so");
	house_copy("am-several", house.plugins, "am-several.so");
	house_open(&house, "");
	house_assert_no_problem(&house);
	g_assert_cmpuint(am_registry_plugins(house.registry)->len, ==, 2);
	/* a scanner wants a group, the other kinds do not */
	GPtrArray *all = am_registry_all(house.registry);
	g_assert_cmpuint(all->len, ==, 3);
	for (guint i = 0; i < all->len; i++) {
		const AmInstance *instance = g_ptr_array_index(all, i);
		g_assert_cmpstr(instance->name, ==, "several");
		g_assert_cmpint(instance->kind, ==, AM_KIND_DECODER << i);
		g_assert_cmpint(instance->order, ==, 50);
		g_assert_true(instance->is_required);
	}
	house_clear(&house);
}

static void
test_groups(void)
{
	House house;
	house_init(&house);
	house_copy("am-words", house.plugins, "am-words.so");
	house_copy("am-several", house.plugins, "am-several.so");
	house_open(&house, "[scanner words]\n"
			   "[scanner bad]\nplugin = words\norder = 10\nwords = worse\n"
			   "[scanner asleep]\nplugin = words\nenabled = no\n"
			   "[scanner absent]\nenabled = no\n"
			   "[scanner also]\nplugin = several\nrequired = no\n"
			   "[decoder several]\nenabled = no\n"
			   "[action several]\ntext = hello\n");
	house_assert_no_problem(&house);
	static const char *const names[] = { "bad", "also", "words", "several", "several" };
	GPtrArray *all = am_registry_all(house.registry);
	g_assert_cmpuint(all->len, ==, G_N_ELEMENTS(names));
	for (guint i = 0; i < all->len; i++) {
		const AmInstance *instance = g_ptr_array_index(all, i);
		g_assert_cmpstr(instance->name, ==, names[i]);
	}
	const AmInstance *also = g_ptr_array_index(all, 1);
	g_assert_false(also->is_required);
	g_assert_cmpstr(also->plugin->plugin.name, ==, "several");
	/* nothing is loaded yet, so nothing can be used */
	g_assert_cmpuint(am_registry_instances(house.registry, AM_KIND_SCANNER)->len, ==, 0);
	house_clear(&house);
}

static void
test_group_problems(void)
{
	static const struct {
		const char *config, *text, *more;
	} cases[] = {
		{ "[scanner clam]\n", "amavisd.conf:3: [scanner clam]: there is no plugin \"clam\"",
		  "scanner plugins: several, words" },
		{ "[scanner x]\nplugin = y\n", "amavisd.conf:4: [scanner x]: there is no plugin",
		  "/plugins; " },
		{ "[action words]\n", "amavisd.conf:3: [action words]: plugin words (",
		  "is no action; those that are: several" },
		{ "[scanner words]\nwords = a\nwoords = b\n",
		  "amavisd.conf:5: [scanner words]: ", "words" },
		{ "[action several]\ncount = 12\n", "amavisd.conf:4: [action several]: count",
		  "1..9" },
		{ "[action several]\nenabled = maybe\n",
		  "amavisd.conf:4: [action several]: enabled", "yes" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		House house;
		house_init(&house);
		house_copy("am-words", house.plugins, "am-words.so");
		house_copy("am-several", house.plugins, "am-several.so");
		house_open(&house, cases[i].config);
		house_assert_problem(&house, cases[i].text, cases[i].more);
		house_clear(&house);
	}
}

static void
test_every_problem(void)
{
	House house;
	house_init(&house);
	house_copy("am-none", house.plugins, "am-none.so");
	house_copy("am-future", house.plugins, "am-future.so");
	house_copy("am-several", house.plugins, "am-several.so");
	house_open(&house, "[scanner a]\n[scanner b]\n[action several]\ncount = 0\nflag = 7\n");
	g_assert_cmpuint(house.problems->len, ==, 6);
	house_clear(&house);
}

/* ---- files --------------------------------------------------------------------------------- */

static void
test_not_plugins(void)
{
	static const struct {
		const char *object, *contents, *text;
	} cases[] = {
		{ "am-none", NULL, "no symbol am_plugin" },
		{ "am-future", NULL, "built for plugin ABI 1.3, this amavisd has 1.2" },
		{ NULL, "", "am-x.so" },
		{ NULL, "\177ELF", "am-x.so" },
		{ NULL, "INPUT(-lc)\n", "am-x.so" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		House house;
		house_init(&house);
		g_autofree char *path = g_build_filename(house.plugins, "am-x.so", NULL);
		if (cases[i].object != NULL)
			house_copy(cases[i].object, house.plugins, "am-x.so");
		else
			house_write(path, cases[i].contents, strlen(cases[i].contents));
		house_open(&house, "");
		house_assert_problem(&house, cases[i].text, path);
		g_assert_cmpuint(am_registry_plugins(house.registry)->len, ==, 0);
		house_clear(&house);
	}
}

static void
test_untrusted_files(void)
{
	static const struct {
		const char *what; /* chmod or chown this */
		guint mode;
		gboolean is_foreign;
		const char *text;
	} cases[] = {
		{ "plugins/am-words.so", 0666, FALSE, "others may write to it (mode 0666)" },
		{ "plugins/am-words.so", 0645, TRUE, "it belongs to user 54321" },
		{ "plugins", 0777, FALSE, "others may write to it (mode 0777)" },
		{ "plugins", 01777, FALSE, "others may write to it (mode 1777)" },
		{ "plugins", 0755, TRUE, "it belongs to user 54321" },
		{ "conf.d", 0777, FALSE, "others may write to it" },
		{ "conf.d/10-x.so", 0646, FALSE, "others may write to it" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		House house;
		if (cases[i].is_foreign && geteuid() != 0)
			continue;
		house_init(&house);
		house_copy("am-words", house.plugins, "am-words.so");
		house_copy("am-several", house.fragments, "10-x.so");
		g_autofree char *path = g_build_filename(house.directory, cases[i].what, NULL);
		g_assert_cmpint(g_chmod(path, (int)cases[i].mode), ==, 0);
		if (cases[i].is_foreign)
			g_assert_cmpint(chown(path, 54321, (gid_t)-1), ==, 0);
		house_open(&house, "");
		house_assert_problem(&house, cases[i].text, path);
		house_clear(&house);
	}
}

static void
test_group_writable(void)
{
	House house;
	if (geteuid() != 0) {
		g_test_skip("needs root to give a file away");
		return;
	}
	house_init(&house);
	house_copy("am-words", house.plugins, "am-words.so");
	g_autofree char *path = g_build_filename(house.plugins, "am-words.so", NULL);
	g_assert_cmpint(chown(path, 0, 54321), ==, 0);
	g_assert_cmpint(g_chmod(path, 0664), ==, 0);
	house_open(&house, "");
	house_assert_problem(&house, "others may write to it (mode 0664)", path);
	house_clear(&house);
}

static void
test_special_files(void)
{
	House house;
	house_init(&house);
	g_autofree char *dir = g_build_filename(house.plugins, "am-dir.so", NULL);
	g_autofree char *link = g_build_filename(house.plugins, "am-link.so", NULL);
	g_assert_cmpint(g_mkdir(dir, 0755), ==, 0);
	g_assert_cmpint(symlink("/nonexistent/x.so", link), ==, 0);
	house_copy("am-words", house.plugins, "words.so"); /* not a plugin's name */
	house_open(&house, "");
	g_assert_cmpuint(house.problems->len, ==, 2);
	const AmConfigProblem *first = g_ptr_array_index(house.problems, 0);
	const AmConfigProblem *second = g_ptr_array_index(house.problems, 1);
	g_assert_nonnull(strstr(first->text, "not a regular file"));
	g_assert_nonnull(strstr(second->text, "No such file"));
	house_clear(&house);
}

static void
test_no_directory(void)
{
	House house;
	house_init(&house);
	g_assert_cmpint(g_rmdir(house.plugins), ==, 0);
	house_open(&house, "");
	house_assert_problem(
		&house, "amavisd.conf:2: [plugins]: directory = ", "No such file or directory");
	house_clear(&house);
}

static void
test_fragments(void)
{
	House house;
	house_init(&house);
	house_copy("am-words", house.plugins, "am-words.so");
	house_copy("am-words", house.fragments, "20-mine.so");
	house_copy("am-several", house.fragments, "30-several.so");
	house_open(&house, "[scanner words]\n");
	house_assert_no_problem(&house);
	g_assert_cmpuint(am_registry_plugins(house.registry)->len, ==, 2);
	const AmInstance *words = g_ptr_array_index(am_registry_all(house.registry), 0);
	g_assert_cmpstr(words->name, ==, "words");
	g_assert_true(words->plugin->is_fragment);
	g_assert_true(g_str_has_suffix(words->plugin->path, "/conf.d/20-mine.so"));
	house_clear(&house);
}

static void
test_duplicates(void)
{
	House house;
	house_init(&house);
	house_copy("am-words", house.plugins, "am-a.so");
	house_copy("am-words", house.plugins, "am-b.so");
	house_open(&house, "[scanner words]\n");
	house_assert_problem(&house, "am-b.so: plugin words is already in", "am-a.so");
	house_clear(&house);
}

/* A plugin built against the header as it was in 1.0. */
static void
test_old_plugin(void)
{
	House house;
	AmHost host;
	house_init(&house);
	am_host_init(&host);
	house_copy("am-old", house.plugins, "am-old.so");
	house_open(&house, "[scanner old]\n");
	g_assert_true(am_registry_load(house.registry, AM_CAP_SANDBOX, &host, house.problems));
	house_assert_no_problem(&house);
	AmInstance *scanner = am_registry_find(house.registry, AM_KIND_SCANNER, "old");
	g_assert_nonnull(scanner);
	g_assert_true(scanner->plugin->plugin.scanner->scan(scanner->data, NULL, NULL));
	g_assert_null((gpointer)scanner->plugin->plugin.scanner->is_stale);
	house_clear(&house);
}

/* ---- life ---------------------------------------------------------------------------------- */

static const char *
calls_of(AmRegistry *registry, AmKind kind)
{
	GString *const *calls = am_registry_find(registry, kind, "several")->data;
	return (*calls)->str;
}

static void
test_life(void)
{
	House house;
	AmHost host;
	g_autoptr(GError) error = NULL;
	house_init(&house);
	am_host_init(&host);
	house_copy("am-several", house.plugins, "am-several.so");
	house_open(&house, "[scanner several]\n");
	AmRegistry *registry = house.registry;
	g_assert_true(am_registry_load(registry, AM_CAP_SANDBOX, &host, house.problems));
	house_assert_no_problem(&house);
	/* only what belongs to the process is there */
	g_assert_cmpuint(am_registry_instances(registry, AM_KIND_SCANNER)->len, ==, 1);
	g_assert_cmpuint(am_registry_instances(registry, AM_KIND_DECODER)->len, ==, 1);
	g_assert_cmpuint(am_registry_instances(registry, AM_KIND_ACTION)->len, ==, 0);
	g_assert_null(am_registry_find(registry, AM_KIND_QUARANTINE, "several"));
	g_assert_cmpuint(am_registry_all(registry)->len, ==, 4);
	g_assert_true(am_registry_after_fork(registry, &error));
	g_assert_true(am_registry_thread_init(registry, &error));
	am_registry_thread_end(registry);
	g_assert_cmpstr(calls_of(registry, AM_KIND_SCANNER), ==,
			"load after_fork thread_init thread_end");
	/* the other process */
	g_assert_true(am_registry_load(registry, AM_CAP_SESSION, &host, house.problems));
	g_assert_cmpuint(am_registry_instances(registry, AM_KIND_ACTION)->len, ==, 1);
	g_assert_cmpstr(calls_of(registry, AM_KIND_ACTION), ==, "load");
	/* what is loaded is not loaded again */
	g_assert_cmpuint(am_registry_instances(registry, AM_KIND_SCANNER)->len, ==, 1);
	house_clear(&house);
}

static void
test_failures(void)
{
	static const struct {
		const char *config, *problem, *after_fork, *thread_init;
	} cases[] = {
		{ "[action several]\nfail = load\n", "[action several]: told to fail in load" },
		{ "[action several]\nfail = silently\n",
		  "[action several]: the plugin did not say" },
		{ "[action several]\nfail = after_fork\n", NULL,
		  "[action several]: after_fork: told to fail in after_fork" },
		{ "[quarantine several]\nfail = thread_init\n", NULL, NULL,
		  "[quarantine several]: thread_init: told to fail" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		House house;
		AmHost host;
		g_autoptr(GError) error = NULL;
		house_init(&house);
		am_host_init(&host);
		house_copy("am-several", house.plugins, "am-several.so");
		house_open(&house, cases[i].config);
		house_assert_no_problem(&house);
		gboolean is_good =
			am_registry_load(house.registry, AM_CAP_SESSION, &host, house.problems);
		g_assert_true(is_good == (cases[i].problem == NULL));
		if (cases[i].problem != NULL) {
			house_assert_problem(&house, cases[i].problem, "amavisd.conf:3: ");
			/* the others are there all the same */
			g_assert_nonnull(
				am_registry_find(house.registry, AM_KIND_QUARANTINE, "several"));
		}
		is_good = am_registry_after_fork(house.registry, &error);
		g_assert_true(is_good == (cases[i].after_fork == NULL));
		if (error != NULL)
			g_assert_nonnull(strstr(error->message, cases[i].after_fork));
		g_clear_error(&error);
		is_good = am_registry_thread_init(house.registry, &error);
		g_assert_true(is_good == (cases[i].thread_init == NULL));
		if (cases[i].thread_init != NULL) {
			g_assert_nonnull(strstr(error->message, cases[i].thread_init));
			/* those that had begun are ended */
			g_assert_cmpstr(calls_of(house.registry, AM_KIND_ACTION), ==,
					"load after_fork thread_init thread_end");
		}
		house_clear(&house);
	}
}

static void
test_settings(void)
{
	House house;
	AmHost host;
	house_init(&house);
	am_host_init(&host);
	house_copy("am-several", house.plugins, "am-several.so");
	house_open(&house, "[action several]\ntext = hello\nwait = 5m\nsize = 2M\nlist = a,b c\n"
			   "flag = no\nshare = 0.25\n");
	house_assert_no_problem(&house);
	AmInstance *instance = NULL;
	for (guint i = 0; i < am_registry_all(house.registry)->len; i++) {
		instance = g_ptr_array_index(am_registry_all(house.registry), i);
		if (instance->kind == AM_KIND_ACTION)
			break;
	}
	g_assert_cmpstr(host.setting_string(instance, "text"), ==, "hello");
	g_assert_cmpint(host.setting_int(instance, "wait"), ==, 300000);
	g_assert_cmpint(host.setting_int(instance, "size"), ==, 2 << 20);
	g_assert_cmpint(host.setting_int(instance, "count"), ==, 3);
	g_assert_cmpfloat(host.setting_double(instance, "share"), ==, 0.25);
	g_assert_false(host.setting_bool(instance, "flag"));
	g_assert_null(host.setting_string(instance, "unset"));
	const char *const list[] = { "a", "b", "c", NULL };
	g_assert_true(g_strv_equal(host.setting_list(instance, "list"), list));
	g_assert_cmpstr(host.instance_name(instance), ==, "several");
	house_clear(&house);
}

/* Every function is there and says no. */
static void
test_host(void)
{
	AmHost host;
	AmPartInfo info;
	am_host_init(&host);
	g_assert_cmpuint(host.struct_size, ==, sizeof host);
	const gpointer *slot = (const gpointer *)&host.setting_string;
	for (; slot < (const gpointer *)(&host + 1); slot++)
		g_assert_nonnull(*slot);
	g_assert_cmpint(host.mail_fd(NULL), ==, -1);
	g_assert_cmpstr(host.mail_id(NULL), ==, "");
	g_assert_null(host.part(NULL, 0));
	host.part_info(NULL, &info);
	g_assert_cmpstr(info.type, ==, "");
	g_assert_cmpint(host.part_fd(NULL), ==, -1);
	g_assert_null(host.child_open(NULL, "x", 0));
	g_assert_false(host.child_write(NULL, "x", 1));
	g_assert_false(host.edit(NULL, AM_EDIT_APPEND, "X", "y"));
	g_assert_null(host.action_setting(NULL, "x"));
}

static void
test_lock(void)
{
	House house;
	house_init(&house);
	house_copy("am-words", house.plugins, "am-words.so");
	house_copy("am-several", house.plugins, "am-several.so");
	house_open(&house, "[scanner words]\n");
	AmInstance *words = g_ptr_array_index(am_registry_all(house.registry), 0);
	AmInstance *several = g_ptr_array_index(am_registry_all(house.registry), 1);
	am_instance_lock(words);
	g_assert_true(g_mutex_trylock(&words->lock)); /* reentrant: not held */
	g_mutex_unlock(&words->lock);
	am_instance_unlock(words);
	am_instance_lock(several);
	g_assert_false(g_mutex_trylock(&several->lock));
	am_instance_unlock(several);
	house_clear(&house);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/plugin/check", test_check);
	g_test_add_func("/plugin/layout", test_layout);
	g_test_add_func("/registry/defaults", test_defaults);
	g_test_add_func("/registry/groups", test_groups);
	g_test_add_func("/registry/group-problems", test_group_problems);
	g_test_add_func("/registry/every-problem", test_every_problem);
	g_test_add_func("/registry/not-plugins", test_not_plugins);
	g_test_add_func("/registry/untrusted-files", test_untrusted_files);
	g_test_add_func("/registry/group-writable", test_group_writable);
	g_test_add_func("/registry/special-files", test_special_files);
	g_test_add_func("/registry/no-directory", test_no_directory);
	g_test_add_func("/registry/fragments", test_fragments);
	g_test_add_func("/registry/duplicates", test_duplicates);
	g_test_add_func("/registry/old-plugin", test_old_plugin);
	g_test_add_func("/registry/life", test_life);
	g_test_add_func("/registry/failures", test_failures);
	g_test_add_func("/registry/settings", test_settings);
	g_test_add_func("/registry/lock", test_lock);
	g_test_add_func("/host/says-no", test_host);
	return g_test_run();
}
