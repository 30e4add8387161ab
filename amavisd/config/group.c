/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* One group: its keys as written, and, once checked against a table, its values. */

#include <config.h>

#include "config/config-private.h"

#include <string.h>

#include "config/nearest.h"

static void
group_entry_free(gpointer data)
{
	AmConfigEntry *entry = data;
	g_free(entry->key);
	g_free(entry->raw);
	g_free(entry->text);
	g_free(entry);
}

static void
group_value_free(gpointer data)
{
	AmConfigValue *value = data;
	am_value_clear(&value->value);
	g_free(value);
}

AmConfigGroup *
am_config_group_new(const char *kind, const char *name, const char *file, guint line)
{
	AmConfigGroup *group = g_new0(AmConfigGroup, 1);
	group->kind = g_strdup(kind);
	group->name = g_strdup(name);
	group->file = file;
	group->line = line;
	group->entries = g_ptr_array_new_with_free_func(group_entry_free);
	group->entry_of = g_hash_table_new(g_str_hash, g_str_equal);
	group->values = g_ptr_array_new_with_free_func(group_value_free);
	group->value_of = g_hash_table_new(g_str_hash, g_str_equal);
	return group;
}

void
am_config_group_free(AmConfigGroup *group)
{
	if (group == NULL)
		return;
	g_hash_table_unref(group->value_of);
	g_ptr_array_unref(group->values);
	g_hash_table_unref(group->entry_of);
	g_ptr_array_unref(group->entries);
	g_free(group->kind);
	g_free(group->name);
	g_free(group);
}

char *
am_config_group_title(const AmConfigGroup *group)
{
	return g_strdup_printf("[%s%s%s]", group->kind, *group->name != '\0' ? " " : "",
			       group->name);
}

static void
group_append_names(GString *out, const AmSettingSpec *specs)
{
	for (; specs != NULL && specs->name != NULL; specs++)
		g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", specs->name);
}

static void
group_report_unknown(const AmConfigGroup *group, const AmConfigEntry *entry,
		     const AmSettingSpec *core, const AmSettingSpec *specs, GPtrArray *problems)
{
	g_autofree char *title = am_config_group_title(group);
	const char *nearest = am_nearest_setting(specs, entry->key);
	if (nearest == NULL)
		nearest = am_nearest_setting(core, entry->key);
	if (nearest != NULL) {
		am_config_add_problem(problems, entry->file, entry->line,
				      "%s: unknown key \"%s\"; did you mean \"%s\"?", title,
				      entry->key, nearest);
		return;
	}
	g_autoptr(GString) known = g_string_new(NULL);
	group_append_names(known, specs);
	group_append_names(known, core);
	am_config_add_problem(problems, entry->file, entry->line,
			      "%s: unknown key \"%s\"; allowed: %s", title, entry->key, known->str);
}

/* A bad value is reported and the default stands in, so that `config show` can go on. */
static void
group_check_value(AmConfigGroup *group, const AmSettingSpec *spec, GPtrArray *problems)
{
	AmConfigValue *value = g_new0(AmConfigValue, 1);
	g_autofree char *title = am_config_group_title(group);
	g_autoptr(GError) error = NULL;
	value->spec = spec;
	value->entry = g_hash_table_lookup(group->entry_of, spec->name);
	g_ptr_array_add(group->values, value);
	g_hash_table_insert(group->value_of, (gpointer)spec->name, value);

	if (value->entry != NULL && value->entry->text != NULL) {
		value->is_set = am_value_parse(spec, value->entry->text, &value->value, &error);
		if (value->is_set)
			return;
		am_config_add_problem(problems, value->entry->file, value->entry->line,
				      "%s: %s = %s%s%s", title, spec->name, error->message,
				      spec->help != NULL ? "; " : "",
				      spec->help != NULL ? spec->help : "");
	}
	if (spec->default_value == NULL)
		return;
	g_clear_error(&error);
	value->is_set = am_value_parse(spec, spec->default_value, &value->value, &error);
	if (!value->is_set)
		am_config_add_problem(problems, group->file, group->line,
				      "%s: the built-in default is broken: %s = %s", title,
				      spec->name, error->message);
}

