libamavisd_la_SOURCES += \
	amavisd/policy/category.h \
	amavisd/policy/disposition.h \
	amavisd/policy/policy.h \
	amavisd/policy/settings.h
