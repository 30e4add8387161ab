/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Bounces: a delivery status notification (RFC 3464 in the multipart/report of RFC 6522) from us to
 * the sender of a mail, for the recipients that did not get it.  It names recipient and reason and
 * carries the header section of the mail, never its body: no malware goes back. */

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

/* The DSN itself, header and body with CRLF line ends, 7bit.  dispositions: those it is about. */
GString *am_notify_compose(const AmMail *mail, const char *hostname, GPtrArray *dispositions,
			   GError **error);
