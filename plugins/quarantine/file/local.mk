if PLUGIN_FILE
plugin_LTLIBRARIES += plugins/quarantine/file/am-file.la
plugins_quarantine_file_am_file_la_SOURCES = \
	plugins/quarantine/file/file.c \
	plugins/quarantine/file/file.h \
	plugins/quarantine/file/list.c
plugins_quarantine_file_am_file_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS) -D_GNU_SOURCE
plugins_quarantine_file_am_file_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
plugins_quarantine_file_am_file_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_quarantine_file_am_file_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/quarantine/file/amavisd-quarantine-file.5
endif
EXTRA_DIST += plugins/quarantine/file/amavisd-quarantine-file.5
