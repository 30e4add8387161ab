/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* MIME, RFC 2045 to 2049, in one pass over the bytes with one window of memory:
 *
 *     entity     = *field CRLF body
 *     multipart  = preamble 1*( "--" boundary CRLF entity ) "--" boundary "--" epilogue
 *
 * The structure is walked here, with a stack of levels that the part budget bounds, and not by
 * GMime's parser: that one keeps header sections in memory whole, and its cost grows with the depth
 * of nesting for each line that starts with "--" (measured: a second for each MB at its limit of
 * 1024 levels).  GMime decodes: uuencode, encoded-words, addresses.
 *
 * Where mail readers disagree, the walk takes one reading and notes what others there are; these
 * are walked afterwards, each over its own bytes, and what they show becomes parts of its own below
 * the one they are another reading of (docs/ambiguity.md). */

#include <config.h>

#include "content/mime.h"

#include "content/mime-private.h"

static void
walk_defect(AmWalk *walk, const char *field, guint64 position, const char *section,
	    const char *detail)
{
	/* a decoded part has no place in the mail that a position could name */
	if (am_walk_is_first(walk))
		am_report_add_defect(walk->tree->report, "mime", field,
				     walk->by->owner->index == 0 ? position : 0, section, detail);
}

/* ---- levels -------------------------------------------------------------------------------- */

/* Leaves all levels from `count` on; their bodies end at `offset`. */
static void
walk_pop(AmWalk *walk, guint count, guint64 offset)
{
	while (am_levels_count(&walk->levels) > count) {
		AmLevel level = am_levels_pop(&walk->levels);
		AmPart *part = level.part;
		part->facts->size = offset > level.start ? offset - level.start : 0;
		am_readings_close(walk->readings, part, offset);
		if (level.boundary == NULL) {
			part->source = AM_SOURCE_RANGE;
			part->fd = walk->reader.fd;
			part->offset = level.start;
			part->len = part->facts->size;
			continue;
		}
		if (!level.is_closed)
			walk_defect(walk, "Content-Type", level.start, "RFC 2046 5.1.1",
				    "multipart has no closing boundary");
		if (!level.is_begun && !walk->is_late)
			am_walk_doubt_empty(walk, &level, offset);
		g_free(level.boundary);
	}
}

/* ---- what an entity is --------------------------------------------------------------------- */

/* Facts and doubts that make no reading of their own. */
static void
entity_tell(AmWalk *walk, AmPart *part, const AmEntityFacts *facts)
{
	const AmEntity *entity = walk->entity;
	if (facts->is_encrypted)
		am_part_mark(part, AM_PART_ENCRYPTED, "multipart/encrypted");
	if (entity->disposition.n > 1)
		am_readings_doubt(walk->readings, walk->by, part, "several-dispositions",
				  "several Content-Disposition fields");
	if (facts->has_duplicate)
		am_readings_doubt(walk->readings, walk->by, part, "several-parameters",
				  "a parameter stands twice");
	if (facts->is_unknown_encoding)
		walk_defect(walk, "Content-Transfer-Encoding", entity->start, "RFC 2045 6.4",
			    "unknown transfer encoding");
	if (entity->has_junk && entity->start != 0) /* the mail's own: header-checks.c */
		walk_defect(walk, "", entity->start, "RFC 5322 2.2",
			    "header line that is no field");
	if (facts->form == AM_FORM_LEAF &&
	    g_str_has_prefix(part->facts->declared_type, "multipart/"))
		walk_defect(walk, "Content-Type", entity->start, "RFC 2046 5.1.1",
			    "multipart without a boundary");
}

/* Makes the part of the entity whose header was read, below `parent`.  Returns the parent of the
 * entity that follows at once (a mail in a mail), else NULL: a body follows. */
