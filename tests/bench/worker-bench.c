/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What a mail costs over the exchange with a real worker, and what of that is for its reuse:
 *
 *     G_TEST_BUILDDIR=BUILD/tests worker-bench [N]
 *
 * A text of 4 KiB, N times (20000), one after the other to one worker: with memory overwritten between
 * mails, without, and with a worker for each mail (N/10).  Prints microseconds of CPU time, zygote and workers. */

#include <config.h>

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "content/scrub.h"
#include "mail/fd.h"
#include "zygote-rig.h"

/* CPU time of all children that have ended. */
static gint64
children_us(void)
{
	struct rusage used;
	if (getrusage(RUSAGE_CHILDREN, &used) != 0)
		g_error("no times");
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * G_USEC_PER_SEC +
	       used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

/* Zygote and workers from start to end. */
static gint64
run(const char *settings, const char *mail, guint n)
{
	ZygoteRig rig;
	gint64 before = children_us();
	zygote_rig_start_ready(&rig, "hostile", settings);
	for (guint i = 0; i < n; i++)
		am_report_free(zygote_rig_ask(&rig, mail, NULL));
	g_free(zygote_rig_stop(&rig));
	return children_us() - before;
}

static void
bench(const char *name, const char *settings, const char *mail, guint n)
{
	gint64 start = run(settings, mail, n / 100);
	g_print("%s: %.1f us\n", name, (double)(run(settings, mail, n + n / 100) - start) / n);
}

int
main(int argc, char **argv)
{
	guint n = argc > 1 ? (guint)atoi(argv[1]) : 20000;
	g_autoptr(GString) mail = g_string_new(RIG_HEAD);
	int no_arguments = 1;
	g_test_init(&no_arguments, &argv, NULL);
	while (mail->len < 4096)
		g_string_append(mail, "The quick brown fox jumps over the lazy dog.\r\n");
	bench("overwritten", "workers = 1\nmails_per_worker = 1000000\n", mail->str, n);
	bench("a worker for each mail", "workers = 2\nmails_per_worker = 1\n", mail->str, n / 10);
	am_scrub_forbid();
	bench("not overwritten", "workers = 1\nmails_per_worker = 1000000\n", mail->str, n);
	return 0;
}
