check_PROGRAMS += tests/test-ampdp
TESTS += tests/test-ampdp
tests_test_ampdp_SOURCES = tests/test-ampdp.c
tests_test_ampdp_LDADD = $(TEST_LIBS)
