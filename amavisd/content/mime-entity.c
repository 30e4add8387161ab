/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What the header of an entity says, and what else it may be taken for: one reading for each type,
 * encoding and boundary that some mail reader may choose.  The first field of a name counts for the
 * first reading, as RFC 2045 has no rule for several. */

#include <config.h>

#include "content/mime-private.h"

#include <gmime/gmime.h>
#include <string.h>

#include "content/names.h"

#define BOUNDARY_MAX_BYTES 2040 /* a longer one is none; RFC 2046 allows 70 */
#define ENCODINGS_MAX (AM_FIELD_VALUES * 2)

/* ---- fields -------------------------------------------------------------------------------- */

static void
values_reset(AmFieldValues *values)
{
	for (guint i = 0; i < MIN(values->n, AM_FIELD_VALUES); i++)
		g_string_truncate(values->values[i], 0);
	values->n = 0;
}

/* Where the next value goes; the last slot is for the last of many. */
static GString *
values_next(AmFieldValues *values)
{
	guint slot = MIN(values->n, AM_FIELD_VALUES - 1);
	values->n++;
	if (values->values[slot] == NULL)
		values->values[slot] = g_string_new(NULL);
	return g_string_truncate(values->values[slot], 0);
}

static guint
values_kept(const AmFieldValues *values)
{
	return MIN(values->n, AM_FIELD_VALUES);
}

static AmParams *
values_parse(const AmFieldValues *values, guint index)
{
	if (index >= values_kept(values))
		return am_params_parse("", 0);
	return am_params_parse(values->values[index]->str, values->values[index]->len);
}

void
am_entity_reset(AmEntity *entity, guint64 start)
{
	values_reset(&entity->type);
	values_reset(&entity->encoding);
	values_reset(&entity->disposition);
	entity->n_lines = entity->doubts = 0;
	entity->has_junk = entity->has_blank_fold = FALSE;
	entity->start = start;
}

static void
values_clear(AmFieldValues *values)
{
	for (guint i = 0; i < AM_FIELD_VALUES; i++)
		if (values->values[i] != NULL)
			g_string_free(values->values[i], TRUE);
}

void
am_entity_clear(AmEntity *entity)
{
	values_clear(&entity->type);
	values_clear(&entity->encoding);
	values_clear(&entity->disposition);
}

/* RFC 5322 2.2: printable US-ASCII but ':'.  The "From " line of a mailbox stands in many a mail. */
static gboolean
entity_is_name(const guint8 *line, gsize len)
{
	for (gsize i = 0; i < len; i++)
		if (line[i] <= ' ' || line[i] >= 127)
			return (len > 5 && memcmp(line, "From ", 5) == 0) ||
			       (len > 6 && memcmp(line, ">From ", 6) == 0);
	return len > 0;
}

GString *
am_entity_start_field(AmEntity *entity, guint rules, const guint8 *line, gsize len, gsize *value,
		      gboolean *is_junk)
{
	const guint8 *colon = memchr(line, ':', len);
	gsize name_len = colon != NULL ? (gsize)(colon - line) : 0;
	*value = name_len + 1;
	while (name_len > 0 && g_ascii_isspace(line[name_len - 1]))
		name_len--;
	*is_junk = !entity_is_name(line, name_len);
	if (*is_junk || name_len < strlen("content-type") || (line[0] | 0x20) != 'c')
		return NULL;
	const struct {
		const char *name;
		AmFieldValues *values;
	} fields[] = {
		{ "content-type", &entity->type },
		{ "content-transfer-encoding", &entity->encoding },
		{ "content-disposition", &entity->disposition },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(fields); i++) {
		if (strlen(fields[i].name) != name_len ||
		    g_ascii_strncasecmp((const char *)line, fields[i].name, name_len) != 0)
			continue;
		if (entity->has_blank_fold)
			entity->doubts |= AM_READ_BLANK_ENDS;
		if (line + name_len != colon) {
			entity->doubts |= AM_READ_STRICT_COLON;
			if ((rules & AM_READ_STRICT_COLON) != 0)
				return NULL;
		}
		return values_next(fields[i].values);
	}
	return NULL;
}

/* ---- encodings ----------------------------------------------------------------------------- */

gboolean
am_encoding_is_identity(int encoding)
{
	encoding = AM_TRANSFER_ENCODING(encoding);
	return encoding != GMIME_CONTENT_ENCODING_BASE64 &&
	       encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE &&
	       encoding != GMIME_CONTENT_ENCODING_UUENCODE;
}

typedef struct {
	int encoding;
	const char *name, *detail; /* of the finding; NULL: the first one */
} EncodingChoice;

typedef struct {
	EncodingChoice list[ENCODINGS_MAX];
	guint n;
} EncodingChoices;

