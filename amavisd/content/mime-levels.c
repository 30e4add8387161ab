/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* RFC 2046 5.1.1:
 *
 *     delimiter       = "--" boundary *WSP CRLF
 *     close-delimiter = "--" boundary "--" *WSP CRLF
 *
 * Open boundaries lie in a hash table, so that a line is looked up once however deep it stands.  Only
 * lines that begin with "--" and are no boundary are compared with each level, to know whether a
 * more lenient reader would take them for one. */

#include <config.h>

#include "content/mime-levels.h"

#include <string.h>

#include "content/mime-private.h"

void
am_levels_init(AmLevels *levels, guint rules)
{
	levels->stack = g_array_new(FALSE, FALSE, sizeof(AmLevel));
	levels->index = g_hash_table_new(g_str_hash, g_str_equal);
	levels->lost = NULL;
	levels->rules = rules;
	levels->doubts = 0;
}

void
am_levels_clear(AmLevels *levels)
{
	for (guint i = 0; i < levels->stack->len; i++)
		g_free(g_array_index(levels->stack, AmLevel, i).boundary);
	g_hash_table_unref(levels->index);
	if (levels->lost != NULL)
		g_hash_table_unref(levels->lost);
	g_array_free(levels->stack, TRUE);
}

AmLevel *
am_levels_get(AmLevels *levels, int index)
{
	return &g_array_index(levels->stack, AmLevel, index);
}

guint
am_levels_count(const AmLevels *levels)
{
	return levels->stack->len;
}

static int
levels_find(const AmLevels *levels, const char *boundary)
{
	return GPOINTER_TO_INT(g_hash_table_lookup(levels->index, boundary)) - 1;
}

void
am_levels_push(AmLevels *levels, AmPart *part, char *boundary, guint64 start)
{
	int index = (int)levels->stack->len;
	AmLevel level = { .part = part, .boundary = boundary, .outer = -1, .start = start };
	if (boundary != NULL) {
		int outer = levels_find(levels, boundary);
		if (outer >= 0)
			levels->doubts |= AM_READ_OUTER;
		level.is_shadow = outer >= 0 && (levels->rules & AM_READ_OUTER) != 0;
		level.is_digest = g_strcmp0(part->facts->declared_type, "multipart/digest") == 0;
		if (!level.is_shadow) {
			level.outer = outer;
			g_hash_table_insert(levels->index, boundary, GINT_TO_POINTER(index + 1));
		}
	}
	g_array_append_val(levels->stack, level);
}

AmLevel
am_levels_pop(AmLevels *levels)
{
	int index = (int)levels->stack->len - 1;
	AmLevel level = *am_levels_get(levels, index);
	g_array_set_size(levels->stack, (guint)index);
	if (level.boundary == NULL || level.is_shadow)
		return level;
	g_hash_table_remove(levels->index, level.boundary);
	if (!level.is_closed) {
		if (levels->lost == NULL)
			levels->lost = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
		g_hash_table_add(levels->lost, g_strdup(level.boundary));
	}
	if (level.outer >= 0) {
		char *same = am_levels_get(levels, level.outer)->boundary;
		g_hash_table_insert(levels->index, same, GINT_TO_POINTER(level.outer + 1));
	}
	return level;
}

/* The innermost level above `floor` whose boundary the text (behind "--") starts with, -1 none;
 * *rest: bytes of the boundary. */
static int
levels_find_prefix(AmLevels *levels, int floor, const guint8 *text, gsize len, gsize *rest)
{
	for (int i = (int)levels->stack->len - 1; i > floor; i--) {
		const AmLevel *level = am_levels_get(levels, i);
		if (level->boundary == NULL || level->is_shadow)
			continue;
		*rest = strlen(level->boundary);
		if (*rest <= len && memcmp(text, level->boundary, *rest) == 0)
			return i;
	}
	return -1;
}

void
am_levels_note_cr(AmLevels *levels, const guint8 *data, gsize len)
{
	gsize rest;
	if (len > 2 && data[0] == '-' && data[1] == '-' &&
	    levels_find_prefix(levels, -1, data + 2, len - 2, &rest) >= 0)
		levels->doubts |= AM_READ_CR;
}

