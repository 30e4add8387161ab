libamavisd_la_SOURCES += \
	amavisd/http/chunks.c \
	amavisd/http/chunks.h \
	amavisd/http/http.h \
	amavisd/http/json.c \
	amavisd/http/json.h \
	amavisd/http/request.c \
	amavisd/http/request.h
if HTTP
libamavisd_la_SOURCES += \
	amavisd/http/answer.c \
	amavisd/http/http-private.h \
	amavisd/http/http.c \
	amavisd/http/link.c \
	amavisd/http/link.h
else
libamavisd_la_SOURCES += amavisd/http/absent.c
endif
