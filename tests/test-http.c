/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* HTTP: fields, JSON and chunks, and dialogues with the server, cut at every byte. */

#include <config.h>

#include "http/http.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/chunks.h"
#include "http/json.h"
#include "http/request.h"
#include "log/log.h"

#define SIZE_LIMIT 10000

static AmHttpRequest *
new_request(void)
{
	return am_http_request_new(am_spool_new(g_get_tmp_dir(), 1 << 20), SIZE_LIMIT, 3);
}

/* What a request has become: "sender|recipient|..|field=..|message", or "!status field: text". */
static char *
dump(AmHttpRequest *request, gboolean is_json)
{
	const AmEnvelope *e = request->envelope;
	GString *out = g_string_new(NULL);
	if (!am_http_request_finish(request, is_json)) {
		const AmHttpProblem *problem = &request->problem;
		g_assert_cmpuint(problem->status, >=, 400);
		g_string_printf(out, "!%u %s: %s", problem->status,
				problem->field != NULL ? problem->field : "-", problem->text);
		return g_string_free(out, FALSE);
	}
	g_string_append(out, e->sender);
	for (guint i = 0; i < e->recipients->len; i++)
		g_string_append_printf(out, "|%s", ((AmRecipient *)e->recipients->pdata[i])->address);
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "client", e->client_address }, { "name", e->client_name },
		{ "helo", e->helo },		 { "user", e->authenticated },
		{ "queue", e->queue_id },	 { "protocol", e->client_protocol },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
		if (*texts[i].value != '\0')
			g_string_append_printf(out, "|%s=%s", texts[i].name, texts[i].value);
	for (char **bank = e->policy_banks; *bank != NULL; bank++)
		g_string_append_printf(out, "|bank=%s", *bank);
	if (e->smtputf8)
		g_string_append(out, "|utf8");
	char message[SIZE_LIMIT + 1] = { 0 };
	g_assert_cmpint(am_read_at(am_spool_fd(request->spool), message, SIZE_LIMIT, 0, NULL), ==,
			(gssize)am_spool_size(request->spool));
	g_string_append_printf(out, "|%s", message);
	return g_string_free(out, FALSE);
}

/* -- header fields -- */

typedef struct {
	const char *name, *fields; /* "Name: value\n"... */
	const char *expected;
} FieldCase;

static const FieldCase field_cases[] = {
	{ "all",
	  "From: <a@b>\nRcpt: c@d\nRcpt: <e@f>\nIP: 192.0.2.1\nHostname: h\nHelo: x\nUser: u\nQueue-Id: q\n"
	  "Protocol-Name: ESMTP\nPolicy-Bank: A, B\nAccept: */*\n",
	  "a@b|c@d|e@f|client=192.0.2.1|name=h|helo=x|user=u|queue=q|protocol=ESMTP|"
	  "bank=AUTHENTICATED|bank=A|bank=B|m\r\n" },
	{ "other names",
	  "sender: a@b\nRECIPIENT: c@d\nclient-address: 2001:db8::1\nclient-name: h\nhelo-name: x\nauthenticated: u\n",
	  "a@b|c@d|client=2001:db8::1|name=h|helo=x|user=u|bank=AUTHENTICATED|m\r\n" },
	{ "null sender", "From: <>\nRcpt: c@d\n", "|c@d|m\r\n" },
	{ "empty sender", "From: \nRcpt: c@d\n", "|c@d|m\r\n" },
	{ "literal", "From: <>\nRcpt: c@d\nIP: IPv6:2001:db8::1\n", "|c@d|client=2001:db8::1|m\r\n" },
	{ "quoted", "From: \"a b\"@c\nRcpt: c@d\n", "a b@c|c@d|m\r\n" },
	{ "UTF-8", "From: \xc3\xa4@b\nRcpt: c@d\n", "\xc3\xa4@b|c@d|utf8|m\r\n" },
	{ "no sender", "Rcpt: c@d\n", "!400 From: From: missing" },
	{ "no recipient", "From: a@b\n", "!400 Rcpt: Rcpt: missing" },
	{ "null recipient", "From: a@b\nRcpt: <>\n", "!400 Rcpt: Rcpt: no address" },
	{ "two in one", "From: a@b\nRecipient: c@d, e@f\n", "!400 Recipient: Recipient: no address" },
	{ "many", "From: a@b\nRcpt: a@b\nRcpt: a@b\nRcpt: a@b\nRcpt: a@b\n",
	  "!400 Rcpt: Rcpt: more than 3 recipients" },
	{ "twice", "From: a@b\nSender: c@d\nRcpt: a@b\n", "!400 Sender: Sender: given twice" },
	{ "no client", "From: a@b\nRcpt: a@b\nIP: localhost\n", "!400 IP: IP: no address of a host" },
	{ "control", "From: a@b\nRcpt: a@b\nHelo: a\x01" "b\n", "!400 Helo: Helo: not taken" },
	{ "not UTF-8", "From: a@b\nRcpt: a@b\nHelo: \xff\n", "!400 Helo: Helo: not taken" },
	{ "bank", "From: a@b\nRcpt: a@b\nPolicy-Bank: a b\n",
	  "!400 Policy-Bank: Policy-Bank: no list of policy banks" },
	{ "first problem", "From: x y\nRcpt: <\n", "!400 From: From: no address" },
};

