/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Where mail readers may disagree: each place adds the readings that the walk did not take
 * (docs/ambiguity.md has the table), and the finding that says why. */

#include <config.h>

#include <gmime/gmime.h>
#include <string.h>

#include "content/markers.h"
#include "content/mime-private.h"

#define LINE_PIECE_BYTES 8192
#define SECOND_HEADER_BYTES 512 /* at the start of a body that are looked at for one */
#define JUNK_FACTOR 12		/* more bytes than one of so many in base64: it may be none */

gboolean
am_walk_is_first(const AmWalk *walk)
{
	return walk->by == walk->readings->list->pdata[0];
}

/* One more reading of some bytes of the part, for this reason. */
static void
walk_doubt(AmWalk *walk, AmPart *part, AmReading *reading, const char *name, const char *detail)
{
	reading->owner = part;
	reading->fd = walk->by->fd;
	reading->rules |= walk->by->rules;
	reading->detail = detail;
	if (am_readings_add(walk->readings, reading))
		am_readings_doubt(walk->readings, walk->by, part, name, detail);
}

void
am_walk_doubt_empty(AmWalk *walk, const AmLevel *level, guint64 end)
{
	const char *detail = "the boundary of a multipart does not occur";
	AmReading text = { .form = AM_FORM_LEAF,
			   .declared = (char *)"text/plain",
			   .start = level->start,
			   .end = end };
	AmReading guess = { .form = AM_FORM_MULTIPART,
			    .declared = (char *)"multipart/mixed",
			    .start = level->start,
			    .end = end };
	if (end < level->start + 4 ||
	    (walk->by->form == AM_FORM_MULTIPART && am_levels_count(&walk->levels) == 0))
		return;
	walk_doubt(walk, level->part, &text, "no-parts", detail);
	walk_doubt(walk, level->part, &guess, "no-parts", detail);
}

