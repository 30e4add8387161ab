check_PROGRAMS += tests/test-milter
TESTS += tests/test-milter
tests_test_milter_SOURCES = tests/test-milter.c
tests_test_milter_LDADD = $(TEST_LIBS)
