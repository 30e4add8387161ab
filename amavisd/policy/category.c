/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Sets of content categories.  A category is present when a bit of its minors is; the highest major
 * decides, and in it the highest minor, as Amavis ranks them. */

#include <config.h>

#include "policy/category.h"

#include <string.h>

#define CATEGORY_MAX_MINOR 15u

static const char *const category_names[AM_N_CATEGORIES] = {
	[AM_CATEGORY_NONE] = "none",
	[AM_CATEGORY_CLEAN] = "clean",
	[AM_CATEGORY_MTA_ERROR] = "mta-error",
	[AM_CATEGORY_OVERSIZED] = "oversized",
	[AM_CATEGORY_BAD_HEADER] = "bad-header",
	[AM_CATEGORY_SPAMMY] = "spammy",
	[AM_CATEGORY_SPAM] = "spam",
	[AM_CATEGORY_UNCHECKED] = "unchecked",
	[AM_CATEGORY_BANNED] = "banned",
	[AM_CATEGORY_VIRUS] = "virus",
};

static const struct {
	AmCategory major;
	guint minor;
	const char *name;
} category_minors[] = {
	{ AM_CATEGORY_MTA_ERROR, 1, "mta-error,temporary" },
	{ AM_CATEGORY_MTA_ERROR, 2, "mta-error,rejected" },
	{ AM_CATEGORY_BAD_HEADER, 1, "bad-header,mime" },
	{ AM_CATEGORY_BAD_HEADER, 2, "bad-header,8bit" },
	{ AM_CATEGORY_BAD_HEADER, 3, "bad-header,control" },
	{ AM_CATEGORY_BAD_HEADER, 4, "bad-header,empty" },
	{ AM_CATEGORY_BAD_HEADER, 5, "bad-header,long" },
	{ AM_CATEGORY_BAD_HEADER, 6, "bad-header,syntax" },
	{ AM_CATEGORY_BAD_HEADER, 7, "bad-header,missing" },
	{ AM_CATEGORY_BAD_HEADER, 8, "bad-header,multiple" },
	{ AM_CATEGORY_SPAMMY, 1, "spammy,tag3" },
	{ AM_CATEGORY_UNCHECKED, 1, "unchecked,encrypted" },
	{ AM_CATEGORY_UNCHECKED, 2, "unchecked,over-limits" },
	{ AM_CATEGORY_UNCHECKED, 3, "unchecked,ambiguous" },
};

void
am_category_set_add(AmCategorySet *set, AmCategory major, guint minor)
{
	g_return_if_fail(major > AM_CATEGORY_NONE && major < AM_N_CATEGORIES);
	g_return_if_fail(minor <= CATEGORY_MAX_MINOR);
	set->minors[major] |= (guint16)(1u << minor);
}

gboolean
am_category_set_has(const AmCategorySet *set, AmCategory major)
{
	return (guint)major < AM_N_CATEGORIES && set->minors[major] != 0;
}

guint
am_category_set_highest_minor(const AmCategorySet *set, AmCategory major)
{
	guint minor = CATEGORY_MAX_MINOR;
	if (!am_category_set_has(set, major))
		return 0;
	while ((set->minors[major] & (1u << minor)) == 0)
		minor--;
	return minor;
}

AmCategory
am_category_set_highest(const AmCategorySet *set, guint *minor)
{
	int major = AM_N_CATEGORIES - 1;
	while (major > AM_CATEGORY_NONE && set->minors[major] == 0)
		major--;
	if (minor != NULL)
		*minor = am_category_set_highest_minor(set, (AmCategory)major);
	return (AmCategory)major;
}

const char *
am_category_name(AmCategory category)
{
	g_return_val_if_fail((guint)category < AM_N_CATEGORIES, "none");
	return category_names[category];
}

AmCategory
am_category_from_name(const char *name)
{
	for (int i = AM_CATEGORY_CLEAN; i < AM_N_CATEGORIES; i++)
		if (strcmp(category_names[i], name) == 0)
			return (AmCategory)i;
	/* settings write bad_header where logs write bad-header */
	if (strcmp(name, "bad_header") == 0)
		return AM_CATEGORY_BAD_HEADER;
	if (strcmp(name, "mta_error") == 0)
		return AM_CATEGORY_MTA_ERROR;
	return AM_CATEGORY_NONE;
}

const char *
am_category_minor_name(AmCategory major, guint minor)
{
	for (gsize i = 0; i < G_N_ELEMENTS(category_minors); i++)
		if (category_minors[i].major == major && category_minors[i].minor == minor)
			return category_minors[i].name;
	return NULL;
}

AmCategory
am_category_from_minor(const char *word, guint *minor)
{
	*minor = 0;
	if (strcmp(word, "undecodable") == 0)
		return AM_CATEGORY_UNCHECKED;
	if (strcmp(word, "other") == 0)
		return AM_CATEGORY_BAD_HEADER;
	for (gsize i = 0; i < G_N_ELEMENTS(category_minors); i++) {
		if (strcmp(strchr(category_minors[i].name, ',') + 1, word) != 0)
			continue;
		*minor = category_minors[i].minor;
		return category_minors[i].major;
	}
	return AM_CATEGORY_NONE;
}