static void
encodings_add(EncodingChoices *choices, int encoding, const char *name, const char *detail)
{
	if (am_encoding_is_identity(encoding))
		encoding = GMIME_CONTENT_ENCODING_DEFAULT;
	for (guint i = 0; i < choices->n; i++)
		if (choices->list[i].encoding == encoding)
			return;
	if (choices->n < ENCODINGS_MAX)
		choices->list[choices->n++] =
			(EncodingChoice){ .encoding = encoding, .name = name, .detail = detail };
}

/* -1: unknown. */
static int
encoding_from_word(const char *word)
{
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
	for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
		if (strcmp(word, known[i].name) == 0)
			return known[i].encoding;
	return -1;
}

/* What a reader may take an unknown word for that is like a known one.  The charsets and bits that
 * some programs write nobody decodes. */
static void
encodings_add_like(EncodingChoices *choices, const char *word)
{
	static const char *const plain[] = { "7",    "8",    "utf",   "us-", "iso",
					     "none", "text", "plain", "bin", "ascii" };
	static const struct {
		const char *piece;
		int encoding;
	} likes[] = {
		{ "64", GMIME_CONTENT_ENCODING_BASE64 },
		{ "quot", GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE },
		{ "print", GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE },
		{ "uu", GMIME_CONTENT_ENCODING_UUENCODE },
	};
	const char *name = "unknown-encoding", *detail = "unknown Content-Transfer-Encoding";
	gboolean is_like = FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(likes); i++) {
		if (strstr(word, likes[i].piece) == NULL)
			continue;
		is_like = TRUE;
		encodings_add(choices, likes[i].encoding, name, detail);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(plain); i++)
		is_like = is_like || g_str_has_prefix(word, plain[i]);
	if (!is_like)
		encodings_add(choices, GMIME_CONTENT_ENCODING_BASE64, name, detail);
}

/* Is there more in the value than the word? */
static gboolean
encoding_has_more(const GString *value)
{
	return strpbrk(value->str, ";(") != NULL || strlen(value->str) != value->len;
}

static void
encodings_read(const AmEntity *entity, EncodingChoices *choices, gboolean *is_unknown)
{
	const char *several = "several-encodings";
	const char *detail = "several Content-Transfer-Encoding fields";
	choices->n = 0;
	for (guint i = 0; i < MAX(values_kept(&entity->encoding), 1u); i++) {
		g_autoptr(AmParams) value = values_parse(&entity->encoding, i);
		int encoding = encoding_from_word(value->word);
		encodings_add(choices, MAX(encoding, 0), i > 0 ? several : NULL, detail);
		*is_unknown = *is_unknown || encoding < 0;
		if (encoding < 0)
			encodings_add_like(choices, value->word);
		else if (!am_encoding_is_identity(encoding) &&
			 encoding_has_more(entity->encoding.values[i]))
			encodings_add(choices, 0, "encoding-form",
				      "more than a word in Content-Transfer-Encoding");
	}
}

/* ---- readings ------------------------------------------------------------------------------ */

typedef struct {
	AmEntity *entity;
	AmReadings *readings;
	const AmReading *by;
	AmPart *part;
	const AmEntityFacts *first;
	AmReading reading; /* the next one to be added */
	const char *name;  /* of its finding */
} Choices;

/* Adds the reading as it stands, unless it is the first one. */
static void
choices_add(Choices *choices, AmForm form, const char *declared, const char *boundary, int encoding,
	    const char *name, const char *detail)
{
	const AmEntityFacts *first = choices->first;
	AmReading *reading = &choices->reading;
	if (form == first->form && encoding == first->encoding &&
	    g_strcmp0(boundary, first->boundary) == 0 &&
	    strcmp(declared, choices->part->facts->declared_type) == 0)
		return;
	reading->form = form;
	reading->declared = (char *)declared;
	reading->boundary = (char *)boundary;
	reading->encoding = encoding;
	/* the cause may be known better by who called */
	reading->detail = choices->name != NULL ? reading->detail : detail;
	if (am_readings_add(choices->readings, reading))
		am_readings_doubt(choices->readings, choices->by, choices->part,
				  choices->name != NULL ? choices->name : name, reading->detail);
}

/* RFC 2045 5.1: token "/" token, of US-ASCII. */
static gboolean
type_is_odd(const AmParams *type, const GString *text)
{
	const char *slash = strchr(type->word, '/');
	gboolean is_odd = slash == NULL || slash == type->word || slash[1] == '\0' ||
			  strpbrk(type->word, "()<>@,;:\\\"[]?= \t") != NULL ||
			  strchr(slash + 1, '/') != NULL;
	gsize head = strcspn(text->str, ";");
	is_odd = is_odd || memchr(text->str, '(', head) != NULL;
	for (gsize i = 0; i < text->len && !is_odd; i++)
		is_odd = text->str[i] == '\0' || (text->str[i] & 0x80) != 0;
	return is_odd;
}

