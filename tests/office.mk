# Decoders of office formats: a test through the built object, and a fuzz target, for each.
OFFICE_TEST_SOURCES = tests/decode-run.c tests/decode-run.h tests/mock-host.c tests/mock-host.h
OFFICE_FUZZ_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests

if PLUGIN_RTF
check_PROGRAMS += tests/test-plugin-rtf tests/fuzz/fuzz-rtf
TESTS += tests/test-plugin-rtf
tests_test_plugin_rtf_SOURCES = tests/test-plugin-rtf.c $(OFFICE_TEST_SOURCES)
tests_test_plugin_rtf_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_rtf_SOURCES = tests/fuzz/fuzz-rtf.c $(OFFICE_TEST_SOURCES) $(AM_RTF_SOURCES) \
	$(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_rtf_CPPFLAGS = $(OFFICE_FUZZ_CPPFLAGS)
tests_fuzz_fuzz_rtf_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_rtf_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif

if PLUGIN_ONENOTE
check_PROGRAMS += tests/test-plugin-onenote tests/fuzz/fuzz-onenote
TESTS += tests/test-plugin-onenote
tests_test_plugin_onenote_SOURCES = tests/test-plugin-onenote.c $(OFFICE_TEST_SOURCES)
tests_test_plugin_onenote_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_onenote_SOURCES = tests/fuzz/fuzz-onenote.c $(OFFICE_TEST_SOURCES) \
	$(AM_ONENOTE_SOURCES) $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_onenote_CPPFLAGS = $(OFFICE_FUZZ_CPPFLAGS)
tests_fuzz_fuzz_onenote_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_onenote_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
