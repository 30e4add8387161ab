/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What the inspection of a mail costs in the worker:
 *
 *     inspect-bench [-c CONFIG] [FILE...]
 *
 * Without a file: a text of 4 KiB.  With a configuration: with its decoders and scanners, else without
 * any.  Prints microseconds of CPU for a mail, with the report's serialising.  "BENCHSEQ00000000" in a file
 * becomes a running number, so that no scanner has seen the mail before. */

#include <config.h>

#include "content/inspect.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "content/host.h"
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

/* Where the running number stands; 0 nowhere. */
static guint64
find_number(int fd)
{
	static const char mark[] = "BENCHSEQ";
	char head[8192];
	gssize len = pread(fd, head, sizeof head, 0);
	const char *at = len > 0 ? memmem(head, (gsize)len, mark, strlen(mark)) : NULL;
	return at != NULL ? (guint64)(at - head) + strlen(mark) : 0;
}

static int
copy_file(const char *path, guint64 *size)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	gsize len;
	if (!g_file_get_contents(path, &text, &len, &error))
		g_error("%s", error->message);
	int fd = memfd_create("mail", MFD_CLOEXEC);
	if (fd < 0 || !am_write_all(fd, text, len, NULL))
		g_error("cannot copy %s", path);
	*size = len;
	return fd;
}

static void
bench(AmInspector *inspector, const char *name, int fd, guint64 size)
{
	AmInspectRequest request = { .mail_id = "bench", .mail_size = size };
	guint n = 0;
	guint64 place = find_number(fd);
	gint64 start = bench_cpu_us(), now;
	do {
		char number[9];
		g_snprintf(number, sizeof number, "%08u", n % 100000000);
		if (place > 0 && pwrite(fd, number, 8, (off_t)place) != 8)
			g_error("cannot number the mail");
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

static AmRegistry *
load_plugins(const char *path)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	g_autoptr(AmConfig) config = am_config_load(path, problems);
	AmRegistry *registry = config != NULL ? am_registry_new(config, problems) : NULL;
	if (registry != NULL && problems->len == 0)
		(void)am_registry_load(registry, AM_CAP_SANDBOX, am_content_host(), problems);
	if (problems->len > 0) {
		g_autofree char *text = am_config_problem_to_string(problems->pdata[0]);
		g_error("%s", text);
	}
	if (!am_registry_after_fork(registry, NULL) || !am_registry_thread_init(registry, NULL))
		g_error("plugins do not start");
	return registry;
}

int
main(int argc, char **argv)
{
	int first = argc > 2 && strcmp(argv[1], "-c") == 0 ? 3 : 1;
	const AmContentLimits limits = { 20, 3000, 1 << 20, 300 << 20, 500, 512 << 10 };
	g_autoptr(GError) error = NULL;
	am_content_init();
	am_names_preload();
	g_autoptr(AmTypes) types = am_types_new(&error);
	if (types == NULL)
		g_error("%s", error->message);
	AmRegistry *registry = first == 3 ? load_plugins(argv[2]) : NULL;
	AmInspector *inspector = am_inspector_new(registry, &limits, types, NULL);
	for (int i = first; i < argc; i++) {
		guint64 size;
		g_auto(AmFd) fd = copy_file(argv[i], &size);
		bench(inspector, argv[i], fd, size);
	}
	if (argc == first) {
		guint64 size;
		g_auto(AmFd) fd = make_text(&size);
		bench(inspector, "text", fd, size);
	}
	am_inspector_free(inspector);
	g_clear_pointer(&registry, am_registry_free);
	return 0;
}
