/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The client against a next hop that plays a script: every step answered well, badly and not at
 * all. */

#include <config.h>

#include <string.h>

#include "smtp/client-pool.h"
#include "smtp-peer.h"

#define SHORT_MS 150  /* where the peer stalls */
#define LONG_MS 10000 /* never reached */

#define MAIL "Subject: x\r\n\r\nbody\r\n.dot\r\n"
#define MAIL_STUFFED "Subject: x\r\n\r\nbody\r\n..dot\r\n"
#define BIG_BYTES (12u << 20) /* more than the socket's buffers hold */

/* hello with all there is, and with nothing */
#define FULL                                                                                       \
	"S:220 mx ESMTP\nC:EHLO me.example\r\nS:250-mx\nS:250-pipelining\nS:250-SIZE 100000000\n"  \
	"S:250-8BITMIME\nS:250-ENHANCEDSTATUSCODES\nS:250-DSN\nS:250 SMTPUTF8\n"
#define BARE "S:220 mx\nC:EHLO me.example\r\nS:250 mx\n"
#define LFULL "S:220 mx LMTP\nC:LHLO me.example\r\nS:250-mx\nS:250-PIPELINING\nS:250 8BITMIME\n"
#define OK "S:250 2.0.0 Ok\n"
#define GO "S:354 go ahead\n"
#define ONE "C:MAIL FROM:<s@x.org>\nC:RCPT TO:<a@x.org>\nC:DATA\r\n"
#define TWO "C:MAIL FROM:<s@x.org>\nC:RCPT TO:<a@x.org>\nC:RCPT TO:<b@x.org>\n"
#define THREE TWO "C:RCPT TO:<c@x.org>\n"
#define QUEUED "S:250 2.0.0 Ok: queued as 4XyZ\n"

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
	guint n_connections; /* 0: as many as there are scripts */
	const char *sender;
	AmBody body;
	gboolean smtputf8;
	const char *mail;
	const char *envid, *ret, *notify, *orcpt;
} Case;

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

static AmSmtpPool *
make_pool(guint ms)
{
	AmSmtpClientConfig config = {
		.connect_ms = LONG_MS,
		.command_ms = ms,
		.data_init_ms = ms,
		.data_block_ms = ms,
		.data_final_ms = ms,
		.quit_ms = LONG_MS,
		.keep_idle_ms = 60000,
		.keep_age_ms = 60000,
		.probe_ms = 60000,
		.keep_max = 2,
		.hostname = "me.example",
	};
	return am_smtp_pool_new(&config);
}

/* A mail and its envelope, ready to go. */
typedef struct {
	AmEnvelope *envelope;
	AmSmtpTransaction transaction;
	char *mail;
} Job;

static void
job_clear(Job *job)
{
	am_smtp_transaction_clear(&job->transaction);
	am_envelope_free(job->envelope);
	(void)close(job->transaction.fd);
	g_free(job->mail);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Job, job_clear)

static char *
make_big(void)
{
	g_autoptr(GString) text = g_string_new("Subject: big\r\n\r\n");
	while (text->len < BIG_BYTES)
		g_string_append(text, "A line as long as lines in mails are on the average.\r\n"
				      ".and a dot, for the client has to do something\r\n");
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
job_init(Job *job, const char *recipients, const char *mail)
{
	memset(job, 0, sizeof *job);
	g_auto(GStrv) addresses = g_strsplit(recipients, ",", -1);
	job->mail = mail != NULL ? g_strdup(mail) : make_big();
	job->envelope = am_envelope_new();
	g_free(job->envelope->sender);
	job->envelope->sender = g_strdup("s@x.org");
	job->transaction.envelope = job->envelope;
	job->transaction.deliveries =
		g_ptr_array_new_with_free_func((GDestroyNotify)am_delivery_free);
	for (char **address = addresses; *address != NULL; address++)
		g_ptr_array_add(
			job->transaction.deliveries,
			am_delivery_new(am_envelope_add_recipient(job->envelope, *address)));
	job->transaction.size = strlen(job->mail);
	job->transaction.fd = peer_make_mail(job->mail, strlen(job->mail));
	job->transaction.deadline_us = g_get_monotonic_time() + (gint64)LONG_MS * 3000;
}

static char *
job_replies(const Job *job)
{
	g_autoptr(GString) out = g_string_new(NULL);
	for (guint i = 0; i < job->transaction.deliveries->len; i++) {
		const AmDelivery *delivery = job->transaction.deliveries->pdata[i];
		g_assert_nonnull(delivery->reply);
		g_string_append_printf(out, "%s%d %s", i > 0 ? "," : "", delivery->reply->code,
				       delivery->reply->enhanced != NULL ? delivery->reply->enhanced
									 : "-");
	}
	return g_strdup(out->str);
}

static void
job_deliver(Job *job, AmSmtpPool *pool, const char *route_text)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(AmRoute) route = am_route_parse(route_text, &error);
	g_assert_no_error(error);
	am_smtp_deliver(pool, route, &job->transaction);
}

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
	g_autofree char *route = peer_route(peer, item->is_lmtp ? "lmtp" : "smtp");
	AmSmtpPool *pool = make_pool(item->is_short ? SHORT_MS : LONG_MS);
	case_fill(item, &job);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_autofree char *replies = job_replies(&job);
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

