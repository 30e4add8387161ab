/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The Lua host.
 *
 * Memory is bounded by the allocator.  Instructions are counted by a hook that is called every
 * COUNT_STEP of them, which costs next to nothing; when the allowance is used up it raises an error,
 * and from then on is called for every instruction, so that a script cannot go on by catching it.
 * Finalizers run without hooks, so scripts cannot have any.  Nor are there hooks inside a library's
 * function; those that could take long, matching by patterns, count for themselves.
 *
 * A script's _ENV is a proxy.  Behind it stand three tables, each inheriting from the next: the
 * current mail's globals, those set at load, and the frozen libraries. */

#include <config.h>

#include "policy/lua-state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "policy/lua-pattern.h"

#define COUNT_STEP 10000

struct _AmLuaState {
	lua_State *lua;
	gsize memory, memory_limit;
	guint64 instructions, instructions_limit;
	guint64 serial;
	gpointer owner;
	AmLuaModuleFunc module_func;
	gpointer module_data;
};

/* keys of the registry, by address */
static const char key_proxy, key_proxy_meta, key_libraries, key_load_meta, key_modules;

AmLuaState *
am_lua_state_of(lua_State *lua)
{
	return *(AmLuaState **)lua_getextraspace(lua);
}

lua_State *
am_lua(AmLuaState *state)
{
	return state->lua;
}

void
am_lua_set_owner(AmLuaState *state, gpointer owner)
{
	state->owner = owner;
}

gpointer
am_lua_owner(lua_State *lua)
{
	return am_lua_state_of(lua)->owner;
}

void
am_lua_set_modules(AmLuaState *state, AmLuaModuleFunc func, gpointer user_data)
{
	state->module_func = func;
	state->module_data = user_data;
}

guint64
am_lua_serial(lua_State *lua)
{
	return am_lua_state_of(lua)->serial;
}

gsize
am_lua_memory(const AmLuaState *state)
{
	return state->memory;
}

int
am_lua_raise(lua_State *lua, GError *error)
{
	luaL_where(lua, 1);
	lua_pushstring(lua, error->message);
	g_error_free(error);
	lua_concat(lua, 2);
	return lua_error(lua);
}

/* ---- limits */

static void *
state_alloc(void *data, void *old, size_t old_size, size_t new_size)
{
	AmLuaState *state = data;
	if (old == NULL)
		old_size = 0; /* Lua passes a type here */
	if (new_size == 0) {
		state->memory -= old_size;
		free(old);
		return NULL;
	}
	/* shrinking must not fail */
	if (new_size > old_size && new_size - old_size > state->memory_limit - state->memory)
		return NULL;
	void *block = realloc(old, new_size);
	if (block != NULL)
		state->memory += new_size - old_size;
	return block;
}

static void
state_count(lua_State *lua, lua_Debug *debug)
{
	(void)debug;
	am_lua_spend(lua, COUNT_STEP);
}

guint64
am_lua_allowance(lua_State *lua)
{
	const AmLuaState *state = am_lua_state_of(lua);
	return state->instructions < state->instructions_limit
		       ? state->instructions_limit - state->instructions
		       : 0;
}

void
am_lua_spend(lua_State *lua, guint64 instructions)
{
	AmLuaState *state = am_lua_state_of(lua);
	state->instructions += instructions;
	if (state->instructions <= state->instructions_limit)
		return;
	lua_sethook(lua, state_count, LUA_MASKCOUNT, 1);
	luaL_error(lua, "too many instructions");
}

static int
state_traceback(lua_State *lua)
{
	const char *message = lua_tostring(lua, 1);
	luaL_traceback(lua, lua, message != NULL ? message : "error without a text", 1);
	return 1;
}

