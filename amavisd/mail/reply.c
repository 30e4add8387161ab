/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* SMTP replies.  The table at the top is the only place where a class of error becomes a code; what
 * happened is for the log, the client learns no more than whether and when to try again. */

#include <config.h>

#include "mail/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REPLY_LINE_MAX 512 /* bytes, with CRLF (RFC 5321 4.5.3.1.5) */

typedef struct {
	int code;
	const char *enhanced;
	const char *text;
} ReplyRow;

static const ReplyRow reply_disk_full = { 452, "4.3.1", "Insufficient system storage, try later" };
static const ReplyRow reply_other = { 451, "4.3.0", "Temporary failure, try later" };
static const ReplyRow reply_of_class[] = {
	[AM_ERROR_RESOURCE] = { 451, "4.3.2", "Short of resources, try later" },
	[AM_ERROR_DATA] = { 451, "4.3.5", "Policy is not available, try later" },
	[AM_ERROR_SCANNER] = { 451, "4.5.0", "Content cannot be checked now, try later" },
	[AM_ERROR_PROTOCOL] = { 451, "4.3.0", "Temporary failure, try later" },
	[AM_ERROR_LIMIT] = { 552, "5.3.4", "Message is larger than this system takes" },
	[AM_ERROR_CONFIG] = { 451, "4.3.0", "Temporary failure, try later" },
	[AM_ERROR_SOFTWARE] = { 451, "4.3.0", "Temporary failure, try later" },
};

/* A reply must not carry bytes that would end its line early; text often quotes a peer. */
static void
reply_clean(char *text)
{
	for (char *at = text; *at != '\0'; at++)
		if (((guchar)*at < 0x20 && *at != '\n') || *at == 0x7f)
			*at = ' ';
}

AmReply *
am_reply_new(int code, const char *enhanced, const char *format, ...)
{
	AmReply *reply = g_new0(AmReply, 1);
	va_list args;
	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	reply->code = code;
	reply->enhanced = g_strdup(enhanced);
	if (g_utf8_validate(text, -1, NULL))
		reply->text = g_steal_pointer(&text);
	else
		reply->text = g_utf8_make_valid(text, -1);
	reply_clean(reply->text);
	return reply;
}

AmReply *
am_reply_copy(const AmReply *reply)
{
	if (reply == NULL)
		return NULL;
	AmReply *copy = g_new0(AmReply, 1);
	copy->code = reply->code;
	copy->enhanced = g_strdup(reply->enhanced);
	copy->text = g_strdup(reply->text);
	return copy;
}

void
am_reply_free(AmReply *reply)
{
	if (reply == NULL)
		return;
	g_free(reply->enhanced);
	g_free(reply->text);
	g_free(reply);
}

gboolean
am_reply_is_success(const AmReply *reply)
{
	return reply->code / 100 == 2;
}

gboolean
am_reply_is_temporary(const AmReply *reply)
{
	return reply->code / 100 == 4;
}

gboolean
am_reply_is_permanent(const AmReply *reply)
{
	return reply->code / 100 == 5;
}

/* Appends at most `room` bytes and never half a character. */
static void
reply_append_cut(GString *out, const char *text, gsize len, gsize room)
{
	if (len > room) {
		len = room;
		while (len > 0 && ((guchar)text[len] & 0xc0) == 0x80)
			len--;
	}
	g_string_append_len(out, text, (gssize)len);
}

void
am_reply_to_wire(const AmReply *reply, GString *out)
{
	const char *at = reply->text != NULL ? reply->text : "";
	for (;;) {
		gsize len = strcspn(at, "\n");
		gboolean is_last = at[len] == '\0';
		gsize start = out->len;
		g_string_append_printf(out, "%d%c", reply->code, is_last ? ' ' : '-');
		if (reply->enhanced != NULL) {
			g_string_append(out, reply->enhanced);
			g_string_append_c(out, ' ');
		}
		gsize head = out->len - start;
		reply_append_cut(out, at, len, REPLY_LINE_MAX - 2 - MIN(head, REPLY_LINE_MAX - 2));
		g_string_append(out, "\r\n");
		if (is_last)
			return;
		at += len + 1;
	}
}

char *
am_reply_to_string(const AmReply *reply)
{
	const char *enhanced = reply->enhanced != NULL ? reply->enhanced : "";
	char *line =
		g_strdup_printf("%d %s%s%s", reply->code, enhanced, *enhanced != '\0' ? " " : "",
				reply->text != NULL ? reply->text : "");
	g_strdelimit(line, "\n", ' ');
	return line;
}

static AmReply *
reply_of_row(const ReplyRow *row)
{
	return am_reply_new(row->code, row->enhanced, "%s", row->text);
}

AmReply *
am_reply_disk_full(void)
{
	return reply_of_row(&reply_disk_full);
}

AmReply *
am_reply_from_error(const GError *error)
{
	if (error == NULL || error->domain != AM_ERROR || error->code < 0 ||
	    (gsize)error->code >= G_N_ELEMENTS(reply_of_class))
		return reply_of_row(&reply_other);
	return reply_of_row(&reply_of_class[error->code]);
}
