/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The whole way of a mail: real policy, plugins and stages; the content worker is a thread here, and
 * delivering and notifying are replaced by functions that play the next hop and keep a diary. */

#include <config.h>

#include "pipeline/handback.h"
#include "pipeline/pipeline.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log/log.h"
#include "mail/exchange.h"
#include "pipeline-rig.h"
#include "pipeline/deliver.h"
#include "pipeline/notify.h"
#include "pipeline/setup.h"

#define CONTENT "From: a@example.org\r\nSubject: x\r\nX-Spam-Flag: NO\r\n\r\nhello\r\n"

#define CONFIG                                                                                     \
	"[content]\nqueue_time = 1s\n[quarantine file]\ndirectory = %DIR%/quarantine\n"            \
	"[policy]\nbanned_quarantine = blocked:file\n"

/* recipients whose mail is treated differently; the mail has a virus or a banned part */
#define SCRIPT                                                                                     \
	"amavis.settings{ for_recipient = 'bounce@example.com', virus_destiny = 'bounce' }\n"      \
	"amavis.settings{ for_recipient = 'reject@example.com', virus_destiny = 'reject' }\n"      \
	"amavis.settings{ for_recipient = 'temp@example.com', virus_destiny = 'tempfail' }\n"      \
	"amavis.settings{ for_recipient = 'later@example.com', virus_destiny = 'pass' }\n"         \
	"amavis.settings{ for_recipient = 'no@example.com', virus_destiny = 'pass' }\n"            \
	"amavis.settings{ for_recipient = 'ok@example.com', virus_destiny = 'pass' }\n"            \
	"amavis.settings{ for_recipient = 'small@example.com', message_size_limit = '100K' }\n"    \
	"amavis.on('judge', function (mail, rcpt, verdict)\n"                                      \
	"  if rcpt:address() == 'broken@example.com' then error('boom') end\nend)\n"

/* ---- the next hop -------------------------------------------------------------------------- */

static GString *diary;	       /* what was done, a word each */
static gboolean dsn_fails;     /* for now */
static gboolean wants_relayed; /* of what is delivered */
static char *quarantine;       /* to look into at delivery */

static gboolean
has_temporary(GPtrArray *dispositions)
{
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *one = dispositions->pdata[i];
		if (one->reply != NULL && am_reply_is_temporary(one->reply))
			return TRUE;
	}
	return FALSE;
}

/* Local parts say what becomes of it: "no" is refused, "later" deferred, all else taken. */
void
am_deliver(const AmDeliverContext *context, const AmMail *mail G_GNUC_UNUSED,
	   GPtrArray *dispositions, gboolean is_lmtp)
{
	gboolean is_over = !is_lmtp && has_temporary(dispositions);
	g_assert_nonnull(context->forward);
	g_assert_nonnull(context->notify);
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *one = dispositions->pdata[i];
		const char *address = one->target->address;
		if (one->destiny != AM_DESTINY_PASS || one->is_delivered)
			continue;
		am_reply_free(one->reply);
		if (is_over) {
			one->reply = am_reply_new(451, "4.5.0", "not begun");
		} else if (g_str_has_prefix(address, "no@")) {
			one->reply = am_reply_new(550, "5.1.1", "no such user");
			g_string_append(diary, "refused ");
		} else if (g_str_has_prefix(address, "later@")) {
			one->reply = am_reply_new(450, "4.2.1", "later");
			g_string_append(diary, "deferred ");
		} else {
			one->reply = am_reply_new(250, "2.0.0", "Ok, queued as Q1");
			one->is_delivered = TRUE;
			one->wants_relayed = wants_relayed;
			g_string_append(diary, "delivered ");
		}
	}
	if (quarantine != NULL) {
		g_autofree char *text = rig_only_file(quarantine);
		g_string_append(diary, *text != '\0' ? "(stored) " : "(not-stored) ");
	}
}

gboolean
am_notify_dsn(const AmDeliverContext *context G_GNUC_UNUSED, const AmMail *mail G_GNUC_UNUSED,
	      GPtrArray *dispositions, char **queue_id, AmReply **failure)
{
	g_string_append(diary, "dsn:");
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *one = dispositions->pdata[i];
		const char *address = one->recipient->address;
		g_assert_true(one->wants_dsn);
		g_string_append_printf(diary, "%.*s,", (int)strcspn(address, "@"), address);
	}
	g_string_append_c(diary, ' ');
	*queue_id = g_strdup("D1");
	if (dsn_fails)
		*failure = am_reply_new(451, "4.5.0", "dsn failed");
	return !dsn_fails;
}

void
am_notify_relayed(const AmDeliverContext *context G_GNUC_UNUSED, const AmMail *mail G_GNUC_UNUSED,
		  GPtrArray *dispositions)
{
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *one = dispositions->pdata[i];
		if (one->wants_relayed)
			g_string_append_printf(diary, "relayed:%.*s ",
					       (int)strcspn(one->recipient->address, "@"),
					       one->recipient->address);
	}
}

AmCategory
am_notify_category(const AmDisposition *disposition)
{
	return disposition->blocking != AM_CATEGORY_NONE ? disposition->blocking
							 : disposition->main_category;
}

void
am_notify_admin(const AmDeliverContext *context G_GNUC_UNUSED, const AmMail *mail G_GNUC_UNUSED,
		const char *address, GPtrArray *dispositions, const char *kept)
{
	g_string_append_printf(diary, "admin:%s=%u%s ", address, dispositions->len,
			       *kept != '\0' ? "(kept)" : "");
}

