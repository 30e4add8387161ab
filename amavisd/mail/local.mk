libamavisd_la_SOURCES += \
	amavisd/mail/address.h \
	amavisd/mail/edits.h \
	amavisd/mail/envelope.h \
	amavisd/mail/error.h \
	amavisd/mail/exchange.h \
	amavisd/mail/fd.h \
	amavisd/mail/mail.h \
	amavisd/mail/reply.h \
	amavisd/mail/report.h \
	amavisd/mail/spool.h
