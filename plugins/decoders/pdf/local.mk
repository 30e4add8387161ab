if PLUGIN_PDF
AM_PDF_SOURCES = \
	plugins/decoders/pdf/files.c \
	plugins/decoders/pdf/files.h \
	plugins/decoders/pdf/look.c \
	plugins/decoders/pdf/look.h \
	plugins/decoders/pdf/pdf.c \
	plugins/decoders/pdf/walk.c \
	plugins/decoders/pdf/walk.h \
	$(AM_BYTES_SOURCES)
plugin_LTLIBRARIES += plugins/decoders/pdf/am-pdf.la
plugins_decoders_pdf_am_pdf_la_SOURCES = $(AM_PDF_SOURCES)
plugins_decoders_pdf_am_pdf_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_decoders_pdf_am_pdf_la_CFLAGS = $(AM_PLUGIN_CFLAGS) $(PDF_CFLAGS) -D_GNU_SOURCE
plugins_decoders_pdf_am_pdf_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_decoders_pdf_am_pdf_la_LIBADD = $(PDF_LIBS) $(GLIB_LIBS)
dist_man_MANS += plugins/decoders/pdf/amavisd-pdf.5
endif
EXTRA_DIST += plugins/decoders/pdf/amavisd-pdf.5