static gboolean
type_is_mail(const char *type)
{
	return strcmp(type, "message/rfc822") == 0 || strcmp(type, "message/global") == 0;
}

static void
choices_add_multipart(Choices *choices, const AmParams *type, const GString *text,
		      const char *declared, int encoding)
{
	g_autoptr(GPtrArray) boundaries = am_boundaries_read(type, text->str, text->len);
	gboolean is_multipart = g_str_has_prefix(declared, "multipart/");
	gboolean is_odd = type_is_odd(type, text);
	if (!is_multipart && (boundaries->len == 0 || !is_odd)) {
		choices_add(choices, AM_FORM_LEAF, declared, NULL, encoding, "several-types",
			    "several Content-Type fields");
		return;
	}
	if (boundaries->len == AM_BOUNDARIES_MAX)
		am_part_limit(choices->part, "readings", "the mail can be read in too many ways");
	for (guint i = 0; i < boundaries->len; i++)
		if (strlen(boundaries->pdata[i]) <= BOUNDARY_MAX_BYTES)
			choices_add(choices, AM_FORM_MULTIPART, declared, boundaries->pdata[i], 0,
				    is_multipart ? "several-boundaries" : "type-form",
				    is_multipart ? "several boundaries"
						 : "Content-Type that is none, with a boundary");
	if (choices->first->form != AM_FORM_MULTIPART && boundaries->len == 0)
		choices_add(choices, AM_FORM_MULTIPART, declared, NULL, 0, "no-boundary",
			    "multipart without a boundary");
	if (!am_encoding_is_identity(encoding))
		choices_add(choices, AM_FORM_MULTIPART, declared,
			    boundaries->len > 0 ? boundaries->pdata[0] : NULL, encoding,
			    "encoded-multipart", "multipart with a transfer encoding");
	if (is_odd && is_multipart)
		choices_add(choices, AM_FORM_LEAF, "text/plain", NULL, encoding, "type-form",
			    "broken Content-Type of a multipart");
}

static void
choices_add_type(Choices *choices, const AmParams *type, const GString *text, int encoding)
{
	const char *declared = *type->word != '\0' ? type->word : "text/plain";
	if (!type_is_mail(declared)) {
		choices_add_multipart(choices, type, text, declared, encoding);
		return;
	}
	if (am_encoding_is_identity(encoding)) {
		choices_add(choices, AM_FORM_MAIL, declared, NULL, 0, "several-types",
			    "several Content-Type fields");
		return;
	}
	choices_add(choices, AM_FORM_LEAF, declared, NULL, encoding, "several-types",
		    "several Content-Type fields");
	/* RFC 2046 5.2.1 forbids it, and some readers know of no encoding here.  base64 leaves
	 * nothing to them; when it is broken the walk adds this reading. */
	if (AM_TRANSFER_ENCODING(encoding) != GMIME_CONTENT_ENCODING_BASE64)
		choices_add(choices, AM_FORM_MAIL, declared, NULL, 0, "encoded-message",
			    "mail in a mail with a transfer encoding");
}

/* A multipart that is to be saved as a file is one to some readers. */
static void
choices_add_named(Choices *choices, const AmParams *disposition)
{
	g_autoptr(GPtrArray) names = am_names_read(disposition, NULL);
	const char *declared = choices->part->facts->declared_type;
	if (names->len == 0 || choices->first->form != AM_FORM_MULTIPART ||
	    strcmp(declared, "multipart/appledouble") == 0)
		return;
	choices->name = NULL;
	choices_add(choices, AM_FORM_LEAF, "application/octet-stream", NULL,
		    choices->first->encoding, "named-multipart", "multipart with a file name");
}

static void
entity_add_readings(Choices *choices, const EncodingChoices *encodings, gboolean is_digest)
{
	AmEntity *entity = choices->entity;
	g_autoptr(GString) none = g_string_new(NULL);
	guint n_types = MAX(values_kept(&entity->type), 1u), n_encodings = encodings->n;
	gboolean is_full = am_readings_is_full(choices->readings) && n_types * n_encodings > 1;
	if (is_full || entity->type.n > AM_FIELD_VALUES || entity->encoding.n > AM_FIELD_VALUES)
		am_part_limit(choices->part, "readings", "the mail can be read in too many ways");
	if (is_full)
		n_types = n_encodings = 1;
	for (guint t = 0; t < n_types; t++) {
		g_autoptr(AmParams) type = values_parse(&entity->type, t);
		const GString *text = entity->type.n > 0 ? entity->type.values[t] : none;
		if (is_digest && *type->word == '\0') {
			g_free(type->word);
			type->word = g_strdup("message/rfc822");
		}
		for (guint e = 0; e < n_encodings; e++) {
			const EncodingChoice *encoding = &encodings->list[e];
			choices->name = encoding->name;
			choices->reading.detail = encoding->detail;
			if (t > 0) {
				choices->name = "several-types";
				choices->reading.detail = "several Content-Type fields";
			}
			choices_add_type(choices, type, text, encoding->encoding);
		}
	}
}