static void
test_fields(gconstpointer data)
{
	const FieldCase *item = data;
	g_autoptr(AmHttpRequest) request = new_request();
	g_auto(GStrv) lines = g_strsplit(item->fields, "\n", -1);
	for (char **line = lines; *line != NULL && **line != '\0'; line++) {
		char *colon = strstr(*line, ": ");
		*colon = '\0';
		(void)am_http_request_header(request, *line, colon + 2);
	}
	(void)am_http_request_append(request, "m", 1);
	g_autofree char *found = dump(request, FALSE);
	g_assert_cmpstr(found, ==, item->expected);
}

static void
test_long_fields(void)
{
	g_autoptr(AmHttpRequest) request = new_request();
	g_autofree char *name = g_strnfill(1024, 'x');
	g_autofree char *longer = g_strnfill(1025, 'x');
	g_assert_true(am_http_request_set(request, AM_HTTP_HELO, "Helo", name));
	g_assert_false(am_http_request_set(request, AM_HTTP_QUEUE_ID, "Queue-Id", longer));
	g_assert_cmpuint(request->problem.status, ==, 400);
	g_assert_false(am_http_request_append(request, "m", 1));
}

/* -- messages -- */

static const struct {
	const char *input, *expected;
} line_cases[] = {
	{ "a", "a\r\n" },	     { "a\n", "a\r\n" },     { "a\r\n", "a\r\n" },
	{ "\n\n", "\r\n\r\n" },	     { "a\rb\n", "a\rb\r\n" }, { "a\n\r\nb", "a\r\n\r\nb\r\n" },
	{ "a\r\r\n", "a\r\r\n" },
};

static void
test_lines(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(line_cases); i++)
		for (gsize cut = 0; cut <= strlen(line_cases[i].input); cut++) {
			const char *input = line_cases[i].input;
			g_autoptr(AmHttpRequest) request = new_request();
			(void)am_http_request_header(request, "From", "<>");
			(void)am_http_request_header(request, "Rcpt", "a@b");
			g_assert_true(am_http_request_append(request, input, cut));
			g_assert_true(
				am_http_request_append(request, input + cut, strlen(input) - cut));
			g_autofree char *found = dump(request, FALSE);
			g_assert_cmpstr(found + strlen("|a@b|"), ==, line_cases[i].expected);
		}
}

static void
test_size(void)
{
	g_autofree char *block = g_strnfill(SIZE_LIMIT + 1, 'x');
	g_autoptr(AmHttpRequest) request = new_request();
	g_assert_true(am_http_request_append(request, block, SIZE_LIMIT));
	g_assert_false(am_http_request_append(request, block, 1));
	g_assert_cmpuint(request->problem.status, ==, 413);
}

/* -- JSON -- */

typedef struct {
	const char *name, *input, *expected;
} JsonCase;

#define J "{\"sender\":\"a@b\",\"recipients\":[\"c@d\"],"
#define BAD_JSON(text) "!400 -: JSON: " text
#define BAD_OF(field, text) "!400 " field ": JSON: " text

