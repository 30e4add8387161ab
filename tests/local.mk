# A program for each module; each area lists its own in tests/AREA.mk.
TEST_LIBS = libamavisd.la
if TSAN
# locks that the thread sanitizer can see
check_LTLIBRARIES += libtsanlocks.la
libtsanlocks_la_SOURCES = tests/tsan-locks.c
TEST_LIBS += libtsanlocks.la
endif
TEST_LIBS += $(CORE_LIBS)
EXTRA_DIST += tests/tsan.supp tests/lsan.supp
AM_TESTS_ENVIRONMENT = G_TEST_SRCDIR='$(abs_top_srcdir)/tests' G_TEST_BUILDDIR='$(abs_top_builddir)/tests' \
	AM_TOP_SRCDIR='$(abs_top_srcdir)' AM_TOP_BUILDDIR='$(abs_top_builddir)' \
	ASAN_OPTIONS=$${ASAN_OPTIONS-abort_on_error=1} UBSAN_OPTIONS=print_stacktrace=1 \
	LSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/lsan.supp; \
	export G_TEST_SRCDIR G_TEST_BUILDDIR AM_TOP_SRCDIR AM_TOP_BUILDDIR ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS;

# One part through a decoder, with a host of the tests.
DECODE_TEST_SOURCES = tests/decode-run.c tests/decode-run.h tests/mock-host.c tests/mock-host.h

include tests/mail.mk
include tests/config.mk
include tests/wire.mk
include tests/smtp.mk
include tests/plugin.mk
include tests/programs.mk
include tests/policy.mk
include tests/content.mk
include tests/pipeline.mk
include tests/session.mk
include tests/ampdp.mk
include tests/http.mk
include tests/milter.mk
include tests/output.mk
include tests/tools.mk
include tests/integration.mk
include tests/fuzz/local.mk
include tests/office.mk
include tests/encoded.mk
include tests/auth.mk
