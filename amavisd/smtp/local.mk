libamavisd_la_SOURCES += \
	amavisd/smtp/client.h \
	amavisd/smtp/route.h \
	amavisd/smtp/server.h
