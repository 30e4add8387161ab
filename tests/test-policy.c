/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#include <config.h>

#include "policy-fixture.h"

static AmDisposition *
judge_one(Fixture *f, AmMail *mail, GPtrArray **all)
{
	g_autoptr(GError) error = NULL;
	*all = am_policy_judge(f->thread, mail, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpuint((*all)->len, ==, mail->envelope->recipients->len);
	return (*all)->pdata[0];
}

typedef struct {
	const char *name;
	const char *conf; /* of [policy] */
	const char *sender;
	const char *facts; /* letters: see apply_facts() */
	double score;
	AmCategory main, blocking;
	AmDestiny destiny;
	int code;
	const char *enhanced;
	const char *reason;
	const char *quarantine;
} Case;

/* v virus, p phishing, e encrypted, l limit, a ambiguous, m macro, f failure of a scanner, x .exe,
 * h missing Date, 8 8bit, c control, U utf8, 6 SMTPUTF8, s scored, b bulk, n no report,
 * L findings lost, d undecoded, q message/partial, S S/MIME */
static void
apply_facts(AmMail *mail, const char *facts, double score)
{
	AmReport *report = mail->report;
	for (const char *p = facts; *p != '\0'; p++) {
		switch (*p) {
		case 'v':
			am_report_add_finding(report, "virus", "Eicar", "clamav", 0, NULL);
			am_report_add_finding(report, "virus", "Eicar", "other", -1, NULL);
			am_report_add_finding(report, "virus", "Zap", "other", -1, NULL);
			break;
		case 'p':
			am_report_add_finding(report, "phishing", "Phish.Bank", "clamav", 0, NULL);
			break;
		case 'e':
			am_report_add_finding(report, "encrypted", "a.zip", "core", 0, NULL);
			break;
		case 'l':
			am_report_add_finding(report, "limit", "depth", "core", 0, NULL);
			break;
		case 'a':
			am_report_add_finding(report, "ambiguous", "boundary", "core", 0, NULL);
			break;
		case 'm':
			am_report_add_finding(report, "macro", "AutoOpen", "x", 0, NULL);
			break;
		case 'f':
			am_report_add_failure(report, "clamav", "engine is gone");
			break;
		case 'x':
			(void)fixture_part(report, 0, "b\xc3\xa4\r\nd.exe", "", "", "");
			break;
		case 'h':
			am_report_add_defect(report, "missing", "Date", 0, "RFC 5322 3.6", NULL);
			break;
		case '8':
			am_report_add_defect(report, "8bit", "Subject", 0, "RFC 5322 2.2", NULL);
			break;
		case 'c':
			am_report_add_defect(report, "control", "X", 64, "RFC 5322 2.2",
					     "NUL or bare CR");
			break;
		case 'U':
			am_report_add_defect(report, "utf8", "Subject", 0, "RFC 5322 2.2", NULL);
			break;
		case '6':
			mail->envelope->smtputf8 = TRUE;
			break;
		case 'd':
			(void)fixture_part(report, 0, "c.zip", "", "application/zip", "zip");
			am_report_add_finding(report, "undecoded", "undecoded", "core", 1,
					      "checksum");
			break;
		case 'q':
			am_report_add_finding(report, "partial", "partial", "core", 0,
					      "the rest comes later");
			break;
		case 'S':
			(void)fixture_part(report, 0, "smime.p7m", "application/pkcs7-mime",
					   "application/pkcs7-mime", "p7m");
			am_report_add_finding(report, "encrypted", "encrypted", "core", 1,
					      "S/MIME enveloped data");
			break;
		case 's':
			report->is_scored = TRUE;
			report->score = score;
			break;
		case 'b':
			report->is_bulk = TRUE;
			break;
		case 'L':
			report->n_findings_lost = 1;
			break;
		case 'n':
			g_clear_pointer(&mail->report, am_report_free);
			return;
		default:
			g_assert_not_reached();
		}
	}
}

#define C(name) AM_CATEGORY_##name
#define D(name) AM_DESTINY_##name

static const Case cases[] = {
	{ "clean", "", "s@x", "", 0, C(CLEAN), C(NONE), D(PASS), 0, NULL, "", "" },
	{ "clean, quarantine", "clean_quarantine = file", "s@x", "", 0, C(CLEAN), C(NONE), D(PASS),
	  0, NULL, "", "file" },
	{ "virus", "", "s@x", "v", 0, C(VIRUS), C(VIRUS), D(DISCARD), 250, "2.7.0",
	  "virus: Eicar, Zap", "file" },
	{ "virus, reject", "virus_destiny = reject", "s@x", "v", 0, C(VIRUS), C(VIRUS), D(REJECT),
	  554, "5.7.0", "virus: Eicar, Zap", "file" },
	{ "virus, tempfail", "virus_destiny = tempfail", "s@x", "v", 0, C(VIRUS), C(VIRUS),
	  D(TEMPFAIL), 450, "4.7.0", "virus: Eicar, Zap", "" },
	{ "virus, bounce", "virus_destiny = bounce", "s@x", "v", 0, C(VIRUS), C(VIRUS), D(BOUNCE),
	  250, "2.5.0", "virus: Eicar, Zap", "file" },
	{ "virus, bounce to nobody", "virus_destiny = bounce", "", "v", 0, C(VIRUS), C(VIRUS),
	  D(DISCARD), 250, "2.7.0", "virus: Eicar, Zap", "file" },
	{ "virus lover", "virus_lover = yes", "s@x", "v", 0, C(VIRUS), C(NONE), D(PASS), 0, NULL,
	  "virus: Eicar, Zap", "" },
	{ "virus lover, but banned", "virus_lover = yes", "s@x", "vx", 0, C(VIRUS), C(BANNED),
	  D(DISCARD), 250, "2.7.0", "banned: b\xc3\xa4??d.exe (extension of a program)", "file" },
	{ "no virus checks", "bypass_virus_checks = yes", "s@x", "vef", 0, C(CLEAN), C(NONE),
	  D(PASS), 0, NULL, "", "" },
	{ "phishing is virus", "", "s@x", "p", 0, C(VIRUS), C(VIRUS), D(DISCARD), 250, "2.7.0",
	  "virus: Phish.Bank", "file" },
	{ "phishing is clean", "finding_categories = virus=virus, phishing=clean", "s@x", "p", 0,
	  C(CLEAN), C(NONE), D(PASS), 0, NULL, "", "" },
	{ "macro is nothing", "", "s@x", "m", 0, C(CLEAN), C(NONE), D(PASS), 0, NULL, "", "" },
	{ "macro is banned", "finding_categories = macro=banned", "s@x", "m", 0, C(BANNED),
	  C(BANNED), D(DISCARD), 250, "2.7.0", "banned", "file" },
	{ "encrypted passes", "", "s@x", "e", 0, C(UNCHECKED), C(NONE), D(PASS), 0, NULL,
	  "unchecked: encrypted a.zip", "" },
	{ "encrypted, reject", "unchecked_destiny = reject", "s@x", "e", 0, C(UNCHECKED),
	  C(UNCHECKED), D(REJECT), 554, "5.7.0", "unchecked: encrypted a.zip", "file" },
	{ "findings lost", "", "s@x", "L", 0, C(UNCHECKED), C(NONE), D(PASS), 0, NULL,
	  "unchecked: over limits (too many findings)", "" },
	{ "undecodable", "", "s@x", "d", 0, C(UNCHECKED), C(NONE), D(PASS), 0, NULL,
	  "unchecked: undecodable c.zip (checksum)", "" },
	{ "a piece", "", "s@x", "q", 0, C(UNCHECKED), C(NONE), D(PASS), 0, NULL,
	  "unchecked: piece of a mail (the rest comes later)", "" },
	{ "all of unchecked", "", "s@x", "ela", 0, C(UNCHECKED), C(NONE), D(PASS), 0, NULL,
	  "unchecked: encrypted a.zip, over limits depth, ambiguous boundary", "" },
	{ "by minor: other", "minor_destinies = encrypted=reject", "s@x", "l", 0, C(UNCHECKED),
	  C(NONE), D(PASS), 0, NULL, "unchecked: over limits depth", "" },
	{ "by minor: encrypted", "minor_destinies = encrypted=reject", "s@x", "el", 0, C(UNCHECKED),
	  C(UNCHECKED), D(REJECT), 554, "5.7.0", "unchecked: encrypted a.zip, over limits depth",
	  "file" },
	{ "by minor: over limits",
	  "minor_destinies = over-limits=tempfail, encrypted=reject", "s@x", "el", 0, C(UNCHECKED),
	  C(UNCHECKED), D(TEMPFAIL), 450, "4.7.0",
	  "unchecked: encrypted a.zip, over limits depth", "" },
	{ "by minor: ambiguous", "minor_destinies = ambiguous=discard", "s@x", "a", 0,
	  C(UNCHECKED), C(UNCHECKED), D(DISCARD), 250, "2.7.0", "unchecked: ambiguous boundary",
	  "file" },
	{ "by minor: undecodable", "minor_destinies = undecodable=reject", "s@x", "d", 0,
	  C(UNCHECKED), C(UNCHECKED), D(REJECT), 554, "5.7.0",
	  "unchecked: undecodable c.zip (checksum)", "file" },
	{ "by minor: an exception", "unchecked_destiny = reject\nminor_destinies = encrypted=pass",
	  "s@x", "e", 0, C(UNCHECKED), C(NONE), D(PASS), 0, NULL, "unchecked: encrypted a.zip",
	  "" },
	{ "by minor: the last one counts",
	  "minor_destinies = encrypted=reject, encrypted=pass", "s@x", "e", 0, C(UNCHECKED),
	  C(NONE), D(PASS), 0, NULL, "unchecked: encrypted a.zip", "" },
	{ "by minor: 8bit", "minor_destinies = 8bit=reject", "s@x", "8h", 0, C(BAD_HEADER),
	  C(BAD_HEADER), D(REJECT), 554, "5.6.0", "bad-header: 8bit Subject", "file" },
	{ "encrypted mail", "", "s@x", "S", 0, C(CLEAN), C(NONE), D(PASS), 0, NULL, "", "" },
	{ "encrypted mail is unchecked", "encrypted_mail_unchecked = yes", "s@x", "S", 0,
	  C(UNCHECKED), C(NONE), D(PASS), 0, NULL,
	  "unchecked: encrypted smime.p7m (S/MIME enveloped data)", "" },
	{ "encrypted mail with a zip", "", "s@x", "Se", 0, C(UNCHECKED), C(NONE), D(PASS), 0, NULL,
	  "unchecked: encrypted a.zip", "" },
	{ "scanner failed", "", "s@x", "f", 0, C(UNCHECKED), C(UNCHECKED), D(TEMPFAIL), 451,
	  "4.5.0", "unchecked: clamav: engine is gone", "" },
	{ "scanner failed, pass", "unchecked_on_failure = pass", "s@x", "f", 0, C(UNCHECKED),
	  C(NONE), D(PASS), 0, NULL, "unchecked: clamav: engine is gone", "" },
	{ "scanner failed, pass, reject unchecked",
	  "unchecked_on_failure = pass\nunchecked_destiny = reject", "s@x", "f", 0, C(UNCHECKED),
	  C(UNCHECKED), D(REJECT), 554, "5.7.0", "unchecked: clamav: engine is gone", "file" },
	{ "scanner failed, other found", "", "s@x", "vf", 0, C(VIRUS), C(VIRUS), D(DISCARD), 250,
	  "2.7.0", "virus: Eicar, Zap", "file" },
	{ "scanner failed, lover", "unchecked_lover = yes", "s@x", "f", 0, C(UNCHECKED), C(NONE),
	  D(PASS), 0, NULL, "unchecked: clamav: engine is gone", "" },
	{ "no report", "", "s@x", "n", 0, C(UNCHECKED), C(UNCHECKED), D(TEMPFAIL), 451, "4.5.0",
	  "unchecked: content could not be checked", "" },
	{ "no report, pass", "unchecked_on_failure = pass", "s@x", "n", 0, C(UNCHECKED), C(NONE),
	  D(PASS), 0, NULL, "unchecked: content could not be checked", "" },
	{ "banned", "", "s@x", "x", 0, C(BANNED), C(BANNED), D(DISCARD), 250, "2.7.0",
	  "banned: b\xc3\xa4??d.exe (extension of a program)", "file" },
	{ "no banned checks", "bypass_banned_checks = yes", "s@x", "x", 0, C(CLEAN), C(NONE),
	  D(PASS), 0, NULL, "", "" },
	{ "no banned rules", "banned_rules =", "s@x", "x", 0, C(CLEAN), C(NONE), D(PASS), 0, NULL,
	  "", "" },
	{ "bad header passes", "", "s@x", "h", 0, C(BAD_HEADER), C(NONE), D(PASS), 0, NULL,
	  "bad-header: missing Date", "" },
	{ "bad header, reject; the first is quoted", "bad_header_destiny = reject", "s@x", "8h", 0,
	  C(BAD_HEADER), C(BAD_HEADER), D(REJECT), 554, "5.6.0", "bad-header: 8bit Subject",
	  "file" },
	{ "bad header, 8bit", "bad_header_destiny = reject", "s@x", "8", 0, C(BAD_HEADER),
	  C(BAD_HEADER), D(REJECT), 554, "5.6.3", "bad-header: 8bit Subject", "file" },
	{ "bad header, with its place", "bad_header_destiny = reject", "s@x", "c", 0,
	  C(BAD_HEADER), C(BAD_HEADER), D(REJECT), 554, "5.6.0",
	  "bad-header: control X (NUL or bare CR, byte 64, RFC 5322 2.2)", "file" },
	{ "all but one", "header_tests = -missing", "s@x", "h", 0, C(CLEAN), C(NONE), D(PASS), 0,
	  NULL, "", "" },
	{ "all but one, written out", "header_tests = all, -missing", "s@x", "h", 0, C(CLEAN),
	  C(NONE), D(PASS), 0, NULL, "", "" },
	{ "all but another", "header_tests = -8bit -long", "s@x", "h8", 0, C(BAD_HEADER), C(NONE),
	  D(PASS), 0, NULL, "bad-header: missing Date", "" },
	{ "no header tests", "header_tests =", "s@x", "h8", 0, C(CLEAN), C(NONE), D(PASS), 0, NULL,
	  "", "" },
	{ "UTF-8 is none", "", "s@x", "U", 0, C(CLEAN), C(NONE), D(PASS), 0, NULL, "", "" },
	{ "UTF-8 is none without a kind either", "header_tests = -long", "s@x", "U", 0, C(CLEAN),
	  C(NONE), D(PASS), 0, NULL, "", "" },
	{ "UTF-8 is one when named", "header_tests = all, utf8\nbad_header_destiny = reject",
	  "s@x", "U", 0, C(BAD_HEADER), C(BAD_HEADER), D(REJECT), 554, "5.6.3",
	  "bad-header: utf8 Subject", "file" },
	{ "UTF-8 in SMTPUTF8 mail", "header_tests = all, utf8", "s@x", "U6", 0, C(CLEAN), C(NONE),
	  D(PASS), 0, NULL, "", "" },
	{ "bad header, bounce", "bad_header_destiny = bounce", "s@x", "h", 0, C(BAD_HEADER),
	  C(BAD_HEADER), D(BOUNCE), 250, "2.5.0", "bad-header: missing Date", "file" },
	{ "bad header, bounce to nobody", "bad_header_destiny = bounce", "", "h", 0, C(BAD_HEADER),
	  C(NONE), D(PASS), 0, NULL, "bad-header: missing Date", "" },
	{ "bad header, bounce of bulk", "bad_header_destiny = bounce", "s@x", "hb", 0,
	  C(BAD_HEADER), C(NONE), D(PASS), 0, NULL, "bad-header: missing Date", "" },
	{ "other header tests", "header_tests = 8bit", "s@x", "h", 0, C(CLEAN), C(NONE), D(PASS), 0,
	  NULL, "", "" },
	{ "no header checks", "bypass_header_checks = yes", "s@x", "h8", 0, C(CLEAN), C(NONE),
	  D(PASS), 0, NULL, "", "" },
	{ "below tag2", "", "s@x", "s", 6.3, C(CLEAN), C(NONE), D(PASS), 0, NULL, "", "" },
	{ "kill", "", "s@x", "s", 6.31, C(SPAM), C(NONE), D(PASS), 0, NULL, "spam: score 6.310",
	  "" },
	{ "between tag2 and kill", "kill_level = 8", "s@x", "s", 7, C(SPAMMY), C(NONE), D(PASS), 0,
	  NULL, "spammy: score 7.000", "" },
	{ "spam, reject", "spam_destiny = reject", "s@x", "s", 8, C(SPAM), C(SPAM), D(REJECT), 554,
	  "5.7.0", "spam: score 8.000", "file" },
	{ "spam, above the quarantine's cutoff", "spam_destiny = reject", "s@x", "s", 25, C(SPAM),
	  C(SPAM), D(REJECT), 554, "5.7.0", "spam: score 25.000", "" },
	{ "spam, kept though it passes", "spam_quarantine = file", "s@x", "s", 8, C(SPAM), C(NONE),
	  D(PASS), 0, NULL, "spam: score 8.000", "file" },
	{ "spam, never killed", "kill_level = never", "s@x", "s", 1000, C(SPAMMY), C(NONE), D(PASS),
	  0, NULL, "spammy: score 1000.000", "" },
	{ "points added", "score_add = 3", "s@x", "s", 4, C(SPAM), C(NONE), D(PASS), 0, NULL,
	  "spam: score 7.000", "" },
	{ "no spam checks", "bypass_spam_checks = yes", "s@x", "s", 100, C(CLEAN), C(NONE), D(PASS),
	  0, NULL, "", "" },
	{ "oversized", "message_size_limit = 10", "s@x", "", 0, C(OVERSIZED), C(OVERSIZED),
	  D(BOUNCE), 250, "2.5.0", "oversized: 20 bytes, limit 10", "" },
	{ "oversized, reject", "message_size_limit = 19\noversized_destiny = reject", "s@x", "", 0,
	  C(OVERSIZED), C(OVERSIZED), D(REJECT), 552, "5.3.4", "oversized: 20 bytes, limit 19",
	  "" },
	{ "just not oversized", "message_size_limit = 20", "s@x", "", 0, C(CLEAN), C(NONE), D(PASS),
	  0, NULL, "", "" },
	{ "highest blocks", "spam_destiny = reject\nvirus_destiny = tempfail", "s@x", "vsh", 9,
	  C(VIRUS), C(VIRUS), D(TEMPFAIL), 450, "4.7.0", "virus: Eicar, Zap", "" },
	{ "lower blocks when higher passes", "bad_header_destiny = reject", "s@x", "sh", 9, C(SPAM),
	  C(BAD_HEADER), D(REJECT), 554, "5.6.0", "bad-header: missing Date", "file" },
};

static void
test_case(gconstpointer data)
{
	const Case *c = data;
	Fixture f;
	g_autofree char *conf = g_strdup_printf("[policy]\n%s\n", c->conf);
	fixture_open(&f, conf, NULL);
	g_assert_null(f.thread->lua);
	g_autoptr(AmMail) mail =
		fixture_mail(c->sender, "r@example.org", "Subject: x\r\n\r\nbody\r\n");
	g_autoptr(GPtrArray) all = NULL;
	apply_facts(mail, c->facts, c->score);
	const AmDisposition *d = judge_one(&f, mail, &all);
	g_assert_cmpstr(am_category_name(d->main_category), ==, am_category_name(c->main));
	g_assert_cmpstr(am_category_name(d->blocking), ==, am_category_name(c->blocking));
	g_assert_cmpstr(am_destiny_name(d->destiny), ==, am_destiny_name(c->destiny));
	g_assert_cmpstr(d->reason, ==, c->reason);
	g_assert_cmpstr(d->quarantine, ==, c->quarantine);
	g_assert_cmpstr(d->target->address, ==, "r@example.org");
	g_assert_cmpstr(d->route, ==, "smtp:[127.0.0.1]:10025");
	if (c->code == 0) {
		g_assert_null(d->reply);
	} else {
		g_assert_cmpint(d->reply->code, ==, c->code);
		g_assert_cmpstr(d->reply->enhanced, ==, c->enhanced);
		g_assert_nonnull(strstr(d->reply->text, mail->id));
		for (const char *p = d->reply->text; *p != '\0'; p++)
			g_assert_true(*p >= ' ' && *p < 0x7f);
	}
	fixture_close(&f);
}

static void
test_failure_text(void)
{
	Fixture f;
	g_autoptr(GError) error = NULL;
	fixture_open(&f, NULL, NULL);
	g_autoptr(AmMail) mail = fixture_mail("s@x", "r@example.org", "x");
	g_clear_pointer(&mail->report, am_report_free);
	g_autoptr(GPtrArray) all =
		am_policy_judge(f.thread, mail, "worker died by signal 11", &error);
	g_assert_no_error(error);
	const AmDisposition *d = all->pdata[0];
	g_assert_cmpstr(d->reason, ==, "unchecked: worker died by signal 11");
	g_assert_cmpint(d->reply->code, ==, 451);
	g_assert_null(strstr(d->reply->text, "signal"));
	fixture_close(&f);
}

/* A next hop by category, for each recipient by its own. */
static void
test_routes(void)
{
	static const struct {
		double score;
		const char *facts, *routes[3]; /* of a@x, b@x, c@x */
	} rows[] = {
		{ 0, "", { "mbox:/all", "mbox:/b", "smtp:[127.0.0.1]:10025" } },
		{ 7, "s", { "mbox:/spammy", "mbox:/b", "mbox:/spammy" } },
		{ 9, "s", { "mbox:/all", "mbox:/b-spam", "smtp:[127.0.0.1]:10025" } },
		{ 7, "sh", { "mbox:/spammy", "mbox:/b", "mbox:/spammy" } },
		{ 0, "h", { "mbox:/all", "mbox:/b", "mbox:/c-header" } },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		Fixture f;
		fixture_open(&f, "[policy]\nforward_route = mbox:/all\n"
			     "spammy_route = mbox:/spammy\nkill_level = 8\n",
			     "amavis.settings{ for_recipient = 'b@x', forward_route = 'mbox:/b',\n"
			     "                 spam_route = 'mbox:/b-spam', spammy_route = '' }\n"
			     "amavis.settings{ for_recipient = 'c@x', forward_route = '',\n"
			     "                 bad_header_route = 'mbox:/c-header' }\n");
		g_autoptr(AmMail) mail = fixture_mail("s@x", "a@x b@x c@x", "x");
		g_autoptr(GPtrArray) all = NULL;
		apply_facts(mail, rows[i].facts, rows[i].score);
		judge_one(&f, mail, &all);
		for (guint k = 0; k < 3; k++) {
			const AmDisposition *d = all->pdata[k];
			g_assert_cmpstr(d->route, ==, rows[i].routes[k]);
		}
		fixture_close(&f);
	}
}

/* One inspection, many recipients, each with its own settings (features P1). */
static void
test_recipients(void)
{
	Fixture f;
	fixture_open(&f, "[policy]\nlocal_domains = example.org .example.net\n",
		     "amavis.settings{ for_recipient = 'abuse@example.org', virus_lover = true,\n"
		     "                 banned_rules = '' }\n"
		     "amavis.settings{ for_recipient = '@example.org', virus_destiny = 'reject' }\n"
		     "amavis.settings{ for_recipient = '.', virus_destiny = 'bounce' }\n"
		     "amavis.settings{ for_recipient = 'away@example.org', redirect = "
		     "'<new@example.com>',\n"
		     "                 forward_route = 'lmtp:unix:/x', virus_lover = true,\n"
		     "                 banned_rules = '' }\n");
	g_autoptr(AmMail) mail = fixture_mail("s@x",
					      "a@example.org abuse@example.org Abuse+x@EXAMPLE.org "
					      "b@sub.example.net c@other away@example.org",
					      "x");
	g_autoptr(GPtrArray) all = NULL;
	apply_facts(mail, "vx", 0);
	judge_one(&f, mail, &all);
	const AmDisposition *const *d = (gpointer)all->pdata;
	g_assert_cmpint(d[0]->destiny, ==, AM_DESTINY_REJECT);
	g_assert_true(d[0]->settings->is_local);
	g_assert_true(am_category_set_has(&d[0]->categories, AM_CATEGORY_BANNED));
	g_assert_cmpint(d[1]->destiny, ==, AM_DESTINY_PASS);
	g_assert_false(am_category_set_has(&d[1]->categories, AM_CATEGORY_BANNED));
	g_assert_cmpint(d[1]->banned_part, ==, -1);
	g_assert_cmpint(d[2]->destiny, ==, AM_DESTINY_PASS);
	g_assert_cmpint(d[3]->destiny, ==, AM_DESTINY_BOUNCE);
	g_assert_true(d[3]->settings->is_local);
	g_assert_cmpint(d[3]->banned_part, ==, 1);
	g_assert_cmpint(d[4]->destiny, ==, AM_DESTINY_BOUNCE);
	g_assert_cmpint(d[4]->banned_part, ==, 1);
	g_assert_false(d[4]->settings->is_local);
	g_assert_cmpstr(d[5]->target->address, ==, "new@example.com");
	g_assert_cmpstr(d[5]->recipient->address, ==, "away@example.org");
	g_assert_cmpstr(d[5]->route, ==, "lmtp:unix:/x");
	fixture_close(&f);
}

static void
test_dsn(void)
{
	Fixture f;
	fixture_open(&f, "[policy]\nspam_destiny = bounce\n", NULL);
	g_autoptr(AmMail) mail = fixture_mail("s@x", "r@example.org", "x");
	g_autoptr(GPtrArray) low = NULL, high = NULL;
	apply_facts(mail, "s", 9);
	g_assert_cmpstr(judge_one(&f, mail, &low)->dsn_suppressed, ==, "");
	mail->report->score = 10;
	const AmDisposition *d = judge_one(&f, mail, &high);
	g_assert_cmpint(d->destiny, ==, AM_DESTINY_BOUNCE);
	g_assert_cmpstr(d->dsn_suppressed, ==, "score above dsn_cutoff_level");
	fixture_close(&f);
}

/* What a declaration is for, from least to most special; each is tried with all before it. */
static void
test_specialty(void)
{
	static const char *const selectors[] = {
		"",
		"for_listener='in',",
		"for_bank='IN',",
		"for_client='192.0.0.0/8',",
		"for_client={'198.51.100.0/24','192.0.2.0/24'},",
		"for_sender='.',",
		"for_sender='example.com',",
		"for_sender='boss@example.com',",
		"for_recipient='.',",
		"for_recipient='.org',",
		"for_recipient='.example.org',",
		"for_recipient='@example.org',",
		"for_recipient='user@',",
		"for_recipient='user@example.org',",
		"for_recipient='user@example.org',for_client='192.0.2.1',",
		"for_recipient={'x@y','user+ext@example.org'},",
	};
	g_autoptr(GString) script = g_string_new(NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(selectors); i++) {
		Fixture f;
		/* prepended: the order of declaration must not be what decides */
		g_autofree char *line = g_strdup_printf("amavis.settings{ %s kill_level = %d }\n",
							selectors[i], (int)i);
		g_string_prepend(script, line);
		fixture_open(&f, NULL, script->str);
		g_autoptr(AmMail) mail =
			fixture_mail("boss@example.com", "user+ext@example.org", "x");
		fixture_set(&mail->envelope->client_address, "192.0.2.1");
		fixture_set(&mail->envelope->listener, "in");
		g_strfreev(mail->envelope->policy_banks);
		mail->envelope->policy_banks = g_strsplit("IN", " ", -1);
		g_autoptr(AmSettings) settings = am_policy_settings(
			f.thread, mail->envelope, mail->envelope->recipients->pdata[0], NULL);
		g_test_message("%s", selectors[i]);
		g_assert_cmpfloat(settings->kill_level, ==, (double)i);
		fixture_close(&f);
	}
}

static void
test_not_selected(void)
{
	static const char *const others[] = {
		"for_listener='out',",
		"for_bank='OUT',",
		"for_client='192.0.3.0/24',",
		"for_client='::/0',for_sender='nobody@example.com',",
		"for_sender='',",
		"for_recipient='user@example.com',",
		"for_recipient='xample.org',",
		"for_recipient='.user@example.org',",
		"for_recipient='user@example.org',for_listener='out',",
		"for_recipient='user@example.org',for_sender='<>',",
	};
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
		Fixture f;
		g_autofree char *script =
			g_strdup_printf("amavis.settings{ %s kill_level = 99 }\n", others[i]);
		fixture_open(&f, NULL, script);
		g_autoptr(AmMail) mail = fixture_mail("boss@example.com", "user@example.org", "x");
		fixture_set(&mail->envelope->client_address, "192.0.2.1");
		fixture_set(&mail->envelope->listener, "in");
		g_autoptr(AmSettings) settings = am_policy_settings(
			f.thread, mail->envelope, mail->envelope->recipients->pdata[0], NULL);
		g_test_message("%s", others[i]);
		g_assert_cmpfloat(settings->kill_level, ==, 6.31);
		fixture_close(&f);
	}
}

