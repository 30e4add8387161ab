/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Bounces and notices.  A bounce is a delivery status notification (RFC 3464 in the multipart/report of RFC 6522) from us to
 * the sender of a mail, for the recipients that did not get it.  It names recipient and reason and
 * carries the header section of the mail, never its body: no malware goes back.
 * A notice tells an admin of a mail, and has the header section too. */

#include <glib.h>

#include "mail/mail.h"
#include "pipeline/deliver.h"
#include "policy/disposition.h"

/* Why the sender is not told of this recipient's failure (features R8), a constant; NULL when he is
 * to be told. */
const char *am_notify_suppression(const AmMail *mail, const AmDisposition *disposition);

/* Sends one DSN for all dispositions with wants_dsn that no rule suppresses, by the notify route
 * from the null sender; fills their dsn_suppressed ("" when it was sent).  *queue_id: the next
 * hop's id for it, "" when none was sent or known; to be freed.
 * FALSE: it could not be handed over for now; *failure is the 451 that must be the answer for the
 * whole mail (R6), to be freed.  A DSN refused for good is only logged. */
gboolean am_notify_dsn(const AmDeliverContext *context, const AmMail *mail,
		       GPtrArray *dispositions, char **queue_id, AmReply **failure);

/* Sends one DSN "relayed" (RFC 3461 5.2.3, 6.2.3) for all dispositions with wants_relayed, when the sender can
 * be told.  What fails is logged: the mail has been delivered. */
void am_notify_relayed(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions);

typedef enum {
	AM_NOTIFY_FAILED,
	AM_NOTIFY_RELAYED,
} AmNotifyKind;

/* The DSN itself, header and body with CRLF line ends, 7bit.  dispositions: those it is about. */
GString *am_notify_compose(const AmMail *mail, const char *hostname, AmNotifyKind kind,
			   GPtrArray *dispositions, GError **error);

/* The category for which policy acted on this recipient: what blocked the mail, MTA_ERROR when the
 * next hop refused it, else the main one. */
AmCategory am_notify_category(const AmDisposition *disposition);
/* Sends a notice to an admin's address by the notify route, from the null sender; what fails is
 * logged.  dispositions: those it is about, at least one; quarantine: where the mail is kept or "". */
void am_notify_admin(const AmDeliverContext *context, const AmMail *mail, const char *address,
		     GPtrArray *dispositions, const char *quarantine);
/* The notice itself, 7bit but for an address that is not. */
GString *am_notify_compose_admin(const AmMail *mail, const char *hostname, const char *address,
				 GPtrArray *dispositions, const char *quarantine, GError **error);
