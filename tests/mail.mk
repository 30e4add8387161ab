check_PROGRAMS += tests/test-headers
TESTS += tests/test-headers
tests_test_headers_SOURCES = tests/test-headers.c
tests_test_headers_LDADD = $(TEST_LIBS)
