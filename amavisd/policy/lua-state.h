/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A Lua state that scripts cannot leave: no files, no programs, no byte code, bounded in memory and
 * instructions, every call protected.  Belongs to one thread.
 *
 * Globals that a script sets while it is loaded stay for good; those it sets in a hook live in an
 * environment of their own and are gone with the next am_lua_begin(). */

#include <glib.h>
#include <lua.h>

#include "mail/error.h"

#define AM_LUA_MEMORY_BYTES (16u << 20)
#define AM_LUA_INSTRUCTIONS 10000000u /* of one call from outside */

typedef struct _AmLuaState AmLuaState;

/* Text of a module for require(); NULL when there is none.  Borrowed. */
typedef GBytes *(*AmLuaModuleFunc)(const char *name, gpointer user_data);

AmLuaState *am_lua_state_new(gsize memory_bytes, guint64 instructions, GError **error);
void am_lua_state_free(AmLuaState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmLuaState, am_lua_state_free)

lua_State *am_lua(AmLuaState *state);
AmLuaState *am_lua_state_of(lua_State *lua);
/* What bindings need to find their way back; not touched. */
void am_lua_set_owner(AmLuaState *state, gpointer owner);
gpointer am_lua_owner(lua_State *lua);
void am_lua_set_modules(AmLuaState *state, AmLuaModuleFunc func, gpointer user_data);

/* Runs `setup` (a lua_CFunction that may raise errors) protected, to add bindings; it finds the
 * table of globals on the stack. */
gboolean am_lua_setup(AmLuaState *state, lua_CFunction setup, GError **error);
/* Loads and runs a script; name stands in messages: "50-policy.lua:12: ...". DATA, one line. */
gboolean am_lua_run(AmLuaState *state, const char *name, GBytes *text, GError **error);
/* Calls the function under n_args arguments on the stack, with a new allowance of instructions.
 * Pops them; on success n_results are on the stack, on failure nothing.  DATA with a traceback in
 * one line. */
gboolean am_lua_call(AmLuaState *state, int n_args, int n_results, GError **error);

/* A new environment for what follows.  Values handed out before (see serial) become invalid. */
gboolean am_lua_begin(AmLuaState *state, GError **error);
guint64 am_lua_serial(lua_State *lua);

/* For bindings: replaces the table on top by one that behaves the same and cannot be changed. */
void am_lua_freeze(lua_State *lua);
/* Raises error as a Lua error with the script's position; takes it.  Never returns. */
int am_lua_raise(lua_State *lua, GError *error);
gsize am_lua_memory(const AmLuaState *state); /* bytes in use */
/* For bindings that may take long: instructions that are left to the call, and to count some.  When
 * there are no more it raises an error that scripts cannot get around. */
guint64 am_lua_allowance(lua_State *lua);
void am_lua_spend(lua_State *lua, guint64 instructions);
