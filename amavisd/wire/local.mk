libamavisd_la_SOURCES += \
	amavisd/wire/stream.h
