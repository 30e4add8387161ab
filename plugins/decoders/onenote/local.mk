if PLUGIN_ONENOTE
AM_ONENOTE_SOURCES = \
	plugins/decoders/onenote/reader.c \
	plugins/decoders/onenote/reader.h \
	plugins/decoders/onenote/onenote.c \
	$(AM_OFFICE_SOURCES)
plugin_LTLIBRARIES += plugins/decoders/onenote/am-onenote.la
plugins_decoders_onenote_am_onenote_la_SOURCES = $(AM_ONENOTE_SOURCES)
plugins_decoders_onenote_am_onenote_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_onenote_am_onenote_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
plugins_decoders_onenote_am_onenote_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_onenote_am_onenote_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/onenote/amavisd-onenote.5
endif
EXTRA_DIST += plugins/decoders/onenote/amavisd-onenote.5
