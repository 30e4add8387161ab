check_PROGRAMS += tests/test-category
TESTS += tests/test-category
tests_test_category_SOURCES = tests/test-category.c
tests_test_category_LDADD = $(TEST_LIBS)
