if PLUGIN_TNEF
AM_TNEF_SOURCES = \
	plugins/decoders/tnef/lzfu.c \
	plugins/decoders/tnef/lzfu.h \
	plugins/decoders/tnef/mapi.c \
	plugins/decoders/tnef/mapi.h \
	plugins/decoders/tnef/reader.c \
	plugins/decoders/tnef/reader.h \
	plugins/decoders/tnef/tnef.c \
	$(AM_OFFICE_SOURCES)
plugin_LTLIBRARIES += plugins/decoders/tnef/am-tnef.la
plugins_decoders_tnef_am_tnef_la_SOURCES = $(AM_TNEF_SOURCES)
plugins_decoders_tnef_am_tnef_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_tnef_am_tnef_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
plugins_decoders_tnef_am_tnef_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_tnef_am_tnef_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/tnef/amavisd-tnef.5
endif
EXTRA_DIST += plugins/decoders/tnef/amavisd-tnef.5
