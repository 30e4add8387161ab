/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The public structures are an interface: sizes and offsets are pinned here, so that a change that
 * would break installed plugins cannot pass unseen. */

#include <config.h>

#include <amavisd/plugin.h>
#include <stddef.h>

static void
test_layout(void)
{
	g_assert_cmpuint(offsetof(AmPlugin, struct_size), ==, 0);
	g_assert_cmpuint(offsetof(AmPlugin, abi_major), ==, 4);
	g_assert_cmpuint(offsetof(AmPlugin, abi_minor), ==, 6);
	g_assert_cmpuint(offsetof(AmHost, abi_minor), ==, 6);
#if GLIB_SIZEOF_VOID_P == 8
	g_assert_cmpuint(offsetof(AmPlugin, name), ==, 16);
	g_assert_cmpuint(offsetof(AmPlugin, quarantine), ==, 120);
	g_assert_cmpuint(sizeof(AmPlugin), ==, 128);
	g_assert_cmpuint(offsetof(AmHost, product), ==, 8);
	g_assert_cmpuint(offsetof(AmHost, edit), ==, 320);
	g_assert_cmpuint(offsetof(AmHost, action_quarantine_id), ==, 328);
	g_assert_cmpuint(sizeof(AmHost), ==, 408);
	g_assert_cmpuint(offsetof(AmQuarantineItem, subject), ==, 72);
	g_assert_cmpuint(offsetof(AmQuarantineItem, blocked), ==, 80);
	g_assert_cmpuint(sizeof(AmQuarantineItem), ==, 88);
#endif
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/api/layout", test_layout);
	return g_test_run();
}
