check_PROGRAMS += tests/test-headers
TESTS += tests/test-headers
tests_test_headers_SOURCES = tests/test-headers.c
tests_test_headers_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test-mail-report
TESTS += tests/test-mail-report
tests_test_mail_report_SOURCES = tests/test-mail-report.c
tests_test_mail_report_LDADD = $(TEST_LIBS)
