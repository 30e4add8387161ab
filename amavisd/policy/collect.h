/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* From facts of the report to content categories; a part of the judge. */

#include <glib.h>

#include "mail/mail.h"
#include "policy/settings.h"

/* A failure that is not the mail's fault, but keeps us from vouching for it: no report, or a
 * required scanner failed. */
gboolean am_collect_has_failed(const AmMail *mail);
/* Adds what findings, failures and header defects make. */
void am_collect_categories(const AmMail *mail, const AmSettings *settings, AmCategorySet *set);
/* Category of one finding by the settings finding_categories and encrypted_mail_unchecked; NONE: it
 * makes none. */
AmCategory am_collect_finding_category(const AmReport *report, const AmSettings *settings,
				       const AmFinding *finding);
/* Does the defect count by header_tests?  And which minor of bad-header is it? */
gboolean am_collect_defect_counts(const AmMail *mail, const AmSettings *settings,
				  const AmHeaderDefect *defect);
guint am_collect_defect_minor(const AmHeaderDefect *defect);
