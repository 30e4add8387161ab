libamavisd_la_SOURCES += \
	amavisd/session/accept.c \
	amavisd/session/clients.c \
	amavisd/session/clients.h \
	amavisd/session/connection.c \
	amavisd/session/limits.c \
	amavisd/session/limits.h \
	amavisd/session/listeners.c \
	amavisd/session/listeners.h \
	amavisd/session/pool.c \
	amavisd/session/pool.h \
	amavisd/session/readiness.c \
	amavisd/session/readiness.h \
	amavisd/session/relief.c \
	amavisd/session/relief.h \
	amavisd/session/pool-private.h \
	amavisd/session/serve.c \
	amavisd/session/serve.h \
	amavisd/session/session.c \
	amavisd/session/session.h
