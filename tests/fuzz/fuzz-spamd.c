/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Answers of spamd. */

#include "../../plugins/scanners/spamd/reply.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	for (gboolean is_report = FALSE; is_report <= TRUE; is_report++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Reply) reply = reply_parse((const char *)data, size, is_report, &error);
		g_assert_true((reply == NULL) == (error != NULL));
		g_assert_true(error == NULL || g_utf8_validate(error->message, -1, NULL));
		g_assert_true(reply == NULL || isfinite(reply->score));
	}
	return 0;
}
