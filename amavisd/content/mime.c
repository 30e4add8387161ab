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
 * 1024 levels).  Here open boundaries lie in a hash table, a line is looked up once however deep it
 * stands, and memory is flat.  GMime decodes: transfer encodings, encoded-words, addresses.
 *
 * Where mail readers disagree, the walk takes the reading that shows most, and says so by
 * AM_PART_AMBIGUOUS. */

#include <config.h>

#include "content/mime.h"

#include <gmime/gmime.h>
#include <string.h>

#include "content/names.h"
#include "content/params.h"
#include "content/reader.h"

#define FIELD_MAX_BYTES 65536	 /* of a Content- field that are read */
#define LINE_PIECE_BYTES 8192	 /* longer header lines come in pieces */
#define BOUNDARY_LINE_BYTES 2048 /* a longer line is no boundary; RFC 2046 allows 70 */

typedef struct {
	AmPart *part;
	char *boundary; /* NULL: a mail in a mail */
	int outer;	/* level that had the same boundary before, -1 none */
	gboolean is_closed;
	gboolean is_digest;
	guint64 start; /* of the body */
} Level;

typedef struct {
	GString *type, *encoding, *disposition;
	guint n_type, n_encoding, n_disposition;
	gboolean has_junk; /* a line that is no field */
	gboolean says_enveloped; /* S/MIME, encrypted by its Content-Type */
	guint64 start;
} Entity;

/* A boundary line, or the end. */
typedef struct {
	int level; /* index in the stack, -1 the end of the mail */
	gboolean is_close;
	guint64 end; /* of what stands before: the line end in front of a boundary belongs to it */
} Event;

typedef struct {
	AmPartTree *tree;
	AmPart *root;
	AmReader reader;
	GArray *levels;		/* of Level */
	GHashTable *boundaries; /* text to index + 1 of the innermost level that has it */
	Entity entity;
	/* the leaf being read */
	AmPartWriter *writer; /* NULL: bytes are skipped */
	AmTransferDecoder decoder;
	gboolean is_late;
} Walk;

static void
walk_defect(Walk *walk, const char *field, guint64 position, const char *section,
	    const char *detail)
{
	/* a decoded part has no place in the mail that a position could name */
	am_report_add_defect(walk->tree->report, "mime", field,
			     walk->root->index == 0 ? position : 0, section, detail);
}

/* ---- boundaries ---------------------------------------------------------------------------- */

static Level *
walk_level(Walk *walk, int index)
{
	return &g_array_index(walk->levels, Level, index);
}

static void
walk_push(Walk *walk, AmPart *part, char *boundary)
{
	int index = (int)walk->levels->len;
	Level level = { .part = part,
			.boundary = boundary,
			.outer = -1,
			.start = am_reader_offset(&walk->reader) };
	if (boundary != NULL) {
		level.outer = GPOINTER_TO_INT(g_hash_table_lookup(walk->boundaries, boundary)) - 1;
		g_hash_table_insert(walk->boundaries, boundary, GINT_TO_POINTER(index + 1));
		if (level.outer >= 0)
			am_part_mark(part, AM_PART_AMBIGUOUS,
				     "boundary of an outer multipart used again");
		level.is_digest = strcmp(part->facts->declared_type, "multipart/digest") == 0;
	}
	g_array_append_val(walk->levels, level);
}

/* Leaves all levels from `count` on; their bodies end at `offset`. */
static void
walk_pop(Walk *walk, guint count, guint64 offset)
{
	while (walk->levels->len > count) {
		int index = (int)walk->levels->len - 1;
		Level level = *walk_level(walk, index);
		AmPart *part = level.part;
		part->facts->size = offset > level.start ? offset - level.start : 0;
		if (level.boundary == NULL) {
			part->source = AM_SOURCE_RANGE;
			part->fd = walk->reader.fd;
			part->offset = level.start;
			part->len = part->facts->size;
		} else {
			if (!level.is_closed)
				walk_defect(walk, "Content-Type", level.start, "RFC 2046 5.1.1",
					    "multipart has no closing boundary");
			g_hash_table_remove(walk->boundaries, level.boundary);
			if (level.outer >= 0)
				g_hash_table_insert(walk->boundaries,
						    walk_level(walk, level.outer)->boundary,
						    GINT_TO_POINTER(level.outer + 1));
			g_free(level.boundary);
		}
		g_array_set_size(walk->levels, (guint)index);
	}
}

