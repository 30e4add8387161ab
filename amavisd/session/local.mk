libamavisd_la_SOURCES += \
	amavisd/session/session.h
