/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Reading and merging.  Each file is scanned line by line (scan.c) into groups of entries that know
 * their file and line; a later file takes over key by key.  Then the core's groups are checked
 * against their tables (schema.c, group.c).  Groups of plugins and [policy] stay as written until
 * those who know their tables call am_config_check_group(). */

#include <config.h>

#include "config/config-private.h"

#include <string.h>

#include "config/nearest.h"
#include "config/scan.h"
#include "config/schema.h"

#define FRAGMENT_DIRECTORY "conf.d"
#define FRAGMENT_SUFFIX ".conf"

struct _AmConfig {
	gatomicrefcount ref_count;
	GPtrArray *files;     /* char *, in order of reading; the first is FILE */
	char *directory;      /* NULL: no fragments */
	GPtrArray *groups;    /* AmConfigGroup, in order of first appearance */
	GHashTable *group_of; /* "kind name" -> AmConfigGroup */
};

typedef struct {
	AmConfig *config;
	const char *file; /* element of config->files */
	AmConfigGroup *group;
	GPtrArray *problems;
} Loader;

static AmConfig *
config_new(void)
{
	AmConfig *config = g_new0(AmConfig, 1);
	g_atomic_ref_count_init(&config->ref_count);
	config->files = g_ptr_array_new_with_free_func(g_free);
	config->groups = g_ptr_array_new_with_free_func((GDestroyNotify)am_config_group_free);
	config->group_of = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return config;
}

AmConfig *
am_config_ref(AmConfig *config)
{
	g_atomic_ref_count_inc(&config->ref_count);
	return config;
}

void
am_config_unref(AmConfig *config)
{
	if (config == NULL || !g_atomic_ref_count_dec(&config->ref_count))
		return;
	g_hash_table_unref(config->group_of);
	g_ptr_array_unref(config->groups);
	g_ptr_array_unref(config->files);
	g_free(config->directory);
	g_free(config);
}

static AmConfigGroup *
config_find(const AmConfig *config, const char *kind, const char *name)
{
	g_autofree char *key = g_strconcat(kind, " ", name != NULL ? name : "", NULL);
	return g_hash_table_lookup(config->group_of, key);
}

static AmConfigGroup *
config_add(AmConfig *config, const char *kind, const char *name, const char *file, guint line)
{
	AmConfigGroup *group = am_config_group_new(kind, name, file, line);
	g_ptr_array_add(config->groups, group);
	g_hash_table_insert(config->group_of, g_strconcat(kind, " ", name, NULL), group);
	return group;
}

/* "amavisd, listener NAME, ..." */
static char *
config_known_kinds(void)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const char *const *kinds = am_config_kinds();
	for (guint i = 0; kinds[i] != NULL; i++)
		g_string_append_printf(out, "%s[%s%s]", i > 0 ? ", " : "", kinds[i],
				       am_config_kind_is_named(kinds[i]) ? " NAME" : "");
	return g_string_free(g_steal_pointer(&out), FALSE);
}

static const char *
config_nearest_kind(const char *word)
{
	const char *const *kinds = am_config_kinds();
	for (guint i = 0; kinds[i] != NULL; i++)
		if (am_word_distance(word, kinds[i]) <= 2)
			return kinds[i];
	return NULL;
}

static gboolean
loader_check_title(Loader *loader, const char *kind, const char *name, guint line)
{
	if (!am_config_kind_is_known(kind)) {
		const char *nearest = config_nearest_kind(kind);
		g_autofree char *known = config_known_kinds();
		am_config_add_problem(loader->problems, loader->file, line,
				      "unknown group [%s%s%s]; %s%s%s%s", kind,
				      *name != '\0' ? " " : "", name,
				      nearest != NULL ? "did you mean [" : "allowed: ",
				      nearest != NULL ? nearest : known,
				      nearest != NULL && *name != '\0' ? " " : "",
				      nearest != NULL ? (*name != '\0' ? "NAME]?" : "]?") : "");
		return FALSE;
	}
	if (am_config_kind_is_named(kind) && *name == '\0') {
		am_config_add_problem(loader->problems, loader->file, line,
				      "group [%s] needs a name: [%s NAME]", kind, kind);
		return FALSE;
	}
	if (!am_config_kind_is_named(kind) && *name != '\0') {
		am_config_add_problem(loader->problems, loader->file, line,
				      "group [%s %s] takes no name: [%s]", kind, name, kind);
		return FALSE;
	}
	return TRUE;
}

