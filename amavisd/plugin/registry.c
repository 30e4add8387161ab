/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* From objects and configuration groups to instances.  One group is one instance; the group says
 * which plugin by its key `plugin`, or by its own name.  Everything wrong is collected, so that an
 * admin sees all of it at once. */

#include <config.h>

#include "plugin/registry.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log/log.h"
#include "plugin/object.h"

struct _AmRegistry {
	AmConfig *config;
	char *directory;
	GPtrArray *plugins;   /* AmLoadedPlugin, owned */
	GPtrArray *instances; /* AmInstance, owned, by kind, order, name */
	GPtrArray *loaded[4]; /* those of a kind that are loaded here; same order as kinds[] */
	pid_t pid;	      /* who called load() */
};

static const struct {
	AmKind kind;
	const char *name;
	gboolean is_default; /* there without a group */
} kinds[] = {
	{ AM_KIND_SCANNER, "scanner", FALSE },
	{ AM_KIND_DECODER, "decoder", TRUE },
	{ AM_KIND_ACTION, "action", TRUE },
	{ AM_KIND_QUARANTINE, "quarantine", TRUE },
};

const char *
am_kind_name(AmKind kind)
{
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "unknown";
}

AmCaps
am_instance_process(const AmInstance *instance)
{
	guint32 caps = instance->plugin->plugin.caps;
	switch (instance->kind) {
	case AM_KIND_DECODER:
		return AM_CAP_SANDBOX;
	case AM_KIND_ACTION:
	case AM_KIND_QUARANTINE:
		return AM_CAP_SESSION;
	case AM_KIND_SCANNER:
		break;
	}
	if ((caps & (AM_CAP_NETWORK | AM_CAP_EXEC)) != 0)
		return AM_CAP_SESSION;
	return (caps & AM_CAP_SANDBOX) != 0 ? AM_CAP_SANDBOX : AM_CAP_SESSION;
}

/* ---- objects ------------------------------------------------------------------------------- */

static AmLoadedPlugin *
registry_find_plugin(const AmRegistry *registry, const char *name)
{
	for (guint i = 0; i < registry->plugins->len; i++) {
		AmLoadedPlugin *plugin = g_ptr_array_index(registry->plugins, i);
		if (strcmp(plugin->plugin.name, name) == 0)
			return plugin;
	}
	return NULL;
}

static void
registry_add_plugin(AmRegistry *registry, AmLoadedPlugin *plugin, GPtrArray *problems)
{
	AmLoadedPlugin *other = registry_find_plugin(registry, plugin->plugin.name);
	if (other == NULL) {
		g_ptr_array_add(registry->plugins, plugin);
		return;
	}
	if (plugin->is_fragment && !other->is_fragment) {
		am_info("plugin %s: %s is used instead of %s", plugin->plugin.name, plugin->path,
			other->path);
		(void)g_ptr_array_remove(registry->plugins, other);
		g_ptr_array_add(registry->plugins, plugin);
		return;
	}
	am_config_add_problem(problems, plugin->path, 0, "plugin %s is already in %s; remove one",
			      plugin->plugin.name, other->path);
	am_object_free(plugin);
}

static void
registry_add_directory(AmRegistry *registry, const char *directory, gboolean is_fragments,
		       GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) names = am_object_list(directory, is_fragments, &error);
	if (names == NULL) {
		am_config_add_problem(problems, NULL, 0, "%s", error->message);
		return;
	}
	if (names->len > 0 && !am_object_check_directory(directory, &error)) {
		am_config_add_problem(problems, NULL, 0, "plugins are not taken from there: %s",
				      error->message);
		return;
	}
	for (guint i = 0; i < names->len; i++) {
		g_autofree char *path =
			g_build_filename(directory, g_ptr_array_index(names, i), NULL);
		AmLoadedPlugin *plugin = am_object_open(path, &error);
		if (plugin == NULL) {
			am_config_add_problem(problems, NULL, 0, "%s", error->message);
			g_clear_error(&error);
			continue;
		}
		plugin->is_fragment = is_fragments;
		registry_add_plugin(registry, plugin, problems);
	}
}

