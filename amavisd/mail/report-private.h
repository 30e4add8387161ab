/* Copyright (C) 2026 the amavisd authors
 * SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
 */
#pragma once

/* Shared by report.c and report-codec.c. */

#include "mail/report.h"

/* Hangs a new part into the tree: sets parent, depth and path.  Takes it. */
void am_report_place_part(AmReport *report, AmReportPart *part, gint32 parent);
/* Takes a finding, or counts it as lost. */
void am_report_place_finding(AmReport *report, AmFinding *finding);
void am_report_free_field(AmHeaderField *field);
void am_report_free_part(AmReportPart *part);
void am_report_free_finding(AmFinding *finding);
void am_report_free_defect(AmHeaderDefect *defect);
void am_report_free_test(AmTest *test);
void am_report_free_failure(AmScanFailure *failure);
void am_report_free_scanner(AmScanTime *scanner);