static AmPart *
walk_entity(AmWalk *walk, AmPart *parent, gboolean is_digest, gboolean is_cut)
{
	AmPart *part = am_part_tree_add(walk->tree, parent, AM_PART_MIME | walk->flags);
	guint64 body = am_reader_offset(&walk->reader);
	AmEntityFacts facts;
	if (part == NULL)
		return NULL; /* budget used up; the body is skipped */
	if (walk->flags != 0)
		am_part_mark(part, 0, walk->by->detail);
	walk->flags = 0;
	am_entity_read(walk->entity, walk->readings, walk->by, part, is_digest, body, &facts);
	entity_tell(walk, part, &facts);
	if (walk->entity->doubts != 0)
		am_walk_doubt_header(walk, part);
	if (facts.form == AM_FORM_MULTIPART) {
		am_levels_push(&walk->levels, part, facts.boundary, body);
		return NULL;
	}
	if (facts.form == AM_FORM_MAIL) {
		am_part_set_type(part, "message/rfc822");
		am_levels_push(&walk->levels, part, NULL, body);
		return part;
	}
	am_walk_begin_leaf(walk, part, facts.encoding);
	walk->says_enveloped = facts.says_enveloped;
	if (!is_cut && am_encoding_is_identity(facts.encoding))
		am_walk_doubt_leaf(walk, part);
	return NULL;
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* A body was read up to the event: goes on to where the next entity starts, through epilogues, and
 * preambles of multiparts whose boundary comes later.  FALSE: there is none. */
static gboolean
walk_next(AmWalk *walk, AmWalkEvent *event)
{
	while (!walk->is_late && event->level >= 0) {
		walk_pop(walk, (guint)event->level + 1, event->end);
		AmLevel *level = am_levels_get(&walk->levels, event->level);
		if (!level->is_begun)
			am_walk_look_aside(walk, level->part, level->start, event->end, "preamble",
					   "something like a part before the first boundary");
		level->is_begun = TRUE;
		if (level->is_closed)
			am_readings_doubt(walk->readings, walk->by, level->part, "behind-end",
					  "boundary behind the closing one");
		if (!event->is_close)
			return TRUE;
		level->is_closed = TRUE;
		guint64 start = am_reader_offset(&walk->reader);
		am_walk_body(walk, event);
		am_walk_look_aside(walk, level->part, start, event->end, "epilogue",
				   "something like a part behind the last boundary");
	}
	return FALSE;
}

/* Entities, the first one below `parent`, until there are no more. */
static void
walk_entities(AmWalk *walk, AmPart *parent, gboolean is_digest)
{
	AmWalkEvent event = { .level = -1 };
	gboolean is_more = TRUE;
	while (is_more) {
		gboolean is_cut = am_walk_header(walk, &event);
		AmPart *inner = walk_entity(walk, parent, is_digest, is_cut);
		if (inner != NULL && !is_cut) {
			parent = inner;
			is_digest = FALSE;
			continue;
		}
		if (!is_cut)
			am_walk_body(walk, &event);
		am_walk_end_leaf(walk, event.end);
		is_more = walk_next(walk, &event);
		if (is_more) {
			parent = am_levels_get(&walk->levels, event.level)->part;
			is_digest = am_levels_get(&walk->levels, event.level)->is_digest;
		}
	}
}

static void
walk_init(AmWalk *walk, AmReadings *readings, AmEntity *entity, const AmReading *by,
	  AmDigest *digest)
{
	*walk = (AmWalk){
		.tree = readings->tree, .readings = readings, .entity = entity, .by = by
	};
	am_levels_init(&walk->levels, by->rules);
	am_reader_init(&walk->reader, by->fd, by->start, by->end - by->start, digest);
	if ((by->rules & AM_READ_CR) != 0)
		walk->reader.lines = AM_READER_CR;
	else if ((by->rules & AM_READ_CRLF) != 0)
		walk->reader.lines = AM_READER_CRLF;
	walk->line = g_string_new(NULL);
	if (!am_walk_is_first(walk))
		walk->flags = AM_PART_ALTERNATIVE | AM_PART_AMBIGUOUS;
}

/* FALSE: no time left, or the bytes could not be read. */
static gboolean
walk_finish(AmWalk *walk)
{
	AmPart *owner = walk->by->owner;
	walk_pop(walk, 0, am_reader_offset(&walk->reader));
	if (walk->is_late)
		am_part_limit(owner, "time", "no time left to take the mail apart");
	else
		am_walk_doubt_whole(walk);
	if (walk->reader.has_failed)
		am_part_mark(owner, AM_PART_UNDECODED, "the mail could not be read to its end");
	gboolean ok = !walk->is_late && !walk->reader.has_failed;
	am_reader_clear(&walk->reader);
	am_levels_clear(&walk->levels);
	g_string_free(walk->line, TRUE);
	return ok;
}

/* ---- readings ------------------------------------------------------------------------------ */

static AmPart *
reading_add_part(AmWalk *walk)
{
	const AmReading *by = walk->by;
	AmPart *part = am_part_tree_add(walk->tree, by->owner, AM_PART_MIME | walk->flags);
	if (part == NULL)
		return NULL;
	walk->flags = 0;
	am_report_set_text(&part->facts->declared_type, by->declared);
	am_part_mark(part, 0, by->detail);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	for (char **name = by->owner->facts->names; *name != NULL; name++)
		g_ptr_array_add(names, g_strdup(*name));
	am_part_set_names(part, names);
	return part;
}

/* All bytes of the reading are one leaf. */
static void
reading_walk_leaf(AmWalk *walk, AmPart *part)
{
	AmWalkEvent event;
	am_walk_begin_leaf(walk, part, walk->by->encoding);
	am_walk_body(walk, &event);
	am_walk_end_leaf(walk, event.end);
}

/* All bytes of the reading are a body of the kind. */
static void
reading_walk_container(AmWalk *walk, AmPart *part)
{
	const AmReading *by = walk->by;
	AmWalkEvent event;
	if (by->form == AM_FORM_MAIL) {
		am_part_set_type(part, "message/rfc822");
		am_levels_push(&walk->levels, part, NULL, by->start);
		walk_entities(walk, part, FALSE);
		return;
	}
	am_levels_push(&walk->levels, part, g_strdup(by->boundary), by->start);
	gboolean is_digest = am_levels_get(&walk->levels, 0)->is_digest;
	am_walk_body(walk, &event);
	if (walk_next(walk, &event))
		walk_entities(walk, am_levels_get(&walk->levels, event.level)->part, is_digest);
}

/* A multipart or mail that is encoded as a whole: first the encoding, then what it is. */
static gboolean
reading_walk_encoded(AmReadings *readings, AmEntity *entity, const AmReading *by)
{
	AmWalk walk;
	walk_init(&walk, readings, entity, by, NULL);
	AmPart *part = reading_add_part(&walk);
	if (part != NULL)
		reading_walk_leaf(&walk, part);
	gboolean ok = walk_finish(&walk) && part != NULL;
	int fd = ok ? am_part_view(part) : -1;
	if (fd < 0)
		return ok;
	/* it is opened here, and its bytes must stay where they are */
	part->decoder = NULL;
	part->beside = 0;
	part->is_mail = FALSE;
	g_autofree char *guess =
		by->boundary == NULL ? am_boundary_guess(fd, 0, part->facts->size) : NULL;
	AmReading inner = *by;
	if (guess != NULL)
		inner.boundary = guess;
	if (inner.form == AM_FORM_MULTIPART && inner.boundary == NULL)
		return TRUE;
	inner.owner = part;
	inner.fd = fd;
	inner.start = 0;
	inner.end = part->facts->size;
	inner.encoding = 0;
	walk_init(&walk, readings, entity, &inner, NULL);
	walk.flags = 0;
	reading_walk_container(&walk, part);
	return walk_finish(&walk);
}

static gboolean
reading_walk(AmReadings *readings, AmEntity *entity, AmReading *by, AmDigest *digest)
{
	AmWalk walk;
	if (by->form != AM_FORM_ENTITY && by->form != AM_FORM_LEAF &&
	    !am_encoding_is_identity(by->encoding))
		return reading_walk_encoded(readings, entity, by);
	if (by->form == AM_FORM_MULTIPART && by->boundary == NULL) {
		by->boundary = am_boundary_guess(by->fd, by->start, by->end);
		if (by->boundary == NULL || am_readings_have(readings, by))
			return TRUE;
	}
	walk_init(&walk, readings, entity, by, digest);
	AmPart *part = NULL;
	if (by->form == AM_FORM_ENTITY)
		walk_entities(&walk, by->owner, FALSE);
	else
		part = reading_add_part(&walk);
	if (part != NULL && by->form == AM_FORM_LEAF)
		reading_walk_leaf(&walk, part);
	else if (part != NULL)
		reading_walk_container(&walk, part);
	return walk_finish(&walk);
}

gboolean
am_mime_walk(AmPart *root, int fd, guint64 offset, guint64 len, AmDigest *digest)
{
	AmReadings readings;
	AmEntity entity = { 0 };
	AmReading first = { .form = AM_FORM_ENTITY,
			    .owner = root,
			    .fd = fd,
			    .start = offset,
			    .end = offset + len };
	am_readings_init(&readings, root->tree);
	(void)am_readings_add(&readings, &first); /* the list is empty */
	gboolean ok = reading_walk(&readings, &entity, readings.list->pdata[0], digest);
	/* grows while it is walked */
	for (guint i = 1; i < readings.list->len && ok; i++) {
		AmReading *reading = readings.list->pdata[i];
		if (am_reading_may_run(&readings, reading))
			ok = reading_walk(&readings, &entity, reading, NULL);
	}
	am_readings_clear(&readings);
	am_entity_clear(&entity);
	return ok;
}
