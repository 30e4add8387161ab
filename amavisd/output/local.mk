libamavisd_la_SOURCES += \
	amavisd/output/bsmtp.c \
	amavisd/output/file.c \
	amavisd/output/lines.c \
	amavisd/output/lines.h \
	amavisd/output/maildir.c \
	amavisd/output/mbox.c \
	amavisd/output/output-private.h \
	amavisd/output/output.c \
	amavisd/output/output.h \
	amavisd/output/pipe-config.c \
	amavisd/output/pipe-config.h \
	amavisd/output/pipe-run.c \
	amavisd/output/pipe.c
