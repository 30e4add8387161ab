# Programs that decoders have run.  The helper is built without sanitizers, see there.
check_PROGRAMS += tests/misbehave
tests_misbehave_SOURCES = tests/misbehave.c
tests_misbehave_CFLAGS = -fno-sanitize=all
tests_misbehave_LDFLAGS =
check_PROGRAMS += tests/test-programs tests/test-program-calls
TESTS += tests/test-programs tests/test-program-calls
tests_test_program_calls_SOURCES = tests/test-program-calls.c tests/program-rig.c tests/program-rig.h
tests_test_program_calls_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_test_program_calls_LDADD = $(TEST_LIBS)
tests_test_programs_SOURCES = tests/test-programs.c tests/program-rig.c tests/program-rig.h
tests_test_programs_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_test_programs_LDADD = $(TEST_LIBS)
if PLUGIN_COMMAND
check_PROGRAMS += tests/test-plugin-command tests/test-program-parts
TESTS += tests/test-plugin-command tests/test-program-parts
tests_test_program_parts_SOURCES = tests/test-program-parts.c tests/program-rig.c tests/program-rig.h
tests_test_program_parts_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_test_program_parts_LDADD = $(TEST_LIBS)
tests_test_plugin_command_SOURCES = tests/test-plugin-command.c tests/mock-host.c tests/mock-host.h
tests_test_plugin_command_LDADD = $(TEST_LIBS)
endif
