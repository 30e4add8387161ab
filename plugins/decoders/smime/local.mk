if PLUGIN_SMIME
AM_SMIME_SOURCES = \
	plugins/decoders/smime/ber.c \
	plugins/decoders/smime/ber.h \
	plugins/decoders/smime/ciphers.c \
	plugins/decoders/smime/ciphers.h \
	plugins/decoders/smime/pgp.c \
	plugins/decoders/smime/pgp.h \
	plugins/decoders/smime/sink.c \
	plugins/decoders/smime/sink.h \
	plugins/decoders/smime/smime.c \
	$(AM_BYTES_SOURCES)
plugin_LTLIBRARIES += plugins/decoders/smime/am-smime.la
plugins_decoders_smime_am_smime_la_SOURCES = $(AM_SMIME_SOURCES)
plugins_decoders_smime_am_smime_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_smime_am_smime_la_CFLAGS = $(AM_PLUGIN_CFLAGS) $(SMIME_CFLAGS) -D_GNU_SOURCE
plugins_decoders_smime_am_smime_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_smime_am_smime_la_LIBADD = $(SMIME_LIBS) $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/smime/amavisd-smime.5
endif
EXTRA_DIST += plugins/decoders/smime/amavisd-smime.5
