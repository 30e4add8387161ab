/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The client against a next hop that plays a script: every step answered well, badly and not at
 * all. */

#include <config.h>

#include <string.h>

#include "smtp-job.h"

typedef struct {
	const char *name;
	const char *recipients; /* separated by commas */
	const char *scripts[4];
	const char *replies; /* of each recipient: "250 2.0.0,450 -" */
	const char *text;    /* part of the first one's text, NULL any */
	/* the rest may be left out */
	gboolean is_lmtp;
	gboolean is_smtp_caller;
	gboolean is_short; /* the peer stalls: short times */
	gboolean is_big;
	gboolean may_have_dot; /* a final dot may be seen though there is no 2xx */
	gboolean is_in_doubt;
	const char *sender;
	AmBody body;
	gboolean smtputf8;
	const char *mail;
	const char *envid, *ret, *notify, *orcpt;
} Case;

/* clang-format off: a table reads by rows */
static const Case cases[] = {
	{ "pipelined",
	  "a@x.org",
	  { FULL ONE OK OK GO "D\n" QUEUED },
	  "250 2.0.0",
	  "queued as 4XyZ" },
	{ "one by one",
	  "a@x.org",
	  { BARE
	    "C:MAIL FROM:<s@x.org>\r\nS:250 ok\nC:RCPT TO:<a@x.org>\r\nS:250 ok\nC:DATA\nS:354 \n"
	    "D\nS:250 queued as 4XyZ\n" },
	  "250 -",
	  "queued as" },
	{ "many lines",
	  "a@x.org",
	  { "S:220-mx\nS:220-more\nS:220 end\nC:EHLO\nS:250 mx\nC:MAIL\nS:250-a\nS:250 b\nC:RCPT\n"
	    "S:251 will do\nC:DATA\nS:354-a\nS:354 b\nD\nS:250-2.6.0 one\nS:250 2.6.0 two\n" },
	  "250 2.6.0",
	  "one\ntwo" },
	{ "HELO",
	  "a@x.org",
	  { "S:220 mx\nC:EHLO\nS:502 what\nC:HELO me.example\r\nS:250 PIPELINING\nC:MAIL "
	    "FROM:<s@x.org>\r\n"
	    "S:250 ok\nC:RCPT\nS:250 ok\nC:DATA\n" GO "D\nS:250 ok\n" },
	  "250 -" },
	{ "null sender",
	  "a@x.org",
	  { FULL "C:MAIL FROM:<> SIZE=\nC:RCPT\nC:DATA\n" OK OK GO "D\n" OK },
	  "250 2.0.0",
	  .sender = "" },
	{ "parameters",
	  "a@x.org",
	  { FULL
	    "C:MAIL FROM:<s@x.org> SIZE=26 BODY=8BITMIME RET=HDRS ENVID=e1\r\n"
	    "C:RCPT TO:<a@x.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;o@x.org\r\nC:DATA\n" OK OK GO
	    "D\n" OK },
	  "250 2.0.0",
	  .body = AM_BODY_8BITMIME,
	  .envid = "e1",
	  .ret = "HDRS",
	  .notify = "FAILURE,DELAY",
	  .orcpt = "rfc822;o@x.org" },
	/* utf-8-addr-unitext becomes utf-8-addr-xtext where SMTPUTF8 is not said */
	{ "ORCPT without SMTPUTF8",
	  "a@x.org",
	  { FULL
	    "C:MAIL FROM:<s@x.org> SIZE=26\r\n"
	    "C:RCPT TO:<a@x.org> ORCPT=utf-8;\\x{E4}\\x{2B}b@\\x{1F600}.org\r\nC:DATA\n" OK OK GO
	    "D\n" OK },
	  "250 2.0.0",
	  .orcpt = "utf-8;\xc3\xa4\\x{2B}b@\xf0\x9f\x98\x80.org" },
	{ "ORCPT not ASCII and not utf-8",
	  "a@x.org",
	  { FULL "C:MAIL FROM:<s@x.org> SIZE=26\r\nC:RCPT TO:<a@x.org>\r\nC:DATA\n" OK OK GO "D\n" OK },
	  "250 2.0.0",
	  .orcpt = "rfc822;\xc3\xa4@x.org" },
	{ "no parameters",
	  "a@x.org",
	  { BARE "C:MAIL FROM:<s@x.org>\r\nS:250 ok\nC:RCPT TO:<a@x.org>\r\nS:250 ok\nC:DATA\n" GO
		 "D\nS:250 ok\n" },
	  "250 -",
	  .body = AM_BODY_8BITMIME,
	  .envid = "e1",
	  .ret = "HDRS",
	  .notify = "NEVER",
	  .orcpt = "rfc822;o@x.org" },
	{ "parameter would end the line",
	  "a@x.org",
	  { FULL "C:MAIL FROM:<s@x.org> SIZE=26\r\nC:RCPT TO:<a@x.org>\r\nC:DATA\n" OK OK GO
		 "D\n" OK },
	  "250 2.0.0",
	  .envid = "e\r\nRSET",
	  .orcpt = "rfc822;a b" },
	{ "address would end the line", "a\r\nRSET@x.org", { FULL }, "553 5.1.3" },
	{ "8 bits, no 8BITMIME",
	  "a@x.org",
	  { BARE },
	  "550 5.6.3",
	  .body = AM_BODY_8BITMIME,
	  .mail = "Subject: x\r\n\r\n\xc3\xa4\r\n" },
	{ "8 bits undeclared",
	  "a@x.org",
	  { BARE "C:MAIL FROM:<s@x.org>\r\nS:250 ok\nC:RCPT\nS:250 ok\nC:DATA\n" GO
		 "D\nS:250 ok\n" },
	  "250 -",
	  .mail = "Subject: x\r\n\r\n\xc3\xa4\r\n" },
	{ "UTF-8 address",
	  "\xc3\xa4@x.org",
	  { FULL
	    "C:MAIL FROM:<s@x.org> SIZE=26 SMTPUTF8\r\nC:RCPT TO:<\xc3\xa4@x.org>\nC:DATA\n" OK OK
		    GO "D\n" OK },
	  "250 2.0.0",
	  .smtputf8 = TRUE },
	{ "UTF-8 not needed",
	  "a@x.org",
	  { FULL "C:MAIL FROM:<s@x.org> SIZE=26\r\nC:RCPT\nC:DATA\n" OK OK GO "D\n" OK },
	  "250 2.0.0",
	  .smtputf8 = TRUE },
	{ "UTF-8 local part, no SMTPUTF8",
	  "\xc3\xa4@x.org,b@x.org",
	  { BARE "C:MAIL FROM:<s@x.org>\r\nS:250 ok\nC:RCPT TO:<b@x.org>\r\nS:250 ok\nC:DATA\n" GO
		 "D\nS:250 ok\n" },
	  "553 5.6.7,250 -",
	  .smtputf8 = TRUE },
	{ "UTF-8 domain, no SMTPUTF8",
	  "a@b\xc3\xbc"
	  "cher.example",
	  { BARE
	    "C:MAIL FROM:<s@x.org>\r\nS:250 ok\nC:RCPT TO:<a@xn--bcher-kva.example>\r\nS:250 ok\n"
	    "C:DATA\n" GO "D\nS:250 ok\n" },
	  "250 -",
	  .smtputf8 = TRUE },
	{ "UTF-8 sender, no SMTPUTF8",
	  "a@x.org",
	  { BARE },
	  "550 5.6.7",
	  .sender = "\xc3\xa4@x.org",
	  .smtputf8 = TRUE },
	{ "UTF-8 header, no SMTPUTF8",
	  "a@x.org",
	  { BARE },
	  "550 5.6.7",
	  .smtputf8 = TRUE,
	  .mail = "Subject: \xc3\xa4\r\n\r\nx\r\n" },

	/* recipients that fare differently */
	{ "one of two refused",
	  "a@x.org,b@x.org",
	  { FULL TWO OK OK "S:550 5.1.1 no\nC:DATA\n" GO "D\n" QUEUED },
	  "250 2.0.0,550 5.1.1",
	  .is_smtp_caller = TRUE },
	{ "one of two refused, all along",
	  "a@x.org,b@x.org",
	  { FULL TWO "C:DATA\n" OK OK "S:450 4.2.0 later\n" GO "D\n" QUEUED },
	  "250 2.0.0,450 4.2.0" },
	{ "4xx ends it for all",
	  "a@x.org,b@x.org,c@x.org",
	  { FULL THREE OK OK "S:450 4.2.0 later\n"
			     "S:550 5.1.1 no\nC:RSET\n" OK },
	  "450 4.2.0,450 4.2.0,450 4.2.0",
	  .is_smtp_caller = TRUE },
	{ "4xx ends it for all, one by one",
	  "a@x.org,b@x.org,c@x.org",
	  { BARE "C:MAIL\nS:250 ok\nC:RCPT\nS:250 ok\nC:RCPT\nS:450 later\nC:RSET\nS:250 ok\n" },
	  "450 -,450 -,450 -",
	  .is_smtp_caller = TRUE },
	{ "all refused",
	  "a@x.org,b@x.org",
	  { FULL TWO OK "S:550 5.1.1 a\nS:550 5.1.2 b\nC:RSET\n" OK },
	  "550 5.1.1,550 5.1.2",
	  .is_smtp_caller = TRUE },
	{ "refused, then DATA refused",
	  "a@x.org",
	  { FULL ONE OK "S:550 5.1.1 no\nS:554 5.5.1 no recipients\nC:RSET\n" OK },
	  "550 5.1.1",
	  "no" },
	{ "refused, yet 354",
	  "a@x.org",
	  { FULL ONE OK "S:550 5.1.1 no\n" GO "C:.\r\nS:554 5.5.1 no\nC:RSET\n" OK },
	  "550 5.1.1",
	  .may_have_dot = TRUE },
	{ "later, yet 354",
	  "a@x.org",
	  { FULL ONE OK "S:450 4.2.0 no\n" GO "C:.\r\nS:250 2.0.0 what\nC:RSET\n" OK },
	  "450 4.2.0",
	  .is_smtp_caller = TRUE,
	  .may_have_dot = TRUE },
	{ "refused, yet 354, LMTP",
	  "a@x.org",
	  { LFULL ONE OK "S:550 5.1.1 no\n" GO "end" },
	  "550 5.1.1",
	  .is_lmtp = TRUE },
	{ "too many",
	  "a@x.org,b@x.org,c@x.org",
	  { FULL THREE OK OK
	    "S:452 4.5.3 many\nS:452 4.5.3 many\nC:DATA\n" GO "D\n" OK
	    "C:MAIL\nC:RCPT TO:<b@x.org>\nC:RCPT TO:<c@x.org>\n" OK OK "S:552 many\nC:DATA\n" GO
	    "D\n" OK "C:MAIL\nC:RCPT TO:<c@x.org>\nC:DATA\n" OK OK GO "D\nS:250 2.0.0 third\n" },
	  "250 2.0.0,250 2.0.0,250 2.0.0",
	  .is_smtp_caller = TRUE },
	{ "too many, none accepted",
	  "a@x.org,b@x.org",
	  { FULL TWO OK "S:452 4.5.3 many\nS:452 4.5.3 many\nC:RSET\n" OK },
	  "452 4.5.3,452 4.5.3",
	  .is_smtp_caller = TRUE },
	{ "too many, then the mail later",
	  "a@x.org,b@x.org",
	  { FULL TWO OK OK "S:452 4.5.3 many\nC:DATA\n" GO "D\nS:451 4.3.0 later\n" },
	  "451 4.3.0,451 4.3.0",
	  .is_smtp_caller = TRUE,
	  .may_have_dot = TRUE },
	{ "full is not too many",
	  "a@x.org,b@x.org",
	  { FULL TWO "C:DATA\n" OK OK "S:452 4.2.2 full\n" GO "D\n" OK },
	  "250 2.0.0,452 4.2.2" },

	/* LMTP */
	{ "LMTP",
	  "a@x.org,b@x.org,c@x.org",
	  { LFULL THREE "C:DATA\n" OK OK "S:550 5.1.1 no\n" OK GO
			"D\nS:250 2.0.0 a queued as A1\nS:452 4.2.2 c\n" },
	  "250 2.0.0,550 5.1.1,452 4.2.2",
	  .is_lmtp = TRUE },
	{ "LMTP, LHLO unknown",
	  "a@x.org",
	  { "S:220 mx\nC:LHLO\nS:500 what\nend" },
	  "451 4.4.1",
	  "LHLO",
	  .is_lmtp = TRUE },
	{ "LMTP, second answer missing",
	  "a@x.org,b@x.org",
	  { LFULL TWO "C:DATA\n" OK OK OK GO "D\n" OK "drop" },
	  "250 2.0.0,451 4.4.2",
	  .is_lmtp = TRUE,
	  .is_in_doubt = TRUE },

	/* greeting */
	{ "greeting 4xx", "a@x.org", { "S:450 4.3.2 busy\nend" }, "451 4.4.1", "450 4.3.2 busy" },
	{ "greeting 5xx", "a@x.org", { "S:554 5.0.0 no\nend" }, "451 4.4.1", "554 5.0.0 no" },
	{ "greeting 421", "a@x.org", { "S:421 4.3.2 busy\nend" }, "451 4.4.1", "421 4.3.2" },
	{ "greeting dropped", "a@x.org", { "drop" }, "451 4.4.2", "greeting" },
	{ "greeting stalled", "a@x.org", { "stall" }, "451 4.4.2", "greeting", .is_short = TRUE },
	{ "greeting garbage", "a@x.org", { "S:SSH-2.0-x\nend" }, "451 4.4.2", "not SMTP" },
	{ "greeting 354", "a@x.org", { "S:354 go\nend" }, "451 4.4.1" },

	/* EHLO */
	{ "EHLO 4xx", "a@x.org", { "S:220 mx\nC:EHLO\nS:451 4.3.0 no\nend" }, "451 4.4.1", "EHLO" },
	{ "EHLO 421", "a@x.org", { "S:220 mx\nC:EHLO\nS:421 4.3.0 no\nend" }, "451 4.4.1", "EHLO" },
	{ "EHLO and HELO 5xx",
	  "a@x.org",
	  { "S:220 mx\nC:EHLO\nS:550 5.0.0 no\nC:HELO\nS:550 5.0.0 never\nend" },
	  "451 4.4.1",
	  "HELO: 550 5.0.0 never" },
	{ "EHLO dropped", "a@x.org", { "S:220 mx\nC:EHLO\ndrop" }, "451 4.4.2", "EHLO" },
	{ "EHLO stalled",
	  "a@x.org",
	  { "S:220 mx\nC:EHLO\nS:250-mx\nstall" },
	  "451 4.4.2",
	  "EHLO",
	  .is_short = TRUE },
	{ "EHLO garbage",
	  "a@x.org",
	  { "S:220 mx\nC:EHLO\nS:250-mx\nS:251 x\nend" },
	  "451 4.4.2",
	  "EHLO" },

	/* MAIL */
	{ "MAIL 4xx",
	  "a@x.org",
	  { FULL ONE "S:451 4.3.0 later\nS:503 5.5.1 x\nS:503 5.5.1 x\nC:RSET\n" OK },
	  "451 4.3.0",
	  "later" },
	{ "MAIL 4xx, one by one",
	  "a@x.org",
	  { BARE "C:MAIL\nS:451 later\nC:RSET\nS:250 ok\n" },
	  "451 -" },
	{ "MAIL 4xx, yet 354",
	  "a@x.org",
	  { FULL ONE "S:451 4.3.0 later\nS:503 x\n" GO "C:.\r\nS:503 x\nC:RSET\n" OK },
	  "451 4.3.0",
	  .may_have_dot = TRUE },
	{ "MAIL 5xx",
	  "a@x.org,b@x.org",
	  { FULL TWO "S:552 5.3.4 size\nS:503 5.5.1 x\nS:503 5.5.1 x\nC:RSET\n" OK },
	  "552 5.3.4,552 5.3.4",
	  "size",
	  .is_smtp_caller = TRUE },
	{ "MAIL 5xx, then dropped", "a@x.org", { FULL ONE "S:550 5.7.1 no\ndrop" }, "550 5.7.1" },
	{ "MAIL 421", "a@x.org", { FULL ONE "S:421 4.3.2 bye\nend" }, "421 4.3.2" },
	{ "MAIL 354", "a@x.org", { FULL ONE "S:354 what\nend" }, "451 4.4.2", "unexpected" },
	{ "MAIL dropped", "a@x.org", { FULL ONE "drop" }, "451 4.4.2", "MAIL" },
	{ "MAIL stalled", "a@x.org", { FULL ONE "stall" }, "451 4.4.2", "MAIL", .is_short = TRUE },
	{ "MAIL garbage", "a@x.org", { FULL ONE "S:2x0 ok\nend" }, "451 4.4.2", "not SMTP" },

	/* RCPT */
	{ "RCPT 421",
	  "a@x.org,b@x.org",
	  { FULL TWO OK "S:421 4.3.2 bye\nend" },
	  "421 4.3.2,421 4.3.2",
	  .is_smtp_caller = TRUE },
	{ "RCPT 421 after a refusal",
	  "a@x.org,b@x.org",
	  { FULL TWO "C:DATA\n" OK "S:550 5.1.1 no\nS:421 4.3.2 bye\nend" },
	  "550 5.1.1,421 4.3.2" },
	{ "RCPT 354", "a@x.org", { FULL ONE OK "S:354 what\nend" }, "451 4.4.2", "unexpected" },
	{ "RCPT dropped", "a@x.org", { FULL ONE OK "drop" }, "451 4.4.2", "RCPT" },
	{ "RCPT dropped after acceptance",
	  "a@x.org,b@x.org",
	  { FULL TWO "C:DATA\n" OK OK "drop" },
	  "451 4.4.2,451 4.4.2",
	  "RCPT" },
	{ "RCPT stalled",
	  "a@x.org",
	  { FULL ONE OK "stall" },
	  "451 4.4.2",
	  "RCPT",
	  .is_short = TRUE },
	{ "RCPT garbage", "a@x.org", { FULL ONE OK "S:\nend" }, "451 4.4.2", "not SMTP" },

	/* DATA */
	{ "DATA 4xx", "a@x.org", { FULL ONE OK OK "S:451 4.3.0 later\nC:RSET\n" OK }, "451 4.3.0" },
	{ "DATA 5xx", "a@x.org", { FULL ONE OK OK "S:554 5.7.1 no\nC:RSET\n" OK }, "554 5.7.1" },
	{ "DATA 421", "a@x.org", { FULL ONE OK OK "S:421 4.3.0 bye\nend" }, "421 4.3.0" },
	{ "DATA 250",
	  "a@x.org",
	  { FULL ONE OK OK "S:250 2.0.0 what\nend" },
	  "451 4.4.2",
	  "unexpected" },
	{ "DATA dropped", "a@x.org", { FULL ONE OK OK "drop" }, "451 4.4.2", "DATA" },
	{ "DATA stalled",
	  "a@x.org",
	  { FULL ONE OK OK "stall" },
	  "451 4.4.2",
	  "DATA",
	  .is_short = TRUE },
	{ "DATA stalled, one by one",
	  "a@x.org",
	  { BARE "C:MAIL\nS:250 ok\nC:RCPT\nS:250 ok\nC:DATA\nstall" },
	  "451 4.4.2",
	  "DATA",
	  .is_short = TRUE },
	{ "DATA garbage", "a@x.org", { FULL ONE OK OK "S:hello\nend" }, "451 4.4.2", "not SMTP" },

	/* the mail */
	{ "big", "a@x.org", { FULL ONE OK OK GO "D\n" OK }, "250 2.0.0", .is_big = TRUE },
	{ "mail dropped",
	  "a@x.org",
	  { FULL ONE OK OK GO "B\ndrop" },
	  "451 4.4.2",
	  "sending the mail",
	  .is_big = TRUE },

	/* final dot */
	{ "dot 4xx",
	  "a@x.org",
	  { FULL ONE OK OK GO "D\nS:451 4.7.1 later\n" },
	  "451 4.7.1",
	  .may_have_dot = TRUE },
	{ "dot 5xx",
	  "a@x.org",
	  { FULL ONE OK OK GO "D\nS:554 5.7.1 spam\n" },
	  "554 5.7.1",
	  "spam",
	  .may_have_dot = TRUE },
	{ "dot 421",
	  "a@x.org",
	  { FULL ONE OK OK GO "D\nS:421 4.3.0 bye\nend" },
	  "421 4.3.0",
	  .may_have_dot = TRUE },
	{ "dot 354",
	  "a@x.org",
	  { FULL ONE OK OK GO "D\nS:354 more\nend" },
	  "451 4.4.2",
	  "may have been delivered",
	  .may_have_dot = TRUE,
	  .is_in_doubt = TRUE },
	{ "dot dropped",
	  "a@x.org",
	  { FULL ONE OK OK GO "D\ndrop" },
	  "451 4.4.2",
	  "may have been delivered",
	  .may_have_dot = TRUE,
	  .is_in_doubt = TRUE },
	{ "dot stalled",
	  "a@x.org",
	  { FULL ONE OK OK GO "D\nstall" },
	  "451 4.4.2",
	  "may have been delivered",
	  .is_short = TRUE,
	  .may_have_dot = TRUE,
	  .is_in_doubt = TRUE },
	{ "dot garbage",
	  "a@x.org",
	  { FULL ONE OK OK GO "D\nS:yes\nend" },
	  "451 4.4.2",
	  "may have been delivered",
	  .may_have_dot = TRUE,
	  .is_in_doubt = TRUE },
};
/* clang-format on */

