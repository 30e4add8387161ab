# What decoders share; each is built with its own copy.
AM_BYTES_SOURCES = \
	plugins/decoders/bytes/bytes.c \
	plugins/decoders/bytes/bytes.h