/* base64 and its kind that is broken, so that readers see different bytes. */
void
am_walk_doubt_content(AmWalk *walk, AmPart *part, guint64 start, guint64 end)
{
	const AmTransferDecoder *decoder = &walk->decoder;
	const AmReportPart *facts = part->facts;
	gboolean is_mail = g_str_has_prefix(facts->declared_type, "message/");
	/* of a text without a name others see a piece, or a few bytes more */
	gboolean is_text = g_str_has_prefix(facts->declared_type, "text/") && *facts->name == '\0';
	gboolean is_plain = decoder->n_junk * JUNK_FACTOR > decoder->n_bytes;
	int base64 = GMIME_CONTENT_ENCODING_BASE64;
	const struct {
		gboolean is_so;
		AmForm form;
		int encoding;
		const char *name, *detail;
	} cases[] = {
		{ decoder->is_base64 && decoder->is_odd, AM_FORM_LEAF,
		  base64 | AM_TRANSFER_STOP_PADDING, "base64-padding",
		  "base64 goes on behind its padding" },
		{ decoder->is_base64 && decoder->is_odd, AM_FORM_LEAF,
		  base64 | AM_TRANSFER_SKIP_PADDING, "base64-padding",
		  "base64 goes on behind its padding" },
		{ decoder->n_junk > 0 && !is_text, AM_FORM_LEAF, base64 | AM_TRANSFER_STOP_JUNK,
		  "base64-junk", "bytes in base64 that do not belong there" },
		{ decoder->n_junk > 0 && is_plain, AM_FORM_LEAF, 0, "base64-plain",
		  "content that is no base64" },
		{ decoder->n_junk > 0 && is_mail, AM_FORM_MAIL, 0, "encoded-message",
		  "mail in a mail with a transfer encoding" },
		{ decoder->is_quoted && decoder->is_odd && !is_text, AM_FORM_LEAF,
		  GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE | AM_TRANSFER_DROP_EQUALS,
		  "quoted-printable", "broken quoted-printable" },
		{ AM_TRANSFER_ENCODING(part->encoding) == GMIME_CONTENT_ENCODING_UUENCODE,
		  AM_FORM_LEAF, 0, "uuencode", "uuencode as a transfer encoding" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		AmReading reading = { .form = cases[i].form,
				      .declared = facts->declared_type,
				      .start = start,
				      .end = end,
				      .encoding = cases[i].encoding };
		if (cases[i].is_so)
			walk_doubt(walk, part, &reading, cases[i].name, cases[i].detail);
	}
}

/* The other ways to find the end of this header. */
void
am_walk_doubt_header(AmWalk *walk, AmPart *part)
{
	static const struct {
		guint rule, not ;
		const char *name, *detail;
	} rules[] = {
		{ AM_READ_BLANK_ENDS, AM_READ_BLANK_ENDS, "blank-line",
		  "a line of blanks in the header" },
		{ AM_READ_JUNK_ENDS, AM_READ_JUNK_ENDS | AM_READ_JUNK_CONTINUES, "header-line",
		  "header line that is no field" },
		{ AM_READ_JUNK_CONTINUES, AM_READ_JUNK_ENDS | AM_READ_JUNK_CONTINUES, "header-line",
		  "header line that is no field" },
		{ AM_READ_STRICT_COLON, AM_READ_STRICT_COLON, "blank-colon",
		  "blanks before the colon of a field" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
		AmReading reading = { .form = AM_FORM_ENTITY,
				      .rules = rules[i].rule,
				      .start = walk->entity->start,
				      .is_open = TRUE };
		if ((walk->entity->doubts & rules[i].rule) != 0 &&
		    (walk->by->rules & rules[i].not ) == 0)
			walk_doubt(walk, part, &reading, rules[i].name, rules[i].detail);
	}
}

/* Does the body begin with fields, a Content- one among them?  Who did not end the header where we
 * did reads them as such. */
static gboolean
entity_has_second_header(AmWalk *walk)
{
	AmReader *reader = &walk->reader;
	while (reader->len - reader->pos < SECOND_HEADER_BYTES && !am_reader_is_last(reader) &&
	       am_reader_fill(reader))
		continue;
	const guint8 *line = reader->window + reader->pos;
	const guint8 *end = line + MIN(reader->len - reader->pos, (gsize)SECOND_HEADER_BYTES);
	while (line<end && * line> ' ') {
		const guint8 *lf = memchr(line, '\n', (gsize)(end - line));
		const guint8 *at = line;
		if (am_marker_is_content_field(line, (gsize)(end - line)))
			return TRUE;
		while (at<end && * at> ' ' && *at < 127 && *at != ':')
			at++;
		if (lf == NULL || at >= end || *at != ':')
			return FALSE;
		for (line = lf + 1; line < end && (*line == ' ' || *line == '\t'); line = lf + 1)
			if ((lf = memchr(line, '\n', (gsize)(end - line))) == NULL)
				return FALSE;
	}
	return FALSE;
}

void
am_walk_doubt_leaf(AmWalk *walk, AmPart *part)
{
	const char *declared = part->facts->declared_type;
	AmReading reading = { .form = AM_FORM_ENTITY,
			      .start = am_reader_offset(&walk->reader),
			      .is_open = TRUE };
	/* there fields are what the content is made of */
	if (strcmp(declared, "text/rfc822-headers") == 0 || g_str_has_prefix(declared, "message/"))
		return;
	if (entity_has_second_header(walk))
		walk_doubt(walk, part, &reading, "second-header",
			   "a body that begins like a header");
}

void
am_walk_look_aside(AmWalk *walk, AmPart *part, guint64 start, guint64 end, const char *name,
		   const char *detail)
{
	AmReader reader;
	AmReading reading = { .form = AM_FORM_LEAF, .declared = (char *)"text/plain", .end = end };
	gboolean is_start = TRUE, is_whole, is_found = FALSE;
	const guint8 *line;
	gsize len;
	if (end < start + 8)
		return;
	am_reader_init(&reader, walk->reader.fd, start, end - start, NULL);
	while (!is_found &&
	       (line = am_reader_line(&reader, LINE_PIECE_BYTES, &len, &is_whole)) != NULL) {
		guint64 offset = am_reader_offset(&reader) - len;
		if (is_start && am_marker_is_content_field(line, len)) {
			reading.form = AM_FORM_ENTITY;
			reading.declared = NULL;
			is_found = TRUE;
		} else if (is_start && am_marker_is_encoded(line, len)) {
			is_found = TRUE;
		}
		reading.start = offset;
		is_start = line[len - 1] == '\n';
	}
	am_reader_clear(&reader);
	if (is_found)
		walk_doubt(walk, part, &reading, name, detail);
}

/* The other ways to read all of it. */
void
am_walk_doubt_whole(AmWalk *walk)
{
	static const struct {
		guint rule, not ;
		const char *name, *detail;
	} rules[] = {
		{ AM_READ_CR, AM_READ_CR | AM_READ_CRLF, "bare-cr",
		  "a bare CR in a header or at a boundary" },
		{ AM_READ_CRLF, AM_READ_CR | AM_READ_CRLF, "bare-lf",
		  "some lines end in CRLF, some in a bare LF" },
		{ AM_READ_NUL, AM_READ_NUL, "nul", "NUL in a header or boundary" },
		{ AM_READ_PREFIX, AM_READ_PREFIX, "boundary-prefix",
		  "a line that begins with a boundary, and goes on" },
		{ AM_READ_OUTER, AM_READ_OUTER, "boundary-reused",
		  "boundary of an outer multipart used again" },
		{ AM_READ_INNERMOST, AM_READ_INNERMOST, "boundary-overlap",
		  "an outer boundary inside a multipart that is not closed" },
		{ AM_READ_UNCUT, AM_READ_UNCUT, "boundary-in-header",
		  "a boundary inside a header" },
		{ AM_READ_CLOSE, AM_READ_CLOSE, "boundary-dashes",
		  "a line that ends one boundary and is another" },
	};
	if (walk->line_ends == 3)
		walk->levels.doubts |= AM_READ_CRLF;
	for (gsize i = 0; walk->levels.doubts != 0 && i < G_N_ELEMENTS(rules); i++) {
		AmReading reading = *walk->by;
		reading.rules = rules[i].rule;
		if ((walk->levels.doubts & rules[i].rule) != 0 &&
		    (walk->by->rules & rules[i].not ) == 0)
			walk_doubt(walk, walk->by->owner, &reading, rules[i].name, rules[i].detail);
	}
}
