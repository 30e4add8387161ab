libamavisd_la_SOURCES += \
	amavisd/pipeline/copies.c \
	amavisd/pipeline/copies.h \
	amavisd/pipeline/deliver.c \
	amavisd/pipeline/deliver.h \
	amavisd/pipeline/host.c \
	amavisd/pipeline/host.h \
	amavisd/pipeline/inspect.c \
	amavisd/pipeline/inspect.h \
	amavisd/pipeline/judge.c \
	amavisd/pipeline/judge.h \
	amavisd/pipeline/notify-admin.c \
	amavisd/pipeline/notify-compose.c \
	amavisd/pipeline/notify-private.h \
	amavisd/pipeline/notify.c \
	amavisd/pipeline/notify.h \
	amavisd/pipeline/pipeline-private.h \
	amavisd/pipeline/pipeline.c \
	amavisd/pipeline/pipeline.h \
	amavisd/pipeline/record-json.c \
	amavisd/pipeline/record.c \
	amavisd/pipeline/record.h \
	amavisd/pipeline/scan.c \
	amavisd/pipeline/scan.h \
	amavisd/pipeline/setup.c \
	amavisd/pipeline/setup.h \
	amavisd/pipeline/store.c \
	amavisd/pipeline/store.h
