/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The configuration: key files merged in name order into one immutable, reference-counted value.
 * FILE first, then conf.d beside FILE (its .conf files), later ones win key by key.  Every problem is found,
 * not only the first, each with file, line, group, key and what is allowed.
 *
 * Core groups are checked against the tables in config/schema.c.  Groups of plugins, [scanner NAME],
 * [decoder NAME], [action NAME], [quarantine NAME], are checked when the registry knows the
 * plugin's table: am_config_check_group(). */

#include <glib.h>

#include <amavisd/plugin.h>

#include "mail/error.h"

typedef struct _AmConfig AmConfig;
typedef struct _AmConfigGroup AmConfigGroup;

typedef struct {
	char *file; /* "" when no file is at fault */
	guint line; /* 0 unknown */
	char *text; /* whole message without file and line, names group and key and what is allowed */
} AmConfigProblem;

void am_config_problem_free(AmConfigProblem *problem);
/* "FILE:LINE: text"; to be freed. */
char *am_config_problem_to_string(const AmConfigProblem *problem);
GPtrArray *am_config_problems_new(void);
void am_config_add_problem(GPtrArray *problems, const char *file, guint line, const char *format,
			   ...) G_GNUC_PRINTF(4, 5);
/* A problem of a group's key, at the place where the key is written, or the group: "[kind name]: text". */
void am_config_add_key_problem(GPtrArray *problems, const AmConfigGroup *group, const char *key,
			       const char *format, ...) G_GNUC_PRINTF(4, 5);

/* NULL when FILE could not be read at all; with problems the value is there but must not be used
 * to serve.  file NULL: the compiled-in default path. */
AmConfig *am_config_load(const char *file, GPtrArray *problems);
/* The same from memory, for tests and the embedded default; name stands for the file. */
AmConfig *am_config_load_data(const char *name, const char *data, GPtrArray *problems);
AmConfig *am_config_ref(AmConfig *config);
void am_config_unref(AmConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmConfig, am_config_unref)

const char *am_config_file(const AmConfig *config);
/* Directory of the fragments, NULL when there is none. */
const char *am_config_directory(const AmConfig *config);

/* [kind] or [kind name]; a core group that is not in any file is there with its defaults, for
 * others NULL. name NULL for groups without a name. */
const AmConfigGroup *am_config_group(const AmConfig *config, const char *kind, const char *name);
/* All [kind *] groups, in file order.  Borrowed elements. g_ptr_array_unref() */
GPtrArray *am_config_groups(const AmConfig *config, const char *kind);
const char *am_config_group_kind(const AmConfigGroup *group);
const char *am_config_group_name(const AmConfigGroup *group); /* "" when unnamed */
const char *am_config_group_file(const AmConfigGroup *group);
guint am_config_group_line(const AmConfigGroup *group);

/* Checks a plugin's group against the plugin's table (core keys enabled, plugin, order, required
 * are always allowed) and parses its values.  When group is NULL a group of defaults is made and
 * kept by config.  Only before the configuration is shared.  specs is borrowed and must outlive
 * config.  A second call with the same table keeps the values of the first. Also for the group
 * [policy], name NULL.  Returns the group, never NULL. */
const AmConfigGroup *am_config_check_group(AmConfig *config, const char *kind, const char *name,
					   const AmSettingSpec *specs, GPtrArray *problems);

/* Values; a key or type that the group's table does not have is a programming error (g_error).
 * unset: NULL / 0 / FALSE. */
gboolean am_config_has(const AmConfigGroup *group, const char *key); /* set, or has a default */
const char *am_config_string(const AmConfigGroup *group, const char *key); /* STRING PATH ENUM */
/* ENUM: which of its range's words, counted from 0; there must be a default.  The enums of ours that
 * stand for such words count in the same order. */
guint am_config_choice(const AmConfigGroup *group, const char *key);
gboolean am_config_bool(const AmConfigGroup *group, const char *key);
gint64 am_config_int(const AmConfigGroup *group, const char *key); /* INT SIZE DURATION(ms) */
double am_config_double(const AmConfigGroup *group, const char *key);
const char *const *am_config_list(const AmConfigGroup *group, const char *key);
/* Text as written, whatever the type; NULL unset.  *file, *line (may be NULL): where from, line 0
 * for a default. */
const char *am_config_raw(const AmConfigGroup *group, const char *key, const char **file,
			  guint *line);

/* The table of a core group, NULL for an unknown kind. */
const AmSettingSpec *am_config_core_specs(const char *kind);

/* All that is in force, for `config show`: calls func for each group and key; value is the text as
 * written or the default, NULL unset; file "" and line 0 for a default.  A group nobody has checked
 * comes as it was written, with a spec that holds the name alone and lives for the call. */
typedef void (*AmConfigFunc)(const AmConfigGroup *group, const AmSettingSpec *spec,
			     const char *value, const char *file, guint line, gpointer user_data);
void am_config_foreach(const AmConfig *config, AmConfigFunc func, gpointer user_data);

/* One value by the rules of AmSettingSpec; for policy settings and the command line too. */
typedef struct {
	gint64 integer; /* BOOL INT SIZE DURATION */
	double real;
	char *text;  /* owned */
	char **list; /* owned */
} AmValue;
gboolean am_value_parse(const AmSettingSpec *spec, const char *text, AmValue *value, GError **error);
void am_value_clear(AmValue *value);