static const JsonCase json_cases[] = {
	{ "all",
	  " { \"sender\" : \"\" ,\r\n\t\"recipients\":[ \"a@b\" , \"<c@d>\" ],\"client\":\"::1\",\"client_name\":\"n\","
	  "\"helo\":\"h\",\"authenticated\":\"u\",\"queue_id\":\"q\",\"protocol\":\"p\","
	  "\"policy_banks\":[\"A\",\"B\"],\"message\":\"x\" } \n",
	  "|a@b|c@d|client=::1|name=n|helo=h|user=u|queue=q|protocol=p|bank=AUTHENTICATED|bank=A|bank=B|x\r\n" },
	{ "message first", "{\"message\":\"x\\ny\",\"sender\":\"a@b\",\"recipients\":[\"c@d\"]}",
	  "a@b|c@d|x\r\ny\r\n" },
	{ "escapes", J "\"message\":\"\\\"\\\\\\/\\b\\f\\r\\n\\t\\u0041\\u00e4\\u20ac\\ud83d\\ude00\"}",
	  "a@b|c@d|\"\\/\b\f\r\n\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\r\n" },
	{ "base64", J "\"message_base64\":\"U3ViamVjdDog\\r\\neAo=\"}", "a@b|c@d|Subject: x\r\n" },
	{ "base64 of two", J "\"message_base64\":\"YWI=\"}", "a@b|c@d|ab\r\n" },
	{ "no padding", J "\"message_base64\":\"YWI\"}", BAD_OF("message_base64", "base64 is cut short") },
	{ "behind padding", J "\"message_base64\":\"YWI=YWI=\"}",
	  BAD_OF("message_base64", "this is no base64") },
	{ "not base64", J "\"message_base64\":\"Y*I=\"}", BAD_OF("message_base64", "this is no base64") },
	{ "empty", "", BAD_JSON("it ends too early") },
	{ "empty object", "{}", "!400 sender: sender: missing" },
	{ "no message", "{\"sender\":\"\",\"recipients\":[\"a@b\"]}", "!400 message: The message is empty" },
	{ "empty list", "{\"sender\":\"\",\"recipients\":[],\"message\":\"x\"}",
	  "!400 recipients: recipients: missing" },
	{ "cut", "{\"sender\":\"a@b", BAD_JSON("it ends too early") },
	{ "behind", J "\"message\":\"x\"}}", BAD_OF("message", "something unexpected") },
	{ "array", "[]", BAD_JSON("something unexpected") },
	{ "number", "{\"sender\":1}", BAD_OF("sender", "something unexpected") },
	{ "null", "{\"sender\":null}", BAD_OF("sender", "something unexpected") },
	{ "deep", "{\"recipients\":[[[[", BAD_OF("recipients", "something unexpected") },
	{ "object in it", "{\"sender\":{}}", BAD_OF("sender", "something unexpected") },
	{ "comma at the end", "{\"sender\":\"\",}", BAD_JSON("something unexpected") },
	{ "comma in a list", "{\"recipients\":[\"a@b\",]}", BAD_OF("recipients", "something unexpected") },
	{ "no colon", "{\"sender\" \"a\"}", BAD_OF("sender", "a string where none may be") },
	{ "list for text", "{\"sender\":[\"a@b\"]}", BAD_OF("sender", "this member is a string") },
	{ "list of messages", "{\"message\":[\"a\"]}", BAD_OF("message", "this member is a string") },
	{ "text for list", "{\"recipients\":\"a@b\"}",
	  BAD_OF("recipients", "this member is an array of strings") },
	{ "unknown", "{\"colour\":\"red\"}", "!400 colour: JSON: unknown member" },
	{ "twice", "{\"sender\":\"\",\"sender\":\"\"}", BAD_OF("sender", "a member is there twice") },
	{ "list twice", "{\"recipients\":[],\"recipients\":[]}",
	  BAD_OF("recipients", "a member is there twice") },
	{ "two messages", "{\"message\":\"\",\"message_base64\":\"\"}",
	  BAD_OF("message_base64", "the message is there twice") },
	{ "escape", "{\"sender\":\"\\x\"}", BAD_OF("sender", "unknown escape") },
	{ "digits", "{\"sender\":\"\\u00g0\"}",
	  BAD_OF("sender", "\\u wants four hexadecimal digits") },
	{ "NUL", "{\"sender\":\"\\u0000\"}", BAD_OF("sender", "a string is not UTF-8, or holds U+0000") },
	{ "not UTF-8", "{\"sender\":\"\xff\"}", BAD_OF("sender", "a string is not UTF-8, or holds U+0000") },
	{ "control", "{\"sender\":\"a\nb\"}", BAD_OF("sender", "a control character in a string") },
	{ "high alone", "{\"sender\":\"\\ud83dx\"}", BAD_OF("sender", "half of a surrogate pair") },
	{ "high at the end", "{\"sender\":\"\\ud83d\"}", BAD_OF("sender", "half of a surrogate pair") },
	{ "high twice", "{\"sender\":\"\\ud83d\\ud83d\"}", BAD_OF("sender", "half of a surrogate pair") },
	{ "high, escape", "{\"sender\":\"\\ud83d\\n\"}", BAD_OF("sender", "half of a surrogate pair") },
	{ "low alone", "{\"sender\":\"\\ude00\"}", BAD_OF("sender", "half of a surrogate pair") },
	{ "bad address", "{\"sender\":\"a b c\"}", "!400 sender: sender: no address" },
};

