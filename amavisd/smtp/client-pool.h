/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What the SMTP client itself asks of the pool; others use smtp/client.h. */

#include "output/output.h"
#include "smtp/client-private.h"

/* A connection that has said EHLO: a kept one, unless is_fresh, or a new one; host and port are the hop's,
 * resolved.  NULL: *failure. */
AmSmtpConnection *am_smtp_pool_acquire(AmSmtpPool *pool, const AmHop *hop, const char *host,
				       guint16 port, gboolean is_fresh, gint64 deadline_us,
				       AmReply **failure);
/* Next hops that are no servers; NULL none. */
const AmOutputs *am_smtp_pool_outputs(const AmSmtpPool *pool);
/* Takes it: keeps it, or says QUIT, or just closes it when it is dropped. */
void am_smtp_pool_release(AmSmtpPool *pool, AmSmtpConnection *connection);
