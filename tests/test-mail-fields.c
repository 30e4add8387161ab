/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "mail/fields.h"

#include <string.h>
#include <sys/mman.h>

#include "mail/fd.h"
#include "mail/spool.h"

static int
make_mail(const char *text, gsize len)
{
	int fd = memfd_create("mail", MFD_CLOEXEC);
	g_assert_cmpint(fd, >=, 0);
	g_assert_true(am_write_all(fd, text, len, NULL));
	return fd;
}

/* NAME offset+value+len of each field, then the header's size; "no". */
static char *
read_fields(const char *text, gsize len, AmReport *report)
{
	g_auto(AmFd) fd = make_mail(text, len);
	GString *out = g_string_new(NULL);
	if (!am_fields_read(report, fd, len)) {
		g_string_append(out, "no");
		return g_string_free(out, FALSE);
	}
	for (guint i = 0; i < report->fields->len; i++) {
		const AmHeaderField *field = report->fields->pdata[i];
		g_assert_cmpuint(field->name_len, ==, strlen(field->name));
		g_string_append_printf(out, "%s %u+%u+%u ", field->name, (guint)field->offset,
				       field->value, field->len);
	}
	g_string_append_printf(out, "%u", (guint)report->header_size);
	return g_string_free(out, FALSE);
}

static const struct {
	const char *text, *fields, *id;
	guint n_received;
} headers[] = {
	{ "A: 1\r\n\r\n", "A 0+2+6 8", "", 0 },
	{ "A: 1\r\n\tx\r\n \r\nB:\r\n\r\nbody\n", "A 0+2+13 B 13+2+4 19", "", 0 },
	{ "Received: x\r\nRECEIVED:\r\nReceived-SPF: y\r\n\r\n",
	  "Received 0+9+13 RECEIVED 13+9+11 Received-SPF 24+13+17 43", "", 2 },
	{ "message-id: <a@b>\r\n\r\n", "message-id 0+11+19 21", "a@b", 0 },
	{ "Message-ID: a@b\r\n\r\n", "Message-ID 0+11+17 19", "", 0 },
	{ "Message-ID: >a<\r\n\r\n", "Message-ID 0+11+17 19", "", 0 },
	{ "\r\nA: 1\r\n", "2", "", 0 },
	/* anything odd is for the worker */
	{ "", "no", "", 0 },
	{ "A: 1\r\n", "no", "", 0 },
	{ "A: 1", "no", "", 0 },
	{ "A: 1\r\n\n", "no", "", 0 },
	{ "A: 1\n\r\n", "no", "", 0 },
	{ "A: 1\rB: 2\r\n\r\n", "no", "", 0 },
	{ "A: 1\r\r\n\r\n", "no", "", 0 },
	{ " A: 1\r\n\r\n", "no", "", 0 },
	{ "A : 1\r\n\r\n", "no", "", 0 },
	{ ": 1\r\n\r\n", "no", "", 0 },
	{ "A\303\244: 1\r\n\r\n", "no", "", 0 },
	{ "A: 1\r\nbody\r\n\r\n", "no", "", 0 },
	{ "\n", "no", "", 0 },
};

static void
test_headers(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
		g_autoptr(AmReport) report = am_report_new();
		g_autofree char *fields =
			read_fields(headers[i].text, strlen(headers[i].text), report);
		g_assert_cmpstr(fields, ==, headers[i].fields);
		if (strcmp(fields, "no") == 0)
			continue;
		g_assert_cmpstr(report->message_id, ==, headers[i].id);
		g_assert_cmpuint(report->n_received, ==, headers[i].n_received);
	}
}

/* The end of the header must be in the first 64 KiB. */
static void
test_large(void)
{
	for (gsize len = 65534; len <= 65538; len++) {
		g_autoptr(AmReport) report = am_report_new();
		g_autofree char *text = g_strnfill(len + 8, 'x');
		memcpy(text, "A:", 2);
		memcpy(text + len - 4, "\r\n\r\n", 4);
		g_autofree char *fields = read_fields(text, len + 8, report);
		g_assert_cmpint(strcmp(fields, "no") != 0, ==, len <= 65536);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/fields/headers", test_headers);
	g_test_add_func("/fields/large", test_large);
	return g_test_run();
}
