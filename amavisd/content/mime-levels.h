/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The multiparts and mails that are open at a place of the walk, and their boundaries. */

#include <glib.h>

#include "content/part.h"

#define AM_BOUNDARY_LINE_BYTES 2048 /* a longer line is no boundary; RFC 2046 allows 70 */

typedef struct {
	AmPart *part;
	char *boundary;	    /* NULL: a mail in a mail */
	int outer;	    /* level that had the same boundary before, -1 none */
	gboolean is_shadow; /* ... and still has it */
	gboolean is_begun;  /* a boundary line came */
	gboolean is_closed;
	gboolean is_digest;
	guint64 start; /* of the body */
} AmLevel;

typedef struct {
	GArray *stack;	   /* AmLevel */
	GHashTable *lost;  /* boundaries of what ended before they came; NULL: none */
	GHashTable *index; /* boundary to index + 1 of the innermost level that has it */
	guint rules;	   /* AmReadRules */
	guint doubts;	   /* rules that would make a difference; grows */
} AmLevels;

void am_levels_init(AmLevels *levels, guint rules);
void am_levels_clear(AmLevels *levels);
AmLevel *am_levels_get(AmLevels *levels, int index);
guint am_levels_count(const AmLevels *levels);
/* Takes boundary. */
void am_levels_push(AmLevels *levels, AmPart *part, char *boundary, guint64 start);
/* The innermost one, which is taken off; its boundary is to be freed. */
AmLevel am_levels_pop(AmLevels *levels);
/* Is the line a boundary of an open level?  -1 no, else its index.  is_whole FALSE: the line goes on
 * behind these bytes. */
int am_levels_match(AmLevels *levels, const guint8 *line, gsize len, gboolean is_whole,
		    gboolean *is_close);
/* Notes it when the bytes, which stand behind a bare CR, look like a boundary. */
void am_levels_note_cr(AmLevels *levels, const guint8 *data, gsize len);
