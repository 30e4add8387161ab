if PLUGIN_APPENDED
AM_APPENDED_SOURCES = \
	plugins/decoders/appended/appended.c \
	plugins/decoders/appended/find.c \
	plugins/decoders/appended/find.h
plugin_LTLIBRARIES += plugins/decoders/appended/am-appended.la
plugins_decoders_appended_am_appended_la_SOURCES = $(AM_APPENDED_SOURCES)
plugins_decoders_appended_am_appended_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_appended_am_appended_la_CFLAGS = $(AM_PLUGIN_CFLAGS) -D_GNU_SOURCE
plugins_decoders_appended_am_appended_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_appended_am_appended_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/appended/amavisd-appended.5
endif
EXTRA_DIST += plugins/decoders/appended/amavisd-appended.5
