/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Patterns of Lua: what they match, compared with Lua's own library, and that they end in time. */

#include <config.h>

#include "policy/lua-pattern.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "policy/lua-state.h"

#define N_RANDOM 20000

/* Each call of a function with some arguments, and all it gives in one text. */
#define SHOW                                                                                       \
	"function show(...)\n"                                                                     \
	"  local t = table.pack(...)\n"                                                            \
	"  for i = 1, t.n do t[i] = tostring(t[i]) end\n"                                          \
	"  return table.concat(t, '|')\n"                                                          \
	"end\n"                                                                                    \
	"function all(s, p)\n"                                                                     \
	"  local t = {}\n"                                                                         \
	"  for a, b in s:gmatch(p) do t[#t + 1] = show(a, b) end\n"                                \
	"  return table.concat(t, ';')\n"                                                          \
	"end\n"

static const char *const calls[] = {
	"show(('hello world'):find('o w'))",
	"show(('hello world'):find('o', 6))",
	"show(('hello'):find('l', -2))",
	"show(('hello'):find('', 6), ('hello'):find('', 7))",
	"show(('a.b'):find('.', 2, true), ('a.b'):find('%.'))",
	"show(('key = value'):match('^(%w+)%s*=%s*(%w+)$'))",
	"show(('  trim  '):match('^%s*(.-)%s*$'))",
	"show(('x(a(b)c)y'):match('%b()'))",
	"show(('THE (quick) fox'):find('%f[%a]%a+%f[%A]'))",
	"show(('2026-11-22'):match('(%d+)-(%d+)-(%d+)'))",
	"show(('abab'):match('(ab)%1'), ('abac'):match('(ab)%1'))",
	"show(('hello'):find('()ll()'))",
	"show(('((a))'):match('((%b()))'))",
	"show(('a]b-c^'):gsub('[]^-]', '_'))",
	"show(('a-z'):gsub('[a%-z]', '.'))",
	"show(('abc'):gsub('', '-'))",
	"show(('abc'):gsub('%w', '%0%0', 2))",
	"show(('hello world'):gsub('(%w+) (%w+)', '%2 %1'))",
	"show(('100%'):gsub('%%', '%%%%'))",
	"show(('$name is $age'):gsub('%$(%w+)', { name = 'x' }))",
	"show(('a,b'):gsub('%w', function (c) return c ~= 'a' and c:upper() end))",
	"show(('aaa'):gsub('^a', 'b'))",
	"show(('a1b2'):gsub('()', '%1'))",
	"all('one two  three', '%a+')",
	"all('k=v, l=w', '(%w+)=(%w+)')",
	"all('abc', 'x*')",
	"all('^a^b', '^%a')",
	"all('a\\0b\\0', '%z?[^\\0]')",
	"show(('a\\0b'):find('\\0', 1, true), ('a\\0b'):find('b'))",
	"show(('\\228\\xff'):find('[\\200-\\240]'), ('\\228'):find('%a'))",
	"show(('tab\\v\\n x'):gsub('%s', '_'))",
	"show(('+-*?'):gsub('[%+%-%*%?]', 'o'))",
	"show(('aXb'):gsub('%u', string.lower), ('aXb'):gsub('%U', '.'))",
	"show(string.find('a' , 'a', 3), string.find(1234, 3))",
	"show(string.gsub('x', 'x', 7))",
};

/* The text that an expression gives; NULL: it raised an error. */
static char *
evaluate(lua_State *lua, const char *expression)
{
	g_autofree char *code = g_strconcat(SHOW "return ", expression, NULL);
	char *text = NULL;
	if (luaL_loadstring(lua, code) == LUA_OK && lua_pcall(lua, 0, 1, 0) == LUA_OK) {
		gsize len;
		const char *result = luaL_tolstring(lua, -1, &len);
		g_autoptr(GString) visible = g_string_new(NULL);
		for (gsize i = 0; i < len; i++)
			g_string_append_printf(visible, "%02x", (guchar)result[i]);
		text = g_strdup(visible->str);
	}
	lua_settop(lua, 0);
	return text;
}