static void
test_null_sender_and_ipv6(void)
{
	Fixture f;
	fixture_open(&f, NULL,
		     "amavis.settings{ for_sender = '<>', kill_level = 1 }\n"
		     "amavis.settings{ for_client = '2001:db8::/33', tag_level = 2.5 }\n"
		     "amavis.settings{ for_recipient = '@b\xc3\xbc"
		     "cher.example', tag2_level = 3 }\n");
	g_autoptr(AmMail) mail = fixture_mail("", "u@xn--bcher-kva.example", "x");
	fixture_set(&mail->envelope->client_address, "2001:db8:7fff::1");
	g_autoptr(AmSettings) settings = am_policy_settings(
		f.thread, mail->envelope, mail->envelope->recipients->pdata[0], NULL);
	g_assert_cmpfloat(settings->kill_level, ==, 1);
	g_assert_cmpfloat(settings->tag_level, ==, 2.5);
	g_assert_cmpfloat(settings->tag2_level, ==, 3);
	fixture_set(&mail->envelope->client_address, "2001:db8:8000::1");
	g_autoptr(AmSettings) outside = am_policy_settings(
		f.thread, mail->envelope, mail->envelope->recipients->pdata[0], NULL);
	g_assert_cmpfloat(outside->tag_level, ==, 2);
	fixture_close(&f);
}

