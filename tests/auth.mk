check_PROGRAMS += tests/test-xclient
TESTS += tests/test-xclient
tests_test_xclient_SOURCES = tests/test-xclient.c $(SMTP_JOB_SOURCES)
tests_test_xclient_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-auth
TESTS += tests/test-auth
tests_test_auth_SOURCES = tests/test-auth.c tests/sasl-users.c tests/sasl-users.h \
	tests/smtp-server-fake.c tests/smtp-server-fake.h
tests_test_auth_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-auth-client
TESTS += tests/test-auth-client
tests_test_auth_client_SOURCES = tests/test-auth-client.c $(SMTP_JOB_SOURCES)
tests_test_auth_client_LDADD = $(TEST_LIBS)
