/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The record of one mail, filled as it goes along the pipeline; from it come the log line, the JSON
 * event and the answer of `amavisctl scan --json` (docs/report.schema.json). */

#include <glib.h>

#include "mail/mail.h"
#include "policy/disposition.h"

typedef enum {
	AM_STAGE_RECEIVE,
	AM_STAGE_INSPECT,
	AM_STAGE_SCAN,
	AM_STAGE_JUDGE,
	AM_STAGE_STORE,
	AM_STAGE_DELIVER,
	AM_STAGE_NOTIFY,
	AM_N_STAGES,
} AmStage;

typedef struct {
	AmMail *mail;            /* owned */
	GPtrArray *dispositions; /* AmDisposition; NULL before judge */
	char *failure;           /* what went wrong on the way, "" nothing */
	char *quarantine_location; /* "" none */
	char *dsn_queue_id;      /* of the bounce we sent, "" none */
	GPtrArray *replies;      /* AmReply as sent; borrowed meaning: copies */
	gint64 stage_us[AM_N_STAGES];
	gint64 total_us;
} AmRecord;

AmRecord *am_record_new(AmMail *mail);
void am_record_free(AmRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmRecord, am_record_free)
char *am_record_to_text(const AmRecord *record); /* key=value, one line */
char *am_record_to_json(const AmRecord *record, gboolean pretty);
/* 0 pass, 1 blocked for some recipient, 75 could not tell */
int am_record_exit_status(const AmRecord *record);
