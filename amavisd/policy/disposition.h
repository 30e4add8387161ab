/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What is to happen for one recipient, and how it came to that. */

#include <glib.h>

#include "mail/edits.h"
#include "mail/mail.h"
#include "mail/reply.h"
#include "policy/settings.h"

typedef struct {
	const AmRecipient *recipient; /* of the envelope */
	AmRecipient *target;          /* to whom it is delivered (redirect, extension); owned */
	AmSettings *settings;         /* owned */
	AmCategorySet categories;
	AmCategory main_category;
	guint main_minor;
	AmCategory blocking; /* NONE: it is delivered */
	AmDestiny destiny;   /* PASS: delivered; what blocks otherwise */
	double score;        /* for this recipient; valid when the mail was scored */
	char *banned_rule;   /* label of the rule that matched, "" none */
	gint32 banned_part;  /* index of the part, -1 */
	char *reason;        /* in words, for reply and log: "virus: Eicar-Test-Signature" */
	AmEdits *edits;      /* owned */
	char *route;         /* owned; resolved text of the route */
	char *quarantine;    /* instance, "" none; owned */
	/* set while it is carried out */
	AmReply *reply;          /* owned: what we answer for this recipient */
	gboolean wants_dsn;      /* a DSN to the sender is due (bounce) */
	char *dsn_suppressed;    /* why none may be sent for this recipient, "" : one may */
	gboolean is_delivered;   /* next hop's 2xx */
	gboolean wants_relayed;  /* a DSN of success is due, and nobody after us sends one */
	char *next_hop;          /* "127.0.0.1:10025", "" none */
	char *queue_id_out;      /* next hop's, "" none */
} AmDisposition;

AmDisposition *am_disposition_new(const AmRecipient *recipient);
void am_disposition_free(AmDisposition *disposition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmDisposition, am_disposition_free)

/* One answer for many recipients (features R2), from each recipient's reply and destiny:
 * any 4xx: that 4xx; all discarded: 250; all discarded or rejected with at least one reject: that
 * 5xx (a next hop's own before ours); else 250, and every bounced, rejected or failed recipient gets
 * wants_dsn (R7).  With is_lmtp nothing is combined: *each* recipient's reply as it is, bounced ones
 * 250 (R3) with wants_dsn.  wants_dsn is set or cleared on each; whether a DSN that is wanted may be
 * sent says dsn_suppressed.  A recipient without a reply counts as 451 4.5.0; a refusal is the next
 * hop's own when the destiny is PASS.  Returns AmReply's: one, or one for each recipient. */
GPtrArray *am_disposition_replies(GPtrArray *dispositions, gboolean is_lmtp);

/* Why no DSN about a failure may be sent for this recipient (features R8, in that order), "" when one
 * may: NOTIFY, null sender, discarded, score above dsn_cutoff_level, bulk mail with bad content.
 * Constant text.  The judge fills dsn_suppressed with it. */
const char *am_disposition_dsn_obstacle(const AmDisposition *disposition, const AmMail *mail);