/* Lua's own, and one where the functions are ours. */
static lua_State *
open_own(AmLuaState **state)
{
	*state = am_lua_state_new(AM_LUA_MEMORY_BYTES, G_MAXINT64, NULL);
	lua_State *lua = am_lua(*state);
	luaL_openlibs(lua);
	lua_getglobal(lua, "string");
	luaL_setfuncs(lua, am_lua_pattern_functions, 0);
	lua_settop(lua, 0);
	return lua;
}

static void
test_calls(void)
{
	g_autoptr(AmLuaState) state = NULL;
	lua_State *own = open_own(&state);
	lua_State *plain = luaL_newstate();
	luaL_openlibs(plain);
	for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
		g_autofree char *expected = evaluate(plain, calls[i]);
		g_autofree char *found = evaluate(own, calls[i]);
		g_test_message("%s", calls[i]);
		g_assert_nonnull(expected);
		g_assert_cmpstr(found, ==, expected);
	}
	lua_close(plain);
}

static void
append_random(GRand *rand, GString *out, const char *const *words, gint n_words, gint max)
{
	for (gint n = g_rand_int_range(rand, 0, max); n > 0; n--)
		g_string_append(out, words[g_rand_int_range(rand, 0, n_words)]);
}

/* Texts and patterns of few letters, so that much of it matches. */
static void
test_random(void)
{
	static const char *const letters[] = { "a", "b", "c", "(", ")", " ", "1" };
	static const char *const items[] = {
		"a", "b", "c", ".", "%a", "%d", "%s", "[ab]", "[^a]", "[a-c]", "[%d%s]", "%(", "(a)",
		"(.-)", "(a*)", "(b+c)", "()", "%b()", "%f[%a]", "%1", "a*", "b+", ".-", "c?", ".*",
		"[ab]*", "%w+", "%A-", "$", "^", "((a?)b)",
	};
	static const char *const forms[] = { "show(('%s'):find('%s'))", "show(('%s'):match('%s'))",
					     "all('%s', '%s')", "show(('%s'):gsub('%s', '<%%0>'))" };
	g_autoptr(AmLuaState) state = NULL;
	lua_State *own = open_own(&state);
	lua_State *plain = luaL_newstate();
	GRand *rand = g_rand_new_with_seed(4711);
	guint n_compared = 0;
	luaL_openlibs(plain);
	for (guint i = 0; i < (g_test_quick() ? N_RANDOM / 10 : N_RANDOM); i++) {
		g_autoptr(GString) text = g_string_new(NULL);
		g_autoptr(GString) pattern = g_string_new(g_rand_boolean(rand) ? "" : "^");
		append_random(rand, text, letters, G_N_ELEMENTS(letters), 12);
		append_random(rand, pattern, items, G_N_ELEMENTS(items), 5);
		g_autoptr(GString) call = g_string_new(forms[i % G_N_ELEMENTS(forms)]);
		(void)g_string_replace(call, "%s", text->str, 1);
		(void)g_string_replace(call, "%s", pattern->str, 1);
		(void)g_string_replace(call, "%%0", "%0", 0);
		g_autofree char *found = evaluate(own, call->str);
		if (found == NULL)
			continue; /* errors are found at once here, by Lua when it comes to them */
		g_autofree char *expected = evaluate(plain, call->str);
		if (strstr(pattern->str, "()") != NULL && strstr(pattern->str, "%1") != NULL)
			continue; /* what a position is as text is not said */
		if (g_strcmp0(found, expected) != 0)
			g_error("%s: %s, not %s", call->str, found, expected);
		n_compared++;
	}
	g_assert_cmpuint(n_compared, >, N_RANDOM / 20);
	g_rand_free(rand);
	lua_close(plain);
}

static const char *const bad_patterns[] = {
	"[a", "[", "[^", "[]", "a%", "%b", "%bx", "%f", "%fa", "(a", "a)", ")", "%1", "(%1)", "(a)%2", "%0",
};

