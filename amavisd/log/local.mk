libamavisd_la_SOURCES += \
	amavisd/log/json.c \
	amavisd/log/json.h \
	amavisd/log/log.c \
	amavisd/log/log.h
