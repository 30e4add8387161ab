/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The decoder tnef on any bytes, under a budget as the core has one. */

#include <config.h>

#include "decode-run.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static MockHost mock;
	DecodeRun run;
	if (mock.self == NULL && !mock_host_load(&mock, &am_plugin, AM_KIND_DECODER, "", NULL))
		g_error("the plugin does not load");
	decode_run_limited(&run, &mock, NULL, data, size, 1 << 20, NULL);
	decode_run_clear(&run);
	return 0;
}
