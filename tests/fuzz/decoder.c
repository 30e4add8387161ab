/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "decoder.h"

#include "decode-run.h"

#define BUDGET_BYTES (1u << 20)

void
fuzz_decoder(const char *name, const char *const *passwords, const guint8 *data, gsize size)
{
	static MockHost mock;
	DecodeRun run;
	if (mock.self == NULL && !mock_host_load(&mock, &am_plugin, AM_KIND_DECODER, "", NULL))
		g_error("the plugin does not load");
	decode_run_limited(&run, &mock, name, data, size, BUDGET_BYTES, passwords);
	decode_run_clear(&run);
}