static void
json_feed(AmHttpJson *json, const char *data, gsize len)
{
	g_autofree char *exact = g_memdup2(data, len);
	(void)am_http_json_feed(json, exact, len);
}

static void
test_json(gconstpointer data)
{
	const JsonCase *item = data;
	gsize len = strlen(item->input);
	for (gsize cut = 0; cut <= len; cut++) {
		g_autoptr(AmHttpRequest) request = new_request();
		g_autoptr(AmHttpJson) json = am_http_json_new(request);
		json_feed(json, item->input, cut);
		json_feed(json, item->input + cut, len - cut);
		(void)am_http_json_end(json);
		g_autofree char *found = dump(request, TRUE);
		g_assert_cmpstr(found, ==, item->expected);
	}
}

/* Strings around the size of the buffer, in pieces that do not fit it. */
static void
test_json_long(void)
{
	for (gsize len = 4090; len < 4100; len++)
		for (gsize piece = 1000; piece < 1010; piece++) {
			g_autofree char *message = g_strnfill(len, 'x');
			g_autofree char *coded = g_base64_encode((guchar *)message, len);
			g_autofree char *text = g_strconcat(J "\"message_base64\":\"", coded, "\"}", NULL);
			g_autoptr(AmHttpRequest) request = new_request();
			g_autoptr(AmHttpJson) json = am_http_json_new(request);
			for (gsize i = 0; i < strlen(text); i += piece)
				json_feed(json, text + i, MIN(piece, strlen(text) - i));
			g_assert_true(am_http_json_end(json));
			g_autofree char *found = dump(request, TRUE);
			g_autofree char *expected = g_strconcat("a@b|c@d|", message, "\r\n", NULL);
			g_assert_cmpstr(found, ==, expected);
		}
	g_autofree char *name = g_strnfill(5000, 'x');
	g_autofree char *text = g_strconcat("{\"", name, NULL);
	g_autoptr(AmHttpRequest) request = new_request();
	g_autoptr(AmHttpJson) json = am_http_json_new(request);
	g_assert_false(am_http_json_feed(json, text, strlen(text)));
	g_assert_cmpstr(request->problem.text, ==, "JSON: a string is too long");
}

/* -- chunks -- */

static const struct {
	const char *input;
	AmChunksState state;
	gsize left; /* behind the body */
} chunk_cases[] = {
	{ "0\r\n\r\n", AM_CHUNKS_DONE, 0 },
	{ "3\r\nabc\r\n0\r\n\r\nGET", AM_CHUNKS_DONE, 3 },
	{ "A\r\n0123456789\r\n000\r\n\r\n", AM_CHUNKS_DONE, 0 },
	{ "1;a=b\r\nx\r\n0 ;c\r\nX: y\r\nZ: 1\r\n\r\nG", AM_CHUNKS_DONE, 1 },
	{ "3\r\nab", AM_CHUNKS_DATA, 0 },
	{ "3\r\nabcd", AM_CHUNKS_BAD, 1 },
	{ "3\nabc", AM_CHUNKS_BAD, 4 },
	{ "\r\n", AM_CHUNKS_BAD, 2 },
	{ "-3\r\n", AM_CHUNKS_BAD, 4 },
	{ "0x3\r\n", AM_CHUNKS_BAD, 4 },
	{ "3\r\nabc\n", AM_CHUNKS_BAD, 1 },
	{ "0\r\nX: y\nZ", AM_CHUNKS_BAD, 2 },
	{ "0\r\n\rX", AM_CHUNKS_BAD, 1 },
	{ "fffffffffffffff\r\nx", AM_CHUNKS_DATA, 0 },
	{ "1fffffffffffffff\r\nx", AM_CHUNKS_BAD, 4 },
};

