check_PROGRAMS += tests/test-stream
TESTS += tests/test-stream
tests_test_stream_SOURCES = tests/test-stream.c
tests_test_stream_LDADD = $(TEST_LIBS)