/* The compiled-in directory may be absent, as on a machine that takes all from conf.d; one that was
 * asked for may not. */
static void
registry_find_objects(AmRegistry *registry, GPtrArray *problems)
{
	const AmConfigGroup *group = am_config_group(registry->config, "plugins", NULL);
	const char *fragments = am_config_directory(registry->config);
	const char *configured = group != NULL ? am_config_string(group, "directory") : NULL;
	struct stat st;
	registry->directory = g_strdup(configured != NULL ? configured : AM_PLUGIN_DIRECTORY);
	if (stat(registry->directory, &st) == 0) {
		registry_add_directory(registry, registry->directory, FALSE, problems);
	} else if (configured != NULL || errno != ENOENT) {
		int saved = errno;
		const char *file = NULL;
		guint line = 0;
		if (configured != NULL)
			(void)am_config_raw(group, "directory", &file, &line);
		am_config_add_problem(problems, file, line, "[plugins]: directory = %s: %s",
				      registry->directory, g_strerror(saved));
	}
	if (fragments != NULL)
		registry_add_directory(registry, fragments, TRUE, problems);
}

/* ---- instances ----------------------------------------------------------------------------- */

static void
registry_instance_free(gpointer data)
{
	AmInstance *instance = data;
	g_mutex_clear(&instance->lock);
	g_free(instance->name);
	g_free(instance);
}

static void
registry_add_instance(AmRegistry *registry, AmKind kind, const char *name,
		      const AmLoadedPlugin *plugin, GPtrArray *problems)
{
	const AmConfigGroup *group = am_config_check_group(registry->config, am_kind_name(kind),
							   name, plugin->plugin.settings, problems);
	if (!am_config_bool(group, "enabled"))
		return;
	AmInstance *instance = g_new0(AmInstance, 1);
	instance->plugin = plugin;
	instance->group = group;
	instance->name = g_strdup(name);
	instance->kind = kind;
	instance->order = am_config_int(group, "order");
	instance->is_required = am_config_bool(group, "required");
	g_mutex_init(&instance->lock);
	g_ptr_array_add(registry->instances, instance);
}

static char *
registry_list_plugins(const AmRegistry *registry, AmKind kind)
{
	g_autoptr(GString) list = g_string_new(NULL);
	for (guint i = 0; i < registry->plugins->len; i++) {
		const AmLoadedPlugin *plugin = g_ptr_array_index(registry->plugins, i);
		if ((plugin->plugin.kinds & kind) != 0)
			g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "",
					       plugin->plugin.name);
	}
	return g_strdup(list->len > 0 ? list->str : "none");
}

/* A group of which nothing is known but what was written: `enabled` as text. */
static gboolean
registry_is_switched_off(const AmConfigGroup *group)
{
	static const AmSettingSpec spec = { "enabled", AM_SETTING_BOOL, NULL, NULL, NULL };
	const char *raw = am_config_raw(group, "enabled", NULL, NULL);
	AmValue value = { 0 };
	if (raw == NULL || !am_value_parse(&spec, raw, &value, NULL))
		return FALSE;
	gboolean is_off = value.integer == 0;
	am_value_clear(&value);
	return is_off;
}