static void
test_chunks(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(chunk_cases); i++) {
		const guint8 *input = (const guint8 *)chunk_cases[i].input;
		gsize len = strlen(chunk_cases[i].input);
		for (gsize cut = 0; cut <= len; cut++) {
			AmChunks chunks = { 0 };
			gsize used = am_chunks_feed(&chunks, input, cut);
			if (used == cut)
				used += am_chunks_feed(&chunks, input + cut, len - cut);
			g_assert_cmpint(chunks.state, ==, chunk_cases[i].state);
			g_assert_cmpuint(len - used, ==, chunk_cases[i].left);
		}
	}
	g_autofree char *line = g_strnfill(9000, 'x');
	AmChunks chunks = { 0 };
	(void)am_chunks_feed(&chunks, (const guint8 *)"1;", 2);
	(void)am_chunks_feed(&chunks, (const guint8 *)line, 9000);
	g_assert_cmpint(chunks.state, ==, AM_CHUNKS_BAD);
}

#ifdef HAVE_HTTP

/* -- dialogues -- */

typedef struct {
	AmHttpConfig config;
	AmReply *busy;	 /* what on_begin() says */
	gboolean is_sick; /* for on_ready() */
	gboolean is_tempfail;
	GString *seen;
	guint begun, ended;
} Fake;

static AmReply *
fake_begin(gpointer user)
{
	Fake *fake = user;
	fake->begun += fake->busy == NULL;
	return am_reply_copy(fake->busy);
}

static void
fake_abandon(gpointer user)
{
	((Fake *)user)->ended++;
}

static char *
fake_mail(gpointer user, AmMail *mail, gboolean is_trial, gboolean *is_tempfail)
{
	Fake *fake = user;
	g_string_append_printf(fake->seen, "%s %s %u %" G_GUINT64_FORMAT " %s;",
			       is_trial ? "try" : "check", mail->envelope->sender,
			       mail->envelope->recipients->len, am_spool_size(mail->spool),
			       mail->envelope->policy_banks[0]);
	g_assert_cmpstr(mail->envelope->protocol, ==, "HTTP");
	*is_tempfail = fake->is_tempfail;
	fake->ended++;
	am_mail_free(mail);
	return g_strdup("{}");
}

static guint
fake_ready(gpointer user, AmHttpState *states)
{
	const Fake *fake = user;
	states[0] = (AmHttpState){ .name = "one", .is_well = TRUE };
	states[1] = (AmHttpState){ .name = "two",
				   .is_well = !fake->is_sick,
				   .detail = g_strdup("why") };
	return 2;
}

static const AmHttpOps fake_ops = {
	.on_begin = fake_begin,
	.on_abandon = fake_abandon,
	.on_mail = fake_mail,
	.on_ready = fake_ready,
};

static void
fake_set_up(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const banks[] = { "OWN", NULL };
	fake->seen = g_string_new(NULL);
	fake->config = (AmHttpConfig){ .intake.spool_directory = g_get_tmp_dir(),
				       .intake.spool_memory = 1 << 20,
				       .intake.size_limit = SIZE_LIMIT,
				       .intake.recipient_limit = 3,
				       .intake.listener = "http",
				       .receive_us = G_USEC_PER_SEC,
				       .intake.policy_banks = banks };
}

static void
fake_tear_down(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	g_assert_cmpuint(fake->begun, ==, fake->ended);
	(void)g_string_free(fake->seen, TRUE);
	am_reply_free(fake->busy);
}

