/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

/* What a client was promised and the next hop has to keep, and what the next hop says it takes:
 *
 * - REQUIRETLS (RFC 8689): only to a peer whose certificate was found good and that offers it; anything
 *   else is 550 5.7.30.
 * - MT-PRIORITY (RFC 6710): passed on where offered, dropped elsewhere (4.4 there).
 * - DELIVERBY (RFC 2852): passed on with the time that is left.  Mode R to a peer without it, or when
 *   the time is over, is a refusal (4.1.4 there); mode N goes on without.
 * - LIMITS (RFC 9422), a keyword of EHLO:
 *
 *     limits = "LIMITS" *( SP name [ "=" value ] )
 *
 *   RCPTMAX and RCPTDOMAINMAX split transactions, MAILMAX ends connections; a value that is no number
 *   above 0 is as if not there. */

#include <config.h>

#include "smtp/client-private.h"

#include <string.h>

#include "mail/address.h"

#define LIMIT_MAX 999999 /* RFC 9422 3: six digits */
#define BY_SECONDS_MAX 999999999

/* ---- promises ---- */

/* Seconds left, rounded down. */
static gint64
by_left(const AmEnvelope *envelope)
{
	gint64 left = envelope->by_us - g_get_monotonic_time();
	gint64 seconds = left / G_USEC_PER_SEC - (left % G_USEC_PER_SEC < 0 ? 1 : 0);
	return CLAMP(seconds, -BY_SECONDS_MAX, BY_SECONDS_MAX);
}

AmReply *
am_smtp_check_promises(const AmSmtpCommandContext *context, const AmEnvelope *envelope)
{
	if (envelope->requires_tls && !context->is_tls_verified)
		return am_reply_new(550, "5.7.30",
				    "REQUIRETLS: the next hop is not reached by verified TLS");
	if (envelope->requires_tls && (context->extensions & AM_SMTP_REQUIRETLS) == 0)
		return am_reply_new(550, "5.7.30", "the next hop does not offer REQUIRETLS");
	if (envelope->by_mode != 'R')
		return NULL;
	if (by_left(envelope) <= 0)
		return am_reply_new(554, "5.4.7", "the time to deliver (DELIVERBY) is over");
	if ((context->extensions & AM_SMTP_DELIVERBY) == 0)
		return am_reply_new(554, "5.3.3", "the next hop does not offer DELIVERBY");
	return NULL;
}

void
am_smtp_append_promises(const AmSmtpCommandContext *context, const AmEnvelope *envelope,
			GString *command)
{
	if (envelope->requires_tls)
		g_string_append(command, " REQUIRETLS");
	if (envelope->has_priority && (context->extensions & AM_SMTP_PRIORITY) != 0)
		g_string_append_printf(command, " MT-PRIORITY=%d", envelope->priority);
	if (envelope->by_mode == '\0' || (context->extensions & AM_SMTP_DELIVERBY) == 0)
		return;
	gint64 left = by_left(envelope);
	if (envelope->by_mode == 'R')
		left = MAX(left, 1); /* it was, when we looked */
	g_string_append_printf(command, " BY=%" G_GINT64_FORMAT ";%c%s", left, envelope->by_mode,
			       envelope->by_trace ? "T" : "");
}

/* ---- limits ---- */

static void
limits_take(AmSmtpLimits *limits, const char *word)
{
	const struct {
		const char *name;
		guint *value;
	} known[] = {
		{ "RCPTMAX=", &limits->recipients },
		{ "RCPTDOMAINMAX=", &limits->domains },
		{ "MAILMAX=", &limits->mails },
	};
	for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
		gsize len = strlen(known[i].name);
		guint64 value;
		if (g_ascii_strncasecmp(word, known[i].name, len) == 0 &&
		    g_ascii_string_to_unsigned(word + len, 10, 1, LIMIT_MAX, &value, NULL))
			*known[i].value = (guint)value;
	}
}

AmSmtpLimits
am_smtp_parse_limits(const char *text)
{
	AmSmtpLimits limits = { 0 };
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 1; lines[0] != NULL && lines[i] != NULL; i++) {
		if (g_ascii_strncasecmp(lines[i], "LIMITS ", strlen("LIMITS ")) != 0)
			continue;
		g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
		for (guint n = 1; words[n] != NULL; n++)
			limits_take(&limits, words[n]);
	}
	return limits;
}

gboolean
am_smtp_limits_allow(const AmSmtpLimits *limits, guint n_taken, GHashTable *domains,
		     const AmRecipient *recipient)
{
	if (limits->recipients > 0 && n_taken >= limits->recipients)
		return FALSE;
	if (limits->domains == 0)
		return TRUE;
	g_autofree char *domain = g_ascii_strdown(am_address_domain(recipient->address), -1);
	if (g_hash_table_size(domains) >= limits->domains && !g_hash_table_contains(domains, domain))
		return FALSE;
	g_hash_table_add(domains, g_steal_pointer(&domain));
	return TRUE;
}
