/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* The envelope as a plain struct.  Every text that says "" when unknown is never NULL, so readers
 * need not ask. */

#include <config.h>

#include "mail/envelope.h"

#define ENVELOPE_BANK "AUTHENTICATED" /* the policy bank of mail whose client is known */

AmRecipient *
am_recipient_copy(const AmRecipient *recipient)
{
	AmRecipient *copy = g_new0(AmRecipient, 1);
	copy->address = g_strdup(recipient->address);
	copy->orcpt = g_strdup(recipient->orcpt);
	copy->notify = g_strdup(recipient->notify);
	return copy;
}

void
am_recipient_free(AmRecipient *recipient)
{
	if (recipient == NULL)
		return;
	g_free(recipient->address);
	g_free(recipient->orcpt);
	g_free(recipient->notify);
	g_free(recipient);
}

AmEnvelope *
am_envelope_new(void)
{
	AmEnvelope *envelope = g_new0(AmEnvelope, 1);
	envelope->recipients = g_ptr_array_new_with_free_func((GDestroyNotify)am_recipient_free);
	envelope->declared_size = -1;
	envelope->listener = g_strdup("");
	envelope->own_name = g_strdup("");
	envelope->protocol = g_strdup("");
	envelope->peer_address = g_strdup("");
	envelope->client_address = g_strdup("");
	envelope->client_name = g_strdup("");
	envelope->client_protocol = g_strdup("");
	envelope->client_source = g_strdup("");
	envelope->authenticated = g_strdup("");
	envelope->helo = g_strdup("");
	envelope->queue_id = g_strdup("");
	envelope->policy_banks = g_new0(char *, 1);
	return envelope;
}

void
am_envelope_reset(AmEnvelope *envelope)
{
	g_clear_pointer(&envelope->sender, g_free);
	g_clear_pointer(&envelope->ret, g_free);
	g_clear_pointer(&envelope->envid, g_free);
	g_clear_pointer(&envelope->auth, g_free);
	g_ptr_array_set_size(envelope->recipients, 0);
	envelope->body = AM_BODY_UNSPECIFIED;
	envelope->smtputf8 = FALSE;
	envelope->requires_tls = FALSE;
	envelope->is_prdr = FALSE;
	envelope->has_priority = FALSE;
	envelope->priority = 0;
	envelope->by_mode = '\0';
	envelope->by_trace = FALSE;
	envelope->by_us = 0;
	envelope->declared_size = -1;
	envelope->time_us = 0;
}

void
am_envelope_free(AmEnvelope *envelope)
{
	if (envelope == NULL)
		return;
	am_envelope_reset(envelope);
	g_ptr_array_unref(envelope->recipients);
	g_free(envelope->listener);
	g_free(envelope->own_name);
	g_free(envelope->protocol);
	g_free(envelope->peer_address);
	g_free(envelope->client_address);
	g_free(envelope->client_name);
	g_free(envelope->client_protocol);
	g_free(envelope->client_source);
	g_free(envelope->authenticated);
	g_free(envelope->helo);
	g_free(envelope->queue_id);
	g_strfreev(envelope->policy_banks);
	g_free(envelope);
}

void
am_envelope_set_authenticated(AmEnvelope *envelope, const char *name)
{
	g_free(envelope->authenticated);
	envelope->authenticated = g_strdup(name);
	if (*name == '\0' ||
	    g_strv_contains((const char *const *)envelope->policy_banks, ENVELOPE_BANK))
		return;
	guint n = g_strv_length(envelope->policy_banks);
	envelope->policy_banks = g_renew(char *, envelope->policy_banks, n + 2);
	envelope->policy_banks[n] = g_strdup(ENVELOPE_BANK);
	envelope->policy_banks[n + 1] = NULL;
}

gboolean
am_recipient_notify_has(const AmRecipient *recipient, const char *word)
{
	if (recipient->notify == NULL)
		return FALSE;
	g_auto(GStrv) words = g_strsplit(recipient->notify, ",", -1);
	return g_strv_contains((const char *const *)words, word);
}

AmRecipient *
am_envelope_add_recipient(AmEnvelope *envelope, const char *address)
{
	AmRecipient *recipient = g_new0(AmRecipient, 1);
	recipient->address = g_strdup(address);
	g_ptr_array_add(envelope->recipients, recipient);
	return recipient;
}