/* ---- the content worker -------------------------------------------------------------------- */

typedef struct {
	Rig rig;
	AmGeneration generation;
	AmStatistics statistics;
	AmPipeline *pipeline;
	AmPipelineThread *thread;
	char *socket_path, *log_path;
	int listener;
	GThread *worker;
	const char *finding; /* kind; NULL a clean mail */
	const char *failure; /* scanner that failed, NULL none */
} Fixture;

static AmReport *
worker_report(const Fixture *fixture)
{
	AmReport *report = am_report_new();
	report->header_size = strlen(CONTENT) - 7;
	am_report_set_text(&report->subject, "x");
	am_report_add_field(report, "From", 4, 0, 5, 21);
	am_report_add_field(report, "Subject", 7, 21, 8, 12);
	am_report_add_field(report, "X-Spam-Flag", 11, 33, 12, 17);
	(void)am_report_add_part(report, -1);
	if (fixture->finding != NULL)
		am_report_add_finding(report, fixture->finding, "Eicar", "clamav", -1, NULL);
	if (fixture->failure != NULL)
		am_report_add_failure(report, fixture->failure, "it broke");
	return report;
}

static gpointer
worker_main(gpointer data)
{
	Fixture *fixture = data;
	int fd;
	while ((fd = accept(fixture->listener, NULL, NULL)) >= 0) {
		AmInspectRequest request = { 0 };
		int mail_fd = -1;
		if (am_exchange_receive_request(fd, &request, &mail_fd, NULL) &&
		    am_exchange_send_hello(fd, NULL)) {
			g_autoptr(AmReport) report = worker_report(fixture);
			g_autoptr(GBytes) bytes = am_report_serialize(report);
			(void)am_exchange_send_report(fd, bytes, NULL);
		}
		am_inspect_request_clear(&request);
		if (mail_fd >= 0)
			(void)close(mail_fd);
		(void)close(fd);
	}
	return NULL;
}

static void
worker_start(Fixture *fixture)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	(void)g_strlcpy(address.sun_path, fixture->socket_path, sizeof address.sun_path);
	fixture->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(fixture->listener, (struct sockaddr *)&address, sizeof address), ==,
			0);
	g_assert_cmpint(listen(fixture->listener, 5), ==, 0);
	fixture->worker = g_thread_new("worker", worker_main, fixture);
}

static void
worker_stop(Fixture *fixture)
{
	if (fixture->worker == NULL)
		return;
	(void)shutdown(fixture->listener, SHUT_RDWR);
	(void)g_thread_join(g_steal_pointer(&fixture->worker));
	(void)close(fixture->listener);
	(void)g_unlink(fixture->socket_path);
}

/* ---- fixture ------------------------------------------------------------------------------- */

static void
pipeline_open(Fixture *fixture)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	fixture->generation.config = fixture->rig.config;
	fixture->pipeline = am_pipeline_new(&fixture->generation, problems);
	rig_assert_no_problems(problems);
	fixture->thread = am_pipeline_thread_new(fixture->pipeline, &error);
	g_assert_no_error(error);
}

static void
pipeline_close(Fixture *fixture)
{
	g_clear_pointer(&fixture->thread, am_pipeline_thread_free);
	g_clear_pointer(&fixture->pipeline, am_pipeline_free);
}

static void
set_up(Fixture *fixture, gconstpointer data)
{
	static const char *const plugins[] = { "quarantine/file", "actions/tag", NULL };
	rig_open(&fixture->rig, plugins, CONFIG);
	rig_add_script(&fixture->rig, SCRIPT);
	rig_configure(&fixture->rig, CONFIG);
	fixture->finding = data;
	fixture->socket_path = g_build_filename(fixture->rig.directory, "content", NULL);
	fixture->log_path = g_build_filename(fixture->rig.directory, "log", NULL);
	fixture->generation = (AmGeneration){ .number = 1,
					      .content_socket = fixture->socket_path,
					      .statistics = &fixture->statistics,
					      .tell_fd = -1 };
	g_autofree char *target = g_strconcat("file:", fixture->log_path, NULL);
	g_assert_true(am_log_open(target, AM_LOG_TEXT, AM_LOG_INFO, NULL));
	diary = g_string_new(NULL);
	dsn_fails = FALSE;
	worker_start(fixture);
	pipeline_open(fixture);
}

static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	pipeline_close(fixture);
	worker_stop(fixture);
	g_assert_true(am_log_open("file:/dev/null", AM_LOG_TEXT, AM_LOG_INFO, NULL));
	rig_close(&fixture->rig);
	g_free(fixture->socket_path);
	g_free(fixture->log_path);
	g_clear_pointer(&quarantine, g_free);
	g_string_free(diary, TRUE);
}

/* A mail for recipients separated by blanks, without domain. */
static AmMail *
mail_for(const char *names)
{
	g_auto(GStrv) recipients = g_strsplit(names, " ", -1);
	for (guint i = 0; recipients[i] != NULL; i++) {
		g_autofree char *name = recipients[i];
		recipients[i] = g_strconcat(name, "@example.com", NULL);
	}
	return rig_mail("a@example.org", (const char *const *)recipients, CONTENT);
}

/* Returns the codes of the replies. */
static char *
run(Fixture *fixture, const char *names, gboolean is_lmtp)
{
	AmMail *mail = mail_for(names);
	g_autoptr(GPtrArray) replies = am_pipeline_run(fixture->thread, mail, is_lmtp);
	GString *codes = g_string_new(NULL);
	for (guint i = 0; i < replies->len; i++)
		g_string_append_printf(codes, "%s%d", i > 0 ? " " : "",
				       ((AmReply *)replies->pdata[i])->code);
	return g_string_free(codes, FALSE);
}

