/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Header checks, parameters and names on any bytes.  The table must be in order and inside, and the
 * session's own reading of a plain header must find the same one. */

#include <config.h>

#include "content/header-checks.h"

#include <gmime/gmime.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content/names.h"
#include "mail/fd.h"
#include "mail/spool.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
check_table(const AmReport *report, gsize size)
{
	guint64 last = 0;
	g_assert(report->header_size <= size);
	for (guint i = 0; i < report->fields->len; i++) {
		const AmHeaderField *field = report->fields->pdata[i];
		g_assert(field->offset >= last);
		g_assert(field->name_len < field->value && field->value <= field->len);
		last = field->offset + field->len;
		g_assert(last <= report->header_size);
	}
	for (guint i = 0; i < report->defects->len; i++)
		g_assert(((AmHeaderDefect *)report->defects->pdata[i])->position <= size);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static gboolean is_started;
	g_auto(AmFd) fd = memfd_create("mail", MFD_CLOEXEC);
	if (!is_started)
		g_mime_init();
	is_started = TRUE;
	if (fd < 0 || !am_write_all(fd, data, size, NULL))
		return 0;
	g_autoptr(AmReport) report = am_report_new();
	(void)am_header_check(report, fd, size, 0);
	check_table(report, size);

	g_autoptr(AmParams) params = am_params_parse((const char *)data, size);
	g_autoptr(GPtrArray) names = am_names_read(params, params);
	for (guint i = 0; i < names->len; i++)
		g_assert(g_utf8_validate(names->pdata[i], -1, NULL));
	return 0;
}
