if PLUGIN_SPAMD
plugin_LTLIBRARIES += plugins/scanners/spamd/am-spamd.la
plugins_scanners_spamd_am_spamd_la_SOURCES = \
	plugins/scanners/spamd/connection.c \
	plugins/scanners/spamd/connection.h \
	plugins/scanners/spamd/reply.c \
	plugins/scanners/spamd/reply.h \
	plugins/scanners/spamd/spamd.c
plugins_scanners_spamd_am_spamd_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS) -D_GNU_SOURCE
plugins_scanners_spamd_am_spamd_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
plugins_scanners_spamd_am_spamd_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_scanners_spamd_am_spamd_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/scanners/spamd/amavisd-spamd.5
endif
EXTRA_DIST += plugins/scanners/spamd/amavisd-spamd.5