/* A line that is no boundary as it stands, or one of the level `floor`. */
static int
levels_match_prefix(AmLevels *levels, int floor, const guint8 *text, gsize len, gboolean *is_close)
{
	gsize rest;
	int found = levels_find_prefix(levels, floor, text, len, &rest);
	if (found < 0)
		return -1;
	levels->doubts |= AM_READ_PREFIX;
	if (rest < len && text[rest] == '\r')
		levels->doubts |= AM_READ_CR;
	*is_close = len >= rest + 2 && text[rest] == '-' && text[rest + 1] == '-';
	return (levels->rules & AM_READ_PREFIX) != 0 ? found : -1;
}

/* By the grammar.  key: the text behind "--", without blanks at its end; may be changed. */
static int
levels_match_exact(AmLevels *levels, char *key, gsize len, gboolean *is_close)
{
	int found = levels_find(levels, key), closed = -1;
	*is_close = FALSE;
	if (len >= 3 && key[len - 1] == '-' && key[len - 2] == '-') {
		key[len - 2] = '\0';
		closed = levels_find(levels, key);
		key[len - 2] = '-';
	}
	if (found >= 0 && closed >= 0)
		levels->doubts |= AM_READ_CLOSE;
	if (closed >= 0 && (found < 0 || (levels->rules & AM_READ_CLOSE) != 0)) {
		*is_close = TRUE;
		return closed;
	}
	return found;
}

/* Stands an open multipart between the level and the end of the stack, so that a reader who knows
 * the innermost boundary only does not see this one?  It makes no difference as long as the inner
 * one has not begun, and next to none in a mail that is returned in part; should the inner boundary
 * come later it is noted then. */
static gboolean
levels_is_hidden(AmLevels *levels, int index)
{
	gboolean is_hidden = FALSE, may_differ = TRUE;
	for (int i = index + 1; i < (int)levels->stack->len; i++) {
		const AmLevel *level = am_levels_get(levels, i);
		if (level->boundary == NULL)
			may_differ = FALSE;
		if (level->boundary == NULL || level->is_shadow || level->is_closed)
			continue;
		is_hidden = TRUE;
		if (may_differ && level->is_begun)
			levels->doubts |= AM_READ_INNERMOST;
	}
	return is_hidden;
}

int
am_levels_match(AmLevels *levels, const guint8 *line, gsize len, gboolean is_whole,
		gboolean *is_close)
{
	char key[AM_BOUNDARY_LINE_BYTES + 1];
	gsize n = 0;
	if (len < 3 || line[0] != '-' || line[1] != '-' || g_hash_table_size(levels->index) == 0)
		return -1;
	if (!is_whole || len > AM_BOUNDARY_LINE_BYTES)
		return levels_match_prefix(levels, -1, line + 2, len - 2, is_close);
	gboolean has_nul = memchr(line, '\0', len) != NULL;
	if (has_nul)
		levels->doubts |= AM_READ_NUL;
	for (gsize i = 2; i < len && has_nul; i++)
		if (line[i] != '\0')
			key[n++] = (char)line[i];
	if (!has_nul)
		memcpy(key, line + 2, n = len - 2);
	while (n > 0 && g_ascii_isspace(key[n - 1]))
		n--;
	key[n] = '\0';
	int found = -1;
	if (!has_nul || (levels->rules & AM_READ_NUL) != 0)
		found = levels_match_exact(levels, key, n, is_close);
	if (found < (int)levels->stack->len - 1) {
		gboolean is_prefix_close = FALSE;
		int inner = levels_match_prefix(levels, found, line + 2, len - 2, &is_prefix_close);
		if (inner >= 0) {
			*is_close = is_prefix_close;
			return inner;
		}
	}
	if (found < 0 && levels->lost != NULL && g_hash_table_contains(levels->lost, key))
		levels->doubts |= AM_READ_INNERMOST;
	if (found >= 0 && levels_is_hidden(levels, found) &&
	    (levels->rules & AM_READ_INNERMOST) != 0)
		return -1;
	return found;
}
