libamavisd_la_SOURCES += \
	amavisd/log/log.c \
	amavisd/log/log.h
