# What the decoders of office formats share; each is built with its own copy.
AM_OFFICE_SOURCES = \
	plugins/decoders/office/ole1.c \
	plugins/decoders/office/ole1.h \
	$(AM_BYTES_SOURCES)
