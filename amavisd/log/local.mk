libamavisd_la_SOURCES += \
	amavisd/log/log.h
