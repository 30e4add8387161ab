libamavisd_la_SOURCES += \
	amavisd/pipeline/deliver.h \
	amavisd/pipeline/notify.h \
	amavisd/pipeline/pipeline.h \
	amavisd/pipeline/record.h
