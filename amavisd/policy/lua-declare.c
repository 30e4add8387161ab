/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The table `amavis` of scripts: what is declared while they are loaded.
 *
 * Scripts are run once to build the policy, and once more in the state of each thread, where only
 * hooks are taken: declarations are the same for all threads.  A binding may leave by a Lua error at
 * any point, so what it builds belongs to the policy from the start (`pending`). */

#include <config.h>

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "log/log.h"
#include "policy/policy-private.h"

#define MAP_TYPE "amavis.map"

static const char *const hook_names[AM_N_HOOKS] = { "recipient", "judge" };

static AmPolicyThread *
declare_thread(lua_State *lua)
{
	return am_lua_owner(lua);
}

static char *
declare_number_text(lua_State *lua, int index)
{
	char buffer[G_ASCII_DTOSTR_BUF_SIZE];
	double number = lua_tonumber(lua, index);
	if (lua_isinteger(lua, index))
		return g_strdup_printf("%lld", (long long)lua_tointeger(lua, index));
	if (number == HUGE_VAL)
		return g_strdup("never");
	return g_strdup(g_ascii_formatd(buffer, sizeof buffer, "%.15g", number));
}

char *
am_lua_setting_text(lua_State *lua, int index, GError **error)
{
	index = lua_absindex(lua, index);
	switch (lua_type(lua, index)) {
	case LUA_TBOOLEAN:
		return g_strdup(lua_toboolean(lua, index) ? "yes" : "no");
	case LUA_TNUMBER:
		return declare_number_text(lua, index);
	case LUA_TSTRING:
		if (strlen(lua_tostring(lua, index)) == lua_rawlen(lua, index))
			return g_strdup(lua_tostring(lua, index));
		break;
	case LUA_TTABLE: {
		g_autoptr(GString) list = g_string_new(NULL);
		for (lua_Integer i = 1; lua_rawgeti(lua, index, i) == LUA_TSTRING; i++) {
			g_string_append_printf(list, "%s%s", i > 1 ? ", " : "",
					       lua_tostring(lua, -1));
			lua_pop(lua, 1);
		}
		gboolean is_list = lua_isnil(lua, -1);
		lua_pop(lua, 1);
		if (is_list)
			return g_strdup(list->str);
		break;
	}
	default:
		break;
	}
	g_set_error(error, AM_ERROR, AM_ERROR_DATA,
		    "a value is a string, number, boolean or list of strings, not %s",
		    luaL_typename(lua, index));
	return NULL;
}

/* ---- amavis.settings */

/* One key of a selector; raises with its name. */
static void
declare_select_one(lua_State *lua, const char *selector, const char *value)
{
	GError *error = NULL;
	if (!am_declaration_select(declare_thread(lua)->policy->pending, selector, value, &error)) {
		g_prefix_error(&error, "for_%s: ", selector);
		(void)am_lua_raise(lua, error);
	}
}

static void
declare_select_map(lua_State *lua, const char *selector, const AmFileMap *map)
{
	guint n;
	/* the array is Lua's so that an error does not leak it */
	const char **keys = am_file_map_keys(map, &n);
	const char **kept = lua_newuserdatauv(lua, MAX(n, 1u) * sizeof *keys, 0);
	memcpy(kept, keys, n * sizeof *keys);
	g_free(keys);
	for (guint i = 0; i < n; i++)
		declare_select_one(lua, selector, kept[i]);
	lua_pop(lua, 1);
}

/* Value on the top: a string, a list of strings, or a map (its keys). */
static void
declare_select(lua_State *lua, const char *selector)
{
	static const char *const known[] = { "recipient", "sender",   "client",
					     "bank",	  "listener", NULL };
	AmFileMap **map = luaL_testudata(lua, -1, MAP_TYPE);
	int value = lua_gettop(lua);
	if (!g_strv_contains(known, selector))
		luaL_error(lua, "unknown selector \"for_%s\"", selector);
	if (lua_type(lua, value) == LUA_TSTRING) {
		declare_select_one(lua, selector, lua_tostring(lua, value));
		return;
	}
	if (map != NULL) {
		declare_select_map(lua, selector, *map);
		return;
	}
	if (!lua_istable(lua, value) || lua_rawlen(lua, value) == 0)
		luaL_error(lua, "for_%s: neither a string nor a list of strings nor a map",
			   selector);
	for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(lua, value); i++) {
		if (lua_rawgeti(lua, value, i) != LUA_TSTRING)
			luaL_error(lua, "for_%s: element %d is not a string", selector, (int)i);
		declare_select_one(lua, selector, lua_tostring(lua, -1));
		lua_pop(lua, 1);
	}
}

