libamavisd_la_SOURCES += \
	amavisd/policy/banned.c \
	amavisd/policy/banned.h \
	amavisd/policy/category.c \
	amavisd/policy/category.h \
	amavisd/policy/collect.c \
	amavisd/policy/collect.h \
	amavisd/policy/disposition.c \
	amavisd/policy/disposition.h \
	amavisd/policy/file-map.c \
	amavisd/policy/judge.c \
	amavisd/policy/lookup.c \
	amavisd/policy/lookup.h \
	amavisd/policy/lua-declare.c \
	amavisd/policy/lua-handle.c \
	amavisd/policy/lua-handle.h \
	amavisd/policy/lua-mail.c \
	amavisd/policy/lua-state.c \
	amavisd/policy/lua-state.h \
	amavisd/policy/lua-verdict.c \
	amavisd/policy/policy.c \
	amavisd/policy/policy.h \
	amavisd/policy/policy-private.h \
	amavisd/policy/reason.c \
	amavisd/policy/reason.h \
	amavisd/policy/settings.c \
	amavisd/policy/settings.h
