/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* AM.PDP: the parser, the files of clients, and dialogues with the server, cut at every byte. */

#include <config.h>

#include "ampdp/ampdp.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ampdp/attributes.h"
#include "ampdp/mail-file.h"
#include "log/log.h"

#define MAIL "Subject: x\nFrom: a@example.org\n\nhello\n"

/* -- the parser -- */

typedef struct {
	const char *name, *input;
	const char *expected; /* "name>value|", "#" one request, "!n" n malformed lines */
} ParserCase;

static const ParserCase parser_cases[] = {
	{ "plain", "request=AM.PDP\r\nsender=<a@b>\r\n\r\n", "request>AM.PDP|sender><a@b>|#" },
	{ "bare LF", "a=1\nb=2\n\n", "a>1|b>2|#" },
	{ "colon", "a: 1\r\nb:\t 2\r\nc:3\r\n\r\n", "a>1|b>2|c>3|#" },
	{ "encoded", "a%20b=%41%0a%0D%25\r\n\r\n", "a b>A\n\r%|#" },
	{ "not encoded", "a=%\r\nb=%4\r\nc=%zz\r\nd=100%\r\n\r\n", "a>%|b>%4|c>%zz|d>100%|#" },
	{ "equals in value", "a=b=c:d\r\n\r\n", "a>b=c:d|#" },
	{ "empty value", "a=\r\n\r\n", "a>|#" },
	{ "malformed", "nothing\r\n=x\r\na=1\r\n\r\n", "a>1|!2#" },
	{ "NUL", "a=%00x\r\nb=1\r\n\r\n", "b>1|!1#" },
	{ "only malformed", "nothing\r\n\r\n", "!1#" },
	{ "two requests", "a=1\r\n\r\nb=2\r\n\r\n", "a>1|#b>2|#" },
	{ "empty lines in front", "\r\n\n\r\na=1\r\n\r\n\r\n", "a>1|#" },
	{ "CR in a line", "a=1\r2\r\n\r\n", "a>1\r2|#" },
	{ "not whole", "a=1\r\nb", "" },
};

static void
append_request(GString *out, const AmPdpRequest *request)
{
	for (guint i = 0; i < request->attributes->len; i++) {
		const AmPdpAttribute *one = &g_array_index(request->attributes, AmPdpAttribute, i);
		g_string_append_printf(out, "%s>%s|", one->name, one->value);
	}
	if (request->n_malformed > 0)
		g_string_append_printf(out, "!%u", request->n_malformed);
	g_string_append_c(out, '#');
}

static void
parse(AmPdpRequest *request, const char *data, gsize len, GString *out)
{
	while (len > 0) {
		gsize used;
		AmPdpStep step = am_pdp_request_feed(request, (const guint8 *)data, len, &used);
		g_assert_true(step != AM_PDP_LARGE);
		if (step == AM_PDP_DONE) {
			append_request(out, request);
			am_pdp_request_reset(request);
			g_assert_true(am_pdp_request_is_empty(request));
		}
		data += used;
		len -= used;
	}
}

static void
test_parser(gconstpointer data)
{
	const ParserCase *item = data;
	gsize len = strlen(item->input);
	for (gsize cut = 0; cut <= len; cut++) {
		AmPdpRequest request;
		g_autoptr(GString) out = g_string_new(NULL);
		am_pdp_request_init(&request);
		parse(&request, item->input, cut, out);
		parse(&request, item->input + cut, len - cut, out);
		g_assert_cmpstr(out->str, ==, item->expected);
		am_pdp_request_clear(&request);
	}
}

static void
test_limits(void)
{
	AmPdpRequest request;
	gsize used;
	AmPdpStep step = AM_PDP_MORE;
	g_autofree char *block = g_strnfill(1 << 20, 'x');
	am_pdp_request_init(&request);
	for (guint i = 0; i < 8; i++)
		g_assert_cmpint(am_pdp_request_feed(&request, (const guint8 *)block, 1 << 20, &used), ==,
				AM_PDP_MORE);
	g_assert_cmpint(am_pdp_request_feed(&request, (const guint8 *)block, 1, &used), ==,
			AM_PDP_LARGE);
	am_pdp_request_reset(&request);
	for (guint i = 0; i <= AM_PDP_MAX_ATTRIBUTES; i++) {
		g_assert_cmpint(step, ==, AM_PDP_MORE);
		step = am_pdp_request_feed(&request, (const guint8 *)"a=\n", 3, &used);
	}
	g_assert_cmpint(step, ==, AM_PDP_LARGE);
	am_pdp_request_clear(&request);
}

