/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* A request to send a mail out of quarantine, whoever makes it. */

#include <glib.h>

typedef enum {
	AM_RELEASE,         /* by the release route, with Resent fields */
	AM_RELEASE_REQUEUE, /* by the requeue route, as it came: to be checked once more */
	AM_RELEASE_REPORT,  /* inside an abuse report (RFC 5965), by the release route */
} AmReleaseKind;

/* All borrowed. */
typedef struct {
	AmReleaseKind kind;
	const char *const *ids;        /* it goes by one of these names, NULL-ended */
	gboolean needs_secret;         /* only who knows the mail's secret may have it out */
	const char *secret;            /* what he says it is; NULL: he does not say */
	const char *const *recipients; /* bare or in <>, NULL-ended; NULL or empty: its own */
	const char *sender;            /* instead of its own, bare or in <>; NULL: its own */
	const char *requested_by;      /* for Resent-From; NULL: us */
} AmReleaseRequest;
