/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The milter server in dialogues, packet by packet, each one whole and cut at every byte.
 *
 * A dialogue is written with a packet on each line: its command, then its data, in which '|' is NUL,
 * '~' CR LF, '/' LF, and '^' with four hexadecimal digits two bytes.  Answers are written the same
 * way; of the negotiation three numbers, and of changed and inserted fields their index. */

#include <config.h>

#include "milter/milter.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"
#include "milter/packet.h"

/* versions, actions and protocol steps as Postfix and sendmail offer them */
#define NEW "O^0000^0006^0000^01ff^001f^ffff\n"
#define OLD "O^0000^0002^0000^003f^0000^007f\n"
#define NEW_ANSWER "O6 13d 1d3580+\n"
#define OLD_ANSWER "O2 3d 0\n"

#define SESSION "Cmx.example|4^0019192.0.2.1|\nHhelo.example|\n"
#define ENVELOPE "M<a@example.org>|SIZE=100|\nR<b@example.org>|\n"
#define CONTENT "T\nLSubject| x|\nLTo| b,/\tc|\nN\nBhello~\n"
#define MAIL SESSION ENVELOPE CONTENT "E\n"
#define TEXT "Subject: x/To: b,/\tc//hello/"
#define SEEN "<a@example.org> <b@example.org> ESMTP helo.example 192.0.2.1 mx.example - -;"

typedef struct {
	AmIntake intake;
	guint begun, ended;
	gboolean is_busy;
	GString *seen;	    /* envelopes, ';' after each */
	GString *content;   /* of the last mail, without CR */
	AmHandback *answer; /* what the pipeline says */
	AmMail *current;
} Fake;

static AmReply *
fake_recipient(gpointer user G_GNUC_UNUSED, const AmEnvelope *envelope G_GNUC_UNUSED,
	       const AmRecipient *recipient)
{
	return g_str_has_prefix(recipient->address, "small@")
		       ? am_reply_new(552, "5.3.4", "Too large, by 100 %%")
		       : NULL;
}

static AmReply *
fake_begin(gpointer user)
{
	Fake *fake = user;
	if (fake->is_busy)
		return am_reply_new(421, "4.3.2", "Busy");
	fake->begun++;
	return NULL;
}

static void
fake_abandon(gpointer user)
{
	((Fake *)user)->ended++;
}

static void
fake_read(Fake *fake, const AmSpool *spool)
{
	char text[4096];
	gssize n = pread(am_spool_fd(spool), text, sizeof text, 0);
	g_assert_cmpint(n, ==, (gssize)am_spool_size(spool));
	g_string_truncate(fake->content, 0);
	g_string_append_len(fake->content, text, n);
	g_string_replace(fake->content, "\r\n", "/", 0);
	g_assert_null(strpbrk(fake->content->str, "\r\n"));
}

static const char *
or_dash(const char *text)
{
	return text == NULL || *text == '\0' ? "-" : text;
}

static void
fake_see(Fake *fake, const AmEnvelope *e)
{
	g_string_append_printf(fake->seen, "<%s>", e->sender);
	for (guint i = 0; i < e->recipients->len; i++)
		g_string_append_printf(fake->seen, " <%s>",
				       ((AmRecipient *)e->recipients->pdata[i])->address);
	g_string_append_printf(fake->seen, " %s %s %s %s %s %s;", e->protocol, or_dash(e->helo),
			       or_dash(e->client_address), or_dash(e->client_name),
			       or_dash(e->queue_id), or_dash(e->authenticated));
	g_assert_cmpstr(e->listener, ==, "milter");
	g_assert_cmpstr(e->policy_banks[0], ==, "OWN");
}

