/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Matching by Lua's patterns.
 *
 * The library that comes with Lua tries all there is to try within one call, where no hook can stop
 * it: a pattern with a few repetitions takes hours on a text that a sender made for it.  So the four
 * functions are made anew here, and count their steps as instructions (am_lua_spend()).
 *
 *     pattern = [ "^" ] *item [ "$" ]
 *     item    = single [ "*" / "+" / "-" / "?" ] / "(" / ")" / "()" / "%1".."%9" / "%bxy" / "%f[set]"
 *     single  = char / "." / "%" char / "[" [ "^" ] set "]"
 *
 * A pattern is first made into a list of items.  As there are no alternatives, what a ")" closes and
 * what a "%1" means is known then, matching recurses for repetitions only and so never deeper than
 * there are items, and a capture needs no undoing: whoever goes back passes it again. */

#include <config.h>

#include "policy/lua-match.h"

#include <lauxlib.h>
#include <string.h>

#include "policy/lua-pattern.h"
#include "policy/lua-state.h"

typedef enum {
	ITEM_SINGLE,
	ITEM_OPEN,
	ITEM_POSITION,
	ITEM_CLOSE,
	ITEM_REPEATED, /* what a capture has once more */
	ITEM_BALANCED,
	ITEM_FRONTIER,
	ITEM_END, /* "$" */
	ITEM_DONE,
} ItemType;

/* ---- making items ---- */

static void
set_add(guint32 *members, guchar c)
{
	members[c / 32] |= 1u << (c % 32);
}

static gboolean
set_has(const guint32 *members, guchar c)
{
	return (members[c / 32] >> (c % 32) & 1u) != 0;
}

static gboolean
class_has(char class, guchar c)
{
	switch (g_ascii_tolower(class)) {
	case 'a':
		return g_ascii_isalpha(c);
	case 'c':
		return g_ascii_iscntrl(c);
	case 'd':
		return g_ascii_isdigit(c);
	case 'g':
		return g_ascii_isgraph(c);
	case 'l':
		return g_ascii_islower(c);
	case 'p':
		return g_ascii_ispunct(c);
	case 's':
		return c == ' ' || (c >= '\t' && c <= '\r');
	case 'u':
		return g_ascii_isupper(c);
	case 'w':
		return g_ascii_isalnum(c);
	case 'x':
		return g_ascii_isxdigit(c);
	default: /* 'z', of older versions of Lua */
		return c == '\0';
	}
}

/* What "%c" stands for: a class, or the character itself. */
static void
set_add_escaped(guint32 *members, char c)
{
	if (c == '\0' || strchr("acdglpsuwxz", g_ascii_tolower(c)) == NULL) {
		set_add(members, (guchar)c);
		return;
	}
	for (guint other = 0; other < 256; other++)
		if (class_has(c, (guchar)other) != g_ascii_isupper(c))
			set_add(members, (guchar)other);
}

static char
pattern_escaped(lua_State *lua, const char *at, const char *end)
{
	if (at == end)
		luaL_error(lua, "malformed pattern (ends with '%%')");
	return *at;
}

/* Behind the "[".  Returns what follows the "]". */
static const char *
pattern_set(lua_State *lua, const char *at, const char *end, guint32 *members)
{
	gboolean is_negated = at < end && *at == '^';
	const char *first = at += is_negated;
	for (; at < end && (*at != ']' || at == first); at++) {
		if (*at == '%') {
			set_add_escaped(members, pattern_escaped(lua, ++at, end));
		} else if (end - at > 2 && at[1] == '-' && at[2] != ']') {
			for (guint c = (guchar)*at; c <= (guchar)at[2]; c++)
				set_add(members, (guchar)c);
			at += 2;
		} else {
			set_add(members, (guchar)*at);
		}
	}
	if (at >= end)
		luaL_error(lua, "malformed pattern (missing ']')");
	for (gsize i = 0; is_negated && i < 8; i++)
		members[i] = ~members[i];
	return at + 1;
}