/* ---- what no table says ---- */

static void
test_big_is_whole(void)
{
	const char *const scripts[] = { FULL ONE OK OK GO "D\n" QUEUED, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", NULL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_auto(GStrv) parts = g_strsplit(job.mail, "\r\n.", -1);
	g_autofree char *expected = g_strjoinv("\r\n..", parts);
	g_assert_true(strcmp(peer->data->str, expected) == 0);
	g_assert_cmpstr(job.transaction.queue_id, ==, "4XyZ");
	g_autofree char *remote = am_smtp_remote("127.0.0.1", peer->port);
	g_assert_cmpstr(job.transaction.remote, ==, remote);
}

/* The next hop stops reading in the middle of the mail. */
static void
test_mail_stalled(void)
{
	const char *const scripts[] = { FULL ONE OK OK GO "hold", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(SHORT_MS);
	job_init(&job, "a@x.org", NULL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_autofree char *replies = job_replies(&job);
	g_assert_cmpstr(replies, ==, "451 4.4.2");
	g_assert_false(job.transaction.is_in_doubt);
	g_assert_null(strstr(peer->transcript->str, "\r\n.\r\n"));
}

/* The spool is shorter than it was said to be: what is missing must not become the end. */
static void
test_mail_cut(void)
{
	const char *const scripts[] = { FULL ONE OK OK GO "stall", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", MAIL);
	job.transaction.size += 10;
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_autofree char *replies = job_replies(&job);
	g_assert_cmpstr(replies, ==, "451 4.3.0");
	g_assert_null(strstr(peer->transcript->str, "\r\n.\r\n"));
}

static void
test_deadline(void)
{
	const char *const scripts[] = { FULL ONE OK OK "stall", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", MAIL);
	gint64 start = g_get_monotonic_time();
	job.transaction.deadline_us = start + 200 * 1000;
	job_deliver(&job, pool, route);
	g_assert_cmpint(g_get_monotonic_time() - start, <, 5000 * 1000);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_autofree char *replies = job_replies(&job);
	g_assert_cmpstr(replies, ==, "451 4.4.2");
}

static void
test_loop(void)
{
	const char *const scripts[] = { "drop", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(AmReport) report = am_report_new();
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(LONG_MS);
	report->n_received = 101;
	job_init(&job, "a@x.org,b@x.org", MAIL);
	job.transaction.report = report;
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_autofree char *replies = job_replies(&job);
	g_assert_cmpstr(replies, ==, "554 5.4.6,554 5.4.6");
	g_assert_cmpuint(peer->n_connections, ==, 0);
}

/* A long list goes in windows; each is answered only when it is complete. */
static void
test_window(void)
{
	g_autoptr(GString) script = g_string_new(FULL "C:MAIL\n");
	g_autoptr(GString) addresses = g_string_new(NULL);
	const guint n = 250;
	guint said = 0;
	for (guint i = 0; i < n; i++) {
		g_string_append_printf(addresses, "%sr%u@x.org", i > 0 ? "," : "", i);
		g_string_append_printf(script, "C:RCPT TO:<r%u@x.org>\n", i);
		if ((i + 2) % 100 != 0)
			continue;
		for (; said < i + 2; said++)
			g_string_append(script, OK);
	}
	g_string_append(script, "C:DATA\n");
	for (; said < n + 1; said++)
		g_string_append(script, OK);
	g_string_append(script, GO "D\n" OK);
	const char *const scripts[] = { script->str, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, addresses->str, MAIL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_assert_cmpstr(peer->failure, ==, NULL);
	for (guint i = 0; i < n; i++) {
		const AmDelivery *delivery = job.transaction.deliveries->pdata[i];
		g_assert_cmpint(delivery->reply->code, ==, 250);
	}
}

typedef struct {
	const char *name;
	const char *first;  /* script of the first hop; NULL: nobody listens there */
	gboolean is_second; /* the second one gets the mail */
	const char *replies;
} FailoverCase;

static const FailoverCase failover_cases[] = {
	{ "no connection", NULL, TRUE, "250 2.0.0" },
	{ "greeting 4xx", "S:450 no\nend", TRUE, "250 2.0.0" },
	{ "greeting 5xx", "S:554 no\nend", TRUE, "250 2.0.0" },
	{ "greeting dropped", "drop", TRUE, "250 2.0.0" },
	{ "EHLO refused", "S:220 mx\nC:EHLO\nS:550 no\nC:HELO\nS:550 no\nend", TRUE, "250 2.0.0" },
	{ "MAIL 4xx", FULL ONE "S:451 no\nS:503 x\nS:503 x\nC:RSET\n" OK, TRUE, "250 2.0.0" },
	{ "MAIL 421", FULL ONE "S:421 no\nend", TRUE, "250 2.0.0" },
	{ "MAIL dropped", FULL ONE "drop", TRUE, "250 2.0.0" },
	{ "MAIL 5xx", FULL ONE "S:550 5.7.1 no\nS:503 x\nS:503 x\nC:RSET\n" OK, FALSE,
	  "550 5.7.1" },
	{ "RCPT 4xx", FULL ONE OK "S:450 4.2.0 no\nS:503 x\nC:RSET\n" OK, FALSE, "450 4.2.0" },
	{ "RCPT dropped", FULL ONE OK "drop", FALSE, "451 4.4.2" },
	{ "DATA dropped", FULL ONE OK OK "drop", FALSE, "451 4.4.2" },
	{ "dot dropped", FULL ONE OK OK GO "D\ndrop", FALSE, "451 4.4.2" },
};

static void
test_failover(gconstpointer data)
{
	const FailoverCase *item = data;
	const char *const first_scripts[] = { item->first, NULL };
	const char *const second_scripts[] = { FULL ONE OK OK GO "D\n" OK, NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) first = peer_new(first_scripts);
	g_autoptr(Peer) second = peer_new(second_scripts);
	g_autofree char *route = g_strdup_printf(
		"smtp:[127.0.0.1]:%u,smtp:[127.0.0.1]:%u",
		item->first != NULL ? first->port : peer_closed_port(), second->port);
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org", MAIL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	peer_join(first);
	peer_join(second);
	g_autofree char *replies = job_replies(&job);
	g_assert_cmpstr(replies, ==, item->replies);
	g_assert_cmpuint(second->n_connections, ==, item->is_second ? 1 : 0);
	g_autofree char *remote =
		am_smtp_remote("127.0.0.1", item->is_second ? second->port : first->port);
	g_assert_cmpstr(job.transaction.remote, ==, remote);
}

static void
test_all_hops_fail(void)
{
	const char *const scripts[] = { "S:450 4.3.2 busy\nend", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = g_strdup_printf("smtp:[127.0.0.1]:%u,smtp:*:*,lmtp:[127.0.0.1]:%u",
						 peer_closed_port(), peer->port);
	AmSmtpPool *pool = make_pool(LONG_MS);
	job_init(&job, "a@x.org,b@x.org", MAIL);
	job_deliver(&job, pool, route);
	am_smtp_pool_free(pool);
	g_autofree char *replies = job_replies(&job);
	g_assert_cmpstr(replies, ==, "451 4.4.1,451 4.4.1");
}

/* ---- kept connections ---- */

typedef struct {
	const char *name;
	const char *scripts[3];
	guint probe_ms, keep_idle_ms, keep_age_ms, keep_max;
	guint wait_ms; /* between the mails */
	guint n_connections;
} KeepCase;

#define MAIL1 ONE OK OK GO "D\n" OK

static const KeepCase keep_cases[] = {
	{ "kept", { FULL MAIL1 MAIL1 "C:QUIT\r\nS:221 bye\nend" }, 60000, 60000, 60000, 2, 0, 1 },
	{ "probed", { FULL MAIL1 "C:NOOP\r\n" OK MAIL1 }, 0, 60000, 60000, 2, 0, 1 },
	{ "probe fails",
	  { FULL MAIL1 "C:NOOP\r\nS:421 bye\nend", FULL MAIL1 },
	  0,
	  60000,
	  60000,
	  2,
	  0,
	  2 },
	{ "probe dropped", { FULL MAIL1 "C:NOOP\r\ndrop", FULL MAIL1 }, 0, 60000, 60000, 2, 0, 2 },
	{ "idle too long",
	  { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", FULL MAIL1 },
	  60000,
	  20,
	  60000,
	  2,
	  40,
	  2 },
	{ "too old",
	  { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", FULL MAIL1 },
	  60000,
	  60000,
	  20,
	  2,
	  40,
	  2 },
	{ "not kept",
	  { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", FULL MAIL1 },
	  60000,
	  0,
	  60000,
	  2,
	  0,
	  2 },
	{ "none kept",
	  { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", FULL MAIL1 },
	  60000,
	  60000,
	  60000,
	  0,
	  0,
	  2 },
	{ "closed meanwhile", { FULL MAIL1 "drop", FULL MAIL1 }, 60000, 60000, 60000, 2, 40, 2 },
	{ "421 meanwhile",
	  { FULL MAIL1 "S:421 idle\ndrop", FULL MAIL1 },
	  60000,
	  60000,
	  60000,
	  2,
	  40,
	  2 },
	{ "closed at MAIL", { FULL MAIL1 ONE "drop", FULL MAIL1 }, 60000, 60000, 60000, 2, 0, 2 },
	{ "421 at MAIL",
	  { FULL MAIL1 ONE "S:421 idle\nend", FULL MAIL1 },
	  60000,
	  60000,
	  60000,
	  2,
	  0,
	  2 },
};

static void
test_keep(gconstpointer data)
{
	const KeepCase *item = data;
	const char *const *scripts = item->scripts;
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpClientConfig config = {
		.connect_ms = LONG_MS,
		.command_ms = LONG_MS,
		.data_init_ms = LONG_MS,
		.data_block_ms = LONG_MS,
		.data_final_ms = LONG_MS,
		.quit_ms = LONG_MS,
		.keep_idle_ms = item->keep_idle_ms,
		.keep_age_ms = item->keep_age_ms,
		.probe_ms = item->probe_ms,
		.keep_max = item->keep_max,
		.hostname = "me.example",
	};
	AmSmtpPool *pool = am_smtp_pool_new(&config);
	for (guint i = 0; i < 2; i++) {
		g_auto(Job) job = { .transaction.fd = -1 };
		if (i > 0)
			g_usleep(item->wait_ms * 1000);
		job_init(&job, "a@x.org", MAIL);
		job_deliver(&job, pool, route);
		g_autofree char *replies = job_replies(&job);
		g_assert_cmpstr(replies, ==, "250 2.0.0");
	}
	am_smtp_pool_free(pool);
	peer_join(peer);
	g_assert_cmpstr(peer->failure, ==, NULL);
	g_assert_cmpuint(peer->n_connections, ==, item->n_connections);
}

static void
test_expire(void)
{
	const char *const scripts[] = { FULL MAIL1 "C:QUIT\r\nS:221 bye\nend", NULL };
	g_auto(Job) job = { .transaction.fd = -1 };
	g_autoptr(Peer) peer = peer_new(scripts);
	g_autofree char *route = peer_route(peer, "smtp");
	AmSmtpClientConfig config = {
		.connect_ms = LONG_MS,
		.command_ms = LONG_MS,
		.data_init_ms = LONG_MS,
		.data_block_ms = LONG_MS,
		.data_final_ms = LONG_MS,
		.quit_ms = LONG_MS,
		.keep_idle_ms = 300,
		.keep_age_ms = 60000,
		.probe_ms = 60000,
		.keep_max = 2,
		.hostname = "me.example",
	};
	AmSmtpPool *pool = am_smtp_pool_new(&config);
	job_init(&job, "a@x.org", MAIL);
	job_deliver(&job, pool, route);
	am_smtp_pool_expire(pool); /* too early */
	g_usleep(320 * 1000);
	am_smtp_pool_expire(pool);
	peer_join(peer); /* would wait for ever had the connection stayed open */
	am_smtp_pool_free(pool);
}

/* ---- the pieces ---- */

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

int
main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/smtp-client/reply", test_reply);
	g_test_add_func("/smtp-client/reply-limits", test_reply_limits);
	g_test_add_func("/smtp-client/queue-id", test_queue_id);
	g_test_add_func("/smtp-client/extensions", test_extensions);
	g_test_add_func("/smtp-client/dot", test_dot);
	g_test_add_func("/smtp-client/dot-failure", test_dot_failure);
	g_test_add_func("/smtp-client/8bit", test_8bit);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *name = g_strconcat("/smtp-client/case/", cases[i].name, NULL);
		g_test_add_data_func(name, &cases[i], test_case);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(failover_cases); i++) {
		g_autofree char *name =
			g_strconcat("/smtp-client/failover/", failover_cases[i].name, NULL);
		g_test_add_data_func(name, &failover_cases[i], test_failover);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(keep_cases); i++) {
		g_autofree char *name = g_strconcat("/smtp-client/keep/", keep_cases[i].name, NULL);
		g_test_add_data_func(name, &keep_cases[i], test_keep);
	}
	g_test_add_func("/smtp-client/all-hops-fail", test_all_hops_fail);
	g_test_add_func("/smtp-client/expire", test_expire);
	g_test_add_func("/smtp-client/big-is-whole", test_big_is_whole);
	g_test_add_func("/smtp-client/mail-cut", test_mail_cut);
	g_test_add_func("/smtp-client/mail-stalled", test_mail_stalled);
	g_test_add_func("/smtp-client/deadline", test_deadline);
	g_test_add_func("/smtp-client/loop", test_loop);
	g_test_add_func("/smtp-client/window", test_window);
	return g_test_run();
}
