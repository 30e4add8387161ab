if PLUGIN_TAG
plugin_LTLIBRARIES += plugins/actions/tag/am-tag.la
plugins_actions_tag_am_tag_la_SOURCES = \
	plugins/actions/tag/subject.c \
	plugins/actions/tag/subject.h \
	plugins/actions/tag/tag.c
plugins_actions_tag_am_tag_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
plugins_actions_tag_am_tag_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
plugins_actions_tag_am_tag_la_LDFLAGS = $(AM_PLUGIN_LDFLAGS)
plugins_actions_tag_am_tag_la_LIBADD = $(GLIB_LIBS)
dist_man_MANS += plugins/actions/tag/amavisd-tag.5
endif
EXTRA_DIST += plugins/actions/tag/amavisd-tag.5
