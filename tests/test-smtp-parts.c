/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The pieces of the client that need no connection: replies, queue ids, the mail's data. */

#include <config.h>

#include <string.h>
#include <unistd.h>

#include "mail/spool.h"
#include "smtp/client-private.h"
#include "smtp-peer.h"

typedef struct {
	const char *input; /* lines, separated by '|' */
	AmReplyStep step;  /* of the last */
	int code;
	const char *enhanced;
	const char *text;
} ReplyCase;

static const ReplyCase reply_cases[] = {
	{ "250 2.1.0 Ok", AM_REPLY_DONE, 250, "2.1.0", "Ok" },
	{ "250", AM_REPLY_DONE, 250, NULL, "" },
	{ "250 ", AM_REPLY_DONE, 250, NULL, "" },
	{ "250 2.0.0", AM_REPLY_DONE, 250, "2.0.0", "" },
	{ "250-2.0.0 a|250-2.0.0 b|250 2.0.0 c", AM_REPLY_DONE, 250, "2.0.0", "a\nb\nc" },
	{ "550-5.1.1 a|550 5.1.2 b", AM_REPLY_DONE, 550, "5.1.1", "a\n5.1.2 b" },
	{ "550-a|550 5.1.2 b", AM_REPLY_DONE, 550, NULL, "a\n5.1.2 b" },
	{ "550 4.1.1 a", AM_REPLY_DONE, 550, NULL, "4.1.1 a" },
	{ "550 5.1.1000 a", AM_REPLY_DONE, 550, NULL, "5.1.1000 a" },
	{ "550 5.123.456 a", AM_REPLY_DONE, 550, "5.123.456", "a" },
	{ "550 5..1 a", AM_REPLY_DONE, 550, NULL, "5..1 a" },
	{ "550 5.1.1x a", AM_REPLY_DONE, 550, NULL, "5.1.1x a" },
	{ "550 a\x01\x7f\tb\xff", AM_REPLY_DONE, 550, NULL, "a???b\xef\xbf\xbd" },
	{ "250-a", AM_REPLY_MORE, 0, NULL, NULL },
	{ "250-a|251 b", AM_REPLY_BAD, 0, NULL, NULL },
	{ "", AM_REPLY_BAD, 0, NULL, NULL },
	{ "25", AM_REPLY_BAD, 0, NULL, NULL },
	{ "250_a", AM_REPLY_BAD, 0, NULL, NULL },
	{ "2500 a", AM_REPLY_BAD, 0, NULL, NULL },
	{ "150 a", AM_REPLY_BAD, 0, NULL, NULL },
	{ "650 a", AM_REPLY_BAD, 0, NULL, NULL },
	{ " 250 a", AM_REPLY_BAD, 0, NULL, NULL },
	{ "HTTP/1.1 400 Bad Request", AM_REPLY_BAD, 0, NULL, NULL },
};

/* Feeds an exact-size copy without NUL. */
static AmReplyStep
feed(AmReplyReader *reader, const char *line)
{
	gsize len = strlen(line);
	g_autofree char *exact = g_memdup2(line, len);
	return am_reply_reader_feed(reader, exact, len);
}

static void
test_reply(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(reply_cases); i++) {
		const ReplyCase *item = &reply_cases[i];
		g_auto(GStrv) lines = g_strsplit(item->input, "|", -1);
		g_auto(AmReplyReader) reader;
		AmReplyStep step = AM_REPLY_BAD;
		am_reply_reader_init(&reader);
		g_test_message("%s", item->input);
		for (char **line = lines; *line != NULL; line++)
			step = feed(&reader, *line);
		if (*lines == NULL)
			step = feed(&reader, "");
		g_assert_cmpint(step, ==, item->step);
		if (step != AM_REPLY_DONE)
			continue;
		g_autoptr(AmReply) reply = am_reply_reader_take(&reader);
		g_assert_cmpint(reply->code, ==, item->code);
		g_assert_cmpstr(reply->enhanced, ==, item->enhanced);
		g_assert_cmpstr(reply->text, ==, item->text);
	}
}

static void
test_reply_limits(void)
{
	g_auto(AmReplyReader) reader;
	g_autoptr(GString) line = g_string_new("250-");
	am_reply_reader_init(&reader);
	for (guint i = 0; i < 1000; i++)
		g_string_append_c(line, 'x');
	for (guint i = 0; i < AM_REPLY_LINES_MAX; i++)
		g_assert_cmpint(feed(&reader, line->str), ==, AM_REPLY_MORE);
	g_assert_cmpuint(reader.text->len, <=, AM_REPLY_LINES_MAX * (AM_REPLY_KEPT_MAX + 1));
	g_assert_cmpint(feed(&reader, "250 end"), ==, AM_REPLY_BAD);
}