static void
declare_set(lua_State *lua, const char *name)
{
	AmPolicy *policy = declare_thread(lua)->policy;
	GError *error = NULL;
	char *text = am_lua_setting_text(lua, -1, &error);
	if (text == NULL) {
		g_prefix_error(&error, "setting \"%s\": ", name);
		(void)am_lua_raise(lua, error);
	}
	gboolean ok = am_declaration_set(policy->pending, policy->texts, name, text, &error);
	if (ok) {
		lua_Debug where = { 0 };
		if (lua_getstack(lua, 1, &where) != 0)
			lua_getinfo(lua, "Sl", &where);
		am_policy_note_use(policy, name, text,
				   where.source != NULL ? where.source + 1 : "",
				   (guint)MAX(where.currentline, 0));
	}
	g_free(text);
	if (!ok)
		(void)am_lua_raise(lua, error);
}

/* amavis.settings{ for_recipient = "user@example.org", NAME = VALUE, ... }
 *
 * Declares settings for whom all selectors given hold: for_recipient, for_sender, for_client,
 * for_bank, for_listener; without a selector for everyone. */
static int
declare_settings(lua_State *lua)
{
	AmPolicy *policy = declare_thread(lua)->policy;
	luaL_checktype(lua, 1, LUA_TTABLE);
	if (!policy->is_building)
		return 0;
	g_clear_pointer(&policy->pending, am_declaration_free);
	policy->pending = am_declaration_new();
	lua_settop(lua, 1);
	lua_pushnil(lua);
	while (lua_next(lua, 1) != 0) {
		if (lua_type(lua, 2) != LUA_TSTRING)
			return luaL_error(lua, "settings are NAME = VALUE");
		const char *name = lua_tostring(lua, 2);
		if (g_str_has_prefix(name, "for_"))
			declare_select(lua, name + strlen("for_"));
		else
			declare_set(lua, name);
		lua_settop(lua, 2);
	}
	AmDeclaration *declaration = g_steal_pointer(&policy->pending);
	if (am_declaration_is_general(declaration)) {
		am_declaration_apply(declaration, &policy->base);
		am_declaration_free(declaration);
	} else {
		am_lookup_add(policy->lookup, declaration);
	}
	return 0;
}

/* ---- amavis.banned_rule */

/* Strings of field `name` of the table at `index`, as an array that Lua frees; it stays on the
 * stack with the value.  NULL: no such field. */
static const char *const *
declare_strings(lua_State *lua, int index, const char *name)
{
	int type = lua_getfield(lua, index, name);
	int value = lua_gettop(lua);
	if (type == LUA_TNIL)
		return NULL;
	gsize n = type == LUA_TSTRING ? 1 : type == LUA_TTABLE ? lua_rawlen(lua, value) : 0;
	if (n == 0)
		luaL_error(lua, "%s: neither a string nor a list of strings", name);
	luaL_checkstack(lua, (int)MIN(n, 1000000u) + 8, "list too long");
	const char **strings = lua_newuserdatauv(lua, (n + 1) * sizeof *strings, 0);
	for (gsize i = 0; i < n; i++) {
		if (type == LUA_TSTRING)
			lua_pushvalue(lua, value);
		else if (lua_rawgeti(lua, value, (lua_Integer)i + 1) != LUA_TSTRING)
			luaL_error(lua, "%s: element %d is not a string", name, (int)i + 1);
		strings[i] = lua_tostring(lua, -1); /* kept alive by the table it is in */
		lua_pop(lua, 1);
	}
	strings[n] = NULL;
	return strings;
}

