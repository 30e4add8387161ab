/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* string.find, match, gmatch and gsub; how they match stands in lua-match.c. */

#include <config.h>

#include "policy/lua-pattern.h"

#include <string.h>

#include "policy/lua-match.h"
#include "policy/lua-state.h"

static void
match_push_capture(lua_State *lua, const AmLuaMatch *match, guint index)
{
	gssize start = match->starts[index];
	if (match->pattern->is_position[index])
		lua_pushinteger(lua, start + 1);
	else
		lua_pushlstring(lua, match->text + start, (gsize)(match->ends[index] - start));
}

/* All captures; when there are none and is_whole, all that was matched. */
static int
match_push(lua_State *lua, const AmLuaMatch *match, gssize start, gssize end, gboolean is_whole)
{
	guint n = match->pattern->n_captures;
	if (n == 0 && is_whole) {
		lua_pushlstring(lua, match->text + start, (gsize)(end - start));
		return 1;
	}
	luaL_checkstack(lua, (int)n, "too many captures");
	for (guint i = 0; i < n; i++)
		match_push_capture(lua, match, i);
	return (int)n;
}

/* ---- find, match ---- */

/* The optional position in a text as offset; -1: behind its end. */
static gssize
pattern_start(lua_State *lua, int index, gsize len)
{
	lua_Integer position = luaL_optinteger(lua, index, 1);
	if (position < 0)
		position = position < -(lua_Integer)len ? 1 : (lua_Integer)len + position + 1;
	else if (position == 0)
		position = 1;
	return position > (lua_Integer)len + 1 ? -1 : (gssize)position - 1;
}

static gboolean
pattern_is_plain(const char *pattern, gsize len)
{
	for (gsize i = 0; i < len; i++)
		if (pattern[i] != '\0' && strchr("^$*+?.([%-", pattern[i]) != NULL)
			return FALSE;
	return TRUE;
}

static int
pattern_find_plain(lua_State *lua, const char *text, gsize len, const char *word, gsize word_len)
{
	am_lua_spend(lua, len / 16 + 1);
	const char *found = memmem(text, len, word, word_len);
	if (found == NULL) {
		luaL_pushfail(lua);
		return 1;
	}
	gsize total;
	const char *all = lua_tolstring(lua, 1, &total);
	lua_pushinteger(lua, found - all + 1);
	lua_pushinteger(lua, found - all + (lua_Integer)word_len);
	return 2;
}

static int
pattern_find_or_match(lua_State *lua, gboolean is_find)
{
	gsize len, pattern_len;
	const char *text = luaL_checklstring(lua, 1, &len);
	const char *pattern = luaL_checklstring(lua, 2, &pattern_len);
	gssize at = pattern_start(lua, 3, len), start = 0;
	AmLuaMatch match;
	if (at < 0) {
		luaL_pushfail(lua);
		return 1;
	}
	if (is_find && (lua_toboolean(lua, 4) || pattern_is_plain(pattern, pattern_len)))
		return pattern_find_plain(lua, text + at, len - (gsize)at, pattern, pattern_len);
	am_lua_match_init(lua, &match, 1, am_lua_pattern_push(lua, pattern, pattern_len, TRUE));
	gssize end = am_lua_match_search(lua, &match, at, &start);
	if (end == AM_LUA_NO_MATCH) {
		luaL_pushfail(lua);
		return 1;
	}
	if (!is_find)
		return match_push(lua, &match, start, end, TRUE);
	lua_pushinteger(lua, start + 1);
	lua_pushinteger(lua, end);
	return match_push(lua, &match, start, end, FALSE) + 2;
}

static int
pattern_find(lua_State *lua)
{
	return pattern_find_or_match(lua, TRUE);
}

static int
pattern_match(lua_State *lua)
{
	return pattern_find_or_match(lua, FALSE);
}

/* ---- gmatch ---- */

/* upvalues: text, pattern, where to go on, end of the last match (an empty one there is none) */
static int
pattern_gmatch_next(lua_State *lua)
{
	AmLuaMatch match;
	am_lua_match_init(lua, &match, lua_upvalueindex(1),
			  lua_touserdata(lua, lua_upvalueindex(2)));
	gssize last = lua_tointeger(lua, lua_upvalueindex(4));
	for (gssize at = lua_tointeger(lua, lua_upvalueindex(3)); at <= match.len; at++) {
		gssize end = am_lua_match_at(lua, &match, at);
		if (end == AM_LUA_NO_MATCH || end == last)
			continue;
		lua_pushinteger(lua, end);
		lua_copy(lua, -1, lua_upvalueindex(3));
		lua_replace(lua, lua_upvalueindex(4));
		return match_push(lua, &match, at, end, TRUE);
	}
	lua_pushinteger(lua, match.len + 1);
	lua_replace(lua, lua_upvalueindex(3));
	return 0;
}

