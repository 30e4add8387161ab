/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* A look at the bytes before qpdf gets them, for what qpdf does not bound by itself:
 *
 * - To find the end of a stream it resolves /Length, and when that is a reference to a stream, that
 *   one's /Length, and so on, by recursion; the same by way of the object streams in which a length
 *   may lie.  Some ten thousand of them end its stack.  No program writes even two.
 * - Object streams and cross-reference streams are decompressed into memory whatever they grow to.
 *
 * One pass, which takes everything for an object that could be taken for one, in comments, strings
 * and streams too: what qpdf may come upon is among it.
 *
 *     object ::= number number "obj" << ... >> "stream" ...     ISO 32000-2, 7.3.8, 7.3.10 */

#include "look.h"

#include <string.h>
#include <zlib.h>

#define CHAIN_MAX 500			     /* lengths that hang on others */
#define OBJECT_STREAMS_MAX_BYTES (128 << 20) /* all of them, unpacked */
#define XREF_STREAMS_MAX_BYTES (8 << 20)
#define NAME_BYTES 16
#define SPACE_MAX_BYTES 1000 /* with comments, between two tokens */
#define UNSEEN G_MAXUINT32   /* a reference behind more space than that */
#define CHUNK_BYTES 65536

typedef enum {
	KIND_OTHER,
	KIND_OBJECTS, /* an object stream */
	KIND_XREF,
} LookKind;

typedef struct {
	const guint8 *data, *end;
	gboolean is_in_object;
	/* of the object at hand */
	guint32 id;
	guint32 length_id; /* what /Length refers to, 0 nothing */
	gboolean has_reference;
	LookKind kind;
	guint n_packers; /* filters that make more of less */
	gboolean is_flate;
	/* of all */
	GHashTable *streams; /* numbers of objects that are streams */
	GArray *lengths;     /* guint32, numbers of objects that lengths of streams refer to */
	guint n_object_streams_on_others;
	guint64 n_object_bytes, n_xref_bytes;
	guint64 n_read; /* of compressed streams: they might all be the same */
	gboolean is_packed_twice;
} Look;

/* ---- tokens -------------------------------------------------------------------------------- */

static gboolean
look_is_space(guint8 c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\0';
}

/* NULL: there is more of it than is looked at, so that the time stays linear. */
static const guint8 *
look_skip_space(const Look *look, const guint8 *at)
{
	gboolean is_comment = FALSE;
	for (guint n = 0; n < SPACE_MAX_BYTES; n++, at++) {
		if (at == look->end)
			return at;
		if (*at == '\n' || *at == '\r')
			is_comment = FALSE;
		else if (*at == '%')
			is_comment = TRUE;
		else if (!is_comment && !look_is_space(*at))
			return at;
	}
	return NULL;
}

static const guint8 *
look_number(const Look *look, const guint8 *at, guint32 *number)
{
	const guint8 *start = at;
	guint64 value = 0;
	while (at < look->end && *at >= '0' && *at <= '9')
		value = MIN(value * 10 + (guint64)(*at++ - '0'), G_MAXUINT32);
	*number = (guint32)value;
	return at > start ? at : NULL;
}

/* "12 0 R": the number, 0 when there is no reference. */
static guint32
look_reference(const Look *look, const guint8 *at)
{
	guint32 id = 0, number;
	for (guint i = 0; i < 2; i++) {
		if ((at = look_skip_space(look, at)) == NULL)
			return UNSEEN;
		if ((at = look_number(look, at, &number)) == NULL)
			return 0;
		id = i == 0 ? number : id;
	}
	if ((at = look_skip_space(look, at)) == NULL)
		return UNSEEN;
	return at < look->end && *at == 'R' ? id : 0;
}

/* Behind a slash; "#4c" is "L" (7.3.5). */
static const guint8 *
look_name(const Look *look, const guint8 *at, char *name)
{
	gsize n = 0;
	while (at < look->end && !look_is_space(*at) && memchr("()<>[]{}/%", *at, 10) == NULL) {
		guint8 c = *at++;
		if (c == '#' && look->end - at >= 2 && g_ascii_isxdigit(at[0]) &&
		    g_ascii_isxdigit(at[1])) {
			c = (guint8)(g_ascii_xdigit_value((char)at[0]) << 4 |
				     g_ascii_xdigit_value((char)at[1]));
			at += 2;
		}
		if (n < NAME_BYTES - 1)
			name[n++] = (char)c;
	}
	name[n] = '\0';
	return at;
}

/* ---- objects ------------------------------------------------------------------------------- */

/* The number in front of "0 obj"; 0 when it cannot be seen. */
static guint32
look_id_before(const Look *look, const guint8 *at)
{
	guint32 id = 0, factor = 1;
	guint n_digits = 0;
	while (at > look->data && look_is_space(at[-1]))
		at--;
	while (at > look->data && g_ascii_isdigit(at[-1]))
		at--;
	while (at > look->data && look_is_space(at[-1]))
		at--;
	for (; at > look->data && g_ascii_isdigit(at[-1]) && n_digits < 9; at--, n_digits++) {
		id += (guint32)(at[-1] - '0') * factor;
		factor *= 10;
	}
	return id;
}

static void
look_begin_object(Look *look, const guint8 *at)
{
	look->is_in_object = TRUE;
	look->id = look_id_before(look, at);
	look->length_id = 0;
	look->has_reference = FALSE;
	look->kind = KIND_OTHER;
	look->n_packers = 0;
	look->is_flate = FALSE;
}

