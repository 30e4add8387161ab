check_PROGRAMS += tests/test-category tests/test-settings tests/test-disposition
TESTS += tests/test-category tests/test-settings tests/test-disposition
tests_test_category_SOURCES = tests/test-category.c
tests_test_category_LDADD = $(TEST_LIBS)
tests_test_settings_SOURCES = tests/test-settings.c
tests_test_settings_LDADD = $(TEST_LIBS)
tests_test_disposition_SOURCES = tests/test-disposition.c
tests_test_disposition_LDADD = $(TEST_LIBS)
