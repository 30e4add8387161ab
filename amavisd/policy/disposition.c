/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Dispositions, and how the outcomes for several recipients become the answer to the client.
 *
 * SMTP has one reply for all recipients of a mail, so outcomes that differ have to be expressed
 * otherwise: what cannot be said by the reply is told the sender by a DSN.  A temporary failure of
 * one is one of all, since the client can only repeat the whole mail. */

#include <config.h>

#include "policy/disposition.h"

#include <string.h>

typedef enum {
	OUTCOME_DELIVERED,
	OUTCOME_TEMPORARY,
	OUTCOME_DISCARDED,
	OUTCOME_BOUNCED,
	OUTCOME_REJECTED,
} Outcome;

AmDisposition *
am_disposition_new(const AmRecipient *recipient)
{
	AmDisposition *disposition = g_new0(AmDisposition, 1);
	disposition->recipient = recipient;
	disposition->destiny = AM_DESTINY_PASS;
	disposition->banned_part = -1;
	disposition->banned_rule = g_strdup("");
	disposition->reason = g_strdup("");
	disposition->route = g_strdup("");
	disposition->quarantine = g_strdup("");
	disposition->dsn_suppressed = g_strdup("");
	disposition->next_hop = g_strdup("");
	disposition->queue_id_out = g_strdup("");
	return disposition;
}

void
am_disposition_free(AmDisposition *disposition)
{
	if (disposition == NULL)
		return;
	am_recipient_free(disposition->target);
	am_settings_free(disposition->settings);
	am_edits_free(disposition->edits);
	am_reply_free(disposition->reply);
	g_free(disposition->banned_rule);
	g_free(disposition->reason);
	g_free(disposition->route);
	g_free(disposition->quarantine);
	g_free(disposition->dsn_suppressed);
	g_free(disposition->next_hop);
	g_free(disposition->queue_id_out);
	g_free(disposition);
}

static Outcome
disposition_outcome(const AmDisposition *disposition)
{
	const AmReply *reply = disposition->reply;
	/* no verdict at all: nobody took the mail, so the client keeps it */
	if (reply == NULL || disposition->destiny == AM_DESTINY_TEMPFAIL ||
	    !(am_reply_is_success(reply) || am_reply_is_permanent(reply)))
		return OUTCOME_TEMPORARY;
	if (disposition->destiny == AM_DESTINY_DISCARD)
		return OUTCOME_DISCARDED;
	if (disposition->destiny == AM_DESTINY_BOUNCE)
		return OUTCOME_BOUNCED;
	return am_reply_is_success(reply) ? OUTCOME_DELIVERED : OUTCOME_REJECTED;
}

/* What the client hears when the outcome is the whole answer. */
static AmReply *
disposition_own_reply(const AmDisposition *disposition, Outcome outcome)
{
	const AmReply *reply = disposition->reply;
	gboolean is_success = reply != NULL && am_reply_is_success(reply);
	switch (outcome) {
	case OUTCOME_TEMPORARY:
		if (reply == NULL || !am_reply_is_temporary(reply))
			return am_reply_new(451, "4.5.0", "mail could not be processed");
		break;
	case OUTCOME_DISCARDED:
		if (!is_success)
			return am_reply_new(250, "2.7.0", "Ok, discarded");
		break;
	case OUTCOME_BOUNCED:
		if (!is_success)
			return am_reply_new(250, "2.5.0", "Ok, BOUNCE");
		break;
	case OUTCOME_DELIVERED:
	case OUTCOME_REJECTED:
		break;
	}
	return am_reply_copy(reply);
}

static AmReply *
disposition_first(GPtrArray *dispositions, Outcome wanted)
{
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		if (disposition_outcome(disposition) == wanted)
			return disposition_own_reply(disposition, wanted);
	}
	return NULL;
}