/* Any name in an object's dictionary. */
static const guint8 *
look_at_name(Look *look, const guint8 *at)
{
	char name[NAME_BYTES];
	at = look_name(look, at, name);
	guint32 reference = look_reference(look, at);
	if (strcmp(name, "Length") == 0)
		look->length_id = MAX(reference, look->length_id);
	if (reference != 0 && strcmp(name, "Extends") != 0)
		look->has_reference = TRUE;
	if (strcmp(name, "ObjStm") == 0)
		look->kind = KIND_OBJECTS;
	else if (strcmp(name, "XRef") == 0)
		look->kind = KIND_XREF;
	else if (strcmp(name, "FlateDecode") == 0 || strcmp(name, "Fl") == 0) {
		look->is_flate = TRUE;
		look->n_packers++;
	} else if (strcmp(name, "LZWDecode") == 0 || strcmp(name, "LZW") == 0)
		look->n_packers += 2; /* nobody does, and it grows as much as flate in flate */
	else if (strcmp(name, "RunLengthDecode") == 0 || strcmp(name, "RL") == 0)
		look->n_packers++;
	return at;
}

/* How much comes out, at most `max`. */
static guint64
look_inflate(Look *look, const guint8 *at, guint64 max)
{
	guint8 out[CHUNK_BYTES];
	z_stream zlib = { 0 };
	guint64 n = 0;
	int rc = Z_OK;
	if (inflateInit(&zlib) != Z_OK)
		return max;
	zlib.next_in = (Bytef *)at;
	while (rc == Z_OK && n < max) {
		zlib.avail_in = (uInt)MIN((gsize)(look->end - zlib.next_in), 1 << 30);
		zlib.next_out = out;
		zlib.avail_out = sizeof out;
		rc = inflate(&zlib, Z_NO_FLUSH);
		n += sizeof out - zlib.avail_out;
		if (zlib.avail_in == 0 && zlib.avail_out == sizeof out)
			break;
	}
	look->n_read += zlib.total_in;
	(void)inflateEnd(&zlib);
	return n;
}

/* The object turns out to be a stream; `at` is behind the word. */
static void
look_end_object(Look *look, const guint8 *at)
{
	g_hash_table_add(look->streams, GUINT_TO_POINTER(look->id));
	if (look->length_id != 0)
		g_array_append_val(look->lengths, look->length_id);
	look->is_in_object = FALSE;
	if (look->kind == KIND_OTHER)
		return;
	if (look->has_reference)
		look->n_object_streams_on_others++;
	if (look->n_packers > 1)
		look->is_packed_twice = TRUE;
	if (!look->is_flate)
		return;
	for (guint n = 0; n < SPACE_MAX_BYTES && at < look->end && look_is_space(*at); n++)
		at++;
	guint64 *sum = look->kind == KIND_XREF ? &look->n_xref_bytes : &look->n_object_bytes;
	guint64 max = look->kind == KIND_XREF ? XREF_STREAMS_MAX_BYTES : OBJECT_STREAMS_MAX_BYTES;
	if (look->n_read > 2 * (guint64)(look->end - look->data))
		look->is_packed_twice = TRUE;
	else if (*sum <= max)
		*sum += look_inflate(look, at, max - *sum + 1);
}

static gboolean
look_is_word(const Look *look, const guint8 *at, const char *word, gsize len)
{
	return (gsize)(look->end - at) >= len && memcmp(at, word, len) == 0 &&
	       !(at - look->data >= 3 && memcmp(at - 3, "end", 3) == 0);
}

static void
look_run(Look *look)
{
	const guint8 *at = look->data;
	while (at < look->end) {
		if (*at == 'o' && look_is_word(look, at, "obj", 3)) {
			look_begin_object(look, at);
			at += 3;
		} else if (!look->is_in_object) {
			at = memchr(at + 1, 'o', (gsize)(look->end - at - 1));
			if (at == NULL)
				break;
		} else if (*at == '/') {
			at = look_at_name(look, at + 1);
		} else if (*at == '[') {
			look->has_reference |= look_reference(look, ++at) != 0;
		} else if (*at == 's' && look_is_word(look, at, "stream", 6)) {
			look_end_object(look, at + 6);
			at += 6;
		} else {
			at++;
		}
	}
}

const char *
pdf_look(const guint8 *data, gsize len)
{
	Look look = { .data = data, .end = data + len };
	look.streams = g_hash_table_new(NULL, NULL);
	look.lengths = g_array_new(FALSE, FALSE, sizeof(guint32));
	look_run(&look);
	guint n = look.n_object_streams_on_others;
	gboolean has_unseen = g_hash_table_contains(look.streams, GUINT_TO_POINTER(0));
	for (guint i = 0; i < look.lengths->len; i++) {
		guint32 id = g_array_index(look.lengths, guint32, i);
		n += has_unseen || id == UNSEEN ||
		     g_hash_table_contains(look.streams, GUINT_TO_POINTER(id));
	}
	g_hash_table_unref(look.streams);
	g_array_free(look.lengths, TRUE);
	if (n > CHAIN_MAX)
		return "lengths of streams hang on each other";
	if (look.is_packed_twice)
		return "an object stream is packed more than once";
	if (look.n_object_bytes > OBJECT_STREAMS_MAX_BYTES)
		return "object streams expand to too many bytes";
	if (look.n_xref_bytes > XREF_STREAMS_MAX_BYTES)
		return "cross-reference streams expand to too many bytes";
	return NULL;
}
