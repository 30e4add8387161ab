/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Shared by the parts of the MIME walk: the walk (mime.c) over header lines (mime-header.c) and
 * bodies (mime-body.c), what a header says (mime-entity.c, mime-boundary.c), what else could be read
 * (mime-doubt.c), and the list of that (mime-reading.c). */

#include <glib.h>

#include "content/mime-levels.h"
#include "content/params.h"
#include "content/part.h"
#include "content/reader.h"

/* How a mail reader may differ from the first reading; or-ed.  A walk by some of them notes which
 * others would make a difference too. */
typedef enum {
	/* for the whole of what is walked */
	AM_READ_CR = 1 << 0,	    /* a bare CR ends a line */
	AM_READ_CRLF = 1 << 1,	    /* only CRLF does */
	AM_READ_NUL = 1 << 2,	    /* NULs are passed over in headers and boundaries */
	AM_READ_PREFIX = 1 << 3,    /* a boundary may be followed by more */
	AM_READ_OUTER = 1 << 4,	    /* a boundary used again is the outer multipart's */
	AM_READ_INNERMOST = 1 << 5, /* only the innermost boundary counts, until it is closed */
	AM_READ_UNCUT = 1 << 6,	    /* no boundary inside a header */
	AM_READ_CLOSE = 1 << 7,	    /* "--b--" ends b, though there is a boundary "b--" */
	/* for an entity's header */
	AM_READ_BLANK_ENDS = 1 << 8,	  /* a line of blanks ends it */
	AM_READ_JUNK_ENDS = 1 << 9,	  /* a line that is no field begins the body */
	AM_READ_JUNK_CONTINUES = 1 << 10, /* ... goes on with the field before it */
	AM_READ_STRICT_COLON = 1 << 11,	  /* blanks before the ':': no field */
} AmReadRules;
#define AM_READ_WHOLE 0xffu
#define AM_READ_N_RULES 12

typedef enum {
	AM_FORM_ENTITY, /* a header, then what it says */
	AM_FORM_LEAF,
	AM_FORM_MULTIPART,
	AM_FORM_MAIL,
} AmForm;

/* One way to read some bytes of a file. */
typedef struct {
	AmForm form;
	guint rules;   /* AmReadRules */
	AmPart *owner; /* whose child it will be; the first reading of all: itself */
	int fd;	       /* the owner's or the mail's */
	guint64 start, end;
	gboolean is_open;   /* the end is not known yet */
	char *declared;	    /* type; not for AM_FORM_ENTITY */
	char *boundary;	    /* AM_FORM_MULTIPART; NULL: to be guessed */
	int encoding;	    /* undone first, when it is one that changes bytes */
	const char *detail; /* static: why there is this reading */
} AmReading;

/* All readings of one mail, those made and those to be made, in order. */
typedef struct {
	AmPartTree *tree;
	GPtrArray *list;
	GPtrArray *told;   /* names of findings already made in the first reading; static */
	AmPart *told_part; /* of the last finding */
	const char *told_name;
	guint n_open, n_doubts;
} AmReadings;

void am_readings_init(AmReadings *readings, AmPartTree *tree);
void am_readings_clear(AmReadings *readings);
/* Takes a copy, unless there is the same already; beyond the limits the owner is marked instead.
 * FALSE: it was there. */
gboolean am_readings_add(AmReadings *readings, const AmReading *reading);
/* No more are taken. */
gboolean am_readings_is_full(const AmReadings *readings);
/* Has a reading of the same bytes in the same way been made before this one of the list? */
gboolean am_readings_have(const AmReadings *readings, const AmReading *reading);
/* The entity of this part ends here. */
void am_readings_close(AmReadings *readings, AmPart *part, guint64 end);
/* Its bytes are counted; FALSE: the budget is used up, and the owner is marked. */
gboolean am_reading_may_run(AmReadings *readings, const AmReading *reading);
/* Marks the part, and makes the finding; in further readings once for each name. */
void am_readings_doubt(AmReadings *readings, const AmReading *by, AmPart *part, const char *name,
		       const char *detail);

/* The values of a field that should stand once: the first ones, and the last. */
#define AM_FIELD_VALUES 8
typedef struct {
	GString *values[AM_FIELD_VALUES]; /* NULL: not needed yet */
	guint n;			  /* seen */
} AmFieldValues;

typedef struct {
	AmFieldValues type, encoding, disposition;
	guint n_lines;
	gboolean has_junk;	 /* a line that is no field */
	gboolean has_blank_fold; /* a line of blanks */
	guint doubts;		 /* AmReadRules of the header that would make a difference */
	guint64 start;
} AmEntity;

