/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* RFC 2047 2:
 *
 *     encoded-word = "=?" charset "?" ( "B" / "Q" ) "?" encoded-text "?="
 *
 * Blanks between two of them are no text.  Neighbours of one charset are put together before the
 * charset is read, and base64 goes on from one to the next, since programs cut where they like. */

#include <config.h>

#include "content/charset.h"

#include <errno.h>
#include <string.h>

#define CHARSET_MAX_BYTES 60 /* with language */
#define CONVERT_BYTES 1024

static void
charset_append_latin1(GString *out, const char *bytes, gsize len)
{
	for (gsize i = 0; i < len; i++) {
		if (bytes[i] == '\0')
			g_string_append(out, AM_NUL_TEXT);
		else
			g_string_append_unichar(out, (guchar)bytes[i]);
	}
}

static void
charset_append_guess(GString *out, const char *bytes, gsize len)
{
	gsize start = 0;
	if (!g_utf8_validate_len(bytes, len, NULL) && memchr(bytes, 0, len) == NULL) {
		charset_append_latin1(out, bytes, len);
		return;
	}
	for (gsize i = 0; i <= len; i++) { /* UTF-8 between NULs */
		if (i < len && bytes[i] != '\0')
			continue;
		if (g_utf8_validate_len(bytes + start, i - start, NULL))
			g_string_append_len(out, bytes + start, (gssize)(i - start));
		else
			charset_append_latin1(out, bytes + start, i - start);
		if (i < len)
			g_string_append(out, AM_NUL_TEXT);
		start = i + 1;
	}
}

/* What came out of a converter; a NUL in it is made visible. */
static void
charset_append_utf8(GString *out, const char *bytes, gsize len)
{
	for (gsize i = 0; i < len; i++) {
		if (bytes[i] == '\0')
			g_string_append(out, AM_NUL_TEXT);
		else
			g_string_append_c(out, bytes[i]);
	}
}

static gboolean
charset_convert(GString *out, const char *charset, const char *bytes, gsize len)
{
	GIConv converter = g_iconv_open("UTF-8", charset);
	char *from = (char *)bytes; /* iconv() takes no const, and does not write */
	if (converter == (GIConv)-1)
		return FALSE;
	while (len > 0) {
		char buffer[CONVERT_BYTES], *to = buffer;
		gsize left = sizeof buffer;
		gsize result = g_iconv(converter, &from, &len, &to, &left);
		int saved = errno;
		charset_append_utf8(out, buffer, (gsize)(to - buffer));
		if (result != (gsize)-1 || saved == E2BIG)
			continue;
		g_string_append(out, "\xef\xbf\xbd");
		from++; /* a bad byte must not hide what follows it */
		len--;
	}
	(void)g_iconv_close(converter);
	return TRUE;
}

void
am_charset_append(GString *out, const char *charset, const char *bytes, gsize len)
{
	g_autofree char *name = g_strndup(charset, strcspn(charset, "*"));
	gboolean is_utf8 = *name == '\0' || g_ascii_strcasecmp(name, "utf-8") == 0 ||
			   g_ascii_strcasecmp(name, "utf8") == 0 ||
			   g_ascii_strcasecmp(name, "us-ascii") == 0;
	if (is_utf8 || strlen(name) > CHARSET_MAX_BYTES || !charset_convert(out, name, bytes, len))
		charset_append_guess(out, bytes, len);
}

/* ---- encoded-words ------------------------------------------------------------------------- */

typedef struct {
	char charset[CHARSET_MAX_BYTES + 1];
	char encoding; /* 'b', 'q' */
	const char *text, *text_end;
	const char *end; /* behind it */
} EncodedWord;

typedef struct {
	GString *out;
	gboolean as_labelled;
	char charset[CHARSET_MAX_BYTES + 1]; /* of the bytes that wait */
	GString *bytes;
	gint state; /* of base64 */
	guint save;
	gboolean has_word; /* the last thing was an encoded-word */
} WordReader;

