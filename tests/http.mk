check_PROGRAMS += tests/test-http
TESTS += tests/test-http
tests_test_http_SOURCES = tests/test-http.c
tests_test_http_LDADD = $(TEST_LIBS)
