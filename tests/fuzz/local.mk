# Fuzz targets: tests/fuzz/fuzz-NAME.c defines LLVMFuzzerTestOneInput(); seeds in tests/fuzz/corpus/NAME/.
# With --enable-fuzzers (clang) they are linked with libFuzzer; otherwise with driver.c, which runs
# every file of the folders it is given, and so each corpus is run in `make check` by run-corpus.
AM_FUZZ_SOURCES =
AM_FUZZ_LDFLAGS = $(AM_LDFLAGS)
if FUZZERS
AM_FUZZ_LDFLAGS += -fsanitize=fuzzer
else
AM_FUZZ_SOURCES += tests/fuzz/driver.c
endif
# The body of all targets that are decoders.
FUZZ_DECODER_SOURCES = tests/fuzz/decoder.c tests/fuzz/decoder.h $(DECODE_TEST_SOURCES) \
	$(AM_FUZZ_SOURCES)
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/driver.c tests/fuzz/fuzz-inspect.dict
dist_check_SCRIPTS += tests/fuzz/run-corpus
TESTS += tests/fuzz/run-corpus

check_PROGRAMS += tests/fuzz/fuzz-address
tests_fuzz_fuzz_address_SOURCES = tests/fuzz/fuzz-address.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_address_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_address_LDFLAGS = $(AM_FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/fuzz-report
tests_fuzz_fuzz_report_SOURCES = tests/fuzz/fuzz-report.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_report_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_report_LDFLAGS = $(AM_FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/fuzz-smtp-server
tests_fuzz_fuzz_smtp_server_SOURCES = tests/fuzz/fuzz-smtp-server.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_smtp_server_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_smtp_server_LDFLAGS = $(AM_FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/fuzz-inspect tests/fuzz/fuzz-header
tests_fuzz_fuzz_inspect_SOURCES = tests/fuzz/fuzz-inspect.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_inspect_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_inspect_LDFLAGS = $(AM_FUZZ_LDFLAGS)
tests_fuzz_fuzz_header_SOURCES = tests/fuzz/fuzz-header.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_header_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_header_LDFLAGS = $(AM_FUZZ_LDFLAGS)

if PLUGIN_ARCHIVE
check_PROGRAMS += tests/fuzz/fuzz-archive
tests_fuzz_fuzz_archive_SOURCES = tests/fuzz/fuzz-archive.c $(FUZZ_DECODER_SOURCES) \
	$(AM_ARCHIVE_SOURCES)
tests_fuzz_fuzz_archive_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests -D_GNU_SOURCE
tests_fuzz_fuzz_archive_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS)
tests_fuzz_fuzz_archive_LDADD = $(TEST_LIBS) $(ARCHIVE_LIBS)
tests_fuzz_fuzz_archive_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
if PLUGIN_APPENDED
check_PROGRAMS += tests/fuzz/fuzz-appended
tests_fuzz_fuzz_appended_SOURCES = tests/fuzz/fuzz-appended.c $(FUZZ_DECODER_SOURCES) \
	$(AM_APPENDED_SOURCES)
tests_fuzz_fuzz_appended_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests -D_GNU_SOURCE
tests_fuzz_fuzz_appended_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_appended_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
if PLUGIN_SMIME
check_PROGRAMS += tests/fuzz/fuzz-smime
tests_fuzz_fuzz_smime_SOURCES = tests/fuzz/fuzz-smime.c $(FUZZ_DECODER_SOURCES) \
	$(AM_SMIME_SOURCES)
tests_fuzz_fuzz_smime_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests -D_GNU_SOURCE
tests_fuzz_fuzz_smime_CFLAGS = $(AM_CFLAGS) $(SMIME_CFLAGS)
tests_fuzz_fuzz_smime_LDADD = $(TEST_LIBS) $(SMIME_LIBS)
tests_fuzz_fuzz_smime_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
if PLUGIN_PDF
check_PROGRAMS += tests/fuzz/fuzz-pdf
tests_fuzz_fuzz_pdf_SOURCES = tests/fuzz/fuzz-pdf.c $(FUZZ_DECODER_SOURCES) \
	$(AM_PDF_SOURCES)
tests_fuzz_fuzz_pdf_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests -D_GNU_SOURCE
tests_fuzz_fuzz_pdf_CFLAGS = $(AM_CFLAGS) $(PDF_CFLAGS)
tests_fuzz_fuzz_pdf_LDADD = $(TEST_LIBS) $(PDF_LIBS)
tests_fuzz_fuzz_pdf_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
if PLUGIN_HTML
check_PROGRAMS += tests/fuzz/fuzz-html
tests_fuzz_fuzz_html_SOURCES = tests/fuzz/fuzz-html.c $(FUZZ_DECODER_SOURCES) \
	$(AM_HTML_SOURCES)
tests_fuzz_fuzz_html_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests -D_GNU_SOURCE
tests_fuzz_fuzz_html_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_html_LDFLAGS = $(AM_FUZZ_LDFLAGS)
endif
check_PROGRAMS += tests/fuzz/fuzz-smtp-reply
tests_fuzz_fuzz_smtp_reply_SOURCES = tests/fuzz/fuzz-smtp-reply.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_smtp_reply_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_smtp_reply_LDFLAGS = $(AM_FUZZ_LDFLAGS)
check_PROGRAMS += tests/fuzz/fuzz-proxy
tests_fuzz_fuzz_proxy_SOURCES = tests/fuzz/fuzz-proxy.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_proxy_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_proxy_LDFLAGS = $(AM_FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/fuzz-names
tests_fuzz_fuzz_names_SOURCES = tests/fuzz/fuzz-names.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_names_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_names_LDFLAGS = $(AM_FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/fuzz-xclient
tests_fuzz_fuzz_xclient_SOURCES = tests/fuzz/fuzz-xclient.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_xclient_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_xclient_LDFLAGS = $(AM_FUZZ_LDFLAGS)
check_PROGRAMS += tests/fuzz/fuzz-program
tests_fuzz_fuzz_program_SOURCES = tests/fuzz/fuzz-program.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_program_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_program_LDFLAGS = $(AM_FUZZ_LDFLAGS)
check_PROGRAMS += tests/fuzz/fuzz-ampdp
tests_fuzz_fuzz_ampdp_SOURCES = tests/fuzz/fuzz-ampdp.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_ampdp_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_ampdp_LDFLAGS = $(AM_FUZZ_LDFLAGS)
check_PROGRAMS += tests/fuzz/fuzz-milter
tests_fuzz_fuzz_milter_SOURCES = tests/fuzz/fuzz-milter.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_milter_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_milter_LDFLAGS = $(AM_FUZZ_LDFLAGS)

check_PROGRAMS += tests/fuzz/fuzz-http
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz-http.c $(AM_FUZZ_SOURCES)
tests_fuzz_fuzz_http_LDADD = $(TEST_LIBS)
tests_fuzz_fuzz_http_LDFLAGS = $(AM_FUZZ_LDFLAGS)