static void
test_encode(void)
{
	g_autoptr(GString) out = g_string_new(NULL);
	am_pdp_say(out, "chgheader", "1", "Subject", "a b%\n\tc=\xc3\xa4", NULL);
	g_assert_cmpstr(out->str, ==, "chgheader=1 Subject a%20b%25%0a%09c=%c3%a4\r\n");
}

/* -- files -- */

typedef struct {
	char *dir, *outside; /* allowed; not */
	const char *allowed[2];
	AmPdpFiles files;
} Files;

static char *
write_file(const char *dir, const char *name, const char *text, gssize len)
{
	char *path = g_build_filename(dir, name, NULL);
	g_assert_true(g_file_set_contents(path, text, len, NULL));
	return path;
}

static void
files_set_up(Files *f, gconstpointer data G_GNUC_UNUSED)
{
	f->dir = g_dir_make_tmp("ampdp-XXXXXX", NULL);
	f->outside = g_strconcat(f->dir, "-outside", NULL);
	g_assert_cmpint(g_mkdir(f->outside, 0700), ==, 0);
	f->allowed[0] = f->dir;
	f->files = (AmPdpFiles){ .directories = f->allowed,
				 .peer = geteuid(),
				 .spool_directory = g_get_tmp_dir(),
				 .spool_memory = 1 << 20 };
}

static void
files_tear_down(Files *f, gconstpointer data G_GNUC_UNUSED)
{
	const char *const argv[] = { "rm", "-rf", f->dir, f->outside, NULL };
	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
				   NULL, NULL, NULL));
	g_free(f->dir);
	g_free(f->outside);
}

static char *
spool_text(const AmSpool *spool)
{
	gsize size = am_spool_size(spool);
	char *text = g_malloc0(size + 1);
	g_assert_cmpint(am_read_at(am_spool_fd(spool), text, size, 0, NULL), ==, (gssize)size);
	return text;
}

/* The copy's text, or "PROTOCOL" and the like. */
static char *
copy_of(Files *f, const char *path)
{
	gboolean is_full;
	g_autoptr(GError) error = NULL;
	g_autoptr(AmSpool) spool = am_pdp_files_copy(&f->files, path, &is_full, &error);
	if (spool != NULL)
		return spool_text(spool);
	g_assert_false(is_full);
	g_assert_true(error->domain == AM_ERROR);
	return g_strdup(error->code == AM_ERROR_PROTOCOL   ? "PROTOCOL"
			: error->code == AM_ERROR_LIMIT    ? "LIMIT"
			: error->code == AM_ERROR_RESOURCE ? "RESOURCE"
							   : error->message);
}

static void
assert_copy(Files *f, const char *path, const char *expected)
{
	g_autofree char *text = copy_of(f, path);
	g_assert_cmpstr(text, ==, expected);
}

static void
test_line_ends(Files *f, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *file, *kept, *normalised;
	} cases[] = {
		{ "a\nb\n", "a\r\nb\r\n", "a\r\nb\r\n" },
		{ "a\r\nb\n\nc", "a\r\nb\r\n\r\nc", "a\r\nb\r\n\r\nc" },
		{ "a\rb\r\r\nc\r", "a\rb\r\r\nc\r", "a\r\nb\r\n\r\nc\r\n" },
		{ "\n", "\r\n", "\r\n" },
		{ "", "", "" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = write_file(f->dir, "mail", cases[i].file, -1);
		f->files.is_normalised = FALSE;
		assert_copy(f, path, cases[i].kept);
		f->files.is_normalised = TRUE;
		assert_copy(f, path, cases[i].normalised);
	}
	/* a line end across two chunks */
	for (gsize at = 65534; at <= 65537; at++) {
		g_autofree char *text = g_strnfill(at, 'x');
		g_autofree char *in = g_strconcat(text, "\r\ny\r", NULL);
		g_autofree char *path = write_file(f->dir, "mail", in, -1);
		f->files.is_normalised = FALSE;
		assert_copy(f, path, in);
	}
}

