/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the files of the milter server share. */

#include "mail/edits.h"
#include "milter/milter.h"
#include "milter/packet.h"

typedef enum {
	MILTER_START,	/* nothing agreed on */
	MILTER_SESSION, /* no mail under way */
	MILTER_MAIL,	/* between MAIL and the end of the mail */
	MILTER_OVER,
} MilterPhase;

struct _AmMilterServer {
	AmStream *stream;
	const AmIntake *intake;
	const AmHandbackOps *ops;
	gpointer user;
	MilterPhase phase;
	AmMilterPacket packet;
	guint32 actions;  /* agreed on: AM_MILTER_MAY_ */
	guint32 protocol; /* agreed on */

	/* the SMTP session */
	gboolean is_connected; /* one is under way */
	char *client_name, *client_address, *helo;
	GHashTable *session_macros; /* name to value; given at connect and HELO */

	/* the mail, while MILTER_MAIL */
	AmEnvelope *envelope;
	GPtrArray *recipients; /* as the MTA named them, with <>; in the envelope's order */
	GHashTable *mail_macros;
	AmSpool *spool;
	gboolean is_in_body;
	AmReply *failure; /* owned: what the end of the mail will be answered; NULL all is well */
	gint64 start_us;
};

/* -- milter-answer.c -- */

/* One packet with that data. */
void am_milter_say(AmMilterServer *server, char answer, gconstpointer data, gsize len);
/* Our own reply; falls back to reject or tempfail where it cannot be said so. */
void am_milter_say_reply(AmMilterServer *server, const AmReply *reply);
/* What is to be changed, and then the last word. */
void am_milter_say_verdict(AmMilterServer *server, const AmMail *mail, const AmHandback *handback);

/* -- milter-mail.c: the mail as it comes -- */

/* "" when the MTA gave none. */
const char *am_milter_macro(const AmMilterServer *server, const char *name);
void am_milter_keep_macros(AmMilterServer *server, AmMilterReader *reader);
/* FALSE: the packet makes no sense. */
gboolean am_milter_take_mail(AmMilterServer *server, AmMilterReader *reader);
gboolean am_milter_take_rcpt(AmMilterServer *server, AmMilterReader *reader);
gboolean am_milter_take_header(AmMilterServer *server, AmMilterReader *reader);
void am_milter_take_body(AmMilterServer *server, const guint8 *data, gsize len);
void am_milter_end_header(AmMilterServer *server);
void am_milter_end_mail(AmMilterServer *server); /* runs the pipeline and answers */
void am_milter_abandon(AmMilterServer *server);	 /* the mail under way, if there is one */
