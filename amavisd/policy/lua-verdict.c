/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What hooks see and change of settings and verdict. */

#include <config.h>

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "mail/address.h"
#include "policy/lua-handle.h"
#include "policy/policy-private.h"
#include "smtp/route.h"

/* ---- settings */

static int
settings_push(lua_State *lua, const AmSettings *settings, const char *name)
{
	char *text = am_settings_get(settings, name);
	char *end;
	if (text == NULL)
		return luaL_error(lua, "unknown setting \"%s\"", name);
	AmSettingType type = am_settings_specs()[am_settings_find(name)].type;
	double number = g_ascii_strtod(text, &end);
	if (type == AM_SETTING_BOOL || strcmp(name, "local") == 0)
		lua_pushboolean(lua, strcmp(text, "yes") == 0);
	else if (type == AM_SETTING_SIZE)
		lua_pushinteger(lua, (lua_Integer)g_ascii_strtoll(text, NULL, 10));
	else if (type == AM_SETTING_DOUBLE || g_str_has_suffix(name, "_level"))
		lua_pushnumber(lua, *end == '\0' ? number : HUGE_VAL);
	else
		lua_pushstring(lua, text);
	g_free(text);
	return 1;
}

/* settings.NAME */
static int
settings_index(lua_State *lua)
{
	const AmLuaHandle *handle = am_lua_handle_check(lua, 1, AM_LUA_SETTINGS_TYPE);
	return settings_push(lua, handle->data, luaL_checkstring(lua, 2));
}

/* settings.NAME = VALUE */
static int
settings_newindex(lua_State *lua)
{
	const AmLuaHandle *handle = am_lua_handle_check(lua, 1, AM_LUA_SETTINGS_TYPE);
	const char *name = luaL_checkstring(lua, 2);
	GError *error = NULL;
	char *text = am_lua_setting_text(lua, 3, &error);
	gboolean ok =
		text != NULL && am_settings_set((AmSettings *)handle->data, name, text, &error);
	g_free(text);
	if (!ok)
		return am_lua_raise(lua, error);
	return 0;
}

/* ---- verdict */

static AmVerdict *
verdict_get(lua_State *lua)
{
	return (AmVerdict *)am_lua_handle_check(lua, 1, AM_LUA_VERDICT_TYPE)->data;
}

/* verdict.destiny .category .blocking .reason .reply .route .redirect .quarantine .banned_rule
 * .score; and the methods */
static int
verdict_index(lua_State *lua)
{
	const AmVerdict *verdict = verdict_get(lua);
	const AmDisposition *d = verdict->disposition;
	const char *name = luaL_checkstring(lua, 2);
	const struct {
		const char *name;
		const char *value;
	} texts[] = {
		{ "destiny", am_destiny_name(d->destiny) },
		{ "category", am_category_name(d->main_category) },
		{ "blocking", am_category_name(d->blocking) },
		{ "reason", d->reason },
		{ "banned_rule", d->banned_rule },
		{ "quarantine", d->quarantine },
		{ "route", verdict->route != NULL
				   ? verdict->route
				   : am_settings_route(d->settings, d->main_category) },
		{ "redirect",
		  verdict->redirect != NULL ? verdict->redirect : d->settings->redirect },
		{ "reply", verdict->reply != NULL ? verdict->reply : "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		if (strcmp(texts[i].name, name) == 0) {
			lua_pushstring(lua, texts[i].value);
			return 1;
		}
	}
	if (strcmp(name, "score") == 0) {
		lua_pushnumber(lua, d->score);
		return 1;
	}
	if (lua_getfield(lua, lua_upvalueindex(1), name) == LUA_TNIL)
		return luaL_error(lua, "a verdict has no \"%s\"", name);
	return 1;
}

static void
verdict_set_destiny(lua_State *lua, AmVerdict *verdict)
{
	static const char *const names[] = {
		"pass", "bounce", "reject", "discard", "tempfail", NULL
	};
	verdict->destiny = luaL_checkoption(lua, 3, NULL, names);
}

static void
verdict_set_address(lua_State *lua, AmVerdict *verdict, const char *address)
{
	char *internal = NULL;
	const char *end = address;
	if (*address != '\0' &&
	    (!am_address_parse_path(address, TRUE, &internal, &end, NULL) || *end != '\0')) {
		g_free(internal);
		luaL_error(lua, "\"%s\" is not an address", address);
	}
	g_free(verdict->redirect);
	verdict->redirect = internal != NULL ? internal : g_strdup("");
}