void am_entity_reset(AmEntity *entity, guint64 start);
void am_entity_clear(AmEntity *entity);
/* One line, or the first piece of one.  Where the value goes that starts at *value, NULL nowhere.
 * *is_junk: it is no field. */
GString *am_entity_start_field(AmEntity *entity, guint rules, const guint8 *line, gsize len,
			       gsize *value, gboolean *is_junk);

/* What the header says, in the first reading. */
typedef struct {
	AmForm form;	/* not AM_FORM_ENTITY */
	char *boundary; /* to be freed; NULL for a multipart: none */
	int encoding;
	gboolean is_unknown_encoding, has_duplicate;
	gboolean is_encrypted;	 /* multipart/encrypted */
	gboolean says_enveloped; /* S/MIME, encrypted by its Content-Type */
} AmEntityFacts;

/* Sets declared type and names of the part; the other readings are added to `readings`, open, with
 * fd, rules and start as in `by` and at `body`. */
void am_entity_read(AmEntity *entity, AmReadings *readings, const AmReading *by, AmPart *part,
		    gboolean is_digest, guint64 body, AmEntityFacts *facts);

gboolean am_encoding_is_identity(int encoding);

/* All boundaries that a reader may find in a Content-Type field, the likeliest first, at most
 * AM_BOUNDARIES_MAX; elements to be freed with the array. */
#define AM_BOUNDARIES_MAX 16u
GPtrArray *am_boundaries_read(const AmParams *type, const char *text, gsize len);
/* The boundary of the first line that looks like one in the range; NULL none.  To be freed. */
char *am_boundary_guess(int fd, guint64 start, guint64 end);

/* ---- the walk ------------------------------------------------------------------------------ */

/* A boundary line, or the end. */
typedef struct {
	int level; /* index in the stack, -1 the end of the mail */
	gboolean is_close;
	guint64 end; /* of what stands before: the line end in front of a boundary belongs to it */
} AmWalkEvent;

typedef struct {
	AmPartTree *tree;
	AmReadings *readings;
	AmEntity *entity;
	const AmReading *by;
	guint32 flags; /* of the first part, when this is not the first reading */
	AmReader reader;
	AmLevels levels;
	guint line_ends; /* seen in headers and at boundaries: 1 CRLF, 2 LF */
	GString *line;	 /* without its NULs */
	/* the leaf being read */
	AmPart *leaf;
	guint64 leaf_start;
	gboolean says_enveloped; /* its Content-Type */
	AmPartWriter *writer; /* NULL: bytes are skipped */
	AmTransferDecoder decoder;
	gboolean is_late;
} AmWalk;

/* Reads a header into walk->entity; TRUE when a boundary ended it before an empty line could. */
gboolean am_walk_header(AmWalk *walk, AmWalkEvent *event);
/* Is the line (with its end) a boundary of an open level? */
gboolean am_walk_match(AmWalk *walk, const guint8 *line, gsize len, gboolean is_whole,
		       guint64 offset, AmWalkEvent *event);
/* Of a boundary line that is longer than what was looked at. */
void am_walk_skip_line(AmWalk *walk);

/* The body of a leaf begins here. */
void am_walk_begin_leaf(AmWalk *walk, AmPart *part, int encoding);
/* Hands the bytes up to the next boundary line to the leaf, if there is one.  The line end before a
 * boundary belongs to it and not to the content. */
void am_walk_body(AmWalk *walk, AmWalkEvent *event);
/* Nothing when no leaf was begun. */
void am_walk_end_leaf(AmWalk *walk, guint64 end);

/* Each adds the readings that it finds, and tells of them. */
gboolean am_walk_is_first(const AmWalk *walk);
/* of a leaf that ends */
void am_walk_doubt_content(AmWalk *walk, AmPart *part, guint64 start, guint64 end);
/* of a leaf that begins, and is not encoded */
void am_walk_doubt_leaf(AmWalk *walk, AmPart *part);
/* of where its header ends */
void am_walk_doubt_header(AmWalk *walk, AmPart *part);
/* of a multipart in which its boundary never came */
void am_walk_doubt_empty(AmWalk *walk, const AmLevel *level, guint64 end);
/* of bytes before the first boundary, or behind the last, that begin like a part or hold something
 * encoded: no reader should show them, but some do */
void am_walk_look_aside(AmWalk *walk, AmPart *part, guint64 start, guint64 end, const char *name,
			const char *detail);
/* of all that was walked */
void am_walk_doubt_whole(AmWalk *walk);
