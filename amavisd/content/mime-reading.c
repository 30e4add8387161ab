/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The readings of a mail that mail readers may make of it besides the first one.  They are kept in
 * a list and made one after the other, each with a walk of its own over its bytes, so that nothing
 * recurses; their number and their bytes are bounded for the whole mail. */

#include <config.h>

#include "content/mime-private.h"

#include <string.h>

#define LIST_MAX 256u	/* readings of one mail or decoded mail, made or not */
#define DOUBTS_MAX 100u /* findings in the first reading of a mail */

static void
reading_free(gpointer data)
{
	AmReading *reading = data;
	g_free(reading->declared);
	g_free(reading->boundary);
	g_free(reading);
}

void
am_readings_init(AmReadings *readings, AmPartTree *tree)
{
	readings->tree = tree;
	readings->list = g_ptr_array_new_with_free_func(reading_free);
	readings->told = g_ptr_array_new();
	readings->told_part = NULL;
	readings->told_name = "";
	readings->n_open = readings->n_doubts = 0;
}

void
am_readings_clear(AmReadings *readings)
{
	g_ptr_array_unref(readings->list);
	g_ptr_array_unref(readings->told);
}

gboolean
am_readings_have(const AmReadings *readings, const AmReading *reading)
{
	for (guint i = 0; i < readings->list->len && readings->list->pdata[i] != reading; i++) {
		const AmReading *other = readings->list->pdata[i];
		if (other->form == reading->form && other->rules == reading->rules &&
		    other->fd == reading->fd && other->start == reading->start && !other->is_open &&
		    other->end == reading->end && other->encoding == reading->encoding &&
		    g_strcmp0(other->boundary, reading->boundary) == 0)
			return TRUE;
	}
	return FALSE;
}

static gboolean
reading_equals(const AmReading *a, const AmReading *b)
{
	return a->form == b->form && a->rules == b->rules && a->fd == b->fd &&
	       a->start == b->start && a->is_open == b->is_open &&
	       (a->is_open ? a->owner == b->owner : a->end == b->end) &&
	       a->encoding == b->encoding && g_strcmp0(a->declared, b->declared) == 0 &&
	       g_strcmp0(a->boundary, b->boundary) == 0;
}

gboolean
am_readings_is_full(const AmReadings *readings)
{
	return readings->list->len >= LIST_MAX;
}

gboolean
am_readings_add(AmReadings *readings, const AmReading *reading)
{
	for (guint i = 0; i < readings->list->len; i++)
		if (reading_equals(readings->list->pdata[i], reading))
			return FALSE;
	if (am_readings_is_full(readings)) {
		am_part_limit(reading->owner, "readings", "the mail can be read in too many ways");
		return TRUE;
	}
	AmReading *copy = g_memdup2(reading, sizeof *reading);
	copy->declared = g_strdup(reading->declared);
	copy->boundary = g_strdup(reading->boundary);
	readings->n_open += copy->is_open ? 1 : 0;
	g_ptr_array_add(readings->list, copy);
	return TRUE;
}

void
am_readings_close(AmReadings *readings, AmPart *part, guint64 end)
{
	/* the open ones are those of the entities that are open now: near the end of the list */
	for (guint i = readings->list->len; i > 0 && readings->n_open > 0; i--) {
		AmReading *reading = readings->list->pdata[i - 1];
		if (!reading->is_open || reading->owner != part)
			continue;
		reading->is_open = FALSE;
		reading->end = MAX(end, reading->start);
		readings->n_open--;
	}
}

gboolean
am_reading_may_run(AmReadings *readings, const AmReading *reading)
{
	AmPartTree *tree = readings->tree;
	guint64 bytes = reading->end - reading->start;
	if (tree->readings_left == 0 || bytes > tree->reading_bytes_left) {
		am_part_limit(reading->owner, "readings", "the mail can be read in too many ways");
		return FALSE;
	}
	tree->readings_left--;
	tree->reading_bytes_left -= bytes;
	return TRUE;
}

void
am_readings_doubt(AmReadings *readings, const AmReading *by, AmPart *part, const char *name,
		  const char *detail)
{
	gboolean is_first = by == readings->list->pdata[0];
	gboolean is_told =
		g_ptr_array_find_with_equal_func(readings->told, name, g_str_equal, NULL);
	if (!is_told)
		g_ptr_array_add(readings->told, (gpointer)name);
	gboolean is_same =
		is_told && readings->told_part == part && strcmp(readings->told_name, name) == 0;
	if (is_same || (is_told && (!is_first || readings->n_doubts >= DOUBTS_MAX)))
		name = NULL;
	else
		readings->n_doubts++;
	readings->told_part = part;
	readings->told_name = name != NULL ? name : readings->told_name;
	am_part_doubt(part, name, detail);
}
