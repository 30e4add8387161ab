/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the files of the AM.PDP server share. */

#include "ampdp/ampdp.h"
#include "ampdp/attributes.h"

struct _AmPdpServer {
	AmStream *stream;
	const AmPdpConfig *config;
	const AmPdpOps *ops;
	gpointer user;
	AmPdpRequest request;
	gboolean is_over;
};

/* -- answer.c: appends to out, without the empty line at the end -- */

void am_pdp_answer_begin(GString *out, const char *log_id); /* NULL: none */
void am_pdp_answer_reply(GString *out, const AmReply *reply);
/* A refusal of the whole request: setreply, return_value, exit_code. */
void am_pdp_answer_refusal(GString *out, const AmReply *reply);
/* The client delivers: what is to be changed, and the verdict.  recipients: as the client named
 * them, in the envelope's order. */
void am_pdp_answer_verdict(GString *out, const AmMail *mail, const AmHandback *handback,
			   const char *const *recipients);
/* We delivered, or did not. */
void am_pdp_answer_delivered(GString *out, const AmReply *reply);

/* -- check.c -- */

void am_pdp_check(AmPdpServer *server, GString *out);
