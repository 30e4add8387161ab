/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Words for a verdict; a part of the judge. */

#include <glib.h>

#include "policy/disposition.h"

/* Why the mail is of the category, "virus: Eicar-Test-Signature", one line; "" for clean.  failure:
 * why there is no report, or NULL.  To be freed. */
char *am_reason_text(const AmMail *mail, const AmDisposition *disposition, AmCategory category,
		     const char *failure);
/* The reply for a blocked recipient (features C4), text standing for the reason; NULL for one to whom
 * the mail is delivered: the next hop has the word. */
AmReply *am_reason_reply(const AmMail *mail, const AmDisposition *disposition, const char *text);
