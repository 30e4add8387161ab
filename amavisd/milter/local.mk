libamavisd_la_SOURCES += \
	amavisd/milter/milter-answer.c \
	amavisd/milter/milter-mail.c \
	amavisd/milter/milter-private.h \
	amavisd/milter/milter.c \
	amavisd/milter/milter.h \
	amavisd/milter/packet.c \
	amavisd/milter/packet.h