static AmServerStep
drive(AmHttpServer *server, int peer, const char *input, gsize len, GString *out)
{
	char buffer[4096];
	gssize n;
	AmServerStep step;
	if (len > 0 && send(peer, input, len, MSG_NOSIGNAL) < 0)
		return AM_SERVER_CLOSE;
	guint n_steps = 0;
	do {
		g_assert_cmpuint(n_steps++, <, 1000);
		step = am_http_server_kind.step(server);
	} while (step == AM_SERVER_YIELD);
	while ((n = recv(peer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
		g_string_append_len(out, buffer, n);
	return step;
}

/* The answers' status codes, "..." behind the last when the connection stays, and what was checked.
 * *text, when wanted, is all that was answered. */
static char *
converse(Fake *fake, const char *input, gsize cut, char **text)
{
	int fds[2];
	g_autoptr(GString) out = g_string_new(NULL);
	GString *found = g_string_new(NULL);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	AmHttpServer *server =
		am_http_server_new(am_stream_new(fds[0]), &fake->config, &fake_ops, fake);
	g_string_truncate(fake->seen, 0);
	g_assert_true(am_http_server_kind.is_idle(server));
	AmServerStep step = drive(server, fds[1], input, cut, out);
	if (step != AM_SERVER_CLOSE)
		step = drive(server, fds[1], input + cut, strlen(input) - cut, out);
	for (const char *p = out->str; (p = strstr(p, "HTTP/1.")) != NULL; p += 12)
		g_string_append_printf(found, "%.3s ", p + 9);
	if (step != AM_SERVER_CLOSE)
		g_string_append(found, "... ");
	(void)shutdown(fds[1], SHUT_WR);
	if (step != AM_SERVER_CLOSE)
		(void)drive(server, fds[1], NULL, 0, out);
	am_http_server_kind.free(server);
	(void)close(fds[1]);
	g_string_append(found, fake->seen->str);
	if (text != NULL)
		*text = g_strdup(out->str);
	return g_string_free(found, FALSE);
}

typedef struct {
	const char *name, *input, *expected;
} DialogueCase;

#define POST "POST /check HTTP/1.1\r\nHost: x\r\nFrom: a@b\r\nRcpt: c@d\r\n"
#define LIVE "GET /live HTTP/1.1\r\nHost: x\r\n\r\n"
#define JSON_HEAD "POST /scan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

static const DialogueCase dialogue_cases[] = {
	{ "live", LIVE, "200 ... " },
	{ "ready", "GET /ready?x=y HTTP/1.1\r\nHost: x\r\n\r\n", "200 ... " },
	{ "head", "HEAD /live HTTP/1.1\r\nHost: x\r\n\r\n", "200 ... " },
	{ "empty lines in front", "\r\n\r\n" LIVE, "200 ... " },
	{ "old", "GET /live HTTP/1.0\r\n\r\n", "200 " },
	{ "part of it", "GET /live HTTP/1.1\r\nRange: bytes=1-2\r\nHost: x\r\n\r\n", "200 ... " },
	{ "close", "GET /live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" LIVE, "200 " },
	{ "three ahead", LIVE LIVE LIVE, "200 200 200 ... " },
	{ "mail", POST "Content-Length: 3\r\n\r\na\r\n", "200 ... check a@b 1 3 OWN;" },
	{ "mail and more", POST "Content-Length: 3\r\n\r\na\r\n" LIVE, "200 200 ... check a@b 1 3 OWN;" },
	{ "chunks and more", POST "Transfer-Encoding: chunked\r\n\r\n2\r\na\r\r\n1\r\n\n\r\n0\r\n\r\n" LIVE,
	  "200 200 ... check a@b 1 3 OWN;" },
	{ "body with lines", POST "Content-Length: 12\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n" LIVE,
	  "200 200 ... check a@b 1 12 OWN;" },
	{ "JSON", JSON_HEAD "Content-Length: 52\r\n\r\n"
	  "{\"sender\":\"a@b\",\"recipients\":[\"c@d\"],\"message\":\"x\"} ", "200 ... try a@b 1 3 OWN;" },
	{ "bad JSON", JSON_HEAD "Content-Length: 2\r\n\r\n[]" LIVE, "400 200 ... " },
	{ "no sender", "POST /check HTTP/1.1\r\nHost: x\r\nRcpt: c@d\r\nContent-Length: 1\r\n\r\nx",
	  "400 ... " },
	{ "bad recipient", POST "Rcpt: x y\r\nContent-Length: 1\r\n\r\nx" LIVE, "400 " },
	{ "declared large", POST "Content-Length: 10001\r\n\r\n", "... " },
	{ "asks first", POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\na\r\n",
	  "100 200 ... check a@b 1 3 OWN;" },
	{ "asks first, large", POST "Expect: 100-continue\r\nContent-Length: 10001\r\n\r\n", "413 " },
	{ "empty", POST "Content-Length: 0\r\n\r\n" LIVE, "400 200 ... " },
	{ "no length", POST "\r\n" LIVE, "400 200 ... " },
	{ "two lengths", POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "400 " },
	{ "length and chunks", POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 " },
	{ "malformed chunks", POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" LIVE, "400 " },
	{ "cut", POST "Content-Length: 3\r\n\r\na\r", "... " },
	{ "method", "PUT /check HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "405 " },
	{ "method without body", "GET /scan HTTP/1.1\r\nHost: x\r\n\r\n" LIVE, "405 200 ... " },
	{ "path", "GET /livex HTTP/1.1\r\nHost: x\r\n\r\n", "404 ... " },
	{ "path below", "GET /live/x HTTP/1.1\r\nHost: x\r\n\r\n", "404 ... " },
	{ "no host", "GET /live HTTP/1.1\r\n\r\n", "400 " },
	{ "coded", POST "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "415 " },
	{ "form", POST "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1\r\n\r\nx", "415 " },
};

static void
test_dialogue(Fake *fake, gconstpointer data)
{
	const DialogueCase *item = data;
	gsize len = strlen(item->input);
	for (gsize cut = 0; cut <= len; cut++) {
		g_autofree char *found = converse(fake, item->input, cut, NULL);
		g_assert_cmpstr(found, ==, item->expected);
	}
}

static void
test_ready(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *text = NULL;
	fake->is_sick = TRUE;
	g_autofree char *found =
		converse(fake, "GET /ready HTTP/1.1\r\nHost: x\r\n\r\n", 0, &text);
	g_assert_cmpstr(found, ==, "503 ... ");
	g_assert_nonnull(strstr(text, "{\"status\":\"not ready\",\"checks\":[{\"name\":\"one\",\"ok\":true},"
				      "{\"name\":\"two\",\"ok\":false,\"detail\":\"why\"}]}"));
	g_assert_nonnull(strstr(text, "Retry-After: 10\r\n"));
}

static void
test_secret(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *field, *expected;
	} cases[] = {
		{ "", "401 " },
		{ "Authorization: Bearer toke\r\n", "401 " },
		{ "Authorization: Bearer tokenx\r\n", "401 " },
		{ "Authorization: Basic token\r\n", "401 " },
		{ "Authorization: bearer token\r\n", "200 ... check a@b 1 3 OWN;" },
	};
	fake->config.secret = "token";
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *input = g_strconcat(POST "Content-Length: 1\r\n", cases[i].field,
						     "\r\nx", NULL);
		g_autofree char *found = converse(fake, input, 0, NULL);
		g_assert_cmpstr(found, ==, cases[i].expected);
	}
	g_autofree char *found = converse(fake, LIVE, 0, NULL);
	g_assert_cmpstr(found, ==, "200 ... ");
}

static void
test_busy(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const char input[] = POST "Content-Length: 1\r\n\r\nx";
	fake->busy = am_reply_new(421, "4.3.2", "too much");
	g_autofree char *busy = converse(fake, input, 0, NULL);
	g_assert_cmpstr(busy, ==, "503 ");
	am_reply_free(fake->busy);
	fake->busy = am_reply_new(421, "4.7.0", "too often");
	g_autofree char *text = NULL;
	g_autofree char *often = converse(fake, input, 0, &text);
	g_assert_cmpstr(often, ==, "429 ");
	g_assert_nonnull(strstr(text, "HTTP/1.1 429 Too Many Requests\r\n"));
	g_clear_pointer(&fake->busy, am_reply_free);
	fake->is_tempfail = TRUE;
	g_autofree char *late = converse(fake, input, 0, NULL);
	g_assert_cmpstr(late, ==, "503 ... check a@b 1 3 OWN;");
}

/* More than is taken: refused when it is declared, or when it has come. */
static void
test_large(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const heads[] = { POST "Content-Length: 9000000\r\n\r\n",
					     POST "Transfer-Encoding: chunked\r\n\r\n800000\r\n",
					     "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" };
	g_autofree char *block = g_strnfill(65536, 'x');
	for (gsize i = 0; i < G_N_ELEMENTS(heads); i++) {
		int fds[2];
		guint n = 0;
		g_autoptr(GString) out = g_string_new(NULL);
		g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
		AmHttpServer *server = am_http_server_new(am_stream_new(fds[0]), &fake->config,
							  &fake_ops, fake);
		AmServerStep step = drive(server, fds[1], heads[i], strlen(heads[i]), out);
		for (; step != AM_SERVER_CLOSE && n < 100; n++)
			step = drive(server, fds[1], block, 65536, out);
		g_assert_cmpuint(n, <, 20);
		g_assert_true(g_str_has_prefix(out->str, i == 2 ? "HTTP/1.1 404 " : "HTTP/1.1 413 "));
		g_assert_null(strstr(out->str + 9, "HTTP/1"));
		am_http_server_kind.free(server);
		(void)close(fds[1]);
	}
	g_autoptr(GString) head = g_string_new("GET /live HTTP/1.1\r\nX: ");
	for (guint i = 0; i < 70000; i++)
		g_string_append_c(head, 'x');
	g_autofree char *found = converse(fake, head->str, 100, NULL);
	g_assert_cmpstr(found, ==, "431 ");
}

/* The session has had enough, at any point. */
static void
test_shut(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const char input[] = POST "Transfer-Encoding: chunked\r\n\r\n2\r\na";
	for (gsize cut = 0; cut < strlen(input); cut++) {
		int fds[2];
		char buffer[4096] = { 0 };
		g_autoptr(GString) out = g_string_new(NULL);
		g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
		AmHttpServer *server = am_http_server_new(am_stream_new(fds[0]), &fake->config,
							  &fake_ops, fake);
		g_assert_cmpint(drive(server, fds[1], input, cut, out), ==, AM_SERVER_WAIT_INPUT);
		g_assert_cmpint(am_http_server_kind.is_idle(server), ==, cut == 0);
		g_assert_cmpint(am_http_server_kind.end_us(server), <, G_MAXINT64);
		am_http_server_kind.shut(server, cut % 2 != 0 ? "4.3.2" : "4.4.2", "bye");
		(void)recv(fds[1], buffer, sizeof buffer - 1, MSG_DONTWAIT);
		if (cut == 0)
			g_assert_cmpstr(buffer, ==, "");
		else
			g_assert_true(g_str_has_prefix(buffer, cut % 2 != 0 ? "HTTP/1.1 503 "
									    : "HTTP/1.1 408 "));
		am_http_server_kind.free(server);
		(void)close(fds[1]);
	}
}

static void
add_dialogues(void)
{
	static const struct {
		const char *path;
		void (*func)(Fake *fake, gconstpointer data);
	} tests[] = {
		{ "/http/ready", test_ready }, { "/http/secret", test_secret },
		{ "/http/busy", test_busy },   { "/http/large", test_large },
		{ "/http/shut", test_shut },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(dialogue_cases); i++) {
		g_autofree char *path = g_strconcat("/http/dialogue/", dialogue_cases[i].name, NULL);
		g_test_add(path, Fake, &dialogue_cases[i], fake_set_up, test_dialogue,
			   fake_tear_down);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, Fake, NULL, fake_set_up, tests[i].func, fake_tear_down);
}

#else

static void
add_dialogues(void)
{
}

#endif

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_true(am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_ERROR, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(field_cases); i++) {
		g_autofree char *path = g_strconcat("/http/fields/", field_cases[i].name, NULL);
		g_test_add_data_func(path, &field_cases[i], test_fields);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(json_cases); i++) {
		g_autofree char *path = g_strconcat("/http/json/", json_cases[i].name, NULL);
		g_test_add_data_func(path, &json_cases[i], test_json);
	}
	g_test_add_func("/http/long-fields", test_long_fields);
	g_test_add_func("/http/lines", test_lines);
	g_test_add_func("/http/size", test_size);
	g_test_add_func("/http/json-long", test_json_long);
	g_test_add_func("/http/chunks", test_chunks);
	add_dialogues();
	return g_test_run();
}