void
am_config_group_check(AmConfigGroup *group, const AmSettingSpec *core, const AmSettingSpec *specs,
		      GPtrArray *problems)
{
	const AmSettingSpec *tables[] = { specs, core };
	guint n_before = problems->len;
	/* values that were handed out must stay where they are */
	if (group->is_checked && group->specs == specs && !group->had_problems)
		return;
	g_hash_table_remove_all(group->value_of);
	g_ptr_array_set_size(group->values, 0);
	for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
		for (const AmSettingSpec *spec = tables[i]; spec != NULL && spec->name != NULL;
		     spec++)
			if (!g_hash_table_contains(group->value_of, spec->name))
				group_check_value(group, spec, problems);
	for (guint i = 0; i < group->entries->len; i++) {
		const AmConfigEntry *entry = g_ptr_array_index(group->entries, i);
		if (!g_hash_table_contains(group->value_of, entry->key))
			group_report_unknown(group, entry, core, specs, problems);
	}
	group->specs = specs;
	group->is_checked = TRUE;
	group->had_problems = problems->len > n_before;
}

const char *
am_config_group_kind(const AmConfigGroup *group)
{
	return group->kind;
}

const char *
am_config_group_name(const AmConfigGroup *group)
{
	return group->name;
}

const char *
am_config_group_file(const AmConfigGroup *group)
{
	return group->file;
}

guint
am_config_group_line(const AmConfigGroup *group)
{
	return group->line;
}

/* The caller names keys of a table it knows, so a miss is our own fault, never an admin's. */
static const AmConfigValue *
group_value(const AmConfigGroup *group, const char *key, guint types)
{
	const AmConfigValue *value = g_hash_table_lookup(group->value_of, key);
	if (value == NULL || (types & (1U << value->spec->type)) == 0)
		g_error("[%s %s]: no key \"%s\" of the type asked for", group->kind, group->name,
			key);
	return value;
}

gboolean
am_config_has(const AmConfigGroup *group, const char *key)
{
	return group_value(group, key, G_MAXUINT)->is_set;
}

const char *
am_config_string(const AmConfigGroup *group, const char *key)
{
	const guint types = 1U << AM_SETTING_STRING | 1U << AM_SETTING_PATH | 1U << AM_SETTING_ENUM;
	return group_value(group, key, types)->value.text;
}

guint
am_config_choice(const AmConfigGroup *group, const char *key)
{
	const AmConfigValue *value = group_value(group, key, 1U << AM_SETTING_ENUM);
	if (!value->is_set)
		g_error("[%s %s]: \"%s\" has neither value nor default", group->kind, group->name,
			key);
	return (guint)am_value_choice(value->spec->range, value->value.text);
}

gboolean
am_config_bool(const AmConfigGroup *group, const char *key)
{
	return group_value(group, key, 1U << AM_SETTING_BOOL)->value.integer != 0;
}

gint64
am_config_int(const AmConfigGroup *group, const char *key)
{
	const guint types =
		1U << AM_SETTING_INT | 1U << AM_SETTING_SIZE | 1U << AM_SETTING_DURATION;
	return group_value(group, key, types)->value.integer;
}

double
am_config_double(const AmConfigGroup *group, const char *key)
{
	return group_value(group, key, 1U << AM_SETTING_DOUBLE)->value.real;
}

const char *const *
am_config_list(const AmConfigGroup *group, const char *key)
{
	const AmConfigValue *value = group_value(group, key, 1U << AM_SETTING_LIST);
	return (const char *const *)value->value.list;
}

const char *
am_config_raw(const AmConfigGroup *group, const char *key, const char **file, guint *line)
{
	const AmConfigEntry *entry = g_hash_table_lookup(group->entry_of, key);
	const AmConfigValue *value = g_hash_table_lookup(group->value_of, key);
	if (file != NULL)
		*file = entry != NULL ? entry->file : "";
	if (line != NULL)
		*line = entry != NULL ? entry->line : 0;
	if (entry != NULL)
		return entry->raw;
	return value != NULL ? value->spec->default_value : NULL;
}