static void
case_fill(const Case *item, Job *job)
{
	AmEnvelope *envelope = job->envelope;
	job_init(job, item->recipients,
		 item->is_big	      ? NULL
		 : item->mail != NULL ? item->mail
				      : MAIL);
	envelope = job->envelope;
	envelope->body = item->body;
	envelope->smtputf8 = item->smtputf8;
	envelope->envid = g_strdup(item->envid);
	envelope->ret = g_strdup(item->ret);
	job->transaction.sender = item->sender;
	job->transaction.is_smtp_caller = item->is_smtp_caller;
	for (guint i = 0; i < envelope->recipients->len; i++) {
		AmRecipient *recipient = envelope->recipients->pdata[i];
		recipient->notify = g_strdup(item->notify);
		recipient->orcpt = g_strdup(item->orcpt);
	}
}

static void
test_case(gconstpointer data)
{
	const Case *item = data;
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(item->scripts);
	AmSmtpPool *pool = make_pool(item->is_short ? SHORT_MS : LONG_MS);
	case_fill(item, &job);
	g_autofree char *replies = job_run(&job, peer, pool, item->is_lmtp ? "lmtp" : "smtp");
	const AmDelivery *first = job.transaction.deliveries->pdata[0];
	g_test_message("%s", first->reply->text);
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpstr(replies, ==, item->replies);
	if (item->text != NULL)
		g_assert_nonnull(strstr(first->reply->text, item->text));
	g_assert_cmpint(job.transaction.is_in_doubt, ==, item->is_in_doubt);
	if (strstr(replies, "250 ") == NULL && !item->may_have_dot)
		g_assert_null(strstr(peer->transcript->str, "\r\n.\r\n"));
	else if (item->mail == NULL && !item->is_big && peer->data->len > 0)
		g_assert_cmpstr(peer->data->str, ==, MAIL_STUFFED);
}

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *name = g_strconcat("/smtp-client/", cases[i].name, NULL);
		g_test_add_data_func(name, &cases[i], test_case);
	}
	return g_test_run();
}
