libamavisd_la_SOURCES += \
	amavisd/smtp/client-bdat.c \
	amavisd/smtp/client-command.c \
	amavisd/smtp/client-connection.c \
	amavisd/smtp/client-data.c \
	amavisd/smtp/client-pool.c \
	amavisd/smtp/client-pool.h \
	amavisd/smtp/client-private.h \
	amavisd/smtp/client-reply.c \
	amavisd/smtp/client-transaction.c \
	amavisd/smtp/client-xforward.c \
	amavisd/smtp/client.c \
	amavisd/smtp/client.h \
	amavisd/smtp/params.h \
	amavisd/smtp/route.c \
	amavisd/smtp/route.h \
	amavisd/smtp/server-bdat.c \
	amavisd/smtp/server-commands.c \
	amavisd/smtp/server-data.c \
	amavisd/smtp/server-params.c \
	amavisd/smtp/server-private.h \
	amavisd/smtp/server-tls.c \
	amavisd/smtp/server-xclient.c \
	amavisd/smtp/server.c \
	amavisd/smtp/server.h \
	amavisd/smtp/xclient.c \
	amavisd/smtp/xclient.h
