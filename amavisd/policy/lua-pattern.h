/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Lua's patterns with a bound on time; for the library of texts in lua-state.c. */

#include <lauxlib.h>

/* find, match, gmatch and gsub as Lua's manual has them (6.4.1), but that each step of matching
 * counts as an instruction of the call, and that a pattern has at most AM_LUA_PATTERN_ITEMS items. */
#define AM_LUA_PATTERN_ITEMS 256u
extern const luaL_Reg am_lua_pattern_functions[];
