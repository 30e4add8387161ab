# Plugin tests load the built object; a plugin that is switched off is not tested.
if PLUGIN_TAG
check_PROGRAMS += tests/test-plugin-tag
TESTS += tests/test-plugin-tag
tests_test_plugin_tag_SOURCES = tests/test-plugin-tag.c tests/plugin-mock.c tests/plugin-mock.h
tests_test_plugin_tag_LDADD = $(CORE_LIBS)
endif
if PLUGIN_FILE
check_PROGRAMS += tests/test-plugin-file
TESTS += tests/test-plugin-file
tests_test_plugin_file_SOURCES = tests/test-plugin-file.c tests/plugin-mock.c tests/plugin-mock.h
tests_test_plugin_file_LDADD = $(CORE_LIBS)
endif