static void
test_queue_id(void)
{
	static const struct {
		const char *text, *id;
	} table[] = {
		{ "Ok: queued as 4XyZ", "4XyZ" },
		{ "Ok: queued as 9F1C2A0123", "9F1C2A0123" },
		{ "OK id=1tF3xY-0000Ab-1C", "1tF3xY-0000Ab-1C" },
		{ "Ok, id=abc, from MTA([127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4XyZ", "4XyZ" },
		{ "0AB12cd034567 Message accepted for delivery", "0AB12cd034567" },
		{ "4a1b2c3d Message accepted for delivery", "4a1b2c3d" },
		{ "Message accepted for delivery", "" },
		{ "queued as ", "" },
		{ "queued as <script>", "" },
		{ "queued as A1.", "A1" },
		{ "Ok", "" },
		{ "", "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autofree char *id = am_smtp_queue_id(table[i].text);
		g_assert_cmpstr(id, ==, table[i].id);
	}
}

static void
test_extensions(void)
{
	g_assert_cmpuint(am_smtp_parse_extensions("PIPELINING"), ==, 0);
	g_assert_cmpuint(am_smtp_parse_extensions("mx\nPIPELINING"), ==, AM_SMTP_PIPELINING);
	g_assert_cmpuint(am_smtp_parse_extensions("mx\nsize 1\nSIZE=1\nXSIZE\nDSNX\nDSN"), ==,
			 AM_SMTP_SIZE | AM_SMTP_DSN);
	g_assert_cmpuint(am_smtp_parse_extensions("mx\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\n"),
			 ==, AM_SMTP_8BITMIME | AM_SMTP_SMTPUTF8 | AM_SMTP_ENHANCED);
}

static gboolean
collect(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	(void)error;
	g_string_append_len(user_data, data, (gssize)len);
	return TRUE;
}

typedef struct {
	const char *input;
	gsize len;	    /* 0: strlen */
	const char *output; /* without the final dot line */
} DotCase;

static const DotCase dot_cases[] = {
	{ "", 0, "" },
	{ "a\r\n", 0, "a\r\n" },
	{ "a", 0, "a\r\n" },
	{ ".\r\n", 0, "..\r\n" },
	{ "a\r\n.\r\n..\r\n.b", 0, "a\r\n..\r\n...\r\n..b\r\n" },
	{ "a.b\r\n.", 0, "a.b\r\n..\r\n" },
	{ "\r\n\r\n.\r\n", 0, "\r\n\r\n..\r\n" },
	{ "a\n.b\n", 0, "a\r\n..b\r\n" },
	{ "\n\n", 0, "\r\n\r\n" },
	{ "a\rb\r\n", 0, "ab\r\n" },
	{ "a\r\r\nb", 0, "a\r\nb\r\n" },
	{ "\r.\r\n", 0, "..\r\n" },
	{ "a\r\n\r\r.\r\n", 0, "a\r\n..\r\n" },
	{ "a\r\n.\r.\r\n", 0, "a\r\n...\r\n" },
	{ "a\r", 0, "a\r\n" },
	{ "\r", 0, "" },
	{ "a\r\n.\n", 0, "a\r\n..\r\n" },
	{ "a\0b\r\n\0.\r\n", 9, "a?b\r\n?.\r\n" },
};

/* Every way to cut the input in two, and byte by byte, gives the same. */
static void
test_dot(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(dot_cases); i++) {
		const DotCase *item = &dot_cases[i];
		gsize len = item->len > 0 ? item->len : strlen(item->input);
		g_autofree char *expected = g_strconcat(item->output, ".\r\n", NULL);
		g_test_message("case %" G_GSIZE_FORMAT, i);
		for (gsize cut = 0; cut <= len + 1; cut++) {
			g_autoptr(GString) out = g_string_new(NULL);
			AmDotWriter writer = { .write = collect, .user_data = out };
			gsize step = cut > len ? 1 : cut; /* the last round: byte by byte */
			for (gsize at = 0; at < len;) {
				gsize n = cut > len || at == 0 ? MIN(step, len - at) : len - at;
				g_autofree char *exact = g_memdup2(item->input + at, n);
				g_assert_true(am_dot_writer_write(exact, n, &writer, NULL));
				at += n;
				if (n == 0)
					step = len;
			}
			g_assert_true(am_dot_writer_finish(&writer, NULL));
			g_assert_cmpstr(out->str, ==, expected);
		}
	}
}

static gboolean
refuse(gconstpointer data, gsize len, gpointer user_data, GError **error)
{
	(void)data, (void)len, (void)user_data;
	g_set_error(error, AM_ERROR, AM_ERROR_PROTOCOL, "no");
	return FALSE;
}

static void
test_dot_failure(void)
{
	g_autoptr(GError) error = NULL;
	AmDotWriter writer = { .write = refuse };
	g_assert_false(am_dot_writer_write(".a\r\n", 4, &writer, &error));
	g_assert_error(error, AM_ERROR, AM_ERROR_PROTOCOL);
}

