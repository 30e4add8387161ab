bin_PROGRAMS += amavisctl
amavisctl_SOURCES = \
	amavisd/tools/amavisctl.c \
	amavisd/tools/cmd-config.c \
	amavisd/tools/cmd-plugins.c \
	amavisd/tools/cmd-quarantine.c \
	amavisd/tools/cmd-sandbox.c \
	amavisd/tools/cmd-scan.c \
	amavisd/tools/cmd-status.c \
	amavisd/tools/tool.h \
	amavisd/tools/zygote-child.c \
	amavisd/tools/zygote-child.h
amavisctl_CFLAGS = $(AM_CFLAGS) $(AM_PIE_CFLAGS)
amavisctl_LDFLAGS = $(AM_LDFLAGS) $(AM_PIE_LDFLAGS)
amavisctl_LDADD = libamavisd.la $(CORE_LIBS)