/* The one line of the mail, from mail_id= on; to be freed. */
static char *
mail_line(const Fixture *fixture)
{
	g_autofree char *contents = NULL;
	g_assert_true(g_file_get_contents(fixture->log_path, &contents, NULL, NULL));
	char *first = strstr(contents, "mail_id=");
	g_assert_nonnull(first);
	g_assert_true(g_strrstr(contents, "mail_id=") == first);
	return g_strndup(first, strcspn(first, "\n"));
}

static void
assert_line_has(const Fixture *fixture, const char *text)
{
	g_autofree char *line = mail_line(fixture);
	if (strstr(line, text) == NULL)
		g_error("\"%s\" is not in: %s", text, line);
}

/* ---- answers ------------------------------------------------------------------------------- */

static const struct {
	const char *name, *recipients;
	gboolean is_lmtp, dsn_fails;
	const char *codes, *diary, *status;
} ways[] = {
	/* SMTP: one answer (features R2) */
	{ "pass", "ok", FALSE, FALSE, "250", "delivered (not-stored) ", "status=passed" },
	{ "discard", "x", FALSE, FALSE, "250", "(stored) ", "status=blocked" },
	{ "reject", "reject", FALSE, FALSE, "554", "(stored) ", "status=blocked" },
	{ "tempfail", "temp ok", FALSE, FALSE, "450", "(not-stored) ", "status=tempfailed" },
	{ "pass-and-discard", "ok x", FALSE, FALSE, "250", "delivered (stored) ", "status=partly" },
	{ "reject-and-discard", "reject x", FALSE, FALSE, "554", "(stored) ", "status=blocked" },
	{ "bounce", "bounce", FALSE, FALSE, "250", "dsn:bounce, (stored) ", "status=blocked" },
	/* a bounce before the others get the mail, so that it may fail without harm */
	{ "bounce-and-pass", "ok bounce", FALSE, FALSE, "250", "dsn:bounce, delivered (stored) ",
	  "dsn=D1" },
	{ "bounce-fails", "ok bounce", FALSE, TRUE, "451", "dsn:bounce, (stored) ",
	  "status=tempfailed" },
	{ "no-bounce-of-what-comes-again", "bounce temp", FALSE, FALSE, "450", "(stored) ",
	  "status=tempfailed" },
	/* what cannot be refused any more is bounced (R7) */
	{ "reject-becomes-bounce", "ok reject", FALSE, FALSE, "250",
	  "delivered (stored) dsn:reject, ",
	  "to=<ok@example.com>:deliver:250,<reject@example.com>:bounce:554" },
	{ "next-hop-refuses", "no", FALSE, FALSE, "550", "refused (not-stored) ",
	  "status=blocked" },
	{ "next-hop-refuses-one", "ok no", FALSE, FALSE, "250",
	  "delivered refused (not-stored) dsn:no, ", "status=partly" },
	{ "late-bounce-fails", "ok no", FALSE, TRUE, "451",
	  "delivered refused (not-stored) dsn:no, ", "status=tempfailed" },
	{ "next-hop-defers", "ok later", FALSE, FALSE, "450", "delivered deferred (not-stored) ",
	  "status=tempfailed" },
	/* LMTP: each his own (R3) */
	{ "lmtp", "ok x reject no later", TRUE, FALSE, "250 250 554 550 450",
	  "delivered refused deferred (stored) ", "status=tempfailed" },
	{ "lmtp-bounce", "bounce ok", TRUE, FALSE, "250 250", "dsn:bounce, delivered (stored) ",
	  "status=partly" },
	{ "lmtp-bounce-fails", "bounce ok", TRUE, TRUE, "451 250",
	  "dsn:bounce, delivered (stored) ", "status=tempfailed" },
	{ "lmtp-tempfail", "temp ok", TRUE, FALSE, "450 250", "delivered (not-stored) ",
	  "status=tempfailed" },
	/* policy fails for one: nobody gets anything */
	{ "policy-fails", "ok broken", FALSE, FALSE, "451", "", "failure=\"judge:" },
	{ "lmtp-policy-fails", "ok broken", TRUE, FALSE, "451 451", "", "failure=\"judge:" },
};

static void
test_way(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	guint total = 0, mails = 0;
	quarantine = g_build_filename(fixture->rig.directory, "quarantine", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(ways); i++) {
		g_test_message("%s", ways[i].name);
		g_string_truncate(diary, 0);
		dsn_fails = ways[i].dsn_fails;
		g_autofree char *codes = run(fixture, ways[i].recipients, ways[i].is_lmtp);
		g_assert_cmpstr(codes, ==, ways[i].codes);
		g_assert_cmpstr(diary->str, ==, ways[i].diary);
		assert_line_has(fixture, ways[i].status);
		/* each mail has its own log and quarantine */
		g_autofree char *target = g_strconcat("file:", fixture->log_path, NULL);
		(void)g_unlink(fixture->log_path);
		g_assert_true(am_log_open(target, AM_LOG_TEXT, AM_LOG_INFO, NULL));
		g_autofree char *renamed = g_strdup_printf("%s-%zu", quarantine, i);
		(void)g_rename(quarantine, renamed);
		mails++;
		for (const char *p = ways[i].recipients; *p != '\0'; p++)
			total += *p == ' ';
		total++;
	}
	const AmStatistics *s = &fixture->statistics;
	g_assert_cmpint(s->mails_total, ==, mails);
	g_assert_cmpint(s->recipients_total, ==, total);
	g_assert_cmpint(s->delivered + s->bounced + s->rejected + s->discarded + s->tempfailed, ==,
			total);
	g_assert_cmpint(s->virus, ==, mails - 2);
	g_assert_cmpint(s->bytes_total, ==, mails * strlen(CONTENT));
}

