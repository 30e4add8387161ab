libamavisd_la_SOURCES += \
	amavisd/master/check.c \
	amavisd/master/check.h \
	amavisd/master/process.c \
	amavisd/master/process.h \
	amavisd/master/control-server.c \
	amavisd/master/control-server.h \
	amavisd/master/control.c \
	amavisd/master/control.h \
	amavisd/master/listeners.c \
	amavisd/master/listeners.h \
	amavisd/master/master.c \
	amavisd/master/master.h \
	amavisd/master/notify.c \
	amavisd/master/notify.h \
	amavisd/master/pid-file.c \
	amavisd/master/pid-file.h \
	amavisd/master/privileges.c \
	amavisd/master/privileges.h \
	amavisd/master/status.c \
	amavisd/master/status.h \
	amavisd/master/supervise.c \
	amavisd/master/supervise.h

sbin_PROGRAMS += amavisd/amavisd
amavisd_amavisd_SOURCES = amavisd/master/main.c
amavisd_amavisd_CFLAGS = $(AM_CFLAGS) $(AM_PIE_CFLAGS)
amavisd_amavisd_LDFLAGS = $(AM_LDFLAGS) $(AM_PIE_LDFLAGS)
amavisd_amavisd_LDADD = libamavisd.la $(CORE_LIBS)
