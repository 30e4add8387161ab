/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Stage deliver: hands a mail to the next hop for every recipient that is to get it.  Recipients
 * with equal sender, route and edits share one transaction (features O17). */

#include <glib.h>

#include "mail/mail.h"
#include "policy/disposition.h"
#include "smtp/client.h"
#include "smtp/route.h"

/* What delivering and notifying need; built once by the pipeline, read-only, any thread. */
typedef struct {
	AmSmtpPool *pool;       /* borrowed */
	const AmRoute *forward; /* borrowed: [routes] forward, where a disposition names none */
	const AmRoute *notify;  /* borrowed: [routes] notify, for bounces */
	const char *hostname;   /* borrowed: our name in Received and in DSNs */
} AmDeliverContext;

/* Delivers to each disposition that nothing blocks (destiny PASS) and that has no reply yet, and fills its reply (the next
 * hop's, embedded in ours: features O25), is_delivered, next_hop, queue_id_out; a failure adds the
 * category MTA_ERROR (minor 1 temporary, 2 rejected).  Every such disposition has a reply
 * afterwards.  Others are left as they are.
 *
 * With an SMTP client (is_lmtp FALSE), who hears one answer for all, a 4xx for one recipient is a
 * 4xx for the mail: when one is there already nothing is sent, and when one comes up the
 * transactions that remain are not begun, so that a repetition makes few duplicates (O19). */
void am_deliver(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions,
		gboolean is_lmtp);

/* The value of our Received field (RFC 5321 4.4), folded; to be freed.  recipient: internal form,
 * NULL when there are several. */
char *am_deliver_received(const AmMail *mail, const char *hostname, const char *recipient);
/* Wall-clock microseconds as RFC 5322 3.3 writes a date; to be freed. */
char *am_deliver_date(gint64 time_us);