static void
declare_check_keys(lua_State *lua, int index, const char *const *known, const char *what)
{
	lua_pushnil(lua);
	while (lua_next(lua, index) != 0) {
		lua_pop(lua, 1);
		if (lua_type(lua, -1) != LUA_TSTRING ||
		    !g_strv_contains(known, lua_tostring(lua, -1)))
			luaL_error(lua, "unknown key \"%s\" in %s", luaL_tolstring(lua, -1, NULL),
				   what);
	}
}

static void
declare_one_rule(lua_State *lua, int rule)
{
	static const char *const rule_keys[] = { "deny", "allow", "label", NULL };
	static const char *const keys[] = { "name",	"regex",   "type",	     "declared",
					    "extension", "finding", "undecipherable", NULL };
	AmPolicy *policy = declare_thread(lua)->policy;
	AmBannedSpec spec = { 0 };
	GError *error = NULL;
	if (!lua_istable(lua, rule))
		luaL_error(lua, "a rule is a table { deny = { ... } } or { allow = { ... } }");
	declare_check_keys(lua, rule, rule_keys, "rule");
	spec.is_allow = lua_getfield(lua, rule, "allow") == LUA_TTABLE;
	gboolean is_deny = lua_getfield(lua, rule, "deny") == LUA_TTABLE;
	if (spec.is_allow == is_deny)
		luaL_error(lua, "a rule has either deny = { ... } or allow = { ... }");
	int conditions = spec.is_allow ? lua_gettop(lua) - 1 : lua_gettop(lua);
	declare_check_keys(lua, conditions, keys, is_deny ? "deny" : "allow");
	if (lua_getfield(lua, rule, "label") == LUA_TSTRING)
		spec.label = lua_tostring(lua, -1);
	spec.names = declare_strings(lua, conditions, "name");
	spec.regexes = declare_strings(lua, conditions, "regex");
	spec.types = declare_strings(lua, conditions, "type");
	spec.declared = declare_strings(lua, conditions, "declared");
	spec.extensions = declare_strings(lua, conditions, "extension");
	spec.findings = declare_strings(lua, conditions, "finding");
	lua_getfield(lua, conditions, "undecipherable");
	spec.undecipherable = lua_toboolean(lua, -1);
	if (!am_banned_rules_add(policy->pending_rules, &spec, &error))
		(void)am_lua_raise(lua, error);
}

/* amavis.banned_rule(NAME, { { deny = { name = "*.exe" }, label = "program" }, ... })
 *
 * Defines the rules that the setting banned_rules can name; a later definition of the same name
 * replaces it. */
static int
declare_banned_rule(lua_State *lua)
{
	AmPolicy *policy = declare_thread(lua)->policy;
	const char *name = luaL_checkstring(lua, 1);
	luaL_checktype(lua, 2, LUA_TTABLE);
	luaL_argcheck(lua, *name != '\0' && strpbrk(name, ", \t\r\n") == NULL, 1, "not one word");
	if (!policy->is_building)
		return 0;
	g_clear_pointer(&policy->pending_rules, am_banned_rules_free);
	policy->pending_rules = am_banned_rules_new();
	for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(lua, 2); i++) {
		lua_settop(lua, 2);
		lua_rawgeti(lua, 2, i);
		declare_one_rule(lua, 3);
	}
	g_hash_table_replace(policy->banned, g_strdup(name),
			     g_steal_pointer(&policy->pending_rules));
	return 0;
}

/* ---- amavis.file_map */

static const AmFileMap *
declare_map(lua_State *lua)
{
	return *(AmFileMap **)luaL_checkudata(lua, 1, MAP_TYPE);
}

/* amavis.file_map(PATH): a map read from a file, while scripts are loaded; a relative path is taken
 * from the directory of the scripts. */
