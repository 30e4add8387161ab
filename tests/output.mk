check_PROGRAMS += tests/test-output
TESTS += tests/test-output
tests_test_output_SOURCES = tests/test-output.c tests/smtp-job.c tests/smtp-job.h tests/smtp-peer.c tests/smtp-peer.h
tests_test_output_LDADD = $(TEST_LIBS)
