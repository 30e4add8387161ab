/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What the inspection of a mail costs in the worker, without plugins:
 *
 *     inspect-bench [FILE...]
 *
 * Without a file: a text of 4 KiB.  Prints microseconds of CPU for a mail, with the report's serialising. */

#include <config.h>

#include "content/inspect.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "content/names.h"
#include "mail/fd.h"
#include "mail/spool.h"

#define BENCH_TIME_US G_USEC_PER_SEC

/* CPU time, which other work on the machine leaves alone. */
static gint64
bench_cpu_us(void)
{
	struct timespec used;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0)
		g_error("no clock");
	return used.tv_sec * G_USEC_PER_SEC + used.tv_nsec / 1000;
}

static void
bench(AmInspector *inspector, const char *name, int fd, guint64 size)
{
	AmInspectRequest request = { .mail_id = "bench", .mail_size = size };
	guint n = 0;
	gint64 start = bench_cpu_us(), now;
	do {
		g_autoptr(AmReport) report = am_inspector_run(inspector, &request, fd);
		g_autoptr(GBytes) bytes G_GNUC_UNUSED = am_report_serialize(report);
		n++;
		now = bench_cpu_us();
	} while (now - start < BENCH_TIME_US);
	g_print("%s: %" G_GUINT64_FORMAT " bytes, %.1f us\n", name, size,
		(double)(now - start) / n);
}

static int
make_text(guint64 *size)
{
	g_autoptr(GString) mail = g_string_new(NULL);
	for (guint i = 0; i < 4; i++)
		g_string_append_printf(
			mail,
			"Received: from a%u.example.org by b%u.example.org with ESMTP "
			"id abcdef\r\n\tfor <user@example.com>; Sun, 22 Nov 2026 10:00:00 "
			"+0000\r\n",
			i, i);
	g_string_append(
		mail, "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nFrom: A Sender <a@example.org>\r\n"
		      "To: user@example.com\r\nSubject: A text of four kilobytes\r\n"
		      "Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
		      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
		      "8bit\r\n\r\n");
	while (mail->len < 4096)
		g_string_append(
			mail, "The quick brown fox jumps over the lazy dog, again and again.\r\n");
	int fd = memfd_create("mail", MFD_CLOEXEC);
	if (fd < 0 || !am_write_all(fd, mail->str, mail->len, NULL))
		g_error("cannot make a mail");
	*size = mail->len;
	return fd;
}

int
main(int argc, char **argv)
{
	const AmContentLimits limits = { 20, 3000, 1 << 20, 300 << 20, 500, 512 << 10 };
	g_autoptr(GError) error = NULL;
	am_content_init();
	am_names_preload();
	g_autoptr(AmTypes) types = am_types_new(&error);
	if (types == NULL)
		g_error("%s", error->message);
	AmInspector *inspector = am_inspector_new(NULL, &limits, types, NULL);
	for (int i = 1; i < argc; i++) {
		struct stat st;
		g_auto(AmFd) fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) != 0)
			g_error("cannot open %s", argv[i]);
		bench(inspector, argv[i], fd, (guint64)st.st_size);
	}
	if (argc == 1) {
		guint64 size;
		g_auto(AmFd) fd = make_text(&size);
		bench(inspector, "text", fd, size);
	}
	am_inspector_free(inspector);
	return 0;
}
