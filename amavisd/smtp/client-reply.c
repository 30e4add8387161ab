/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Replies of a next hop, RFC 5321 4.2:
 *
 *     reply    = *( code "-" [text] CRLF ) code [ SP [text] ] CRLF
 *     code     = %x32-35 DIGIT DIGIT
 *     text     = [ enhanced SP ] anything                ; RFC 2034
 *     enhanced = ( "2" / "4" / "5" ) "." 1*3DIGIT "." 1*3DIGIT
 *
 * Whatever does not fit is no reply, and who says it is not spoken to any further: guessing what a
 * peer meant could lose a mail.  The text goes to logs and into our own replies, so it is made valid
 * UTF-8 without control bytes here, once. */

#include <config.h>

#include "smtp/client-private.h"

#include <string.h>

#define QUEUE_ID_MAX 64u /* bytes; longer is no id */

void
am_reply_reader_init(AmReplyReader *reader)
{
	memset(reader, 0, sizeof *reader);
	reader->text = g_string_new(NULL);
}

void
am_reply_reader_clear(AmReplyReader *reader)
{
	if (reader->text != NULL)
		g_string_free(reader->text, TRUE);
	reader->text = NULL;
}

static gsize
reader_digits(const char *at, gsize len)
{
	gsize n = 0;
	while (n < len && n < 3 && g_ascii_isdigit(at[n]))
		n++;
	return n;
}

/* Length of an enhanced code of class `first` at the start of text, 0 when there is none. */
static gsize
reader_enhanced(char first, const char *at, gsize len)
{
	if (len < 5 || at[0] != first || at[1] != '.' || first == '3')
		return 0;
	gsize n = 2;
	gsize digits = reader_digits(at + n, len - n);
	n += digits;
	if (digits == 0 || n >= len || at[n] != '.')
		return 0;
	n++;
	digits = reader_digits(at + n, len - n);
	n += digits;
	return digits > 0 && (n == len || at[n] == ' ') ? n : 0;
}

static void
reader_append(AmReplyReader *reader, const char *text, gsize len)
{
	g_autofree char *valid = g_utf8_make_valid(text, (gssize)MIN(len, AM_REPLY_KEPT_MAX));
	for (char *at = valid; *at != '\0'; at++)
		if ((guchar)*at < 0x20 || *at == 0x7f)
			*at = '?';
	g_string_append(reader->text, valid);
}

AmReplyStep
am_reply_reader_feed(AmReplyReader *reader, const char *line, gsize len)
{
	if (len < 3 || line[0] < '2' || line[0] > '5' || reader_digits(line, len) != 3 ||
	    (len > 3 && line[3] != ' ' && line[3] != '-'))
		return AM_REPLY_BAD;
	int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	if (reader->n_lines == AM_REPLY_LINES_MAX || (reader->n_lines > 0 && code != reader->code))
		return AM_REPLY_BAD;
	const char *text = line + MIN(len, 4);
	gsize text_len = len - MIN(len, 4);
	gsize enhanced = reader_enhanced(line[0], text, text_len);
	if (enhanced > 0 && reader->n_lines == 0) {
		memcpy(reader->enhanced, text, enhanced);
		reader->enhanced[enhanced] = '\0';
	}
	if (enhanced > 0 && strlen(reader->enhanced) == enhanced &&
	    memcmp(reader->enhanced, text, enhanced) == 0) {
		gsize skip = MIN(enhanced + 1, text_len);
		text += skip;
		text_len -= skip;
	}
	if (reader->n_lines > 0)
		g_string_append_c(reader->text, '\n');
	reader_append(reader, text, text_len);
	reader->code = code;
	reader->n_lines++;
	return len > 3 && line[3] == '-' ? AM_REPLY_MORE : AM_REPLY_DONE;
}

AmReply *
am_reply_reader_take(AmReplyReader *reader)
{
	const char *enhanced = *reader->enhanced != '\0' ? reader->enhanced : NULL;
	AmReply *reply = am_reply_new(reader->code, enhanced, "%s", reader->text->str);
	am_reply_reader_clear(reader);
	am_reply_reader_init(reader);
	return reply;
}

static char *
queue_id_at(const char *at)
{
	gsize n = 0;
	while (g_ascii_isalnum(at[n]) || (at[n] != '\0' && strchr("-_.", at[n]) != NULL))
		n++;
	while (n > 0 && at[n - 1] == '.') /* the end of a sentence */
		n--;
	return n > 0 && n <= QUEUE_ID_MAX ? g_strndup(at, n) : NULL;
}

/* "2.0.0 xAB12 Message accepted for delivery": the word before. */
static char *
queue_id_before(const char *text, const char *phrase)
{
	const char *end = strstr(text, phrase);
	if (end == NULL || end == text || end[-1] != ' ')
		return NULL;
	const char *at = --end;
	while (at > text && at[-1] != ' ' && at[-1] != '\n')
		at--;
	char *id = queue_id_at(at);
	if (id != NULL && strlen(id) != (gsize)(end - at))
		g_clear_pointer(&id, g_free);
	return id;
}

char *
am_smtp_queue_id(const char *text)
{
	/* the innermost "queued as" of a chain of filters is written last */
	static const char *const phrases[] = { "queued as ", "id=" };
	for (gsize i = 0; i < G_N_ELEMENTS(phrases); i++) {
		const char *at = g_strrstr(text, phrases[i]);
		char *id = at != NULL ? queue_id_at(at + strlen(phrases[i])) : NULL;
		if (id != NULL)
			return id;
	}
	char *id = queue_id_before(text, "Message accepted for delivery");
	return id != NULL ? id : g_strdup("");
}

gboolean
am_reply_is_too_many(const AmReply *reply)
{
	/* 452 4.5.3; 552 from servers of RFC 821's time (RFC 5321 4.5.3.1.10) */
	if (reply->code != 452 && reply->code != 552)
		return FALSE;
	return reply->enhanced == NULL || g_str_has_suffix(reply->enhanced, ".5.3");
}