/* Raises an error when it is no route; "" is the default. */
static void
verdict_check_route(lua_State *lua, const char *value)
{
	GError *error = NULL;
	AmRoute *route = *value != '\0' ? am_route_parse(value, &error) : NULL;
	am_route_free(route);
	if (error != NULL)
		(void)am_lua_raise(lua, error);
}

/* verdict.NAME = VALUE for destiny, reply, route, redirect, quarantine, score */
static int
verdict_newindex(lua_State *lua)
{
	AmVerdict *verdict = verdict_get(lua);
	const char *name = luaL_checkstring(lua, 2);
	char **text = strcmp(name, "reply") == 0	? &verdict->reply
		      : strcmp(name, "route") == 0	? &verdict->route
		      : strcmp(name, "quarantine") == 0 ? &verdict->quarantine
							: NULL;
	verdict->is_changed = TRUE;
	if (text != NULL) {
		const char *value = luaL_checkstring(lua, 3);
		luaL_argcheck(lua, g_utf8_validate(value, -1, NULL), 3, "not UTF-8");
		if (text == &verdict->route)
			verdict_check_route(lua, value);
		g_free(*text);
		*text = g_strdup(value);
	} else if (strcmp(name, "destiny") == 0) {
		verdict_set_destiny(lua, verdict);
	} else if (strcmp(name, "redirect") == 0) {
		verdict_set_address(lua, verdict, luaL_checkstring(lua, 3));
	} else if (strcmp(name, "score") == 0) {
		lua_Number score = luaL_checknumber(lua, 3);
		luaL_argcheck(lua, isfinite(score), 3, "not a finite number");
		verdict->disposition->score = score;
		verdict->is_rescored = TRUE;
	} else {
		return luaL_error(lua, "\"%s\" of a verdict cannot be set", name);
	}
	return 0;
}

/* verdict:has_category(NAME) */
static int
verdict_has_category(lua_State *lua)
{
	const AmVerdict *verdict = verdict_get(lua);
	AmCategory category = am_category_from_name(luaL_checkstring(lua, 2));
	luaL_argcheck(lua, category != AM_CATEGORY_NONE, 2, "unknown category");
	lua_pushboolean(lua, am_category_set_has(&verdict->disposition->categories, category));
	return 1;
}

/* verdict:add_category(NAME): the destiny is found again with it */
static int
verdict_add_category(lua_State *lua)
{
	AmVerdict *verdict = verdict_get(lua);
	AmCategory category = am_category_from_name(luaL_checkstring(lua, 2));
	luaL_argcheck(lua, category != AM_CATEGORY_NONE, 2, "unknown category");
	am_category_set_add(&verdict->disposition->categories, category, 0);
	verdict->is_changed = TRUE;
	return 0;
}

/* verdict:add_header(NAME, VALUE): a field above the mail's own, if it is delivered */
static int
verdict_add_header(lua_State *lua)
{
	AmDisposition *disposition = verdict_get(lua)->disposition;
	GError *error = NULL;
	if (!am_edits_add(disposition->edits, AM_EDIT_PREPEND, luaL_checkstring(lua, 2),
			  luaL_checkstring(lua, 3), &error))
		return am_lua_raise(lua, error);
	return 0;
}

/* verdict:tag_subject(TEXT): instead of the category's subject tag */
static int
verdict_tag_subject(lua_State *lua)
{
	AmVerdict *verdict = verdict_get(lua);
	const char *text = luaL_checkstring(lua, 2);
	luaL_argcheck(lua, g_utf8_validate(text, -1, NULL) && strpbrk(text, "\r\n") == NULL, 2,
		      "not one line of UTF-8");
	g_free(verdict->subject_tag);
	verdict->subject_tag = g_strdup(text);
	verdict->is_changed = TRUE;
	return 0;
}

/* verdict:setting(NAME): a setting of this recipient */
static int
verdict_setting(lua_State *lua)
{
	return settings_push(lua, verdict_get(lua)->disposition->settings,
			     luaL_checkstring(lua, 2));
}

static const luaL_Reg verdict_functions[] = {
	{ "has_category", verdict_has_category }, { "add_category", verdict_add_category },
	{ "add_header", verdict_add_header },	  { "tag_subject", verdict_tag_subject },
	{ "setting", verdict_setting },		  { NULL, NULL },
};

void
am_lua_open_verdict(lua_State *lua)
{
	am_lua_type_make(lua, AM_LUA_SETTINGS_TYPE, NULL, settings_index, settings_newindex);
	am_lua_type_make(lua, AM_LUA_VERDICT_TYPE, verdict_functions, verdict_index,
			 verdict_newindex);
}
