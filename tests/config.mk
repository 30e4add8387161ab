check_PROGRAMS += tests/test-config
TESTS += tests/test-config
tests_test_config_SOURCES = tests/test-config.c
tests_test_config_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-master
TESTS += tests/test-master
tests_test_master_SOURCES = tests/test-master.c
tests_test_master_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-choices
TESTS += tests/test-choices
tests_test_choices_SOURCES = tests/test-choices.c
tests_test_choices_LDADD = $(TEST_LIBS)
