if PLUGIN_CLAMAV
plugin_LTLIBRARIES += plugins/scanners/clamav/am-clamav.la
plugins_scanners_clamav_am_clamav_la_SOURCES = \
	plugins/scanners/clamav/clamav.c \
	plugins/scanners/clamav/engine.c \
	plugins/scanners/clamav/engine.h \
	plugins/scanners/clamav/names.c \
	plugins/scanners/clamav/names.h
plugins_scanners_clamav_am_clamav_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_scanners_clamav_am_clamav_la_CFLAGS = $(AM_PLUGIN_CFLAGS) $(CLAMAV_CFLAGS) -D_GNU_SOURCE
plugins_scanners_clamav_am_clamav_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_scanners_clamav_am_clamav_la_LIBADD = $(CLAMAV_LIBS) $(GLIB_LIBS)
dist_man_MANS += plugins/scanners/clamav/amavisd-clamav.5
endif
EXTRA_DIST += plugins/scanners/clamav/amavisd-clamav.5