static void
state_set_error(lua_State *lua, GError **error)
{
	const char *message = lua_tostring(lua, -1);
	g_autofree char *text =
		g_utf8_make_valid(message != NULL ? message : "error without a text", -1);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autofree char *line = NULL;
	for (char **p = lines; *p != NULL; p++)
		(void)g_strstrip(*p);
	line = g_strjoinv(" | ", lines);
	g_set_error(error, AM_ERROR, AM_ERROR_DATA, "%s", line);
	lua_pop(lua, 1);
}

gboolean
am_lua_call(AmLuaState *state, int n_args, int n_results, GError **error)
{
	lua_State *lua = state->lua;
	int handler = lua_gettop(lua) - n_args;
	state->instructions = 0;
	lua_sethook(lua, state_count, LUA_MASKCOUNT, COUNT_STEP);
	lua_pushcfunction(lua, state_traceback);
	lua_insert(lua, handler);
	int status = lua_pcall(lua, n_args, n_results, handler);
	lua_sethook(lua, NULL, 0, 0);
	lua_remove(lua, handler);
	if (status == LUA_OK)
		return TRUE;
	state_set_error(lua, error);
	return FALSE;
}

/* ---- libraries */

static int
library_read_only(lua_State *lua)
{
	return luaL_error(lua, "this table cannot be changed");
}

void
am_lua_freeze(lua_State *lua)
{
	lua_newtable(lua); /* proxy */
	lua_createtable(lua, 0, 3);
	lua_pushvalue(lua, -3);
	lua_setfield(lua, -2, "__index");
	lua_pushcfunction(lua, library_read_only);
	lua_setfield(lua, -2, "__newindex");
	lua_pushboolean(lua, FALSE);
	lua_setfield(lua, -2, "__metatable");
	lua_setmetatable(lua, -2);
	lua_remove(lua, -2);
}

/* setmetatable() as ever, but for __gc: finalizers run outside all limits. */
static int
library_setmetatable(lua_State *lua)
{
	luaL_checktype(lua, 1, LUA_TTABLE);
	luaL_argexpected(lua, lua_isnil(lua, 2) || lua_istable(lua, 2), 2, "nil or table");
	if (lua_istable(lua, 2)) {
		lua_pushliteral(lua, "__gc");
		if (lua_rawget(lua, 2) != LUA_TNIL)
			return luaL_error(lua, "__gc is not allowed");
		lua_pop(lua, 1);
	}
	if (luaL_getmetafield(lua, 1, "__metatable") != LUA_TNIL)
		return luaL_error(lua, "cannot change a protected metatable");
	lua_settop(lua, 2);
	lua_setmetatable(lua, 1);
	return 1;
}

static int
library_print(lua_State *lua)
{
	luaL_Buffer buffer;
	int n = lua_gettop(lua);
	luaL_buffinit(lua, &buffer);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&buffer, ' ');
		(void)luaL_tolstring(lua, i, NULL);
		luaL_addvalue(&buffer);
	}
	luaL_pushresult(&buffer);
	am_debug("lua: %s", lua_tostring(lua, -1));
	return 0;
}

static void
state_set_environment(lua_State *lua)
{
	lua_rawgetp(lua, LUA_REGISTRYINDEX, &key_proxy);
	lua_setupvalue(lua, -2, 1);
}

/* load(text [, name [, mode [, env]]]): text only, never byte code. */
static int
library_load(lua_State *lua)
{
	gsize len;
	const char *text = luaL_checklstring(lua, 1, &len);
	const char *name = luaL_optstring(lua, 2, "=load");
	gboolean has_environment = !lua_isnoneornil(lua, 4);
	if (luaL_loadbufferx(lua, text, len, name, "t") != LUA_OK) {
		luaL_pushfail(lua);
		lua_insert(lua, -2);
		return 2;
	}
	if (has_environment) {
		lua_pushvalue(lua, 4);
		lua_setupvalue(lua, -2, 1);
	} else {
		state_set_environment(lua);
	}
	return 1;
}

