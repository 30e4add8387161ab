libamavisd_la_SOURCES += \
	amavisd/wire/address.c \
	amavisd/wire/address.h \
	amavisd/wire/connect.c \
	amavisd/wire/proxy.c \
	amavisd/wire/proxy.h \
	amavisd/wire/sasl.c \
	amavisd/wire/sasl.h \
	amavisd/wire/server.c \
	amavisd/wire/server.h \
	amavisd/wire/stream-address.c \
	amavisd/wire/stream.c \
	amavisd/wire/stream.h \
	amavisd/wire/tls-link.c \
	amavisd/wire/tls-private.h \
	amavisd/wire/tls.c \
	amavisd/wire/tls.h \
	amavisd/wire/tlsa.c
