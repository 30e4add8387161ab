/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Next hops that are no servers: a program, a file of batch SMTP, a mailbox.  What they are told and what
 * they answer is put as if it were SMTP, so that a route may mix both (see smtp/route.h). */

#include <glib.h>

#include "config/config.h"
#include "smtp/client.h"
#include "smtp/route.h"

typedef struct _AmOutputs AmOutputs; /* read-only once made, any thread */

/* Reads the groups [pipe NAME] and where the spool is; borrows config.  Problems are appended. */
AmOutputs *am_outputs_new(const AmConfig *config, const char *hostname, GPtrArray *problems);
void am_outputs_free(AmOutputs *outputs);

/* Delivers to the recipients of batch (AmDelivery without reply).  TRUE: each has its reply.  FALSE: nobody
 * has, nothing was delivered, *failure is a 4xx of ours, and the next hop of the route may try.  Whatever
 * fails before it is certain that all is on the disk leaves nothing behind. */
gboolean am_output_deliver(const AmOutputs *outputs, const AmHop *hop,
			   const AmSmtpTransaction *transaction, GPtrArray *batch,
			   AmReply **failure);
