/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The search for archives in any bytes, under a budget as the core has one. */

#include <config.h>

#include "mock-host.h"

#define HEAD_BYTES 4096

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	static MockHost mock;
	AmDecode decode;
	if (mock.self == NULL &&
	    !mock_host_load(&mock, &am_plugin, AM_KIND_DECODER, "", NULL))
		g_error("the plugin does not load");
	const AmDecoderOps *ops = mock.loaded.plugin.decoder;
	AmPart *part = mock_part_new("1", NULL, NULL, "a.exe", data, size);
	gsize head_len = MIN(size, HEAD_BYTES);
	guint8 *head = g_memdup2(data, head_len);
	mock_decode_init(&decode, part);
	decode.bytes_left = 1 << 20;
	(void)ops->bid(mock.self, &part->info, head, head_len);
	g_assert_true(ops->decode(mock.self, &decode, NULL));
	g_assert_cmpuint(decode.n_after_refusal, ==, 0);
	g_free(head);
	mock_decode_clear(&decode);
	mock_part_free(part);
	return 0;
}