static int
library_require(lua_State *lua)
{
	AmLuaState *state = am_lua_state_of(lua);
	const char *name = luaL_checkstring(lua, 1);
	lua_settop(lua, 1);
	lua_rawgetp(lua, LUA_REGISTRYINDEX, &key_modules);
	if (lua_getfield(lua, -1, name) != LUA_TNIL)
		return 1;
	lua_pop(lua, 1);
	GBytes *text =
		state->module_func != NULL ? state->module_func(name, state->module_data) : NULL;
	if (text == NULL)
		return luaL_error(lua, "module \"%s\" not found", name);
	const char *chunk = lua_pushfstring(lua, "@%s.lua", name);
	if (luaL_loadbufferx(lua, g_bytes_get_data(text, NULL), g_bytes_get_size(text), chunk,
			     "t") != LUA_OK)
		return lua_error(lua);
	state_set_environment(lua);
	lua_pushvalue(lua, 1);
	lua_call(lua, 1, 1);
	if (lua_isnil(lua, -1)) {
		lua_pop(lua, 1);
		lua_pushboolean(lua, TRUE);
	}
	lua_pushvalue(lua, -1);
	lua_setfield(lua, 2, name); /* 2: table of modules */
	return 1;
}

static void
library_clear(lua_State *lua, const char *const *names)
{
	for (; *names != NULL; names++) {
		lua_pushnil(lua);
		lua_setfield(lua, -2, *names);
	}
}

static void
library_add_os(lua_State *lua)
{
	static const char *const kept[] = { "time", "date", "clock", "difftime", NULL };
	luaL_requiref(lua, "os", luaopen_os, FALSE);
	lua_newtable(lua);
	for (const char *const *name = kept; *name != NULL; name++) {
		lua_getfield(lua, -2, *name);
		lua_setfield(lua, -2, *name);
	}
	lua_remove(lua, -2);
	am_lua_freeze(lua);
	lua_setfield(lua, -2, "os");
}