/* Many declarations cost no more than few. */
static void
test_many(void)
{
	Fixture f;
	fixture_open(
		&f, NULL,
		"for i = 1, 5000 do\n"
		"  amavis.settings{ for_recipient = 'u' .. i .. '@example.org', kill_level = i }\n"
		"end\n");
	g_autoptr(AmMail) mail = fixture_mail("s@x", "u777@example.org", "x");
	gint64 start = g_get_monotonic_time();
	for (guint i = 0; i < 2000; i++) {
		g_autoptr(AmSettings) settings = am_policy_settings(
			f.thread, mail->envelope, mail->envelope->recipients->pdata[0], NULL);
		g_assert_cmpfloat(settings->kill_level, ==, 777);
	}
	gint64 took = g_get_monotonic_time() - start;
	g_test_message("%.1f us for a recipient", (double)took / 2000);
	g_assert_cmpint(took, <, 10 * G_USEC_PER_SEC);
	fixture_close(&f);
}

static void
test_bypass(void)
{
	AmSettings yes, no;
	am_settings_init(&yes);
	am_settings_init(&no);
	yes.bypass_virus = yes.bypass_spam = TRUE;
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	g_assert_false(am_policy_all_bypass(all, AM_CATEGORY_VIRUS));
	g_ptr_array_add(all, &yes);
	g_assert_true(am_policy_all_bypass(all, AM_CATEGORY_VIRUS));
	g_assert_true(am_policy_all_bypass(all, AM_CATEGORY_SPAM));
	g_assert_false(am_policy_all_bypass(all, AM_CATEGORY_BANNED));
	g_assert_false(am_policy_all_bypass(all, AM_CATEGORY_CLEAN));
	g_ptr_array_add(all, &no);
	g_assert_false(am_policy_all_bypass(all, AM_CATEGORY_VIRUS));
}

