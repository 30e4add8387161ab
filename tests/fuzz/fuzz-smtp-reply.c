/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What a next hop says: the reader of replies, and what is looked for in their text.  Also the
 * writer of mail data, since it takes any bytes: what comes out is the same however it is cut, and
 * has no end of mail inside. */

#include <config.h>

#include <string.h>

#include "smtp/client-private.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
fuzz_reply(const AmReply *reply)
{
	g_assert_cmpint(reply->code, >=, 200);
	g_assert_cmpint(reply->code, <=, 599);
	g_assert_true(g_utf8_validate(reply->text, -1, NULL));
	for (const char *at = reply->text; *at != '\0'; at++)
		g_assert_true((guchar)*at >= 0x20 || *at == '\n');
	g_assert_cmpuint(strlen(reply->text), <=, AM_REPLY_LINES_MAX * (AM_REPLY_KEPT_MAX * 3 + 1));
	g_autofree char *id = am_smtp_queue_id(reply->text);
	g_assert_cmpuint(strlen(id), <=, 64);
	(void)am_smtp_parse_extensions(reply->text);
	(void)am_reply_is_too_many(reply);
}

static void
fuzz_lines(const guint8 *data, gsize size)
{
	g_auto(AmReplyReader) reader;
	am_reply_reader_init(&reader);
	while (size > 0) {
		const guint8 *end = memchr(data, '\n', size);
		gsize len = end != NULL ? (gsize)(end - data) : size;
		g_autofree char *line = g_memdup2(data, len);
		AmReplyStep step = am_reply_reader_feed(&reader, line, len);
		if (step == AM_REPLY_BAD)
			return;
		if (step == AM_REPLY_DONE) {
			g_autoptr(AmReply) reply = am_reply_reader_take(&reader);
			fuzz_reply(reply);
		}
		gsize used = MIN(len + 1, size);
		data += used;
		size -= used;
	}
}

static gboolean
fuzz_collect(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	(void)error;
	g_string_append_len(user_data, data, (gssize)len);
	return TRUE;
}

static GString *
fuzz_write(const guint8 *data, gsize size, gsize step)
{
	GString *out = g_string_new(NULL);
	AmDotWriter writer = { .write = fuzz_collect, .user_data = out };
	for (gsize at = 0; at < size; at += step)
		g_assert_true(am_dot_writer_write(data + at, MIN(step, size - at), &writer, NULL));
	g_assert_true(am_dot_writer_finish(&writer, NULL));
	return out;
}

static void
fuzz_data(const guint8 *data, gsize size)
{
	g_autoptr(GString) whole = fuzz_write(data, size, MAX(size, 1));
	g_autoptr(GString) bytes = fuzz_write(data, size, 1);
	g_autoptr(GString) threes = fuzz_write(data, size, 3);
	g_assert_true(g_string_equal(whole, bytes));
	g_assert_true(g_string_equal(whole, threes));
	g_assert_cmpuint(strlen(whole->str), ==, whole->len);
	const char *end = g_str_has_prefix(whole->str, ".\r\n") ? whole->str
								: strstr(whole->str, "\r\n.\r\n");
	g_assert_nonnull(end);
	g_assert_true(g_str_has_suffix(whole->str, end) && strlen(end) <= 5);
	for (gsize i = 0; i < whole->len; i++) {
		if (whole->str[i] == '\r')
			g_assert_cmpint(whole->str[i + 1], ==, '\n');
		if (whole->str[i] == '\n')
			g_assert_true(i > 0 && whole->str[i - 1] == '\r');
	}
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	fuzz_lines(data, size);
	fuzz_data(data, size);
	return 0;
}