static gboolean
word_parse(const char *at, const char *end, EncodedWord *word)
{
	if (end - at < 6 || at[0] != '=' || at[1] != '?')
		return FALSE;
	const char *charset = at + 2;
	const char *mark = memchr(charset, '?', (gsize)(end - charset));
	if (mark == NULL || mark - charset > CHARSET_MAX_BYTES || end - mark < 3 || mark[2] != '?')
		return FALSE;
	word->encoding = g_ascii_tolower(mark[1]);
	if (word->encoding != 'b' && word->encoding != 'q')
		return FALSE;
	memcpy(word->charset, charset, (gsize)(mark - charset));
	word->charset[mark - charset] = '\0';
	g_strstrip(word->charset);
	word->text = mark + 3;
	const char *close = memmem(word->text, (gsize)(end - word->text), "?=", 2);
	word->text_end = close != NULL ? close : end; /* without an end it is one all the same */
	word->end = close != NULL ? close + 2 : end;
	return TRUE;
}

static void
word_decode_q(GString *bytes, const char *at, const char *end)
{
	for (; at < end; at++) {
		if (*at == '=' && end - at > 2 && g_ascii_isxdigit(at[1]) &&
		    g_ascii_isxdigit(at[2])) {
			g_string_append_c(bytes, (char)(g_ascii_xdigit_value(at[1]) * 16 +
							g_ascii_xdigit_value(at[2])));
			at += 2;
		} else {
			g_string_append_c(bytes, *at == '_' ? ' ' : *at);
		}
	}
}

static void
word_decode_b(WordReader *reader, const char *at, const char *end)
{
	gsize len = (gsize)(end - at), old = reader->bytes->len;
	g_string_set_size(reader->bytes, old + len / 4 * 3 + 6);
	gsize got = g_base64_decode_step(at, len, (guchar *)reader->bytes->str + old,
					 &reader->state, &reader->save);
	g_string_truncate(reader->bytes, old + got);
}

/* Letters of base64 without their padding at the end of a run still hold a byte or two. */
static void
word_end_b(WordReader *reader)
{
	static const char padding[] = "AAA";
	guchar rest[8];
	if (reader->state == 0)
		return;
	gsize have = (gsize)ABS(reader->state);
	if (have >= 2) {
		(void)g_base64_decode_step(padding, 4 - have, rest, &reader->state, &reader->save);
		g_string_append_len(reader->bytes, (char *)rest, (gssize)have - 1);
	}
	reader->state = 0;
	reader->save = 0;
}

static void
word_flush(WordReader *reader)
{
	word_end_b(reader);
	am_charset_append(reader->out, reader->as_labelled ? reader->charset : "",
			  reader->bytes->str, reader->bytes->len);
	g_string_truncate(reader->bytes, 0);
}

static void
word_take(WordReader *reader, const EncodedWord *word)
{
	if (g_ascii_strcasecmp(reader->charset, word->charset) != 0) {
		word_flush(reader);
		(void)g_strlcpy(reader->charset, word->charset, sizeof reader->charset);
	}
	if (word->encoding == 'q') {
		word_end_b(reader);
		word_decode_q(reader->bytes, word->text, word->text_end);
	} else {
		word_decode_b(reader, word->text, word->text_end);
		if (word->text_end > word->text && word->text_end[-1] == '=')
			word_end_b(reader); /* padded: the next one starts anew */
	}
	reader->has_word = TRUE;
}

GString *
am_encoded_words_read(const char *text, gsize max, gboolean as_labelled)
{
	const char *end = text + strnlen(text, max), *plain = text, *at = text;
	WordReader reader = { .out = g_string_new(NULL),
			      .bytes = g_string_new(NULL),
			      .as_labelled = as_labelled };
	EncodedWord word;
	while (at < end && (at = memmem(at, (gsize)(end - at), "=?", 2)) != NULL) {
		if (!word_parse(at, end, &word)) {
			at += 2;
			continue;
		}
		gboolean is_blank = strspn(plain, " \t\r\n") >= (gsize)(at - plain);
		if (!reader.has_word || !is_blank) {
			word_flush(&reader);
			charset_append_guess(reader.out, plain, (gsize)(at - plain));
		}
		word_take(&reader, &word);
		plain = at = word.end;
	}
	word_flush(&reader);
	charset_append_guess(reader.out, plain, (gsize)(end - plain));
	g_string_free(reader.bytes, TRUE);
	return reader.out;
}
