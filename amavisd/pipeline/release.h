/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Release from quarantine: a stored mail goes out by the release route, with Resent fields (RFC 5322
 * 3.6.6) on top and without the header it was stored with. */

#include <glib.h>

#include "config/config.h"
#include "mail/envelope.h"
#include "mail/release.h"
#include "mail/spool.h"
#include "plugin/registry.h"
#include "smtp/client.h"

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

/* The mail of that id; NULL with G_FILE_ERROR_NOENT when there is none. */
AmStoredMail *am_stored_mail_find(AmInstance *quarantine, const char *id, GError **error);
/* The secret it was stored with, to be freed; "" when it has none.  NULL with *error as above.  Costs
 * no listing. */
char *am_stored_mail_secret(AmInstance *quarantine, const char *id, GError **error);

typedef struct {
	const AmConfig *config; /* for [routes] */
	AmSmtpPool *pool;
	const char *hostname;
	const char *spool_directory;
	guint64 spool_memory;
} AmReleaseContext; /* borrowed */

typedef struct {
	AmEnvelope *envelope;  /* owned: to whom it went */
	GPtrArray *deliveries; /* AmDelivery, owned; in the envelope's order, each with its reply */
} AmReleased;

void am_released_free(AmReleased *released);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmReleased, am_released_free)

/* Sends it as the request says, to its recipients, or those of the mail who did not get it (all of
 * them when it does not say who); an abuse report only to the request's.  Secret and ids are not
 * looked at.  NULL: nothing was sent; PROTOCOL when that is the request's fault. */
AmReleased *am_release(const AmReleaseContext *context, AmInstance *quarantine,
		       const AmStoredMail *mail, const AmReleaseRequest *request, GError **error);
/* FALSE with the first refusal, the next hop's words; *is_temporary: a later try may succeed. */
gboolean am_released_judge(const AmReleased *released, gboolean *is_temporary, GError **error);

/* -- release-report.c -- */

/* What stands before and behind the mail in an abuse report. */
void am_release_report_compose(const AmStoredMail *mail, const AmEnvelope *envelope,
			       const char *hostname, GString *before, GString *behind);
/* "<a@example.org>, <b@example.org>" for a header; to be freed. */
char *am_release_format_recipients(const AmEnvelope *envelope);
/* Now, by RFC 5322 3.3; to be freed. */
char *am_release_format_date(void);
