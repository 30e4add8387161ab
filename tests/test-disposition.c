/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* R2 and R3 over every combination of outcomes of one to four recipients, against a model that says
 * the rules in its own way: letters in a text. */

#include <config.h>

#include "policy/disposition.h"

#include <math.h>
#include <string.h>

typedef struct {
	char letter;
	AmDestiny destiny;
	int code; /* 0: no reply */
	const char *enhanced;
	const char *text;
	int lmtp_code;
	gboolean lmtp_dsn;
} Kind;

static const Kind kinds[] = {
	{ 'P', AM_DESTINY_PASS, 250, "2.0.0", "next hop took it", 250, FALSE },
	{ 't', AM_DESTINY_PASS, 450, "4.2.0", "next hop is busy", 450, FALSE },
	{ 'f', AM_DESTINY_PASS, 550, "5.1.1", "next hop knows no such user", 550, FALSE },
	{ 'R', AM_DESTINY_REJECT, 554, "5.7.0", "we reject", 554, FALSE },
	{ 'B', AM_DESTINY_BOUNCE, 250, "2.5.0", "Ok, BOUNCE", 250, TRUE },
	{ 'b', AM_DESTINY_BOUNCE, 554, "5.7.0", "bounced, but said badly", 250, TRUE },
	{ 'D', AM_DESTINY_DISCARD, 250, "2.7.0", "Ok, discarded", 250, FALSE },
	{ 'q', AM_DESTINY_DISCARD, 451, "4.3.0", "quarantine is full", 451, FALSE },
	{ 'T', AM_DESTINY_TEMPFAIL, 451, "4.5.0", "we tempfail", 451, FALSE },
	{ 'x', AM_DESTINY_PASS, 0, NULL, NULL, 451, FALSE },
};

static AmRecipient recipient = { .address = (char *)"a@example.org" };

static GPtrArray *
make(const char *letters)
{
	GPtrArray *dispositions =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_disposition_free);
	for (; *letters != '\0'; letters++) {
		const Kind *kind = kinds;
		while (kind->letter != *letters)
			kind++;
		AmDisposition *disposition = am_disposition_new(&recipient);
		disposition->destiny = kind->destiny;
		disposition->wants_dsn = TRUE; /* stale: must be overwritten */
		if (kind->code != 0)
			disposition->reply =
				am_reply_new(kind->code, kind->enhanced, "%s", kind->text);
		g_ptr_array_add(dispositions, disposition);
	}
	return dispositions;
}

/* Letter whose reply is given, '*' for a plain success; dsn: letters that get a DSN. */
static char
model(const char *letters, const char **dsn)
{
	*dsn = "";
	const char *temporary = strpbrk(letters, "tqTx");
	if (temporary != NULL)
		return *temporary;
	if (strspn(letters, "D") == strlen(letters))
		return 'D';
	if (strspn(letters, "DRf") == strlen(letters))
		return strchr(letters, 'f') != NULL ? 'f' : 'R';
	*dsn = "RfBb";
	return strchr(letters, 'P') != NULL ? 'P' : *strpbrk(letters, "Bb");
}

static void
check_one(const char *letters)
{
	const char *dsn;
	char expected = model(letters, &dsn);
	const Kind *kind = kinds;
	g_autoptr(GPtrArray) dispositions = make(letters);
	g_autoptr(GPtrArray) replies = am_disposition_replies(dispositions, FALSE);
	g_assert_cmpuint(replies->len, ==, 1);
	const AmReply *reply = replies->pdata[0];
	while (kind->letter != expected)
		kind++;
	g_test_message("%s: %d %s", letters, reply->code, reply->text);
	if (expected == 'x')
		g_assert_cmpint(reply->code, ==, 451);
	else if (expected == 'b')
		g_assert_cmpint(reply->code, ==, 250);
	else {
		g_assert_cmpint(reply->code, ==, kind->code);
		g_assert_cmpstr(reply->enhanced, ==, kind->enhanced);
		g_assert_cmpstr(reply->text, ==, kind->text);
	}
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		g_assert_cmpint(disposition->wants_dsn, ==, strchr(dsn, letters[i]) != NULL);
	}
}

static void
check_each(const char *letters)
{
	g_autoptr(GPtrArray) dispositions = make(letters);
	g_autoptr(GPtrArray) replies = am_disposition_replies(dispositions, TRUE);
	g_assert_cmpuint(replies->len, ==, strlen(letters));
	for (guint i = 0; i < replies->len; i++) {
		const AmReply *reply = replies->pdata[i];
		const AmDisposition *disposition = dispositions->pdata[i];
		const Kind *kind = kinds;
		while (kind->letter != letters[i])
			kind++;
		g_assert_cmpint(reply->code, ==, kind->lmtp_code);
		g_assert_cmpint(disposition->wants_dsn, ==, kind->lmtp_dsn);
		if (kind->code == kind->lmtp_code)
			g_assert_cmpstr(reply->text, ==, kind->text);
	}
}

