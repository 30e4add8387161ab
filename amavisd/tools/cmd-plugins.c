/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* plugins: what was found, what is configured, with which settings. */

#include <config.h>

#include "tools/tool.h"

#include <stdio.h>

#include "log/json.h"
#include "plugin/registry.h"

static const struct {
	AmKind kind;
	const char *name;
} kinds[] = {
	{ AM_KIND_SCANNER, "scanner" },
	{ AM_KIND_DECODER, "decoder" },
	{ AM_KIND_ACTION, "action" },
	{ AM_KIND_QUARANTINE, "quarantine" },
};

static char *
plugins_kinds(guint32 set)
{
	GString *out = g_string_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (set & kinds[i].kind)
			g_string_append_printf(out, "%s%s", out->len ? "," : "", kinds[i].name);
	return g_string_free(out, FALSE);
}

static const char *
plugins_where(guint32 caps)
{
	if ((caps & AM_CAP_SANDBOX) && (caps & AM_CAP_SESSION))
		return "sandbox,session";
	return (caps & AM_CAP_SANDBOX) ? "sandbox" : "session";
}

static void
plugins_print_instances(AmRegistry *registry, const AmLoadedPlugin *plugin)
{
	GPtrArray *instances = am_registry_all(registry);
	for (guint i = 0; i < instances->len; i++) {
		const AmInstance *instance = instances->pdata[i];
		if (instance->plugin != plugin)
			continue;
		g_autofree char *kind = plugins_kinds(instance->kind);
		printf("    [%s %s]\n", kind, instance->name);
		for (const AmSettingSpec *spec = plugin->plugin.settings;
		     spec != NULL && spec->name != NULL; spec++) {
			const char *value = am_config_raw(instance->group, spec->name, NULL, NULL);
			printf("      %s = %s\n", spec->name, value == NULL ? "(unset)" : value);
		}
	}
}

static void
plugins_print(AmRegistry *registry)
{
	GPtrArray *plugins = am_registry_plugins(registry);
	for (guint i = 0; i < plugins->len; i++) {
		const AmLoadedPlugin *plugin = plugins->pdata[i];
		g_autofree char *kind = plugins_kinds(plugin->plugin.kinds);
		printf("%s %s: %s\n  %s, runs in the %s, abi %u.%u, %s, %s\n", plugin->plugin.name,
		       plugin->plugin.version, plugin->plugin.summary, kind,
		       plugins_where(plugin->plugin.caps), plugin->plugin.abi_major,
		       plugin->plugin.abi_minor, plugin->plugin.licence, plugin->path);
		plugins_print_instances(registry, plugin);
	}
}

static void
plugins_json_instances(JsonBuilder *builder, AmRegistry *registry, const AmLoadedPlugin *plugin)
{
	GPtrArray *instances = am_registry_all(registry);
	am_json_list(builder, "instances");
	for (guint i = 0; i < instances->len; i++) {
		const AmInstance *instance = instances->pdata[i];
		if (instance->plugin != plugin)
			continue;
		g_autofree char *kind = plugins_kinds(instance->kind);
		json_builder_begin_object(builder);
		am_json_text(builder, "kind", kind);
		am_json_text(builder, "name", instance->name);
		json_builder_set_member_name(builder, "settings");
		json_builder_begin_object(builder);
		for (const AmSettingSpec *spec = plugin->plugin.settings;
		     spec != NULL && spec->name != NULL; spec++)
			am_json_text(builder, spec->name,
				     am_config_raw(instance->group, spec->name, NULL, NULL));
		json_builder_end_object(builder);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void
plugins_print_json(AmRegistry *registry)
{
	GPtrArray *plugins = am_registry_plugins(registry);
	g_autoptr(JsonBuilder) builder = json_builder_new();
	json_builder_begin_array(builder);
	for (guint i = 0; i < plugins->len; i++) {
		const AmLoadedPlugin *plugin = plugins->pdata[i];
		g_autofree char *kind = plugins_kinds(plugin->plugin.kinds);
		json_builder_begin_object(builder);
		am_json_text(builder, "name", plugin->plugin.name);
		am_json_text(builder, "version", plugin->plugin.version);
		am_json_text(builder, "summary", plugin->plugin.summary);
		am_json_text(builder, "licence", plugin->plugin.licence);
		am_json_text(builder, "path", plugin->path);
		am_json_text(builder, "kinds", kind);
		am_json_text(builder, "runs_in", plugins_where(plugin->plugin.caps));
		plugins_json_instances(builder, registry, plugin);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
	g_autofree char *text = am_json_to_string(builder, TRUE);
	printf("%s\n", text);
}

int
am_cmd_plugins(int argc, char **argv)
{
	g_autofree char *file = NULL;
	gboolean is_json = FALSE;
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &file, "configuration file", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &is_json, "a JSON array", NULL },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};

	if (!am_tool_options(entries, NULL,
			     "Every plugin found in the plugin directory and in conf.d, and the "
			     "instances configured.",
			     &argc, &argv))
		return AM_EXIT_USAGE;
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load(file, problems);
	if (config == NULL) {
		(void)am_tool_print_problems(problems);
		return AM_EXIT_CONFIG;
	}
	AmRegistry *registry = am_registry_new(config, problems);
	if (is_json)
		plugins_print_json(registry);
	else
		plugins_print(registry);
	am_registry_free(registry);
	return am_tool_print_problems(problems) ? AM_EXIT_CONFIG : 0;
}
