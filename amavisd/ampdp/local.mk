libamavisd_la_SOURCES += \
	amavisd/ampdp/ampdp-private.h \
	amavisd/ampdp/ampdp.c \
	amavisd/ampdp/ampdp.h \
	amavisd/ampdp/answer.c \
	amavisd/ampdp/attributes.c \
	amavisd/ampdp/attributes.h \
	amavisd/ampdp/check.c \
	amavisd/ampdp/mail-file.c \
	amavisd/ampdp/mail-file.h