/* ---- single stages that fail --------------------------------------------------------------- */

static void
test_clean(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *codes = run(fixture, "x y", FALSE);
	g_assert_cmpstr(codes, ==, "250");
	g_assert_cmpstr(diary->str, ==, "delivered delivered ");
	assert_line_has(fixture,
			"status=passed category=clean from=<a@example.org> "
			"to=<x@example.com>:deliver:250,<y@example.com>:deliver:250 size=");
	g_assert_cmpint(fixture->statistics.clean, ==, 1);
	g_assert_cmpint(fixture->statistics.delivered, ==, 2);
	g_assert_cmpint(fixture->statistics.quarantined, ==, 0);
}

/* A copy that cannot be stored: nobody gets anything, no discard is answered 250 (R6). */
static void
test_store_fails(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autofree char *folder = g_build_filename(fixture->rig.directory, "quarantine", NULL);
	(void)g_rmdir(folder);
	g_assert_true(g_file_set_contents(folder, "in the way", -1, NULL));
	g_autofree char *codes = run(fixture, "ok x bounce", FALSE);
	g_assert_cmpstr(codes, ==, "451");
	g_assert_cmpstr(diary->str, ==, "");
	assert_line_has(fixture, "status=tempfailed");
	assert_line_has(fixture, "failure=\"store: quarantine file:");
	g_assert_cmpint(fixture->statistics.tempfailed, ==, 3);
	g_assert_cmpint(fixture->statistics.quarantined, ==, 0);
}

static void
test_no_worker(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	worker_stop(fixture);
	g_autofree char *codes = run(fixture, "x y", TRUE);
	g_assert_cmpstr(codes, ==, "451 451");
	g_assert_cmpstr(diary->str, ==, "");
	assert_line_has(fixture, "category=unchecked");
	assert_line_has(fixture, "failure=\"inspect: ");
	g_assert_cmpint(fixture->statistics.inspect_failures, ==, 1);
	g_assert_cmpint(fixture->statistics.unchecked, ==, 1);
}

/* Policy may let pass what could not be looked at. */
static void
test_no_worker_pass(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	worker_stop(fixture);
	pipeline_close(fixture);
	rig_configure(&fixture->rig, CONFIG "unchecked_on_failure = pass\n");
	pipeline_open(fixture);
	g_autofree char *codes = run(fixture, "x", FALSE);
	g_assert_cmpstr(codes, ==, "250");
	g_assert_cmpstr(diary->str, ==, "delivered ");
	assert_line_has(fixture, "status=passed category=unchecked");
}

/* ---- content that nobody wants to know ------------------------------------------------------ */

#define BYPASS                                                                                     \
	"bypass_virus_checks = yes\nbypass_spam_checks = yes\nbypass_banned_checks = yes\n"        \
	"bypass_header_checks = yes\n"

static void
reconfigure(Fixture *fixture, const char *config, const char *script)
{
	pipeline_close(fixture);
	rig_add_script(&fixture->rig, script);
	rig_configure(&fixture->rig, config);
	pipeline_open(fixture);
}

/* No worker is asked, and none is there.  The header is not parsed here, so nothing of it goes. */
static void
test_bypassed(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const to[] = { "x@example.com", "ok@example.com", NULL };
	worker_stop(fixture);
	reconfigure(fixture, CONFIG BYPASS, "");
	g_autofree char *codes = run(fixture, "x ok", FALSE);
	g_assert_cmpstr(codes, ==, "250");
	g_assert_cmpstr(diary->str, ==, "delivered delivered ");
	assert_line_has(fixture, "status=passed category=clean");
	g_assert_cmpint(fixture->statistics.clean, ==, 1);
	g_assert_cmpint(fixture->statistics.inspect_failures, ==, 0);

	g_autoptr(AmRecord) record =
		am_pipeline_try(fixture->thread, rig_mail("a@example.org", to, CONTENT));
	g_assert_cmpuint(record->mail->report->fields->len, ==, 0);
	g_assert_cmpuint(record->mail->report->header_size, ==, 0);
}

/* One recipient, setting or hook that wants to know is enough. */
static void
test_not_bypassed(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *name, *config, *script, *content;
	} cases[] = {
		{ "recipient", CONFIG BYPASS,
		  "amavis.settings{ for_recipient = 'x@example.com', bypass_virus_checks = false }",
		  CONTENT },
		{ "kind", CONFIG BYPASS "finding_categories = virus=virus, macro=spam\n", "",
		  CONTENT },
		{ "hook", CONFIG BYPASS, "amavis.on('judge', function () end)", CONTENT },
		{ "no-spam-checks",
		  CONFIG "bypass_virus_checks = yes\n"
			 "bypass_banned_checks = yes\nbypass_header_checks = yes\n",
		  "", CONTENT },
	};
	static const char *const to[] = { "ok@example.com", "x@example.com", NULL };
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s", cases[i].name);
		reconfigure(fixture, cases[i].config, cases[i].script);
		g_autoptr(AmRecord) record = am_pipeline_try(
			fixture->thread, rig_mail("a@example.org", to, cases[i].content));
		/* it is the worker's: the other way there is no part */
		g_assert_cmpuint(record->mail->report->parts->len, ==, 1);
	}
}

