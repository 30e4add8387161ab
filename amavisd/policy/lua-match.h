/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#pragma once

/* Patterns of Lua made into items, and matching by them. */

#include <glib.h>
#include <lua.h>

#define AM_LUA_MAX_CAPTURES 32
#define AM_LUA_NO_MATCH (-1)

typedef struct {
	guint8 type;	    /* ItemType */
	char repeat;	    /* '*' '+' '-' '?', 0 once */
	guint8 capture;	    /* which */
	char open, close;   /* of BALANCED */
	guint32 members[8]; /* of SINGLE and FRONTIER: the bytes in the set */
} AmLuaItem;

typedef struct {
	gboolean is_anchored;
	guint n_items, n_captures;
	gboolean is_position[AM_LUA_MAX_CAPTURES];
	AmLuaItem items[];
} AmLuaPattern;

typedef struct {
	lua_State *lua; /* to raise an error when there are too many steps */
	const AmLuaPattern *pattern;
	const char *text;
	gssize len;
	gssize starts[AM_LUA_MAX_CAPTURES], ends[AM_LUA_MAX_CAPTURES];
	guint64 steps, allowance;
} AmLuaMatch;

/* Pushes the pattern, which Lua frees.  An anchor is one only where may_anchor says so. */
AmLuaPattern *am_lua_pattern_push(lua_State *lua, const char *at, gsize len, gboolean may_anchor);
/* For the text at that index of the stack, which must stay there. */
void am_lua_match_init(lua_State *lua, AmLuaMatch *match, int text, const AmLuaPattern *pattern);
/* End of the match that begins at the offset; raises an error when the call's instructions are used
 * up. */
gssize am_lua_match_at(lua_State *lua, AmLuaMatch *match, gssize at);
/* The first match from the offset on; *start is where it begins. */
gssize am_lua_match_search(lua_State *lua, AmLuaMatch *match, gssize at, gssize *start);
