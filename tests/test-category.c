/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "policy/category.h"

static void
test_set(void)
{
	AmCategorySet set = { { 0 } };
	guint minor = 99;
	g_assert_cmpint(am_category_set_highest(&set, &minor), ==, AM_CATEGORY_NONE);
	g_assert_cmpuint(minor, ==, 0);
	g_assert_false(am_category_set_has(&set, AM_CATEGORY_CLEAN));

	am_category_set_add(&set, AM_CATEGORY_CLEAN, 0);
	g_assert_cmpint(am_category_set_highest(&set, NULL), ==, AM_CATEGORY_CLEAN);
	am_category_set_add(&set, AM_CATEGORY_BAD_HEADER, 7);
	am_category_set_add(&set, AM_CATEGORY_BAD_HEADER, 2);
	am_category_set_add(&set, AM_CATEGORY_BAD_HEADER, 0);
	g_assert_cmpint(am_category_set_highest(&set, &minor), ==, AM_CATEGORY_BAD_HEADER);
	g_assert_cmpuint(minor, ==, 7);
	am_category_set_add(&set, AM_CATEGORY_UNCHECKED, 0);
	g_assert_cmpint(am_category_set_highest(&set, &minor), ==, AM_CATEGORY_UNCHECKED);
	g_assert_cmpuint(minor, ==, 0);
	g_assert_cmpuint(am_category_set_highest_minor(&set, AM_CATEGORY_BAD_HEADER), ==, 7);
	g_assert_cmpuint(am_category_set_highest_minor(&set, AM_CATEGORY_VIRUS), ==, 0);
	g_assert_true(am_category_set_has(&set, AM_CATEGORY_CLEAN));
	g_assert_false(am_category_set_has(&set, AM_CATEGORY_VIRUS));
	am_category_set_add(&set, AM_CATEGORY_VIRUS, 15);
	g_assert_cmpint(am_category_set_highest(&set, &minor), ==, AM_CATEGORY_VIRUS);
	g_assert_cmpuint(minor, ==, 15);
}

static void
test_rank(void)
{
	/* features C, rising importance */
	static const AmCategory rank[] = {
		AM_CATEGORY_CLEAN,	AM_CATEGORY_MTA_ERROR, AM_CATEGORY_OVERSIZED,
		AM_CATEGORY_BAD_HEADER, AM_CATEGORY_SPAMMY,    AM_CATEGORY_SPAM,
		AM_CATEGORY_UNCHECKED,	AM_CATEGORY_BANNED,    AM_CATEGORY_VIRUS,
	};
	AmCategorySet set = { { 0 } };
	for (gsize i = 0; i < G_N_ELEMENTS(rank); i++) {
		am_category_set_add(&set, rank[i], 0);
		g_assert_cmpint(am_category_set_highest(&set, NULL), ==, rank[i]);
	}
}

static void
test_names(void)
{
	for (int i = AM_CATEGORY_CLEAN; i < AM_N_CATEGORIES; i++)
		g_assert_cmpint(am_category_from_name(am_category_name((AmCategory)i)), ==, i);
	g_assert_cmpstr(am_category_name(AM_CATEGORY_NONE), ==, "none");
	g_assert_cmpint(am_category_from_name("none"), ==, AM_CATEGORY_NONE);
	g_assert_cmpint(am_category_from_name("Virus"), ==, AM_CATEGORY_NONE);
	g_assert_cmpint(am_category_from_name(""), ==, AM_CATEGORY_NONE);
	g_assert_cmpint(am_category_from_name("bad_header"), ==, AM_CATEGORY_BAD_HEADER);
	g_assert_cmpint(am_category_from_name("mta_error"), ==, AM_CATEGORY_MTA_ERROR);
	g_assert_cmpstr(am_category_minor_name(AM_CATEGORY_UNCHECKED, 1), ==,
			"unchecked,encrypted");
	g_assert_cmpstr(am_category_minor_name(AM_CATEGORY_BAD_HEADER, 7), ==,
			"bad-header,missing");
	g_assert_null(am_category_minor_name(AM_CATEGORY_UNCHECKED, 0));
	g_assert_null(am_category_minor_name(AM_CATEGORY_VIRUS, 1));
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/category/set", test_set);
	g_test_add_func("/category/rank", test_rank);
	g_test_add_func("/category/names", test_names);
	return g_test_run();
}
