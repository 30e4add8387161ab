/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The host side of the plugin API in the session process: what scanners and actions see there. */

#include <glib.h>

#include <amavisd/plugin.h>

#include "mail/mail.h"
#include "plugin/registry.h"
#include "policy/disposition.h"

/* One session scanner at work on one mail; used by one thread at a time. */
struct _AmScan {
	const AmMail *mail;
	AmInstance *instance;
	gint64 deadline_us;
	AmReport *result; /* owned: findings, tests and score of this scanner alone */
	gboolean is_ok;   /* it could tell */
	char *failure;    /* owned: why not */
	gint64 duration_us;
};

/* What all recipients' actions ask for; made when first asked for. */
typedef struct {
	const AmMail *mail;
	char *tests;   /* "NAME=points,..." */
	char *subject; /* raw */
	char *findings; /* "virus: Eicar; ..." */
} AmActionMail;

/* One action at work for one recipient. */
struct _AmAction {
	AmActionMail *shared;
	AmDisposition *disposition;
	GPtrArray *kept; /* of char *: texts handed out, valid for the call */
};

void am_action_mail_clear(AmActionMail *shared);
/* Fills the table: am_host_init() and the functions of scanners and actions over it. */
void am_pipeline_host_init(AmHost *host);
