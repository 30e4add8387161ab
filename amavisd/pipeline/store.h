/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Stage store: quarantine and archive. */

#include <glib.h>

#include "mail/mail.h"
#include "mail/reply.h"
#include "plugin/registry.h"
#include "policy/disposition.h"

/* Keeps a copy in every quarantine that some disposition (or its setting archive_quarantine) names,
 * once in each, for all recipients that name it.  *location: where, for the log, several separated
 * by blanks, "" nowhere; to be freed.  *n_stored counts the copies.  NULL: all is stored; else
 * the temporary refusal that must be the answer for the whole mail, and nothing may be delivered
 * (features R6); *error says why. */
AmReply *am_store(AmRegistry *registry, const AmMail *mail, GPtrArray *dispositions,
		  char **location, guint *n_stored, GError **error);

/* Fields of the header in front that are read again. */
#define AM_STORE_SIZE "X-Quarantine-Size: "
#define AM_STORE_SECRET "X-Quarantine-Secret: "

/* The fields put before a stored mail (amavisd-quarantine-file(5) lists them); recipients: of
 * AmDisposition.  To be freed. */
char *am_store_header(const AmMail *mail, const char *category, GPtrArray *dispositions);