static void
fake_mail(gpointer user, AmMail *mail, AmHandback *handback)
{
	Fake *fake = user;
	const AmHandback *answer = fake->answer;
	fake_see(fake, mail->envelope);
	fake_read(fake, mail->spool);
	fake->current = mail;
	mail->report = am_report_new();
	am_report_add_field(mail->report, "Subject", 7, 0, 9, 12);
	am_report_add_field(mail->report, "X-Old", 5, 0, 9, 12);
	am_report_add_field(mail->report, "x-old", 5, 0, 9, 12);
	if (answer == NULL)
		return;
	handback->reply = answer->reply != NULL ? am_reply_copy(answer->reply) : NULL;
	handback->is_discard = answer->is_discard;
	handback->quarantine = g_strdup(answer->quarantine);
	handback->edits = answer->edits;
	if (answer->removed->len > 0)
		g_array_append_vals(handback->removed, answer->removed->data, answer->removed->len);
	for (guint i = 0; i < answer->added->len; i++)
		g_ptr_array_add(handback->added, g_strdup(answer->added->pdata[i]));
}

static void
fake_done(gpointer user)
{
	Fake *fake = user;
	g_clear_pointer(&fake->current, am_mail_free);
	fake->ended++;
}

static const AmHandbackOps fake_ops = {
	.on_recipient = fake_recipient,
	.on_begin = fake_begin,
	.on_abandon = fake_abandon,
	.on_mail = fake_mail,
	.on_done = fake_done,
};

static void
fake_set_up(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const banks[] = { "OWN", NULL };
	*fake = (Fake){ .intake = { .spool_directory = g_get_tmp_dir(),
				    .spool_memory = 1 << 20,
				    .recipient_limit = 2,
				    .listener = "milter",
				    .policy_banks = banks },
			.seen = g_string_new(NULL),
			.content = g_string_new(NULL) };
}

static void
fake_tear_down(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmpuint(fake->begun, ==, fake->ended);
	(void)g_string_free(fake->seen, TRUE);
	(void)g_string_free(fake->content, TRUE);
}

/* -- packets as text -- */

static void
packet_end(GByteArray *out, guint start)
{
	guint32 length = GUINT32_TO_BE(out->len - start - 4);
	memcpy(out->data + start, &length, sizeof length);
}

/* A line for each packet; "?" and four digits is a packet of that length, of which only the head comes. */
static GByteArray *
packets(const char *text)
{
	GByteArray *out = g_byte_array_new();
	guint start = 0;
	gboolean is_open = FALSE;
	for (; *text != '\0'; text++) {
		char digits[5] = "";
		if (!is_open) {
			start = out->len;
			is_open = TRUE;
			g_byte_array_append(out, (const guint8 *)"\0\0\0\0", 4);
		}
		if (*text == '\n') {
			packet_end(out, start);
			is_open = FALSE;
		} else if (*text == '~') {
			g_byte_array_append(out, (const guint8 *)"\r\n", 2);
		} else if (*text == '^') {
			(void)g_strlcpy(digits, text + 1, sizeof digits);
			guint16 number = GUINT16_TO_BE((guint16)g_ascii_strtoull(digits, NULL, 16));
			g_byte_array_append(out, (const guint8 *)&number, sizeof number);
			text += 4;
		} else {
			guint8 byte = *text == '|' ? '\0' : *text == '/' ? '\n' : (guint8)*text;
			g_byte_array_append(out, &byte, 1);
		}
	}
	g_assert_false(is_open);
	return out;
}

static guint32
number_at(const guint8 *data)
{
	return (guint32)data[0] << 24 | (guint32)data[1] << 16 | (guint32)data[2] << 8 | data[3];
}

static void
append_packet(GString *out, const AmMilterPacket *packet)
{
	gsize at = 0;
	g_string_append_c(out, (char)packet->command);
	if (packet->command == AM_MILTER_OPTNEG) {
		g_assert_cmpuint(packet->len, >=, 12);
		g_string_append_printf(out, "%x %x %x%s", number_at(packet->data),
				       number_at(packet->data + 4), number_at(packet->data + 8),
				       packet->len > 12 ? "+" : "");
		at = packet->len;
	} else if (packet->command == AM_MILTER_INSERT_HEADER ||
		   packet->command == AM_MILTER_CHANGE_HEADER) {
		g_string_append_printf(out, "%u:", number_at(packet->data));
		at = 4;
	}
	for (; at < packet->len; at++) {
		char c = (char)packet->data[at];
		g_string_append_c(out, c == '\0' ? '|' : c == '\n' ? '/' : c);
	}
	g_string_append_c(out, '\n');
}

