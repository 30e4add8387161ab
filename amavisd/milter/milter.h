/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The milter protocol, version 2 to 6, server side: the MTA hands over a mail piece by piece, and
 * is told what to change and what to answer its client.  A state machine fed by whatever has arrived
 * (wire/server.h); it waits only while the pipeline has the mail.
 *
 * There is no standard.  Numbers are those of libmilter's header mfdef.h; the meaning follows what
 * Postfix and sendmail do. */

#include <glib.h>

#include "mail/handback.h"
#include "mail/intake.h"
#include "mail/mail.h"
#include "mail/reply.h"
#include "wire/server.h"
#include "wire/stream.h"

typedef struct _AmMilterServer AmMilterServer;

/* Takes the stream. */
AmMilterServer *am_milter_server_new(AmStream *stream, const AmIntake *intake,
				     const AmHandbackOps *ops, gpointer user);

/* For the session. */
extern const AmServerKind am_milter_server_kind;