/* A scanner that must answer and cannot: as if the content was not looked at. */
static void
test_scanner_fails(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	fixture->failure = "clamav";
	g_autofree char *codes = run(fixture, "x", FALSE);
	g_assert_cmpstr(codes, ==, "451");
	assert_line_has(fixture, "failed=clamav");
}

#define PASSES "amavis.settings{ unchecked_on_failure = 'pass' }"

/* Nobody takes the mail until its time is up, or a scanner fails long before. */
static void
test_deadline(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *name, *script;
		AmLate when_late;
		gboolean is_in_time;
		int code;
		const char *enhanced;
	} cases[] = {
		{ "policy", "", AM_LATE_POLICY, FALSE, 451, "4.5.0" },
		{ "policy passes", PASSES, AM_LATE_POLICY, FALSE, 250, "2.0.0" },
		{ "tempfail", PASSES, AM_LATE_TEMPFAIL, FALSE, 451, "4.3.2" },
		{ "unchecked", "", AM_LATE_UNCHECKED, FALSE, 250, "2.0.0" },
		{ "unchecked is blocked", "amavis.settings{ unchecked_destiny = 'reject' }",
		  AM_LATE_UNCHECKED, FALSE, 554, "5.7.0" },
		{ "a failure, tempfail", PASSES, AM_LATE_TEMPFAIL, TRUE, 250, "2.0.0" },
		{ "a failure, unchecked", "", AM_LATE_UNCHECKED, TRUE, 451, "4.5.0" },
	};
	gboolean has_worker = TRUE;
	for (gsize n = G_N_ELEMENTS(cases); n-- > 0;) {
		g_test_message("%s", cases[n].name);
		reconfigure(fixture, CONFIG, cases[n].script);
		fixture->failure = "clamav";
		if (has_worker && !cases[n].is_in_time)
			worker_stop(fixture);
		has_worker = cases[n].is_in_time;
		AmMail *mail = mail_for("good");
		mail->when_late = cases[n].when_late;
		gint64 time_us = (cases[n].is_in_time ? 60000 : 400) * G_GINT64_CONSTANT(1000);
		gint64 deadline_us = mail->deadline_us = mail->received_us + time_us;
		g_autoptr(GPtrArray) replies = am_pipeline_run(fixture->thread, mail, FALSE);
		g_assert_cmpint(g_get_monotonic_time(), <, deadline_us);
		const AmReply *reply = replies->pdata[0];
		g_assert_cmpint(reply->code, ==, cases[n].code);
		g_assert_cmpstr(reply->enhanced, ==, cases[n].enhanced);
	}
	g_assert_cmpint(fixture->statistics.mails_total, ==, G_N_ELEMENTS(cases));
}

/* ---- copies and notices ---------------------------------------------------------------------- */

#define COPY_CONFIG                                                                                \
	CONFIG "always_bcc = copy@example.net\nvirus_admin = admin@example.net\n"                  \
	       "clean_admin = clean@example.net\n"

static const struct {
	const char *recipients;
	gboolean is_lmtp;
	const char *codes, *diary;
} copies[] = {
	{ "ok", FALSE, "250", "delivered delivered admin:admin@example.net=1 " },
	/* one copy and one notice, however many recipients */
	{ "ok x", FALSE, "250", "delivered delivered admin:admin@example.net=2(kept) " },
	{ "x", FALSE, "250", "admin:admin@example.net=1(kept) " },
	{ "no", FALSE, "550", "refused admin:admin@example.net=1 " },
	/* none of what comes again */
	{ "ok later", FALSE, "450", "delivered deferred " },
	{ "temp", FALSE, "450", "" },
	{ "ok later", TRUE, "250 450", "delivered deferred delivered admin:admin@example.net=1 " },
};

static void
test_copies(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	pipeline_close(fixture);
	rig_configure(&fixture->rig, COPY_CONFIG);
	pipeline_open(fixture);
	for (gsize i = 0; i < G_N_ELEMENTS(copies); i++) {
		g_test_message("%s", copies[i].recipients);
		g_string_truncate(diary, 0);
		g_autofree char *codes = run(fixture, copies[i].recipients, copies[i].is_lmtp);
		g_assert_cmpstr(codes, ==, copies[i].codes);
		g_assert_cmpstr(diary->str, ==, copies[i].diary);
	}
}

/* Who gets the mail anyway gets no copy, and one that fails changes nothing. */
static void
test_copy_special(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *config, *diary, *log;
	} cases[] = {
		{ CONFIG "always_bcc = x@example.com\n", "delivered ", NULL },
		{ CONFIG "always_bcc = no@example.com\n", "delivered refused ",
		  "no copy to <no@example.com>: 550" },
		{ CONFIG "always_bcc = copy@example.com\n", "delivered delivered ",
		  "copy to <copy@example.com>: 250" },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *contents = NULL;
		pipeline_close(fixture);
		rig_configure(&fixture->rig, cases[i].config);
		pipeline_open(fixture);
		g_string_truncate(diary, 0);
		g_autofree char *codes = run(fixture, "x", FALSE);
		g_assert_cmpstr(codes, ==, "250");
		g_assert_cmpstr(diary->str, ==, cases[i].diary);
		g_assert_true(g_file_get_contents(fixture->log_path, &contents, NULL, NULL));
		if (cases[i].log != NULL)
			g_assert_nonnull(strstr(contents, cases[i].log));
		else
			g_assert_null(strstr(contents, "copy to"));
	}
}

