/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* Copies and notices, when all is said about a mail but the answer.
 *
 * A copy is delivered like the mail itself, as dispositions of its own, so that a mailbox that is full
 * has no say in what becomes of the mail. */

#include <config.h>

#include "pipeline/copies.h"

#include <string.h>

#include "log/log.h"
#include "pipeline/notify.h"

/* Is the recipient to get it later, so that all of this comes again? */
static gboolean
copies_is_put_off(const AmDisposition *disposition)
{
	return disposition->destiny == AM_DESTINY_TEMPFAIL ||
	       (disposition->reply != NULL && am_reply_is_temporary(disposition->reply));
}

/* ---- copies ---- */

/* Takes over what `like` was delivered by; edits are borrowed until copies_free(). */
static AmDisposition *
copies_new(const AmDisposition *like, const char *address)
{
	AmRecipient *recipient = am_recipient_copy(like->recipient);
	g_free(recipient->address);
	recipient->address = g_strdup(address);
	g_clear_pointer(&recipient->orcpt, g_free);
	g_free(recipient->notify);
	recipient->notify = g_strdup("NEVER"); /* the sender does not know of it */
	AmDisposition *copy = am_disposition_new(recipient);
	copy->target = recipient;
	copy->edits = like->edits;
	g_free(copy->route);
	copy->route = g_strdup(like->route);
	return copy;
}

static void
copies_free(gpointer data)
{
	AmDisposition *copy = data;
	copy->edits = NULL;
	am_disposition_free(copy);
}

/* Addresses that have got the mail. */
static GHashTable *
copies_served(GPtrArray *dispositions)
{
	GHashTable *served = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		if (disposition->is_delivered)
			g_hash_table_add(served, disposition->target != NULL
							 ? disposition->target->address
							 : disposition->recipient->address);
	}
	return served;
}

static void
copies_deliver(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions)
{
	g_autoptr(GPtrArray) copies = g_ptr_array_new_with_free_func(copies_free);
	g_autoptr(GHashTable) served = copies_served(dispositions);
	for (guint i = 0; i < dispositions->len; i++) {
		const AmDisposition *disposition = dispositions->pdata[i];
		const char *address =
			disposition->settings != NULL ? disposition->settings->always_bcc : "";
		if (*address == '\0' || !disposition->is_delivered ||
		    !g_hash_table_add(served, (gpointer)address))
			continue;
		g_ptr_array_add(copies, copies_new(disposition, address));
	}
	if (copies->len > 0) /* each on his own, as with LMTP */
		am_deliver(context, mail, copies, TRUE);
	for (guint i = 0; i < copies->len; i++) {
		const AmDisposition *copy = copies->pdata[i];
		g_autofree char *said = am_reply_to_string(copy->reply);
		am_log(copy->is_delivered ? AM_LOG_INFO : AM_LOG_WARNING, mail->id,
		       "%s <%s>: %s", copy->is_delivered ? "copy to" : "no copy to",
		       copy->recipient->address, said);
	}
}

/* ---- notices ---- */

static const char *
copies_admin(const AmDisposition *disposition)
{
	if (disposition->settings == NULL || copies_is_put_off(disposition))
		return "";
	return disposition->settings->admin[am_notify_category(disposition)];
}

static void
copies_notify(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions,
	      const char *quarantine)
{
	g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < dispositions->len; i++) {
		const char *address = copies_admin(dispositions->pdata[i]);
		if (*address == '\0' || !g_hash_table_add(told, (gpointer)address))
			continue;
		g_autoptr(GPtrArray) about = g_ptr_array_new();
		for (guint j = i; j < dispositions->len; j++)
			if (strcmp(copies_admin(dispositions->pdata[j]), address) == 0)
				g_ptr_array_add(about, dispositions->pdata[j]);
		am_notify_admin(context, mail, address, about, quarantine);
	}
}

void
am_copies_send(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions,
	       const char *quarantine)
{
	copies_deliver(context, mail, dispositions);
	copies_notify(context, mail, dispositions, quarantine);
}