static void
test_confined(Files *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *secret = write_file(f->outside, "secret", "s\n", -1);
	g_autofree char *mail = write_file(f->dir, "mail", "m\n", -1);
	g_autofree char *link = g_build_filename(f->dir, "link", NULL);
	g_autofree char *folder = g_build_filename(f->dir, "folder", NULL);
	g_autofree char *by_folder = g_build_filename(folder, "secret", NULL);
	g_autofree char *fifo = g_build_filename(f->dir, "fifo", NULL);
	g_autofree char *base = g_path_get_basename(f->outside);
	g_autofree char *dots = g_strconcat(f->dir, "/../", base, "/secret", NULL);
	g_autofree char *double_slash = g_strconcat(f->dir, "//mail", NULL);
	g_autofree char *inner_dots = g_strconcat(f->dir, "/x/../mail", NULL);
	g_autofree char *inner = g_build_filename(f->dir, "x", NULL);
	g_assert_cmpint(symlink(secret, link), ==, 0);
	g_assert_cmpint(symlink(f->outside, folder), ==, 0);
	g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
	g_assert_cmpint(g_mkdir(inner, 0700), ==, 0);
	assert_copy(f, mail, "m\r\n");
	assert_copy(f, double_slash, "m\r\n");
	assert_copy(f, inner_dots, "m\r\n");
	const char *const bad[] = { secret, link, by_folder, fifo, dots, f->dir, "mail", "", "/",
				    "/etc/passwd" };
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_copy(f, bad[i], "PROTOCOL");
	f->files.directories = NULL;
	assert_copy(f, mail, "PROTOCOL");
}

static void
test_owner(Files *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *mail = write_file(f->dir, "mail", "m\n", -1);
	f->files.peer = (uid_t)-1; /* not known: what is ours may be named */
	assert_copy(f, mail, "m\r\n");
	if (geteuid() != 0) {
		g_test_skip("needs root");
		return;
	}
	g_assert_cmpint(chown(mail, 4711, -1), ==, 0);
	assert_copy(f, mail, "PROTOCOL");
	f->files.peer = 4712;
	assert_copy(f, mail, "PROTOCOL");
	f->files.peer = 4711;
	assert_copy(f, mail, "m\r\n");
	f->files.peer = 0;
	assert_copy(f, mail, "m\r\n");
}