static void
test_all(void)
{
	for (guint len = 1; len <= 4; len++) {
		guint n = 1;
		for (guint i = 0; i < len; i++)
			n *= G_N_ELEMENTS(kinds);
		for (guint number = 0; number < n; number++) {
			char letters[5] = "";
			for (guint i = 0, rest = number; i < len; i++, rest /= G_N_ELEMENTS(kinds))
				letters[i] = kinds[rest % G_N_ELEMENTS(kinds)].letter;
			check_one(letters);
			if (len <= 3)
				check_each(letters);
		}
	}
}

static void
test_none(void)
{
	g_autoptr(GPtrArray) dispositions = make("");
	g_autoptr(GPtrArray) one = am_disposition_replies(dispositions, FALSE);
	g_autoptr(GPtrArray) each = am_disposition_replies(dispositions, TRUE);
	g_assert_cmpuint(one->len, ==, 1);
	g_assert_cmpint(((AmReply *)one->pdata[0])->code, ==, 250);
	g_assert_cmpuint(each->len, ==, 0);
}

/* A tempfail that someone answered with success or 5xx must not lose the mail. */
static void
test_destiny_before_reply(void)
{
	static const int codes[] = { 250, 354, 550 };
	for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
		g_autoptr(GPtrArray) dispositions = make("PT");
		AmDisposition *disposition = dispositions->pdata[1];
		am_reply_free(disposition->reply);
		disposition->reply = am_reply_new(codes[i], NULL, "odd");
		g_autoptr(GPtrArray) one = am_disposition_replies(dispositions, FALSE);
		g_assert_cmpint(((AmReply *)one->pdata[0])->code, ==, 451);
		g_autoptr(GPtrArray) each = am_disposition_replies(dispositions, TRUE);
		g_assert_cmpint(((AmReply *)each->pdata[0])->code, ==, 250);
		g_assert_cmpint(((AmReply *)each->pdata[1])->code, ==, 451);
	}
	g_autoptr(GPtrArray) odd = make("D");
	AmDisposition *disposition = odd->pdata[0];
	am_reply_free(disposition->reply);
	disposition->reply = am_reply_new(554, "5.7.0", "odd");
	g_autoptr(GPtrArray) one = am_disposition_replies(odd, FALSE);
	g_assert_cmpint(((AmReply *)one->pdata[0])->code, ==, 250);
}

typedef struct {
	const char *name;
	const char *notify;
	const char *sender;
	AmDestiny destiny;
	AmCategory main;
	double score; /* NAN: not scored */
	gboolean is_bulk;
	const char *obstacle;
} ObstacleCase;

static const ObstacleCase obstacles[] = {
	{ "plain", NULL, "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_SPAM, 7, FALSE, "" },
	{ "unscored", NULL, "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_BANNED, NAN, FALSE, "" },
	{ "never", "NEVER", "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_SPAM, 7, FALSE,
	  "NOTIFY without FAILURE" },
	{ "success only", "SUCCESS,DELAY", "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_SPAM, 7, FALSE,
	  "NOTIFY without FAILURE" },
	{ "failure", "SUCCESS,FAILURE", "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_SPAM, 7, FALSE, "" },
	{ "null sender", NULL, "", AM_DESTINY_BOUNCE, AM_CATEGORY_BANNED, NAN, FALSE,
	  "null sender" },
	{ "notify before null", "NEVER", "", AM_DESTINY_BOUNCE, AM_CATEGORY_BANNED, NAN, FALSE,
	  "NOTIFY without FAILURE" },
	{ "discard", NULL, "s@x", AM_DESTINY_DISCARD, AM_CATEGORY_VIRUS, NAN, FALSE, "discarded" },
	{ "cutoff", NULL, "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_SPAM, 10, FALSE,
	  "score above dsn_cutoff_level" },
	{ "below cutoff", NULL, "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_SPAM, 9.99, FALSE, "" },
	{ "bulk", NULL, "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_BANNED, 0, TRUE, "bulk mail" },
	{ "bulk, oversized", NULL, "s@x", AM_DESTINY_BOUNCE, AM_CATEGORY_OVERSIZED, 0, TRUE, "" },
};

static void
test_obstacles(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(obstacles); i++) {
		const ObstacleCase *c = &obstacles[i];
		g_autoptr(AmEnvelope) envelope = am_envelope_new();
		g_autoptr(AmReport) report = am_report_new();
		AmMail mail = { .envelope = envelope, .report = report };
		AmRecipient *rcpt = am_envelope_add_recipient(envelope, "r@example.org");
		g_autoptr(AmDisposition) disposition = am_disposition_new(rcpt);
		g_free(envelope->sender);
		envelope->sender = g_strdup(c->sender);
		rcpt->notify = g_strdup(c->notify);
		report->is_scored = !isnan(c->score);
		report->is_bulk = c->is_bulk;
		disposition->score = report->is_scored ? c->score : 0;
		disposition->destiny = c->destiny;
		disposition->main_category = c->main;
		disposition->settings = g_new(AmSettings, 1);
		am_settings_init(disposition->settings);
		g_test_message("%s", c->name);
		g_assert_cmpstr(am_disposition_dsn_obstacle(disposition, &mail), ==, c->obstacle);
	}
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/disposition/all", test_all);
	g_test_add_func("/disposition/none", test_none);
	g_test_add_func("/disposition/destiny-before-reply", test_destiny_before_reply);
	g_test_add_func("/disposition/obstacles", test_obstacles);
	return g_test_run();
}