static void
test_8bit(void)
{
	for (gsize at = 0; at < 40; at++) {
		char text[40];
		gboolean has_8bit;
		memset(text, 'x', sizeof text);
		text[at] = (char)0x80;
		int fd = peer_make_mail(text, sizeof text);
		g_assert_true(am_smtp_has_8bit(fd, sizeof text, &has_8bit, NULL));
		g_assert_true(has_8bit);
		g_assert_true(am_smtp_has_8bit(fd, at, &has_8bit, NULL));
		g_assert_false(has_8bit);
		g_autoptr(GError) error = NULL;
		if (at == 39) {
			g_assert_false(am_smtp_has_8bit(fd, 41, &has_8bit, &error));
			g_assert_error(error, AM_ERROR, AM_ERROR_RESOURCE);
		}
		(void)close(fd);
	}
}

/* ---- SMTPUTF8 (RFC 6531 3.2): said where it is needed, and never a local part made into another ---- */

typedef struct {
	const char *address, *ace; /* ace: as it is said without SMTPUTF8; NULL it cannot be */
} Utf8Address;

static const char utf8_plain[] = "a@x.org";

static const Utf8Address utf8_addresses[] = {
	{ utf8_plain, utf8_plain },
	{ "a@b\xc3\xbc"
	  "cher.example",
	  "a@xn--bcher-kva.example" },
	{ "\xc3\xa4@x.org", NULL },
	{ "\xc3\xa4@b\xc3\xbc"
	  "cher.example",
	  NULL },
};

static void
utf8_case(const Utf8Address *from, const Utf8Address *to, gboolean has_header, gboolean is_declared,
	  gboolean is_offered)
{
	const char *mail =
		has_header ? "Subject: \xc3\xa4\r\n\r\nx\r\n" : "Subject: a\r\n\r\nx\r\n";
	AmSpool *spool = am_spool_new(g_get_tmp_dir(), 1 << 20);
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	g_autoptr(GPtrArray) deliveries =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_delivery_free);
	AmSmtpCommandContext context = { .extensions = is_offered ? AM_SMTP_SMTPUTF8 : 0 };
	/* a client that did not declare its header's bytes is let by as ever */
	gboolean needs =
		(has_header && is_declared) || from->ace != from->address || to->ace != to->address;
	g_free(envelope->sender);
	envelope->sender = g_strdup(from->address);
	envelope->smtputf8 = is_declared;
	g_ptr_array_add(deliveries,
			am_delivery_new(am_envelope_add_recipient(envelope, to->address)));
	g_assert_true(am_spool_append(spool, mail, strlen(mail), NULL) &&
		      am_spool_finish(spool, NULL));
	const AmSmtpTransaction transaction = { .envelope = envelope,
						.deliveries = deliveries,
						.fd = am_spool_fd(spool),
						.size = am_spool_size(spool) };
	g_test_message("%s %s header=%d declared=%d offered=%d", from->address, to->address,
		       has_header, is_declared, is_offered);
	g_autoptr(AmReply) refusal = am_smtp_check_extensions(&context, &transaction);
	gboolean is_refused = !is_offered && ((has_header && is_declared) || from->ace == NULL);
	g_assert_true((refusal != NULL) == is_refused);
	if (is_refused) {
		g_assert_cmpint(refusal->code, ==, 550);
		g_assert_cmpstr(refusal->enhanced, ==, "5.6.7");
	} else {
		g_autofree char *said = am_smtp_mail_command(&context, &transaction);
		g_autofree char *rcpt =
			am_smtp_rcpt_command(&context, envelope->recipients->pdata[0]);
		g_autofree char *mail_line = g_strdup_printf(
			"MAIL FROM:<%s>%s\r\n", is_offered ? from->address : from->ace,
			is_offered && needs ? " SMTPUTF8" : "");
		const char *path = is_offered ? to->address : to->ace;
		g_autofree char *rcpt_line =
			path != NULL ? g_strdup_printf("RCPT TO:<%s>\r\n", path) : NULL;
		g_assert_cmpstr(said, ==, mail_line);
		g_assert_cmpstr(rcpt, ==, rcpt_line);
	}
	am_spool_free(spool);
}

static void
test_utf8_decision(void)
{
	for (guint bits = 0; bits < 8; bits++)
		for (gsize i = 0; i < G_N_ELEMENTS(utf8_addresses); i++)
			for (gsize k = 0; k < G_N_ELEMENTS(utf8_addresses); k++)
				utf8_case(&utf8_addresses[i], &utf8_addresses[k], (bits & 1) != 0,
					  (bits & 2) != 0, (bits & 4) != 0);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/smtp-parts/reply", test_reply);
	g_test_add_func("/smtp-parts/reply-limits", test_reply_limits);
	g_test_add_func("/smtp-parts/queue-id", test_queue_id);
	g_test_add_func("/smtp-parts/extensions", test_extensions);
	g_test_add_func("/smtp-parts/dot", test_dot);
	g_test_add_func("/smtp-parts/dot-failure", test_dot_failure);
	g_test_add_func("/smtp-parts/8bit", test_8bit);
	g_test_add_func("/smtp-parts/smtputf8", test_utf8_decision);
	return g_test_run();
}