/* Reports of success come behind the last word, and only when it is no 4xx. */
static void
test_relayed(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *recipients;
		gboolean is_lmtp;
		const char *diary;
	} cases[] = {
		{ "ok", FALSE, "delivered relayed:ok " },
		{ "ok later", FALSE, "delivered deferred " },
		{ "ok later", TRUE, "delivered deferred relayed:ok " },
		{ "no", FALSE, "refused " },
	};
	wants_relayed = TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_string_truncate(diary, 0);
		g_free(run(fixture, cases[i].recipients, cases[i].is_lmtp));
		g_assert_cmpstr(diary->str, ==, cases[i].diary);
	}
	wants_relayed = FALSE;
}

/* ---- trying -------------------------------------------------------------------------------- */

static void
test_try(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const recipients[] = { "ok@example.com", "x@example.com", NULL };
	g_autoptr(AmRecord) record =
		am_pipeline_try(fixture->thread, rig_mail("a@example.org", recipients, CONTENT));
	g_assert_cmpstr(am_record_status(record), ==, "partly");
	g_assert_cmpint(am_record_exit_status(record), ==, 1);
	g_assert_cmpstr(diary->str, ==, "");
	g_assert_cmpint(fixture->statistics.mails_total, ==, 0);
	g_autofree char *folder = g_build_filename(fixture->rig.directory, "quarantine", NULL);
	g_autofree char *text = rig_only_file(folder);
	g_assert_cmpstr(text, ==, "");
	/* actions have made their edits for him who gets the mail */
	const AmDisposition *one = record->dispositions->pdata[0];
	g_autoptr(GString) names = g_string_new(NULL);
	for (guint i = 0; i < am_edits_count(one->edits); i++)
		g_string_append_printf(names, "%s ", am_edits_get(one->edits, i)->name);
	/* of the X-Spam fields only the one that the mail has */
	g_assert_cmpstr(names->str, ==, "X-Virus-Scanned X-Spam-Flag X-Amavis-Alert ");
	g_assert_cmpuint(am_edits_count(((AmDisposition *)record->dispositions->pdata[1])->edits),
			 ==, 0);
}

static void
test_try_fails(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const recipients[] = { "broken@example.com", NULL };
	g_autoptr(AmRecord) record =
		am_pipeline_try(fixture->thread, rig_mail("a@example.org", recipients, CONTENT));
	g_assert_null(record->dispositions);
	g_assert_cmpint(am_record_exit_status(record), ==, 75);
	g_assert_nonnull(strstr(record->failure, "judge: "));
}

/* ---- setup --------------------------------------------------------------------------------- */

static void
test_size_limit(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(AmEnvelope) envelope = am_envelope_new();
	envelope->sender = g_strdup("a@example.org");
	AmRecipient *small = am_envelope_add_recipient(envelope, "small@example.com");
	AmRecipient *other = am_envelope_add_recipient(envelope, "other@example.com");
	envelope->declared_size = 100 << 10;
	g_assert_null(am_pipeline_check_recipient(fixture->thread, envelope, small));
	envelope->declared_size++;
	g_assert_null(am_pipeline_check_recipient(fixture->thread, envelope, other));
	g_autoptr(AmReply) reply = am_pipeline_check_recipient(fixture->thread, envelope, small);
	g_assert_cmpint(reply->code, ==, 552);
	g_assert_cmpstr(reply->enhanced, ==, "5.3.4");
	envelope->declared_size = -1;
	g_assert_null(am_pipeline_check_recipient(fixture->thread, envelope, small));
}

/* All that is wrong is told, not only the first. */
static void
test_problems(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	pipeline_close(fixture);
	rig_configure(&fixture->rig, "[routes]\nforward = smpt:[127.0.0.1]:25\nnotify = nowhere\n"
				     "[action tag]\nlevel_char = **\n");
	fixture->generation.config = fixture->rig.config;
	g_assert_null(am_pipeline_new(&fixture->generation, problems));
	guint n_found = 0;
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = am_config_problem_to_string(problems->pdata[i]);
		n_found +=
			strstr(text, "amavisd.conf:4: ") != NULL && strstr(text, "forward") != NULL;
		n_found +=
			strstr(text, "amavisd.conf:5: ") != NULL && strstr(text, "notify") != NULL;
		n_found += strstr(text, "level_char") != NULL;
	}
	g_assert_cmpuint(n_found, ==, 3);
}

/* Routes and quarantines that policy names are looked at when all is read. */
static void
test_names(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const char *const expected[] = {
		"amavisd.conf:4: [policy]: setting \"forward_route\"",
		"amavisd.conf:5: [policy]: setting \"redirect\"",
		"amavisd.conf:6: spam_quarantine: there is no quarantine named \"nowhere\"",
		("conf.d/50-test.lua:2: virus_quarantine: there is no quarantine named "
		 "\"elsewhere\""),
		"conf.d/50-test.lua:3: archive_quarantine: there is no quarantine named \"attic\"",
		"[policy]: banned_quarantine is \"blocked:file\" unless set",
	};
	g_autoptr(GPtrArray) problems = am_config_problems_new();
	pipeline_close(fixture);
	rig_add_script(
		&fixture->rig,
		"amavis.settings{ clean_quarantine = '' }\n"
		"amavis.settings{ for_sender = '.', virus_quarantine = 'blocked:elsewhere' }\n"
		"amavis.settings{ archive_quarantine = 'attic' }\n");
	rig_configure(&fixture->rig, "[policy]\nforward_route = pigeon:coop\n"
				     "redirect = nobody at all\nspam_quarantine = nowhere\n"
				     "[quarantine file]\nenabled = no\n");
	am_setup_check(fixture->rig.config, problems);
	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
		guint n_found = 0;
		for (guint j = 0; j < problems->len; j++) {
			g_autofree char *text = am_config_problem_to_string(problems->pdata[j]);
			n_found += strstr(text, expected[i]) != NULL;
			if (i == 0)
				g_test_message("%s", text);
		}
		g_assert_cmpuint(n_found, ==, 1);
	}
}