/* "%b", "%f" and "%1": TRUE, and *at is behind it. */
static gboolean
pattern_special(lua_State *lua, AmLuaPattern *pattern, guint open, const char **at, const char *end,
		AmLuaItem *item)
{
	char c = pattern_escaped(lua, *at + 1, end);
	if (c == 'b') {
		if (end - *at < 4)
			luaL_error(lua, "malformed pattern (missing arguments to '%%b')");
		item->type = ITEM_BALANCED;
		item->open = (*at)[2];
		item->close = (*at)[3];
		*at += 4;
	} else if (c == 'f') {
		if (end - *at < 3 || (*at)[2] != '[')
			luaL_error(lua, "missing '[' after '%%f' in pattern");
		item->type = ITEM_FRONTIER;
		*at = pattern_set(lua, *at + 3, end, item->members);
	} else if (g_ascii_isdigit(c)) {
		guint index = (guint)(c - '1');
		if (c == '0' || index >= pattern->n_captures || (open >> index & 1u) != 0)
			luaL_error(lua, "invalid capture index %%%d in pattern", c - '0');
		item->type = ITEM_REPEATED;
		item->capture = (guint8)index;
		*at += 2;
	} else {
		return FALSE;
	}
	return TRUE;
}

static const char *
pattern_single(lua_State *lua, const char *at, const char *end, AmLuaItem *item)
{
	item->type = ITEM_SINGLE;
	if (*at == '[') {
		at = pattern_set(lua, at + 1, end, item->members);
	} else if (*at == '%') {
		set_add_escaped(item->members, pattern_escaped(lua, at + 1, end));
		at += 2;
	} else {
		if (*at == '.')
			memset(item->members, 0xff, sizeof item->members);
		else
			set_add(item->members, (guchar)*at);
		at++;
	}
	if (at < end && strchr("*+-?", *at) != NULL && *at != '\0')
		item->repeat = *at++;
	return at;
}

/* "(" and ")".  *open: bits of the captures that are not closed yet. */
static const char *
pattern_capture(lua_State *lua, AmLuaPattern *pattern, guint *open, const char *at, const char *end,
		AmLuaItem *item)
{
	if (*at == ')') {
		if (*open == 0)
			luaL_error(lua, "invalid pattern capture");
		item->type = ITEM_CLOSE;
		item->capture = (guint8)(g_bit_nth_msf(*open, -1));
		*open &= ~(1u << item->capture);
		return at + 1;
	}
	if (pattern->n_captures == AM_LUA_MAX_CAPTURES)
		luaL_error(lua, "too many captures");
	item->capture = (guint8)pattern->n_captures++;
	if (at + 1 < end && at[1] == ')') {
		item->type = ITEM_POSITION;
		pattern->is_position[item->capture] = TRUE;
		return at + 2;
	}
	item->type = ITEM_OPEN;
	*open |= 1u << item->capture;
	return at + 1;
}

AmLuaPattern *
am_lua_pattern_push(lua_State *lua, const char *at, gsize len, gboolean may_anchor)
{
	const char *end = at + len;
	guint max = (guint)MIN(len, AM_LUA_PATTERN_ITEMS) + 1, open = 0;
	gsize size = sizeof(AmLuaPattern) + max * sizeof(AmLuaItem);
	AmLuaPattern *pattern = lua_newuserdatauv(lua, size, 0);
	memset(pattern, 0, size);
	pattern->is_anchored = may_anchor && at < end && *at == '^';
	at += pattern->is_anchored;
	while (at < end) {
		if (pattern->n_items + 1 == max)
			luaL_error(lua, "pattern too complex");
		AmLuaItem *item = &pattern->items[pattern->n_items++];
		if (*at == '(' || *at == ')') {
			at = pattern_capture(lua, pattern, &open, at, end, item);
		} else if (*at == '$' && at + 1 == end) {
			item->type = ITEM_END;
			at++;
		} else if (*at != '%' || !pattern_special(lua, pattern, open, &at, end, item)) {
			at = pattern_single(lua, at, end, item);
		}
	}
	if (open != 0)
		luaL_error(lua, "unfinished capture");
	pattern->items[pattern->n_items].type = ITEM_DONE;
	return pattern;
}

/* ---- matching ---- */

static gboolean
match_is_in_set(const AmLuaMatch *match, const AmLuaItem *item, gssize at)
{
	return at < match->len && set_has(item->members, (guchar)match->text[at]);
}

/* End of the balanced text at `at`. */
static gssize
match_balanced(AmLuaMatch *match, const AmLuaItem *item, gssize at)
{
	guint depth = 1;
	if (at >= match->len || match->text[at] != item->open)
		return AM_LUA_NO_MATCH;
	for (at++; at < match->len; at++) {
		match->steps++;
		if (match->text[at] == item->close) {
			if (--depth == 0)
				return at + 1;
		} else if (match->text[at] == item->open) {
			depth++;
		}
	}
	return AM_LUA_NO_MATCH;
}

static gboolean
match_is_frontier(const AmLuaMatch *match, const AmLuaItem *item, gssize at)
{
	guchar before = at > 0 ? (guchar)match->text[at - 1] : '\0';
	guchar here = at < match->len ? (guchar)match->text[at] : '\0';
	return !set_has(item->members, before) && set_has(item->members, here);
}

