libamavisd_la_SOURCES += \
	amavisd/smtp/client.h \
	amavisd/smtp/route.h \
	amavisd/smtp/server.c \
	amavisd/smtp/server-commands.c \
	amavisd/smtp/server-data.c \
	amavisd/smtp/server-params.c \
	amavisd/smtp/server-private.h \
	amavisd/smtp/server.h
