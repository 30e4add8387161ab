AM_CONTENT_TESTS = tests/test-sandbox tests/test-types tests/test-header-checks tests/test-inspect \
	tests/test-zygote tests/test-hostile tests/test-without tests/test-decoders \
	tests/test-ambiguity tests/test-passwords tests/test-names
check_PROGRAMS += $(AM_CONTENT_TESTS)
TESTS += $(AM_CONTENT_TESTS)
tests_test_sandbox_SOURCES = tests/test-sandbox.c
tests_test_sandbox_LDADD = $(TEST_LIBS)
tests_test_names_SOURCES = tests/test-names.c
tests_test_names_LDADD = $(TEST_LIBS)
tests_test_types_SOURCES = tests/test-types.c
tests_test_types_LDADD = $(TEST_LIBS)
tests_test_header_checks_SOURCES = tests/test-header-checks.c
tests_test_header_checks_LDADD = $(TEST_LIBS)
# a decoder and scanner that does as it is told, in a folder of its own
check_LTLIBRARIES += tests/plugins/box/am-box.la
tests_plugins_box_am_box_la_SOURCES = tests/plugins/box.c
tests_plugins_box_am_box_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
tests_plugins_box_am_box_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
tests_plugins_box_am_box_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_box_am_box_la_LIBADD = $(GLIB_LIBS)
# two decoders that do as they are told, in a folder of their own
check_LTLIBRARIES += tests/plugins/turn/am-turn.la tests/plugins/turn/am-aside.la
tests_plugins_turn_am_turn_la_SOURCES = tests/plugins/turn.c
tests_plugins_turn_am_turn_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
tests_plugins_turn_am_turn_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
tests_plugins_turn_am_turn_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_turn_am_turn_la_LIBADD = $(GLIB_LIBS)
tests_plugins_turn_am_aside_la_SOURCES = tests/plugins/turn.c
tests_plugins_turn_am_aside_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS) -DTURN_BESIDE
tests_plugins_turn_am_aside_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
tests_plugins_turn_am_aside_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_turn_am_aside_la_LIBADD = $(GLIB_LIBS)
INSPECT_TEST_SOURCES = tests/inspect-run.c tests/inspect-run.h
tests_test_decoders_SOURCES = tests/test-decoders.c $(INSPECT_TEST_SOURCES)
tests_test_decoders_LDADD = $(TEST_LIBS)
tests_test_passwords_SOURCES = tests/test-passwords.c
tests_test_passwords_LDADD = $(TEST_LIBS)
tests_test_inspect_SOURCES = tests/test-inspect.c $(INSPECT_TEST_SOURCES)
tests_test_inspect_LDADD = $(TEST_LIBS)
tests_test_ambiguity_SOURCES = tests/test-ambiguity.c tests/ambiguity-cases.h \
	tests/ambiguity-fields.c tests/ambiguity-boundaries.c tests/ambiguity-lines.c \
	tests/ambiguity-contents.c $(INSPECT_TEST_SOURCES)
tests_test_ambiguity_LDADD = $(TEST_LIBS)
tests_test_zygote_SOURCES = tests/test-zygote.c tests/zygote-rig.c tests/zygote-rig.h
tests_test_zygote_LDADD = $(TEST_LIBS)
tests_test_hostile_SOURCES = tests/test-hostile.c tests/zygote-rig.c tests/zygote-rig.h
tests_test_hostile_LDADD = $(TEST_LIBS)
tests_test_without_SOURCES = tests/test-without.c
tests_test_without_LDADD = $(TEST_LIBS)
# programs on a kernel that knows less
check_PROGRAMS += tests/launch-without
tests_launch_without_SOURCES = tests/launch-without.c
tests_launch_without_LDADD = $(CORE_LIBS)
# a scanner in hostile hands, in a folder of its own
check_LTLIBRARIES += tests/plugins/hostile/am-hostile.la
tests_plugins_hostile_am_hostile_la_SOURCES = tests/plugins/hostile.c \
	tests/plugins/hostile.h tests/plugins/hostile-excess.c tests/plugins/hostile-files.c \
	tests/plugins/hostile-kernel.c tests/plugins/hostile-talk.c
tests_plugins_hostile_am_hostile_la_CPPFLAGS = $(AM_PLUGIN_CPPFLAGS)
tests_plugins_hostile_am_hostile_la_CFLAGS = $(AM_PLUGIN_CFLAGS)
tests_plugins_hostile_am_hostile_la_LDFLAGS = $(TEST_PLUGIN_LDFLAGS)
tests_plugins_hostile_am_hostile_la_LIBADD = $(GLIB_LIBS)
# costs; not run by `make check`
noinst_PROGRAMS += tests/bench/inspect-bench
tests_bench_inspect_bench_SOURCES = tests/bench/inspect-bench.c
tests_bench_inspect_bench_LDADD = $(TEST_LIBS)
noinst_PROGRAMS += tests/bench/smtp-load
tests_bench_smtp_load_SOURCES = tests/bench/smtp-load.c
tests_bench_smtp_load_LDADD = $(TEST_LIBS) $(OPENSSL_LIBS)
noinst_PROGRAMS += tests/bench/worker-bench
tests_bench_worker_bench_SOURCES = tests/bench/worker-bench.c tests/zygote-rig.c tests/zygote-rig.h
tests_bench_worker_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_bench_worker_bench_LDADD = $(TEST_LIBS)