static gssize
match_repeated(AmLuaMatch *match, const AmLuaItem *item, gssize at)
{
	gssize start = match->starts[item->capture];
	gssize len = match->ends[item->capture] - start;
	match->steps += (guint64)len / 8;
	if (len > match->len - at || memcmp(match->text + start, match->text + at, (gsize)len) != 0)
		return AM_LUA_NO_MATCH;
	return at + len;
}

/* An item that leaves no choice.  Returns where the next one begins. */
static gssize
match_fixed(AmLuaMatch *match, const AmLuaItem *item, gssize at)
{
	switch ((ItemType)item->type) {
	case ITEM_SINGLE:
		return match_is_in_set(match, item, at) ? at + 1 : AM_LUA_NO_MATCH;
	case ITEM_POSITION:
		match->ends[item->capture] = at; /* and, as for all others, where it starts: */
	/* fall through */
	case ITEM_OPEN:
		match->starts[item->capture] = at;
		return at;
	case ITEM_CLOSE:
		match->ends[item->capture] = at;
		return at;
	case ITEM_REPEATED:
		return match_repeated(match, item, at);
	case ITEM_BALANCED:
		return match_balanced(match, item, at);
	case ITEM_FRONTIER:
		return match_is_frontier(match, item, at) ? at : AM_LUA_NO_MATCH;
	case ITEM_END:
		return at == match->len ? at : AM_LUA_NO_MATCH;
	case ITEM_DONE:
		break;
	}
	g_return_val_if_reached(AM_LUA_NO_MATCH);
}

static gssize match_items(AmLuaMatch *match, guint index, gssize at);

/* "-": as few as will do. */
static gssize
match_few(AmLuaMatch *match, guint index, gssize at)
{
	const AmLuaItem *item = &match->pattern->items[index];
	for (;; at++) {
		gssize end = match_items(match, index + 1, at);
		if (end != AM_LUA_NO_MATCH || !match_is_in_set(match, item, at))
			return end;
	}
}

/* "*" "+" "?": as many as there are, then fewer. */
static gssize
match_many(AmLuaMatch *match, guint index, gssize at)
{
	const AmLuaItem *item = &match->pattern->items[index];
	gssize most = item->repeat == '?' ? MIN(match->len, at + 1) : match->len;
	gssize least = item->repeat == '+' ? at + 1 : at;
	gssize last = at;
	while (last < most && match_is_in_set(match, item, last))
		last++;
	match->steps += (guint64)(last - at);
	for (; last >= least; last--) {
		gssize end = match_items(match, index + 1, last);
		if (end != AM_LUA_NO_MATCH)
			return end;
	}
	return AM_LUA_NO_MATCH;
}

/* The end of what items from `index` on match at `at`. */
static gssize
match_items(AmLuaMatch *match, guint index, gssize at)
{
	for (;; index++) {
		const AmLuaItem *item = &match->pattern->items[index];
		if (item->type == ITEM_DONE)
			return at;
		if (++match->steps > match->allowance)
			am_lua_spend(match->lua, match->steps); /* does not return */
		if (item->type == ITEM_SINGLE && item->repeat == '-')
			return match_few(match, index, at);
		if (item->type == ITEM_SINGLE && item->repeat != '\0')
			return match_many(match, index, at);
		at = match_fixed(match, item, at);
		if (at == AM_LUA_NO_MATCH)
			return AM_LUA_NO_MATCH;
	}
}

gssize
am_lua_match_at(lua_State *lua, AmLuaMatch *match, gssize at)
{
	match->steps = 1;
	match->allowance = am_lua_allowance(lua);
	gssize end = match_items(match, 0, at);
	am_lua_spend(lua, match->steps);
	return end;
}

gssize
am_lua_match_search(lua_State *lua, AmLuaMatch *match, gssize at, gssize *start)
{
	for (; at <= match->len; at++) {
		gssize end = am_lua_match_at(lua, match, at);
		if (end != AM_LUA_NO_MATCH) {
			*start = at;
			return end;
		}
		if (match->pattern->is_anchored)
			break;
	}
	return AM_LUA_NO_MATCH;
}

void
am_lua_match_init(lua_State *lua, AmLuaMatch *match, int text, const AmLuaPattern *pattern)
{
	gsize len;
	memset(match, 0, sizeof *match);
	match->lua = lua;
	match->pattern = pattern;
	match->text = luaL_checklstring(lua, text, &len);
	match->len = (gssize)len;
}
