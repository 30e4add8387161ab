# Decoders of what is older than MIME, and of Outlook's own: a test through the built object, and a
# fuzz target, for each.

if PLUGIN_ENCODED
check_PROGRAMS += tests/test-plugin-encoded tests/fuzz/fuzz-encoded
TESTS += tests/test-plugin-encoded
tests_test_plugin_encoded_SOURCES = tests/test-plugin-encoded.c $(DECODE_TEST_SOURCES)
tests_test_plugin_encoded_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_encoded_SOURCES = tests/fuzz/fuzz-encoded.c $(FUZZ_DECODER_SOURCES) \
	$(AM_ENCODED_SOURCES)
tests_fuzz_fuzz_encoded_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_fuzz_fuzz_encoded_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_encoded_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif

if PLUGIN_TNEF
check_PROGRAMS += tests/test-plugin-tnef tests/fuzz/fuzz-tnef
TESTS += tests/test-plugin-tnef
tests_test_plugin_tnef_SOURCES = tests/test-plugin-tnef.c $(DECODE_TEST_SOURCES)
tests_test_plugin_tnef_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_tnef_SOURCES = tests/fuzz/fuzz-tnef.c $(FUZZ_DECODER_SOURCES) \
	$(AM_TNEF_SOURCES)
tests_fuzz_fuzz_tnef_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_fuzz_fuzz_tnef_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_tnef_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
