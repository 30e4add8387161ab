libamavisd_la_SOURCES += \
	amavisd/mail/address.c \
	amavisd/mail/address.h \
	amavisd/mail/edits.c \
	amavisd/mail/edits.h \
	amavisd/mail/envelope.c \
	amavisd/mail/envelope.h \
	amavisd/mail/error.c \
	amavisd/mail/error.h \
	amavisd/mail/exchange.c \
	amavisd/mail/exchange.h \
	amavisd/mail/fd.h \
	amavisd/mail/handback.c \
	amavisd/mail/handback.h \
	amavisd/mail/mail.c \
	amavisd/mail/mail.h \
	amavisd/mail/pack.c \
	amavisd/mail/pack.h \
	amavisd/mail/reply.c \
	amavisd/mail/reply.h \
	amavisd/mail/report-codec.c \
	amavisd/mail/report-content.c \
	amavisd/mail/release.h \
	amavisd/mail/report-private.h \
	amavisd/mail/report.c \
	amavisd/mail/report.h \
	amavisd/mail/spool.c \
	amavisd/mail/spool.h