static void
test_bad(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(bad_patterns); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(AmLuaState) state = am_lua_state_new(1 << 20, 1000000, NULL);
		g_autofree char *text =
			g_strdup_printf("return ('aaa'):match('%s')", bad_patterns[i]);
		g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
		g_assert_false(am_lua_run(state, "t.lua", bytes, &error));
		g_test_message("%s: %s", bad_patterns[i], error->message);
		g_assert_true(strstr(error->message, "pattern") != NULL ||
			      strstr(error->message, "capture") != NULL);
	}
}

/* Texts that take Lua's own library from seconds to centuries. */
static const char *const slow_scripts[] = {
	"return ('a'):rep(100000):find('.-.-.-.-b')",
	"return ('a'):rep(5000):match('(.*)(.*)(.*)(.*)(.*)x')",
	"return ('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40) .. 'b')",
	"return ('('):rep(200000):find('%b()')",
	"for _ in ('a'):rep(300000):gmatch('a*b') do end",
	"return ('a'):rep(300000):gsub('a+b', '')",
	"return ('ab'):rep(100000):find('(.-)%1%1%1c')",
	"for i = 1, 1e9 do pcall(string.find, ('a'):rep(100000), '.-.-.-b') end",
	"return (' '):rep(1000000):match('^%s*(.-)%s*x')",
	"return ('a'):rep(1000000):gsub('a', ('b'):rep(1000))",
};

static void
test_time(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(slow_scripts); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(AmLuaState) state =
			am_lua_state_new(AM_LUA_MEMORY_BYTES, AM_LUA_INSTRUCTIONS, NULL);
		g_autoptr(GBytes) text =
			g_bytes_new_static(slow_scripts[i], strlen(slow_scripts[i]));
		gint64 start_us = g_get_monotonic_time();
		g_assert_false(am_lua_run(state, "t.lua", text, &error));
		gint64 us = g_get_monotonic_time() - start_us;
		g_test_message("%s: %" G_GINT64_FORMAT " us: %.100s", slow_scripts[i], us,
			       error->message);
		g_assert_error(error, AM_ERROR, AM_ERROR_DATA);
		g_assert_true(strstr(error->message, "too many instructions") != NULL ||
			      strstr(error->message, "not enough memory") != NULL);
		g_assert_cmpint(us, <, 20 * G_USEC_PER_SEC); /* about 50 ms; sanitizers and load */
	}
}

static void
test_complex(void)
{
	g_autoptr(AmLuaState) state = am_lua_state_new(AM_LUA_MEMORY_BYTES, 1000000, NULL);
	static const char script[] =
		"assert(('a'):rep(256):match(('a?'):rep(256)))\n"
		"assert(('a'):rep(1000):find(('a'):rep(1000)) == 1)\n"
		"local ok, text = pcall(string.match, 'a', ('a?'):rep(257))\n"
		"assert(not ok and text:find('too complex'))\n"
		"ok, text = pcall(string.match, 'a', ('()'):rep(33))\n"
		"assert(not ok and text:find('too many captures'))\n"
		"assert(select('#', ('a'):match(('()'):rep(32))) == 32)\n"
		"ok, text = pcall(string.gsub, 'a', 'a', '%2')\n"
		"assert(not ok and text:find('invalid capture index'))\n"
		"ok, text = pcall(string.gsub, 'a', 'a', '%x')\n"
		"assert(not ok and text:find('invalid use'))\n"
		"ok, text = pcall(string.gsub, 'a', 'a', function () return {} end)\n"
		"assert(not ok and text:find('invalid replacement value'))\n"
		"ok, text = pcall(string.gsub, 'a', 'a', true)\n"
		"assert(not ok and text:find('string/function/table'))\n";
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) text = g_bytes_new_static(script, sizeof script - 1);
	(void)am_lua_run(state, "t.lua", text, &error);
	g_assert_no_error(error);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/lua-pattern/calls", test_calls);
	g_test_add_func("/lua-pattern/random", test_random);
	g_test_add_func("/lua-pattern/bad", test_bad);
	g_test_add_func("/lua-pattern/time", test_time);
	g_test_add_func("/lua-pattern/complex", test_complex);
	return g_test_run();
}
