libamavisd_la_SOURCES += \
	amavisd/content/inspect.h \
	amavisd/content/sandbox.h \
	amavisd/content/zygote.h
