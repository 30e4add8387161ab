/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* What others than the recipients get of a mail: copies (always_bcc) and notices (CAT_admin). */

#include <glib.h>

#include "mail/mail.h"
#include "pipeline/deliver.h"

/* For a mail that is done.  Each address that always_bcc of a recipient names gets what that
 * recipient was delivered, by the same route, once, unless it got the mail anyway; each that the
 * setting CAT_admin names gets a notice, CAT being the category that blocked the mail, else the main
 * one.  Recipients who are to be tried again count for neither.  Nothing here changes an answer:
 * what fails is only logged.  quarantine: where the mail is kept, "" nowhere. */
void am_copies_send(const AmDeliverContext *context, const AmMail *mail, GPtrArray *dispositions,
		    const char *quarantine);
