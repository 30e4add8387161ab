libamavisd_la_SOURCES += \
	amavisd/pipeline/pipeline.h \
	amavisd/pipeline/record.h
