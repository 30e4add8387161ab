/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The lines of an entity's header, and boundaries among them.  Only the values of the three fields
 * that say what the entity is are kept. */

#include <config.h>

#include <string.h>

#include "content/mime-private.h"

#define FIELD_MAX_BYTES 65536 /* of a Content- field that are read */
#define LINE_PIECE_BYTES 8192 /* longer lines come in pieces */

static void
walk_note_line_end(AmWalk *walk, const guint8 *line, gsize len)
{
	if (line[len - 1] == '\n')
		walk->line_ends |= len > 1 && line[len - 2] == '\r' ? 1 : 2;
}

gboolean
am_walk_match(AmWalk *walk, const guint8 *line, gsize len, gboolean is_whole, guint64 offset,
	      AmWalkEvent *event)
{
	event->level = am_levels_match(&walk->levels, line, len, is_whole, &event->is_close);
	event->end = offset;
	if (event->level < 0)
		return FALSE;
	walk_note_line_end(walk, line, len);
	return TRUE;
}

void
am_walk_skip_line(AmWalk *walk)
{
	gsize len;
	gboolean is_whole = FALSE;
	const guint8 *line;
	do
		line = am_reader_line(&walk->reader, LINE_PIECE_BYTES, &len, &is_whole);
	while (line != NULL && line[len - 1] != '\n');
}

static gboolean
header_is_blank(const guint8 *line, gsize len)
{
	for (gsize i = 0; i < len; i++)
		if (!g_ascii_isspace(line[i]))
			return FALSE;
	return TRUE;
}

/* Line ends and NULs that readers take in more ways than one; *line may become a copy. */
static void
header_look(AmWalk *walk, const guint8 **line, gsize *len)
{
	const guint8 *cr = memchr(*line, '\r', *len);
	const guint8 *end = *line + *len;
	if (cr != NULL && cr + 1 < end && (cr + 2 < end || cr[1] != '\n'))
		walk->levels.doubts |= AM_READ_CR;
	walk_note_line_end(walk, *line, *len);
	if (memchr(*line, '\0', *len) == NULL)
		return;
	walk->levels.doubts |= AM_READ_NUL;
	if ((walk->by->rules & AM_READ_NUL) == 0)
		return;
	g_string_truncate(walk->line, 0);
	for (gsize i = 0; i < *len; i++)
		if ((*line)[i] != '\0')
			g_string_append_c(walk->line, (char)(*line)[i]);
	if (walk->line->len == 0)
		g_string_append_c(walk->line, ' ');
	*line = (const guint8 *)walk->line->str;
	*len = walk->line->len;
}

/* The start of a line of the header.  FALSE: it ends the header.  *target: where the value is
 * gathered, NULL nowhere; *value: where it starts. */
static gboolean
header_start_line(AmWalk *walk, const guint8 *line, gsize len, GString **target, gsize *value)
{
	AmEntity *entity = walk->entity;
	guint rules = walk->by->rules;
	gboolean is_junk;
	*value = 0;
	if (line[0] == ' ' || line[0] == '\t') {
		if (header_is_blank(line, len)) {
			entity->has_blank_fold = TRUE;
			return (rules & AM_READ_BLANK_ENDS) == 0;
		}
		if (entity->has_blank_fold && *target != NULL)
			entity->doubts |= AM_READ_BLANK_ENDS;
		return TRUE;
	}
	GString *next = am_entity_start_field(entity, rules, line, len, value, &is_junk);
	if (!is_junk) {
		*target = next;
		return TRUE;
	}
	entity->has_junk = TRUE;
	entity->doubts |= AM_READ_JUNK_ENDS;
	if ((rules & AM_READ_JUNK_ENDS) != 0)
		return FALSE;
	if (*target != NULL)
		entity->doubts |= AM_READ_JUNK_CONTINUES;
	if ((rules & AM_READ_JUNK_CONTINUES) == 0)
		*target = NULL;
	else if (*target != NULL)
		g_string_append_c(*target, ' ');
	*value = 0;
	return TRUE;
}

/* A boundary in the header? */
static gboolean
header_match(AmWalk *walk, const guint8 *line, gsize len, gboolean is_whole, guint64 offset,
	     AmWalkEvent *event)
{
	if (!am_walk_match(walk, line, len, is_whole, offset, event))
		return FALSE;
	if (walk->entity->n_lines > 0)
		walk->levels.doubts |= AM_READ_UNCUT;
	if (walk->entity->n_lines > 0 && (walk->by->rules & AM_READ_UNCUT) != 0)
		return FALSE;
	if (line[len - 1] != '\n')
		am_walk_skip_line(walk);
	return TRUE;
}

gboolean
am_walk_header(AmWalk *walk, AmWalkEvent *event)
{
	GString *target = NULL;
	gboolean is_start = TRUE, is_whole;
	gsize len;
	const guint8 *line;
	guint64 offset = am_reader_offset(&walk->reader);

	am_entity_reset(walk->entity, offset);
	while ((line = am_reader_line(&walk->reader, LINE_PIECE_BYTES, &len, &is_whole)) != NULL) {
		gsize value = 0, bytes = len;
		gboolean is_end = line[len - 1] == '\n';
		if (is_start &&
		    (line[0] == '\n' || (len == 2 && line[0] == '\r' && line[1] == '\n')))
			return FALSE;
		if (is_start && line[0] == '-' &&
		    header_match(walk, line, len, is_whole, offset, event))
			return TRUE;
		header_look(walk, &line, &len);
		if (is_start && !header_start_line(walk, line, len, &target, &value)) {
			if (line[0] != ' ' && line[0] != '\t')
				walk->reader.pos -= bytes; /* the line is the body's first */
			return FALSE;
		}
		walk->entity->n_lines += is_start ? 1 : 0;
		if (target != NULL && target->len < FIELD_MAX_BYTES)
			g_string_append_len(target, (const char *)line + value,
					    (gssize)(len - value));
		is_start = is_end;
		offset += bytes;
	}
	return FALSE;
}