/* What a hook makes up is found when it does. */
static void
test_hook_names(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const struct {
		const char *script, *failure;
	} cases[] = {
		{ "verdict.route = 'pigeon:coop'", "failure=\"judge: " },
		{ "verdict.redirect = 'nobody at all'", "failure=\"judge: " },
		{ "verdict.quarantine = 'nowhere'", "failure=\"store: quarantine nowhere: " },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *target = g_strconcat("file:", fixture->log_path, NULL);
		g_autofree char *script = g_strdup_printf(
			"amavis.on('judge', function (mail, rcpt, verdict) %s end)\n",
			cases[i].script);
		pipeline_close(fixture);
		rig_add_script(&fixture->rig, script);
		rig_configure(&fixture->rig, CONFIG);
		pipeline_open(fixture);
		(void)g_unlink(fixture->log_path);
		g_assert_true(am_log_open(target, AM_LOG_TEXT, AM_LOG_INFO, NULL));
		g_autofree char *codes = run(fixture, "x", FALSE);
		g_assert_cmpstr(codes, ==, "451");
		assert_line_has(fixture, cases[i].failure);
	}
	g_assert_cmpstr(diary->str, ==, "");
}

/* With -m perf: CPU of the session's thread for a clean mail, without receiving and delivering. */
static void
test_cost(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	static const guint n = 5000;
	struct rusage before, after;
	if (!g_test_perf()) {
		g_test_skip("only with -m perf");
		return;
	}
	g_assert_cmpint(getrusage(RUSAGE_THREAD, &before), ==, 0);
	for (guint i = 0; i < n; i++)
		g_free(run(fixture, "x", FALSE));
	g_assert_cmpint(getrusage(RUSAGE_THREAD, &after), ==, 0);
	double us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
		     before.ru_stime.tv_sec) *
			    1e6 +
		    after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
		    before.ru_stime.tv_usec;
	g_test_minimized_result(us / n, "%.1f us a mail", us / n);
}

#define ADD(path, finding, func) g_test_add(path, Fixture, finding, set_up, func, tear_down)

/* ---- where the client delivers ------------------------------------------------------------- */

static const struct {
	const char *name, *recipients;
	AmConflict conflict;
	gboolean dsn_fails;
	const char *handback, *diary, *status;
} handbacks[] = {
	{ "one", "ok", AM_CONFLICT_SPLIT, FALSE, "given:0", "", "passed" },
	{ "some are blocked", "x ok reject bounce", AM_CONFLICT_SPLIT, FALSE,
	  "given:1 removed:0,2,3", "dsn:bounce, dsn:reject, ", "partly" },
	{ "all are discarded", "x y", AM_CONFLICT_SPLIT, FALSE, "discard removed:0,1", "",
	  "blocked" },
	{ "all are rejected", "reject", AM_CONFLICT_SPLIT, FALSE, "554", "", "blocked" },
	{ "one is to come again", "ok temp", AM_CONFLICT_SPLIT, FALSE, "450", "", "tempfailed" },
	{ "a bounce fails", "ok bounce", AM_CONFLICT_SPLIT, TRUE, "451", "dsn:bounce, ",
	  "tempfailed" },
};

static char *
describe_handback(const AmHandback *handback)
{
	GString *out = g_string_new(NULL);
	if (handback->reply != NULL) {
		g_string_printf(out, "%d", handback->reply->code);
		return g_string_free(out, FALSE);
	}
	if (handback->is_discard)
		g_string_append(out, "discard");
	for (guint i = 0; i < handback->given->len; i++)
		g_string_append_printf(out, "%s%u", i == 0 ? "given:" : ",",
				       g_array_index(handback->given, guint, i));
	for (guint i = 0; i < handback->removed->len; i++)
		g_string_append_printf(out, "%s%u", i == 0 ? " removed:" : ",",
				       g_array_index(handback->removed, guint, i));
	return g_string_free(out, FALSE);
}

static void
test_handback(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
	for (gsize i = 0; i < G_N_ELEMENTS(handbacks); i++) {
		g_auto(AmHandback) handback;
		am_handback_init(&handback);
		g_test_message("%s", handbacks[i].name);
		g_string_truncate(diary, 0);
		dsn_fails = handbacks[i].dsn_fails;
		AmRecord *record =
			am_pipeline_check(fixture->thread, mail_for(handbacks[i].recipients),
					  handbacks[i].conflict, &handback);
		g_autofree char *got = describe_handback(&handback);
		g_assert_cmpstr(got, ==, handbacks[i].handback);
		g_assert_cmpstr(diary->str, ==, handbacks[i].diary);
		g_assert_cmpstr(am_record_status(record), ==, handbacks[i].status);
		am_pipeline_conclude(fixture->thread, record);
	}
	g_assert_cmpint(fixture->statistics.mails_total, ==, G_N_ELEMENTS(handbacks));
	g_assert_cmpint(fixture->statistics.delivered, ==, 2);
}

