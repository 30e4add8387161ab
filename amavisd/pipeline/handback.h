/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Handing a mail back to a client that delivers by itself: one copy with one header for all who are
 * left in its envelope. */

#include "mail/handback.h"
#include "policy/disposition.h"

/* Chooses the header of the one copy, and for whom the client is to deliver it: those get the reply
 * 250 and is_delivered, so that am_deliver() serves the rest.  forward: text of the route that stands
 * for "by the client". */
void am_handback_assign(GPtrArray *dispositions, const char *forward, AmConflict conflict,
			AmHandback *handback);
/* When everybody has a reply; reply: what they come to (am_disposition_replies()).  A refusal takes
 * back what assign had given away. */
void am_handback_conclude(GPtrArray *dispositions, const AmReply *reply, AmHandback *handback);
