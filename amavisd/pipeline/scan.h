/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Stage scan: scanners that need the network or another program, side by side. */

#include <glib.h>

#include "mail/mail.h"
#include "plugin/registry.h"
#include "policy/policy.h"

/* The threads that help one pipeline thread; of that thread. */
typedef struct _AmScanCrew AmScanCrew;

/* registry is borrowed.  Threads are started when they are first needed. */
AmScanCrew *am_scan_crew_new(AmRegistry *registry);
void am_scan_crew_free(AmScanCrew *crew); /* waits for the threads to end; NULL is nothing */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AmScanCrew, am_scan_crew_free)

/* Asks every session scanner that some recipient wants asked, and adds what they say to
 * mail->report (not NULL): findings, tests, score, failures, times.  policy is asked for the
 * recipients' settings.  Scanners must keep deadline_us (monotonic) themselves: a thread cannot be
 * killed; one that does not is named in the log. */
void am_scan(AmScanCrew *crew, AmPolicyThread *policy, AmMail *mail, gint64 deadline_us);

/* Logs every scanner of mail->report that failed, in worker or session, and takes those out of its
 * failures whose failure is only to be logged: what stays makes the mail unchecked when policy
 * judges.  A scanner is required unless `required = no`; one that only scores (AM_CAP_SCORES) is so
 * when the configuration says it.  Returns those taken out, AmScanFailure, for
 * am_scan_put_back(). */
GPtrArray *am_scan_take_optional_failures(AmRegistry *registry, AmMail *mail);
/* The record names them all.  Takes failures. */
void am_scan_put_back(AmMail *mail, GPtrArray *failures);
