# Objects for tests of the registry; -rpath makes libtool build them as shared ones.
TEST_PLUGIN_LDFLAGS = $(AM_PLUGIN_LDFLAGS) -rpath /nowhere
check_LTLIBRARIES += tests/plugins/am-words.la tests/plugins/am-several.la tests/plugins/am-old.la \
	tests/plugins/am-future.la tests/plugins/am-none.la
tests_plugins_am_words_la_SOURCES = tests/plugins/words.c
tests_plugins_am_words_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
tests_plugins_am_words_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
tests_plugins_am_words_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_am_words_la_LIBADD = $(GLIB_LIBS)
tests_plugins_am_several_la_SOURCES = tests/plugins/several.c
tests_plugins_am_several_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
tests_plugins_am_several_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
tests_plugins_am_several_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_am_several_la_LIBADD = $(GLIB_LIBS)
# built against the header as it was
tests_plugins_am_old_la_SOURCES = tests/plugins/several.c
tests_plugins_am_old_la_CPPFLAGS = -I$(top_srcdir)/tests -DPLUGIN_HEADER='"data/plugin-1.0.h"' \
	-DPLUGIN_NAME='"old"'
tests_plugins_am_old_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
tests_plugins_am_old_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_am_old_la_LIBADD = $(GLIB_LIBS)
tests_plugins_am_future_la_SOURCES = tests/plugins/several.c
tests_plugins_am_future_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS) -DPLUGIN_FROM_THE_FUTURE \
	-DPLUGIN_NAME='"future"'
tests_plugins_am_future_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
tests_plugins_am_future_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_am_future_la_LIBADD = $(GLIB_LIBS)
tests_plugins_am_none_la_SOURCES = tests/plugins/not-a-plugin.c
tests_plugins_am_none_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
tests_plugins_am_none_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
EXTRA_DIST += tests/data/plugin-1.0.h

check_PROGRAMS += tests/test-registry
TESTS += tests/test-registry
tests_test_registry_SOURCES = tests/test-registry.c
tests_test_registry_LDADD = $(TEST_LIBS)

# Plugins of the content process, through the built object and a host of tables.
if PLUGIN_CLAMAV
check_PROGRAMS += tests/test-plugin-clamav
TESTS += tests/test-plugin-clamav
tests_test_plugin_clamav_SOURCES = tests/test-plugin-clamav.c tests/mock-host.c tests/mock-host.h
tests_test_plugin_clamav_LDADD = $(TEST_LIBS)
endif

if PLUGIN_ARCHIVE
AM_ARCHIVE_TEST_SOURCES = tests/archive-run.c tests/archive-run.h tests/archive-samples.c \
	tests/archive-samples.h $(DECODE_TEST_SOURCES)
check_PROGRAMS += tests/test-plugin-archive tests/test-plugin-archive-hostile
TESTS += tests/test-plugin-archive tests/test-plugin-archive-hostile
tests_test_plugin_archive_hostile_SOURCES = tests/test-plugin-archive-hostile.c \
	$(AM_ARCHIVE_TEST_SOURCES)
tests_test_plugin_archive_hostile_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS)
tests_test_plugin_archive_hostile_LDADD = $(TEST_LIBS) $(ARCHIVE_LIBS)
tests_test_plugin_archive_SOURCES = tests/test-plugin-archive.c $(AM_ARCHIVE_TEST_SOURCES)
tests_test_plugin_archive_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS)
tests_test_plugin_archive_LDADD = $(TEST_LIBS) $(ARCHIVE_LIBS)
endif

if PLUGIN_SMIME
check_PROGRAMS += tests/test-plugin-smime
TESTS += tests/test-plugin-smime
tests_test_plugin_smime_SOURCES = tests/test-plugin-smime.c $(DECODE_TEST_SOURCES)
tests_test_plugin_smime_LDADD = $(TEST_LIBS)
endif

if PLUGIN_PDF
check_PROGRAMS += tests/test-plugin-pdf
TESTS += tests/test-plugin-pdf
tests_test_plugin_pdf_SOURCES = tests/test-plugin-pdf.c $(DECODE_TEST_SOURCES)
tests_test_plugin_pdf_LDADD = $(TEST_LIBS) -lz
endif

if PLUGIN_HTML
check_PROGRAMS += tests/test-plugin-html
TESTS += tests/test-plugin-html
tests_test_plugin_html_SOURCES = tests/test-plugin-html.c $(DECODE_TEST_SOURCES)
tests_test_plugin_html_LDADD = $(TEST_LIBS)
endif

if PLUGIN_APPENDED
check_PROGRAMS += tests/test-plugin-appended
TESTS += tests/test-plugin-appended
tests_test_plugin_appended_SOURCES = tests/test-plugin-appended.c tests/archive-samples.c \
	tests/archive-samples.h $(DECODE_TEST_SOURCES)
tests_test_plugin_appended_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS)
tests_test_plugin_appended_LDADD = $(TEST_LIBS) $(ARCHIVE_LIBS)
endif

# A plugin built outside the tree, against an installed copy.
check_PROGRAMS += tests/outside-plugin/load
tests_outside_plugin_load_SOURCES = tests/outside-plugin/load.c tests/mock-host.c tests/mock-host.h
tests_outside_plugin_load_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_outside_plugin_load_LDADD = $(TEST_LIBS)
dist_check_SCRIPTS += tests/outside-plugin/run
TESTS += tests/outside-plugin/run
