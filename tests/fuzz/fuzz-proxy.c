/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The PROXY protocol: the first byte says where the rest is cut; both ways must come to the same. */

#include <config.h>

#include <string.h>

#include "wire/proxy.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	if (size < 1)
		return 0;
	gsize cut = MIN(*data, size - 1), used = 0, first = 0, second = 0;
	g_autofree AmProxy *whole = g_new0(AmProxy, 1);
	g_autofree AmProxy *parts = g_new0(AmProxy, 1);
	AmProxyStep step = am_proxy_feed(whole, data + 1, size - 1, &used);
	AmProxyStep other = am_proxy_feed(parts, data + 1, cut, &first);
	if (other == AM_PROXY_MORE)
		other = am_proxy_feed(parts, data + 1 + cut, size - 1 - cut, &second);
	g_assert_true(step == other);
	g_assert_cmpuint(used, <=, size - 1);
	if (step == AM_PROXY_DONE) {
		g_assert_cmpuint(used, ==, first + second);
		g_assert_cmpstr(whole->address, ==, parts->address);
	}
	return 0;
}
