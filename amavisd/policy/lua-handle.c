/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Handles and their types. */

#include <config.h>

#include "policy/lua-handle.h"

#include "policy/lua-state.h"

AmLuaHandle *
am_lua_handle_push(lua_State *lua, const char *type, gconstpointer data, gconstpointer more)
{
	AmLuaHandle *handle = lua_newuserdatauv(lua, sizeof *handle, 0);
	handle->serial = am_lua_serial(lua);
	handle->data = data;
	handle->more = more;
	luaL_setmetatable(lua, type);
	return handle;
}

const AmLuaHandle *
am_lua_handle_check(lua_State *lua, int index, const char *type)
{
	const AmLuaHandle *handle = luaL_checkudata(lua, index, type);
	if (handle->serial != am_lua_serial(lua))
		luaL_error(lua, "%s used after the call it was made for", type);
	return handle;
}

void
am_lua_type_make(lua_State *lua, const char *type, const luaL_Reg *methods, lua_CFunction index,
		 lua_CFunction newindex)
{
	luaL_newmetatable(lua, type);
	lua_newtable(lua);
	if (methods != NULL)
		luaL_setfuncs(lua, methods, 0);
	if (index != NULL)
		lua_pushcclosure(lua, index, 1);
	else
		am_lua_freeze(lua);
	lua_setfield(lua, -2, "__index");
	if (newindex != NULL) {
		lua_pushcfunction(lua, newindex);
		lua_setfield(lua, -2, "__newindex");
	}
	lua_pushboolean(lua, FALSE);
	lua_setfield(lua, -2, "__metatable");
	lua_pop(lua, 1);
}
