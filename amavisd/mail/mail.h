/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A mail: envelope, bytes, and in time its report. */

#include <glib.h>

#include "mail/envelope.h"
#include "mail/report.h"
#include "mail/spool.h"

#define AM_MAIL_ID_LEN 16 /* base64url, 96 bits from the kernel; starts with a letter or digit */

/* What becomes of a mail whose checks were not done in time. */
typedef enum {
	AM_LATE_POLICY,	   /* as of one whose checks failed: setting unchecked_on_failure */
	AM_LATE_TEMPFAIL,  /* 451 for all, whatever policy does about failures */
	AM_LATE_UNCHECKED, /* goes on, as unchecked */
} AmLate;

typedef struct {
	char id[AM_MAIL_ID_LEN + 1];
	char secret[AM_MAIL_ID_LEN + 1]; /* who knows it may have the mail released; made like an id */
	AmEnvelope *envelope; /* owned */
	AmSpool *spool;       /* owned, finished */
	AmReport *report;     /* owned; NULL until inspected, or when it could not be */
	gint64 arrival_us;    /* wall clock, g_get_real_time() */
	gint64 start_us;      /* monotonic, at MAIL; stages are timed from here */
	gint64 received_us;   /* monotonic, at the final dot */
	gint64 deadline_us;   /* monotonic: the reply must be out by then; 0: as configured */
	AmLate when_late;
	gboolean is_late; /* the time was up before the checks were done */
} AmMail;

/* Takes envelope and spool; makes the id. */
AmMail *am_mail_new(AmEnvelope *envelope, AmSpool *spool);
void am_mail_free(AmMail *mail);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmMail, am_mail_free)

/* Fills `id` (AM_MAIL_ID_LEN + 1 bytes). */
void am_mail_make_id(char *id);
