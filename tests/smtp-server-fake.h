/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the tests of the SMTP server share: a session that takes every mail and notes it. */

#include <glib.h>

#include "smtp/server.h"

#define HELLO "EHLO client.example\r\n"
#define MAIL "MAIL FROM:<a@example.org>\r\n"
#define RCPT "RCPT TO:<b@example.net>\r\n"
#define START HELLO MAIL RCPT "DATA\r\n"
/* replies to START, greeting first; see fake_summarise() */
#define R_START "220 250 250:2.1.0 250:2.1.5 354 "

/* What the fake session saw. */
typedef struct {
	GString *mails; /* a line for each */
	guint64 total_bytes;
	guint begun, abandoned, taken;
	gboolean is_busy;  /* takes nothing now */
	gboolean is_proxy; /* may use XCLIENT */
	gboolean is_distrusted; /* may not use XFORWARD */
	gboolean is_quiet; /* does not look into mails */
} Fake;

extern const AmSmtpServerOps fake_ops; /* user: Fake */

AmSmtpServerConfig fake_config(gboolean is_lmtp, gboolean is_normalised);
/* What the server said: "code" or "code:enhanced" of each reply, blank between. */
char *fake_summarise(const GString *wire);
/* Appends what has arrived. */
void fake_receive(int peer, GString *wire);
/* Steps until it waits for input; FALSE when it is over. */
gboolean fake_step(AmSmtpServer *server, int peer, GString *wire);