/* The next hop's own refusal before ours: it is news to the client's administrator. */
static AmReply *
disposition_best_refusal(GPtrArray *dispositions)
{
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		if (disposition_outcome(disposition) == OUTCOME_REJECTED &&
		    disposition->destiny == AM_DESTINY_PASS)
			return am_reply_copy(disposition->reply);
	}
	return disposition_first(dispositions, OUTCOME_REJECTED);
}

static AmReply *
disposition_combine(GPtrArray *dispositions)
{
	guint count[OUTCOME_REJECTED + 1] = { 0 };
	AmReply *reply;
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		disposition->wants_dsn = FALSE;
		count[disposition_outcome(disposition)]++;
	}
	if (dispositions->len == 0)
		return am_reply_new(250, "2.5.0", "Ok, no recipients");
	if (count[OUTCOME_TEMPORARY] > 0)
		return disposition_first(dispositions, OUTCOME_TEMPORARY);
	if (count[OUTCOME_DISCARDED] == dispositions->len)
		return disposition_first(dispositions, OUTCOME_DISCARDED);
	if (count[OUTCOME_DISCARDED] + count[OUTCOME_REJECTED] == dispositions->len)
		return disposition_best_refusal(dispositions);

	/* mixed: taken, and whoever did not get it is told of by a DSN */
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		Outcome outcome = disposition_outcome(disposition);
		disposition->wants_dsn = outcome == OUTCOME_BOUNCED || outcome == OUTCOME_REJECTED;
	}
	reply = disposition_first(dispositions, OUTCOME_DELIVERED);
	return reply != NULL ? reply : disposition_first(dispositions, OUTCOME_BOUNCED);
}

GPtrArray *
am_disposition_replies(GPtrArray *dispositions, gboolean is_lmtp)
{
	GPtrArray *replies = g_ptr_array_new_with_free_func((GDestroyNotify)am_reply_free);
	if (!is_lmtp) {
		g_ptr_array_add(replies, disposition_combine(dispositions));
		return replies;
	}
	for (guint i = 0; i < dispositions->len; i++) {
		AmDisposition *disposition = dispositions->pdata[i];
		Outcome outcome = disposition_outcome(disposition);
		disposition->wants_dsn = outcome == OUTCOME_BOUNCED;
		g_ptr_array_add(replies, disposition_own_reply(disposition, outcome));
	}
	return replies;
}

/* RFC 3461 4.1: NOTIFY is NEVER, or a list of SUCCESS, FAILURE, DELAY. */
static gboolean
disposition_may_notify(const AmRecipient *recipient)
{
	if (recipient->notify == NULL || *recipient->notify == '\0')
		return TRUE;
	return am_recipient_notify_has(recipient, "FAILURE");
}

static gboolean
disposition_is_bad_content(const AmDisposition *disposition)
{
	switch (disposition->main_category) {
	case AM_CATEGORY_BAD_HEADER:
	case AM_CATEGORY_SPAMMY:
	case AM_CATEGORY_SPAM:
	case AM_CATEGORY_UNCHECKED:
	case AM_CATEGORY_BANNED:
	case AM_CATEGORY_VIRUS:
		return TRUE;
	default:
		return FALSE;
	}
}

const char *
am_disposition_dsn_obstacle(const AmDisposition *disposition, const AmMail *mail)
{
	const AmReport *report = mail->report;
	if (!disposition_may_notify(disposition->recipient))
		return "NOTIFY without FAILURE";
	/* RFC 5321 6.1: never a notice about a notice */
	if (*mail->envelope->sender == '\0')
		return "null sender";
	if (disposition->destiny == AM_DESTINY_DISCARD)
		return "discarded";
	if (report == NULL)
		return "";
	if (report->is_scored && disposition->settings != NULL &&
	    disposition->score >= disposition->settings->dsn_cutoff_level)
		return "score above dsn_cutoff_level";
	/* RFC 3834 2: no automatic answers to lists and other automatic mail */
	if (report->is_bulk && disposition_is_bad_content(disposition))
		return "bulk mail";
	return "";
}
