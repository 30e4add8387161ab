/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */

#pragma once

/* Release from quarantine: a stored mail goes out by the release route, with Resent fields (RFC 5322
 * 3.6.6) on top and without the header it was stored with. */

#include <glib.h>

#include "config/config.h"
#include "plugin/registry.h"

typedef struct {
	char *id;
	char *category, *sender, *subject; /* sender in <> */
	char **recipients;                 /* in <> */
	char **blocked;                    /* those who did not get it; NULL or empty: not known */
	guint64 size;                      /* of the mail, without the header stored in front */
	gint64 time;
} AmStoredMail;

void am_stored_mail_free(AmStoredMail *mail);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmStoredMail, am_stored_mail_free)
/* Copies what a listing gives. */
AmStoredMail *am_stored_mail_new(const AmQuarantineItem *item);

typedef enum {
	AM_RELEASE,         /* by the release route, with Resent fields */
	AM_RELEASE_REQUEUE, /* by the requeue route, as it came: to be checked once more */
} AmReleaseKind;

/* Sends it to `recipients` (bare addresses, NULL-ended; NULL: those of its own
 * who did not get it, all of them when it does not say who).  *is_temporary: a later try
 * may succeed.  FALSE when any recipient was refused; the error quotes the next hop's words. */
gboolean am_release(const AmConfig *config, const AmInstance *quarantine, const AmStoredMail *mail,
		    AmReleaseKind kind, const char *const *recipients, gboolean *is_temporary,
		    GError **error);
