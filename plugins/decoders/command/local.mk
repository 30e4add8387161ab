if PLUGIN_COMMAND
plugin_LTLIBRARIES += plugins/decoders/command/am-command.la
plugins_decoders_command_am_command_la_SOURCES = \
	plugins/decoders/command/command.c \
	plugins/decoders/command/match.c \
	plugins/decoders/command/match.h
plugins_decoders_command_am_command_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_command_am_command_la_CFLAGS = $(AM_PLUGIN_CFLAGS) -D_GNU_SOURCE
plugins_decoders_command_am_command_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_command_am_command_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/command/amavisd-command.5
endif
EXTRA_DIST += plugins/decoders/command/amavisd-command.5
