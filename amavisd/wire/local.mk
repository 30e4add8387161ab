libamavisd_la_SOURCES += \
	amavisd/wire/connect.c \
	amavisd/wire/stream.c \
	amavisd/wire/stream.h
