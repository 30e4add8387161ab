/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* The record of one mail, filled as it goes along the pipeline; from it come the log line, the JSON
 * event and the answer of `amavisctl scan --json` (docs/logging.md, docs/report.schema.json). */

#include <glib.h>

#include "mail/handback.h"
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
	GPtrArray *dispositions; /* owned, AmDisposition; NULL before judge */
	char *failure;           /* what went wrong on the way, "" nothing */
	char *quarantine_location; /* "" none */
	char *dsn_queue_id;      /* of the bounce we sent, "" none */
	GPtrArray *replies;      /* owned copies of the AmReply's sent; NULL: nothing was sent (try) */
	gint64 stage_us[AM_N_STAGES];
	gint64 total_us;
} AmRecord;

/* What became of a recipient. */
typedef enum {
	AM_OUTCOME_DELIVER,
	AM_OUTCOME_BOUNCE,
	AM_OUTCOME_REJECT,
	AM_OUTCOME_DISCARD,
	AM_OUTCOME_TEMPFAIL,
} AmOutcome;

AmRecord *am_record_new(AmMail *mail); /* takes mail */
void am_record_free(AmRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmRecord, am_record_free)
/* Adds to `failure`, "; " between. */
void am_record_add_failure(AmRecord *record, const char *text);

/* Of the recipient with that index of the envelope; before delivery: what is to become of him. */
AmOutcome am_record_outcome(const AmRecord *record, guint index);
const char *am_outcome_name(AmOutcome outcome); /* "deliver" ... */
/* "passed" all delivered, "blocked" none by policy or next hop, "partly", "tempfailed". */
const char *am_record_status(const AmRecord *record);
/* Highest main category over all recipients. */
AmCategory am_record_category(const AmRecord *record);

char *am_record_to_text(const AmRecord *record); /* key=value, one line */
/* Everything that is known. */
char *am_record_to_json(const AmRecord *record, gboolean pretty);
/* The same on one line, with what the client is to do (member `answer`). */
char *am_record_to_answer(const AmRecord *record, const AmHandback *handback);
/* Everything on one line for the log: at most AM_RECORD_EVENT_ITEMS of each list, `omitted` counts
 * the rest. */
#define AM_RECORD_EVENT_ITEMS 50u
char *am_record_to_event(const AmRecord *record);
/* 0 pass, 1 blocked for some recipient, 75 could not tell */
int am_record_exit_status(const AmRecord *record);
