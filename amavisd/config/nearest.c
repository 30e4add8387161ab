/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The distance is Damerau's (optimal string alignment), by the usual table of which three rows are
 * kept. */

#include <config.h>

#include "config/nearest.h"

#include <string.h>

#define WORD_MAX_BYTES 64

static guint
nearest_cell(const char *a, const char *b, guint i, guint j, guint rows[3][WORD_MAX_BYTES + 1])
{
	const guint *before = rows[(i + 1) % 3], *above = rows[(i + 2) % 3], *row = rows[i % 3];
	guint best = above[j - 1] + (a[i - 1] != b[j - 1]);
	best = MIN(best, above[j] + 1);
	best = MIN(best, row[j - 1] + 1);
	if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
		best = MIN(best, before[j - 2] + 1);
	return best;
}

guint
am_word_distance(const char *a, const char *b)
{
	guint rows[3][WORD_MAX_BYTES + 1];
	gsize n = strlen(a), m = strlen(b);
	if (n > WORD_MAX_BYTES || m > WORD_MAX_BYTES)
		return G_MAXUINT;
	for (guint j = 0; j <= m; j++)
		rows[0][j] = j;
	for (guint i = 1; i <= n; i++) {
		rows[i % 3][0] = i;
		for (guint j = 1; j <= m; j++)
			rows[i % 3][j] = nearest_cell(a, b, i, j, rows);
	}
	return rows[n % 3][m];
}

const char *
am_nearest_setting(const AmSettingSpec *specs, const char *word)
{
	const char *best = NULL;
	guint best_distance = (guint)MAX(1, strlen(word) / 3) + 1;
	for (; specs != NULL && specs->name != NULL; specs++) {
		guint distance = am_word_distance(word, specs->name);
		if (distance < best_distance) {
			best = specs->name;
			best_distance = distance;
		}
	}
	return best;
}
