# The core: one convenience library that daemon, tools, tests and fuzz targets link.
noinst_LTLIBRARIES += libamavisd.la
libamavisd_la_SOURCES =
libamavisd_la_LIBADD = $(CORE_LIBS) $(SYSTEMD_LIBS) $(HTTP_LIBS)
libamavisd_la_CFLAGS = $(AM_CFLAGS) $(SYSTEMD_CFLAGS) $(HTTP_CFLAGS) -fPIC

include amavisd/api/local.mk
include amavisd/log/local.mk
include amavisd/config/local.mk
include amavisd/mail/local.mk
include amavisd/wire/local.mk
include amavisd/plugin/local.mk
include amavisd/policy/local.mk
include amavisd/milter/local.mk
include amavisd/ampdp/local.mk
include amavisd/http/local.mk
include amavisd/smtp/local.mk
include amavisd/output/local.mk
include amavisd/content/local.mk
include amavisd/pipeline/local.mk
include amavisd/session/local.mk
include amavisd/master/local.mk
include amavisd/tools/local.mk