static gboolean
loader_group(const char *kind, const char *name, guint line, gpointer user_data)
{
	Loader *loader = user_data;
	if (!loader_check_title(loader, kind, name, line))
		return FALSE;
	loader->group = config_find(loader->config, kind, name);
	if (loader->group == NULL)
		loader->group = config_add(loader->config, kind, name, loader->file, line);
	return TRUE;
}

static void
loader_key(const char *key, const char *raw, const char *text, guint line, gpointer user_data)
{
	Loader *loader = user_data;
	AmConfigGroup *group = loader->group;
	AmConfigEntry *entry = g_hash_table_lookup(group->entry_of, key);
	if (entry != NULL && entry->file == loader->file) {
		g_autofree char *title = am_config_group_title(group);
		am_config_add_problem(loader->problems, loader->file, line,
				      "%s: key \"%s\" stands twice, first on line %u", title, key,
				      entry->line);
		return;
	}
	if (entry == NULL) {
		entry = g_new0(AmConfigEntry, 1);
		entry->key = g_strdup(key);
		g_ptr_array_add(group->entries, entry);
		g_hash_table_insert(group->entry_of, entry->key, entry);
	}
	g_free(entry->raw);
	g_free(entry->text);
	entry->raw = g_strdup(raw);
	entry->text = g_strdup(text);
	entry->file = loader->file;
	entry->line = line;
}

static void
config_read_data(AmConfig *config, const char *file, const char *data, gsize len,
		 GPtrArray *problems)
{
	static const AmScanFuncs funcs = { loader_group, loader_key };
	char *name = g_strdup(file);
	g_ptr_array_add(config->files, name);
	Loader loader = { config, name, NULL, problems };
	am_config_scan(name, data, len, &funcs, &loader, problems);
}

static gboolean
config_read_file(AmConfig *config, const char *file, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *data = NULL;
	gsize len;
	if (!g_file_get_contents(file, &data, &len, &error)) {
		am_config_add_problem(problems, "", 0, "%s", error->message);
		return FALSE;
	}
	config_read_data(config, file, data, len, problems);
	return TRUE;
}

static int
config_compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Hidden files and what editors leave behind do not match. */
static void
config_read_fragments(AmConfig *config, GPtrArray *problems)
{
	g_autofree char *parent = g_path_get_dirname(g_ptr_array_index(config->files, 0));
	g_autofree char *path = g_build_filename(parent, FRAGMENT_DIRECTORY, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return;
	g_autoptr(GDir) dir = g_dir_open(path, 0, &error);
	if (dir == NULL) {
		am_config_add_problem(problems, "", 0, "%s", error->message);
		return;
	}
	config->directory = g_steal_pointer(&path);
	for (const char *name = g_dir_read_name(dir); name != NULL; name = g_dir_read_name(dir))
		if (*name != '.' && g_str_has_suffix(name, FRAGMENT_SUFFIX))
			g_ptr_array_add(names, g_strdup(name));
	g_ptr_array_sort(names, config_compare_names);
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *file =
			g_build_filename(config->directory, g_ptr_array_index(names, i), NULL);
		(void)config_read_file(config, file, problems); /* a failure is a problem */
	}
}

static guint
config_file_rank(const AmConfig *config, const char *file)
{
	for (guint i = 0; i < config->files->len; i++)
		if (strcmp(g_ptr_array_index(config->files, i), file) == 0)
			return i;
	return G_MAXUINT;
}

