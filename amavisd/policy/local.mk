libamavisd_la_SOURCES += \
	amavisd/policy/category.c \
	amavisd/policy/category.h \
	amavisd/policy/disposition.c \
	amavisd/policy/disposition.h \
	amavisd/policy/policy.h \
	amavisd/policy/settings.c \
	amavisd/policy/settings.h
