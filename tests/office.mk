# Decoders of office formats: a test through the built object, and a fuzz target, for each.

if PLUGIN_RTF
check_PROGRAMS += tests/test-plugin-rtf tests/fuzz/fuzz-rtf
TESTS += tests/test-plugin-rtf
tests_test_plugin_rtf_SOURCES = tests/test-plugin-rtf.c $(DECODE_TEST_SOURCES)
tests_test_plugin_rtf_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_rtf_SOURCES = tests/fuzz/fuzz-rtf.c $(FUZZ_DECODER_SOURCES) $(AM_RTF_SOURCES)
tests_fuzz_fuzz_rtf_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_fuzz_fuzz_rtf_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_rtf_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif

if PLUGIN_ONENOTE
check_PROGRAMS += tests/test-plugin-onenote tests/fuzz/fuzz-onenote
TESTS += tests/test-plugin-onenote
tests_test_plugin_onenote_SOURCES = tests/test-plugin-onenote.c $(DECODE_TEST_SOURCES)
tests_test_plugin_onenote_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_onenote_SOURCES = tests/fuzz/fuzz-onenote.c $(FUZZ_DECODER_SOURCES) \
	$(AM_ONENOTE_SOURCES)
tests_fuzz_fuzz_onenote_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_fuzz_fuzz_onenote_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_onenote_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif

if PLUGIN_OLE
check_PROGRAMS += tests/test-plugin-ole tests/fuzz/fuzz-ole
TESTS += tests/test-plugin-ole
tests_test_plugin_ole_SOURCES = tests/test-plugin-ole.c tests/ole-samples.c tests/ole-samples.h \
	$(DECODE_TEST_SOURCES)
tests_test_plugin_ole_LDADD = $(TEST_LIBS) $(OLE_LIBS)
tests_fuzz_fuzz_ole_SOURCES = tests/fuzz/fuzz-ole.c $(FUZZ_DECODER_SOURCES) $(AM_OLE_SOURCES)
tests_fuzz_fuzz_ole_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_fuzz_fuzz_ole_CFLAGS = $(AM_CFLAGS) $(OLE_CFLAGS)
tests_fuzz_fuzz_ole_LDADD = $(TEST_LIBS) $(OLE_LIBS)
tests_fuzz_fuzz_ole_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
dist_check_DATA += tests/data/office/README tests/data/office/agile.docx \
	tests/data/office/default.xlsx tests/data/office/standard.docx tests/data/office/rc4.doc \
	tests/data/office/rc4.xls
