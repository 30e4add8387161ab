check_PROGRAMS += tests/test-route
TESTS += tests/test-route
tests_test_route_SOURCES = tests/test-route.c
tests_test_route_LDADD = $(TEST_LIBS)
