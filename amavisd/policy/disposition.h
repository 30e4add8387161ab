/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What is to happen for one recipient, and how it came to that. */

#include <glib.h>

#include "mail/edits.h"
#include "mail/envelope.h"
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
	char *dsn_suppressed;    /* why none is sent although the destiny is bounce, "" : sent */
	gboolean is_delivered;   /* next hop's 2xx */
	char *next_hop;          /* "127.0.0.1:10025", "" none */
	char *queue_id_out;      /* next hop's, "" none */
} AmDisposition;

AmDisposition *am_disposition_new(const AmRecipient *recipient);
void am_disposition_free(AmDisposition *disposition);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmDisposition, am_disposition_free)

/* One answer for many recipients (features R2), from each recipient's reply and destiny:
 * any 4xx: that 4xx; all discarded: 250; all discarded or rejected with at least one reject: that
 * 5xx (a next hop's own before ours); else 250, and every rejected or failed recipient gets
 * wants_dsn (R7).  With is_lmtp nothing is combined: *each* recipient's reply as it is, bounced ones
 * 250 (R3).  Returns AmReply's: one, or one for each recipient. */
GPtrArray *am_disposition_replies(GPtrArray *dispositions, gboolean is_lmtp);