static int
declare_file_map(lua_State *lua)
{
	AmPolicy *policy = declare_thread(lua)->policy;
	const char *name = luaL_checkstring(lua, 1);
	AmFileMap **handle = lua_newuserdatauv(lua, sizeof *handle, 0);
	char *path = g_path_is_absolute(name) || policy->script_directory == NULL
			     ? g_strdup(name)
			     : g_build_filename(policy->script_directory, name, NULL);
	GError *error = NULL;
	*handle = g_hash_table_lookup(policy->maps, path);
	if (*handle == NULL && policy->is_building) {
		*handle = am_file_map_load(path, &error);
		if (*handle != NULL)
			g_hash_table_insert(policy->maps, g_steal_pointer(&path), *handle);
	} else if (*handle == NULL) {
		g_set_error(&error, AM_ERROR, AM_ERROR_DATA,
			    "map %s: maps are read while scripts are loaded", path);
	}
	g_free(path);
	if (*handle == NULL)
		return am_lua_raise(lua, error);
	luaL_setmetatable(lua, MAP_TYPE);
	return 1;
}

/* map:get(KEY): the value of exactly this key, or nil. */
static int
map_get(lua_State *lua)
{
	lua_pushstring(lua, am_file_map_get(declare_map(lua), luaL_checkstring(lua, 2)));
	return 1;
}

/* map:lookup(ADDRESS): the value of the most special key of the address, or nil. */
static int
map_lookup(lua_State *lua)
{
	lua_pushstring(lua, am_file_map_lookup(declare_map(lua), luaL_checkstring(lua, 2)));
	return 1;
}

/* map:keys(): a list of all keys. */
static int
map_keys(lua_State *lua)
{
	const AmFileMap *map = declare_map(lua);
	guint n;
	const char **keys = am_file_map_keys(map, &n);
	const char **kept = lua_newuserdatauv(lua, MAX(n, 1u) * sizeof *keys, 0);
	memcpy(kept, keys, n * sizeof *keys);
	g_free(keys);
	lua_createtable(lua, (int)n, 0);
	for (guint i = 0; i < n; i++) {
		lua_pushstring(lua, kept[i]);
		lua_rawseti(lua, -2, (lua_Integer)i + 1);
	}
	return 1;
}

/* ---- amavis.on, amavis.log */

/* amavis.on("recipient", function (mail, rcpt, settings) ... end)
 * amavis.on("judge", function (mail, rcpt, verdict) ... end) */
static int
declare_on(lua_State *lua)
{
	AmPolicyThread *thread = declare_thread(lua);
	const char *name = luaL_checkstring(lua, 1);
	guint hook = 0;
	luaL_checktype(lua, 2, LUA_TFUNCTION);
	while (hook < AM_N_HOOKS && strcmp(hook_names[hook], name) != 0)
		hook++;
	if (hook == AM_N_HOOKS)
		return luaL_error(lua, "unknown hook \"%s\": there are recipient and judge", name);
	if (!thread->is_loading)
		return luaL_error(lua, "hooks are set while scripts are loaded");
	lua_settop(lua, 2);
	int reference = luaL_ref(lua, LUA_REGISTRYINDEX);
	g_array_append_val(thread->hooks[hook], reference);
	if (thread->policy->is_building)
		thread->policy->n_hooks[hook]++;
	return 0;
}

/* amavis.log(LEVEL, TEXT): a line in the log; LEVEL is error, warning, info or debug. */
static int
declare_log(lua_State *lua)
{
	static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
	int level = luaL_checkoption(lua, 1, NULL, levels);
	const char *text = luaL_checkstring(lua, 2);
	am_log((AmLogLevel)level, NULL, "policy: %s", text);
	return 0;
}

int
am_lua_open_declarations(lua_State *lua)
{
	static const luaL_Reg functions[] = {
		{ "settings", declare_settings }, { "banned_rule", declare_banned_rule },
		{ "file_map", declare_file_map }, { "on", declare_on },
		{ "log", declare_log },		  { NULL, NULL },
	};
	static const luaL_Reg map_functions[] = {
		{ "get", map_get },
		{ "lookup", map_lookup },
		{ "keys", map_keys },
		{ NULL, NULL },
	};
	luaL_newlib(lua, functions);
	am_lua_freeze(lua);
	lua_setfield(lua, 1, "amavis");

	luaL_newmetatable(lua, MAP_TYPE);
	luaL_newlib(lua, map_functions);
	am_lua_freeze(lua);
	lua_setfield(lua, -2, "__index");
	lua_pushboolean(lua, FALSE);
	lua_setfield(lua, -2, "__metatable");
	return 0;
}
