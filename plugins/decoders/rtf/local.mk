if PLUGIN_RTF
AM_RTF_SOURCES = \
	plugins/decoders/rtf/reader.c \
	plugins/decoders/rtf/reader.h \
	plugins/decoders/rtf/rtf.c \
	$(AM_OFFICE_SOURCES)
plugin_LTLIBRARIES += plugins/decoders/rtf/am-rtf.la
plugins_decoders_rtf_am_rtf_la_SOURCES = $(AM_RTF_SOURCES)
plugins_decoders_rtf_am_rtf_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_rtf_am_rtf_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
plugins_decoders_rtf_am_rtf_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_rtf_am_rtf_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/rtf/amavisd-rtf.5
endif
EXTRA_DIST += plugins/decoders/rtf/amavisd-rtf.5
