check_PROGRAMS += tests/test-xclient
TESTS += tests/test-xclient
tests_test_xclient_SOURCES = tests/test-xclient.c $(SMTP_JOB_SOURCES)
tests_test_xclient_LDADD = $(TEST_LIBS)
