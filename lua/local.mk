# Standard modules for policy scripts: require "NAME".
dist_lua_DATA = \
	lua/banned.lua \
	lua/extension.lua \
	lua/senders.lua