static int
config_compare_problems(gconstpointer a, gconstpointer b, gpointer user_data)
{
	const AmConfigProblem *first = *(AmConfigProblem *const *)a;
	const AmConfigProblem *second = *(AmConfigProblem *const *)b;
	guint rank_first = config_file_rank(user_data, first->file);
	guint rank_second = config_file_rank(user_data, second->file);
	if (rank_first != rank_second)
		return rank_first < rank_second ? -1 : 1;
	return first->line < second->line ? -1 : first->line > second->line;
}

/* All files are read: the core's own groups get their values. */
static void
config_finish(AmConfig *config, GPtrArray *problems)
{
	const char *const *kinds = am_config_kinds();
	for (guint i = 0; kinds[i] != NULL; i++)
		if (am_config_core_specs(kinds[i]) != NULL && !am_config_kind_is_named(kinds[i]) &&
		    config_find(config, kinds[i], NULL) == NULL)
			(void)config_add(config, kinds[i], "", "", 0);
	for (guint i = 0; i < config->groups->len; i++) {
		AmConfigGroup *group = g_ptr_array_index(config->groups, i);
		const AmSettingSpec *specs = am_config_core_specs(group->kind);
		if (specs != NULL)
			am_config_group_check(group, NULL, specs, problems);
	}
	g_ptr_array_sort_with_data(problems, config_compare_problems, config);
}

AmConfig *
am_config_load(const char *file, GPtrArray *problems)
{
	g_autoptr(AmConfig) config = config_new();
	if (!config_read_file(config, file != NULL ? file : AM_CONFIG_FILE, problems))
		return NULL;
	config_read_fragments(config, problems);
	config_finish(config, problems);
	return g_steal_pointer(&config);
}

AmConfig *
am_config_load_data(const char *name, const char *data, GPtrArray *problems)
{
	AmConfig *config = config_new();
	config_read_data(config, name, data, strlen(data), problems);
	config_finish(config, problems);
	return config;
}

const char *
am_config_file(const AmConfig *config)
{
	return g_ptr_array_index(config->files, 0);
}

const char *
am_config_directory(const AmConfig *config)
{
	return config->directory;
}

const AmConfigGroup *
am_config_group(const AmConfig *config, const char *kind, const char *name)
{
	return config_find(config, kind, name);
}

GPtrArray *
am_config_groups(const AmConfig *config, const char *kind)
{
	GPtrArray *out = g_ptr_array_new();
	for (guint i = 0; i < config->groups->len; i++) {
		AmConfigGroup *group = g_ptr_array_index(config->groups, i);
		if (strcmp(group->kind, kind) == 0)
			g_ptr_array_add(out, group);
	}
	return out;
}

const AmConfigGroup *
am_config_check_group(AmConfig *config, const char *kind, const char *name,
		      const AmSettingSpec *specs, GPtrArray *problems)
{
	AmConfigGroup *group = config_find(config, kind, name);
	if (group == NULL)
		group = config_add(config, kind, name != NULL ? name : "", "", 0);
	am_config_group_check(group, am_config_plugin_specs(kind), specs, problems);
	return group;
}

void
am_config_foreach(const AmConfig *config, AmConfigFunc func, gpointer user_data)
{
	for (guint i = 0; i < config->groups->len; i++) {
		const AmConfigGroup *group = g_ptr_array_index(config->groups, i);
		const char *file;
		guint line;
		for (guint j = 0; j < group->values->len; j++) {
			const AmConfigValue *value = g_ptr_array_index(group->values, j);
			const char *raw = am_config_raw(group, value->spec->name, &file, &line);
			func(group, value->spec, raw, file, line, user_data);
		}
		/* nobody has checked the group yet: as written, under a table of that one name */
		for (guint j = 0; !group->is_checked && j < group->entries->len; j++) {
			const AmConfigEntry *entry = g_ptr_array_index(group->entries, j);
			const AmSettingSpec spec = { entry->key, AM_SETTING_STRING, NULL, NULL,
						     NULL };
			func(group, &spec, entry->raw, entry->file, entry->line, user_data);
		}
	}
}
