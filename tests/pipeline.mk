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
check_PROGRAMS += tests/test-store
TESTS += tests/test-store
tests_test_store_SOURCES = tests/test-store.c tests/pipeline-rig.c tests/pipeline-rig.h
tests_test_store_LDADD = $(TEST_LIBS)
if PLUGIN_TAG
check_PROGRAMS += tests/test-pipeline
TESTS += tests/test-pipeline
tests_test_pipeline_SOURCES = tests/test-pipeline.c tests/pipeline-rig.c tests/pipeline-rig.h
tests_test_pipeline_LDADD = $(TEST_LIBS)
endif
endif
if PLUGIN_SPAMD
check_PROGRAMS += tests/test-plugin-spamd tests/fuzz/fuzz-spamd
TESTS += tests/test-plugin-spamd
tests_test_plugin_spamd_SOURCES = tests/test-plugin-spamd.c tests/plugin-mock.c tests/plugin-mock.h \
	plugins/scanners/spamd/connection.c plugins/scanners/spamd/reply.c
tests_test_plugin_spamd_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_test_plugin_spamd_LDADD = $(CORE_LIBS)
check_PROGRAMS += tests/test-scan
TESTS += tests/test-scan
tests_test_scan_SOURCES = tests/test-scan.c tests/pipeline-rig.c tests/pipeline-rig.h
tests_test_scan_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_spamd_SOURCES = tests/fuzz/fuzz-spamd.c plugins/scanners/spamd/reply.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_spamd_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
tests_fuzz_fuzz_spamd_LDADD = $(CORE_LIBS)
tests_fuzz_fuzz_spamd_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
check_PROGRAMS += tests/test-record
TESTS += tests/test-record
tests_test_record_SOURCES = tests/test-record.c
tests_test_record_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test-inspect-client
TESTS += tests/test-inspect-client
tests_test_inspect_client_SOURCES = tests/test-inspect-client.c
tests_test_inspect_client_LDADD = $(TEST_LIBS)