/* Every problem, with file and line. */
static void
test_problems(void)
{
	static const char *const expected[] = {
		"amavisd.conf:3: ",
		"amavisd.conf:4: ",
		"amavisd.conf:5: ",
		"50-policy.lua:2: ",
		"60-more.lua:1: ",
		"70-syntax.lua:2: ",
		"80-rules.lua:2: banned_rules: there are no rules named \"nonsense\"",
		"amavisd.conf:6: [policy]: setting \"local_domains\"",
	};
	Fixture f;
	fixture_init(&f);
	g_free(fixture_write(&f, "amavisd.conf",
			     "[policy]\nkill_level = 5\nspam_destiny = drop\nkil_level = 5\n"
			     "tag_level = x\nlocal_domains = a,b c\x01\n"));
	g_free(fixture_write(&f, "conf.d/50-policy.lua",
			     "local x = 1\namavis.settings{ kill_lvel = 3 }\n"));
	g_free(fixture_write(&f, "conf.d/60-more.lua",
			     "amavis.settings{ for_client = '1.2.3' }\n"));
	g_free(fixture_write(&f, "conf.d/70-syntax.lua", "x = 1\ny = = 2\n"));
	g_free(fixture_write(
		&f, "conf.d/80-rules.lua",
		"\namavis.settings{ for_recipient = '.', banned_rules = 'default, nonsense' }\n"));
	fixture_build(&f);
	for (gsize i = 0; i < G_N_ELEMENTS(expected); i++) {
		gboolean found = FALSE;
		for (guint j = 0; j < f.problems->len && !found; j++) {
			g_autofree char *text = am_config_problem_to_string(f.problems->pdata[j]);
			found = strstr(text, expected[i]) != NULL;
		}
		g_test_message("%s", expected[i]);
		g_assert_true(found);
	}
	fixture_close(&f);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/policy/judge/%s", cases[i].name);
		g_test_add_data_func(path, &cases[i], test_case);
	}
	g_test_add_func("/policy/failure-text", test_failure_text);
	g_test_add_func("/policy/recipients", test_recipients);
	g_test_add_func("/policy/routes", test_routes);
	g_test_add_func("/policy/dsn", test_dsn);
	g_test_add_func("/policy/specialty", test_specialty);
	g_test_add_func("/policy/not-selected", test_not_selected);
	g_test_add_func("/policy/null-sender-and-ipv6", test_null_sender_and_ipv6);
	g_test_add_func("/policy/many", test_many);
	g_test_add_func("/policy/bypass", test_bypass);
	g_test_add_func("/policy/problems", test_problems);
	return g_test_run();
}
