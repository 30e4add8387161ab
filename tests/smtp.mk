check_PROGRAMS += tests/test-route
TESTS += tests/test-route
tests_test_route_SOURCES = tests/test-route.c
tests_test_route_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-smtp-client tests/test-smtp-delivery tests/test-smtp-parts
TESTS += tests/test-smtp-client tests/test-smtp-delivery tests/test-smtp-parts
SMTP_JOB_SOURCES = tests/smtp-job.c tests/smtp-job.h tests/smtp-peer.c tests/smtp-peer.h
tests_test_smtp_client_SOURCES = tests/test-smtp-client.c $(SMTP_JOB_SOURCES)
tests_test_smtp_client_LDADD = $(TEST_LIBS)
tests_test_smtp_delivery_SOURCES = tests/test-smtp-delivery.c $(SMTP_JOB_SOURCES)
tests_test_smtp_delivery_LDADD = $(TEST_LIBS)
tests_test_smtp_parts_SOURCES = tests/test-smtp-parts.c tests/smtp-peer.c tests/smtp-peer.h
tests_test_smtp_parts_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/test-smtp-server tests/test-smtp-dialogues
TESTS += tests/test-smtp-server tests/test-smtp-dialogues
tests_test_smtp_server_SOURCES = tests/test-smtp-server.c tests/smtp-server-fake.c \
	tests/smtp-server-fake.h
tests_test_smtp_server_LDADD = $(TEST_LIBS)
tests_test_smtp_dialogues_SOURCES = tests/test-smtp-dialogues.c tests/smtp-server-fake.c \
	tests/smtp-server-fake.h
tests_test_smtp_dialogues_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test-deliver
TESTS += tests/test-deliver
tests_test_deliver_SOURCES = tests/test-deliver.c tests/smtp-peer.c tests/smtp-peer.h
tests_test_deliver_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test-notify
TESTS += tests/test-notify
tests_test_notify_SOURCES = tests/test-notify.c tests/smtp-peer.c tests/smtp-peer.h
tests_test_notify_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test-smtp-bdat
TESTS += tests/test-smtp-bdat
tests_test_smtp_bdat_SOURCES = tests/test-smtp-bdat.c tests/smtp-server-fake.c \
	tests/smtp-server-fake.h
tests_test_smtp_bdat_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test-smtp-chunk
TESTS += tests/test-smtp-chunk
tests_test_smtp_chunk_SOURCES = tests/test-smtp-chunk.c $(SMTP_JOB_SOURCES)
tests_test_smtp_chunk_LDADD = $(TEST_LIBS)
check_PROGRAMS += tests/test-smtp-promises
TESTS += tests/test-smtp-promises
tests_test_smtp_promises_SOURCES = tests/test-smtp-promises.c $(SMTP_JOB_SOURCES)
tests_test_smtp_promises_LDADD = $(TEST_LIBS)
