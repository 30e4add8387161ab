if PLUGIN_OLE
AM_OLE_SOURCES = \
	plugins/decoders/ole/compound.c \
	plugins/decoders/ole/compound.h \
	plugins/decoders/ole/crypt.c \
	plugins/decoders/ole/crypt.h \
	plugins/decoders/ole/crypt-info.c \
	plugins/decoders/ole/crypt-info.h \
	plugins/decoders/ole/digests.c \
	plugins/decoders/ole/digests.h \
	plugins/decoders/ole/documents.c \
	plugins/decoders/ole/documents.h \
	plugins/decoders/ole/inflate.c \
	plugins/decoders/ole/inflate.h \
	plugins/decoders/ole/message.c \
	plugins/decoders/ole/message.h \
	plugins/decoders/ole/ole.c \
	plugins/decoders/ole/relations.c \
	plugins/decoders/ole/relations.h \
	plugins/decoders/ole/streams.c \
	plugins/decoders/ole/streams.h \
	plugins/decoders/ole/vba.c \
	plugins/decoders/ole/vba.h \
	$(AM_OFFICE_SOURCES)
plugin_LTLIBRARIES += plugins/decoders/ole/am-ole.la
plugins_decoders_ole_am_ole_la_SOURCES = $(AM_OLE_SOURCES)
plugins_decoders_ole_am_ole_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_ole_am_ole_la_CFLAGS = $(AM_PLUGIN_CFLAGS) $(OLE_CFLAGS)
plugins_decoders_ole_am_ole_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_ole_am_ole_la_LIBADD = $(OLE_LIBS) $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/ole/amavisd-ole.5
endif
EXTRA_DIST += plugins/decoders/ole/amavisd-ole.5
