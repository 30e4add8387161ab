/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* AM.PDP, Amavis' policy delegation protocol, server side (version_server 2): a client that has a
 * mail in a file asks what is to become of it, or has mail released from quarantine.  See
 * docs/am-pdp.md.  A state machine fed by whatever has arrived (wire/server.h); it waits only while
 * the pipeline has the mail. */

#include <glib.h>

#include "mail/handback.h"
#include "mail/intake.h"
#include "mail/mail.h"
#include "mail/release.h"
#include "mail/reply.h"
#include "wire/server.h"
#include "wire/stream.h"

typedef enum {
	AM_PDP_RELEASE_SECRET, /* to who knows the mail's secret */
	AM_PDP_RELEASE_ANY,    /* to everybody who may connect */
	AM_PDP_RELEASE_NO,
} AmPdpRelease;

typedef struct {
	AmIntake intake;
	const char *const *mail_directories; /* where clients' mail files may be; NULL nowhere */
	AmPdpRelease release;
} AmPdpConfig; /* borrowed, outlives the server; one for each listener */

typedef struct {
	const AmHandbackOps *check; /* on_begin and on_abandon stand around a release, too */
	/* We deliver; takes mail.  Replies as AmSmtpServerOps.on_mail: one for all. */
	GPtrArray *(*on_deliver)(gpointer user, AmMail *mail);
	/* Out of quarantine: a reply (AmReply) for each recipient, at least one. */
	GPtrArray *(*on_release)(gpointer user, const AmReleaseRequest *request);
} AmPdpOps;

typedef struct _AmPdpServer AmPdpServer;

/* Takes the stream. */
AmPdpServer *am_pdp_server_new(AmStream *stream, const AmPdpConfig *config, const AmPdpOps *ops,
			       gpointer user);

/* For the session. */
extern const AmServerKind am_pdp_server_kind;
