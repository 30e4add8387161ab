check_PROGRAMS += tests/test-session
TESTS += tests/test-session
tests_test_session_SOURCES = tests/test-session.c tests/session-daemon.c tests/session-daemon.h
tests_test_session_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-relief
TESTS += tests/test-relief
tests_test_relief_SOURCES = tests/test-relief.c
tests_test_relief_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-limits
TESTS += tests/test-limits
tests_test_limits_SOURCES = tests/test-limits.c
tests_test_limits_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-session-clients
TESTS += tests/test-session-clients
tests_test_session_clients_SOURCES = tests/test-session-clients.c tests/session-daemon.c \
	tests/session-daemon.h
tests_test_session_clients_LDADD = $(TEST_LIBS)
