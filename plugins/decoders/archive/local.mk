if PLUGIN_ARCHIVE
AM_ARCHIVE_SOURCES = \
	plugins/decoders/archive/archive.c \
	plugins/decoders/archive/locked.c \
	plugins/decoders/archive/locked.h \
	plugins/decoders/archive/rar5.c \
	plugins/decoders/archive/rar5.h \
	plugins/decoders/archive/run.c \
	plugins/decoders/archive/run.h \
	plugins/decoders/archive/source.c \
	plugins/decoders/archive/source.h \
	plugins/decoders/archive/types.c \
	plugins/decoders/archive/types.h \
	plugins/decoders/archive/zip-look.c \
	plugins/decoders/archive/zip-look.h \
	plugins/decoders/archive/zip-run.c \
	plugins/decoders/archive/zip-run.h
plugin_LTLIBRARIES += plugins/decoders/archive/am-archive.la
plugins_decoders_archive_am_archive_la_SOURCES = $(AM_ARCHIVE_SOURCES)
plugins_decoders_archive_am_archive_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_archive_am_archive_la_CFLAGS = $(AM_PLUGIN_CFLAGS) $(ARCHIVE_CFLAGS) -D_GNU_SOURCE
plugins_decoders_archive_am_archive_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_archive_am_archive_la_LIBADD = $(ARCHIVE_LIBS) $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/archive/amavisd-archive.5
endif
EXTRA_DIST += plugins/decoders/archive/amavisd-archive.5