static void
registry_add_group(AmRegistry *registry, AmKind kind, const AmConfigGroup *group,
		   GPtrArray *problems)
{
	const char *name = am_config_group_name(group);
	const char *file = NULL;
	guint line = 0;
	const char *wanted = am_config_raw(group, "plugin", &file, &line);
	if (wanted == NULL) {
		wanted = name;
		file = am_config_group_file(group);
		line = am_config_group_line(group);
	}
	if (*name == '\0') {
		am_config_add_problem(problems, file, line, "[%s]: a name is missing: [%s NAME]",
				      am_kind_name(kind), am_kind_name(kind));
		return;
	}
	const AmLoadedPlugin *plugin = registry_find_plugin(registry, wanted);
	if (plugin != NULL && (plugin->plugin.kinds & kind) != 0) {
		registry_add_instance(registry, kind, name, plugin, problems);
		return;
	}
	if (plugin == NULL && registry_is_switched_off(group))
		return; /* so that a group may stay when its plugin is not installed */
	g_autofree char *list = registry_list_plugins(registry, kind);
	if (plugin != NULL)
		am_config_add_problem(problems, file, line,
				      "[%s %s]: plugin %s (%s) is no %s; those that are: %s",
				      am_kind_name(kind), name, wanted, plugin->path,
				      am_kind_name(kind), list);
	else
		am_config_add_problem(problems, file, line,
				      "[%s %s]: there is no plugin \"%s\" in %s; %s plugins: %s",
				      am_kind_name(kind), name, wanted, registry->directory,
				      am_kind_name(kind), list);
}

/* Instances nobody wrote a group for, of the plugin's own name. */
static void
registry_add_defaults(AmRegistry *registry, AmKind kind, GPtrArray *problems)
{
	for (guint i = 0; i < registry->plugins->len; i++) {
		const AmLoadedPlugin *plugin = g_ptr_array_index(registry->plugins, i);
		const char *name = plugin->plugin.name;
		if ((plugin->plugin.kinds & kind) != 0 &&
		    am_config_group(registry->config, am_kind_name(kind), name) == NULL)
			registry_add_instance(registry, kind, name, plugin, problems);
	}
}

static gint
registry_compare_instances(gconstpointer a, gconstpointer b)
{
	const AmInstance *left = *(const AmInstance *const *)a;
	const AmInstance *right = *(const AmInstance *const *)b;
	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	if (left->order != right->order)
		return left->order < right->order ? -1 : 1;
	return strcmp(left->name, right->name);
}

AmRegistry *
am_registry_new(AmConfig *config, GPtrArray *problems)
{
	AmRegistry *registry = g_new0(AmRegistry, 1);
	registry->config = am_config_ref(config);
	registry->plugins = g_ptr_array_new_with_free_func((GDestroyNotify)am_object_free);
	registry->instances = g_ptr_array_new_with_free_func(registry_instance_free);
	registry_find_objects(registry, problems);
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autoptr(GPtrArray) groups = am_config_groups(config, kinds[i].name);
		registry->loaded[i] = g_ptr_array_new();
		for (guint k = 0; k < groups->len; k++)
			registry_add_group(registry, kinds[i].kind, g_ptr_array_index(groups, k),
					   problems);
		if (kinds[i].is_default)
			registry_add_defaults(registry, kinds[i].kind, problems);
	}
	g_ptr_array_sort(registry->instances, registry_compare_instances);
	return registry;
}

/* ---- life ---------------------------------------------------------------------------------- */

static GPtrArray *
registry_loaded(AmRegistry *registry, AmKind kind)
{
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (kinds[i].kind == kind)
			return registry->loaded[i];
	g_return_val_if_reached(registry->loaded[0]);
}

gboolean
am_registry_load(AmRegistry *registry, AmCaps where, const AmHost *host, GPtrArray *problems)
{
	gboolean is_good = TRUE;
	registry->pid = getpid();
	for (guint i = 0; i < registry->instances->len; i++) {
		AmInstance *instance = g_ptr_array_index(registry->instances, i);
		g_autoptr(GError) error = NULL;
		if (instance->data != NULL || am_instance_process(instance) != where)
			continue;
		instance->data = instance->plugin->plugin.load(host, instance, &error);
		if (instance->data != NULL) {
			g_ptr_array_add(registry_loaded(registry, instance->kind), instance);
			continue;
		}
		is_good = FALSE;
		am_config_add_problem(problems, am_config_group_file(instance->group),
				      am_config_group_line(instance->group), "[%s %s]: %s",
				      am_kind_name(instance->kind), instance->name,
				      error != NULL ? error->message
						    : "the plugin did not say why");
	}
	return is_good;
}

