/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Replies, the table from errors to codes, envelopes and mail ids. */

#include <config.h>

#include "mail/reply.h"

#include <errno.h>
#include <string.h>

#include "mail/envelope.h"
#include "mail/mail.h"

static void
test_wire(void)
{
	static const struct {
		int code;
		const char *enhanced, *text, *wire;
	} cases[] = {
		{ 250, "2.0.0", "Ok", "250 2.0.0 Ok\r\n" },
		{ 354, NULL, "End with .", "354 End with .\r\n" },
		{ 250, NULL, "host\nPIPELINING\nSIZE",
		  "250-host\r\n250-PIPELINING\r\n250 SIZE\r\n" },
		{ 554, "5.7.0", "a\nb", "554-5.7.0 a\r\n554 5.7.0 b\r\n" },
		{ 550, "5.1.1", "bad\r\nQUIT\t\x7f", "550-5.1.1 bad \r\n550 5.1.1 QUIT  \r\n" },
		{ 550, NULL, "", "550 \r\n" },
		{ 550, NULL, "a\xff", "550 a\xef\xbf\xbd\r\n" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(AmReply) reply =
			am_reply_new(cases[i].code, cases[i].enhanced, "%s", cases[i].text);
		g_autoptr(GString) wire = g_string_new(NULL);
		am_reply_to_wire(reply, wire);
		g_assert_cmpstr(wire->str, ==, cases[i].wire);
	}
}

static void
test_long_line(void)
{
	g_autoptr(GString) text = g_string_new(NULL), wire = g_string_new(NULL);
	for (guint i = 0; i < 400; i++)
		g_string_append(text, "\xc3\xbc");
	g_autoptr(AmReply) reply = am_reply_new(550, "5.0.0", "%s", text->str);
	am_reply_to_wire(reply, wire);
	g_assert_cmpuint(wire->len, <=, 512);
	g_assert_cmpuint(wire->len, >=, 510);
	g_assert_true(g_str_has_suffix(wire->str, "\xc3\xbc\r\n"));
	g_assert_true(g_utf8_validate(wire->str, -1, NULL));
}

static void
test_string_and_class(void)
{
	g_autoptr(AmReply) reply = am_reply_new(451, "4.5.0", "a\nb");
	g_autoptr(AmReply) copy = am_reply_copy(reply);
	g_autofree char *text = am_reply_to_string(copy);
	g_assert_cmpstr(text, ==, "451 4.5.0 a b");
	g_assert_true(am_reply_is_temporary(copy));
	g_assert_false(am_reply_is_permanent(copy));
	g_assert_false(am_reply_is_success(copy));
	g_assert_null(am_reply_copy(NULL));
}

static void
test_from_error(void)
{
	static const struct {
		AmError class;
		const char *start;
	} cases[] = {
		{ AM_ERROR_RESOURCE, "451 4.3.2 " }, { AM_ERROR_DATA, "451 4.3.5 " },
		{ AM_ERROR_SCANNER, "451 4.5.0 " },  { AM_ERROR_LIMIT, "552 5.3.4 " },
		{ AM_ERROR_PROTOCOL, "451 4.3.0 " }, { AM_ERROR_CONFIG, "451 4.3.0 " },
		{ AM_ERROR_SOFTWARE, "451 4.3.0 " },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		am_error_set_errno(&error, cases[i].class, ENOENT, "opening %s", "/secret");
		g_assert_cmpstr(error->message, ==, "opening /secret: No such file or directory");
		g_autoptr(AmReply) reply = am_reply_from_error(error);
		g_autofree char *text = am_reply_to_string(reply);
		g_assert_true(g_str_has_prefix(text, cases[i].start));
		g_assert_null(strstr(text, "secret"));
	}
	g_autoptr(GError) foreign = g_error_new(G_FILE_ERROR, G_FILE_ERROR_NOENT, "x");
	g_autoptr(AmReply) other = am_reply_from_error(foreign);
	g_autoptr(AmReply) full = am_reply_disk_full();
	g_assert_cmpint(other->code, ==, 451);
	g_assert_cmpint(full->code, ==, 452);
	g_assert_cmpstr(full->enhanced, ==, "4.3.1");
}

static void
test_envelope(void)
{
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	g_assert_null(envelope->sender);
	g_assert_cmpstr(envelope->queue_id, ==, "");
	envelope->sender = g_strdup("a@example.org");
	envelope->smtputf8 = TRUE;
	envelope->declared_size = 5;
	envelope->envid = g_strdup("x");
	g_free(envelope->helo);
	envelope->helo = g_strdup("host");
	AmRecipient *rcpt = am_envelope_add_recipient(envelope, "b@example.org");
	rcpt->notify = g_strdup("NEVER");
	g_autoptr(AmRecipient) copy = am_recipient_copy(rcpt);
	am_envelope_reset(envelope);
	g_assert_cmpstr(copy->address, ==, "b@example.org");
	g_assert_cmpstr(copy->notify, ==, "NEVER");
	g_assert_null(copy->orcpt);
	g_assert_cmpuint(envelope->recipients->len, ==, 0);
	g_assert_null(envelope->sender);
	g_assert_null(envelope->envid);
	g_assert_false(envelope->smtputf8);
	g_assert_cmpint(envelope->declared_size, ==, -1);
	g_assert_cmpstr(envelope->helo, ==, "host");
}

static void
test_mail_id(void)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < 2000; i++) {
		g_autoptr(AmMail) mail = am_mail_new(am_envelope_new(), am_spool_new("/tmp", 1000));
		g_assert_cmpuint(strlen(mail->id), ==, AM_MAIL_ID_LEN);
		g_assert_true(g_ascii_isalnum(mail->id[0]));
		for (const char *at = mail->id; *at != '\0'; at++)
			g_assert_true(g_ascii_isalnum(*at) || *at == '-' || *at == '_');
		g_assert_true(g_hash_table_add(seen, g_strdup(mail->id)));
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/reply/wire", test_wire);
	g_test_add_func("/reply/long-line", test_long_line);
	g_test_add_func("/reply/string-and-class", test_string_and_class);
	g_test_add_func("/reply/from-error", test_from_error);
	g_test_add_func("/envelope/reset", test_envelope);
	g_test_add_func("/mail/id", test_mail_id);
	return g_test_run();
}
