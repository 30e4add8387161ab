libamavisd_la_SOURCES += \
	amavisd/config/config.h \
	amavisd/config/generation.h \
	amavisd/config/schema.c \
	amavisd/config/schema.h