/* With the globals on the stack. */
static void
library_add(lua_State *lua)
{
	static const struct {
		const char *name;
		lua_CFunction open;
		const char *const hidden[2];
	} libraries[] = {
		{ "string", luaopen_string, { "dump", NULL } },
		{ "table", luaopen_table, { NULL } },
		{ "math", luaopen_math, { NULL } },
		{ "utf8", luaopen_utf8, { NULL } },
	};
	static const char *const hidden[] = { "dofile", "loadfile", "collectgarbage",
					      "rawset", "warn",	    NULL };
	static const luaL_Reg replaced[] = {
		{ "setmetatable", library_setmetatable },
		{ "print", library_print },
		{ "load", library_load },
		{ "require", library_require },
		{ NULL, NULL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(libraries); i++) {
		luaL_requiref(lua, libraries[i].name, libraries[i].open, FALSE);
		library_clear(lua, libraries[i].hidden);
		if (libraries[i].open == luaopen_string)
			luaL_setfuncs(lua, am_lua_pattern_functions, 0);
		am_lua_freeze(lua);
		lua_setfield(lua, -2, libraries[i].name);
	}
	library_clear(lua, hidden);
	luaL_setfuncs(lua, replaced, 0);
	library_add_os(lua);
	/* the methods of texts: ("x"):rep() */
	lua_pushliteral(lua, "");
	lua_getmetatable(lua, -1);
	lua_pushboolean(lua, FALSE);
	lua_setfield(lua, -2, "__metatable");
	lua_pop(lua, 2);
}

/* Stack top: a new table whose __index is the value below, which is popped. */
static void
state_push_heir(lua_State *lua)
{
	lua_newtable(lua);
	lua_createtable(lua, 0, 1);
	lua_pushvalue(lua, -3);
	lua_setfield(lua, -2, "__index");
	lua_setmetatable(lua, -2);
	lua_remove(lua, -2);
}

static void
state_make_environments(lua_State *lua)
{
	/* libraries on the stack */
	lua_pushvalue(lua, -1);
	lua_rawsetp(lua, LUA_REGISTRYINDEX, &key_libraries);
	state_push_heir(lua); /* globals set at load */
	lua_createtable(lua, 0, 1);
	lua_pushvalue(lua, -2);
	lua_setfield(lua, -2, "__index");
	lua_rawsetp(lua, LUA_REGISTRYINDEX, &key_load_meta);

	lua_newtable(lua); /* the proxy */
	lua_createtable(lua, 0, 3);
	lua_pushvalue(lua, -3);
	lua_setfield(lua, -2, "__index");
	lua_pushvalue(lua, -3);
	lua_setfield(lua, -2, "__newindex");
	lua_pushboolean(lua, FALSE);
	lua_setfield(lua, -2, "__metatable");
	lua_pushvalue(lua, -1);
	lua_rawsetp(lua, LUA_REGISTRYINDEX, &key_proxy_meta);
	lua_setmetatable(lua, -2);
	lua_rawgetp(lua, LUA_REGISTRYINDEX, &key_libraries);
	lua_pushvalue(lua, -2);
	lua_setfield(lua, -2, "_G");
	lua_pop(lua, 1);
	lua_rawsetp(lua, LUA_REGISTRYINDEX, &key_proxy);
	lua_pop(lua, 1);
}

static int
state_init(lua_State *lua)
{
	luaL_requiref(lua, "_G", luaopen_base, FALSE);
	library_add(lua);
	state_make_environments(lua);
	lua_newtable(lua);
	lua_rawsetp(lua, LUA_REGISTRYINDEX, &key_modules);
	return 0;
}

AmLuaState *
am_lua_state_new(gsize memory_bytes, guint64 instructions, GError **error)
{
	g_autoptr(AmLuaState) state = g_new0(AmLuaState, 1);
	state->memory_limit = memory_bytes;
	state->instructions_limit = instructions;
	state->lua = lua_newstate(state_alloc, state);
	if (state->lua == NULL) {
		g_set_error(error, AM_ERROR, AM_ERROR_RESOURCE, "no memory for a Lua state");
		return NULL;
	}
	*(AmLuaState **)lua_getextraspace(state->lua) = state;
	lua_pushcfunction(state->lua, state_init);
	if (!am_lua_call(state, 0, 0, error))
		return NULL;
	return g_steal_pointer(&state);
}

void
am_lua_state_free(AmLuaState *state)
{
	if (state == NULL)
		return;
	if (state->lua != NULL)
		lua_close(state->lua);
	g_free(state);
}

gboolean
am_lua_setup(AmLuaState *state, lua_CFunction setup, GError **error)
{
	lua_pushcfunction(state->lua, setup);
	lua_rawgetp(state->lua, LUA_REGISTRYINDEX, &key_libraries);
	return am_lua_call(state, 1, 0, error);
}

gboolean
am_lua_run(AmLuaState *state, const char *name, GBytes *text, GError **error)
{
	lua_State *lua = state->lua;
	g_autofree char *chunk = g_strconcat("@", name, NULL);
	gsize size;
	const char *data = g_bytes_get_data(text, &size);
	if (luaL_loadbufferx(lua, data, size, chunk, "t") != LUA_OK) {
		state_set_error(lua, error);
		return FALSE;
	}
	state_set_environment(lua);
	return am_lua_call(state, 0, 0, error);
}

static int
state_new_environment(lua_State *lua)
{
	lua_rawgetp(lua, LUA_REGISTRYINDEX, &key_proxy_meta);
	lua_newtable(lua);
	lua_rawgetp(lua, LUA_REGISTRYINDEX, &key_load_meta);
	lua_setmetatable(lua, -2);
	lua_pushvalue(lua, -1);
	lua_setfield(lua, -3, "__index");
	lua_setfield(lua, -2, "__newindex");
	return 0;
}

gboolean
am_lua_begin(AmLuaState *state, GError **error)
{
	state->serial++;
	lua_pushcfunction(state->lua, state_new_environment);
	return am_lua_call(state, 0, 0, error);
}
