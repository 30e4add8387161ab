libamavisd_la_SOURCES += \
	amavisd/config/config.c \
	amavisd/config/config.h \
	amavisd/config/config-private.h \
	amavisd/config/generation.c \
	amavisd/config/generation.h \
	amavisd/config/group.c \
	amavisd/config/nearest.c \
	amavisd/config/nearest.h \
	amavisd/config/problem.c \
	amavisd/config/scan.c \
	amavisd/config/scan.h \
	amavisd/config/schema.c \
	amavisd/config/schema.h \
	amavisd/config/value.c
