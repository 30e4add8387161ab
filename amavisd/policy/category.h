/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Content categories, Amavis' ranked summary of what is in a mail (features C1): each recipient
 * collects a set of (major, minor); the highest is the main category, the highest whose destiny is
 * not pass is the blocking one. */

#include <glib.h>

typedef enum {
	AM_CATEGORY_NONE = 0,
	AM_CATEGORY_CLEAN = 1,
	AM_CATEGORY_MTA_ERROR = 2, /* minor 1 temporary, 2 rejected by the next hop */
	AM_CATEGORY_OVERSIZED = 3,
	AM_CATEGORY_BAD_HEADER = 4, /* minor: 1 mime 2 8bit 3 control 4 empty 5 long 6 syntax
	                             * 7 missing 8 multiple, 0 other */
	AM_CATEGORY_SPAMMY = 5,     /* tag2 level reached; minor 1: tag3 */
	AM_CATEGORY_SPAM = 6,       /* kill level reached */
	AM_CATEGORY_UNCHECKED = 7,  /* minor 1 encrypted, 2 over limits, 3 ambiguous,
	                             * 0 undecodable, or a failure */
	AM_CATEGORY_BANNED = 8,
	AM_CATEGORY_VIRUS = 9,
	AM_N_CATEGORIES = 10,
} AmCategory;

typedef struct {
	guint16 minors[AM_N_CATEGORIES]; /* bit n: minor n seen; 0: category not in the set */
} AmCategorySet;

void am_category_set_add(AmCategorySet *set, AmCategory major, guint minor);
gboolean am_category_set_has(const AmCategorySet *set, AmCategory major);
AmCategory am_category_set_highest(const AmCategorySet *set, guint *minor); /* NONE when empty */

/* Highest minor of one major; 0 when it has none or is not in the set. */
guint am_category_set_highest_minor(const AmCategorySet *set, AmCategory major);

/* "none" "clean" "mta-error" "oversized" "bad-header" "spammy" "spam" "unchecked" "banned" "virus" */
const char *am_category_name(AmCategory category);
AmCategory am_category_from_name(const char *name); /* NONE when unknown; '_' as in
                                                       * settings is taken for '-' */
/* Name with the minor where it has one: "unchecked,encrypted", "bad-header,missing". Borrowed. */
const char *am_category_minor_name(AmCategory major, guint minor); /* NULL when it has none */
/* By the word of the minor alone: "encrypted", "8bit", "tag3"; also "undecodable" (unchecked, 0) and
 * "other" (bad-header, 0).  NONE when unknown. */
AmCategory am_category_from_minor(const char *word, guint *minor);
