/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* config check and config show. */

#include <config.h>

#include "tools/tool.h"

#include <stdio.h>
#include <string.h>

#include "log/json.h"
#include "master/check.h"

static void
config_print_key(const AmConfigGroup *group, const AmSettingSpec *spec, const char *value,
		 const char *file, guint line, gpointer user_data)
{
	const AmConfigGroup **last = user_data;
	if (*last != group) {
		const char *name = am_config_group_name(group);
		printf("%s[%s%s%s]\n", *last == NULL ? "" : "\n", am_config_group_kind(group),
		       *name ? " " : "", name);
		*last = group;
	}
	printf("%s%s = %s\t# ", value == NULL ? "#" : "", spec->name, value == NULL ? "" : value);
	if (line > 0)
		printf("%s:%u\n", file, line);
	else
		printf("%s\n", value == NULL ? "unset" : "default");
}

static void
config_json_key(const AmConfigGroup *group, const AmSettingSpec *spec, const char *value,
		const char *file, guint line, gpointer user_data)
{
	JsonBuilder *builder = user_data;
	json_builder_begin_object(builder);
	am_json_text(builder, "group", am_config_group_kind(group));
	am_json_text(builder, "name", am_config_group_name(group));
	am_json_text(builder, "key", spec->name);
	am_json_text(builder, "value", value);
	am_json_text(builder, "file", line > 0 ? file : "");
	am_json_int(builder, "line", line);
	json_builder_end_object(builder);
}

static void
config_show(const AmConfig *config, gboolean is_json)
{
	if (!is_json) {
		const AmConfigGroup *last = NULL;
		am_config_foreach(config, config_print_key, &last);
		return;
	}
	g_autoptr(JsonBuilder) builder = json_builder_new();
	json_builder_begin_array(builder);
	am_config_foreach(config, config_json_key, builder);
	json_builder_end_array(builder);
	g_autofree char *text = am_json_to_string(builder, TRUE);
	printf("%s\n", text);
}

int
am_cmd_config(int argc, char **argv)
{
	g_autofree char *file = NULL;
	gboolean is_json = FALSE;
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &file, "configuration file", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &is_json, "show: a JSON array", NULL },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};

	if (!am_tool_options(entries, "check|show",
			     "check finds every error of the configuration, its plugins' settings and "
			     "its policy;\nshow prints every setting in force and where it came from.",
			     &argc, &argv))
		return AM_EXIT_USAGE;
	gboolean is_show = argc == 2 && strcmp(argv[1], "show") == 0;
	if (!is_show && (argc != 2 || strcmp(argv[1], "check") != 0)) {
		am_tool_error("say check or show");
		return AM_EXIT_USAGE;
	}
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load(file, problems);
	if (config != NULL) {
		/* as a start does: scripts and plugins are not run by root.  show wants the tables
		 * of the plugins in this process, so it loads them here */
		g_autoptr(AmIdentity) identity G_GNUC_UNUSED =
			am_master_check(config, is_show ? NULL : am_master_check_content, problems);
		if (is_show)
			am_master_check_content(config, problems);
	}
	gboolean is_bad = am_tool_print_problems(problems) || config == NULL;
	if (is_show && config != NULL)
		config_show(config, is_json);
	if (is_bad) {
		am_tool_error("%u problem%s", problems->len, problems->len == 1 ? "" : "s");
		return AM_EXIT_CONFIG;
	}
	if (!is_show)
		printf("%s: no problems\n", am_config_file(config));
	return 0;
}