/* The field that asks for it, in the edits of the group that the client delivers to. */
static const struct {
	AmEditOp op;
	const char *name, *value, *hold;
} holds[] = {
	{ AM_EDIT_PREPEND, "X-Amavis-Hold", "over limits", "over limits" },
	{ AM_EDIT_APPEND, "x-amavis-hold", "over\r\n limits", "over   limits" },
	{ AM_EDIT_DELETE, "X-Amavis-Hold", NULL, NULL },
	{ AM_EDIT_REPLACE, "X-Amavis-Hold", "is the sender's own", NULL },
	{ AM_EDIT_PREPEND, "X-Amavis-Holding", "no", NULL },
};

static void
test_hold(void)
{
	g_autoptr(AmReply) ok = am_reply_new(250, "2.0.0", "Ok");
	g_autoptr(AmReply) later = am_reply_new(451, "4.3.0", "Later");
	for (gsize i = 0; i < G_N_ELEMENTS(holds); i++) {
		g_autoptr(AmEnvelope) envelope = am_envelope_new();
		g_autoptr(GPtrArray) dispositions =
			g_ptr_array_new_with_free_func((GDestroyNotify)am_disposition_free);
		AmDisposition *one =
			am_disposition_new(am_envelope_add_recipient(envelope, "a@example.org"));
		g_ptr_array_add(dispositions, one);
		one->destiny = AM_DESTINY_PASS;
		g_clear_pointer(&one->edits, am_edits_free);
		one->edits = am_edits_new();
		g_assert_true(
			am_edits_add(one->edits, holds[i].op, holds[i].name, holds[i].value, NULL));
		g_auto(AmHandback) handback;
		am_handback_init(&handback);
		am_handback_assign(dispositions, "", AM_CONFLICT_SPLIT, &handback);
		g_assert_cmpuint(handback.given->len, ==, 1);
		am_handback_conclude(dispositions, ok, &handback);
		g_assert_cmpstr(handback.quarantine, ==, holds[i].hold);
		am_handback_conclude(dispositions, later, &handback);
		g_assert_null(handback.quarantine);
	}
}

static AmDisposition *
held_or_not(AmEnvelope *envelope, const char *address, const char *name)
{
	AmDisposition *one = am_disposition_new(am_envelope_add_recipient(envelope, address));
	one->destiny = AM_DESTINY_PASS;
	g_clear_pointer(&one->edits, am_edits_free);
	one->edits = am_edits_new();
	g_assert_true(am_edits_add(one->edits, AM_EDIT_PREPEND, name, "too deep", NULL));
	return one;
}

/* Where all get one header, a mail that is to be held for one is held by the strictest, whatever the
 * order of the recipients, and not by the mildest. */
static void
test_hold_conflict(void)
{
	for (guint i = 0; i < 4; i++) {
		gboolean is_first = (i & 1) != 0;
		AmConflict conflict =
			(i & 2) != 0 ? AM_CONFLICT_STRICTEST : AM_CONFLICT_MILDEST;
		g_autoptr(AmEnvelope) envelope = am_envelope_new();
		g_autoptr(GPtrArray) dispositions =
			g_ptr_array_new_with_free_func((GDestroyNotify)am_disposition_free);
		g_ptr_array_add(dispositions,
				held_or_not(envelope, "a@example.org",
					    is_first ? "X-Amavis-Hold" : "X-Other"));
		g_ptr_array_add(dispositions,
				held_or_not(envelope, "b@example.org",
					    is_first ? "X-Other" : "X-Amavis-Hold"));
		g_auto(AmHandback) handback;
		am_handback_init(&handback);
		am_handback_assign(dispositions, "", conflict, &handback);
		g_assert_cmpuint(handback.given->len, ==, 2);
		g_assert_cmpstr(handback.quarantine, ==,
				conflict == AM_CONFLICT_STRICTEST ? "too deep" : NULL);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/pipeline/clean", NULL, test_clean);
	ADD("/pipeline/ways", "virus", test_way);
	ADD("/pipeline/store-fails", "virus", test_store_fails);
	ADD("/pipeline/no-worker", NULL, test_no_worker);
	ADD("/pipeline/no-worker-pass", NULL, test_no_worker_pass);
	ADD("/pipeline/bypassed", NULL, test_bypassed);
	ADD("/pipeline/not-bypassed", NULL, test_not_bypassed);
	ADD("/pipeline/scanner-fails", NULL, test_scanner_fails);
	ADD("/pipeline/deadline", NULL, test_deadline);
	ADD("/pipeline/copies", "virus", test_copies);
	ADD("/pipeline/copy-special", NULL, test_copy_special);
	ADD("/pipeline/relayed", NULL, test_relayed);
	ADD("/pipeline/try", "virus", test_try);
	ADD("/pipeline/try-fails", "virus", test_try_fails);
	ADD("/pipeline/size-limit", NULL, test_size_limit);
	ADD("/pipeline/problems", NULL, test_problems);
	ADD("/pipeline/names", NULL, test_names);
	ADD("/pipeline/hook-names", NULL, test_hook_names);
	ADD("/pipeline/handback", "virus", test_handback);
	g_test_add_func("/pipeline/hold", test_hold);
	g_test_add_func("/pipeline/hold-conflict", test_hold_conflict);
	ADD("/pipeline/cost", NULL, test_cost);
	return g_test_run();
}
