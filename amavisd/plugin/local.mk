libamavisd_la_SOURCES += \
	amavisd/plugin/check.c \
	amavisd/plugin/host.c \
	amavisd/plugin/object.c \
	amavisd/plugin/object.h \
	amavisd/plugin/registry.c \
	amavisd/plugin/registry.h
