/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the files of policy share with each other and with their tests. */

#include "policy/banned.h"
#include "policy/lookup.h"
#include "policy/lua-state.h"
#include "policy/policy.h"

typedef enum { AM_HOOK_RECIPIENT, AM_HOOK_JUDGE, AM_N_HOOKS } AmHook;

typedef struct {
	char *name; /* last part of the path, as it stands in messages */
	char *path;
	GBytes *text;
} AmScript;

struct _AmPolicy {
	gatomicrefcount references;
	GStringChunk *texts;	 /* of all settings */
	AmSettings base;	 /* defaults, [policy] and Lua's general declarations */
	GHashTable *local_keys;	 /* of base.local_domains, NULL: all are local */
	char *forward_route;	 /* [routes] forward */
	AmLookup *lookup;
	GHashTable *banned;	 /* name to AmBannedRules */
	GHashTable *maps;	 /* path to AmFileMap */
	GHashTable *modules;	 /* name to GBytes; what require() found at load */
	GPtrArray *scripts;	 /* AmScript, in order */
	char **module_path;	 /* directories, for require() at load */
	char *script_directory;	 /* relative maps are found here, NULL none */
	guint n_hooks[AM_N_HOOKS];
	/* while scripts are loaded for the first time */
	gboolean is_building;
	AmDeclaration *pending; /* under construction by a binding */
	AmBannedRules *pending_rules;
	GPtrArray *uses;	/* AmPolicyUse: names of rules and quarantines that must exist */
};

/* Where a setting was written that names something else, to say so when there is no such thing. */
typedef struct {
	const char *setting; /* constant */
	char *text;
	char *file;
	guint line;
} AmPolicyUse;

void am_policy_use_free(gpointer use);
/* Remembers the setting when it is of that kind. */
void am_policy_note_use(AmPolicy *policy, const char *setting, const char *text, const char *file,
			guint line);
void am_policy_check_banned(const AmPolicy *policy, GPtrArray *problems);

struct _AmPolicyThread {
	AmPolicy *policy;
	AmLuaState *lua; /* NULL when no script has a hook */
	GArray *hooks[AM_N_HOOKS]; /* int: references in Lua's registry */
	gboolean is_loading;
};

/* The same as am_policy_new() with another directory of modules. */
AmPolicy *am_policy_new_with_modules(AmConfig *config, const char *lua_directory,
				     GPtrArray *problems);

/* am_policy_settings() in an environment that am_lua_begin() has made. */
AmSettings *am_policy_settings_inside(AmPolicyThread *thread, const AmEnvelope *envelope,
				      const AmRecipient *recipient, GError **error);

/* A text as setting: string, number, boolean, or list of strings.  Raises a Lua error. To be freed
 * by the caller, or NULL with error. */
char *am_lua_setting_text(lua_State *lua, int index, GError **error);
/* Adds the table `amavis`, for am_lua_setup(); the state's owner is the AmPolicyThread. */
int am_lua_open_declarations(lua_State *lua);
/* Adds the types of mail, recipient, settings, verdict. */
int am_lua_open_mail(lua_State *lua);

/* Overrides of a hook; see judge.c. */
typedef struct {
	AmDisposition *disposition;
	int destiny;	/* AmDestiny, -1 not set */
	char *reply;	/* NULL not set */
	char *quarantine;
	char *route;
	char *redirect;
	char *subject_tag;
	gboolean is_changed;
	gboolean is_rescored; /* disposition->score was set */
} AmVerdict;

/* Calls every hook of the kind; TRUE when there is none. */
gboolean am_lua_call_recipient(AmPolicyThread *thread, const AmEnvelope *envelope,
			       const AmRecipient *recipient, AmSettings *settings, GError **error);
gboolean am_lua_call_judge(AmPolicyThread *thread, guint hook, const AmMail *mail,
			   AmVerdict *verdict, GError **error);
