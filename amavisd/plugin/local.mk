libamavisd_la_SOURCES += \
	amavisd/plugin/registry.h
