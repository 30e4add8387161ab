amincludedir = $(includedir)/amavisd
dist_aminclude_HEADERS = amavisd/api/amavisd/plugin.h
pkgconfig_DATA = amavisd/api/amavisd-plugin.pc