static void
test_size_and_gzip(Files *f, gconstpointer data G_GNUC_UNUSED)
{
	/* printf 'hello\nworld\n' | gzip -n */
	static const char packed[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7"
				     "\x2a\xcf\x2f\xca\x49\xe1\x02\x00\xff\x5d\xc5\xc4\x0c\x00\x00\x00";
	g_autofree char *mail = write_file(f->dir, "mail", "0123456\n", -1);
	g_autofree char *gz = write_file(f->dir, "mail.gz", packed, sizeof packed - 1);
	g_autofree char *cut = write_file(f->dir, "cut.gz", packed, 20);
	g_autofree char *bad = write_file(f->dir, "bad.gz", "hello", 5);
	g_autofree char *empty = write_file(f->dir, "empty.gz", "", 0);
	f->files.size_limit = 9;
	assert_copy(f, mail, "0123456\r\n");
	f->files.size_limit = 8;
	assert_copy(f, mail, "LIMIT");
	assert_copy(f, gz, "LIMIT");
	f->files.size_limit = 0;
	assert_copy(f, gz, "hello\r\nworld\r\n");
	assert_copy(f, cut, "PROTOCOL");
	assert_copy(f, bad, "PROTOCOL");
	assert_copy(f, empty, "PROTOCOL");
}

static void
test_remove(Files *f, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *tempdir = g_build_filename(f->dir, "t", NULL);
	g_assert_cmpint(g_mkdir(tempdir, 0700), ==, 0);
	g_autofree char *mail = write_file(tempdir, "email.txt", "m\n", -1);
	g_autofree char *other = write_file(f->dir, "other", "m\n", -1);
	g_autofree char *outside = write_file(f->outside, "mail", "m\n", -1);
	/* another's folder is not emptied, what lies elsewhere is not removed */
	g_assert_false(am_pdp_files_remove(&f->files, outside, f->outside, &error));
	g_clear_error(&error);
	g_assert_false(am_pdp_files_remove(&f->files, other, tempdir, &error));
	g_clear_error(&error);
	g_assert_true(g_file_test(other, G_FILE_TEST_EXISTS));
	g_assert_true(g_file_test(mail, G_FILE_TEST_EXISTS));
	g_assert_true(am_pdp_files_remove(&f->files, mail, tempdir, &error));
	g_assert_no_error(error);
	g_assert_false(g_file_test(tempdir, G_FILE_TEST_EXISTS));
	g_assert_true(g_file_test(outside, G_FILE_TEST_EXISTS));
	/* gone already */
	g_assert_false(am_pdp_files_remove(&f->files, mail, tempdir, &error));
}

/* -- dialogues -- */

typedef struct {
	Files files;
	char *mail; /* path */
	AmPdpConfig config;
	gboolean is_busy;
	int begun, ended;
	GString *seen; /* what the pipeline got */
	AmEdits *edits;
	AmMail *current;
	enum { SAY_CONTINUE, SAY_REJECT, SAY_TEMPFAIL, SAY_DISCARD, SAY_CHANGES } say;
} Fake;

static AmReply *
fake_recipient(gpointer user G_GNUC_UNUSED, const AmEnvelope *envelope, const AmRecipient *recipient)
{
	g_assert_cmpint(envelope->declared_size, >, 0);
	return g_str_has_prefix(recipient->address, "small@")
		       ? am_reply_new(552, "5.3.4", "Too large")
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
fake_see(Fake *fake, const AmMail *mail)
{
	const AmEnvelope *e = mail->envelope;
	g_autofree char *text = spool_text(mail->spool);
	g_autofree char *banks = g_strjoinv("+", e->policy_banks);
	g_assert_cmpstr(text, ==, "Subject: x\r\nFrom: a@example.org\r\n\r\nhello\r\n");
	g_assert_cmpstr(e->listener, ==, "pdp");
	g_string_append_printf(fake->seen, "<%s>", e->sender);
	for (guint i = 0; i < e->recipients->len; i++)
		g_string_append_printf(fake->seen, " <%s>",
				       ((AmRecipient *)e->recipients->pdata[i])->address);
	if (e->client_port != 0 || *e->client_source != '\0')
		g_string_append_printf(fake->seen, " %u/%s", e->client_port, e->client_source);
	g_string_append_printf(fake->seen, " %s %s %s %s %s %s;", e->protocol, e->helo,
			       e->client_address, e->client_name, e->queue_id, banks);
}

static void
fake_mail(gpointer user, AmMail *mail, AmHandback *handback)
{
	Fake *fake = user;
	guint second = 1;
	fake_see(fake, mail);
	fake->current = mail;
	if (fake->say == SAY_REJECT)
		handback->reply = am_reply_new(554, "5.7.0", "Virus\nfound");
	else if (fake->say == SAY_TEMPFAIL)
		handback->reply = am_reply_new(451, NULL, "Later");
	handback->is_discard = fake->say == SAY_DISCARD;
	if (fake->say != SAY_CHANGES)
		return;
	mail->report = am_report_new();
	am_report_add_field(mail->report, "Subject", 7, 0, 9, 12);
	am_report_add_field(mail->report, "X-Old", 5, 0, 9, 12);
	am_report_add_field(mail->report, "x-old", 5, 0, 9, 12);
	g_array_append_val(handback->removed, second);
	g_ptr_array_add(handback->added, g_strdup("new@example.org"));
	handback->quarantine = g_strdup("on hold");
	handback->edits = fake->edits;
}

static void
fake_done(gpointer user)
{
	Fake *fake = user;
	g_clear_pointer(&fake->current, am_mail_free);
	fake->ended++;
}

static GPtrArray *
fake_replies(AmReply *reply)
{
	GPtrArray *replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	g_ptr_array_add(replies, reply);
	return replies;
}

static GPtrArray *
fake_deliver(gpointer user, AmMail *mail)
{
	Fake *fake = user;
	g_string_append(fake->seen, "ours:");
	fake_see(fake, mail);
	am_mail_free(mail);
	fake->ended++;
	return fake_replies(fake->say == SAY_CONTINUE
				    ? am_reply_new(250, "2.0.0", "queued as 1")
				    : am_reply_new(451, "4.4.1", "no next hop"));
}

static GPtrArray *
fake_release(gpointer user, const AmReleaseRequest *r)
{
	Fake *fake = user;
	g_string_append_printf(fake->seen, "%d %s %s secret=%s%s from=%s by=%s", (int)r->kind, r->ids[0],
			       r->ids[1] != NULL ? r->ids[1] : "-",
			       r->secret != NULL ? r->secret : "-", r->needs_secret ? "!" : "",
			       r->sender != NULL ? r->sender : "-",
			       r->requested_by != NULL ? r->requested_by : "-");
	for (const char *const *one = r->recipients; *one != NULL; one++)
		g_string_append_printf(fake->seen, " %s", *one);
	g_string_append_c(fake->seen, ';');
	GPtrArray *replies = fake_replies(am_reply_new(250, "2.0.0", "one"));
	g_ptr_array_add(replies, am_reply_new(550, "5.1.1", "two"));
	return replies;
}

static const AmHandbackOps fake_check = {
	.on_recipient = fake_recipient,
	.on_begin = fake_begin,
	.on_abandon = fake_abandon,
	.on_mail = fake_mail,
	.on_done = fake_done,
};

static const AmPdpOps fake_ops = {
	.check = &fake_check,
	.on_deliver = fake_deliver,
	.on_release = fake_release,
};

static void
fake_set_up(Fake *fake, gconstpointer data)
{
	static const char *const banks[] = { "OWN", NULL };
	files_set_up(&fake->files, data);
	fake->mail = write_file(fake->files.dir, "mail", MAIL, -1);
	fake->seen = g_string_new(NULL);
	fake->config = (AmPdpConfig){ .intake.spool_directory = g_get_tmp_dir(),
				      .intake.spool_memory = 1 << 20,
				      .intake.recipient_limit = 3,
				      .intake.listener = "pdp",
				      .intake.policy_banks = banks,
				      .mail_directories = fake->files.allowed };
	fake->edits = am_edits_new();
	const struct {
		AmEditOp op;
		const char *name, *value;
	} edits[] = {
		{ AM_EDIT_PREPEND, "X-Top", "a b" },
		{ AM_EDIT_REPLACE, "Subject", "void" },
		{ AM_EDIT_REPLACE, "subject", "***SPAM*** x" },
		{ AM_EDIT_DELETE, "X-Old", NULL },
		{ AM_EDIT_APPEND, "X-Last", "1\r\n\t2" },
		{ AM_EDIT_REPLACE, "X-None", "3" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(edits); i++)
		g_assert_true(am_edits_add(fake->edits, edits[i].op, edits[i].name, edits[i].value,
					   NULL));
}

static void
fake_tear_down(Fake *fake, gconstpointer data)
{
	files_tear_down(&fake->files, data);
	g_assert_cmpint(fake->begun, ==, fake->ended);
	(void)g_string_free(fake->seen, TRUE);
	am_edits_free(fake->edits);
	g_free(fake->mail);
}

static void
drive(AmPdpServer *server, int peer, const char *input, gsize len, GString *out)
{
	char buffer[4096];
	gssize n;
	if (len > 0)
		g_assert_cmpint(send(peer, input, len, MSG_NOSIGNAL), ==, (gssize)len);
	while (am_pdp_server_kind.step(server) == AM_SERVER_YIELD)
		;
	while ((n = recv(peer, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
		g_string_append_len(out, buffer, n);
}

/* What the server answers; log ids become "*". */
static char *
converse(Fake *fake, const char *input, gsize cut)
{
	int fds[2];
	g_autoptr(GString) out = g_string_new(NULL);
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	AmPdpServer *server =
		am_pdp_server_new(am_stream_new(fds[0]), &fake->config, &fake_ops, fake);
	g_assert_true(am_pdp_server_kind.is_idle(server));
	drive(server, fds[1], input, cut, out);
	drive(server, fds[1], input + cut, strlen(input) - cut, out);
	g_assert_true(am_pdp_server_kind.is_idle(server));
	g_assert_cmpint(shutdown(fds[1], SHUT_WR), ==, 0);
	g_assert_cmpint(am_pdp_server_kind.step(server), ==, AM_SERVER_CLOSE);
	am_pdp_server_kind.free(server);
	(void)close(fds[1]);
	g_autoptr(GRegex) id = g_regex_new("log_id=[A-Za-z0-9_-]{16}\r", 0, 0, NULL);
	return g_regex_replace(id, out->str, -1, 0, "log_id=*\r", 0, NULL);
}

/* Input with MAIL for the path of the mail file, lines without CR on both sides. */
static void
assert_dialogue(Fake *fake, const char *text, const char *expected, const char *seen)
{
	g_autoptr(GString) input = g_string_new(text);
	g_string_replace(input, "MAIL", fake->mail, 0);
	for (gsize cut = 0; cut <= input->len; cut++) {
		g_string_truncate(fake->seen, 0);
		g_autofree char *answer = converse(fake, input->str, cut);
		g_autoptr(GString) lines = g_string_new(answer);
		g_string_replace(lines, "\r\n", "\n", 0);
		g_assert_cmpstr(lines->str, ==, expected);
		g_assert_cmpstr(fake->seen->str, ==, seen);
	}
}

#define CHECK "request=AM.PDP\nsender=<a@example.org>\nrecipient=<b@example.org>\nmail_file=MAIL\n"
#define SEEN "<a@example.org> <b@example.org>      OWN;"

static void
test_check(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	assert_dialogue(fake, CHECK "\n",
			"version_server=2\nlog_id=*\n"
			"setreply=250 2.5.0 Ok,%20continue%20delivery\n"
			"return_value=continue\nexit_code=0\n\n",
			SEEN);
	assert_dialogue(fake,
			"request=AM.PDP\nprotocol_name=ESMTP\nhelo_name=h%20h\nqueue_id=Q1\n"
			"client_address=192.0.2.1\nclient_name=[192.0.2.1]\nsender=\n"
			"policy_bank=A, B\npolicy_bank=C\nunknown=x\nmail_file=MAIL\n"
			"recipient=b@example.org\nrecipient=<\"c c\"@example.org>\n\n",
			"version_server=2\nlog_id=*\n"
			"setreply=250 2.5.0 Ok,%20continue%20delivery\n"
			"return_value=continue\nexit_code=0\n\n",
			"<> <b@example.org> <c c@example.org> ESMTP h h 192.0.2.1  Q1 OWN+A+B+C;");
	assert_dialogue(fake, CHECK "client_address=IPv6:2001:db8:0:0:0:0:0:1\nclient_port=4711\nclient_source=REMOTE\n\n",
			"version_server=2\nlog_id=*\n"
			"setreply=250 2.5.0 Ok,%20continue%20delivery\n"
			"return_value=continue\nexit_code=0\n\n",
			"<a@example.org> <b@example.org> 4711/REMOTE   2001:db8::1   OWN;");
	assert_dialogue(fake, CHECK "client_address=[UNAVAILABLE]\nclient_port=70000\n"
				    "client_source=[UNAVAILABLE]\n\n",
			"version_server=2\nlog_id=*\n"
			"setreply=250 2.5.0 Ok,%20continue%20delivery\n"
			"return_value=continue\nexit_code=0\n\n",
			SEEN);
}

static void
test_verdicts(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	fake->say = SAY_REJECT;
	assert_dialogue(fake, CHECK "\n",
			"version_server=2\nlog_id=*\nsetreply=554 5.7.0 Virus%20found\n"
			"return_value=reject\nexit_code=69\n\n",
			SEEN);
	fake->say = SAY_TEMPFAIL;
	assert_dialogue(fake, CHECK "\n",
			"version_server=2\nlog_id=*\nsetreply=451 4.0.0 Later\n"
			"return_value=tempfail\nexit_code=75\n\n",
			SEEN);
	fake->say = SAY_DISCARD;
	assert_dialogue(fake, CHECK "\n",
			"version_server=2\nlog_id=*\nsetreply=250 2.7.0 Ok,%20discarded\n"
			"return_value=discard\nexit_code=99\n\n",
			SEEN);
}

static void
test_changes(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	fake->say = SAY_CHANGES;
	assert_dialogue(fake, CHECK "recipient=gone@example.org\n\n",
			"version_server=2\nlog_id=*\n"
			"delrcpt=<gone@example.org>\naddrcpt=<new@example.org>\n"
			"chgheader=1 subject ***SPAM***%20x\n"
			"delheader=2 X-Old\ndelheader=1 X-Old\n"
			"addheader=X-None 3\n"
			"insheader=0 X-Top a%20b\naddheader=X-Last 1%0a%092\n"
			"setreply=250 2.5.0 Ok,%20continue%20delivery\n"
			"return_value=continue\nexit_code=0\n\n",
			"<a@example.org> <b@example.org> <gone@example.org>      OWN;");
}

static void
test_server_delivers(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	assert_dialogue(fake, CHECK "delivery_care_of=server\n\n",
			"version_server=2\nlog_id=*\nsetreply=250 2.0.0 queued%20as%201\n"
			"return_value=discard\nexit_code=99\n\n",
			"ours:" SEEN);
	fake->say = SAY_TEMPFAIL;
	assert_dialogue(fake, CHECK "delivery_care_of=server\n\n",
			"version_server=2\nlog_id=*\nsetreply=451 4.4.1 no%20next%20hop\n"
			"return_value=tempfail\nexit_code=75\n\n",
			"ours:" SEEN);
}

#define TEMPFAIL "\nreturn_value=tempfail\nexit_code=75\n\n"

static void
test_bad_checks(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *input, *answer;
	} cases[] = {
		{ "request=AM.PDP\nrecipient=<b@x>\nmail_file=MAIL\n\n",
		  "450 4.5.0 Incomplete%20request:%20sender%20is%20missing" TEMPFAIL },
		{ "request=AM.PDP\nsender=<>\nmail_file=MAIL\n\n",
		  "450 4.5.0 Incomplete%20request:%20recipient%20is%20missing" TEMPFAIL },
		{ "request=AM.PDP\nsender=<>\nrecipient=<b@x>\n\n",
		  "450 4.5.0 Incomplete%20request:%20mail_file%20is%20missing" TEMPFAIL },
		{ "request=AM.PDP\nsender=<>\nrecipient=<b@x>\nmail_file=/etc/passwd\n\n",
		  "450 4.5.0 The%20mail%20file%20cannot%20be%20read" TEMPFAIL },
		{ "request=AM.PDP\nsender=<>\nrecipient=<b@x>\nmail_file=mail\n\n",
		  "450 4.5.0 The%20mail%20file%20cannot%20be%20read" TEMPFAIL },
		{ "request=AM.PDP\nsender=<\nrecipient=<b@x>\nmail_file=MAIL\n\n",
		  "501 5.1.7 Bad%20sender%20address\nreturn_value=reject\nexit_code=69\n\n" },
		{ CHECK "recipient=<>\n\n",
		  "501 5.1.3 Bad%20recipient%20address\nreturn_value=reject\nexit_code=69\n\n" },
		{ CHECK "recipient=c@x\nrecipient=d@x\nrecipient=e@x\n\n",
		  "452 4.5.3 Too%20many%20recipients" TEMPFAIL },
		{ CHECK "recipient=small@x\n\n",
		  "552 5.3.4 Too%20large\nreturn_value=reject\nexit_code=69\n\n" },
		{ "sender=<>\n\n", "450 4.5.0 The%20request%20does%20not%20say%20what%20it%20is" TEMPFAIL },
		{ "request=AM.CL\n\n", "450 4.5.0 Unknown%20request" TEMPFAIL },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *expected =
			g_strconcat("version_server=2\nsetreply=", cases[i].answer, NULL);
		assert_dialogue(fake, cases[i].input, expected, "");
	}
	fake->is_busy = TRUE;
	assert_dialogue(fake, CHECK "\n", "version_server=2\nsetreply=421 4.3.2 Busy" TEMPFAIL, "");
}

static void
test_tempdir(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *tempdir = g_build_filename(fake->files.dir, "t", NULL);
	for (gboolean by_client = FALSE; by_client <= TRUE; by_client++) {
		g_assert_cmpint(g_mkdir(tempdir, 0700), ==, 0);
		g_free(write_file(tempdir, "email.txt", MAIL, -1));
		g_autofree char *input = g_strdup_printf(
			"request=AM.PDP\nsender=<a@x>\nrecipient=<b@x>\ntempdir=%s\n"
			"tempdir_removed_by=%s\n\n",
			tempdir, by_client ? "client" : "server");
		g_autofree char *answer = converse(fake, input, 0);
		g_assert_nonnull(strstr(answer, "return_value=continue"));
		g_assert_true(g_file_test(tempdir, G_FILE_TEST_EXISTS) == by_client);
	}
}

#define TWO "setreply=250 2.0.0 one\nsetreply=550 5.1.1 two\n\n"

static void
test_release(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	assert_dialogue(fake, "request=release\nmail_id=abcdefghij\nsecret_id=s\n\n",
			"version_server=2\n" TWO, "0 abcdefghij - secret=s! from=- by=-;");
	assert_dialogue(fake,
			"request=requeue\nmail_id=cdefghij\nmail_file=a/ab_cdefghij.gz\n"
			"recipient=x@y\nrecipient=<z@y>\nsender=<>\nrequested_by=me@y\n\n",
			"version_server=2\n" TWO,
			"1 ab_cdefghij cdefghij secret=-! from=<> by=me@y x@y <z@y>;");
	fake->config.release = AM_PDP_RELEASE_ANY;
	assert_dialogue(fake, "request=report\nmail_id=abc\nmail_file=other\n\n",
			"version_server=2\n" TWO, "2 abc - secret=- from=- by=-;");
	assert_dialogue(fake, "request=release\n\n",
			"version_server=2\nsetreply=450 4.5.0 "
			"Incomplete%20request:%20mail_id%20is%20missing\n\n",
			"");
	fake->config.release = AM_PDP_RELEASE_NO;
	assert_dialogue(fake, "request=release\nmail_id=abc\n\n",
			"version_server=2\nsetreply=550 5.7.1 Release%20is%20not%20allowed%20here\n\n",
			"");
}

static void
test_several(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	assert_dialogue(fake, "request=smtpd_access_policy\nprotocol_state=RCPT\n\n" CHECK "\n",
			"action=DUNNO\n\nversion_server=2\nlog_id=*\n"
			"setreply=250 2.5.0 Ok,%20continue%20delivery\n"
			"return_value=continue\nexit_code=0\n\n",
			SEEN);
}

static void
test_large_request(Fake *fake, gconstpointer data G_GNUC_UNUSED)
{
	int fds[2];
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *block = g_strnfill(64 << 10, 'x');
	AmServerStep step = AM_SERVER_WAIT_INPUT;
	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
	AmPdpServer *server =
		am_pdp_server_new(am_stream_new(fds[0]), &fake->config, &fake_ops, fake);
	for (guint i = 0; i < 200 && step != AM_SERVER_CLOSE; i++) {
		(void)send(fds[1], block, 64 << 10, MSG_NOSIGNAL | MSG_DONTWAIT);
		step = am_pdp_server_kind.step(server);
		g_assert_true(step == AM_SERVER_CLOSE || !am_pdp_server_kind.is_idle(server));
	}
	g_assert_cmpint(step, ==, AM_SERVER_CLOSE);
	drive(server, fds[1], "", 0, out);
	g_assert_nonnull(strstr(out->str, "setreply=450 4.5.0 The%20request%20is%20too%20large\r\n"));
	am_pdp_server_kind.free(server);
	(void)close(fds[1]);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_true(am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_ERROR, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(parser_cases); i++) {
		g_autofree char *path = g_strconcat("/ampdp/parser/", parser_cases[i].name, NULL);
		g_test_add_data_func(path, &parser_cases[i], test_parser);
	}
	g_test_add_func("/ampdp/parser/limits", test_limits);
	g_test_add_func("/ampdp/encode", test_encode);
#define FILES(name, func)                                                                          \
	g_test_add("/ampdp/files/" name, Files, NULL, files_set_up, func, files_tear_down)
	FILES("line-ends", test_line_ends);
	FILES("confined", test_confined);
	FILES("owner", test_owner);
	FILES("size-and-gzip", test_size_and_gzip);
	FILES("remove", test_remove);
#define SERVER(name, func) g_test_add("/ampdp/" name, Fake, NULL, fake_set_up, func, fake_tear_down)
	SERVER("check", test_check);
	SERVER("verdicts", test_verdicts);
	SERVER("changes", test_changes);
	SERVER("server-delivers", test_server_delivers);
	SERVER("bad-checks", test_bad_checks);
	SERVER("tempdir", test_tempdir);
	SERVER("release", test_release);
	SERVER("several", test_several);
	SERVER("large-request", test_large_request);
	return g_test_run();
}
