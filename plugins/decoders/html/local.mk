if PLUGIN_HTML
AM_HTML_SOURCES = \
	plugins/decoders/html/blob.c \
	plugins/decoders/html/html.c \
	plugins/decoders/html/page.h \
	plugins/decoders/html/script.c \
	plugins/decoders/html/tags.c \
	plugins/decoders/html/tags.h \
	$(AM_BYTES_SOURCES)
plugin_LTLIBRARIES += plugins/decoders/html/am-html.la
plugins_decoders_html_am_html_la_SOURCES = $(AM_HTML_SOURCES)
plugins_decoders_html_am_html_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_html_am_html_la_CFLAGS = $(AM_PLUGIN_CFLAGS) -D_GNU_SOURCE
plugins_decoders_html_am_html_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_html_am_html_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/html/amavisd-html.5
endif
EXTRA_DIST += plugins/decoders/html/amavisd-html.5
