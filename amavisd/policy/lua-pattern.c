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

#include "policy/lua-pattern.h"

#include <string.h>

#include "policy/lua-state.h"

#define MAX_CAPTURES 32
#define NO_MATCH (-1)

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

typedef struct {
	guint8 type;
	char repeat;	    /* '*' '+' '-' '?', 0 once */
	guint8 capture;	    /* which */
	char open, close;   /* of BALANCED */
	guint32 members[8]; /* of SINGLE and FRONTIER: the bytes in the set */
} Item;

typedef struct {
	gboolean is_anchored;
	guint n_items, n_captures;
	gboolean is_position[MAX_CAPTURES];
	Item items[];
} Pattern;

typedef struct {
	lua_State *lua; /* to raise an error when there are too many steps */
	const Pattern *pattern;
	const char *text;
	gssize len;
	gssize starts[MAX_CAPTURES], ends[MAX_CAPTURES];
	guint64 steps, allowance;
} Match;

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

/* Returns what follows the item, which is "%b", "%f" or "%1" when it says TRUE. */
static gboolean
pattern_special(lua_State *lua, Pattern *pattern, guint open, const char **at, const char *end,
		Item *item)
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
pattern_single(lua_State *lua, const char *at, const char *end, Item *item)
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
pattern_capture(lua_State *lua, Pattern *pattern, guint *open, const char *at, const char *end,
		Item *item)
{
	if (*at == ')') {
		if (*open == 0)
			luaL_error(lua, "invalid pattern capture");
		item->type = ITEM_CLOSE;
		item->capture = (guint8)(g_bit_nth_msf(*open, -1));
		*open &= ~(1u << item->capture);
		return at + 1;
	}
	if (pattern->n_captures == MAX_CAPTURES)
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

/* Pushes the pattern, which Lua frees.  An anchor is one only where may_anchor says so. */
static Pattern *
pattern_push(lua_State *lua, const char *at, gsize len, gboolean may_anchor)
{
	const char *end = at + len;
	guint max = (guint)MIN(len, AM_LUA_PATTERN_ITEMS) + 1, open = 0;
	gsize size = sizeof(Pattern) + max * sizeof(Item);
	Pattern *pattern = lua_newuserdatauv(lua, size, 0);
	memset(pattern, 0, size);
	pattern->is_anchored = may_anchor && at < end && *at == '^';
	at += pattern->is_anchored;
	while (at < end) {
		if (pattern->n_items + 1 == max)
			luaL_error(lua, "pattern too complex");
		Item *item = &pattern->items[pattern->n_items++];
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
match_is_in_set(const Match *match, const Item *item, gssize at)
{
	return at < match->len && set_has(item->members, (guchar)match->text[at]);
}

/* End of the balanced text at `at`. */
static gssize
match_balanced(Match *match, const Item *item, gssize at)
{
	guint depth = 1;
	if (at >= match->len || match->text[at] != item->open)
		return NO_MATCH;
	for (at++; at < match->len; at++) {
		match->steps++;
		if (match->text[at] == item->close) {
			if (--depth == 0)
				return at + 1;
		} else if (match->text[at] == item->open) {
			depth++;
		}
	}
	return NO_MATCH;
}

static gboolean
match_is_frontier(const Match *match, const Item *item, gssize at)
{
	guchar before = at > 0 ? (guchar)match->text[at - 1] : '\0';
	guchar here = at < match->len ? (guchar)match->text[at] : '\0';
	return !set_has(item->members, before) && set_has(item->members, here);
}

static gssize
match_repeated(Match *match, const Item *item, gssize at)
{
	gssize start = match->starts[item->capture];
	gssize len = match->ends[item->capture] - start;
	match->steps += (guint64)len / 8;
	if (len > match->len - at ||
	    memcmp(match->text + start, match->text + at, (gsize)len) != 0)
		return NO_MATCH;
	return at + len;
}

/* An item that leaves no choice.  Returns where the next one begins. */
static gssize
match_fixed(Match *match, const Item *item, gssize at)
{
	switch ((ItemType)item->type) {
	case ITEM_SINGLE:
		return match_is_in_set(match, item, at) ? at + 1 : NO_MATCH;
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
		return match_is_frontier(match, item, at) ? at : NO_MATCH;
	case ITEM_END:
		return at == match->len ? at : NO_MATCH;
	case ITEM_DONE:
		break;
	}
	g_return_val_if_reached(NO_MATCH);
}

static gssize match_items(Match *match, guint index, gssize at);

/* "-": as few as will do. */
static gssize
match_few(Match *match, guint index, gssize at)
{
	const Item *item = &match->pattern->items[index];
	for (;; at++) {
		gssize end = match_items(match, index + 1, at);
		if (end != NO_MATCH || !match_is_in_set(match, item, at))
			return end;
	}
}

/* "*" "+" "?": as many as there are, then fewer. */
static gssize
match_many(Match *match, guint index, gssize at)
{
	const Item *item = &match->pattern->items[index];
	gssize most = item->repeat == '?' ? MIN(match->len, at + 1) : match->len;
	gssize least = item->repeat == '+' ? at + 1 : at;
	gssize last = at;
	while (last < most && match_is_in_set(match, item, last))
		last++;
	match->steps += (guint64)(last - at);
	for (; last >= least; last--) {
		gssize end = match_items(match, index + 1, last);
		if (end != NO_MATCH)
			return end;
	}
	return NO_MATCH;
}

/* The end of what items from `index` on match at `at`. */
static gssize
match_items(Match *match, guint index, gssize at)
{
	for (;; index++) {
		const Item *item = &match->pattern->items[index];
		if (item->type == ITEM_DONE)
			return at;
		if (++match->steps > match->allowance)
			am_lua_spend(match->lua, match->steps); /* does not return */
		if (item->type == ITEM_SINGLE && item->repeat == '-')
			return match_few(match, index, at);
		if (item->type == ITEM_SINGLE && item->repeat != '\0')
			return match_many(match, index, at);
		at = match_fixed(match, item, at);
		if (at == NO_MATCH)
			return NO_MATCH;
	}
}

/* The same for a whole pattern. */
static gssize
match_at(lua_State *lua, Match *match, gssize at)
{
	match->steps = 1;
	match->allowance = am_lua_allowance(lua);
	gssize end = match_items(match, 0, at);
	am_lua_spend(lua, match->steps);
	return end;
}

/* The first match from `at` on; *start is where it begins. */
static gssize
match_search(lua_State *lua, Match *match, gssize at, gssize *start)
{
	for (; at <= match->len; at++) {
		gssize end = match_at(lua, match, at);
		if (end != NO_MATCH) {
			*start = at;
			return end;
		}
		if (match->pattern->is_anchored)
			break;
	}
	return NO_MATCH;
}

static void
match_init(lua_State *lua, Match *match, int text, const Pattern *pattern)
{
	gsize len;
	memset(match, 0, sizeof *match);
	match->lua = lua;
	match->pattern = pattern;
	match->text = luaL_checklstring(lua, text, &len);
	match->len = (gssize)len;
}

static void
match_push_capture(lua_State *lua, const Match *match, guint index)
{
	gssize start = match->starts[index];
	if (match->pattern->is_position[index])
		lua_pushinteger(lua, start + 1);
	else
		lua_pushlstring(lua, match->text + start, (gsize)(match->ends[index] - start));
}

/* All captures; when there are none and is_whole, all that was matched. */
static int
match_push(lua_State *lua, const Match *match, gssize start, gssize end, gboolean is_whole)
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
	Match match;
	if (at < 0) {
		luaL_pushfail(lua);
		return 1;
	}
	if (is_find && (lua_toboolean(lua, 4) || pattern_is_plain(pattern, pattern_len)))
		return pattern_find_plain(lua, text + at, len - (gsize)at, pattern, pattern_len);
	match_init(lua, &match, 1, pattern_push(lua, pattern, pattern_len, TRUE));
	gssize end = match_search(lua, &match, at, &start);
	if (end == NO_MATCH) {
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
	Match match;
	match_init(lua, &match, lua_upvalueindex(1), lua_touserdata(lua, lua_upvalueindex(2)));
	gssize last = lua_tointeger(lua, lua_upvalueindex(4));
	for (gssize at = lua_tointeger(lua, lua_upvalueindex(3)); at <= match.len; at++) {
		gssize end = match_at(lua, &match, at);
		if (end == NO_MATCH || end == last)
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
	(void)pattern_push(lua, pattern, pattern_len, FALSE);
	lua_pushinteger(lua, at < 0 ? (lua_Integer)len + 1 : at);
	lua_pushinteger(lua, -1);
	lua_pushcclosure(lua, pattern_gmatch_next, 4);
	return 1;
}

/* ---- gsub ---- */

/* "%0" all, "%1" a capture, "%%" a "%". */
static void
gsub_add_text(lua_State *lua, luaL_Buffer *out, const Match *match, gssize start, gssize end)
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
gsub_add_value(lua_State *lua, luaL_Buffer *out, const Match *match, gssize start, gssize end)
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
	Match match;
	luaL_Buffer out;
	lua_settop(lua, 3);
	match_init(lua, &match, 1, pattern_push(lua, pattern, pattern_len, TRUE));
	gssize at = 0, last = NO_MATCH;
	luaL_buffinit(lua, &out);
	while (n < max) {
		gssize end = match_at(lua, &match, at);
		if (end != NO_MATCH && end != last) {
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
	{ "find", pattern_find },     { "match", pattern_match }, { "gmatch", pattern_gmatch },
	{ "gsub", pattern_gsub },     { NULL, NULL },
};