/* Is the line (with its end) a boundary of an open level?  RFC 2046 5.1.1: "--" boundary, perhaps
 * "--", blanks. */
static gboolean
walk_match(Walk *walk, const guint8 *line, gsize len, guint64 offset, Event *event)
{
	char key[BOUNDARY_LINE_BYTES + 1];
	if (len < 3 || len > BOUNDARY_LINE_BYTES || line[0] != '-' || line[1] != '-' ||
	    g_hash_table_size(walk->boundaries) == 0)
		return FALSE;
	while (len > 2 && g_ascii_isspace(line[len - 1]))
		len--;
	memcpy(key, line + 2, len - 2);
	key[len - 2] = '\0';
	int found = GPOINTER_TO_INT(g_hash_table_lookup(walk->boundaries, key));
	event->is_close = FALSE;
	if (found == 0 && len >= 5 && key[len - 3] == '-' && key[len - 4] == '-') {
		key[len - 4] = '\0';
		found = GPOINTER_TO_INT(g_hash_table_lookup(walk->boundaries, key));
		event->is_close = TRUE;
	}
	event->level = found - 1;
	event->end = offset;
	return found > 0;
}

/* ---- header of an entity ------------------------------------------------------------------- */

static void
entity_reset(Entity *entity, guint64 start)
{
	g_string_truncate(entity->type, 0);
	g_string_truncate(entity->encoding, 0);
	g_string_truncate(entity->disposition, 0);
	entity->n_type = entity->n_encoding = entity->n_disposition = 0;
	entity->has_junk = FALSE;
	entity->start = start;
}

