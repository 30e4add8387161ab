/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Handles: what Lua holds of values that are ours.  A handle knows the environment it was made in;
 * when a script keeps it beyond that, using it is an error instead of a dangling pointer. */

#include <glib.h>
#include <lauxlib.h>

#define AM_LUA_SETTINGS_TYPE "amavis.settings"
#define AM_LUA_VERDICT_TYPE "amavis.verdict"

typedef struct {
	guint64 serial;
	gconstpointer data; /* mail: AmMail or NULL; others: what the type says */
	gconstpointer more; /* mail: AmEnvelope; recipient: AmSettings */
} AmLuaHandle;

AmLuaHandle *am_lua_handle_push(lua_State *lua, const char *type, gconstpointer data,
				gconstpointer more);
/* Raises an error when the value is no handle of the type, or out of date. */
const AmLuaHandle *am_lua_handle_check(lua_State *lua, int index, const char *type);
/* A type; index NULL: __index is the (frozen) table of methods, else it is a function that has the
 * table as its upvalue. */
void am_lua_type_make(lua_State *lua, const char *type, const luaL_Reg *methods, lua_CFunction index,
		      lua_CFunction newindex);
void am_lua_open_verdict(lua_State *lua);