/* ---- facts --------------------------------------------------------------------------------- */

/* Names of all fields, each name once. */
static void
entity_set_names(AmEntity *entity, AmPart *part, gboolean *has_duplicate)
{
	GPtrArray *all = NULL;
	guint n = MAX(values_kept(&entity->type), values_kept(&entity->disposition));
	for (guint i = 0; i < n; i++) {
		g_autoptr(AmParams) type = values_parse(&entity->type, i);
		g_autoptr(AmParams) disposition = values_parse(&entity->disposition, i);
		GPtrArray *names = am_names_read(disposition, type);
		*has_duplicate =
			*has_duplicate || type->has_duplicate || disposition->has_duplicate;
		if (all == NULL) {
			all = names;
			continue;
		}
		for (guint k = 0; k < names->len; k++)
			if (!g_ptr_array_find_with_equal_func(all, names->pdata[k], g_str_equal,
							      NULL))
				g_ptr_array_add(all, g_strdup(names->pdata[k]));
		g_ptr_array_unref(names);
	}
	if (all != NULL)
		am_part_set_names(part, all);
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

/* The first reading. */
static void
entity_read_first(AmEntity *entity, AmPart *part, const AmParams *type, gboolean is_digest,
		  AmEntityFacts *facts)
{
	const char *declared = type->word;
	if (*declared == '\0')
		declared = is_digest ? "message/rfc822" : "text/plain"; /* RFC 2045 5.2 */
	g_free(part->facts->declared_type);
	part->facts->declared_type = g_utf8_make_valid(declared, (gssize)strnlen(declared, 255));
	declared = part->facts->declared_type;
	facts->form = AM_FORM_LEAF;
	facts->is_encrypted = strcmp(type->word, "multipart/encrypted") == 0;
	facts->says_enveloped = entity_says_enveloped(type);
	if (type_is_mail(declared) && am_encoding_is_identity(facts->encoding)) {
		facts->form = AM_FORM_MAIL;
	} else if (g_str_has_prefix(declared, "multipart/")) {
		const GString *text = entity->type.values[0];
		g_autoptr(GPtrArray) boundaries = am_boundaries_read(type, text->str, text->len);
		if (boundaries->len > 0 && strlen(boundaries->pdata[0]) <= BOUNDARY_MAX_BYTES) {
			facts->form = AM_FORM_MULTIPART;
			facts->boundary = g_strdup(boundaries->pdata[0]);
			facts->encoding = 0; /* forbidden here: one more reading */
		}
	}
}

void
am_entity_read(AmEntity *entity, AmReadings *readings, const AmReading *by, AmPart *part,
	       gboolean is_digest, guint64 body, AmEntityFacts *facts)
{
	EncodingChoices encodings;
	g_autoptr(AmParams) type = values_parse(&entity->type, 0);
	*facts = (AmEntityFacts){ .form = AM_FORM_LEAF };
	entity_set_names(entity, part, &facts->has_duplicate);
	encodings_read(entity, &encodings, &facts->is_unknown_encoding);
	facts->encoding = encodings.list[0].encoding;
	entity_read_first(entity, part, type, is_digest, facts);

	Choices choices = {
		.entity = entity,
		.readings = readings,
		.by = by,
		.part = part,
		.first = facts,
		.reading = { .rules = by->rules,
			     .owner = part,
			     .fd = by->fd,
			     .start = body,
			     .is_open = TRUE },
	};
	/* a leaf with one type and one encoding, as nearly all are, can be read in one way only */
	if (facts->form == AM_FORM_LEAF && entity->type.n <= 1 && encodings.n == 1 &&
	    (entity->type.n == 0 || !type_is_odd(type, entity->type.values[0])) &&
	    !type_is_mail(part->facts->declared_type) &&
	    !g_str_has_prefix(part->facts->declared_type, "multipart/"))
		return;
	entity_add_readings(&choices, &encodings, is_digest);
	if (entity->disposition.n > 0) {
		g_autoptr(AmParams) disposition = values_parse(&entity->disposition, 0);
		choices_add_named(&choices, disposition);
	}
}
