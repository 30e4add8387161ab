libamavisd_la_SOURCES += \
	amavisd/master/control.h
