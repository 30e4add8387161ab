if PLUGIN_ENCODED
AM_ENCODED_SOURCES = \
	plugins/decoders/encoded/binhex.c \
	plugins/decoders/encoded/binhex.h \
	plugins/decoders/encoded/codec.c \
	plugins/decoders/encoded/codec.h \
	plugins/decoders/encoded/encoded.c \
	plugins/decoders/encoded/lines.c \
	plugins/decoders/encoded/lines.h \
	plugins/decoders/encoded/uu.c \
	plugins/decoders/encoded/uu.h \
	plugins/decoders/encoded/yenc.c \
	plugins/decoders/encoded/yenc.h \
	$(AM_BYTES_SOURCES)
plugin_LTLIBRARIES += plugins/decoders/encoded/am-encoded.la
plugins_decoders_encoded_am_encoded_la_SOURCES = $(AM_ENCODED_SOURCES)
plugins_decoders_encoded_am_encoded_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_encoded_am_encoded_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
plugins_decoders_encoded_am_encoded_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_encoded_am_encoded_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/encoded/amavisd-encoded.5
endif
EXTRA_DIST += plugins/decoders/encoded/amavisd-encoded.5
