/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Parameters of MAIL and RCPT (RFC 5321 4.1.1.11), for all protocols that carry them. */

#include <glib.h>

#include "mail/envelope.h"
#include "mail/reply.h"

/* Parameters behind the path, separated by blanks, into the envelope or recipient.  NULL: all fine,
 * else the refusal; those before the bad one are taken. */
AmReply *am_server_mail_params(AmEnvelope *envelope, const char *text);
AmReply *am_server_rcpt_params(AmRecipient *recipient, gboolean is_utf8, const char *text);
