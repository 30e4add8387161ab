AM_POLICY_TESTS = tests/test-category tests/test-settings tests/test-disposition \
	tests/test-banned tests/test-policy tests/test-lua tests/test-lua-pattern
check_PROGRAMS += $(AM_POLICY_TESTS)
TESTS += $(AM_POLICY_TESTS)
tests_test_category_SOURCES = tests/test-category.c
tests_test_category_LDADD = $(TEST_LIBS)
tests_test_settings_SOURCES = tests/test-settings.c
tests_test_settings_LDADD = $(TEST_LIBS)
tests_test_disposition_SOURCES = tests/test-disposition.c
tests_test_disposition_LDADD = $(TEST_LIBS)
tests_test_banned_SOURCES = tests/test-banned.c tests/policy-fixture.h
tests_test_banned_LDADD = $(TEST_LIBS)
tests_test_policy_SOURCES = tests/test-policy.c tests/policy-fixture.h
tests_test_policy_LDADD = $(TEST_LIBS)
tests_test_lua_SOURCES = tests/test-lua.c tests/policy-fixture.h
tests_test_lua_LDADD = $(TEST_LIBS)
tests_test_lua_pattern_SOURCES = tests/test-lua-pattern.c
tests_test_lua_pattern_LDADD = $(TEST_LIBS)
