check_PROGRAMS += tests/test-stream
TESTS += tests/test-stream
tests_test_stream_SOURCES = tests/test-stream.c
tests_test_stream_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test-tls
TESTS += tests/test-tls
tests_test_tls_SOURCES = tests/test-tls.c tests/tls-certificates.c tests/tls-certificates.h
tests_test_tls_LDADD = $(TEST_LIBS)