/* Starts a field: where its value is to be gathered, NULL nowhere; *value behind the ':'. */
static GString *
entity_start_field(Entity *entity, const guint8 *line, gsize len, gsize *value)
{
	const guint8 *colon = memchr(line, ':', len);
	if (colon == NULL || colon == line) {
		entity->has_junk = TRUE;
		return NULL;
	}
	gsize name_len = (gsize)(colon - line);
	*value = name_len + 1;
	while (name_len > 0 && g_ascii_isspace(line[name_len - 1]))
		name_len--;
	const struct {
		const char *name;
		GString *text;
		guint *count;
	} fields[] = {
		{ "content-type", entity->type, &entity->n_type },
		{ "content-transfer-encoding", entity->encoding, &entity->n_encoding },
		{ "content-disposition", entity->disposition, &entity->n_disposition },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
		if (strlen(fields[i].name) == name_len &&
		    g_ascii_strncasecmp((const char *)line, fields[i].name, name_len) == 0)
			return (*fields[i].count)++ == 0 ? fields[i].text : NULL;
	return NULL;
}

/* Reads the header; TRUE when a boundary ended it before an empty line could. */
static gboolean
walk_header(Walk *walk, Event *event)
{
	Entity *entity = &walk->entity;
	GString *target = NULL;
	gboolean is_start = TRUE, is_whole;
	gsize len;
	const guint8 *line;
	guint64 offset = am_reader_offset(&walk->reader);

	entity_reset(entity, offset);
	while ((line = am_reader_line(&walk->reader, LINE_PIECE_BYTES, &len, &is_whole)) != NULL) {
		gsize value = 0;
		if (is_start &&
		    (line[0] == '\n' || (len == 2 && line[0] == '\r' && line[1] == '\n')))
			return FALSE;
		if (is_start && line[0] == '-' && is_whole &&
		    walk_match(walk, line, len, offset, event))
			return TRUE;
		if (is_start && line[0] != ' ' && line[0] != '\t')
			target = entity_start_field(entity, line, len, &value);
		if (target != NULL && target->len < FIELD_MAX_BYTES)
			g_string_append_len(target, (const char *)line + value,
					    (gssize)(len - value));
		is_start = line[len - 1] == '\n';
		offset += len;
	}
	return FALSE;
}

/* ---- bodies -------------------------------------------------------------------------------- */

static gboolean
walk_write_decoded(gconstpointer data, gsize len, gpointer user_data)
{
	return am_part_writer_write(user_data, data, len);
}

static void
walk_end_leaf(Walk *walk)
{
	if (walk->writer == NULL)
		return;
	if (!am_transfer_decoder_end(&walk->decoder, walk_write_decoded, walk->writer))
		walk->is_late = TRUE;
	if (!am_part_writer_close(walk->writer))
		walk->is_late = TRUE;
	walk->writer = NULL;
}

static void
walk_emit(Walk *walk, const guint8 *data, gsize len)
{
	if (walk->writer == NULL || len == 0)
		return;
	if (!am_transfer_decoder_feed(&walk->decoder, data, len, walk_write_decoded, walk->writer))
		walk->is_late = TRUE; /* a MIME part has no other limit than time */
}

/* How many bytes at the end of the window may be the start of CRLF "--". */
static gsize
body_tail(const guint8 *data, gsize len)
{
	static const char *const starts[] = { "\r\n-", "\r\n", "\n-", "\r", "\n" };
	for (gsize i = 0; i < G_N_ELEMENTS(starts); i++) {
		gsize n = strlen(starts[i]);
		if (len >= n && memcmp(data + len - n, starts[i], n) == 0)
			return n;
	}
	return 0;
}

/* At the start of a line: is it a boundary?  *more: the window has to be filled first. */
static gboolean
body_try_boundary(Walk *walk, Event *event, gboolean *more)
{
	AmReader *reader = &walk->reader;
	const guint8 *start = reader->window + reader->pos;
	gsize have = reader->len - reader->pos;
	gsize look = MIN(have, BOUNDARY_LINE_BYTES);
	*more = FALSE;
	if (have >= 2 && (start[0] != '-' || start[1] != '-'))
		return FALSE;
	const guint8 *lf = memchr(start, '\n', look);
	if (lf == NULL && have < BOUNDARY_LINE_BYTES && !am_reader_is_last(reader)) {
		*more = TRUE;
		return FALSE;
	}
	gsize len = lf != NULL ? (gsize)(lf + 1 - start) : look;
	if ((lf == NULL && have > look) ||
	    !walk_match(walk, start, len, am_reader_offset(reader), event))
		return FALSE;
	reader->pos += len;
	return TRUE;
}

/* Where the line end before "--" is, NULL nowhere.  Looks for the dash, which encoded bodies do not have:
 * memchr() is ten times as fast as memmem(). */
static const guint8 *
body_find_dashes(const guint8 *start, gsize len)
{
	const guint8 *end = start + len, *at = start + 1;
	while (at < end - 1 && (at = memchr(at, '-', (gsize)(end - 1 - at))) != NULL) {
		if (at[-1] == '\n' && at[1] == '-')
			return at - 1;
		while (at < end - 1 && *at == '-')
			at++;
	}
	return NULL;
}

/* Hands the bytes up to the next boundary line to the leaf.  The line end before a boundary belongs
 * to it and not to the content, so a line end is held back until the next line is known. */
static void
walk_body(Walk *walk, Event *event)
{
	AmReader *reader = &walk->reader;
	guint8 held[2];
	gsize n_held = 0;
	gboolean is_line_start = TRUE, more;

	event->level = -1;
	while (!walk->is_late) {
		if (is_line_start && reader->pos < reader->len) {
			if (body_try_boundary(walk, event, &more)) {
				event->end -= n_held;
				return;
			}
			if (more && am_reader_fill(reader))
				continue;
			walk_emit(walk, held, n_held);
			n_held = 0;
			is_line_start = FALSE;
		}
		const guint8 *start = reader->window + reader->pos;
		gsize have = reader->len - reader->pos;
		const guint8 *lf = have > 2 ? body_find_dashes(start, have) : NULL;
		if (lf != NULL) {
			const guint8 *end = lf > start && lf[-1] == '\r' ? lf - 1 : lf;
			walk_emit(walk, start, (gsize)(end - start));
			n_held = (gsize)(lf + 1 - end);
			memcpy(held, end, n_held);
			reader->pos += (gsize)(lf + 1 - start);
			is_line_start = TRUE;
			continue;
		}
		gsize tail = am_reader_is_last(reader) ? 0 : body_tail(start, have);
		walk_emit(walk, start, have - tail);
		reader->pos += have - tail;
		if (am_part_tree_is_late(walk->tree))
			walk->is_late = TRUE;
		if (!am_reader_fill(reader) && reader->pos == reader->len) {
			walk_emit(walk, held, n_held);
			break;
		}
	}
	event->end = am_reader_offset(reader);
}

/* ---- what an entity is --------------------------------------------------------------------- */

static int
entity_transfer_encoding(Walk *walk, AmPart *part)
{
	Entity *entity = &walk->entity;
	static const struct {
		const char *name;
		int encoding;
	} known[] = {
		{ "", GMIME_CONTENT_ENCODING_7BIT },
		{ "7bit", GMIME_CONTENT_ENCODING_7BIT },
		{ "8bit", GMIME_CONTENT_ENCODING_8BIT },
		{ "binary", GMIME_CONTENT_ENCODING_BINARY },
		{ "base64", GMIME_CONTENT_ENCODING_BASE64 },
		{ "quoted-printable", GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE },
		{ "x-uuencode", GMIME_CONTENT_ENCODING_UUENCODE },
		{ "uuencode", GMIME_CONTENT_ENCODING_UUENCODE },
		{ "x-uue", GMIME_CONTENT_ENCODING_UUENCODE },
	};
	if (entity->n_encoding > 1)
		am_part_mark(part, AM_PART_AMBIGUOUS, "several Content-Transfer-Encoding fields");
	g_autoptr(AmParams) value = am_params_parse(entity->encoding->str, entity->encoding->len);
	for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
		if (strcmp(value->word, known[i].name) == 0)
			return known[i].encoding;
	walk_defect(walk, "Content-Transfer-Encoding", entity->start, "RFC 2045 6.4",
		    "unknown transfer encoding");
	return GMIME_CONTENT_ENCODING_DEFAULT;
}

static gboolean
encoding_is_identity(int encoding)
{
	return encoding != GMIME_CONTENT_ENCODING_BASE64 &&
	       encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE &&
	       encoding != GMIME_CONTENT_ENCODING_UUENCODE;
}

/* The boundary of a multipart, NULL when it has none that could be used. */
static char *
entity_boundary(Walk *walk, AmPart *part, const AmParams *type)
{
	g_autofree char *extended = am_names_extended(type, "boundary");
	const char *plain = am_params_get(type, "boundary");
	guint n = 0;
	for (guint i = 0; i < type->params->len; i++)
		n += strcmp(((AmParam *)type->params->pdata[i])->name, "boundary") == 0;
	if (n > 1)
		am_part_mark(part, AM_PART_AMBIGUOUS, "several boundary parameters");
	if (extended != NULL)
		am_part_mark(part, AM_PART_AMBIGUOUS, "boundary written as by RFC 2231");
	char *boundary = g_strdup(plain != NULL ? plain : extended);
	if (boundary != NULL)
		g_strchomp(boundary);
	if (boundary == NULL || *boundary == '\0' || strlen(boundary) > BOUNDARY_LINE_BYTES - 8) {
		walk_defect(walk, "Content-Type", walk->entity.start, "RFC 2046 5.1.1",
			    "multipart without a boundary");
		am_part_mark(part, AM_PART_AMBIGUOUS | AM_PART_UNDECODED,
			     "multipart without a boundary");
		g_clear_pointer(&boundary, g_free);
	}
	return boundary;
}

static gboolean
entity_says_enveloped(const AmParams *type)
{
	const char *kind = am_params_get(type, "smime-type");
	return (strcmp(type->word, "application/pkcs7-mime") == 0 ||
		strcmp(type->word, "application/x-pkcs7-mime") == 0) &&
	       kind != NULL &&
	       (g_ascii_strcasecmp(kind, "enveloped-data") == 0 ||
		g_ascii_strcasecmp(kind, "authenveloped-data") == 0);
}

/* Facts from the header. Sets the declared type by RFC 2045 5.2 when there is none. */
static void
entity_describe(Walk *walk, AmPart *part, const AmParams *type, gboolean is_digest)
{
	Entity *entity = &walk->entity;
	g_autoptr(AmParams) disposition =
		am_params_parse(entity->disposition->str, entity->disposition->len);
	const char *declared = type->word;
	if (*declared == '\0')
		declared = is_digest ? "message/rfc822" : "text/plain";
	g_free(part->facts->declared_type);
	part->facts->declared_type = g_utf8_make_valid(declared, (gssize)strnlen(declared, 255));
	am_part_set_names(part, am_names_read(disposition, type));
	if (entity->n_type > 1)
		am_part_mark(part, AM_PART_AMBIGUOUS, "several Content-Type fields");
	if (entity->n_disposition > 1)
		am_part_mark(part, AM_PART_AMBIGUOUS, "several Content-Disposition fields");
	if (type->has_duplicate || disposition->has_duplicate)
		am_part_mark(part, AM_PART_AMBIGUOUS, "a parameter stands twice");
	if (entity->has_junk && entity->start != 0) /* the mail's own: header-checks.c */
		walk_defect(walk, "", entity->start, "RFC 5322 2.2",
			    "header line that is no field");
	if (strcmp(type->word, "multipart/encrypted") == 0)
		am_part_mark(part, AM_PART_ENCRYPTED, "multipart/encrypted");
	entity->says_enveloped = entity_says_enveloped(type);
}

static void
walk_begin_leaf(Walk *walk, AmPart *part, int encoding)
{
	part->encoding = encoding;
	part->offset = am_reader_offset(&walk->reader);
	am_transfer_decoder_init(&walk->decoder, encoding);
	walk->writer = am_part_writer_new(part, FALSE);
}

/* Makes the part of the entity whose header was read, below `parent`.  Returns the parent of the
 * entity that follows at once (a mail in a mail), else NULL: a body follows. */
static AmPart *
walk_entity(Walk *walk, AmPart *parent, gboolean is_digest)
{
	AmPart *part = am_part_tree_add(walk->tree, parent, AM_PART_MIME);
	if (part == NULL)
		return NULL; /* budget used up; the body is skipped */
	g_autoptr(AmParams) type = am_params_parse(walk->entity.type->str, walk->entity.type->len);
	entity_describe(walk, part, type, is_digest);
	const char *declared = part->facts->declared_type;
	int encoding = entity_transfer_encoding(walk, part);
	gboolean is_identity = encoding_is_identity(encoding);

	if (g_str_has_prefix(declared, "multipart/")) {
		char *boundary = entity_boundary(walk, part, type);
		if (boundary != NULL) {
			/* RFC 2045 6.4 forbids encodings here; some readers decode nevertheless */
			if (!is_identity)
				am_part_mark(part, AM_PART_AMBIGUOUS,
					     "multipart with a transfer encoding");
			walk_push(walk, part, boundary);
			return NULL;
		}
	} else if (is_identity && (strcmp(declared, "message/rfc822") == 0 ||
				   strcmp(declared, "message/global") == 0)) {
		am_part_set_type(part, "message/rfc822");
		walk_push(walk, part, NULL);
		return part;
	}
	walk_begin_leaf(walk, part, encoding);
	return NULL;
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* The content of a leaf that nobody kept can be decoded again from where it stands. */
static void
walk_note_range(Walk *walk, AmPart *part, guint64 end)
{
	if (part == NULL || part->source != AM_SOURCE_NONE || part->offset > end)
		return;
	part->source = AM_SOURCE_RANGE;
	part->fd = walk->reader.fd;
	part->len = end - part->offset;
}

static gboolean
walk_entities(Walk *walk)
{
	AmPart *parent = walk->root;
	gboolean is_digest = FALSE;
	Event event = { .level = -1 };

	for (;;) {
		gboolean is_cut = walk_header(walk, &event);
		guint before = walk->tree->parts->len;
		AmPart *inner = walk_entity(walk, parent, is_digest);
		if (inner != NULL && !is_cut) {
			parent = inner;
			is_digest = FALSE;
			continue;
		}
		AmPart *leaf = walk->writer != NULL ? am_part_tree_get(walk->tree, before) : NULL;
		if (!is_cut)
			walk_body(walk, &event);
		walk_end_leaf(walk);
		/* a decoder that looks knows better */
		if (leaf != NULL && walk->entity.says_enveloped && !am_part_is_to_open(leaf))
			am_part_mark(leaf, AM_PART_ENCRYPTED, "S/MIME enveloped data");
		if (leaf != NULL && walk->decoder.is_odd)
			am_part_mark(leaf, AM_PART_AMBIGUOUS, "base64 goes on behind its padding");
		walk_note_range(walk, leaf, event.end);
		/* epilogues, and preambles of multiparts whose boundary comes later */
		while (!walk->is_late && event.level >= 0) {
			walk_pop(walk, (guint)event.level + 1, event.end);
			Level *level = walk_level(walk, event.level);
			if (level->is_closed)
				am_part_mark(level->part, AM_PART_AMBIGUOUS,
					     "boundary behind the closing one");
			if (!event.is_close)
				break;
			level->is_closed = TRUE;
			walk_body(walk, &event);
		}
		if (walk->is_late || event.level < 0)
			break;
		parent = walk_level(walk, event.level)->part;
		is_digest = walk_level(walk, event.level)->is_digest;
	}
	walk_pop(walk, 0, am_reader_offset(&walk->reader));
	return !walk->is_late;
}

gboolean
am_mime_walk(AmPart *root, int fd, guint64 offset, guint64 len, AmDigest *digest)
{
	Walk walk = {
		.tree = root->tree,
		.root = root,
		.levels = g_array_new(FALSE, FALSE, sizeof(Level)),
		.boundaries = g_hash_table_new(g_str_hash, g_str_equal),
		.entity = { .type = g_string_new(NULL),
			    .encoding = g_string_new(NULL),
			    .disposition = g_string_new(NULL) },
	};
	am_reader_init(&walk.reader, fd, offset, len, digest);
	gboolean ok = walk_entities(&walk);
	if (!ok)
		am_part_limit(root, "time", "no time left to take the mail apart");
	if (walk.reader.has_failed) {
		am_part_mark(root, AM_PART_UNDECODED, "the mail could not be read to its end");
		ok = FALSE;
	}
	am_reader_clear(&walk.reader);
	g_string_free(walk.entity.type, TRUE);
	g_string_free(walk.entity.encoding, TRUE);
	g_string_free(walk.entity.disposition, TRUE);
	g_hash_table_unref(walk.boundaries);
	g_array_free(walk.levels, TRUE);
	return ok;
}