static void
append_answers(GString *out, const GByteArray *bytes)
{
	AmMilterPacket packet = { 0 };
	for (gsize at = 0, used; at < bytes->len; at += used) {
		AmPacketStep step =
			am_milter_packet_feed(&packet, bytes->data + at, bytes->len - at, &used);
		g_assert_cmpint(step, ==, AM_PACKET_DONE);
		append_packet(out, &packet);
	}
	am_milter_packet_clear(&packet);
}

/* -- dialogues -- */

static AmServerStep
drive(AmMilterServer *server, int peer, const guint8 *input, gsize len, GByteArray *out)
{
	guint8 buffer[4096];
	gssize n;
	AmServerStep step;
	if (len > 0)
		g_assert_cmpint(send(peer, input, len, MSG_NOSIGNAL), ==, (gssize)len);
	do {
		step = am_milter_server_kind.step(server);
	} while (step == AM_SERVER_YIELD);
	while ((n = recv(peer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
		g_byte_array_append(out, buffer, (guint)n);
	return step;
}

/* Answers, "closed" at their end when the server ended the connection. */
static GString *
converse(Fake *fake, const GByteArray *input, gsize cut)
{
	int fds[2];
	g_autoptr(GByteArray) out = g_byte_array_new();
	GString *text = g_string_new(NULL);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	AmMilterServer *server =
		am_milter_server_new(am_stream_new(fds[0]), &fake->intake, &fake_ops, fake);
	g_assert_true(am_milter_server_kind.is_idle(server));
	AmServerStep step = drive(server, fds[1], input->data, cut, out);
	if (step != AM_SERVER_CLOSE)
		step = drive(server, fds[1], input->data + cut, input->len - cut, out);
	append_answers(text, out);
	if (step == AM_SERVER_CLOSE) {
		g_string_append(text, "closed");
	} else {
		g_assert_cmpint(shutdown(fds[1], SHUT_WR), ==, 0);
		g_assert_cmpint(am_milter_server_kind.step(server), ==, AM_SERVER_CLOSE);
	}
	am_milter_server_kind.free(server);
	(void)close(fds[1]);
	return text;
}

static void
assert_dialogue(Fake *fake, const char *text, const char *expected, const char *seen)
{
	g_autoptr(GByteArray) input = packets(text);
	for (gsize cut = 0; cut <= input->len; cut++) {
		g_string_truncate(fake->seen, 0);
		GString *answer = converse(fake, input, cut);
		g_assert_cmpstr(answer->str, ==, expected);
		g_assert_cmpstr(fake->seen->str, ==, seen);
		(void)g_string_free(answer, TRUE);
	}
}

static void
test_negotiation(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *input, *answer;
	} cases[] = {
		{ NEW, NEW_ANSWER },
		{ OLD, OLD_ANSWER },
		{ "O^0000^0007^0000^01ff^001f^ffff\n", NEW_ANSWER }, /* later versions: ours */
		{ "O^0000^0006^0000^0000^0000^0000\n", "O6 0 0\n" },
		{ "O^0000^0006^0000^003f^0000^0000\n", "O6 3d 0\n" }, /* no choice of macros */
		{ "O^0000^0001^0000^003f^0000^007f\n", "closed" },
		{ "O^0000^0006^0000^01ff^001f\n", "closed" },
		{ NEW NEW, NEW_ANSWER "closed" },
		{ SESSION, "closed" },
		{ "Di|\n", "closed" },
		{ "Q\n", "closed" },
		{ NEW "Q\n", NEW_ANSWER "closed" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_dialogue(fake, cases[i].input, cases[i].answer, "");
}

static void
test_mail(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	assert_dialogue(fake, NEW MAIL, NEW_ANSWER "c\nc\nc\n", SEEN);
	g_assert_cmpstr(fake->content->str, ==, TEXT);
	/* whoever agreed on nothing waits for an answer to each; one blank was taken from values */
	assert_dialogue(fake, OLD SESSION ENVELOPE "LSubject|x|\nLTo|b,/\tc|\nN\nBhello~\nE\n",
			OLD_ANSWER "c\nc\nc\nc\nc\nc\nc\nc\nc\n", SEEN);
	g_assert_cmpstr(fake->content->str, ==, TEXT);
	/* the last piece may come with the end, and the header may have no end */
	assert_dialogue(fake, NEW SESSION ENVELOPE "LSubject| x|\nEhello~\n",
			NEW_ANSWER "c\nc\nc\n", SEEN);
	g_assert_cmpstr(fake->content->str, ==, "Subject: x//hello/");
	/* bytes that stand for nothing are the mail's own */
	assert_dialogue(fake, NEW SESSION ENVELOPE "LX-Y||\nN\nBa~\nBb~\nE\n",
			NEW_ANSWER "c\nc\nc\n", SEEN);
	g_assert_cmpstr(fake->content->str, ==, "X-Y://a/b/");
}

static void
test_envelope(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	/* sendmail: IPv6 with a prefix, the queue id with the last macros, addresses without <> */
	assert_dialogue(
		fake,
		NEW "DC{daemon_name}|MTA|\nC[IPv6:2001:db8::1]|6^0019IPv6:2001:DB8:0:0:0:0:0:1|\n"
		    "Hh|\nD{M\nMa@example.org|\nDR{rcpt_addr}|b|\nRb@example.org|\n" CONTENT
		    "DEi|QUEUE1|\nE\n",
		NEW_ANSWER "c\nc\nc\n",
		"<a@example.org> <b@example.org> ESMTP h 2001:db8::1 - QUEUE1 -;");
	/* TLS and AUTH by macros; a mail of the machine's own */
	assert_dialogue(fake,
			NEW "DH{tls_version}|TLSv1.3|\nClocalhost|U\nDMi|Q2|{auth_type}|PLAIN|"
			    "{auth_authen}|joe|\n" ENVELOPE CONTENT "E\n",
			NEW_ANSWER "c\nc\nc\n",
			"<a@example.org> <b@example.org> ESMTPSA - - localhost Q2 joe;");
	/* macros of one mail are not those of the next */
	assert_dialogue(
		fake,
		NEW SESSION "DMi|Q3|{auth_authen}|joe|{auth_type}|PLAIN|\n" ENVELOPE CONTENT
			    "E\nM<>|\nR<c@example.org>|BODY=8BITMIME|\n" CONTENT "E\nQ\n",
		NEW_ANSWER "c\nc\nc\nc\nc\nc\nclosed",
		"<a@example.org> <b@example.org> ESMTPA helo.example 192.0.2.1 mx.example Q3 joe;"
		"<> <c@example.org> ESMTP helo.example 192.0.2.1 mx.example - -;");
	/* the next session over the same connection knows nothing of the first */
	assert_dialogue(fake, NEW MAIL "K\nCunknown|4^0019192.0.2.2|\n" ENVELOPE CONTENT "E\n",
			NEW_ANSWER "c\nc\nc\nc\nc\nc\n",
			SEEN "<a@example.org> <b@example.org> ESMTP - 192.0.2.2 - - -;");
}

static void
test_recipients(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	assert_dialogue(
		fake,
		NEW SESSION "M<a@example.org>|\nR<small@example.org>|\nR<b@example.org>|\nR<>|\n"
			    "R<c@example.org>|\nR<d@example.org>|\n" CONTENT "E\n",
		NEW_ANSWER "c\ny552 5.3.4 Too large, by 100 %%|\nc\n"
			   "y501 5.1.3 Bad recipient address|\nc\n"
			   "y452 4.5.3 Too many recipients|\nc\n",
		"<a@example.org> <b@example.org> <c@example.org> ESMTP helo.example 192.0.2.1 "
		"mx.example - -;");
	assert_dialogue(
		fake, NEW SESSION "M<a@@b>|\nM<a@example.org>|\nR<small@x>|\n" CONTENT "E\n",
		NEW_ANSWER "y501 5.1.7 Bad sender address|\nc\ny552 5.3.4 Too large, by 100 "
			   "%%|\ny554 5.5.1 No valid recipients|\n",
		"");
	fake->is_busy = TRUE;
	/* 421 would end the session of the MTA's client */
	assert_dialogue(fake, NEW SESSION "M<a@example.org>|\n", NEW_ANSWER "y451 4.3.2 Busy|\n",
			"");
}

static void
test_abort(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	assert_dialogue(fake,
			NEW SESSION "A\n" ENVELOPE "A\n" ENVELOPE CONTENT "A\n" ENVELOPE CONTENT
				    "E\nA\nQ\n",
			NEW_ANSWER "c\nc\nc\nc\nc\nc\nc\nclosed", SEEN);
	/* the connection ends in the middle: the mail is given up */
	assert_dialogue(fake, NEW SESSION ENVELOPE CONTENT, NEW_ANSWER "c\nc\n", "");
}

static void
test_nonsense(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const cases[] = {
		"X\n",						  /* no command */
		"Cmx\n",					  /* a text without its end */
		"Cmx|\n",					  /* without family */
		"Cmx|4^0019\n",					  /* ... or address */
		"H\n",		"M\n",	   "R<b@example.org>|\n", /* out of turn */
		"T\n",		"LX|y|\n", "N\n",
		"Bx\n",		"E\n",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *input = g_strconcat(NEW, cases[i], NULL);
		assert_dialogue(fake, input, NEW_ANSWER "closed", "");
	}
	assert_dialogue(fake, NEW SESSION ENVELOPE "M<c@example.org>|\n", NEW_ANSWER "c\nc\nclosed",
			"");
	assert_dialogue(fake, NEW SESSION ENVELOPE "LX\n", NEW_ANSWER "c\nc\nclosed", "");
	assert_dialogue(fake, NEW SESSION ENVELOPE "N\nLX|y|\n", NEW_ANSWER "c\nc\nclosed", "");
}

static void
test_length(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const guint8 huge[] = { 0x00, 0x10, 0x00, 0x42, 'B' };
	static const guint8 empty[] = { 0, 0, 0, 0, 'Q' };
	g_autoptr(GByteArray) input = g_byte_array_new();
	g_byte_array_append(input, huge, sizeof huge);
	GString *answer = converse(fake, input, 2);
	g_assert_cmpstr(answer->str, ==, "closed");
	(void)g_string_free(answer, TRUE);
	g_byte_array_set_size(input, 0);
	g_byte_array_append(input, empty, sizeof empty);
	answer = converse(fake, input, 2);
	g_assert_cmpstr(answer->str, ==, "closed");
	(void)g_string_free(answer, TRUE);
}

/* Of a mail that is too large the rest need not come. */
static void
test_size(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	fake->intake.size_limit = 30;
	assert_dialogue(fake, NEW SESSION ENVELOPE CONTENT "B12345~\nE\n",
			NEW_ANSWER "c\nc\ny552 5.3.4 Message is larger than this system takes|\n",
			"");
	assert_dialogue(fake,
			"O^0000^0006^0000^01ff^0000^0400\n" SESSION ENVELOPE "N\nB12345~\n"
			"B123456789012345678901234567890~\nE\n",
			"O6 13d 400+\nc\nc\nc\nc\nc\nc\ns\n"
			"y552 5.3.4 Message is larger than this system takes|\n",
			"");
}

/* -- verdicts -- */

static AmEdits *
make_edits(void)
{
	AmEdits *edits = am_edits_new();
	static const struct {
		AmEditOp op;
		const char *name, *value;
	} list[] = {
		{ AM_EDIT_PREPEND, "X-Top", "a b" },
		{ AM_EDIT_REPLACE, "Subject", "void" },
		{ AM_EDIT_REPLACE, "subject", "***SPAM*** x" },
		{ AM_EDIT_DELETE, "X-Old", NULL },
		{ AM_EDIT_APPEND, "X-Last", "1\r\n\t2" },
		{ AM_EDIT_REPLACE, "X-None", "3" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(list); i++)
		g_assert_true(am_edits_add(edits, list[i].op, list[i].name, list[i].value, NULL));
	return edits;
}

static void
test_verdicts(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		int code;
		const char *enhanced, *text, *answer;
	} cases[] = {
		{ 554, "5.7.0", "Virus\nfound, 100 %", "y554 5.7.0 Virus found, 100 %%|\n" },
		{ 451, NULL, "Later", "y451 4.0.0 Later|\n" },
		{ 550, "5.7.1", "", "y550 5.7.1 |\n" },
	};
	g_auto(AmHandback) answer;
	am_handback_init(&answer);
	fake->answer = &answer;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *expected = g_strconcat(NEW_ANSWER "c\nc\n", cases[i].answer, NULL);
		answer.reply = am_reply_new(cases[i].code, cases[i].enhanced, "%s", cases[i].text);
		assert_dialogue(fake, NEW MAIL, expected, SEEN);
		g_clear_pointer(&answer.reply, am_reply_free);
	}
	answer.is_discard = TRUE;
	assert_dialogue(fake, NEW MAIL, NEW_ANSWER "c\nc\nd\n", SEEN);
}

static void
test_changes(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(AmEdits) edits = make_edits();
	g_auto(AmHandback) answer;
	guint first = 0;
	am_handback_init(&answer);
	fake->answer = &answer;
	answer.edits = edits;
	assert_dialogue(fake, NEW MAIL,
			NEW_ANSWER "c\nc\nm1:subject| ***SPAM*** x|\nm2:X-Old||\nm1:X-Old||\n"
				   "hX-None| 3|\ni0:X-Top| a b|\nhX-Last| 1/\t2|\nc\n",
			SEEN);
	/* header changes that are not allowed are left out, for the mail is no worse without them */
	assert_dialogue(fake, "O^0000^0006^0000^0001^0000^0000\n" MAIL,
			"O6 1 0\nc\nc\nc\nc\nc\nc\nc\nc\nc\ni0:X-Top|a b|\nhX-Last|1/\t2|\nc\n",
			SEEN);
	answer.edits = NULL;
	answer.quarantine = g_strdup("on hold");
	g_array_append_val(answer.removed, first);
	g_ptr_array_add(answer.added, g_strdup("new@example.org"));
	assert_dialogue(fake, NEW MAIL,
			NEW_ANSWER "c\nc\n+<new@example.org>|\n-<b@example.org>|\nqon hold|\nc\n",
			SEEN);
}

/* What must not be left out, and the MTA does not let us do. */
static void
test_not_allowed(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *name, *offer, *answer;
		gboolean removes, adds, holds;
	} cases[] = {
		{ "delete", "O^0000^0006^0000^0037^0000^0000\n", "O6 35 0\n", TRUE, FALSE, FALSE },
		{ "add", "O^0000^0006^0000^003b^0000^0000\n", "O6 39 0\n", FALSE, TRUE, FALSE },
		{ "quarantine", "O^0000^0006^0000^001f^0000^0000\n", "O6 1d 0\n", FALSE, FALSE,
		  TRUE },
	};
	guint first = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(AmHandback) answer;
		g_autofree char *input = g_strconcat(cases[i].offer, MAIL, NULL);
		g_autofree char *expected =
			g_strconcat(cases[i].answer, "c\nc\nc\nc\nc\nc\nc\nc\nc\nt\n", NULL);
		am_handback_init(&answer);
		if (cases[i].removes)
			g_array_append_val(answer.removed, first);
		if (cases[i].adds)
			g_ptr_array_add(answer.added, g_strdup("new@example.org"));
		answer.quarantine = cases[i].holds ? g_strdup("on hold") : NULL;
		fake->answer = &answer;
		assert_dialogue(fake, input, expected, SEEN);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_true(am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_ERROR, NULL));
#define SERVER(name, func)                                                                         \
	g_test_add("/milter/" name, Fake, NULL, fake_set_up, func, fake_tear_down)
	SERVER("negotiation", test_negotiation);
	SERVER("mail", test_mail);
	SERVER("envelope", test_envelope);
	SERVER("recipients", test_recipients);
	SERVER("abort", test_abort);
	SERVER("nonsense", test_nonsense);
	SERVER("length", test_length);
	SERVER("size", test_size);
	SERVER("verdicts", test_verdicts);
	SERVER("changes", test_changes);
	SERVER("not-allowed", test_not_allowed);
	return g_test_run();
}
