/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What config.c, which reads, and group.c, which checks, share. */

#include "config/config.h"

/* One key as written. */
typedef struct {
	char *key;
	char *raw;	  /* as in the file */
	char *text;	  /* escapes and variables replaced; NULL: broken and reported */
	const char *file; /* interned in AmConfig's files */
	guint line;
} AmConfigEntry;

/* One setting as checked. */
typedef struct {
	const AmSettingSpec *spec;
	const AmConfigEntry *entry; /* NULL: by default */
	gboolean is_set;
	AmValue value;
} AmConfigValue;

struct _AmConfigGroup {
	char *kind, *name;
	const char *file; /* "" when made of defaults */
	guint line;
	GPtrArray *entries;    /* AmConfigEntry, in order of first appearance */
	GHashTable *entry_of;  /* key -> AmConfigEntry */
	gboolean is_checked;   /* values is filled */
	gboolean had_problems; /* ... and some were wrong */
	const AmSettingSpec *specs;
	GPtrArray *values;    /* AmConfigValue, in the order of the tables */
	GHashTable *value_of; /* name -> AmConfigValue */
};

AmConfigGroup *am_config_group_new(const char *kind, const char *name, const char *file,
				   guint line);
void am_config_group_free(AmConfigGroup *group);
/* core: further keys that are always allowed, may be NULL. */
void am_config_group_check(AmConfigGroup *group, const AmSettingSpec *core,
			   const AmSettingSpec *specs, GPtrArray *problems);
/* "[kind name]"; to be freed. */
char *am_config_group_title(const AmConfigGroup *group);
/* Which of the words in "a|b|c" text is, counted from 0; -1: none of them. */
gint am_value_choice(const char *range, const char *text);
