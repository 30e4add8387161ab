/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#pragma once

/* A mail to be delivered by the SMTP client in tests, and what scripts of the peer are made of. */

#include <glib.h>

#include "smtp-peer.h"
#include "smtp/client.h"

#define SHORT_MS 150 /* where the peer stalls */

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

/* A mail and its envelope, ready to go. */
typedef struct {
	AmEnvelope *envelope;
	AmSmtpTransaction transaction;
	char *mail;
} Job;

void job_clear(Job *job);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Job, job_clear)
/* recipients: separated by commas.  mail NULL: a big one. */
void job_init(Job *job, const char *recipients, const char *mail);
/* "250 2.0.0,450 -": all replies.  To be freed. */
char *job_replies(const Job *job);
void job_deliver(Job *job, AmSmtpPool *pool, const char *route_text);

/* Delivers to the peer, over a route of that protocol, and waits for its end; pool is freed.  All replies,
 * to be freed. */
char *job_run(Job *job, Peer *peer, AmSmtpPool *pool, const char *protocol);

/* As peer_client_config() has it, with XFORWARD. */
AmSmtpPool *make_pool(guint ms);