/* A plugin that returned FALSE without an error is still an error with words. */
static void
registry_name_error(const AmInstance *instance, const char *what, GError **error)
{
	if (error != NULL && *error == NULL)
		g_set_error(error, AM_ERROR, AM_ERROR_SCANNER, "the plugin did not say why");
	g_prefix_error(error, "[%s %s]: %s: ", am_kind_name(instance->kind), instance->name, what);
}

gboolean
am_registry_after_fork(AmRegistry *registry, GError **error)
{
	for (guint i = 0; i < registry->instances->len; i++) {
		const AmInstance *instance = g_ptr_array_index(registry->instances, i);
		if (instance->data == NULL || instance->plugin->plugin.after_fork == NULL ||
		    instance->plugin->plugin.after_fork(instance->data, error))
			continue;
		registry_name_error(instance, "after_fork", error);
		return FALSE;
	}
	return TRUE;
}

/* Ends the thread for the first `n` instances. */
static void
registry_end_thread(AmRegistry *registry, guint n)
{
	while (n-- > 0) {
		AmInstance *instance = g_ptr_array_index(registry->instances, n);
		if (instance->data == NULL || instance->plugin->plugin.thread_end == NULL)
			continue;
		am_instance_lock(instance);
		instance->plugin->plugin.thread_end(instance->data);
		am_instance_unlock(instance);
	}
}

gboolean
am_registry_thread_init(AmRegistry *registry, GError **error)
{
	for (guint i = 0; i < registry->instances->len; i++) {
		AmInstance *instance = g_ptr_array_index(registry->instances, i);
		if (instance->data == NULL || instance->plugin->plugin.thread_init == NULL)
			continue;
		am_instance_lock(instance);
		gboolean is_good = instance->plugin->plugin.thread_init(instance->data, error);
		am_instance_unlock(instance);
		if (is_good)
			continue;
		registry_name_error(instance, "thread_init", error);
		registry_end_thread(registry, i);
		return FALSE;
	}
	return TRUE;
}

void
am_registry_thread_end(AmRegistry *registry)
{
	registry_end_thread(registry, registry->instances->len);
}

void
am_registry_free(AmRegistry *registry)
{
	if (registry == NULL)
		return;
	for (guint i = registry->instances->len; i-- > 0;) {
		AmInstance *instance = g_ptr_array_index(registry->instances, i);
		/* a child has a copy only; what load() took is its parent's to give back */
		if (instance->data != NULL && registry->pid == getpid() &&
		    instance->plugin->plugin.unload != NULL)
			instance->plugin->plugin.unload(instance->data);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(registry->loaded); i++)
		g_ptr_array_unref(registry->loaded[i]);
	g_ptr_array_unref(registry->instances);
	g_ptr_array_unref(registry->plugins);
	am_config_unref(registry->config);
	g_free(registry->directory);
	g_free(registry);
}

/* ---- looking things up --------------------------------------------------------------------- */

GPtrArray *
am_registry_instances(AmRegistry *registry, AmKind kind)
{
	return registry_loaded(registry, kind);
}

AmInstance *
am_registry_find(AmRegistry *registry, AmKind kind, const char *name)
{
	GPtrArray *loaded = registry_loaded(registry, kind);
	for (guint i = 0; i < loaded->len; i++) {
		AmInstance *instance = g_ptr_array_index(loaded, i);
		if (strcmp(instance->name, name) == 0)
			return instance;
	}
	return NULL;
}

GPtrArray *
am_registry_all(AmRegistry *registry)
{
	return registry->instances;
}

GPtrArray *
am_registry_plugins(AmRegistry *registry)
{
	return registry->plugins;
}

void
am_instance_lock(AmInstance *instance)
{
	if ((instance->plugin->plugin.caps & AM_CAP_REENTRANT) == 0)
		g_mutex_lock(&instance->lock);
}

void
am_instance_unlock(AmInstance *instance)
{
	if ((instance->plugin->plugin.caps & AM_CAP_REENTRANT) == 0)
		g_mutex_unlock(&instance->lock);
}