static int
pattern_gmatch(lua_State *lua)
{
	gsize len, pattern_len;
	(void)luaL_checklstring(lua, 1, &len);
	const char *pattern = luaL_checklstring(lua, 2, &pattern_len);
	gssize at = pattern_start(lua, 3, len);
	lua_settop(lua, 2);
	lua_pushvalue(lua, 1);
	(void)am_lua_pattern_push(lua, pattern, pattern_len, FALSE);
	lua_pushinteger(lua, at < 0 ? (lua_Integer)len + 1 : at);
	lua_pushinteger(lua, -1);
	lua_pushcclosure(lua, pattern_gmatch_next, 4);
	return 1;
}

/* ---- gsub ---- */

/* "%0" all, "%1" a capture, "%%" a "%". */
static void
gsub_add_text(lua_State *lua, luaL_Buffer *out, const AmLuaMatch *match, gssize start, gssize end)
{
	gsize len;
	const char *text = lua_tolstring(lua, 3, &len);
	guint n = match->pattern->n_captures;
	am_lua_spend(lua, len / 16 + 1);
	for (const char *at = text; at < text + len; at++) {
		if (*at != '%') {
			luaL_addchar(out, *at);
			continue;
		}
		char c = *++at; /* a text of Lua ends with NUL */
		if (c == '%') {
			luaL_addchar(out, c);
		} else if (c == '0' || (c == '1' && n == 0)) {
			luaL_addlstring(out, match->text + start, (gsize)(end - start));
		} else if (g_ascii_isdigit(c)) {
			if ((guint)(c - '0') > n)
				luaL_error(lua, "invalid capture index %%%d in replacement string",
					   c - '0');
			match_push_capture(lua, match, (guint)(c - '1'));
			(void)luaL_tolstring(lua, -1, NULL);
			lua_remove(lua, -2);
			luaL_addvalue(out);
		} else {
			luaL_error(lua, "invalid use of '%%' in replacement string");
		}
	}
}

/* The value of a table or function for what was matched; false and nil keep the text. */
static void
gsub_add_value(lua_State *lua, luaL_Buffer *out, const AmLuaMatch *match, gssize start, gssize end)
{
	if (lua_isfunction(lua, 3)) {
		lua_pushvalue(lua, 3);
		lua_call(lua, match_push(lua, match, start, end, TRUE), 1);
	} else {
		if (match->pattern->n_captures > 0)
			match_push_capture(lua, match, 0);
		else
			(void)match_push(lua, match, start, end, TRUE);
		lua_gettable(lua, 3);
	}
	if (!lua_toboolean(lua, -1)) {
		lua_pop(lua, 1);
		luaL_addlstring(out, match->text + start, (gsize)(end - start));
	} else if (lua_isstring(lua, -1)) {
		luaL_addvalue(out);
	} else {
		luaL_error(lua, "invalid replacement value (a %s)", luaL_typename(lua, -1));
	}
}

static int
pattern_gsub(lua_State *lua)
{
	gsize len, pattern_len;
	(void)luaL_checklstring(lua, 1, &len);
	const char *pattern = luaL_checklstring(lua, 2, &pattern_len);
	int type = lua_type(lua, 3);
	luaL_argexpected(lua,
			 type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE ||
				 type == LUA_TFUNCTION,
			 3, "string/function/table");
	lua_Integer max = luaL_optinteger(lua, 4, (lua_Integer)len + 1), n = 0;
	AmLuaMatch match;
	luaL_Buffer out;
	lua_settop(lua, 3);
	am_lua_match_init(lua, &match, 1, am_lua_pattern_push(lua, pattern, pattern_len, TRUE));
	gssize at = 0, last = AM_LUA_NO_MATCH;
	luaL_buffinit(lua, &out);
	while (n < max) {
		gssize end = am_lua_match_at(lua, &match, at);
		if (end != AM_LUA_NO_MATCH && end != last) {
			n++;
			if (type == LUA_TNUMBER || type == LUA_TSTRING)
				gsub_add_text(lua, &out, &match, at, end);
			else
				gsub_add_value(lua, &out, &match, at, end);
			at = last = end;
		} else if (at < match.len) {
			luaL_addchar(&out, match.text[at++]);
		} else {
			break;
		}
		if (match.pattern->is_anchored)
			break;
	}
	luaL_addlstring(&out, match.text + at, (gsize)(match.len - at));
	luaL_pushresult(&out);
	lua_pushinteger(lua, n);
	return 2;
}

const luaL_Reg am_lua_pattern_functions[] = {
	{ "find", pattern_find },
	{ "match", pattern_match },
	{ "gmatch", pattern_gmatch },
	{ "gsub", pattern_gsub },
	{ NULL, NULL },
};
